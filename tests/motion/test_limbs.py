"""Joint names of every scheme: the same skeleton under other names is the same body."""

import json
from pathlib import Path

import numpy as np
import pytest

from mwx import cli
from mwx.errors import MwxError
from mwx.motion import Reference, retarget_clip
from mwx.motion.clip import MotionClip
from mwx.motion.formats.bvh import read_bvh
from mwx.motion.roles import body_points, find_parts

# where each joint of the body stands [m], y up, and the joint it hangs on; * is the side
REST = {"root": ("", (0, 0, 0)), "pelvis": ("root", (0, 0.94, 0)),
        "hipjoint": ("pelvis", (0, 0.94, 0)), "hip": ("hipjoint", (0.09, 0.90, 0)),
        "hip2": ("hip", (0.09, 0.69, 0)), "knee": ("hip2", (0.09, 0.48, 0)),
        "ankle": ("knee", (0.09, 0.07, 0)), "toe": ("ankle", (0.09, 0.01, 0.14)),
        "toeend": ("toe", (0.09, 0.01, 0.2)), "spine": ("pelvis", (0, 1.04, 0)),
        "chest": ("spine", (0, 1.22, 0)), "neck": ("chest", (0, 1.44, 0)),
        "head": ("neck", (0, 1.56, 0)), "collar": ("chest", (0.04, 1.39, 0)),
        "shoulder": ("collar", (0.17, 1.39, 0)), "shoulder2": ("shoulder", (0.3, 1.39, 0)),
        "elbow": ("shoulder2", (0.45, 1.39, 0)), "wrist": ("elbow", (0.7, 1.39, 0)),
        "finger": ("wrist", (0.78, 1.39, 0.02)), "ik": ("root", (0.09, 0.07, 0.01))}
PARTS = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
LONG, LETTER, LOWER = ("Left", "Right"), ("L", "R"), ("l", "r")
# scheme -> how it writes sides, and its names of the joints it has
SCHEMES = {
    "LAFAN1, Perception Neuron": (LONG, {
        "pelvis": "Hips", "spine": "Spine", "chest": "Spine1", "neck": "Neck", "head": "Head",
        "hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot", "toe": "*Toe", "collar": "*Shoulder",
        "shoulder": "*Arm", "elbow": "*ForeArm", "wrist": "*Hand", "finger": "*HandThumb1"}),
    "MotionBuilder, with rolls": (LONG, {
        "root": "Reference", "pelvis": "Hips", "spine": "Spine", "chest": "Spine1", "neck": "Neck",
        "head": "Head", "hip": "*UpLeg", "hip2": "*UpLegRoll", "knee": "*Leg", "ankle": "*Foot",
        "toe": "*ToeBase", "collar": "*Shoulder", "shoulder": "*Arm", "shoulder2": "*ArmRoll",
        "elbow": "*ForeArm", "wrist": "*Hand", "finger": "*HandIndex1"}),
    "Mixamo": (LONG, {
        "pelvis": "mixamorig:Hips", "spine": "mixamorig:Spine", "chest": "mixamorig:Spine1",
        "neck": "mixamorig:Neck", "head": "mixamorig:Head", "hip": "mixamorig:*UpLeg",
        "knee": "mixamorig:*Leg", "ankle": "mixamorig:*Foot", "toe": "mixamorig:*ToeBase",
        "toeend": "mixamorig:*Toe_End", "collar": "mixamorig:*Shoulder",
        "shoulder": "mixamorig:*Arm", "elbow": "mixamorig:*ForeArm", "wrist": "mixamorig:*Hand",
        "finger": "mixamorig:*HandMiddle1"}),
    "snake case": (("left", "right"), {
        "pelvis": "hips", "spine": "spine", "chest": "chest", "neck": "neck", "head": "head",
        "hip": "*_up_leg", "knee": "*_leg", "ankle": "*_foot", "toe": "*_toe_base",
        "collar": "*_shoulder", "shoulder": "*_arm", "elbow": "*_fore_arm", "wrist": "*_hand"}),
    "Xsens, 100STYLE": (LONG, {
        "pelvis": "Hips", "spine": "Chest", "chest": "Chest2", "neck": "Neck", "head": "Head",
        "hip": "*Hip", "knee": "*Knee", "ankle": "*Ankle", "toe": "*Toe", "collar": "*Collar",
        "shoulder": "*Shoulder", "elbow": "*Elbow", "wrist": "*Wrist"}),
    "3ds Max, no collar bones": (LONG, {
        "pelvis": "Hips", "spine": "Chest", "neck": "Neck", "head": "Head", "hip": "*Hip",
        "knee": "*Knee", "ankle": "*Ankle", "shoulder": "*Shoulder", "elbow": "*Elbow",
        "wrist": "*Wrist"}),
    "MVN segments": (LONG, {
        "pelvis": "Pelvis", "spine": "L5", "chest": "T8", "neck": "Neck", "head": "Head",
        "hip": "*UpperLeg", "knee": "*LowerLeg", "ankle": "*Foot", "toe": "*Toe",
        "collar": "*Shoulder", "shoulder": "*UpperArm", "elbow": "*ForeArm", "wrist": "*Hand"}),
    "MVN joints": (LONG, {
        "pelvis": "Pelvis", "spine": "jL5S1", "chest": "jT9T8", "neck": "jC1Neck", "head": "Head",
        "hip": "j*Hip", "knee": "j*Knee", "ankle": "j*Ankle", "toe": "j*BallFoot",
        "collar": "j*C7Shoulder", "shoulder": "j*Shoulder", "elbow": "j*Elbow",
        "wrist": "j*Wrist"}),
    "Unreal": (LOWER, {
        "root": "root", "pelvis": "pelvis", "spine": "spine_01", "chest": "spine_02",
        "neck": "neck_01", "head": "head", "hip": "thigh_*", "knee": "calf_*", "ankle": "foot_*",
        "toe": "ball_*", "collar": "clavicle_*", "shoulder": "upperarm_*",
        "shoulder2": "upperarm_twist_01_*", "elbow": "lowerarm_*", "wrist": "hand_*",
        "finger": "index_01_*", "ik": "ik_foot_*"}),
    "3ds Max Biped": (LETTER, {
        "root": "Bip01", "pelvis": "Bip01 Pelvis", "spine": "Bip01 Spine", "chest": "Bip01 Spine1",
        "neck": "Bip01 Neck", "head": "Bip01 Head", "hip": "Bip01 * Thigh", "knee": "Bip01 * Calf",
        "ankle": "Bip01 * Foot", "toe": "Bip01 * Toe0", "toeend": "Bip01 * Toe0Nub",
        "collar": "Bip01 * Clavicle", "shoulder": "Bip01 * UpperArm", "elbow": "Bip01 * Forearm",
        "wrist": "Bip01 * Hand", "finger": "Bip01 * Finger0"}),
    "Source": (LETTER, {
        "pelvis": "ValveBiped.Bip01_Pelvis", "spine": "ValveBiped.Bip01_Spine",
        "chest": "ValveBiped.Bip01_Spine4", "neck": "ValveBiped.Bip01_Neck1",
        "head": "ValveBiped.Bip01_Head1", "hip": "ValveBiped.Bip01_*_Thigh",
        "knee": "ValveBiped.Bip01_*_Calf", "ankle": "ValveBiped.Bip01_*_Foot",
        "toe": "ValveBiped.Bip01_*_Toe0", "collar": "ValveBiped.Bip01_*_Clavicle",
        "shoulder": "ValveBiped.Bip01_*_UpperArm", "elbow": "ValveBiped.Bip01_*_Forearm",
        "wrist": "ValveBiped.Bip01_*_Hand"}),
    "Rokoko": (LONG, {
        "pelvis": "Hips", "spine": "Spine", "chest": "Spine2", "neck": "Neck", "head": "Head",
        "hip": "*Thigh", "knee": "*Shin", "ankle": "*Foot", "toe": "*Toe", "toeend": "*ToeTip",
        "collar": "*Shoulder", "shoulder": "*Arm", "elbow": "*ForeArm", "wrist": "*Hand"}),
    "Motive": (LETTER, {
        "pelvis": "Skeleton1:Hip", "spine": "Skeleton1:Ab", "chest": "Skeleton1:Chest",
        "neck": "Skeleton1:Neck", "head": "Skeleton1:Head", "hip": "Skeleton1:*Thigh",
        "knee": "Skeleton1:*Shin", "ankle": "Skeleton1:*Foot", "toe": "Skeleton1:*Toe",
        "collar": "Skeleton1:*Shoulder", "shoulder": "Skeleton1:*UArm",
        "elbow": "Skeleton1:*FArm", "wrist": "Skeleton1:*Hand"}),
    "cgspeed's CMU": (LONG, {
        "pelvis": "Hips", "spine": "LowerBack", "chest": "Spine1", "neck": "Neck", "head": "Head",
        "hipjoint": "*HipJoint", "hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot",
        "toe": "*ToeBase", "collar": "*Shoulder", "shoulder": "*Arm", "elbow": "*ForeArm",
        "wrist": "*Hand", "finger": "*FingerBase"}),
    "CMU's bones by their near ends": (LOWER, {
        "pelvis": "root", "spine": "lowerback", "chest": "thorax", "neck": "lowerneck",
        "head": "head", "hipjoint": "*hipjoint", "hip": "*femur", "knee": "*tibia",
        "ankle": "*foot", "toe": "*toes", "collar": "*clavicle", "shoulder": "*humerus",
        "elbow": "*radius", "wrist": "*wrist", "finger": "*fingers"}),
    "Vicon": (LETTER, {
        "pelvis": "Pelvis", "spine": "Thorax", "neck": "Neck", "head": "Head", "hip": "*Femur",
        "knee": "*Tibia", "ankle": "*Foot", "toe": "*Toes", "collar": "*Clavicle",
        "shoulder": "*Humerus", "elbow": "*Radius", "wrist": "*Hand"}),
    "Bandai-Namco": (LETTER, {
        "root": "joint_Root", "pelvis": "Hips", "spine": "Spine", "chest": "Chest", "neck": "Neck",
        "head": "Head", "hip": "UpperLeg_*", "knee": "LowerLeg_*", "ankle": "Foot_*",
        "toe": "Toes_*", "collar": "Shoulder_*", "shoulder": "UpperArm_*", "elbow": "LowerArm_*",
        "wrist": "Hand_*"}),
    "VRM": (("left", "right"), {
        "pelvis": "hips", "spine": "spine", "chest": "upperChest", "neck": "neck", "head": "head",
        "hip": "*UpperLeg", "knee": "*LowerLeg", "ankle": "*Foot", "toe": "*Toes",
        "collar": "*Shoulder", "shoulder": "*UpperArm", "elbow": "*LowerArm", "wrist": "*Hand"}),
    "VRoid": (LETTER, {
        "root": "Root", "pelvis": "J_Bip_C_Hips", "spine": "J_Bip_C_Spine",
        "chest": "J_Bip_C_UpperChest", "neck": "J_Bip_C_Neck", "head": "J_Bip_C_Head",
        "hip": "J_Bip_*_UpperLeg", "knee": "J_Bip_*_LowerLeg", "ankle": "J_Bip_*_Foot",
        "toe": "J_Bip_*_ToeBase", "collar": "J_Bip_*_Shoulder", "shoulder": "J_Bip_*_UpperArm",
        "elbow": "J_Bip_*_LowerArm", "wrist": "J_Bip_*_Hand"}),
    "Rigify": (LETTER, {
        "pelvis": "DEF-spine", "spine": "DEF-spine.001", "chest": "DEF-spine.003",
        "neck": "DEF-neck", "head": "DEF-spine.006", "hip": "DEF-thigh.*",
        "hip2": "DEF-thigh.*.001", "knee": "DEF-shin.*", "ankle": "DEF-foot.*", "toe": "DEF-toe.*",
        "collar": "DEF-shoulder.*", "shoulder": "DEF-upper_arm.*",
        "shoulder2": "DEF-upper_arm.*.001", "elbow": "DEF-forearm.*", "wrist": "DEF-hand.*"}),
    "MakeHuman": (LETTER, {
        "pelvis": "root", "spine": "spine05", "chest": "spine01", "neck": "neck01", "head": "head",
        "hipjoint": "pelvis.*", "hip": "upperleg01.*", "hip2": "upperleg02.*",
        "knee": "lowerleg01.*", "ankle": "foot.*", "toe": "toe1-1.*", "collar": "clavicle.*",
        "shoulder": "upperarm01.*", "shoulder2": "upperarm02.*", "elbow": "lowerarm01.*",
        "wrist": "wrist.*"}),
    "Poser, Second Life": (LOWER, {
        "pelvis": "hip", "spine": "abdomen", "chest": "chest", "neck": "neck", "head": "head",
        "hipjoint": "*Buttock", "hip": "*Thigh", "knee": "*Shin", "ankle": "*Foot", "toe": "*Toe",
        "collar": "*Collar", "shoulder": "*Shldr", "elbow": "*ForeArm", "wrist": "*Hand"}),
    "Daz": (LOWER, {
        "root": "hip", "pelvis": "pelvis", "spine": "abdomenLower", "chest": "chestLower",
        "neck": "neckLower", "head": "head", "hip": "*ThighBend", "hip2": "*ThighTwist",
        "knee": "*Shin", "ankle": "*Foot", "toe": "*Toe", "collar": "*Collar",
        "shoulder": "*ShldrBend", "shoulder2": "*ShldrTwist", "elbow": "*ForearmBend",
        "wrist": "*Hand"}),
    "Second Life, Bento": (LONG, {
        "pelvis": "mPelvis", "spine": "mTorso", "chest": "mChest", "neck": "mNeck",
        "head": "mHead", "hip": "mHip*", "knee": "mKnee*", "ankle": "mAnkle*", "toe": "mFoot*",
        "collar": "mCollar*", "shoulder": "mShoulder*", "elbow": "mElbow*", "wrist": "mWrist*"}),
    "Character Creator": (LETTER, {
        "pelvis": "CC_Base_Hip", "spine": "CC_Base_Waist", "chest": "CC_Base_Spine01",
        "neck": "CC_Base_NeckTwist01", "head": "CC_Base_Head", "hip": "CC_Base_*_Thigh",
        "knee": "CC_Base_*_Calf", "ankle": "CC_Base_*_Foot", "toe": "CC_Base_*_ToeBase",
        "collar": "CC_Base_*_Clavicle", "shoulder": "CC_Base_*_Upperarm",
        "elbow": "CC_Base_*_Forearm", "wrist": "CC_Base_*_Hand"}),
    "DeepMotion": (LOWER, {
        "pelvis": "hips_JNT", "spine": "spine_JNT", "chest": "spine1_JNT", "neck": "neck_JNT",
        "head": "head_JNT", "hip": "*_upleg_JNT", "knee": "*_leg_JNT", "ankle": "*_foot_JNT",
        "toe": "*_toebase_JNT", "collar": "*_shoulder_JNT", "shoulder": "*_arm_JNT",
        "elbow": "*_forearm_JNT", "wrist": "*_hand_JNT"}),
    "SMPL": (LETTER, {
        "pelvis": "Pelvis", "spine": "Spine1", "chest": "Spine3", "neck": "Neck", "head": "Head",
        "hip": "*_Hip", "knee": "*_Knee", "ankle": "*_Ankle", "toe": "*_Foot",
        "collar": "*_Collar", "shoulder": "*_Shoulder", "elbow": "*_Elbow", "wrist": "*_Wrist",
        "finger": "*_Hand"}),
    "Kinect": (LONG, {
        "pelvis": "SpineBase", "chest": "SpineMid", "neck": "Neck", "head": "Head", "hip": "Hip*",
        "knee": "Knee*", "ankle": "Ankle*", "toe": "Foot*", "shoulder": "Shoulder*",
        "elbow": "Elbow*", "wrist": "Wrist*", "finger": "Hand*"}),
    "legs that begin with Leg": (LONG, {
        "pelvis": "Hips", "spine": "Spine", "neck": "Neck", "head": "Head", "hip": "*Leg",
        "knee": "*Knee", "ankle": "*Foot", "collar": "*Collar", "shoulder": "*Shoulder",
        "elbow": "*Arm", "wrist": "*Hand"}),
}


def skeleton(scheme: str) -> tuple[list[str], list[str], dict[str, str]]:
    """Return a scheme's joints, parents before children, their parents, and joint -> name."""
    sides, words = SCHEMES[scheme]
    joints = [(f"{side}_{j}" if "*" in words[j] else j) for j in REST if j in words
              for side in (("left", "right") if "*" in words[j] else ("",))]
    names = {joint: words[joint.split("_")[-1]].replace("*", sides[joint.startswith("right")])
             for joint in joints}
    parents = []
    for joint in joints:
        side, _, plain = joint.rpartition("_")
        above = REST[plain][0]
        while above and above not in names and f"{side}_{above}" not in names:
            above = REST[above][0]
        parents.append(f"{side}_{above}" if f"{side}_{above}" in names else above)
    return joints, parents, names


def place(joint: str) -> np.ndarray:
    point = np.array(REST[joint.split("_")[-1]][1], float)
    return point * [-1, 1, 1] if joint.startswith("right") else point


def bvh(scheme: str) -> str:
    """Return a file of the scheme in which every part turns, the same way in all schemes."""
    joints, parents, names = skeleton(scheme)
    order: list[str] = []
    lines = ["HIERARCHY"]

    def write(joint: str) -> None:
        order.append(joint)
        above = parents[joints.index(joint)]
        offset = place(joint) - (place(above) if above else place(joint))
        lines.extend([f"{'JOINT' if above else 'ROOT'} {names[joint]}", "{",
                      "OFFSET {} {} {}".format(*(100 * offset)),
                      "CHANNELS 3 Zrotation Xrotation Yrotation" if above else
                      "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"])
        below = [j for j, p in zip(joints, parents, strict=True) if p == joint]
        for child in below:
            write(child)
        lines.extend([] if below else ["End Site", "{", "OFFSET 0 0 2", "}"])
        lines.append("}")

    write(joints[0])
    rows = []
    for t in range(12):
        numbers = list(100 * place(joints[0]) + np.array([0, 0, 2 * t]))
        for joint in order:
            turns = joint.split("_")[-1] in ("hip", "knee", "shoulder", "elbow")
            numbers += [0, (2 + len(joint)) * np.sin(t / 3) if turns else 0, 0]
        rows.append(" ".join(f"{x:.6f}" for x in numbers))
    return "\n".join([*lines, "MOTION", f"Frames: {len(rows)}", "Frame Time: 0.033333", *rows, ""])


def read(path, scheme: str, **options) -> MotionClip:
    (path / "scheme.bvh").write_text(bvh(scheme))
    return read_bvh(path / "scheme.bvh", **options)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Return part -> (T, 3) of the body whose names were always known."""
    return body_points(read(tmp_path_factory.mktemp("known"), "LAFAN1, Perception Neuron"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_the_same_body(scheme: str, known: dict, tmp_path) -> None:
    joints, _, names = skeleton(scheme)
    clip = read(tmp_path, scheme)
    written = dict(zip(clip.names, read_names(tmp_path / "scheme.bvh"), strict=True))
    found = {part: written[clip.names[i]]
             for part, i in find_parts(clip.names, clip.parents, clip.positions_w).items()}
    expected = {part: names[part] for part in (f"{s}_{p}" for s in ("left", "right") for p in PARTS)
                if part in joints}
    assert {part: found.get(part) for part in expected} == expected
    assert found["pelvis"] == names["pelvis"]
    assert not any(part.endswith("toe") for part in found.keys() - expected.keys())
    for part, points in body_points(clip).items():
        if part != "neck":
            np.testing.assert_allclose(points, known[part], atol=1e-6)


def read_names(path) -> list[str]:
    """Return the names of a file's joints and end sites as it writes them."""
    names: list[str] = []
    for line in path.read_text().splitlines():
        kind, _, name = line.partition(" ")
        if kind in ("ROOT", "JOINT"):
            names.append(name)
        elif line == "End Site":
            names.append(f"{names[-1]}_End")
    return names


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return joint -> part of the scheme "nameless", that is Xsens' with names that say nothing."""
    sides, words = SCHEMES["Xsens, 100STYLE"]
    monkeypatch.setitem(SCHEMES, "nameless", (sides, {
        j: f"*Bone{i}" if "*" in w else f"Bone{i}" for i, (j, w) in enumerate(words.items())}))
    joints, _, names = skeleton("nameless")
    return {names[j]: j for j in joints if j.split("_")[-1] in PARTS or j == "pelvis"}


def test_names_without_a_meaning_are_told(known: dict, told: dict, tmp_path) -> None:
    for part, points in body_points(read(tmp_path, "nameless", told=told)).items():
        np.testing.assert_allclose(points, known[part], atol=1e-6)
    message = r"no point plays pelvis, left_hip, right_hip; .*=pelvis"
    with pytest.raises(MwxError, match=message) as error:
        body_points(read(tmp_path, "nameless", told={
            name: part for name, part in told.items() if not part.endswith(("hip", "pelvis"))}))
    assert "ankle=" not in str(error.value).rpartition("Say")[2]


@pytest.mark.parametrize("kind", ["options", "lines", "JSON", "both", "key points"])
def test_the_verb_takes_what_is_told(kind: str, told: dict, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    clip = read(tmp_path, "nameless", told=told)
    pairs = [f"{name}={part}" for name, part in told.items()]
    cut = {"options": 0, "both": 3}.get(kind, len(pairs))
    Path("map").write_text(json.dumps(told) if kind == "JSON" else
                           "# ours\n\n" + "\n".join(p.replace("=", " = ") for p in pairs[:cut]))
    options = [word for pair in pairs[cut:] for word in ("--joint", pair)]
    if kind == "key points":
        np.savez("scheme.npz", joint_pos_w=clip.positions_w, fps=clip.fps,
                 joint_names=[n.split("=")[0] for n in clip.names])
    file = "scheme.npz" if kind == "key points" else "scheme.bvh"
    assert cli.main(["motion", "retarget", file, "--out", "made.npz", *options,
                     *(["--map", "map"] if cut else [])]) == 0
    made = Reference.load("made.npz")
    np.testing.assert_allclose(made.qpos, retarget_clip(clip).qpos, atol=1e-9)


@pytest.mark.parametrize(("words", "message"), [
    (["retarget", "scheme.bvh", "--joint", "LeftLeg"], "'LeftLeg' is not NAME=PART"),
    (["retarget", "scheme.bvh", "--map", "absent"], "absent: no map of joints"),
    (["retarget", "scheme.bvh", "--map", "list"], "list: no map of joints"),
    (["retarget", "scheme.bvh", "--map", "odd"], "odd:2: 'left_knee' is not NAME=PART"),
    (["retarget", "scheme.bvh", "--joint", "LeftKne=left_knee"], "did you mean 'LeftKnee'"),
    (["retarget", "scheme.bvh", "--joint", "LeftKnee=knee"], "unknown part 'knee'"),
    (["show", "stand", "--fps", "30"], "stand is no clip, and --fps tell"),
    (["show", "stand", "--joint", "LeftKnee=left_knee"], "stand is no clip, and --joint or --map"),
    (["show", "scheme.bvh", "--clip", "scheme.bvh"], "is a clip itself"),
    (["retarget", "scheme.bvh", "--skeleton", "a.asf"], "leave --skeleton out"),
    (["build", ".", "--joint", "x"], "'x' is not NAME=PART"),
])
def test_verbs_refuse_what_they_would_drop(words: list, message: str, tmp_path, monkeypatch, capsys
                                           ) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scheme.bvh").write_text(bvh("Xsens, 100STYLE"))
    Path("list").write_text("{1, 2}")
    Path("odd").write_text("LeftKnee=left_knee\nleft_knee")
    before = sorted(Path().iterdir())
    assert cli.main(["motion", *words]) == 2
    assert message in capsys.readouterr().err and sorted(Path().iterdir()) == before


@pytest.mark.parametrize(("told", "message"), [
    ({"LeftElbo": "left_elbow"}, "scheme.bvh: unknown joint 'LeftElbo': did you mean 'LeftElbow'"),
    ({"LeftElbow": "elbow"}, "'LeftElbow': unknown part 'elbow': did you mean .*left_elbow"),
    ({"LeftElbow": "left_hip", "LeftHip": "left_hip"}, "cannot both be the left_hip"),
])
def test_wrong_words_teach(told: dict, message: str, tmp_path) -> None:
    with pytest.raises(MwxError, match=message):
        read(tmp_path, "Xsens, 100STYLE", told=told)


def test_a_part_without_a_joint_names_what_comes_near(tmp_path) -> None:
    path = tmp_path / "odd.bvh"
    path.write_text(bvh("Xsens, 100STYLE").replace("LeftKnee", "Left_Nee"))
    message = r"no point plays left_knee; .*Left_Nee.*--joint 'Left_Nee=left_knee'"
    with pytest.raises(MwxError, match=message):
        body_points(read_bvh(path))


def test_what_is_told_goes_before_what_is_known(tmp_path) -> None:
    scheme = "LAFAN1, Perception Neuron"
    clip = read(tmp_path, scheme, told={"LeftShoulder": "left_shoulder"})
    plain = read(tmp_path, scheme)
    np.testing.assert_array_equal(body_points(clip)["left_shoulder"],
                                  plain.positions_w[:, plain.names.index("LeftShoulder")])

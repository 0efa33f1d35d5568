"""Readers: closed-form kinematics of a synthetic skeleton, and every way a file can be wrong."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.motion import read_clip
from mwx.motion.formats.asf_amc import INCH

ASF = """
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name lfemur
     direction 0 -1 0
     length 8
     axis 0 0 20 XYZ
     dof rx ry rz
  end
  begin
     id 2
     name ltibia
     direction 0 -1 0
     length 7
     axis 0 0 0 XYZ
     dof rx
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""
AMC = """#!OML
:FULLY-SPECIFIED
:DEGREES
1
root 1 20 3 0 0 0
lfemur 0 0 0
ltibia 0
2
root 1 20 3 0 90 0
lfemur 0 0 0
ltibia 90
"""
UNIT = INCH / 0.45


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "subject.asf").write_text(ASF)
    (tmp_path / "subject_01.amc").write_text(AMC)
    return tmp_path


def test_forward_kinematics_in_closed_form(files: Path) -> None:
    clip = read_clip(files / "subject_01.amc")
    assert clip.names == ("root", "lfemur", "ltibia") and clip.parents == (-1, 0, 1)
    assert clip.fps == 120
    # the file is y up: (x, y, z) there is (x, -z, y) here
    root = np.array([1.0, -3.0, 20.0])
    straight = [root, root - [0, 0, 8], root - [0, 0, 15]]
    np.testing.assert_allclose(clip.positions_w[0], np.array(straight) * UNIT, atol=1e-12)
    # knee turned 90 deg about x: the shank points along the file's -z, which the root's 90 deg
    # about the file's y carries to its -x
    bent = [root, root - [0, 0, 8], root - [0, 0, 8] - [7, 0, 0]]
    np.testing.assert_allclose(clip.positions_w[1], np.array(bent) * UNIT, atol=1e-12)


def test_bone_axes_frame_the_turn(files: Path) -> None:
    amc = AMC.replace("lfemur 0 0 0\nltibia 90", "lfemur 90 0 0\nltibia 0")
    amc = amc.replace("0 90 0", "0 0 0")
    (files / "subject_01.amc").write_text(amc)
    clip = read_clip(files / "subject_01.amc")
    # C M C^-1 turns about x tilted 20 deg in the file's xy plane
    axis = np.array([np.cos(np.radians(20)), np.sin(np.radians(20)), 0])
    down = np.array([0.0, -1, 0])
    turned = axis * (axis @ down) + np.cross(axis, down)
    thigh = (clip.positions_w[1, 1] - clip.positions_w[1, 0]) / (8 * UNIT)
    np.testing.assert_allclose(thigh, [turned[0], -turned[2], turned[1]], atol=1e-12)


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda text: text[: text.rindex("ltibia")], "cut short"),
    (lambda text: text.replace("ltibia 90", "ltibia"), "cut short, or the wrong skeleton"),
    (lambda text: text.replace("ltibia", "rtibia"), "wrong skeleton.*did you mean 'ltibia'"),
    (lambda text: text.replace("ltibia 90", "ltibia nan"), "not a number"),
    (lambda text: text.replace("ltibia 90", "ltibia ninety"), "not numbers"),
    (lambda text: "HIERARCHY\nROOT Hips\n" + text, "no AMC motion"),
    (lambda text: "", "no frames"),
    (lambda text: text.replace("root", "#root"), "no 'root'|lacks"),
])
def test_spoilt_motions_teach(files: Path, spoil, message: str) -> None:
    path = files / "subject_01.amc"
    path.write_text(spoil(AMC))
    with pytest.raises(MwxError, match=message):
        read_clip(path)


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda text: text[: text.index(":hierarchy")], "no ':hierarchy' section"),
    (lambda text: text.replace("lfemur ltibia", "pelvis ltibia"), "hang on nothing: ltibia"),
    (lambda text: text.replace("length 7", "length seven"), "damaged"),
])
def test_spoilt_skeletons_teach(files: Path, spoil, message: str) -> None:
    (files / "subject.asf").write_text(spoil(ASF))
    with pytest.raises(MwxError, match=message):
        read_clip(files / "subject_01.amc")


def test_missing_and_foreign_files_teach(files: Path) -> None:
    (files / "subject.asf").unlink()
    with pytest.raises(MwxError, match=r"needs its \.asf skeleton"):
        read_clip(files / "subject_01.amc")
    with pytest.raises(MwxError, match="no such file"):
        read_clip(files / "absent.amc")
    with pytest.raises(MwxError, match=r"did you mean '\.amc'.*supported: \.amc"):
        read_clip(files / "subject.am")
    renamed = files / "picture.npz"
    renamed.write_bytes(b"\x89PNG not a zip")
    with pytest.raises(MwxError, match="damaged, or no npz"):
        read_clip(renamed)
    binary = files / "binary.amc"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    (files / "subject.asf").write_text(ASF)
    with pytest.raises(MwxError, match="not a text file"):
        read_clip(binary)


def test_the_nearest_skeleton_is_taken(files: Path) -> None:
    (files / "other.asf").write_text(":units\n")
    assert read_clip(files / "subject_01.amc").names[1] == "lfemur"


def test_key_points(tmp_path: Path) -> None:
    path = tmp_path / "points.npz"
    points = np.arange(24.0).reshape(4, 2, 3)
    np.savez(path, joint_pos_w=points, joint_names=np.array(["pelvis", "head"]), fps=60.0)
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.positions_w, points)
    assert clip.names == ("pelvis", "head") and clip.duration_s == 3 / 60
    points[2, 1, 0] = np.nan
    np.savez(path, joint_pos_w=points, joint_names=np.array(["pelvis", "head"]), fps=60.0)
    with pytest.raises(MwxError, match="'head' is not a number in frame 2"):
        read_clip(path)
    np.savez(path, points=points)
    with pytest.raises(MwxError, match="no motion of a known kind: it holds points; mot"):
        read_clip(path)


@pytest.mark.parametrize(("change", "message"), [
    ({"joint_pos_w": np.zeros((0, 2, 3))}, "0 frames"),
    ({"joint_pos_w": np.zeros((1, 2, 3))}, "1 frames"),
    ({"joint_pos_w": np.zeros((4, 3, 3))}, r"'joint_pos_w' has shape \(4, 3, 3\)"),
    ({"joint_pos_w": np.zeros(4)}, "'joint_pos_w' has shape"),
    ({"joint_pos_w": np.full((4, 2, 3), None)}, "Python objects"),
    ({"joint_pos_w": np.full((4, 2, 3), "a")}, "expected numbers"),
    ({"joint_pos_w": np.full((4, 2, 3), 1j)}, "expected numbers"),
    ({"joint_pos_w": np.zeros((10 ** 6, 2, 3), np.float16)}, "1000000 frames, at most"),
    ({"fps": 0.0}, "0.0 frames a second"), ({"fps": np.nan}, "nan frames a second"),
    ({"fps": "fast"}, "expected one number"), ({"fps": [30, 30]}, "expected one number"),
    ({"fps": None}, "Python objects|lacks fps"),
    ({"parents": [0]}, "'parents' has shape"), ({"parents": [0.5, 1]}, "indices of points"),
    ({"parents": [-1, 7]}, "parents are indices of points"),
    ({"joint_names": ["head", "head"]}, "two points are called 'head'"),
    ({"joint_rot_w": np.zeros((4, 2, 3))}, "'joint_rot_w' has shape"),
    ({"joint_rot_w": np.zeros((3, 2, 4))}, "rotations have shape"),
])
def test_spoilt_key_points_teach(tmp_path: Path, change: dict, message: str) -> None:
    arrays = {"joint_pos_w": np.arange(24.0).reshape(4, 2, 3), "fps": 60.0,
              "joint_names": ["pelvis", "head"]} | change
    np.savez(tmp_path / "points.npz", **arrays)
    with pytest.raises(MwxError, match=message):
        read_clip(tmp_path / "points.npz")


def test_names_of_places(tmp_path: Path) -> None:
    for name, message in (("folder.npz", "a folder, not a file"), ("x.pkl", "pickle is not read"),
                          ("no.h5:CLIP", r"no\.h5: no such file"), ("noext", "from '' files"),
                          ("x.npz:y", "from '.npz:y' files: did you mean '.npz'")):
        (tmp_path / "folder.npz").mkdir(exist_ok=True)
        with pytest.raises(MwxError, match=message):
            read_clip(tmp_path / name)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 800), at=st.integers(0, 800), byte=st.integers(0, 255),
       which=st.sampled_from(["subject.asf", "subject_01.amc"]))
def test_spoilt_bytes_are_read_or_refused(tmp_path_factory, cut: int, at: int, byte: int,
                                          which: str) -> None:
    folder = tmp_path_factory.mktemp("spoilt")
    (folder / "subject.asf").write_text(ASF)
    (folder / "subject_01.amc").write_text(AMC)
    data = bytearray((folder / which).read_bytes())
    data[at % len(data)] = byte
    (folder / which).write_bytes(bytes(data[: len(data) - cut % len(data)] if cut % 2 else data))
    try:
        assert np.isfinite(read_clip(folder / "subject_01.amc").positions_w).all()
    except MwxError as error:
        assert "subject" in str(error)


def test_a_rate_that_is_told_is_never_dropped(files: Path, tmp_path: Path) -> None:
    """Every format: the frames at the rate that is told, and a note where the file says another."""
    from mwx.motion.formats.keypoints import write_keypoints
    from mwx.motion.human import human_walk
    walk = human_walk(1)
    turns = [value for width in (4, 4, 4, 4, 1, 4, 4, 1, 4, 1, 4, 4, 1)
             for value in ([1.0, 0, 0, 0] if width == 4 else [0.0])]
    rows = [[1 / 30, 0, 1, 0.1 * t, *turns] for t in range(4)]
    (tmp_path / "clip.txt").write_text(json.dumps({"Loop": "none", "Frames": rows}))
    write_keypoints(walk, tmp_path / "clip.npz")
    np.savez(tmp_path / "smpl.npz", poses=np.zeros((4, 72)), trans=np.zeros((4, 3)),
             mocap_framerate=30.0)
    for name, said in (("clip.txt", 30), ("clip.npz", 60), ("smpl.npz", 30)):
        clip = read_clip(tmp_path / name, fps=120)
        assert clip.fps == 120 and f"rate: 120 Hz as told; the file says {said}" in clip.notes
        assert not any("rate" in note for note in read_clip(tmp_path / name, fps=said).notes)
    assert read_clip(files / "subject_01.amc", fps=60).fps == 60  # the file says none


@pytest.mark.parametrize("option", [{"skeleton": "subject.asf"}, {"body_model": "smpl.npz"}])
def test_an_option_of_another_format_is_refused(option: dict, tmp_path: Path) -> None:
    from mwx.motion.formats.keypoints import write_keypoints
    from mwx.motion.human import human_walk
    write_keypoints(human_walk(1), tmp_path / "clip.npz")
    with pytest.raises(MwxError, match="leave --"):
        read_clip(tmp_path / "clip.npz", **option)


BODY = {"hipjoint": (0.9, -0.43, 0, 1.77), "femur": (0, -1, 0, 7.44), "tibia": (0, -1, 0, 7.26),
        "foot": (0, -0.4, 0.9, 2.66)}


def acclaim(folder: Path, length: float = 0.45, scale: float = 1.0, asf: str = "deg",
            amc: str = ":DEGREES", skip: str = "") -> Path:
    """Write a person's legs, in units of 1 / 0.45 inch times `scale`, with unit words as told."""
    turn = {"deg": 1.0, "rad": np.pi / 180}
    own = turn[asf[:3].lower()]
    bones, tree, rows = "", "    root lhipjoint rhipjoint\n", [[], [], []]
    for side, sign in (("l", 1), ("r", -1)):
        chain = [f"{side}{bone}" for bone in BODY]
        tree += "".join(f"    {a} {b}\n" for a, b in itertools.pairwise(chain))
        for name, (x, y, z, size) in zip(chain, BODY.values(), strict=True):
            bones += (f"  begin\n     name {name}\n     direction {sign * x} {y} {z}\n"
                      f"     length {size * scale:.9g}\n     axis 0 0 {own * 20 * sign:.9g} XYZ\n"
                      + ("" if "joint" in name else "     dof rx\n") + "  end\n")
    said = own if not amc else turn[amc[1:4].lower()]
    for t, lines in enumerate(rows):
        lines.append(f"root 0 {16.5 * scale} {t * scale} 0 {said * 5 * t} 0")
        lines += [f"{side}{bone} {said * 10 * (t + k)}" for k, bone in enumerate(BODY)
                  for side in "lr" if bone != "hipjoint" and side + bone != skip]
    head = ASF[:ASF.index(":bonedata")].replace("0.45", str(length)).replace("angle deg",
                                                                           f"angle {asf}")
    (folder / "a.asf").write_text(f"{head}:bonedata\n{bones}:hierarchy\n  begin\n{tree}  end\n")
    text = "".join(f"{t + 1}\n" + "\n".join(lines) + "\n" for t, lines in enumerate(rows))
    (folder / "a.amc").write_text(f":FULLY-SPECIFIED\n{amc}\n{text}")
    return folder / "a.amc"


@pytest.mark.parametrize(("length", "scale", "said"), [
    (0.45, 1.0, ""), (1.0, 1 / 0.45, ""), (1.0, 2.54 / 0.45, "centimetres"),
    (0.45, 2.54 / 0.45, "centimetres"), (1.0, 0.0254 / 0.45, "metres"),
    (0.45, 25.4 / 0.45, "millimetres"), (1.0, 1.0, "CMU units"), (0.45, 1 / 0.45, "inches"),
    (1.0, 1 / 0.45 / 12, "feet")])
def test_a_skeleton_in_any_unit_is_the_same_person(length: float, scale: float, said: str,
                                                   tmp_path: Path) -> None:
    true = read_clip(acclaim(tmp_path))
    clip = read_clip(acclaim(tmp_path, length, scale))
    np.testing.assert_allclose(clip.positions_w, true.positions_w, atol=1e-5)
    notes = [note for note in clip.notes if note.startswith("units: ")]
    assert len(notes) == bool(said) and all(note.startswith(f"units: {said} ") for note in notes)


def test_a_skeleton_of_nobodys_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=r"a\.asf: the leg is .* no unit of length"):
        read_clip(acclaim(tmp_path, scale=1e5))


@pytest.mark.parametrize(("asf", "amc", "said"), [
    ("deg", ":DEGREES", ""), ("deg", "", ""), ("rad", ":RADIANS", ""), ("RAD", "", ""),
    ("deg", ":RADIANS", "radians"), ("deg", ":radians", "radians"), ("rad", ":DEGREES", "degrees"),
    ("Degrees", ":RADIANS", "radians"), ("radians", ":Degrees", "degrees")])
def test_angles_in_any_unit_are_the_same_motion(asf: str, amc: str, said: str, tmp_path: Path
                                                ) -> None:
    true = read_clip(acclaim(tmp_path))
    clip = read_clip(acclaim(tmp_path, asf=asf, amc=amc))
    np.testing.assert_allclose(clip.positions_w, true.positions_w, atol=1e-6)
    notes = [note for note in clip.notes if note.startswith("angles: ")]
    assert len(notes) == bool(said)
    assert all(note.startswith(f"angles: {said}, as the motion says; a.asf has") for note in notes)


def test_angles_that_no_person_has_in_their_unit_are_said(tmp_path: Path) -> None:
    path = acclaim(tmp_path, amc=":RADIANS")
    path.write_text(path.read_text().replace(":RADIANS", ":DEGREES"))
    assert any("read as degrees" in note for note in read_clip(path).notes)
    path = acclaim(tmp_path)
    path.write_text(path.read_text().replace(":DEGREES", ":RADIANS"))
    assert any("read as radians" in note for note in read_clip(path).notes)
    (tmp_path / "a.asf").write_text((tmp_path / "a.asf").read_text().replace("deg", "grad"))
    with pytest.raises(MwxError, match="neither degrees nor radians"):
        read_clip(path)


@pytest.mark.parametrize("tail", ["\0", "\0\0\n", "\x1a", "\n\x1a\0\0"])
def test_padding_after_the_last_row_is_said(tail: str, tmp_path: Path) -> None:
    path = acclaim(tmp_path)
    true = read_clip(path)
    for file in (path, path.with_suffix(".asf")):
        file.write_text(file.read_text() + tail)
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.positions_w, true.positions_w)
    assert any("of padding" in note for note in clip.notes)


def test_a_bone_that_is_in_no_frame_is_said(tmp_path: Path) -> None:
    assert "no frame has rtibia: held as at rest" in read_clip(
        acclaim(tmp_path, skip="rtibia")).notes
    assert not read_clip(acclaim(tmp_path), fps=120).notes
    assert read_clip(acclaim(tmp_path)).notes == (
        "rate: 120 Hz, the CMU data base's; the file says none",)

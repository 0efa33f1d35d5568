"""BVH: kinematics against scipy, units and axes found, every way a file can be wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mwx.errors import MwxError
from mwx.motion import MotionClip, read_clip
from mwx.motion.formats.bvh import read_bvh
from mwx.motion.formats.bvh_text import MAX_POINTS
from mwx.motion.roles import body_points

CMU = Path(__file__).parents[4] / "shared" / "mocap" / "cmu_12_01_walk.bvh"
# joint -> (parent, offset [m] standing along y, looking along z)
BODY = {"Hips": (None, (0, 0, 0)), "Spine": ("Hips", (0, 0.1, 0)), "Spine1": ("Spine", (0, 0.2, 0)),
        "Neck": ("Spine1", (0, 0.2, 0)), "Head": ("Neck", (0, 0.1, 0))}
for side, sign in (("Left", 1), ("Right", -1)):
    BODY |= {f"{side}UpLeg": ("Hips", (0.1 * sign, -0.05, 0)),
             f"{side}Leg": (f"{side}UpLeg", (0, -0.43, 0)),
             f"{side}Foot": (f"{side}Leg", (0, -0.41, 0)),
             f"{side}ToeBase": (f"{side}Foot", (0, -0.05, 0.14)),
             f"{side}Shoulder": ("Spine1", (0.05 * sign, 0.15, 0)),
             f"{side}Arm": (f"{side}Shoulder", (0.12 * sign, 0, 0)),
             f"{side}ForeArm": (f"{side}Arm", (0.28 * sign, 0, 0)),
             f"{side}Hand": (f"{side}ForeArm", (0.25 * sign, 0, 0))}
IN = {"cm": 100.0, "inch": 1 / 0.0254, "CMU": 0.45 / 0.0254, "m": 1.0, "mm": 1000.0}


def bvh(rows: np.ndarray, order: str = "ZXY", scale: float = 1.0, prefix: str = "",
        ways: str = "root", turn: Rotation | None = None) -> str:
    """Return a file of BODY; rows (T, 3 + 3 J) positions [m] and degrees."""
    places = " ".join(f"{a}position" for a in "XYZ")
    turns = " ".join(f"{a}rotation" for a in order)
    lines = ["HIERARCHY"]

    def write(name: str, depth: int) -> None:
        parent, offset = BODY[name]
        offset = np.array(offset, float) if turn is None else turn.apply(offset)
        lines.append(f"{'ROOT' if parent is None else 'JOINT'} {prefix}{name}")
        lines.extend(["{", "OFFSET " + " ".join(f"{x * scale:.9g}" for x in offset)])
        both = parent is None or ways == "all"
        lines.append(f"CHANNELS 6 {places} {turns}" if both else f"CHANNELS 3 {turns}")
        children = [n for n, (p, _) in BODY.items() if p == name]
        for child in children:
            write(child, depth + 1)
        if not children:
            lines.extend(["End Site", "{", "OFFSET 0 0 0", "}"])
        lines.append("}")

    write("Hips", 0)
    lines += ["MOTION", f"Frames: {len(rows)}", "Frame Time: 0.033333"]
    for row in rows:
        numbers = row.copy()
        numbers[:3] *= scale
        lines.append(" ".join(f"{x:.9g}" for x in numbers))
    return "\n".join(lines) + "\n"


def file_order() -> list[str]:
    def below(name: str) -> list[str]:
        return [name] + [m for n, (p, _) in BODY.items() if p == name for m in below(n)]
    return below("Hips")


def still(frames: int = 5) -> np.ndarray:
    rows = np.zeros((frames, 3 + 3 * len(BODY)))
    rows[:, 1] = 0.94
    return rows


def moving(frames: int = 20) -> np.ndarray:
    rows = still(frames)
    rows[:, 3:] = np.random.default_rng(3).uniform(-25, 25, (frames, 3 * len(BODY)))
    rows[:, 2] = np.linspace(0, 1, frames)
    return rows


def read(tmp_path: Path, text: str | bytes, **options) -> MotionClip:
    path = tmp_path / "clip.bvh"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_bvh(path, **options)


def zup(points: np.ndarray) -> np.ndarray:
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_kinematics_match_scipy_for_every_euler_order(tmp_path: Path, order: str) -> None:
    rows = moving()
    clip = read(tmp_path, bvh(rows, order))
    turned: dict[str, Rotation] = {}
    places: dict[str, np.ndarray] = {}
    for i, name in enumerate(file_order()):
        parent, offset = BODY[name]
        own = Rotation.from_euler(order, rows[:, 3 + 3 * i:6 + 3 * i], degrees=True)
        turned[name] = own if parent is None else turned[parent] * own
        places[name] = rows[:, :3] if parent is None else (places[parent]
                                                           + turned[parent].apply(offset))
    for name, place in places.items():
        i = clip.names.index(name)
        np.testing.assert_allclose(clip.positions_w[:, i], zup(place), atol=1e-6)
        mine = Rotation.from_quat(clip.rotations_w[:, i], scalar_first=True)
        upright = Rotation.from_euler("x", 90, degrees=True) * turned[name]
        assert (mine.inv() * upright).magnitude().max() < 1e-6
    assert clip.fps == 30 and clip.parents[0] == -1


@pytest.mark.parametrize("unit", IN)
def test_units_are_found_and_said(tmp_path: Path, unit: str) -> None:
    true = read(tmp_path, bvh(moving()))
    clip = read(tmp_path, bvh(moving(), scale=IN[unit]))
    np.testing.assert_allclose(clip.positions_w, true.positions_w, atol=1e-5)
    assert any(n.startswith("units:") for n in clip.notes)
    assert any("y up" in n for n in clip.notes)


def test_z_up_is_found_and_can_be_told(tmp_path: Path) -> None:
    rows = still()
    upright = Rotation.from_euler("x", 90, degrees=True)
    rows[:, :3] = upright.apply(rows[:, :3])
    text = bvh(rows, turn=upright)
    clip = read(tmp_path, text)
    np.testing.assert_allclose(clip.positions_w, read(tmp_path, text, up="z").positions_w)
    head = clip.positions_w[0, clip.names.index("Head")]
    np.testing.assert_allclose(head, [0, 0, 1.54], atol=1e-6)
    assert any("z up" in n for n in clip.notes)
    with pytest.raises(MwxError, match="up axis 'q': known"):
        read(tmp_path, text, up="q")


def test_bones_at_rest_may_point_anywhere(tmp_path: Path) -> None:
    """LAFAN1 lays the skeleton at rest along x, in centimetres; the root's turn raises it."""
    rows = still()
    rows[:, 3] = 90  # about z
    aside = bvh(rows, scale=100, turn=Rotation.from_euler("z", -90, degrees=True))
    clip = read(tmp_path, aside.replace("ToeBase", "Toe"))
    upright = read(tmp_path, bvh(still()))
    np.testing.assert_allclose(clip.positions_w, upright.positions_w, atol=1e-6)
    assert "left_toe" in body_points(clip)


@pytest.mark.parametrize("way", [1.5, 0.0])
def test_who_crawls_along_z_does_not_turn_the_world(tmp_path: Path, way: float) -> None:
    rows = still(40)
    rows[:, 1], rows[:, 2] = 0.4, np.linspace(0, way, 40)
    rows[:, 4] = 90  # about x: the trunk points along z, the legs behind it
    clip = read(tmp_path, bvh(rows))
    head = clip.positions_w[:, clip.names.index("Head")]
    np.testing.assert_allclose(head[:, 2], 0.4, atol=1e-6)
    assert any("y up" in n for n in clip.notes)


@pytest.mark.parametrize("prefix", ["mixamorig:", "Armature|", "Character1_", "a:b:"])
def test_name_spaces_fall_away(tmp_path: Path, prefix: str) -> None:
    clip = read(tmp_path, bvh(still(), prefix=prefix))
    assert "left_knee" in body_points(clip) and clip.names[0] == "Hips"
    assert any("is called 'Hips'" in n for n in clip.notes)


@pytest.mark.parametrize(("added", "said"), [(0.0, "add to"), (1.0, "replace")])
def test_positions_of_all_joints(tmp_path: Path, added: float, said: str) -> None:
    order = file_order()
    rows = np.zeros((4, 6 * len(BODY)))
    for i, name in enumerate(order):
        rows[:, 6 * i:6 * i + 3] = added * np.array(BODY[name][1])
    rows[:, 1] = 0.94
    rows[2, 6 * order.index("Head") + 1] += 0.02  # the neck stretches
    clip = read(tmp_path, bvh(rows, ways="all"))
    head = clip.positions_w[:, clip.names.index("Head"), 2]
    np.testing.assert_allclose(head, [1.54, 1.54, 1.56, 1.54], atol=1e-6)
    assert any(said in n for n in clip.notes)


def test_a_calibration_pose_is_left_out(tmp_path: Path) -> None:
    rows = still(12)
    rows[1:, 3 + 3 * file_order().index("LeftArm")] = -80
    clip = read(tmp_path, bvh(rows))
    assert len(clip.positions_w) == 11 and any("calibration" in n for n in clip.notes)


def test_cmu_walk_is_a_person_walking() -> None:
    if not CMU.is_file():
        pytest.skip("the CMU clip is not beside the repository")
    clip = read_clip(CMU)
    points = body_points(clip)
    assert clip.fps == 120 and len(clip.positions_w) == 523  # frame 1 is a T-pose
    way = np.linalg.norm((points["pelvis"][-1] - points["pelvis"][0])[:2])
    assert 0.8 < way / clip.duration_s < 1.0
    assert 0.85 < points["pelvis"][:, 2].mean() < 0.95
    toes = clip.positions_w[:, [clip.names.index(f"{s}ToeBase_End") for s in ("Left", "Right")], 2]
    assert -0.02 < toes.min() < 0.02
    leg = np.linalg.norm(points["left_knee"] - points["left_ankle"], axis=1)
    np.testing.assert_allclose(leg, leg[0], atol=1e-9)


GOOD = bvh(still())


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda t: "", ":1: no BVH motion"),
    (lambda t: "\x89PNG" + t, ":1: no BVH motion"),
    (lambda t: t[: t.index("MOTION")], "cut short: it has no MOTION"),
    (lambda t: t[: t.index("JOINT")] + t[t.index("MOTION"):], "cut short: the hierarchy"),
    (lambda t: t.replace("\n0 0.94 0", "\n0 0.94", 1), "frame 1 has .* numbers"),
    (lambda t: t.replace("Frames: 5", "Frames: 7"), "cut short: 7 frames announced, 5 there"),
    (lambda t: t.replace("Frames: 5", "Frames: 3"), "more lines than the 3 frames"),
    (lambda t: t.replace("Frames: 5", "Frames: 1"), r":\d+: 1 frames|more lines"),
    (lambda t: t[: t.index("Frame Time")].replace("Frames: 5", "Frames: 0") + "Frame Time: .03\n",
     "0 frames"),
    (lambda t: t.replace("Frames: 5", "Frames: 1000000"), r":\d+: 1000000 frames"),
    (lambda t: t.replace("Frames: 5", "Frames: many"), "'Frames: N' is expected"),
    (lambda t: t.replace("0.033333", "0"), "Frame Time 0: .*above 0"),
    (lambda t: t.replace("0.033333", "-0.03"), "above 0"),
    (lambda t: t.replace("0.033333", "nan"), "not finite"),
    (lambda t: t.replace("0.033333", "33.3"), "milliseconds"),
    (lambda t: t.replace("0 0.94 0", "0 nan 0", 1), "frame 1 holds"),
    (lambda t: t.replace("0 0.94 0", "0 inf 0"), "frame 1 holds"),
    (lambda t: t.replace("0 0.94 0", "0 1e300 0"), "frame 1 holds"),
    (lambda t: t.replace("0 0.94 0", "0 high 0"), "frame 1 holds what is not a number"),
    (lambda t: t.replace("JOINT LeftLeg", "JOINT LeftFoot"), "a second joint 'LeftFoot'"),
    (lambda t: t.replace("OFFSET 0 -0.43 0", "", 1), "'LeftLeg' has no OFFSET"),
    (lambda t: t.replace("OFFSET 0 -0.43 0", "OFFSET 0 -0.43", 1), "one OFFSET of 3 numbers"),
    (lambda t: t.replace("OFFSET 0 -0.43 0", "OFFSET 0 nan 0", 1), r":\d+: .*not finite"),
    (lambda t: t.replace("Zrotation", "Wrotation", 1), "a channel 'wrotation'; known"),
    (lambda t: t.replace("CHANNELS 3", "CHANNELS 4", 1), "announces 4 channels and names 3"),
    (lambda t: t.replace("CHANNELS 3", "CHANNELS 99999999999", 1), "announces 99999999999"),
    (lambda t: t.replace("ROOT", "ROOT x\nROOT", 1), "where none belongs"),
    (lambda t: t.replace("MOTION", "}\nMOTION"), "'}' is not understood"),
    (lambda t: t.replace("Spine1", "Spine\xff").encode("latin-1"), r":\d+: not UTF-8"),
    (lambda t: t.replace("0.43", "0").replace("0.41", "0"), "no unit of length|human"),
])
def test_spoilt_files_name_file_and_line(tmp_path: Path, spoil, message: str) -> None:
    with pytest.raises(MwxError, match=message) as error:
        read(tmp_path, spoil(GOOD))
    assert "clip.bvh" in str(error.value)


@pytest.mark.parametrize(("spoil", "frames", "said"), [
    (lambda t: t + "\0\0\0", 5, "3 bytes of padding"),
    (lambda t: t + "\x1a", 5, "1 bytes of padding"),
    (lambda t: t + "\r\n\x1a" + "\0" * 500, 5, "501 bytes of padding"),
    (lambda t: t.rstrip() + "\0", 5, "1 bytes of padding"),
    (lambda t: t + "\x1aleft over", 5, "10 bytes of padding"),
    (lambda t: t.replace("Frames: 5", "Frames: 4"), 5, "4 frames are announced, the 5"),
    (lambda t: t.replace("Frames: 5", "Frames: 6"), 5, "6 frames are announced, the 5"),
    (lambda t: t[: t.rindex("\n", 0, -1) + 20], 4, "line .* is cut short"),
    (lambda t: t + t[t.rindex("\n", 0, -1) + 1:-9], 5, "line .* is cut short"),
    (lambda t: t[: t.rindex("\n", 0, -1) + 20] + "\0\0", 4, "5 frames are announced, the 4"),
])
def test_tails_and_counts_off_by_one_are_read_and_said(tmp_path: Path, spoil, frames: int,
                                                       said: str) -> None:
    whole = read(tmp_path, bvh(moving(5)))
    clip = read(tmp_path, spoil(bvh(moving(5))))
    np.testing.assert_array_equal(clip.positions_w, whole.positions_w[:frames])
    assert any(re.match(said, note) for note in clip.notes)


def test_a_rate_that_is_told_counts_and_is_said(tmp_path: Path) -> None:
    clip = read(tmp_path, bvh(moving()), fps=120.0)
    assert clip.fps == 120 and "rate: 120 Hz as told; the file says 30" in clip.notes
    assert not any("rate" in note for note in read(tmp_path, bvh(moving()), fps=30.0).notes)
    for wrong in ("0", "33.3", "none", "-1", "nan"):
        clip = read(tmp_path, bvh(moving()).replace("0.033333", wrong), fps=50.0)
        assert clip.fps == 50
        assert f"rate: 50 Hz as told; the file's Frame Time is '{wrong}'" in clip.notes


def test_depth_is_bounded_without_recursion(tmp_path: Path) -> None:
    inner = "".join(f"JOINT j{i}\n{{\nOFFSET 0 1 0\nCHANNELS 0\n" for i in range(MAX_POINTS + 5))
    text = "HIERARCHY\nROOT r\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n" + inner
    with pytest.raises(MwxError, match=f"more than {MAX_POINTS} joints"):
        read(tmp_path, text + "}\n" * (MAX_POINTS + 6) + "MOTION\nFrames: 2\nFrame Time: 1\n")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_rubbish_never_raises_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    whole = GOOD.encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 80)))
    patch = data.draw(st.one_of(st.binary(max_size=12), st.sampled_from(
        [b"{", b"}", b" nan ", b"1e999", b"-1", b"\nMOTION\n", b"\nEnd Site\n", b"\x00",
         b"CHANNELS 3 ", b" 9" * 40])))
    spoilt = whole[:start] + patch + whole[end:]
    try:
        clip = read(tmp_path, spoilt)
    except MwxError as error:
        assert "clip.bvh" in str(error)
    else:
        assert np.isfinite(clip.positions_w).all()

"""Readers: closed-form kinematics of a synthetic skeleton, and every way a file can be wrong."""

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

"""A robot's walk in every layout that programmes write: the same reference, or an error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mwx import cli
from mwx.errors import MwxError
from mwx.motion import Reference, generate
from mwx.motion.exporting import import_reference
from mwx.motion.formats.robot_motion import ISAAC
from mwx.motion.formats.robot_npz import LINKS, body_states
from mwx.robot import H1

WALK = generate("walk", speed=1.05)
BASE, QUATERNION, JOINTS = WALK.qpos[:, :3], WALK.qpos[:, 3:7], WALK.qpos[:, 7:]
LAST = QUATERNION[:, [1, 2, 3, 0]]  # x y z w
NAMES = np.array(H1.joint_names)
TO_ISAAC = [H1.joint_names.index(name) for name in ISAAC]
STATES = body_states(WALK.qpos, WALK.qvel)
GMR = {"root_pos": BASE, "root_rot": LAST, "dof_pos": JOINTS, "fps": 50}
ISAAC_LAB = {"fps": 50, "dof_names": NAMES, "body_names": np.array(LINKS), "dof_positions": JOINTS,
             "dof_velocities": WALK.qvel[:, 6:], "body_positions": STATES["body_pos_w"],
             "body_rotations": STATES["body_quat_w"],
             "body_linear_velocities": STATES["body_lin_vel_w"],
             "body_angular_velocities": STATES["body_ang_vel_w"]}
BASED = {"base_pos_w": BASE, "base_quat_w": QUATERNION, "joint_pos": JOINTS, "joint_names": NAMES,
         "framerate": 50.0}
LOCO = {"qpos": WALK.qpos, "qvel": WALK.qvel, "joint_names": np.array(["root", *NAMES]),
        "frequency": 50.0, "split_points": np.array([0, len(BASE)])}
BARE = {"body_pos_w": STATES["body_pos_w"], "body_quat_w": STATES["body_quat_w"],
        "joint_pos": JOINTS, "fps": 50}
OBJECTS = np.array([None])


def read(tmp_path: Path, arrays: dict[str, Any], **options) -> tuple[Reference, str]:
    path = tmp_path / "walk.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    notes: list[str] = []
    return import_reference(path, say=notes.append, **options), "; ".join(notes)


@pytest.mark.parametrize(("arrays", "note"), [
    (BASED, ""), (ISAAC_LAB, ""), (LOCO, ""), (GMR, "MuJoCo's order assumed"), (BARE, ""),
    (GMR | {"local_body_pos": OBJECTS, "link_body_list": OBJECTS}, "MuJoCo's order assumed"),
    ({"root_trans_offset": BASE, "root_rot": LAST, "dof": JOINTS, "fps": 50,
      "pose_aa": np.zeros((len(BASE), 22, 3))}, "MuJoCo's order assumed"),
    (LOCO | {"joint_names": NAMES}, ""),
    (LOCO | {"joint_names": None}, "MuJoCo's order assumed"),
    (BASED | {"joint_pos": JOINTS[:, TO_ISAAC], "joint_names": NAMES[TO_ISAAC]}, ""),
    (BASED | {"joint_pos": JOINTS[:, TO_ISAAC], "joint_names": None}, "Isaac's order"),
    (ISAAC_LAB | {"dof_positions": JOINTS[:, TO_ISAAC], "dof_names": None,
                  "dof_velocities": WALK.qvel[:, 6:][:, TO_ISAAC]}, ""),
    (BASED | {"base_quat_w": LAST}, "'base_quat_w' is read as x y z w: the base goes forwards"),
    (GMR | {"root_rot": QUATERNION}, "'root_rot' is w x y z, not x y z w"),
    (BARE | {"body_quat_w": STATES["body_quat_w"][..., [1, 2, 3, 0]]}, "x y z w by the links"),
    (BASED | {"base_quat_w": -QUATERNION}, ""),
    (BASED | {"joint_pos": JOINTS.astype(np.float32)}, ""),
    (BASED | {"comment": OBJECTS, "body_names": OBJECTS}, "'body_names' holds Python objects"),
    (BARE | {"joint_vel": OBJECTS}, "'joint_vel' holds Python objects: not read"),
])
def test_layouts_are_one_walk(arrays: dict, note: str, tmp_path: Path) -> None:
    again, notes = read(tmp_path, arrays)
    same = again.qpos * np.sign(np.sum(again.qpos[:, 3:7] * QUATERNION, axis=1))[:, None] ** (
        np.isin(np.arange(26), (3, 4, 5, 6)))
    np.testing.assert_allclose(same, WALK.qpos, atol=1e-5)
    assert note in notes if note else not notes


@pytest.mark.parametrize(("name", "last"), [("root_rot", True), ("base_quat_w", False)])
def test_one_who_goes_backwards_is_said(name: str, last: bool, tmp_path: Path) -> None:
    """The base faces +x: it faces -x in the other order, upright in both."""
    back = BASE * [-1, 1, 1]
    again, notes = read(tmp_path, {"root_pos": back, name: LAST if last else QUATERNION,
                                   "dof_pos": JOINTS, "joint_names": NAMES, "fps": 50})
    np.testing.assert_allclose(again.qpos[:, 3:7], QUATERNION, atol=1e-6)
    assert ("goes backwards" in notes) == last  # w x y z read as x y z w would not be upright


def test_a_rate_that_is_told_counts(tmp_path: Path) -> None:
    again, notes = read(tmp_path, BASED, fps=25.0)
    assert "25 Hz as told; the file says 50" in notes and again.num_frames == 2 * len(BASE) - 1
    again, notes = read(tmp_path, BASED | {"framerate": None}, fps=50.0)
    assert not notes and again.num_frames == len(BASE)


@pytest.mark.parametrize(("arrays", "message"), [
    (BASED | {"framerate": None}, "no frame rate .*say it with --fps"),
    (BASED | {"fps": 30.0}, "two frame rates, 30 \\('fps'\\) and 50 \\('framerate'\\)"),
    (BASED | {"base_quat_w": None}, "lacks base_quat and holds"),
    (BASED | {"joint_names": NAMES[:7]}, "'joint_names' has shape"),
    (BASED | {"joint_names": NAMES.astype(object)}, "'joint_names' holds Python objects.*str"),
    (BASED | {"joint_pos": np.degrees(JOINTS)}, "in degrees"),
    (BASED | {"base_pos_w": BASE[:-1]}, "different numbers of frames"),
    (GMR | {"dof_pos": JOINTS[:, :-1]}, "18 joints, H1 has 19"),
    (GMR | {"root_rot": LAST[:, :3]}, "'root_rot' has shape"),
    (LOCO | {"split_points": np.array([0, 20, 40])}, "2 motions in one file .*save one"),
    (LOCO | {"qpos": WALK.qpos[:, :7]}, "'qpos' has shape"),
    (LOCO | {"joint_names": np.array(["root", *NAMES[:-1], "right_wrist"])},
     "another robot's motion: .*'right_wrist' is none of them"),
    (ISAAC_LAB | {"body_rotations": np.zeros_like(STATES["body_quat_w"])}, "no unit quaternion"),
])
def test_what_is_missing_or_contradicts_teaches(arrays: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(MwxError, match=message):
        read(tmp_path, arrays)


def rows(quaternion: np.ndarray = LAST, joints: np.ndarray = JOINTS, end: str = "") -> str:
    table = np.concatenate([BASE, quaternion, joints], axis=1)
    return "".join(",".join(f"{x:.7f}" for x in row) + end + "\n" for row in table)


HEADER = ",".join(["x", "y", "z", "qx", "qy", "qz", "qw", *(NAMES[TO_ISAAC])])


@pytest.mark.parametrize(("content", "note"), [
    (rows(end=","), "MuJoCo's order assumed"), (rows(end=" , "), "MuJoCo's order assumed"),
    (rows(end="\r"), "MuJoCo's order assumed"), (rows(end=",").replace(",\n", "\n", 3), "assumed"),
    (HEADER + "\n" + rows(joints=JOINTS[:, TO_ISAAC]), ""),
    (HEADER + ",\n" + rows(joints=JOINTS[:, TO_ISAAC], end=","), ""),
    (rows(joints=JOINTS[:, TO_ISAAC]), "Isaac's order"),
    (rows(quaternion=QUATERNION), "quaternion' is w x y z, not x y z w"),
    (rows(), "30 Hz assumed"),
])
def test_tables_are_one_walk(content: str, note: str, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(content)
    notes: list[str] = []
    again = import_reference(path, fps=None if "30 Hz" in note else 50, say=notes.append)
    assert any(note in said for said in notes) if note else not notes
    if "30 Hz" not in note:
        np.testing.assert_allclose(again.qpos, WALK.qpos, atol=1e-5)


def test_two_commas_are_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(rows(end=",,"))
    with pytest.raises(MwxError, match=r"walk\.csv:1: '' is not a number"):
        import_reference(path)


def test_the_verb_prints_what_is_assumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]
                                         ) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(rows())
    assert cli.main(["motion", "import", str(path), "--out", str(tmp_path / "out.npz")]) == 0
    out = capsys.readouterr().out
    assert "walk.csv: rate: 30 Hz assumed (no rate in the file)" in out
    assert "walk.csv: joints: MuJoCo's order assumed (no names)" in out

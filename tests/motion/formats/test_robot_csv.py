"""CSV of robot motion: layouts of others, names, and every way a file can be wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.motion.exporting import import_reference
from mwx.motion.formats.robot_csv import MARK, read_csv
from mwx.motion.formats.robot_motion import RobotMotion
from mwx.robot import H1

BASE = ["root_x", "root_y", "root_z", "root_qx", "root_qy", "root_qz", "root_qw"]


def table(frames: int = 6) -> np.ndarray:
    """Rows of a standing robot that turns: x y z, quaternion x y z w, joints."""
    rows = np.zeros((frames, 26))
    yaw = np.linspace(0, 0.3, frames)
    rows[:, 2], rows[:, 5], rows[:, 6] = 0.98, np.sin(yaw / 2), np.cos(yaw / 2)
    rows[:, 7:] = H1.home_joints + np.linspace(0, 0.1, frames)[:, None]
    return rows


def text(rows: np.ndarray, *before: str) -> str:
    return "\n".join([*before, *(",".join(f"{x:.6f}" for x in row) for row in rows)]) + "\n"


def read(tmp_path: Path, content: str | bytes, fps: float | None = None) -> RobotMotion:
    path = tmp_path / "motion.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(path, fps)


def test_nameless_rows_are_read_at_30_hz_or_as_told(tmp_path: Path) -> None:
    rows = table()
    motion = read(tmp_path, text(rows))
    assert motion.fps == 30 and read(tmp_path, text(rows), fps=60).fps == 60
    np.testing.assert_allclose(motion.qpos[:, :3], rows[:, :3], atol=1e-6)
    np.testing.assert_allclose(motion.qpos[:, 3:7], rows[:, [6, 3, 4, 5]], atol=1e-6)
    np.testing.assert_allclose(motion.qpos[:, 7:], rows[:, 7:], atol=1e-6)


def test_joints_go_by_name(tmp_path: Path) -> None:
    rows = table()
    order = np.random.default_rng(0).permutation(19)
    names = [f"{H1.joint_names[i]}_joint" for i in order]
    shuffled = np.concatenate([rows[:, :7], rows[:, 7:][:, order]], axis=1)
    motion = read(tmp_path, text(shuffled, ",".join(BASE + names)))
    np.testing.assert_allclose(motion.qpos[:, 7:], rows[:, 7:], atol=1e-6)


def test_quaternion_signs_are_made_continuous(tmp_path: Path) -> None:
    rows = table()
    flipped = rows.copy()
    flipped[2:4, 3:7] *= -1
    np.testing.assert_allclose(read(tmp_path, text(flipped)).qpos, read(tmp_path, text(rows)).qpos)


def test_other_rates_become_50_hz_references(tmp_path: Path) -> None:
    path = tmp_path / "squat.csv"
    times = np.arange(31) / 30
    rows = np.repeat(table(1), 31, axis=0)
    rows[:, 7 + H1.joint("left_knee")] = 0.6 + 0.1 * np.sin(2 * np.pi * times)
    path.write_text(text(rows))
    reference = import_reference(path, label="squat")
    assert (reference.fps, reference.label, reference.num_frames) == (50, "squat", 51)
    knee = reference.qvel[2:-2, 6 + H1.joint("left_knee")]
    true = 0.2 * np.pi * np.cos(2 * np.pi * np.arange(51) / 50)[2:-2]
    assert np.sqrt(np.mean((knee - true) ** 2)) < 0.03 * np.sqrt(np.mean(true ** 2))


def cell(value: str, row: int = 2, column: int = 9) -> str:
    lines = [line.split(",") for line in text(table()).splitlines()]
    lines[row][column] = value
    return "\n".join(",".join(line) for line in lines)


HEADER = {"fps": 50, "robot": "h1", "joints": list(H1.joint_names), "label": "x", "loop": False}


@pytest.mark.parametrize(("content", "message"), [
    ("", "0 frames"),
    (text(table(1)), "1 frames"),
    (text(np.repeat(table(3), 20, axis=1)[:, :60]), "53 joints, H1 has 19"),
    (text(np.zeros((3, 36)) + 1), r":1: 29 joints, H1 has 19; 29 are G1"),
    (text(table()[:, :5]), "5 numbers a row"),
    (text(table()) + "1,2,3\n", r":7: 3 numbers, the rows before have 26: cut short"),
    (cell("nan"), r":3: .*not a finite number"),
    (cell("inf"), r":3: .*not a finite"),
    (cell("left"), r":3: 'left' is not a number"),
    (cell("57.3"), r":3: 'left_hip_pitch' is 57.3: in degrees"),
    (cell("1e6", column=0), r":3: the base is more than"),
    (cell("3", column=6), r":3: the base's orientation is no unit quaternion"),
    (text(table(), ",".join([*BASE, "left_kne", *H1.joint_names[1:]])),
     "another robot's motion: .*'left_kne' is none of them: did you mean 'left_knee'"),
    (text(table(), ",".join(BASE + list(H1.joint_names[:-1]))), "26 numbers under 25 names"),
    (text(table(), ",".join(["t", *BASE[:-1], *H1.joint_names])), "first seven columns are t, "),
    (text(table(), ",".join([*BASE[:3], "qw", "qx", "qy", "qz", *H1.joint_names])),
     "x, y, z, w are read"),
    (text(table(), MARK + "{broken"), ":1: damaged header"),
    (text(table(), MARK + json.dumps(HEADER | {"robot": "g1"})), "made for robot 'g1'"),
    (text(table(), MARK + json.dumps(HEADER | {"fps": 0})), "0 frames a second"),
    (text(table(), MARK + json.dumps(HEADER | {"fps": -50})), "-50 frames a second"),
    (text(table(), MARK + json.dumps(HEADER | {"loop": "yes"})), "damaged header"),
    (b"\xff\xfe\x00", ":1: not a text file"),
    (b"1," * 100_000, ":1: .*characters in one line"),
])
def test_spoilt_files_name_file_and_line(tmp_path: Path, content: str | bytes,
                                         message: str) -> None:
    with pytest.raises(MwxError, match=message) as error:
        read(tmp_path, content)
    assert "motion.csv" in str(error.value)


def test_too_long_motions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mwx.motion.formats.robot_motion.MAX_ROWS", 50)
    with pytest.raises(MwxError, match="more than 50 frames; cut"):
        read(tmp_path, text(table(60)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_rubbish_never_raises_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    whole = text(table(3), MARK + json.dumps(HEADER)).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 60)))
    patch = data.draw(st.one_of(st.binary(max_size=12), st.sampled_from(
        [b",", b"\n", b"nan", b"1e999", b"-", b"#", b'"', b"{}", b"[[" * 50])))
    try:
        motion = read(tmp_path, whole[:start] + patch + whole[end:])
    except MwxError as error:
        assert "motion.csv" in str(error)
    else:
        assert np.isfinite(motion.qpos).all()

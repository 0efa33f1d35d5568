"""DeepMimic's JSON: closed forms at rest, clips of pybullet where installed, spoilt files."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.motion import read_clip
from mwx.motion.formats import deepmimic
from mwx.motion.roles import body_points

HALF = np.sqrt(0.5)


def frame(duration: float = 1 / 30, root=(0, 0.9, 0), turn=(1, 0, 0, 0), knee: float = 0.0,
          elbow: float = 0.0) -> list[float]:
    """Return 44 numbers: a standing person with both knees and elbows bent."""
    still = [1, 0, 0, 0]
    leg, arm = [*still, knee, *still], [*still, elbow]
    return [float(x) for x in [duration, *root, *turn, *still, *still, *leg, *arm, *leg, *arm]]


def write(path: Path, frames: list, loop: str = "none") -> Path:
    path.write_text(json.dumps({"Loop": loop, "Frames": frames}))
    return path


def test_rest_pose_in_closed_form(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path / "humanoid3d_stand.txt", [frame()] * 3))
    assert clip.fps == pytest.approx(30) and clip.label == "stand" and not clip.loops
    at = {name: clip.positions_w[0, i] for i, name in enumerate(clip.names)}
    np.testing.assert_allclose(at["root"], [0, 0, 0.9], atol=1e-12)
    # z to the right in the file is -y here; the ankle hangs 0.4215 + 0.4099 under the hip
    np.testing.assert_allclose(at["right_ankle"], [0, -0.0849, 0.9 - 0.8314], atol=1e-12)
    np.testing.assert_allclose(at["left_wrist"], [-0.0241, 0.1831, 0.9 + 0.4797 - 0.5337],
                               atol=1e-12)
    assert any("turned" in note for note in clip.notes)
    assert set(body_points(clip)) >= {"pelvis", "left_toe", "right_elbow", "neck"}


def test_knees_bend_backwards_and_elbows_forwards(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path / "bent.txt", [frame(knee=-np.pi / 2, elbow=np.pi / 2)] * 2))
    at = {name: clip.positions_w[0, i] for i, name in enumerate(clip.names)}
    np.testing.assert_allclose(at["left_ankle"] - at["left_knee"], [-0.4099, 0, 0], atol=1e-12)
    np.testing.assert_allclose(at["left_wrist"] - at["left_elbow"], [0.2589, 0, 0], atol=1e-12)


def test_turns_about_the_vertical(tmp_path: Path) -> None:
    turned = frame(turn=(HALF, 0, HALF, 0), elbow=np.pi / 2)  # 90 deg to the left about y
    clip = read_clip(write(tmp_path / "turned.txt", [turned] * 2))
    at = {name: clip.positions_w[0, i] for i, name in enumerate(clip.names)}
    np.testing.assert_allclose(at["left_wrist"] - at["left_elbow"], [0, 0.2589, 0], atol=1e-12)
    assert clip.rotations_w is not None
    np.testing.assert_allclose(np.linalg.norm(clip.rotations_w, axis=-1), 1)


def test_unequal_durations_are_resampled(tmp_path: Path) -> None:
    moving = [frame(d, (x, 0.9, 0)) for d, x in ((0.1, 0.0), (0.1, 0.1), (0.2, 0.2), (0.1, 0.4))]
    clip = read_clip(write(tmp_path / "uneven.txt", moving))
    np.testing.assert_allclose(clip.positions_w[:, 0, 0], [0, 0.1, 0.2, 0.3, 0.4], atol=1e-9)
    assert any("resampled" in note for note in clip.notes)


def test_loops_close(tmp_path: Path) -> None:
    still = [frame(root=(x, 0.9, 0)) for x in (0, 0.5, 1)]
    assert read_clip(write(tmp_path / "a.txt", still, "wrap")).loops
    clip = read_clip(write(tmp_path / "b.txt", [*still, frame(knee=-2.0)], "wrap"))
    assert not clip.loops and any("no loop" in note for note in clip.notes)


@pytest.mark.parametrize(("content", "message"), [
    ("{", "no DeepMimic motion, or cut short"),
    ("[1, 2]", "no list 'Frames'"),
    ("[" * 10 ** 5, "no DeepMimic motion"),
    ('{"Frames": 3}', "no list 'Frames'"),
    (json.dumps({"Frames": []}), "0 frames"),
    (json.dumps({"Frames": [frame()]}), "1 frames"),
    (json.dumps({"Frames": [frame()[:-1]] * 3}), "frame 0 has 43 numbers"),
    (json.dumps({"Frames": [frame(), 7]}), "frame 1 has '7'"),
    (json.dumps({"Frames": [frame(), [None, *frame()[1:]]]}), "frame 1 holds something"),
    (json.dumps({"Frames": [frame(), [float("nan"), *frame()[1:]]]}), "frame 1 holds something"),
    (json.dumps({"Frames": [[*frame()[:43], 10 ** 400]] * 2}),
     "frame 0 holds something"),
    (json.dumps({"Frames": [frame(0.0)] * 3}), "zero frame rate"),
    (json.dumps({"Frames": [frame(-1.0)] * 3}), "zero frame rate"),
    (json.dumps({"Frames": [frame(turn=(0, 0, 0, 0))] * 3}), "is zero, which"),
    (json.dumps({"Frames": [frame(1e-9), frame(1e-9), frame(9e5), frame()]}), "frames, at most"),
])
def test_spoilt_files_teach(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "spoilt.txt"
    path.write_text(content)
    with pytest.raises(MwxError, match=message):
        read_clip(path)


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(deepmimic.MAX_BYTES + 1)
    with pytest.raises(MwxError, match="at most 64 are read"):
        read_clip(path)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 2000), at=st.integers(0, 2000), byte=st.integers(0, 255))
def test_spoilt_bytes_are_read_or_refused(tmp_path_factory, cut: int, at: int, byte: int) -> None:
    path = write(tmp_path_factory.mktemp("spoilt") / "m.txt", [frame()] * 4)
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(bytes(data[: len(data) - cut % len(data)]))
    try:
        assert np.isfinite(read_clip(path).positions_w).all()
    except MwxError as error:
        assert str(path) in str(error) or "clip" in str(error)


def test_installed_motions_are_found_without_the_engine(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet_data", None)
    with pytest.raises(MwxError, match="not installed here: pip install pybullet"):
        read_clip("deepmimic:walk")
    monkeypatch.delitem(sys.modules, "pybullet_data")
    motions = tmp_path / "pybullet_data" / "data" / "motions"
    motions.mkdir(parents=True)
    (tmp_path / "pybullet_data" / "__init__.py").write_text("raise RuntimeError('imported')")
    write(motions / "humanoid3d_walk.txt", [frame()] * 3)
    monkeypatch.syspath_prepend(tmp_path)
    assert read_clip("deepmimic:walk").label == "walk"
    with pytest.raises(MwxError, match="did you mean 'walk'"):
        read_clip("deepmimic:wolk")


@pytest.mark.parametrize(("name", "speed"), [("walk", 0.98), ("run", 3.56)])
def test_recorded_speeds(name: str, speed: float) -> None:
    """Measured on the clips of pybullet 3.2.7."""
    pytest.importorskip("pybullet_data", reason="the clips come with pybullet")
    clip = read_clip(f"deepmimic:{name}")
    way = np.linalg.norm((clip.positions_w[-1, 0] - clip.positions_w[0, 0])[:2])
    assert way / clip.duration_s == pytest.approx(speed, abs=0.01) and clip.loops
    toes = clip.positions_w[:, [clip.names.index(f"{s}_toe") for s in ("left", "right")], 2]
    assert abs(np.percentile(toes, 2)) < 0.02  # the floor is where the file has it

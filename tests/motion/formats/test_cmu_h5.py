"""dm_control's HDF5 layout rebuilt synthetically; without h5py only its absence is tested."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mwx.errors import MwxError
from mwx.motion import read_clip
from mwx.motion.formats.cmu_h5 import BODIES, clip_names
from mwx.motion.roles import body_points
from mwx.rng import generator

FRAMES = 6
# where a standing body's origins are [m]: dm_control's CMU humanoid, roughly
PLACES = {"root": (0, 0, 0.94), "femur": (0, 0.1, 0.84), "tibia": (0, 0.24, 0.46),
          "foot": (0, 0.38, 0.09), "toes": (0.1, 0.38, 0.05), "thorax": (0, 0, 1.2),
          "lowerneck": (0, 0, 1.3), "head": (0, 0, 1.45), "humerus": (0, 0.18, 1.35),
          "radius": (0, 0.46, 1.35), "wrist": (0, 0.64, 1.35)}


def arrays() -> dict[str, np.ndarray]:
    """Return the datasets of one walker, moving along x."""
    def place(body: str) -> np.ndarray:
        at = np.array(PLACES.get(body, PLACES.get(body[1:], (0, 0, 1))), float)
        return at * [1, -1 if body.startswith("r") and body[1:] in PLACES else 1, 1]

    way = np.linspace(0, 1, FRAMES)[:, None] * [1, 0, 0]
    bodies = np.concatenate([place(b) + way for b in BODIES], axis=1)
    turn = np.tile([1.0, 0, 0, 0], (FRAMES, 1))
    return {"position": (place("root") + way).T, "quaternion": turn.T,
            "body_positions": bodies.T, "body_quaternions": np.tile(turn, len(BODIES)).T}


def write(path: Path, clips: dict[str, dict[str, np.ndarray]], step: float = 0.05) -> Path:
    h5py = pytest.importorskip("h5py", reason="the HDF5 reader needs h5py")
    with h5py.File(path, "w") as file:
        for name, values in clips.items():
            group = file.create_group(name)
            group.attrs["dt"] = step
            walker = group.create_group("walkers/walker_0")
            for key, value in values.items():
                walker[key] = value
    return path


def test_a_clip_of_many(tmp_path: Path) -> None:
    path = write(tmp_path / "cmu.h5", {"CMU_002_01": arrays(), "CMU_016_22": arrays()})
    clip = read_clip(f"{path}:CMU_016_22")
    points = body_points(clip)
    assert clip.fps == pytest.approx(20) and clip.source == "cmu.h5:CMU_016_22"
    for part, body in (("pelvis", "root"), ("left_hip", "femur"), ("left_knee", "tibia"),
                       ("left_ankle", "foot"), ("left_toe", "toes"), ("left_wrist", "wrist"),
                       ("left_shoulder", "humerus"), ("left_elbow", "radius"),
                       ("neck", "lowerneck")):
        np.testing.assert_allclose(points[part][0], PLACES[body], atol=1e-12)
    np.testing.assert_allclose(points["right_knee"][-1], [1, -0.24, 0.46], atol=1e-12)
    assert clip.parents[clip.names.index("left_knee")] == clip.names.index("left_hip")
    assert clip.rotations_w is not None and clip_names(path) == ("CMU_002_01", "CMU_016_22")
    assert len(clip.source_sha256) == 64


def test_which_clip_has_to_be_said(tmp_path: Path) -> None:
    path = write(tmp_path / "cmu.h5", {"CMU_002_01": arrays(), "CMU_016_22": arrays()})
    with pytest.raises(MwxError, match=r"2 clips in it; say which: cmu\.h5:CLIP.*CMU_002_01"):
        read_clip(path)
    with pytest.raises(MwxError, match="no clip 'CMU_016_2' in it: did you mean 'CMU_016_22'"):
        read_clip(f"{path}:CMU_016_2")
    alone = write(tmp_path / "one.h5", {"CMU_002_01": arrays()})
    assert read_clip(alone).source == "one.h5:CMU_002_01"


@pytest.mark.parametrize(("change", "message"), [
    ({"position": None}, "damaged, or not dm_control's"),
    ({"body_positions": np.zeros((87, FRAMES))}, r"'body_positions' has shape \(87, 6\)"),
    ({"body_positions": np.full((90, FRAMES), np.nan)}, "'body_positions' is not a number"),
    ({"position": np.zeros((3, 1))}, "1 frames"),
    ({"position": np.zeros((3, 0))}, "0 frames"),
    ({"position": np.float64(3)}, "0 frames"),
    ({"position": np.full((3, FRAMES), b"abc")}, "expected numbers"),
    ({"body_quaternions": np.zeros((4, FRAMES))}, "'body_quaternions' has shape"),
])
def test_spoilt_clips_teach(tmp_path: Path, change: dict, message: str) -> None:
    values = {k: v for k, v in (arrays() | change).items() if v is not None}
    with pytest.raises(MwxError, match=message):
        read_clip(write(tmp_path / "cmu.h5", {"a": values}))


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan])
def test_zero_frame_rates_teach(tmp_path: Path, step: float) -> None:
    with pytest.raises(MwxError, match="zero frame rate"):
        read_clip(write(tmp_path / "cmu.h5", {"a": arrays()}, step))


def test_long_clips_are_refused_unread(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the HDF5 reader needs h5py")
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group.attrs["dt"] = 0.01
        group.create_dataset("walkers/walker_0/position", (3, 10 ** 6), "f8", chunks=(3, 100))
    with pytest.raises(MwxError, match="1000000 frames, at most 250000"):
        read_clip(path)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 20000), seed=st.integers(0, 2 ** 16))
def test_spoilt_bytes_are_read_or_refused(tmp_path_factory, cut: int, seed: int) -> None:
    path = write(tmp_path_factory.mktemp("spoilt") / "m.h5", {"a": arrays()})
    rng = generator(seed, "bytes")
    data = bytearray(path.read_bytes())
    for at in rng.integers(0, min(len(data), 4096), 3):
        data[at] = int(rng.integers(256))
    path.write_bytes(bytes(data[: len(data) - cut % len(data)] if cut % 2 else data))
    try:
        assert np.isfinite(read_clip(path).positions_w).all()
    except MwxError as error:
        assert "m.h5" in str(error)


def test_the_package_it_needs_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "cmu.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(MwxError, match="package h5py, which is not installed here: pip install"):
        read_clip(tmp_path / "cmu.h5")

"""DeepMimic motions (JSON, as pybullet carries them): 44 numbers a frame -> key points.

A frame: duration [s], root position [m], root turn (w, x, y, z), then of each joint a turn or one
angle. y is up, x forward, z to the right; rest is standing with the arms down; the knee bends
backwards with negative angles about z, the elbow forwards with positive ones (Peng et al. 2018).
"""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mwx.errors import MwxError, nearest
from mwx.maths import rotations
from mwx.motion.clip import MotionClip, check_frames
from mwx.motion.formats import root_path
from mwx.motion.formats.units import TO_Z_UP
from mwx.motion.reference import sha256
from mwx.types import Array

SCHEME = "deepmimic"
WIDTH = 44
MAX_BYTES = 64 * 2 ** 20  # [B]; the longest clip that pybullet carries has 0.2 MB
LICENCE = "zlib (pybullet_data), MIT (DeepMimic); recordings of CMU and SFU, not to be passed on"
NO_TURN = 1e-3  # a quaternion shorter than this has no direction


@dataclass(frozen=True)
class Joint:
    """One point: its parent, offset [m] in the parent's axes, and how many numbers turn it."""

    name: str
    parent: int
    offset: tuple[float, float, float]
    turns: int


# Offsets: humanoid.urdf of pybullet_data, at a quarter of its size; the order is the file's.
# Wrists do not turn; a toe is the front edge of the box that is the foot.
JOINTS = (
    Joint("root", -1, (0, 0, 0), 4),
    Joint("chest", 0, (0, 0.2362, 0), 4),
    Joint("neck", 1, (0, 0.2239, 0), 4),
    Joint("right_hip", 0, (0, 0, 0.0849), 4),
    Joint("right_knee", 3, (0, -0.4215, 0), 1),
    Joint("right_ankle", 4, (0, -0.4099, 0), 4),
    Joint("right_shoulder", 1, (-0.0241, 0.2435, 0.1831), 4),
    Joint("right_elbow", 6, (0, -0.2748, 0), 1),
    Joint("left_hip", 0, (0, 0, -0.0849), 4),
    Joint("left_knee", 8, (0, -0.4215, 0), 1),
    Joint("left_ankle", 9, (0, -0.4099, 0), 4),
    Joint("left_shoulder", 1, (-0.0241, 0.2435, -0.1831), 4),
    Joint("left_elbow", 11, (0, -0.2748, 0), 1),
    Joint("right_toe", 5, (0.1335, -0.05, 0), 0),
    Joint("right_wrist", 7, (0, -0.2589, 0), 0),
    Joint("left_toe", 10, (0.1335, -0.05, 0), 0),
    Joint("left_wrist", 12, (0, -0.2589, 0), 0),
)
CLOSED = 0.1  # [m] mean distance of a loop's last pose from its first, up to which it is one


def read_deepmimic(path: Path) -> MotionClip:
    """Read a DeepMimic motion.

    Raises:
        MwxError: no such motion, damaged, wrong counts, or not a number somewhere.
    """
    data, frames, wraps = _parsed(path)
    fps, frames, notes = _even(frames, path)
    positions, turns = _forward(frames)
    positions, moved = root_path.on_its_path([j.name for j in JOINTS], positions, fps, up="y",
                                             source=str(path))
    seam = _seam(positions) if wraps else np.inf
    if wraps:
        notes += (f"a loop by the file: its ends are {100 * seam:.0f} cm apart in the mean"
                  + ("" if seam < CLOSED else ", too far: read as no loop"),)
    return MotionClip(
        tuple(j.name for j in JOINTS), tuple(j.parent for j in JOINTS),
        rotations.rotate(TO_Z_UP["y"], positions), fps, rotations.multiply(TO_Z_UP["y"], turns),
        source=path.name, source_sha256=sha256(data), licence=LICENCE,
        notes=("units: metres (by the format)", "y up, turned (by the format)", *moved, *notes),
        label=path.stem.removeprefix("humanoid3d_"), loops=seam < CLOSED)


def installed_motion(name: str) -> Path:
    """Return the file of a motion in an installed pybullet, e.g. of "walk".

    Raises:
        MwxError: pybullet is not installed, or has no such motion.
    """
    try:
        spec = importlib.util.find_spec("pybullet_data")  # finds it without starting the engine
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    known = {p.stem.removeprefix("humanoid3d_"): p for place in places
             for p in sorted(Path(place, "data", "motions").glob("humanoid3d_*.txt"))}
    if not known:
        raise MwxError(f"{SCHEME}:{name}: these motions come with the package pybullet, which is "
                       "not installed here: pip install pybullet (100 MB), or give the path of a "
                       "humanoid3d_*.txt file")
    if name not in known:
        raise MwxError(f"{SCHEME}:{name}: pybullet has no such motion: "
                       f"{nearest(name, known)}known: {', '.join(known)}")
    return known[name]


def _parsed(path: Path) -> tuple[bytes, Array, bool]:
    """Return the file's bytes, frames (T, 44) and whether it says that it loops."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise MwxError(f"{path}: {size / 2 ** 20:.0f} MiB, at most {MAX_BYTES >> 20} are read "
                           "of a DeepMimic motion; cut it into clips")
        data = path.read_bytes()
        content = json.loads(data.decode("utf-8"))
    except OSError as error:
        raise MwxError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # also of the encoding
        raise MwxError(f"{path}: no DeepMimic motion, or cut short: {error}") from None
    rows = content.get("Frames") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise MwxError(f"{path}: no DeepMimic motion: the JSON has no list 'Frames'")
    check_frames(len(rows), str(path))
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != WIDTH:
            found = f"{len(row)} numbers" if isinstance(row, list) else f"'{str(row)[:40]}'"
            raise MwxError(f"{path}: frame {i} has {found}, a humanoid's has {WIDTH}"
                           " (duration, root, 12 joints)")
        if not all(type(x) in (int, float) and abs(x) < 1e6 for x in row):
            raise MwxError(f"{path}: frame {i} holds something that is no number, or none that a "
                           "motion has; cut the clip there or fill the gap")
    return data, np.array(rows, float), content.get("Loop") in ("wrap", True)


def _even(frames: Array, path: Path) -> tuple[float, Array, tuple[str, ...]]:
    """Return the rate [Hz], frames (T, 43) evenly spaced in time, and notes."""
    durations = frames[:-1, 0]  # the last lasts no time
    if not (durations > 0).all():
        frame = int(np.argmin(durations))
        raise MwxError(f"{path}: frame {frame} lasts {durations[frame]} s, a zero frame rate")
    step = float(np.median(durations))
    _check_turns(frames, path)
    if np.abs(durations / step - 1).max() < 0.01:
        return 1 / step, frames[:, 1:], ()
    times = np.concatenate([[0], np.cumsum(durations)])
    check_frames(int(times[-1] / step) + 1, str(path))
    wanted = np.arange(0, times[-1] + 1e-9, step)
    start = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, len(frames) - 2)
    part = (wanted - times[start]) / durations[start]
    a, b = frames[start, 1:], frames[start + 1, 1:]
    out = a + part[:, None] * (b - a)
    for at in _quaternion_columns():
        out[:, at] = rotations.slerp(a[:, at], b[:, at], part)
    return 1 / step, out, ("frames of unequal duration: resampled",)


def _quaternion_columns() -> list[slice]:
    """Return where turns of four numbers lie in a frame without its duration."""
    places, at = [], 3
    for joint in JOINTS:
        if joint.turns == 4:
            places.append(slice(at, at + 4))
        at += joint.turns
    return places


def _check_turns(frames: Array, path: Path) -> None:
    """Make every quaternion in frames (T, 44) a unit one, in place."""
    rows = frames[:, 1:]
    for at in _quaternion_columns():
        length = np.linalg.norm(rows[:, at], axis=1, keepdims=True)
        if (length < NO_TURN).any():
            raise MwxError(f"{path}: a quaternion of frame {int(np.argmin(length))} is zero, which "
                           "turns nowhere")
        rows[:, at] /= length


def _forward(frames: Array) -> tuple[Array, Array]:
    """Return positions (T, J, 3) [m] and turns (T, J, 4), y up, of frames (T, 43)."""
    count = len(frames)
    where = np.empty((count, len(JOINTS), 3))
    turned = np.empty((count, len(JOINTS), 4))
    at = 3
    for j, joint in enumerate(JOINTS):
        values = frames[:, at:at + joint.turns]
        at += joint.turns
        local = values if joint.turns == 4 else rotations.about(
            "z", values[:, 0] if joint.turns else np.zeros(count))
        if joint.parent < 0:
            where[:, j], turned[:, j] = frames[:, :3], local
        else:
            parent = turned[:, joint.parent]
            offset = np.broadcast_to(np.array(joint.offset, float), (count, 3))
            where[:, j] = where[:, joint.parent] + rotations.rotate(parent, offset)
            turned[:, j] = rotations.multiply(parent, local)
    return where, turned


def _seam(positions: Array) -> float:
    """Return the mean distance [m] of the last pose from the first, as the root sees them.

    The pose may have moved, and turned about the vertical (y), in between.
    """
    ends = positions[[0, -1]] - positions[[0, -1], :1]
    first, last = ends[:, :, 0] + 1j * ends[:, :, 2]
    overlap = np.sum(last * first.conj())
    gap = last - first * overlap / max(abs(overlap), 1e-12)
    lift = positions[-1, :, 1] - positions[0, :, 1]
    return float(np.hypot(np.abs(gap), lift).mean())

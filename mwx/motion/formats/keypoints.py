"""Key points in an npz file: joint_pos_w (T, J, 3), joint_names (J,), fps.

`parents` (J,), `joint_rot_w` (T, J, 4; w, x, y, z), `licence`, `label` and `loops` are used where
present. Metres with z up by definition; where the body shows other units or another up axis, it is
turned and the clip's notes say so.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.motion.formats import npz, units
from mwx.motion.reference import sha256

NEEDED = ("joint_pos_w", "joint_names", "fps")
OTHERS = ("parents", "joint_rot_w", "licence", "label", "loops")


def read_keypoints(path: Path) -> MotionClip:
    """Read a key-point file.

    Raises:
        MwxError: no npz, cut short, other contents, or not a number somewhere.
    """
    found = npz.array_names(path)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise MwxError(f"{path}: no key-point file: it lacks {', '.join(missing)} and holds "
                       f"{', '.join(found) or 'nothing'}")
    arrays = npz.read_arrays(path, NEEDED + OTHERS, rows=("joint_pos_w", "joint_rot_w"))
    names = tuple(str(x) for x in np.atleast_1d(arrays["joint_names"]).reshape(-1))
    _check_points(arrays, names, path)
    turns = npz.numbers(arrays, "joint_rot_w", path, (len(names), 4)) if (
        "joint_rot_w" in arrays) else None
    points, turns, notes = units.to_metres_z_up(
        names, arrays["joint_pos_w"].astype(float), turns, up="z", source=str(path))
    return MotionClip(
        names, _parents(arrays, len(names), path), points, npz.number(arrays, "fps", path), turns,
        source=path.name, source_sha256=sha256(path.read_bytes()),
        licence=npz.text(arrays["licence"]) if "licence" in arrays else "unknown", notes=notes,
        label=npz.text(arrays["label"]) if "label" in arrays else "",
        loops="loops" in arrays and bool(npz.number(arrays, "loops", path)))


def write_keypoints(clip: MotionClip, path: Path) -> Path:
    """Write a clip as a key-point file: all of it, or, if anything fails, nothing."""
    arrays: dict[str, Any] = {"joint_pos_w": clip.positions_w, "joint_names": np.array(clip.names),
              "parents": np.array(clip.parents), "fps": np.array(clip.fps),
              "licence": np.array(clip.licence), "label": np.array(clip.label),
              "loops": np.array(int(clip.loops))}
    if clip.rotations_w is not None:
        arrays["joint_rot_w"] = clip.rotations_w
    return npz.write_arrays(path, arrays)


def _check_points(arrays: dict[str, npz.Array], names: tuple[str, ...], path: Path) -> None:
    """Say which point is wrong, by its name."""
    points = arrays["joint_pos_w"]
    if points.ndim == 3 and points.dtype.kind in "iuf" and points.shape[1:] == (len(names), 3):
        wrong = np.argwhere(~np.isfinite(points))
        if len(wrong):
            frame, joint = wrong[0][:2]
            raise MwxError(f"{path}: the position of '{names[joint]}' is not a number in frame "
                           f"{frame}; cut the clip there or fill the gap")
    npz.numbers(arrays, "joint_pos_w", path, (len(names), 3))


def _parents(arrays: dict[str, npz.Array], joints: int, path: Path) -> tuple[int, ...]:
    if "parents" not in arrays:
        return (-1,) * joints
    parents = arrays["parents"]
    if parents.shape != (joints,) or parents.dtype.kind not in "iu":
        raise MwxError(f"{path}: 'parents' has shape {parents.shape} and type {parents.dtype}, "
                       f"expected {joints} indices of points")
    return tuple(int(x) for x in parents)

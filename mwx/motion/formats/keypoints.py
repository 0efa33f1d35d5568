"""Key points in an npz file: joint_pos_w (T, J, 3), joint_names (J,), fps.

`parents` (J,), `joint_rot_w` (T, J, 4; w, x, y, z), `licence`, `label` and `loops` are used where
present. Metres with z up by definition; where the body shows other units or another up axis, it is
turned and the clip's notes say so. Points without names are read where they are SMPL's joints in
their order, as HumanML3D has them, by the look of their bones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.files import write_npz
from mwx.motion.clip import MotionClip
from mwx.motion.formats import npz, root_path, units
from mwx.motion.formats.smpl_body import BODY, KINDS, NAMES, PARENTS
from mwx.motion.reference import sha256
from mwx.motion.roles import find_parts, with_told
from mwx.types import Array

POINTS = ("joint_pos_w", "joint_positions", "joints", "positions", "keypoints", "keypoints3d",
          "joints3d", "xyz")
OTHERS = ("parents", "joint_rot_w", "licence", "label", "loops")
STEADY = 0.02  # part of its length by which a bone may vary, or differ from its twin
TWINS = [(i, NAMES.index("R" + name[1:])) for i, name in enumerate(NAMES) if name[:2] == "L_"]


def read_keypoints(path: Path, fps: float | None = None, told: Mapping[str, str] | None = None
                   ) -> MotionClip:
    """Read a key-point file.

    Args:
        path: the .npz file; fps: [Hz] in place of the file's.
        told: name of a point -> part of the body it plays.

    Raises:
        MwxError: no npz, cut short, other contents, or not a number somewhere.
    """
    spare = (*OTHERS, *npz.RATES)
    arrays = npz.read_arrays(path, (*POINTS, "joint_names", *spare), (*POINTS, "joint_rot_w"),
                             spare)
    where = next((name for name in POINTS if name in arrays), None)
    if where is None:
        raise MwxError(f"{path}: no key-point file: it lacks {POINTS[0]} and holds "
                       f"{', '.join(npz.array_names(path)) or 'nothing'}")
    rate, said = npz.frame_rate(arrays, path, fps, "HumanML3D's is 20; ")
    points = arrays[where][0] if arrays[where].ndim == 4 and len(arrays[where]) == 1 else (
        arrays[where])
    if "joint_names" in arrays:
        names = tuple(npz.text(np.array([x])) for x in arrays["joint_names"].reshape(-1))
        parents = _parents(arrays, len(names), path)
    else:
        points, said = _smpl(points, where, path), (*said, "joints: SMPL's (no names in the file)")
        names, parents = NAMES, PARENTS
    _check_points(points, names, where, path)
    names = with_told(names, told, str(path))
    turns = npz.numbers(arrays, "joint_rot_w", path, (len(names), 4)) if (
        "joint_rot_w" in arrays) else None
    points, turns, notes = units.to_metres_z_up(
        names, points.astype(float), turns, up="z", source=str(path), parents=parents)
    points, moved = root_path.on_its_path(
        names, points, rate, up="z", source=str(path), parents=parents,
        root=find_parts(names, parents, points).get("pelvis", 0))
    notes += (*moved, *said, *npz.left_out(path, arrays, spare))
    return MotionClip(
        names, parents, points, rate, turns,
        source=path.name, source_sha256=sha256(path.read_bytes()),
        licence=npz.text(arrays["licence"]) if "licence" in arrays else "unknown", notes=notes,
        label=npz.text(arrays["label"]) if "label" in arrays else "",
        loops="loops" in arrays and bool(npz.number(arrays, "loops", path)))


def is_body(points: Array) -> bool:
    """Whether points (T, J, 3) move like SMPL's joints in their order, in any unit.

    Their bones keep their lengths, those of the left are as long as those of the right, and none
    is missing.
    """
    if points.ndim != 3 or points.shape[1] < BODY or points.shape[2] != 3 or len(points) < 2:
        return False
    some = points[:: max(1, len(points) // 50), :BODY].astype(float)
    bones = np.linalg.norm(some[:, 1:] - some[:, list(PARENTS[1:])], axis=-1)
    length = np.median(bones, axis=0)
    left, right = (length[[pair[side] - 1 for pair in TWINS]] for side in (0, 1))
    moves = np.ptp(some - some[:, :1], axis=0).max() > 0
    return bool(moves and (length > STEADY * length.max()).all()
                and (np.ptp(bones, axis=0) < STEADY * length).all()
                and (np.abs(left - right) < 5 * STEADY * (left + right)).all())


def write_keypoints(clip: MotionClip, path: Path) -> Path:
    """Write a clip as a key-point file: all of it, or, if anything fails, nothing."""
    arrays: dict[str, Any] = {"joint_pos_w": clip.positions_w, "joint_names": np.array(clip.names),
              "parents": np.array(clip.parents), "fps": np.array(clip.fps),
              "licence": np.array(clip.licence), "label": np.array(clip.label),
              "loops": np.array(int(clip.loops))}
    if clip.rotations_w is not None:
        arrays["joint_rot_w"] = clip.rotations_w
    return write_npz(path, arrays)


def _smpl(points: Array, name: str, path: Path) -> Array:
    """Return SMPL's 22 body joints (T, 22, 3) of points that have no names."""
    known = points.ndim == 3 and points.shape[1] in (BODY, *KINDS) and points.dtype.kind in "iuf"
    if not known or not is_body(points):
        raise MwxError(f"{path}: '{name}' {points.shape} has no joint_names beside it, and its "
                       "points are not SMPL's joints in their order; add joint_names")
    return points[:, :BODY]


def _check_points(points: Array, names: tuple[str, ...], where: str, path: Path) -> None:
    """Say which point is wrong, by its name."""
    if points.ndim == 3 and points.dtype.kind in "iuf" and points.shape[1:] == (len(names), 3):
        wrong = np.argwhere(~np.isfinite(points))
        if len(wrong):
            frame, joint = wrong[0][:2]
            raise MwxError(f"{path}: the position of '{names[joint]}' is not a number in frame "
                           f"{frame}; cut the clip there or fill the gap")
    npz.numbers({where: points}, where, path, (len(names), 3))


def _parents(arrays: dict[str, Array], joints: int, path: Path) -> tuple[int, ...]:
    if "parents" not in arrays:
        return (-1,) * joints
    parents = arrays["parents"]
    if parents.shape != (joints,) or parents.dtype.kind not in "iu":
        raise MwxError(f"{path}: 'parents' has shape {parents.shape} and type {parents.dtype}, "
                       f"expected {joints} indices of points")
    return tuple(int(x) for x in parents)

"""Joint angles of an SMPL body and its root path, in the layouts that files have.

Angles are axis times angle [rad], or rotation matrices; of the whole body in one array, or of the
root and the other joints apart. Names: AMASS' own and smplx's, and those of AIST++, PHC, WHAM and
TRAM. A leading or middle axis of one (a batch of one clip, a single root joint) is taken out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion.clip import check_frames
from mwx.motion.formats import npz
from mwx.motion.formats.keypoints import is_body
from mwx.motion.formats.smpl_body import BODY, KINDS
from mwx.types import Array

WHOLE = ("poses", "pose_world", "smpl_poses", "pose_aa", "fullpose", "full_pose", "pose",
         "pred_rotmat")
ROOTS = ("root_orient", "global_orient")
BODIES = ("pose_body", "body_pose")
TRANS = ("trans_world", "trans", "transl", "smpl_trans", "trans_orig", "root_trans_offset",
         "root_trans", "pred_trans")
AT_ROOT = ("root_trans_offset",)  # of the pelvis itself, not of the model's origin
CAMERA = ("pred_rotmat", "pred_trans")  # in the axes of a camera that may move
SCALE = "smpl_scaling"  # AIST++'s path is that of a body so many times as large
BETAS = ("betas", "beta", "pred_shape")
ANGLES = (*WHOLE, *ROOTS, *BODIES, *TRANS)
LAYOUTS = {BODY: "the body alone", **KINDS}  # joints -> what they are of
FULL_TURN = 2 * np.pi * 1.01  # [rad] no joint turns further: such angles are degrees


def first(arrays: dict[str, Array], names: Sequence[str]) -> str | None:
    """Return the first of some names that a file has."""
    return next((name for name in names if name in arrays), None)


def poses(arrays: dict[str, Array], path: Path) -> tuple[Array, tuple[str, ...]]:
    """Return angles (T, 22, 3) [rad] of the body's joints, and notes.

    Args:
        arrays: of the file; path: of the file, for errors.

    Raises:
        MwxError: no such arrays, another layout, not finite; key points under the name of angles.
    """
    angles = _whole(arrays, path)
    check_frames(len(angles), str(path))
    degrees = float(np.linalg.norm(angles, axis=-1).max(axis=0)[1:].max())
    notes = ("in the axes of the camera, which is taken to rest",) if first(arrays, CAMERA) else ()
    if degrees > FULL_TURN:
        return np.radians(angles), (*notes, f"angles: degrees (up to {degrees:.3g} in the file)")
    return angles, notes


def _whole(arrays: dict[str, Array], path: Path) -> Array:
    root, body = first(arrays, ROOTS), first(arrays, BODIES)
    whole = first(arrays, WHOLE) or (body if root is None else None)
    if whole is not None:
        found = _rows(arrays, whole, path, tuple(LAYOUTS))
        if found is not None:
            _check_angles(found, whole, path)
            return found[:, :BODY]
        body = body or whole
        if root is None and whole in WHOLE:
            kinds = ", ".join(f"{3 * n} ({kind})" for n, kind in LAYOUTS.items())
            raise MwxError(f"{path}: {_shape(arrays, whole)}, expected (frames, n) with n one of "
                           f"{kinds}, or (frames, joints, 3)")
    missing = [one for one, name in (("root_orient", root), ("pose_body", body)) if name is None]
    if root is None or body is None:
        raise MwxError(f"{path}: no AMASS motion: it has neither 'poses' nor {missing[0]!r}")
    turns, rest = _rows(arrays, root, path, (1,)), _rows(arrays, body, path, (21, 23))
    for name, found, wanted in ((root, turns, "3"), (body, rest, "63 or 69")):
        if found is None:
            raise MwxError(f"{path}: {_shape(arrays, name)}, expected (frames, {wanted})")
    assert turns is not None and rest is not None
    if len(turns) != len(rest):
        raise MwxError(f"{path}: {len(turns)} frames of '{root}' and {len(rest)} of '{body}'; the "
                       "file is cut or put together wrongly")
    return np.concatenate([turns, rest[:, :BODY - 1]], axis=1)


def trans(arrays: dict[str, Array], path: Path, frames: int) -> tuple[Array, str | None]:
    """Return the root path (T, 3) in file units and its name; zeros where the file has none.

    Raises:
        MwxError: another shape, not finite, another number of frames.
    """
    name = first(arrays, TRANS)
    if name is None:
        return np.zeros((frames, 3)), None
    rows = _rows(arrays, name, path, (1,))
    if rows is None:
        raise MwxError(f"{path}: {_shape(arrays, name)}, expected (frames, 3)")
    if len(rows) != frames:
        raise MwxError(f"{path}: {frames} frames of angles and {len(rows)} of '{name}'; the file "
                       "is cut or put together wrongly")
    scale = npz.number(arrays, SCALE, path) if SCALE in arrays and name == "smpl_trans" else 1.0
    if not np.isfinite(scale) or scale <= 0:
        raise MwxError(f"{path}: '{SCALE}' is {scale}, expected a positive number")
    return rows[:, 0] / scale, name


def _rows(arrays: dict[str, Array], name: str, path: Path, joints: tuple[int, ...]
          ) -> Array | None:
    """Return an array as (T, J, 3) with J one of `joints`, or None where it has another shape."""
    value = arrays[name]
    views = [value, *(value[0] for _ in "x" if value.ndim > 2 and len(value) == 1),
             *(value[:, 0] for _ in "x" if value.ndim > 2 and value.shape[1] == 1)]
    for view in views:
        shape = view.shape
        matrices = shape[-2:] == (3, 3) and (shape[1:-2] or (1,)) in [(n,) for n in joints]
        if matrices and view.ndim in (3, 4):
            return _turned(view.reshape(len(view), -1, 3, 3), name, path)
        if (view.ndim == 3 and shape[2] == 3 and shape[1] in joints) or (
                view.ndim == 2 and shape[1] in [3 * n for n in joints]):
            flat = npz.numbers({name: view}, name, path, shape[1:])
            return flat.reshape(len(flat), -1, 3)
    return None


def _turned(matrices: Array, name: str, path: Path) -> Array:
    """Return rotation matrices (T, J, 3, 3) as axis times angle (T, J, 3)."""
    values = npz.numbers({name: matrices}, name, path, matrices.shape[1:])
    if np.abs(values @ values.swapaxes(-1, -2) - np.eye(3)).max() > 1e-2 or (
            np.linalg.det(values) < 0).any():
        raise MwxError(f"{path}: '{name}' has the shape of rotation matrices and holds others")
    return rotations.log(rotations.from_matrix(values))


def _shape(arrays: dict[str, Array], name: str) -> str:
    return f"'{name}' has shape {arrays[name].shape}"


def _check_angles(angles: Array, name: str, path: Path) -> None:
    """Refuse key points: their bones keep their lengths, which angles do not."""
    if is_body(angles):
        raise MwxError(f"{path}: '{name}' holds key points, not angles: its bones keep their "
                       "lengths. Save them as joint_pos_w with joint_names and fps")

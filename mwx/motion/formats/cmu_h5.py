"""dm_control's CMU recordings (HDF5): the CMU data base on dm_control's humanoid.

A file (cmu_2019_*.h5, cmu_2020_*.h5) holds many clips by name, each with the attributes `dt` [s]
and `num_steps`, and in walkers/walker_0 the arrays position (3, T), quaternion (4, T; w, x, y, z)
and body_positions (90, T) and body_quaternions (120, T) of 30 bodies in the world, z up. A body
lies at its near joint: "lfemur" is at the hip. Write the clip after the file: FILE.h5:CLIP.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError, nearest
from mwx.motion.clip import MotionClip, check_frames
from mwx.motion.formats import units
from mwx.motion.reference import sha256
from mwx.types import Array

WALKER = "walkers/walker_0"
# bodies of the CMU humanoid (V2019, V2020) below the root, in the order of its model
BODIES = ("lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes", "rhipjoint", "rfemur", "rtibia",
          "rfoot", "rtoes", "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head",
          "lclavicle", "lhumerus", "lradius", "lwrist", "lhand", "lfingers", "lthumb",
          "rclavicle", "rhumerus", "rradius", "rwrist", "rhand", "rfingers", "rthumb")
# body -> the joint at its origin
JOINTS = {"femur": "hip", "tibia": "knee", "foot": "ankle", "toes": "toe", "humerus": "shoulder",
          "radius": "elbow", "wrist": "wrist"}
POINTS = {"root": "pelvis", "thorax": "chest", "lowerneck": "neck", "head": "skull",
          **{f"{s}{body}": f"{side}_{joint}" for s, side in (("l", "left"), ("r", "right"))
             for body, joint in JOINTS.items()}}
CHAIN = {"chest": "pelvis", "neck": "chest", "skull": "neck",
         **{f"{side}_{joint}": parent if parent in ("pelvis", "chest") else f"{side}_{parent}"
            for side in ("left", "right") for joint, parent in
            (("hip", "pelvis"), ("knee", "hip"), ("ankle", "knee"), ("toe", "ankle"),
             ("shoulder", "chest"), ("elbow", "shoulder"), ("wrist", "elbow"))}}
LICENCE = "CMU Graphics Lab motion capture: free for all uses; fitted by dm_control (Apache-2.0)"


def read_cmu_h5(path: Path, clip: str | None = None) -> MotionClip:
    """Read one clip of a file.

    Args:
        path: the .h5 file.
        clip: its name, needed where the file holds several.

    Raises:
        MwxError: h5py is not installed; absent, damaged or another file; no such clip.
    """
    with _opened(path) as file:
        name = _chosen(_names(file, path), clip, path)
        try:
            return _clip(file[name], f"{path.name}:{name}")
        except MwxError:
            raise
        except Exception as error:  # as in `_names`
            raise MwxError(f"{path}: clip '{name}' is damaged, or not dm_control's "
                           f"({type(error).__name__}: {error})") from None


def clip_names(path: Path) -> tuple[str, ...]:
    """Return the names of the clips in a file.

    Raises:
        MwxError: h5py is not installed; absent or damaged.
    """
    with _opened(path) as file:
        return _names(file, path)


def _names(file: Any, path: Path) -> tuple[str, ...]:
    try:
        return tuple(file)
    except Exception as error:  # h5py has dozens for a spoilt file
        raise MwxError(f"{path}: damaged: its list of clips cannot be read ({error})") from None


def _opened(path: Path):
    try:
        import h5py
    except ImportError:
        raise MwxError(f"{path}: HDF5 files are read with the package h5py, which is not "
                       "installed here: pip install h5py") from None
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except Exception as error:  # as in `_names`
        raise MwxError(f"{path}: damaged, or no HDF5 file ({error})") from None


def _chosen(known: tuple[str, ...], clip: str | None, path: Path) -> str:
    if clip is None and len(known) == 1:
        return known[0]
    some = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    if clip is None:
        raise MwxError(f"{path}: {len(known)} clips in it; say which: {path.name}:CLIP with CLIP "
                       f"of {some or 'none'}")
    if clip not in known:
        raise MwxError(f"{path}: no clip '{clip}' in it: {nearest(clip, known)}it has {some}")
    return clip


def _clip(group: Any, source: str) -> MotionClip:
    walker = group[WALKER]
    step = float(group.attrs["dt"])
    if not np.isfinite(step) or step <= 0:
        raise MwxError(f"{source}: {step} s a frame, a zero frame rate")
    shape = walker["position"].shape
    check_frames(shape[-1] if shape else 0, source)
    root = _rows(walker, "position", 1, 3, source)
    bodies = _rows(walker, "body_positions", len(BODIES), 3, source)
    points = _named(root, bodies)
    turns = None
    if "body_quaternions" in walker and "quaternion" in walker:
        turns = _named(_rows(walker, "quaternion", 1, 4, source),
                       _rows(walker, "body_quaternions", len(BODIES), 4, source))
    names = tuple(POINTS.values())
    points, turns, notes = units.to_metres_z_up(names, points, turns, up="z", unit="metres",
                                                source=source)
    parents = tuple(names.index(CHAIN[n]) if n in CHAIN else -1 for n in names)
    return MotionClip(names, parents, points, 1 / step, turns, source=source,
                      source_sha256=_fingerprint(root, bodies), licence=LICENCE, notes=notes)


def _rows(walker: Any, name: str, count: int, width: int, source: str) -> Array:
    """Return values (T, count, width) of an array (count * width, T)."""
    item = walker[name]
    frames = walker["position"].shape[-1]
    if item.shape != (count * width, frames):
        raise MwxError(f"{source}: '{name}' has shape {item.shape}, expected "
                       f"({count * width}, {frames})")
    if item.dtype.kind not in "iuf":
        raise MwxError(f"{source}: '{name}' has type {item.dtype}, expected numbers")
    values = np.asarray(item, float)
    if not np.isfinite(values).all():
        raise MwxError(f"{source}: '{name}' is not a number in frame "
                       f"{int(np.argwhere(~np.isfinite(values))[0][1])}; choose another clip")
    return values.T.reshape(frames, count, width)


def _named(root: Array, bodies: Array) -> Array:
    """Return the rows (T, J, D) of the points of `POINTS`."""
    every = np.concatenate([root, bodies], axis=1)
    index = {"root": 0} | {name: i + 1 for i, name in enumerate(BODIES)}
    return every[:, [index[body] for body in POINTS]]


def _fingerprint(root: Array, bodies: Array) -> str:
    """Return the SHA-256 of the clip's numbers; the file (480 MB) holds two thousand others."""
    return sha256(root.tobytes() + bodies.tobytes())

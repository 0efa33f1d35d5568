"""BVH: a skeleton and its motion in one text file (CMU, LAFAN1, Mixamo and their kin).

A joint's CHANNELS name its Euler turns in the order they are multiplied, each about the axes the
one before left (intrinsic), in degrees: R = R_1 R_2 R_3, G_child = G_parent R and
p_child = p_parent + G_parent t, where t is the joint's OFFSET, or its position channels if it has
any. The file says neither its unit nor which way is up: the body tells, and the notes say so.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.motion.formats import root_path, units
from mwx.motion.formats.bvh_text import Joint, Motion, parse
from mwx.motion.formats.text import read_bytes
from mwx.motion.reference import sha256
from mwx.motion.roles import with_told
from mwx.types import Array

CHUNK = 2048  # frames at a time, so that the work stays in the cache
LOOK = 500  # frames from which unit and up axis are found
JUMP = 12.0  # [m/s] no limb is faster than this against the root


def read_bvh(path: Path, up: str | None = None, unit: str | None = None,
             fps: float | None = None, told: Mapping[str, str] | None = None) -> MotionClip:
    """Read a BVH file; what was found out or assumed is in the clip's notes.

    Args:
        path: the file.
        fps: [Hz] instead of the file's; told: joint -> part it plays, where names do not tell.
        up: the file's vertical axis, of `units.TO_Z_UP`; found out unless given.
        unit: of `units.UNITS`; found out from the size of the skeleton unless given.

    Raises:
        MwxError: no BVH, cut short, wrong counts, not a number, nobody's size; with file and line.
    """
    data = read_bytes(path)
    motion = parse(path, data, fps)
    written = tuple(j.name for j in motion.joints)
    names, notes = _bare(written)
    plain = dict(zip(written, names, strict=True))
    names = with_told(names, {plain.get(name, name): part for name, part in (told or {}).items()},
                      str(path))
    added, more = _displacements(motion)
    metres, turn, found = _world(names, motion, added, up, unit, path)
    positions, turns = _forward(motion, added, metres, turn)
    parents = tuple(j.parent for j in motion.joints)
    start = _calibration_frames(positions, motion.fps)
    if start:
        more += ("frame 1 is a calibration pose far from frame 2: left out",)
    positions, moved = root_path.on_its_path(names, positions[start:], motion.fps, up="z",
                                             source=str(path), unit=metres, parents=parents)
    return MotionClip(names, parents, positions, motion.fps, turns[start:],
                      source=path.name, source_sha256=sha256(data),
                      licence="as the source",
                      notes=(*found, *moved, *notes, *more, *motion.notes))


def _world(names: Sequence[str], motion: Motion, added: bool, up: str | None, unit: str | None,
           path: Path) -> tuple[float, Array, tuple[str, ...]]:
    """Return metres per file unit, the turn (4,) to z up, and what was found out."""
    for what, given, known in (("up axis", up, units.TO_Z_UP), ("unit", unit, units.UNITS)):
        if given is not None and given not in known:
            raise MwxError(f"{what} '{given}': known: {', '.join(known)}")
    some = motion.values[:: max(1, len(motion.values) // LOOK)]
    positions, _ = _chain(motion.joints, some.T, added, 1.0, units.TO_Z_UP["z"])
    points = np.moveaxis(positions, -1, 0)
    parents = [j.parent for j in motion.joints]
    metres, said_unit = ((units.UNITS[unit], f"units: {unit}, as told") if unit else
                         units.unit_of(names, points, str(path), parents))
    axis, said_axis = (up, f"{up} up, as told") if up else _up_axis(names, motion, points, parents)
    return metres, units.TO_Z_UP[axis], (said_unit, said_axis)


def _up_axis(names: Sequence[str], motion: Motion, points: Array, parents: Sequence[int]
             ) -> tuple[str, str]:
    """Return the axis that is up; one who lies or crawls on the spot must not make z the vertical.

    Where the motion and the habit (y) disagree, y stays if the skeleton at rest stands along it,
    unless the lowest points move along y and stay level along the other.
    """
    axis, said = units.up_axis(names, points, "y", parents)
    rest, _ = _chain(motion.joints, np.zeros((motion.values.shape[1], 1)), True, 1.0,
                     units.TO_Z_UP["z"])
    if axis == "y" or units.up_axis(
            names, np.moveaxis(rest, -1, 0), "x", parents)[0] != "y":
        return axis, said
    lowest = points.min(axis=1) if "-" not in axis else points.max(axis=1)
    spread = np.ptp(np.percentile(lowest, [5, 95], axis=0), axis=0)
    if spread["xyz".index(axis[-1])] < spread[1] / 2:
        return axis, said
    return "y", "y up, turned (the skeleton at rest stands along it; the person lies or crawls)"


def _calibration_frames(positions: Array, fps: float) -> int:
    """Return 1 where frame 0 is a calibration pose that the motion jumps away from, else 0."""
    if len(positions) < 4:
        return 0
    few = positions[:2000]
    steps = np.linalg.norm(np.diff(few - few[:, :1], axis=0), axis=-1).max(axis=1)
    return int(steps[0] * fps > JUMP and steps[0] > 4 * steps[1:].max())


def _forward(motion: Motion, added: bool, metres: float, turn: Array) -> tuple[Array, Array]:
    """Return positions (T, J, 3) [m] and turns (T, J, 4), z up."""
    shape = (len(motion.values), len(motion.joints))
    positions, turns = np.empty((*shape, 3)), np.empty((*shape, 4))
    for start in range(0, shape[0], CHUNK):
        part = slice(start, start + CHUNK)
        places, local = _chain(motion.joints, motion.values[part].T, added, metres, turn)
        positions[part], turns[part] = np.moveaxis(places, -1, 0), np.moveaxis(local, -1, 0)
    return positions, turns


def _chain(joints: tuple[Joint, ...], values: Array, added: bool, metres: float, world: Array
           ) -> tuple[Array, Array]:
    """Return positions (J, 3, T) and turns (J, 4, T) of values (channels, T).

    Time comes last: every operation then runs along memory.

    Args:
        added: position channels below the root add to OFFSET.
        metres: per file unit; world: (4,) turn from the file's axes to z up.
    """
    frames = values.shape[1]
    places, turns = np.empty((len(joints), 3, frames)), np.empty((len(joints), 4, frames))
    rows = iter(values)
    for i, joint in enumerate(joints):
        root = joint.parent < 0
        place = np.repeat(np.asarray(joint.offset)[:, None], frames, axis=1)
        before = turn = np.repeat(world[:, None], frames, axis=1) if root else turns[joint.parent]
        for channel in joint.channels or ():
            axis, row = "xyz".index(channel[0]), next(rows)
            if channel.endswith("position"):
                place[axis] = row + (place[axis] if added and not root else 0)
            else:
                turn = _turned(turn, axis, np.deg2rad(row))
        places[i] = metres * _rotated(before, place) + (0 if root else places[joint.parent])
        turns[i] = turn
    return places, turns


def _turned(q: Array, axis: int, angle: Array) -> Array:
    """Return quaternions (4, T) followed by turns about one of their own axes; angle (T,) [rad]."""
    cosine, sine = np.cos(angle / 2), np.sin(angle / 2)
    i, j, k = 1 + axis, 1 + (axis + 1) % 3, 1 + (axis + 2) % 3
    out = np.empty((4, len(angle)))
    out[0], out[i] = cosine * q[0] - sine * q[i], cosine * q[i] + sine * q[0]
    out[j], out[k] = cosine * q[j] + sine * q[k], cosine * q[k] - sine * q[j]
    return out


def _rotated(q: Array, v: Array) -> Array:
    """Return vectors (3, T) turned by quaternions (4, T)."""
    twice = 2 * _cross(q[1:], v)
    return v + q[0] * twice + _cross(q[1:], twice)


def _cross(a: Array, b: Array) -> Array:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                     a[0] * b[1] - a[1] * b[0]])


def _displacements(motion: Motion) -> tuple[bool, tuple[str, ...]]:
    """Return whether position channels below the root add to OFFSET, as a few writers mean them.

    Most replace it; then their values lie near the offsets and not near zero.
    """
    near_offset, near_zero, columns = 0.0, 0.0, iter(motion.values.T)
    for joint in motion.joints:
        for channel in joint.channels or ():
            values = next(columns)
            if channel.endswith("position") and joint.parent >= 0:
                rest = np.asarray(joint.offset)["xyz".index(channel[0])]
                near_offset += float(np.abs(values - rest).mean())
                near_zero += float(np.abs(values).mean())
    if near_offset == near_zero == 0:
        return False, ()
    added = near_zero < near_offset
    return added, ("position channels below the root "
                   + ("add to" if added else "replace") + " OFFSET",)


def _bare(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names without a name space: "mixamorig:Hips", "Armature|Hips", "Character1_Hips"."""
    bare = [re.split(r"[:|]", name)[-1] or name for name in names]
    shared = re.match(r"[^_]+_", bare[0])
    if shared and len(bare) > 1 and all(n.startswith(shared[0]) for n in bare):
        bare = [n[len(shared[0]):] for n in bare]
    if tuple(bare) == names or len(set(bare)) != len(bare) or not all(bare):
        return names, ()
    return tuple(bare), (f"'{names[0]}' is called '{bare[0]}' and so on",)

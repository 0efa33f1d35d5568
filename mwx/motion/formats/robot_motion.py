"""What a file of robot motion says, whoever wrote it: configurations in H1's own order, checked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mwx.errors import MwxError, nearest
from mwx.maths import rotations
from mwx.motion import kinematics
from mwx.motion.formats import root_path
from mwx.motion.formats.npz import FPS_RANGE
from mwx.motion.reference import Reference
from mwx.robot import H1
from mwx.types import Array, brief

MAX_ROWS = 100_000  # frames; 33 minutes at 50 Hz, and inverse dynamics visits each
LARGEST = 7.0  # [rad] more than a full turn no joint of H1 makes: such numbers are degrees
FARTHEST = 1e4  # [m]
TILT, BEYOND, CLEARLY = 0.1, 3.0, 0.7  # [rad] of soles; weight of limits; ratio that tells
XYZW_TO_WXYZ = [3, 0, 1, 2]
OTHERS = {20: "the H1's first release with a neck", 21: "H1_2 without hands", 23: "G1 (23 joints)",
          27: "H1_2 with wrists", 29: "G1 (29 joints)"}
# Isaac numbers joints breadth first: all joints nearest to the base, then the next ones
DEPTH = ("hip_yaw", "torso", "hip_roll", "shoulder_pitch", "hip_pitch", "shoulder_roll", "knee",
         "shoulder_yaw", "ankle", "elbow")
ISAAC = tuple(name for part in DEPTH for name in H1.joint_names if name.endswith(part))
# what a reference says of itself beside its numbers
FACTS = ("label", "loop", "generated", "source", "source_sha256", "licence")


@dataclass(frozen=True)
class RobotMotion:
    """A motion of H1 from a file.

    Attributes:
        qpos: (T, 26) base position [m], quaternion (w, x, y, z), joints [rad].
        fps: [Hz].
        qvel: (T, 25), MuJoCo convention, where the file has velocities.
        ctrl: (T, 19) and contact: (T, 2), where the file has them.
        supports: (T, S) bool and support_names, what else bears weight, where it has them.
        advance: (3,) [m] per period where it says that it is a loop.
        facts: of FACTS, where the file has them.
        notes: sentences on what the reader found out or assumed.
    """

    qpos: Array
    fps: float
    qvel: Array | None = None
    ctrl: Array | None = None
    contact: Array | None = None
    supports: Array | None = None
    support_names: tuple[str, ...] = ()
    advance: Array | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    __repr__ = brief


def configurations(base: Array, quaternion: Array, joints: Array, where: Sequence[str]) -> Array:
    """Return qpos (T, 26), its quaternions made unit and continuous.

    Args:
        base: (T, 3) [m]; quaternion: (T, 4) (w, x, y, z); joints: (T, 19) [rad], H1's order.
        where: the file and line (or frame) of each row, for errors.

    Raises:
        MwxError: not finite, no rotation, joints in degrees, base farther away than can be.
    """
    def refuse(bad: Array | np.bool, why: str) -> None:
        if np.any(bad):
            raise MwxError(f"{where[int(np.argmax(bad))]}: {why}")

    rows = np.concatenate([base, quaternion, joints], axis=1)
    refuse(~np.isfinite(rows).all(axis=1), "holds what is not a finite number; cut the motion "
           "there or fill the gap")
    refuse((np.abs(base) > FARTHEST).any(axis=1), f"the base is more than {FARTHEST:g} m away; "
           "positions are in metres")
    norm = np.linalg.norm(quaternion, axis=1)
    refuse(np.abs(norm - 1) > 0.05, "the base's orientation is no unit quaternion")
    wide = np.abs(joints) > LARGEST
    if wide.any():
        row, column = np.argwhere(wide)[0]
        refuse(wide.any(axis=1), f"'{H1.joint_names[column]}' is {joints[row, column]:g}: in "
               "degrees? joints are in radians")
    turn = quaternion / norm[:, None]
    flips = np.where(np.sum(turn[1:] * turn[:-1], axis=1) < 0, -1.0, 1.0)
    turn[1:] *= np.cumprod(flips)[:, None]
    return np.concatenate([base, turn, joints], axis=1)


def base_in_metres(qpos: Array, fps: float, source: str, what: str
                   ) -> tuple[Array, tuple[str, ...]]:
    """Return configurations (T, 26) with the base in metres, and a note where it was not.

    Args:
        qpos: (T, 26), its base in file units; fps: [Hz].
        source: name of the file, what: name of the base's positions in it, for error and note.

    Raises:
        MwxError: the base is faster than can be, in metres and in any unit that fits the feet.
    """
    here = np.concatenate([np.zeros((len(qpos), 3)), qpos[:, 3:]], axis=1)
    links = kinematics.forward(here).places
    path, notes = root_path.in_metres(
        [name.removesuffix("_link") for name in links], np.stack(list(links.values()), axis=1),
        qpos[:, :3], fps, up="z", source=source, what=what)
    return np.concatenate([path, qpos[:, 3:]], axis=1), notes


def w_first(quaternions: Array, base: Array, what: str, last: bool
            ) -> tuple[Array, tuple[str, ...]]:
    """Return quaternions (T, 4) as w x y z, and a note where their order is not the expected one.

    Args:
        quaternions: (T, 4); base: (T, 3), whose way tells forwards from backwards.
        what: name of the quaternions; last: w is expected last, else first.
    """
    orders = {"x y z w": quaternions[:, XYZW_TO_WXYZ], "w x y z": quaternions}
    expected, other = orders if last else reversed(orders)
    length = np.maximum(np.linalg.norm(quaternions, axis=1, keepdims=True), 1e-9)
    up, way = {}, {}
    for order, turn in orders.items():
        axes = rotations.to_matrix(turn / length)
        up[order] = float(axes[:, 2, 2].mean())
        way[order] = float(np.sum(axes[:-1, :2, 0] * np.diff(base[:, :2], axis=0)))
    if up[expected] < 0.3 and up[other] > 0.9:
        return orders[other], (f"'{what}' is {other}, not {expected}, in which the base would not "
                               "be upright; read so",)
    if min(up.values()) > 0.9 and way[expected] < 0 < way[other]:
        # one that faces +x in one order faces -x in the other: the first is what files begin with
        taken = other if np.cos(rotations.heading(orders[expected] / length)).mean() < 0 else \
            expected
        return orders[taken], (f"'{what}' is read as {taken}: the base goes "
                               f"{'forwards' if taken == other else 'backwards'}, in the other "
                               f"order the other way; {expected} is usual",)
    return orders[expected], ()


def likelier_order(joints: Array, turns: Array, orders: Mapping[str, list[int]]
                   ) -> tuple[list[int], tuple[str, ...]]:
    """Return the order of joints that keeps H1's limits and its soles flat, and a note.

    The first unless another is clearly better; nothing is said where there is one alone.

    Args:
        joints: (T, 19) [rad]; turns: (T, 4) of the base (w, x, y, z).
        orders: name -> where each of H1's joints is.
    """
    if len(orders) == 1:
        return next(iter(orders.values())), ()
    base = np.concatenate([np.zeros((len(joints), 3)), turns], axis=1)
    base[:, 3:] /= np.maximum(np.linalg.norm(turns, axis=1, keepdims=True), 1e-9)
    off = {}
    for name, order in orders.items():
        feet = kinematics.forward(np.concatenate([base, joints[:, order]], axis=1)).turns
        level = np.minimum(*(feet[f"{side}_ankle_link"][:, 2, 2] for side in ("left", "right")))
        beyond = np.maximum(np.maximum(H1.low - joints[:, order], joints[:, order] - H1.high), 0)
        off[name] = float(np.median(np.arccos(np.clip(level, -1, 1)))
                          + BEYOND * np.linalg.norm(beyond, axis=1).mean())
    first, best = next(iter(orders)), min(off, key=lambda name: off[name])
    if off[first] > TILT and off[best] < CLEARLY * off[first]:
        return orders[best], (f"joints: {best} order (no names; by H1's limits and flat soles)",)
    return orders[first], (f"joints: {first} order assumed (no names)",)


def columns_of(names: Sequence[str], where: str) -> list[int]:
    """Return where each of H1's joints is among a file's joint names ("left_knee_joint" fits too).

    Raises:
        MwxError: a joint is missing, unknown or there twice: the file is another robot's.
    """
    plain = [n.strip().lower().removeprefix("dof_").removesuffix("_dof").removesuffix("_pos")
             .removesuffix("_joint") for n in names]
    unknown = [n for n in plain if n not in H1.joint_names]
    missing = [n for n in H1.joint_names if n not in plain]
    if unknown or missing or len(plain) != len(H1.joint_names):
        said = [f"{len(plain)} joints named, H1 has {len(H1.joint_names)}"]
        if unknown:
            said.append(f"'{unknown[0][:40]}' is none of them: "
                        + (nearest(unknown[0], H1.joint_names) or "nothing is named like it ")
                        .rstrip(" ?") )
        if missing:
            said.append(f"'{missing[0]}' is missing")
        raise MwxError(f"{where}: another robot's motion: {'; '.join(said)}. H1: "
                       f"{', '.join(H1.joint_names)}")
    return [plain.index(n) for n in H1.joint_names]


def nameless(joints: int, where: str) -> dict[str, list[int]]:
    """Return where each of H1's joints is in the orders that files without names have.

    Raises:
        MwxError: another number of joints, with the robot that has so many where one is known.
    """
    if joints != len(H1.joint_names):
        guess = f"; {joints} are {OTHERS[joints]}'s" if joints in OTHERS else ""
        raise MwxError(f"{where}: {joints} joints, H1 has {len(H1.joint_names)}{guess}. Retarget "
                       "the human motion to H1 instead (`mwx motion retarget`)")
    return {"MuJoCo's": list(range(joints)), "Isaac's": [ISAAC.index(n) for n in H1.joint_names]}


def check_rows(rows: int, where: str) -> None:
    """Refuse what is no motion, or too long.

    Raises:
        MwxError: fewer than 2 frames or more than MAX_ROWS.
    """
    if rows < 2:
        raise MwxError(f"{where}: {rows} frames, a motion needs at least 2")
    if rows > MAX_ROWS:
        raise MwxError(f"{where}: more than {MAX_ROWS} frames; cut the motion into parts")


def checked_fps(fps: float, where: str) -> float:
    """Return a frame rate [Hz].

    Raises:
        MwxError: outside FPS_RANGE.
    """
    low, high = FPS_RANGE
    if not low <= fps <= high:
        raise MwxError(f"{where}: {fps:g} frames a second; {low:g} to {high:g} are read")
    return float(fps)


def header_of(reference: Reference) -> str:
    """Return what a reference says of itself as one line of JSON."""
    facts = {name: getattr(reference, name) for name in FACTS}
    if reference.loop:
        facts["advance"] = [float(x) for x in reference.advance]
    return json.dumps({"fps": reference.fps, "robot": reference.robot,
                       "joints": reference.joint_names, **facts})


def header_in(text: str, where: str) -> dict[str, Any]:
    """Return what `header_of` wrote, its types checked.

    Raises:
        MwxError: damaged, or another robot's.
    """
    try:
        header = json.loads(text)
        facts = {n: header[n] for n in FACTS if n in header}
        kinds = {"loop": bool, "generated": bool}
        if not all(isinstance(v, kinds.get(n, str)) for n, v in facts.items()):
            raise ValueError("a fact of another type")
        advance = np.array(header.get("advance", [0, 0, 0]), float)
        if advance.shape != (3,) or not np.isfinite(advance).all():
            raise ValueError("advance is not 3 numbers")
        robot = str(header["robot"])
        fps, joints = float(header["fps"]), [str(n) for n in header["joints"]]
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MwxError(f"{where}: damaged header ({type(error).__name__}: {error})") from None
    if robot != H1.name:
        raise MwxError(f"{where}: made for robot '{robot[:40]}', this is '{H1.name}'")
    return {"facts": facts, "fps": checked_fps(fps, where), "joints": joints,
            "advance": advance if facts.get("loop") else None}



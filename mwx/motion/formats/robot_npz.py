"""Robot motion as npz, with the keys of the programmes that write it.

BeyondMimic and mjlab: fps, joint_pos, joint_vel (T, 19), body_pos_w, body_quat_w, body_lin_vel_w,
body_ang_vel_w (T, B, ...): links in the order of the model, the base first, velocities of the link
origins in the world; Isaac Lab's are called dof_positions, body_positions and so on. They write no
names; then the joints' order, MuJoCo's or Isaac's, is the one whose forward kinematics meets the
bodies. Isaac Lab, GMR and PHC also write a base without bodies, loco-mujoco qpos. What we write
adds joint_names, body_names and what a reference holds besides.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mwx import files
from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import bodies, tangent
from mwx.motion.formats import npz, robot_motion
from mwx.motion.formats.robot_motion import RobotMotion
from mwx.motion.formats.units import UNITS
from mwx.motion.reference import Reference
from mwx.robot import H1
from mwx.types import Array

# what is read -> the names it goes by
KEYS = {
    "joint_pos": ("joint_pos", "dof_positions", "dof_pos", "dof"),
    "joint_vel": ("joint_vel", "dof_velocities", "dof_vel"),
    "body_pos_w": ("body_pos_w", "body_positions"),
    "body_quat_w": ("body_quat_w", "body_rotations"),
    "body_lin_vel_w": ("body_lin_vel_w", "body_linear_velocities"),
    "body_ang_vel_w": ("body_ang_vel_w", "body_angular_velocities"),
    "base_pos": ("base_pos_w", "root_pos_w", "base_pos", "root_pos", "root_trans_offset"),
    "base_quat": ("base_quat_w", "root_quat_w", "base_quat", "root_quat", "root_rot"),
    "joint_names": ("joint_names", "dof_names"), "body_names": ("body_names", "link_names"),
    "qpos": ("qpos",), "split_points": ("split_points",),
}
W_LAST = ("root_rot",)  # quaternions that GMR and PHC write as x y z w
VELOCITIES = ("joint_vel", "body_lin_vel_w", "body_ang_vel_w")
OWN = ("header", "ctrl", "contact", "supports", "support_names")
SPARE = (*VELOCITIES, "body_names", "split_points")  # of KEYS, done without where unreadable
APART = 0.05  # [m] bodies this far from forward kinematics belong to another order or robot
AGREE = 0.1  # [rad/s, m/s] root mean square up to which stored velocities are those of positions
LINKS = tuple(dict.fromkeys(("pelvis", *(f"{name}_link" for name in H1.joint_names))))


def is_robot(names: Collection[str]) -> bool:
    """Whether arrays of these names are a robot's motion."""
    return _has(names, "qpos") or (_has(names, "joint_pos") and (
        _has(names, "base_pos") or _has(names, "body_pos_w")))


def read_npz(path: Path, fps: float | None = None) -> RobotMotion:
    """Read a motion.

    Args:
        path: the file; fps: [Hz] in place of the file's.

    Raises:
        MwxError: no such arrays, another robot's, damaged; with file and frame.
    """
    spare = (*npz.RATES, *(name for key in SPARE for name in KEYS[key]))
    known = [name for names in KEYS.values() for name in names]
    rows = [name for key in KEYS if not key.endswith(("names", "points")) for name in KEYS[key]]
    arrays = npz.read_arrays(path, (*known, *npz.RATES, *OWN), rows, spare)
    if "qpos" in arrays:
        arrays = _parted(arrays, path)
    base = ("base_pos", "base_quat")
    place = base if any(_has(arrays, key) for key in base) else ("body_pos_w", "body_quat_w")
    missing = [key for key in ("joint_pos", *place) if not _has(arrays, key)]
    if missing:
        raise MwxError(f"{path}: no robot motion: it lacks {', '.join(missing)} and holds "
                       f"{', '.join(npz.array_names(path))[:300] or 'nothing'}; a person's motion "
                       "is for `mwx motion retarget`")
    rate, notes = npz.frame_rate(arrays, path, fps)
    notes += npz.left_out(path, arrays, spare)
    joints = _numbers(arrays, "joint_pos", path, (arrays[_called(arrays, "joint_pos")].shape[-1:]
                                                  or (0,))[0])
    robot_motion.check_rows(len(joints), str(path))
    where = [f"{path}: frame {i}" for i in range(len(joints))]
    if place == base:
        qpos, said = _based(arrays, joints, where, path)
        qvel = None
    else:
        qpos, qvel, said = _from_bodies(arrays, joints, rate, where, path)
    what = _called(arrays, place[0])
    qpos, moved = robot_motion.base_in_metres(qpos, rate, str(path), what)
    return RobotMotion(qpos, rate, qvel, notes=(*notes, *said, *moved),
                       **_own(arrays, len(qpos), path))


def _called(arrays: Collection[str], key: str) -> str:
    """Return the name that something of KEYS has in a file; its own where there is none."""
    return next((name for name in KEYS.get(key, ()) if name in arrays), key)


def _has(arrays: Collection[str], key: str) -> bool:
    return _called(arrays, key) in arrays


def _numbers(arrays: dict[str, Array], key: str, path: Path, *columns: int) -> Array:
    return npz.numbers(arrays, _called(arrays, key), path, columns)


def _same_length(path: Path, **arrays: Array) -> None:
    if len({len(a) for a in arrays.values()}) > 1:
        said = ", ".join(f"{n} {len(a)}" for n, a in arrays.items())
        raise MwxError(f"{path}: arrays of different numbers of frames ({said}): cut short")


def _names(arrays: dict[str, Array], key: str, count: int, path: Path) -> list[str] | None:
    name = _called(arrays, key)
    if name not in arrays:
        return None
    value = np.atleast_1d(arrays[name])
    if value.dtype.kind not in "US" or value.shape != (count,):
        raise MwxError(f"{path}: '{name}' has shape {value.shape} and type {value.dtype}, expected "
                       f"{count} names")
    return [npz.text(value[i:i + 1]) for i in range(count)]


def _parted(arrays: dict[str, Array], path: Path) -> dict[str, Array]:
    """Return loco-mujoco's arrays with base and joints in place of qpos."""
    points = arrays.get("split_points", np.zeros(0))
    if points.size > 2:
        raise MwxError(f"{path}: {points.size - 1} motions in one file (split_points "
                       f"{', '.join(str(x) for x in points.reshape(-1)[:9])}); save one of them")
    width = arrays["qpos"].shape[-1] if arrays["qpos"].ndim == 2 else 0
    if width < 8:
        raise MwxError(f"{path}: 'qpos' has shape {arrays['qpos'].shape}, expected (frames, 7 + "
                       "joints): base position, quaternion w x y z, joints")
    qpos = npz.numbers(arrays, "qpos", path, (width,))
    out = {name: value for name, value in arrays.items() if name not in KEYS["joint_pos"]}
    out |= {"base_pos": qpos[:, :3], "base_quat": qpos[:, 3:7], "joint_pos": qpos[:, 7:]}
    names = _called(arrays, "joint_names")
    if names in arrays and arrays[names].size == width - 6:  # the base's own joint comes first
        out[names] = np.atleast_1d(arrays[names]).reshape(-1)[1:]
    return out


def _root(arrays: dict[str, Array], links: int, path: Path) -> int:
    """Return the index of the base among the bodies."""
    names = _names(arrays, "body_names", links, path)
    if names is None or "pelvis" in names:
        return names.index("pelvis") if names else 0
    raise MwxError(f"{path}: no body is called 'pelvis', the base of H1; bodies: "
                   f"{', '.join(names)[:300]}")


def _orders(arrays: dict[str, Array], joints: int, path: Path) -> dict[str, list[int]]:
    """Return where each of H1's joints may be in the file."""
    names = _names(arrays, "joint_names", joints, path)
    if names is not None:
        return {"its names'": robot_motion.columns_of(names, str(path))}
    return robot_motion.nameless(joints, str(path))


def _based(arrays: dict[str, Array], joints: Array, where: list[str], path: Path
           ) -> tuple[Array, tuple[str, ...]]:
    """Return qpos (T, 26) of a file with a base and without bodies, and notes."""
    base, turns = (_numbers(arrays, key, path, n) for key, n in (("base_pos", 3), ("base_quat", 4)))
    _same_length(path, joints=joints, base=base, quaternions=turns)
    quaternion = _called(arrays, "base_quat")
    turns, turned = robot_motion.w_first(turns, base, quaternion, quaternion in W_LAST)
    order, said = robot_motion.likelier_order(joints, turns, _orders(arrays, joints.shape[1], path))
    return robot_motion.configurations(base, turns, joints[:, order], where), (*said, *turned)


def _from_bodies(arrays: dict[str, Array], joints: Array, fps: float, where: list[str], path: Path
                 ) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Return qpos (T, 26), qvel (T, 25) or None, and notes of a file with the links' poses."""
    name = _called(arrays, "body_pos_w")
    links = arrays[name].shape[1] if arrays[name].ndim == 3 else 0
    if not links:
        raise MwxError(f"{path}: '{name}' has shape {arrays[name].shape}, expected "
                       "(frames, bodies, 3)")
    places = _numbers(arrays, "body_pos_w", path, links, 3)
    turns = _numbers(arrays, "body_quat_w", path, links, 4)
    _same_length(path, joint_pos=joints, body_pos_w=places, body_quat_w=turns)
    root = _root(arrays, links, path)
    tried = {}
    for label, order in _orders(arrays, joints.shape[1], path).items():
        for last in (False, True):
            wxyz = turns[:, root][:, robot_motion.XYZW_TO_WXYZ] if last else turns[:, root]
            qpos = robot_motion.configurations(places[:, root], wxyz, joints[:, order], where)
            for unit, metres in UNITS.items():
                tried[label, last, unit] = (_distance(qpos, metres * places, metres), order, qpos)
    label, last, unit = best = min(tried, key=lambda key: tried[key][0])
    distance, order, qpos = tried[best]
    if distance > APART:
        raise MwxError(f"{path}: bodies and joints do not belong to the same H1: in "
                       f"{' and '.join(dict.fromkeys(key[0] for key in tried))} order the links "
                       f"are {100 * distance:.0f} cm or more from '{name}'; add joint_names")
    notes = [f"units: '{name}' is in {unit} by the links; read so"] if unit != "metres" else []
    if last:
        notes.append(f"'{_called(arrays, 'body_quat_w')}' is x y z w by the links; read so")
    qpos = np.concatenate([UNITS[unit] * qpos[:, :3], qpos[:, 3:]], axis=1)
    return qpos, _velocities(arrays, qpos, order, root, fps, path), tuple(notes)


def _distance(qpos: Array, places: Array, metres: float) -> float:
    """Return the largest distance [m] of a link to the nearest body of the file, some frames."""
    some = np.linspace(0, len(qpos) - 1, 9).astype(int)
    scaled = np.concatenate([metres * qpos[some, :3], qpos[some, 3:]], axis=1)
    links = body_states(scaled, np.zeros((len(some), 25)))["body_pos_w"]
    gaps = np.linalg.norm(links[:, :, None] - places[some][:, None], axis=-1)
    return float(gaps.min(axis=2).max())


def _velocities(arrays: dict[str, Array], qpos: Array, order: list[int], root: int, fps: float,
                path: Path) -> Array | None:
    """Return qvel (T, 25) of the file, or None where it is not that of its positions."""
    if not all(_has(arrays, key) for key in VELOCITIES):
        return None
    links = arrays[_called(arrays, "body_pos_w")].shape[1]
    joints = _numbers(arrays, "joint_vel", path, len(order))
    linear = _numbers(arrays, "body_lin_vel_w", path, links, 3)
    angular = _numbers(arrays, "body_ang_vel_w", path, links, 3)
    _same_length(path, joint_pos=qpos, joint_vel=joints, body_lin_vel_w=linear,
                 body_ang_vel_w=angular)
    turned = rotations.rotate(rotations.conjugate(qpos[:, 3:7]), angular[:, root])
    qvel = np.concatenate([linear[:, root], turned, joints[:, order]], axis=1)
    error = (qvel - tangent.velocity(qpos, fps, None, tangent.CLEAN))[2:-2]
    return None if error.size and np.sqrt(np.mean(error ** 2)) > AGREE else qvel


def _own(arrays: dict[str, Array], frames: int, path: Path) -> dict[str, Any]:
    """Return what only our own files have beside their positions."""
    if "header" not in arrays:
        return {}
    header = robot_motion.header_in(npz.text(arrays["header"]), str(path))
    out: dict[str, Any] = {"facts": header["facts"], "advance": header["advance"]}
    widths = {"ctrl": len(H1.joint_names), "contact": 2}
    if "supports" in arrays and "support_names" in arrays:
        widths["supports"] = arrays["support_names"].size
        names = _names(arrays, "support_names", widths["supports"], path)
        out["support_names"] = tuple(names or ())
    for name, width in widths.items():
        if name in arrays:
            value = _numbers(arrays, name, path, width)
            if len(value) != frames:
                raise MwxError(f"{path}: '{name}' has {len(value)} frames, the motion {frames}")
            out[name] = value if name == "ctrl" else value.astype(bool)
    return out


def body_states(qpos: Array, qvel: Array) -> dict[str, Array]:
    """Return poses and velocities of the links in the world.

    Args:
        qpos: (T, 26); qvel: (T, 25).

    Returns:
        body_pos_w (T, 20, 3) [m], body_quat_w (T, 20, 4), body_lin_vel_w [m/s] of the links'
        origins and body_ang_vel_w [rad/s] (T, 20, 3), in the order of LINKS.
    """
    model = bodies.model()
    data = mujoco.MjData(model)
    numbers = [model.body(name).id for name in LINKS]
    shape = (len(qpos), len(LINKS))
    places, turns, speeds = np.empty((*shape, 3)), np.empty((*shape, 4)), np.empty((*shape, 6))
    for t in range(len(qpos)):
        data.qpos[:], data.qvel[:] = qpos[t], qvel[t]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        places[t], turns[t] = data.xpos[numbers], data.xquat[numbers]
        for i, number in enumerate(numbers):
            mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, number, speeds[t, i],
                                     0)
    return {"body_pos_w": places, "body_quat_w": turns, "body_lin_vel_w": speeds[..., 3:],
            "body_ang_vel_w": speeds[..., :3]}


def write_npz(reference: Reference, path: Path) -> Path:
    """Write a motion: all of it, or, if anything fails, nothing."""
    arrays = {"fps": np.array([reference.fps]), "joint_pos": reference.qpos[:, 7:],
              "joint_vel": reference.qvel[:, 6:], **body_states(reference.qpos, reference.qvel),
              "joint_names": np.array(reference.joint_names), "body_names": np.array(LINKS),
              "ctrl": reference.ctrl, "contact": reference.contact.astype(np.uint8),
              "header": np.array(robot_motion.header_of(reference))}
    if reference.supports is not None:
        arrays |= {"supports": reference.supports.astype(np.uint8),
                   "support_names": np.array(reference.support_names)}
    return files.write_npz(path, arrays)

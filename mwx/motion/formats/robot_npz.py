"""Robot motion as npz with the keys of BeyondMimic and mjlab.

fps, joint_pos, joint_vel (T, 19), body_pos_w, body_quat_w (w first), body_lin_vel_w,
body_ang_vel_w (T, B, ...): links in the order of the model, the base first, velocities of the link
origins in the world. Those programmes write no names; then the joints' order, MuJoCo's or Isaac's,
is the one whose forward kinematics meets the bodies. What we write adds joint_names, body_names and
what a reference holds besides; those programmes do not look at it.
"""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import bodies, tangent
from mwx.motion.formats import npz, robot_motion
from mwx.motion.formats.robot_motion import RobotMotion
from mwx.motion.reference import Reference
from mwx.robot import H1
from mwx.types import Array

NEEDED = ("fps", "joint_pos", "body_pos_w", "body_quat_w")
VELOCITIES = ("joint_vel", "body_lin_vel_w", "body_ang_vel_w")
OWN = ("header", "joint_names", "body_names", "ctrl", "contact", "supports", "support_names")
APART = 0.05  # [m] bodies this far from forward kinematics belong to another order or robot
AGREE = 0.1  # [rad/s, m/s] root mean square up to which stored velocities are those of positions
LINKS = tuple(dict.fromkeys(("pelvis", *(f"{name}_link" for name in H1.joint_names))))
# Isaac numbers joints breadth first: all joints nearest to the base, then the next ones
DEPTH = ("hip_yaw", "torso", "hip_roll", "shoulder_pitch", "hip_pitch", "shoulder_roll", "knee",
         "shoulder_yaw", "ankle", "elbow")
ISAAC = tuple(name for part in DEPTH for name in H1.joint_names if name.endswith(part))


def read_npz(path: Path) -> RobotMotion:
    """Read a motion.

    Raises:
        MwxError: no such arrays, another robot's, damaged; with file and frame.
    """
    arrays = npz.read_arrays(path, (*NEEDED, *VELOCITIES, *OWN), rows=("joint_pos", *VELOCITIES))
    missing = [n for n in NEEDED if n not in arrays]
    if missing:
        raise MwxError(f"{path}: no robot motion: it lacks {', '.join(missing)} and holds "
                       f"{', '.join(npz.array_names(path))[:300] or 'nothing'}")
    fps = robot_motion.checked_fps(npz.number(arrays, "fps", path), str(path))
    joints = _numbers(arrays, "joint_pos", path, (arrays["joint_pos"].shape[-1:] or (0,))[0])
    robot_motion.check_rows(len(joints), str(path))
    links = arrays["body_pos_w"].shape[1] if arrays["body_pos_w"].ndim == 3 else 0
    if not links:
        raise MwxError(f"{path}: 'body_pos_w' has shape {arrays['body_pos_w'].shape}, expected "
                       "(frames, bodies, 3)")
    places = _numbers(arrays, "body_pos_w", path, links, 3)
    turns = _numbers(arrays, "body_quat_w", path, links, 4)
    _same_length(path, joint_pos=joints, body_pos_w=places, body_quat_w=turns)
    root = _root(arrays, links, path)
    where = [f"{path}: frame {i}" for i in range(len(joints))]
    qpos, order = _ordered(arrays, joints, places, turns, root, where, path)
    qvel = _velocities(arrays, qpos, order, root, fps, path)
    return RobotMotion(qpos, fps, qvel, **_own(arrays, len(qpos), path))


def _numbers(arrays: dict[str, Array], name: str, path: Path, *columns: int) -> Array:
    return npz.numbers(arrays, name, path, columns)


def _same_length(path: Path, **arrays: Array) -> None:
    if len({len(a) for a in arrays.values()}) > 1:
        said = ", ".join(f"{n} {len(a)}" for n, a in arrays.items())
        raise MwxError(f"{path}: arrays of different numbers of frames ({said}): cut short")


def _names(arrays: dict[str, Array], name: str, count: int, path: Path) -> list[str] | None:
    if name not in arrays:
        return None
    value = np.atleast_1d(arrays[name])
    if value.dtype.kind not in "US" or value.shape != (count,):
        raise MwxError(f"{path}: '{name}' has shape {value.shape} and type {value.dtype}, expected "
                       f"{count} names")
    return [npz.text(value[i:i + 1]) for i in range(count)]


def _root(arrays: dict[str, Array], links: int, path: Path) -> int:
    """Return the index of the base among the bodies."""
    names = _names(arrays, "body_names", links, path)
    if names is None or "pelvis" in names:
        return names.index("pelvis") if names else 0
    raise MwxError(f"{path}: no body is called 'pelvis', the base of H1; bodies: "
                   f"{', '.join(names)[:300]}")


def _ordered(arrays: dict[str, Array], joints: Array, places: Array, turns: Array, root: int,
             where: list[str], path: Path) -> tuple[Array, list[int]]:
    """Return qpos (T, 26), and where each of H1's joints was in the file."""
    names = _names(arrays, "joint_names", joints.shape[1], path)
    if names is None:
        robot_motion.check_count(joints.shape[1], str(path))
        orders = {"MuJoCo's": list(range(joints.shape[1])),
                  "Isaac's": [ISAAC.index(n) for n in H1.joint_names]}
    else:
        orders = {"its names'": robot_motion.columns_of(names, str(path))}
    tried = {}
    for label, order in orders.items():
        qpos = robot_motion.configurations(places[:, root], turns[:, root], joints[:, order], where)
        tried[label] = (_distance(qpos, places), qpos, order)
    label = min(tried, key=lambda n: tried[n][0])
    distance, qpos, order = tried[label]
    if distance > APART:
        raise MwxError(f"{path}: bodies and joints do not belong to the same H1: in "
                       f"{' and '.join(tried)} order the links are {100 * distance:.0f} cm or more "
                       "from body_pos_w; add joint_names")
    return qpos, order


def _distance(qpos: Array, places: Array) -> float:
    """Return the largest distance [m] of a link to the nearest body of the file, some frames."""
    some = np.linspace(0, len(qpos) - 1, 9).astype(int)
    links = body_states(qpos[some], np.zeros((len(some), 25)))["body_pos_w"]
    gaps = np.linalg.norm(links[:, :, None] - places[some][:, None], axis=-1)
    return float(gaps.min(axis=2).max())


def _velocities(arrays: dict[str, Array], qpos: Array, order: list[int], root: int, fps: float,
                path: Path) -> Array | None:
    """Return qvel (T, 25) of the file, or None where it is not that of its positions."""
    if not all(n in arrays for n in VELOCITIES):
        return None
    links = arrays["body_pos_w"].shape[1]
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
    return npz.write_arrays(path, arrays)

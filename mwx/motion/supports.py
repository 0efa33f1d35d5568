"""What bears weight beside the feet: knees, hands, and the pelvis with the thighs on a seat."""

import mujoco
import numpy as np

from mwx.types import Array

LEGS = ("hip_yaw_link", "hip_roll_link", "hip_pitch_link")
# part of the body -> the groups of links on which it may rest, each group on a lowest point of its
# own; the names of parts are those of a human's key points
GROUPS: dict[str, tuple[tuple[str, ...], ...]] = {
    **{f"{side}_knee": ((f"{side}_knee_link",),) for side in ("left", "right")},
    **{f"{side}_wrist": ((f"{side}_elbow_link",),) for side in ("left", "right")},
    "pelvis": tuple(("pelvis", *(f"{side}_{link}" for link in LEGS)) for side in ("left", "right"))}
NAMES = tuple(GROUPS)
LEVEL = 0.01  # [m] geoms whose lowest points are this close to the lowest one carry too


def lowest_points(model: mujoco.MjModel, data: mujoco.MjData, part: str
                  ) -> list[tuple[int, Array]]:
    """Return where a part of the body touches what is under it: (body number, (3,) [m, world]).

    Args:
        model, data: the robot, its kinematics computed.
        part: a key of GROUPS.
    """
    out: list[tuple[int, Array]] = []
    for group in GROUPS[part]:
        bodies = [model.body(name).id for name in group]
        geoms = [g for b in bodies for g in np.flatnonzero(model.geom_bodyid == b)
                 if model.geom_contype[g]]
        points = [_lowest_point(model, data, g) for g in geoms]
        floor = min(p[2] for p in points) + LEVEL
        out += [(int(model.geom_bodyid[g]), p) for g, p in zip(geoms, points, strict=True)
                if p[2] < floor]
    return out


def heights(model: mujoco.MjModel, qpos: Array, part: str) -> Array:
    """Return the height (T,) [m] of a part's lowest point for configurations (T, 26)."""
    data = mujoco.MjData(model)
    out = np.zeros(len(qpos))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        out[t] = min(point[2] for _, point in lowest_points(model, data, part))
    return out


def slips(model: mujoco.MjModel, qpos: Array, qvel: Array, part: str) -> Array:
    """Return the horizontal speed (T,) [m/s] of the material at a part's lowest point.

    Args:
        model: the robot; qpos: (T, 26); qvel: (T, 25); part: a key of GROUPS.
    """
    data = mujoco.MjData(model)
    jacobian = np.zeros((3, model.nv))
    out = np.zeros(len(qpos))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        body, point = min(lowest_points(model, data, part), key=lambda item: item[1][2])
        mujoco.mj_jac(model, data, jacobian, None, point, body)
        out[t] = np.linalg.norm((jacobian @ qvel[t])[:2])
    return out


def mirrored_supports(supports: Array, names: tuple[str, ...]) -> Array:
    """Return supports (T, S) with left and right exchanged, in the same order of names."""
    swap = {"left": "right", "right": "left"}
    other = ["_".join(swap.get(word, word) for word in name.split("_")) for name in names]
    return supports[:, [names.index(name) for name in other]]


def _lowest_point(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> Array:
    """Return the point (3,) of a primitive that lies lowest; middle of the lowest edge or face."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    rotation = data.geom_xmat[geom].reshape(3, 3)
    down = -rotation[2]  # the world's downward direction in the geom's axes
    side = np.where(np.abs(down) < 1e-9, 0.0, np.sign(down))
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        local = side * size
    elif kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        local = size ** 2 * down / np.linalg.norm(size * down)
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        local = size[0] * down + np.array([0, 0, side[2] * size[1]])
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        across = down * np.array([1, 1, 0])
        radius = np.linalg.norm(across)
        local = size[0] * across / radius if radius > 1e-9 else np.zeros(3)
        local = local + np.array([0, 0, side[2] * size[1]])
    else:
        raise ValueError(f"no lowest point for geom type {kind}")
    return data.geom_xpos[geom] + rotation @ local

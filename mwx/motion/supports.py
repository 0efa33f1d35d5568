"""What bears weight beside the feet: knees, hands, and the pelvis with the thighs on a seat."""

import mujoco
import numpy as np

from mwx.types import Array

# link, and which of its geoms by the height of their middles in the link [m]
Pad = tuple[str, float, float]
THIGH_MIDDLE = -0.25  # [m] parts a thigh's geoms into what sits and what kneels


def _sitting(side: str) -> tuple[Pad, ...]:
    return (f"{side}_hip_roll_link", -1.0, 1.0), (f"{side}_hip_pitch_link", THIGH_MIDDLE, 1.0)


def _kneeling(side: str) -> tuple[Pad, ...]:
    return (f"{side}_hip_pitch_link", -1.0, THIGH_MIDDLE), (f"{side}_knee_link", -1.0, 1.0)


# part of the body -> the groups of pads on which it may rest, each group on lowest points of its
# own; the names of parts are those of a human's key points
GROUPS: dict[str, tuple[tuple[Pad, ...], ...]] = {
    **{f"{side}_knee": (_kneeling(side),) for side in ("left", "right")},
    **{f"{side}_wrist": (((f"{side}_elbow_link", -1.0, 1.0),),) for side in ("left", "right")},
    "pelvis": (_sitting("left"), _sitting("right"))}
NAMES = tuple(GROUPS)
LEVEL = 0.01  # [m] geoms whose lowest points are this close to the lowest one carry too
# sine of the slope up to which a box lies on the middle of its face or edge, not on its corner;
# a seat ends under the thighs, so there it never is the corner
FLAT, FLAT_ON_SEAT = 0.1, 0.5


def lowest_points(model: mujoco.MjModel, data: mujoco.MjData, part: str
                  ) -> list[tuple[int, Array]]:
    """Return where a part of the body touches what is under it: (body number, (3,) [m, world]).

    Args:
        model, data: the robot, its kinematics computed.
        part: a key of GROUPS.
    """
    out: list[tuple[int, Array]] = []
    flat = FLAT_ON_SEAT if part == "pelvis" else FLAT
    for group in GROUPS[part]:
        geoms = [g for pad in group for g in _geoms(model, *pad)]
        points = [_lowest_point(model, data, g, flat) for g in geoms]
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


def _geoms(model: mujoco.MjModel, link: str, low: float, high: float) -> list[int]:
    """Return the colliding geoms of a link whose middles lie between two heights [m] in it."""
    body = model.body(link).id
    return [int(g) for g in np.flatnonzero(model.geom_bodyid == body)
            if model.geom_contype[g] and low <= model.geom_pos[g, 2] <= high]


def _lowest_point(model: mujoco.MjModel, data: mujoco.MjData, geom: int, flat: float) -> Array:
    """Return the point (3,) of a primitive that lies lowest; of a flat face or edge its middle."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    rotation = data.geom_xmat[geom].reshape(3, 3)
    down = -rotation[2]  # the world's downward direction in the geom's axes
    side = np.where(np.abs(down) < flat, 0.0, np.sign(down))
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

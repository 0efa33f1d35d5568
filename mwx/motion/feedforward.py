"""Feed-forward servo commands: inverse dynamics with forces that supports can really give."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np
from scipy.optimize import nnls

from mwx.motion import bodies, tangent
from mwx.motion.supports import lowest_points
from mwx.robot import H1, h1_numbers
from mwx.types import Array, brief

GRAVITY = 9.81  # [m/s^2]
WEIGHT = h1_numbers.TOTAL_MASS * GRAVITY  # [N] body weight
LEVEL = 0.015  # [m] corners this close to the lowest one carry too
FEET = ("left_ankle_link", "right_ankle_link")


@dataclass(frozen=True)
class FeedForwardConfig:
    """How ground forces are chosen.

    Attributes:
        friction: coefficient of the friction pyramid.
        lever: [m] one unit of unexplained moment counts like weight * lever.
        torque_cost: price of joint torque, relative to its bound, against unexplained force.
        share_cost: price that moves load off a foot about to leave or just set down.
        ramp_s: [s] time over which a foot takes its share.
        ahead_s: [s] the command is that of the middle of its control period, not of its start.
    """

    friction: float = 0.8
    lever: float = 1.0
    torque_cost: float = 0.01
    share_cost: float = 0.003
    ramp_s: float = 0.12
    ahead_s: float = 0.01


@dataclass(frozen=True)
class FeedForward:
    """The result, one row a frame.

    Attributes:
        ctrl: (T, 19) [rad] q + (torque + kv qdot) / kp inside the command range.
        torque: (T, 19) [N m] servo torques of the inverse dynamics.
        ground_force: (T, 2, 3) [N] on the left and the right foot, world frame.
        unexplained: (T,) force on the root that no contact supplies, as a part of body weight.
        unexplained_moment: (T,) [N m] the same for its moment.
        wrench: (T, 6) all of what the ground has to supply: force [N], moment about the origin.
        support_force: part of the body -> (T, 3) [N] on it, world frame.
    """

    ctrl: Array
    torque: Array
    ground_force: Array
    unexplained: Array
    unexplained_moment: Array
    wrench: Array
    support_force: Mapping[str, Array] = field(default_factory=dict)

    __repr__ = brief

    @property
    def utilisation(self) -> Array:
        """(19,) largest torque over its bound, per joint."""
        return np.abs(self.torque / H1.force_limit).max(axis=0)


def feed_forward(qpos: Array, contact: Array, fps: float, advance: Array | None = None,
                 config: FeedForwardConfig | None = None,
                 smoothing: tuple[int, int] = tangent.CLEAN,
                 supports: Mapping[str, Array] | None = None) -> FeedForward:
    """Return the commands that hold a motion against gravity, inertia and the servos' damping.

    A servo gives kp (ctrl - q) - kv qdot, so ctrl = q + (torque + kv qdot) / kp.

    Args:
        qpos: (T, 26); contact: (T, 2) bool, left and right foot; fps: [Hz].
        advance: (3,) [m] displacement per period of a loop; None for a motion that ends.
        config: how ground forces are chosen.
        smoothing: filter of the derivatives, see `tangent`.
        supports: part -> (T,) bool, what bears weight beside the feet (see `supports.GROUPS`).
    """
    config = config or FeedForwardConfig()
    qvel = tangent.velocity(qpos, fps, advance, smoothing)
    qacc = tangent.acceleration(qvel, fps, advance is not None, smoothing)
    parts = tuple(supports or ())
    bearing = np.stack([*contact.T, *(supports[p] for p in parts)], 1) if supports else contact
    share = load_share(bearing, fps, advance is not None, config.ramp_s)
    model = bodies.free_model()
    data = mujoco.MjData(model)
    rows = [_frame(model, data, *row, parts, config)
            for row in zip(qpos, qvel, qacc, share, strict=True)]
    torque, force, residual, wrench = (np.array(x) for x in zip(*rows, strict=True))
    target = qpos[:, 7:] + (torque + H1.kv * qvel[:, 6:]) / H1.kp
    target = _shifted(target, config.ahead_s * fps, advance is not None)
    return FeedForward(np.clip(target, H1.low, H1.high), torque, force[:, :2],
                       np.linalg.norm(residual[:, :3], axis=1) / WEIGHT,
                       np.linalg.norm(residual[:, 3:], axis=1), wrench,
                       {part: force[:, 2 + i] for i, part in enumerate(parts)})


def load_share(contact: Array, fps: float, loop: bool, ramp_s: float) -> Array:
    """Return each support's share (T, S): it rises to 1 after touch-down, falls before lift-off."""
    frames = len(contact)
    reach = max(1, round(ramp_s * fps))
    share = np.zeros(contact.shape)
    index = np.arange(frames)
    for side in range(contact.shape[1]):
        on = contact[:, side]
        room = np.full(frames, reach, float)
        for k in range(1, reach + 1):
            for other in (index - k, index + k):
                outside = ~on[other % frames] if loop else \
                    ~on[np.clip(other, 0, frames - 1)]
                room = np.where(outside, np.minimum(room, k - 0.5), room)
        share[:, side] = np.where(on, room / reach, 0)
    return share


def _frame(model: mujoco.MjModel, data: mujoco.MjData, qpos: Array, qvel: Array, qacc: Array,
           share: Array, parts: tuple[str, ...], config: FeedForwardConfig
           ) -> tuple[Array, Array, Array, Array]:
    data.qpos[:], data.qvel[:], data.qacc[:] = qpos, qvel, qacc
    mujoco.mj_inverse(model, data)
    wanted = data.qfrc_inverse.copy()
    maps = [_corner_map(model, data, body, config.friction) for body in FEET]
    maps += [_support_map(model, data, part, config.friction) for part in parts]
    pushes = np.concatenate([m for m, _ in maps])  # (C * 4, 25) generalised force per push
    shares = np.concatenate([s * low for (_, low), s in zip(maps, share, strict=True)])
    pushes, live = pushes[shares > 0], shares[shares > 0]
    generalised, amounts = np.zeros(model.nv), np.zeros(len(live))
    if len(live):
        scale = np.concatenate([np.full(3, 1 / WEIGHT), np.full(3, 1 / (WEIGHT * config.lever))])
        torque = config.torque_cost / H1.force_limit
        matrix = np.concatenate([scale[:, None] * pushes[:, :6].T,
                                 torque[:, None] * pushes[:, 6:].T,
                                 np.diag(config.share_cost / np.maximum(live, 0.02)) / WEIGHT])
        goal = np.concatenate([scale * wanted[:6], torque * wanted[6:], np.zeros(len(live))])
        amounts = nnls(matrix, goal)[0]
        generalised = amounts @ pushes
    residual = wanted - generalised
    full = np.zeros(len(shares))
    full[shares > 0] = amounts
    ends = np.cumsum([len(m) for m, _ in maps])[:-1]
    force = np.array([part.reshape(-1, 4).sum(axis=0) @ _pyramid(config.friction)
                      for part in np.split(full, ends)])
    root = residual[:6].copy()
    root[3:] = data.xmat[1].reshape(3, 3) @ root[3:]
    wrench = wanted[:6].copy()
    wrench[3:] = data.xmat[1].reshape(3, 3) @ wrench[3:] + np.cross(qpos[:3], wrench[:3])
    return residual[6:], force, root, wrench


def _pyramid(friction: float) -> Array:
    """Return the four edges (4, 3) of the friction pyramid, each of unit normal force."""
    return np.array([[friction, 0, 1], [-friction, 0, 1], [0, friction, 1], [0, -friction, 1]])


def _corner_map(model: mujoco.MjModel, data: mujoco.MjData, body: str, friction: float
                ) -> tuple[Array, Array]:
    """Return unit pushes at the sole corners.

    Returns:
        (16, 25) generalised forces along the pyramid's edges; (16,) bool, the corner is among the
        lowest: a foot on its toes is carried by its toes.
    """
    number = model.body(body).id
    rotation, origin = data.xmat[number].reshape(3, 3), data.xpos[number]
    jacobian = np.zeros((3, model.nv))
    rows, heights = [], []
    for x in h1_numbers.SOLE_X:
        for y in (-h1_numbers.SOLE_HALF_WIDTH, h1_numbers.SOLE_HALF_WIDTH):
            point = origin + rotation @ np.array([x, y, -h1_numbers.SOLE_HEIGHT])
            mujoco.mj_jac(model, data, jacobian, None, point, number)
            rows.append(_pyramid(friction) @ jacobian)
            heights += [point[2]] * 4
    return np.concatenate(rows), np.array(heights) < min(heights) + LEVEL


def _support_map(model: mujoco.MjModel, data: mujoco.MjData, part: str, friction: float
                 ) -> tuple[Array, Array]:
    """Return unit pushes (P * 4, 25) at a part's P lowest points, and that all of them carry."""
    jacobian = np.zeros((3, model.nv))
    rows = []
    for body, point in lowest_points(model, data, part):
        mujoco.mj_jac(model, data, jacobian, None, point, body)
        rows.append(_pyramid(friction) @ jacobian)
    return np.concatenate(rows), np.ones(4 * len(rows), bool)


def _shifted(rows: Array, frames: float, loop: bool) -> Array:
    place = np.arange(len(rows)) + frames
    low = np.floor(place).astype(int)
    part = (place - low)[:, None]
    last = len(rows) - 1
    first, second = ((low % len(rows), (low + 1) % len(rows)) if loop else
                     (np.minimum(low, last), np.minimum(low + 1, last)))
    return (1 - part) * rows[first] + part * rows[second]

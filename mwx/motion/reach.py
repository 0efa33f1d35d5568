"""Reaching from a stand: hands move along straight, minimum-jerk paths to their points."""

from dataclasses import dataclass, field

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.motion import bodies
from mwx.motion.stand import FPS, StandConfig, stance
from mwx.robot import H1
from mwx.types import Array

SIDES = ("left", "right")
ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")
ROUNDS, DAMPING, REACHED = 25, 1e-3, 0.005  # [m] how near the hand has to come


@dataclass(frozen=True)
class ReachConfig:
    """Where to reach.

    Attributes:
        hand: "left" or "right".
        target: (x, y, z) [m] from the point on the floor between the ankles.
        hold_s: [s] the hand rests there.
        start_s, start_s_per_m: [s], [s/m] the way takes start_s + start_s_per_m * its length
            (human reaching times grow with the distance).
        stand: the stance.
    """

    hand: str = "right"
    target: tuple[float, float, float] = (0.45, -0.2, 1.25)
    hold_s: float = 0.5
    start_s: float = 0.4
    start_s_per_m: float = 0.7
    stand: StandConfig = field(default_factory=StandConfig)


@dataclass(frozen=True)
class BothConfig:
    """Where both hands reach, together.

    Attributes:
        left, right: (x, y, z) [m] from the point on the floor between the ankles.
        hold_s, start_s, start_s_per_m, stand: as in ReachConfig; the longer way sets the time.
    """

    left: tuple[float, float, float] = (0.42, 0.2, 1.2)
    right: tuple[float, float, float] = (0.42, -0.2, 1.2)
    hold_s: float = 0.5
    start_s: float = 0.4
    start_s_per_m: float = 0.7
    stand: StandConfig = field(default_factory=StandConfig)


def reach_motion(config: ReachConfig) -> Array:
    """Return qpos (T, 26) from quiet standing until the hand has rested at the target.

    Raises:
        MwxError: no such hand, or a target the arm cannot reach from this stance.
    """
    if config.hand not in SIDES:
        raise MwxError(f"no hand '{config.hand}': left or right")
    return _reach({config.hand: config.target}, config)


def reach_both_motion(config: BothConfig) -> Array:
    """Return qpos (T, 26) from quiet standing until both hands have rested at their targets.

    Raises:
        MwxError: a target its arm cannot reach from this stance.
    """
    return _reach({"left": config.left, "right": config.right}, config)


def _reach(targets: dict[str, tuple[float, float, float]], config: ReachConfig | BothConfig
           ) -> Array:
    start = stance(config.stand)
    ways = {hand: np.array(target) - _hand(start, hand) for hand, target in targets.items()}
    length = max(float(np.linalg.norm(way)) for way in ways.values())
    frames = round((config.start_s + config.start_s_per_m * length) * FPS)
    part = np.clip(np.arange(frames + round(config.hold_s * FPS) + 1) / frames, 0, 1)
    gone = (part ** 3 * (10 - 15 * part + 6 * part ** 2))[:, None]
    rows = np.tile(start, (len(part), 1))
    for _ in range(3):  # the arms move the centre of mass, the stance answers, the arms follow
        for hand, way in ways.items():
            rows = _arm(rows, _hand(start, hand) + gone * way, hand)
        rows = stance(config.stand, rows[:, -9:])
    for hand, target in targets.items():
        miss = float(np.linalg.norm(_hand(rows[-1], hand) - np.array(target)))
        if miss > REACHED:
            raise MwxError(f"the {hand} hand stays {100 * miss:.0f} cm away from "
                           f"{tuple(target)}: choose a target nearer to the shoulder")
    return rows


def _arm(rows: Array, path: Array, hand: str) -> Array:
    """Return rows (T, 26) whose hand follows path (T, 3), by damped least squares, in order."""
    model = bodies.model()
    data = mujoco.MjData(model)
    body = model.body(f"{hand}_hand").id
    joints = np.array([H1.joint(f"{hand}_{name}") for name in ARM])
    jacobian = np.zeros((3, model.nv))
    out = rows.copy()
    angles = out[0, 7 + joints]
    for t, goal in enumerate(path):
        for _ in range(ROUNDS):
            out[t, 7 + joints] = angles
            data.qpos[:] = out[t]
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            gap = goal - data.xpos[body]
            if np.linalg.norm(gap) < 1e-5:
                break
            mujoco.mj_jacBody(model, data, jacobian, None, body)
            lever = jacobian[:, 6 + joints]
            step = lever.T @ np.linalg.solve(lever @ lever.T + DAMPING * np.eye(3), gap)
            angles = np.clip(angles + step, H1.low[joints] + 0.01, H1.high[joints] - 0.01)
    return out


def _hand(qpos: Array, hand: str) -> Array:
    model = bodies.model()
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    return data.body(f"{hand}_hand").xpos.copy()

"""Motions on two standing feet: quiet standing, and reaching with one hand."""

from dataclasses import dataclass

import numpy as np

from mwx.motion import leg_ik
from mwx.motion.bodies import centre_of_mass
from mwx.robot import H1
from mwx.types import Array

FPS = 50.0


@dataclass(frozen=True)
class StandConfig:
    """The quiet stance.

    Attributes:
        height: [m] of the pelvis; 0.98 is the home pose, 1.044 straight legs.
        ahead: [m] centre of mass ahead of the ankle axes: less rests the ankles, more leaves room
            to sway back (the soles reach 0.10 m back and 0.20 m ahead).
        elbow: [rad] 0 points the forearms forward, pi / 2 lets them hang.
        shoulder_roll: [rad] arms off the body.
    """

    height: float = 1.0
    ahead: float = 0.005
    elbow: float = 1.2
    shoulder_roll: float = 0.1


def stance(config: StandConfig, arms: Array | None = None) -> Array:
    """Return the standing configuration (26,), or (T, 26) for arm joints (T, 9) [torso, arms].

    Feet flat at x = 0 under the hips; the centre of mass stands `ahead` of the ankle axes.
    """
    rows = 1 if arms is None else len(arms)
    qpos = np.tile(H1.home_qpos, (rows, 1))
    qpos[:, 2] = config.height
    for side, sign in leg_ik.SIDES.items():
        qpos[:, 7 + H1.joint(f"{side}_elbow")] = config.elbow
        qpos[:, 7 + H1.joint(f"{side}_shoulder_roll")] = sign * config.shoulder_roll
    if arms is not None:
        qpos[:, -9:] = arms
    soles = {side: np.tile([0.0, sign * leg_ik.HALF_WIDTH, 0.0], (rows, 1))
             for side, sign in leg_ik.SIDES.items()}
    level = np.zeros(rows)
    for _ in range(6):  # moving the pelvis moves the centre of mass by nearly as much
        qpos = leg_ik.place_feet(qpos, soles, level, {side: level for side in soles})
        qpos[:, :2] += np.array([config.ahead, 0.0]) - centre_of_mass(qpos)[:, :2]
    qpos = leg_ik.place_feet(qpos, soles, level, {side: level for side in soles})
    return qpos[0] if arms is None else qpos


def small_control(torque: Array) -> float:
    """Return HumanoidBench's reward factor for quiet servos: (4 + mean tolerance) / 5.

    Args:
        torque: (19,) [N m]; a servo counts 1 at rest, max(0, 1 - (F / 10)^2) on the way, 0 from
            10 N m on.
    """
    return float((4 + np.maximum(0, 1 - (torque / 10) ** 2).mean()) / 5)

"""Reward terms that HumanoidBench's tasks share; each is (B,) in [0, 1]."""

import numpy as np

from mwx.maths.tolerance import at_least, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.types import Array

STAND_HEIGHT = 1.65  # [m] head height at which standing is worth 1
UPRIGHT = 0.9  # cosine of the torso's lean at which uprightness is worth 1
FORGIVING_LEAN = 1.9  # margin of most tasks: lying on the side still pays 0.53
EFFORT = 10.0  # [N m] servo torque from which a servo counts as fully used
STILL_SPEED = 2.0  # [m/s] margin of standing still


def standing(physics: Physics) -> Array:
    """Head at least 1.65 m high."""
    return tolerance(physics.head_height, at_least(STAND_HEIGHT), margin=STAND_HEIGHT / 4)


def upright(physics: Physics, margin: float = FORGIVING_LEAN) -> Array:
    """Torso vertical, falling linearly to 0 as the cosine falls by `margin`."""
    return tolerance(physics.upright, at_least(UPRIGHT), margin, "linear", value_at_margin=0)


def small_control(physics: Physics) -> Array:
    """Little servo torque; in [0.8, 1]."""
    spared = tolerance(physics.actuator_force, exactly(0), EFFORT, "quadratic", value_at_margin=0)
    return (4 + spared.mean(axis=1)) / 5


def standing_still(physics: Physics) -> Array:
    """Centre of mass at rest in the horizontal plane."""
    speed = physics.com_velocity[:, :2]
    return tolerance(speed, exactly(0), margin=STILL_SPEED).mean(axis=1)


def moving_forward(physics: Physics, speed: float) -> Array:
    """Centre of mass moving along world +x at `speed` [m/s] or more; in [1/6, 1]."""
    forward = physics.com_velocity[:, 0]
    return (5 * tolerance(forward, at_least(speed), speed, "linear", value_at_margin=0) + 1) / 6


def nearest_hand_distance(physics: Physics, point: Array) -> Array:
    """(B,) [m] from a point (B, 3) to the nearer hand (not a term: a distance)."""
    left = np.linalg.norm(point - physics.left_hand, axis=1)
    right = np.linalg.norm(point - physics.right_hand, axis=1)
    return np.minimum(left, right)

"""Sit down on a chair that stands behind the robot: fixed at its heels, or free to slide."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.maths.tolerance import at_least, between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.props import add_chair
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing_still
from mwx.types import Array

CHAIR_PLACE = (-0.25, 0, 0)  # [m, world]: the heels stand 19 mm inside its solid seat
SEAT_HEIGHT = 0.475  # [m]
SITTING_HEIGHT, SITTING_MARGIN = between(0.68, 0.72), 0.2  # [m] of the pelvis
ALONG_SEAT, ALONG_MARGIN = between(-0.19, 0.19), 0.2  # [m, world x] pelvis from the chair
ACROSS_MARGIN = 0.1  # [m, world y] pelvis from the chair's middle
HEAD_OVER_IMU, POSTURE_MARGIN = between(0.35, 0.45), 0.3  # [m] a straight back
SITTING_UPRIGHT, STRICT_LEAN = 0.95, 0.9  # cosine of the torso's lean, and its margin
START_X, START_Y, START_YAW = (0.2, 0.4), (-0.15, 0.15), (-1.8, 1.8)  # [m, m, rad] of sit_hard


class SitSimple(Task):
    """HumanoidBench sit_simple: the chair is fixed to the floor."""

    name: ClassVar[str] = "sit_simple"
    text: ClassVar[str] = ("Sit down on the chair right behind you and stay seated, back straight "
                           "and still.")
    success_bar: ClassVar[float] = 750.0
    fall_height: ClassVar[float | None] = 0.5

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the fixed chair."""
        add_chair(spec, CHAIR_PLACE, free=False)

    def state(self, physics: Physics) -> Array:
        """(B, 6): from pelvis to seat [m], where the chair faces; both in the heading frame."""
        return _seat_and_facing(physics)

    def reward(self, physics: Physics) -> Reward:
        """Pelvis at sitting height over the seat, back straight, at rest, with little effort."""
        return _seated(physics)

    def target(self, physics: Physics) -> Array:
        """The middle of the seat."""
        return _seat(physics)

    def progress(self, physics: Physics) -> Array:
        """How well it sits right now."""
        return _sits(physics)


class SitHard(Task):
    """HumanoidBench sit_hard: the chair can slide, the robot starts before it, turned anyhow."""

    name: ClassVar[str] = "sit_hard"
    text: ClassVar[str] = ("A chair stands near you and may slide. Turn your back to it, step to "
                           "it, sit down and stay seated, back straight and still.")
    success_bar: ClassVar[float] = 750.0
    fall_height: ClassVar[float | None] = 0.5
    object_qpos: ClassVar[tuple[float, ...]] = (*CHAIR_PLACE, 1.0, 0.0, 0.0, 0.0)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the free chair."""
        add_chair(spec, CHAIR_PLACE, free=True)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Place the robot before the chair, upright and turned by a random yaw."""
        x, y, yaw = rng.uniform(*np.array([START_X, START_Y, START_YAW]).T)
        physics.base_pos[row, :2] = x, y
        physics.base_quat[row] = rotations.about("z", yaw)

    def state(self, physics: Physics) -> Array:
        """(B, 6): from pelvis to seat [m], where the chair faces; both in the heading frame."""
        return _seat_and_facing(physics)

    def reward(self, physics: Physics) -> Reward:
        """Pelvis at sitting height over the seat, back straight, at rest, with little effort."""
        return _seated(physics)

    def target(self, physics: Physics) -> Array:
        """The middle of the seat."""
        return _seat(physics)

    def progress(self, physics: Physics) -> Array:
        """How well it sits right now."""
        return _sits(physics)


def _seated(physics: Physics) -> Reward:
    posture = tolerance(physics.head_height - physics.imu[:, 2], HEAD_OVER_IMU, POSTURE_MARGIN)
    terms = {"small_control": small_control(physics), "dont_move": standing_still(physics),
             "sitting": _at_sitting_height(physics), "sitting_posture": posture,
             "upright": tolerance(physics.upright, at_least(SITTING_UPRIGHT), STRICT_LEAN,
                                  "linear", value_at_margin=0)}
    terms["sit_reward"] = ((0.5 * terms["sitting"] + 0.5 * _over_seat(physics))
                           * terms["upright"] * posture)
    return terms["small_control"] * terms["sit_reward"] * terms["dont_move"], terms


def _sits(physics: Physics) -> Array:
    terms = _seated(physics)[1]
    return (_at_sitting_height(physics) * _over_seat(physics) * terms["upright"]
            * terms["sitting_posture"])


def _at_sitting_height(physics: Physics) -> Array:
    return tolerance(physics.base_height, SITTING_HEIGHT, SITTING_MARGIN)


def _over_seat(physics: Physics) -> Array:
    """The chair's turn plays no part: along and across are world x and y."""
    offset = physics.base_pos - physics.body_position("chair")
    return (tolerance(offset[:, 0], ALONG_SEAT, ALONG_MARGIN)
            * tolerance(offset[:, 1], exactly(0), ACROSS_MARGIN))


def _seat_and_facing(physics: Physics) -> Array:
    facing = physics.body_matrix("chair")[:, :, 0]
    return physics.in_heading_frame(_seat(physics) - physics.base_pos, facing)


def _seat(physics: Physics) -> Array:
    return physics.body_position("chair") + np.array([0, 0, SEAT_HEIGHT])

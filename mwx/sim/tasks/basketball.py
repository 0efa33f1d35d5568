"""Basketball: catch the ball that flies in, then throw it into the hoop."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.basketball_scene import BALL_CONTACTS, BALL_PLACE, add_ball, add_hoop
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.types import Array

# the ball starts so far away, so fast and so high that it comes in over the left hand's height
START_DISTANCE, START_SPEED = 1.5, 7.5  # [m] from the world's z axis, [m/s] towards it
START_ANGLE = 1.45  # [rad] at most, to either side of straight ahead
ABOVE_LEFT_HAND = 0.3924  # [m] twice the fall in the 0.2 s of flight
IN_HANDS, HANDS_MARGIN = 0.2, 1.0  # [m] of the hand that is further from the ball
HOOP_MARGIN = 7.0  # [m]
SCORED, SCORE_BONUS = 0.05, 1000.0  # [m] from the hoop's target
BALL_LOST = 0.5  # [m] height


class Basketball(Task):
    """HumanoidBench basketball; any contact of the ball turns catching into throwing."""

    name: ClassVar[str] = "basketball"
    text: ClassVar[str] = ("Catch the basketball that flies towards you with both hands, then "
                           "throw it into the hoop ahead, without falling.")
    success_bar: ClassVar[float] = 1200.0
    max_steps: ClassVar[int] = 500
    camera: ClassVar[str] = "cam_basketball"
    fall_height: ClassVar[float | None] = 0.5
    object_qpos: ClassVar[tuple[float, ...]] = (*BALL_PLACE, 1.0, 0.0, 0.0, 0.0)
    memory: ClassVar[Mapping[str, Any]] = {"throwing": False}

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the hoop and the ball."""
        add_hoop(spec)
        add_ball(spec)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Send the ball towards the robot, from a random direction."""
        physics.forward(np.array([row]))
        angle = rng.choice([-1, 1]) * rng.uniform(0, START_ANGLE)
        away = np.array([np.cos(angle), np.sin(angle), 0])
        height = np.array([0, 0, physics.left_hand[row, 2] + ABOVE_LEFT_HAND])
        physics.set_free(row, "free_basketball", position=START_DISTANCE * away + height,
                         velocity=np.concatenate([-START_SPEED * away, np.zeros(3)]))

    def update(self, physics: Physics) -> None:
        """Once the ball has touched anything, the robot is throwing."""
        physics.memory["throwing"] |= physics.contact_count(BALL_CONTACTS) > 0

    def state(self, physics: Physics) -> Array:
        """(B, 10): ball, its velocity, hoop, each in the heading frame [m, m/s]; throwing."""
        velocity = physics.free_velocity("free_basketball")[:, :3]
        turned = physics.in_heading_frame(_ball(physics) - physics.base_pos, velocity,
                                          _hoop(physics) - physics.base_pos)
        return np.concatenate([turned, physics.memory["throwing"][:, None]], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stand with both hands at the ball; then bring the ball to the hoop."""
        throwing, scored = physics.memory["throwing"], _scored(physics)
        terms = {"reward_hand_proximity": _in_hands(physics),
                 "reward_ball_success": _near_hoop(physics),
                 "stand_reward": standing(physics) * upright(physics),
                 "small_control": small_control(physics),
                 "success_subtasks": throwing.astype(float), "success": scored.astype(float)}
        stands = terms["stand_reward"] * terms["small_control"]
        catch = 0.5 * stands + 0.5 * terms["reward_hand_proximity"]
        throw = (0.15 * stands + 0.05 * terms["reward_hand_proximity"]
                 + 0.8 * terms["reward_ball_success"])
        return np.where(throwing, throw, catch) + SCORE_BONUS * scored, terms

    def terminated(self, physics: Physics) -> Array:
        """(B,) bool: the robot has fallen, the ball is down, or it has gone in."""
        lost = physics.free_position("free_basketball")[:, 2] < BALL_LOST
        return super().terminated(physics) | lost | _scored(physics)

    def target(self, physics: Physics) -> Array:
        """The ball; once it has been touched, the hoop."""
        return np.where(physics.memory["throwing"][:, None], _hoop(physics), _ball(physics))

    def progress(self, physics: Physics) -> Array:
        """Half for both hands at the ball, half for the ball at the hoop."""
        throwing = physics.memory["throwing"]
        done = np.where(throwing, 1 + _near_hoop(physics), _in_hands(physics)) / 2
        return np.where(_scored(physics), 1, done)


def _ball(physics: Physics) -> Array:
    return physics.body_position("basketball")


def _hoop(physics: Physics) -> Array:
    return physics.site_position("hoop_center")


def _hoop_distance(physics: Physics) -> Array:
    return np.linalg.norm(_ball(physics) - _hoop(physics), axis=1)


def _scored(physics: Physics) -> Array:
    return _hoop_distance(physics) < SCORED


def _near_hoop(physics: Physics) -> Array:
    return tolerance(_hoop_distance(physics), exactly(0), HOOP_MARGIN, "linear")


def _in_hands(physics: Physics) -> Array:
    further = np.maximum(np.linalg.norm(_ball(physics) - physics.left_hand, axis=1),
                         np.linalg.norm(_ball(physics) - physics.right_hand, axis=1))
    return tolerance(further, between(0, IN_HANDS), HANDS_MARGIN)

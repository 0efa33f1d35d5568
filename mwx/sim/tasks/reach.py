"""Reach: bring the left hand to a point in space, keep the pelvis upright, move little."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_marker
from mwx.sim.tasks.task import Reward, Task
from mwx.types import Array

GOAL_LOW, GOAL_HIGH = (-2.0, -2.0, 0.2), (2.0, 2.0, 2.0)  # [m, world] where goals are drawn
CLOSE, SUCCESS = 1.0, 0.05  # [m] distances that pay a bonus
HEALTHY_WEIGHT, MOTION_WEIGHT = 5.0, 1e-4
CLOSE_BONUS, SUCCESS_BONUS = 5.0, 10.0
FAR = 3.0  # [m] distance that counts as no progress


class Reach(Task):
    """HumanoidBench reach; its goal comes from the environment's own generator."""

    name: ClassVar[str] = "reach"
    text: ClassVar[str] = "Reach the marked point with the left hand and hold the hand there."
    success_bar: ClassVar[float] = 12000.0
    fall_height: ClassVar[float | None] = None

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add a marker that collides with nothing and keeps the goal."""
        add_marker(spec, "goal", SUCCESS)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw the goal."""
        physics.goal[row] = rng.uniform(GOAL_LOW, GOAL_HIGH)

    def vector(self, physics: Physics) -> Array:
        """The robot's state, the left hand (2 ms old) and the goal."""
        return np.concatenate([physics.qpos, physics.qvel, physics.left_hand, physics.goal], axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 3) [m] from the left hand to the goal, in the pelvis' heading."""
        return physics.in_heading_frame(physics.goal - physics.left_hand)

    def reward(self, physics: Physics) -> Reward:
        """Keep the pelvis upright, move little, bring the hand close and onto the goal."""
        distance = _distance(physics)
        terms = {"hand_dist": distance,
                 "healthy_reward": HEALTHY_WEIGHT * physics.pelvis_upright,
                 "motion_penalty": np.square(physics.robot_qvel).sum(axis=1),
                 "reward_close": CLOSE_BONUS * (distance < CLOSE),
                 "reward_success": SUCCESS_BONUS * (distance < SUCCESS)}
        return (terms["healthy_reward"] - MOTION_WEIGHT * terms["motion_penalty"]
                + terms["reward_close"] + terms["reward_success"]), terms

    def target(self, physics: Physics) -> Array:
        """The goal."""
        return physics.goal.copy()

    def progress(self, physics: Physics) -> Array:
        """1 with the hand on the goal, 0 at 3 m and beyond."""
        return 1 - np.clip((_distance(physics) - SUCCESS) / (FAR - SUCCESS), 0, 1)


def _distance(physics: Physics) -> Array:
    return np.linalg.norm(physics.left_hand - physics.goal, axis=1)

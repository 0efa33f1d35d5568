"""Walk: go forward at 1 m/s, upright."""

from typing import ClassVar

import numpy as np

from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import moving_forward, small_control, standing, upright
from mwx.types import Array

WALK_SPEED = 1.0  # [m/s] along world +x
EPISODE_DISTANCE = 20.0  # [m] what walking at that speed covers in an episode


class Walk(Task):
    """HumanoidBench walk.

    Attributes:
        speed: [m/s] along world +x that pays in full.
        distance: [m] what that speed covers in an episode.
    """

    name: ClassVar[str] = "walk"
    text: ClassVar[str] = "Walk forward at one metre per second without falling."
    success_bar: ClassVar[float] = 700.0
    speed: ClassVar[float] = WALK_SPEED
    distance: ClassVar[float] = EPISODE_DISTANCE

    def reward(self, physics: Physics) -> Reward:
        """Stand upright and move forward, with little effort."""
        terms = {"standing": standing(physics), "upright": upright(physics),
                 "small_control": small_control(physics),
                 "move": moving_forward(physics, self.speed)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return terms["small_control"] * terms["stand_reward"] * terms["move"], terms

    def progress(self, physics: Physics) -> Array:
        """The share of an episode's distance walked."""
        return np.clip(physics.base_pos[:, 0] / self.distance, 0, 1)

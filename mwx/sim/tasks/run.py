"""Run: go forward at 5 m/s, upright."""

from typing import ClassVar

import numpy as np

from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import moving_forward, small_control, standing, upright
from mwx.types import Array

RUN_SPEED = 5.0  # [m/s] along world +x
EPISODE_DISTANCE = 100.0  # [m] what running at that speed covers in an episode


class Run(Task):
    """HumanoidBench run."""

    name: ClassVar[str] = "run"
    text: ClassVar[str] = "Run forward at five metres per second without falling."
    success_bar: ClassVar[float] = 700.0

    def reward(self, physics: Physics) -> Reward:
        """Stand upright and move forward fast, with little effort."""
        terms = {"standing": standing(physics), "upright": upright(physics),
                 "small_control": small_control(physics),
                 "move": moving_forward(physics, RUN_SPEED)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return terms["small_control"] * terms["stand_reward"] * terms["move"], terms

    def progress(self, physics: Physics) -> Array:
        """The share of an episode's distance run."""
        return np.clip(physics.base_pos[:, 0] / EPISODE_DISTANCE, 0, 1)

"""Stand: keep the head up, the torso upright and the centre of mass at rest."""

from typing import ClassVar

from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, standing_still, upright
from mwx.types import Array


class Stand(Task):
    """HumanoidBench stand."""

    name: ClassVar[str] = "stand"
    text: ClassVar[str] = "Stand still and keep your balance."
    success_bar: ClassVar[float] = 800.0

    def reward(self, physics: Physics) -> Reward:
        """Stand upright, at rest, with little effort."""
        terms = {"standing": standing(physics), "upright": upright(physics),
                 "small_control": small_control(physics), "dont_move": standing_still(physics)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return terms["small_control"] * terms["stand_reward"] * terms["dont_move"], terms

    def progress(self, physics: Physics) -> Array:
        """How well it stands right now; standing has no goal to get nearer to."""
        return standing(physics) * upright(physics)

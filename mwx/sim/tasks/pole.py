"""Pole: walk through a forest of poles without touching one."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_geom, count_contacts
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import moving_forward, small_control, standing, upright
from mwx.types import Array

WALK_SPEED = 0.5  # [m/s] along world +x
POLE_DISCOUNT = 0.1  # what a step is worth while anything touches a pole; walls cost nothing
EPISODE_DISTANCE = 10.0  # [m] what walking at that speed covers in an episode
# a row every metre; odd rows have four poles, even rows three, between the odd ones
ROWS = 41
ODD_Y, EVEN_Y = (2.25, 0.75, -0.75, -2.25), (1.5, 0.0, -1.5)
POLE_SIZE = (0.05, 1.0)  # [m] radius, half length
# half extents, pos
WALLS = (((20.75, 0.15, 1.0), (20.0, -3.15, 1.0)),
         ((20.75, 0.15, 1.0), (20.0, 3.15, 1.0)),
         ((0.15, 3.0, 1.0), (-0.6, 0.0, 1.0)))
WALL_COLOUR, GROUND_COLOUR = (0.75, 0.78, 0.84, 0.18), (0.78, 0.80, 0.82, 1)
POLE_COLOUR, CAP_COLOUR = (0.62, 0.50, 0.38, 1), (0.85, 0.33, 0.26, 1)


class Pole(Task):
    """HumanoidBench pole."""

    name: ClassVar[str] = "pole"
    text: ClassVar[str] = ("Walk forward at half a metre per second through the poles, without "
                           "touching any of them.")
    success_bar: ClassVar[float] = 700.0
    fall_height: ClassVar[float | None] = 0.5

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the poles, whose contacts count, and the walls."""
        poles = spec.worldbody.add_body(name="poles")
        for x, y in pole_places():
            add_geom(poles, "cylinder", POLE_SIZE, (x, y, 1), rgba=POLE_COLOUR)
            add_geom(poles, "cylinder", (0.052, 0.03), (x, y, 1.98), rgba=CAP_COLOUR,
                     collides=False)
        walls = spec.worldbody.add_body(name="walls")
        for size, pos in WALLS:
            add_geom(walls, "box", size, pos, rgba=WALL_COLOUR)
        # the floor is drawn up to x = 20 m only, though it goes on
        add_geom(walls, "box", (11, 3, 0.005), (31, 0, -0.006), rgba=GROUND_COLOUR, collides=False)
        count_contacts(spec, "pole_contacts", body="poles")

    def reward(self, physics: Physics) -> Reward:
        """Half for standing with little effort, half for walking; a tenth of it on a pole."""
        touching = physics.contact_count("pole_contacts") > 0
        terms = {"standing": standing(physics), "upright": upright(physics),
                 "small_control": small_control(physics),
                 "move": moving_forward(physics, WALK_SPEED),
                 "collision_discount": np.where(touching, POLE_DISCOUNT, 1.0)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return ((0.5 * terms["small_control"] * terms["stand_reward"] + 0.5 * terms["move"])
                * terms["collision_discount"]), terms

    def state(self, physics: Physics) -> Array:
        """(B, 4) [m, heading frame] from the pelvis to the two nearest poles, x and y of each."""
        places = physics.base_pos[:, None, :2]
        away = np.square(places[..., 0] - POLE_PLACES[:, 0]) \
            + np.square(places[..., 1] - POLE_PLACES[:, 1])  # (B, poles)
        nearest = np.argpartition(away, (0, 1), axis=1)[:, :2]
        offsets = np.pad(POLE_PLACES[nearest] - places, ((0, 0), (0, 0), (0, 1)))  # (B, 2, 3)
        return physics.in_heading_frame(offsets[:, 0], offsets[:, 1])[:, [0, 1, 3, 4]]

    def progress(self, physics: Physics) -> Array:
        """The share of an episode's distance walked."""
        return np.clip(physics.base_pos[:, 0] / EPISODE_DISTANCE, 0, 1)


def pole_places() -> list[tuple[float, float]]:
    """Return where the poles stand [m, world]."""
    return [(float(row), y) for row in range(1, ROWS + 1) for y in (ODD_Y if row % 2 else EVEN_Y)]


POLE_PLACES = np.array(pole_places())

"""Stair: walk up and down four flights of stairs."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.sim.physics import Physics
from mwx.sim.tasks.climb import climbing_reward, lying, places_ahead, walked
from mwx.sim.tasks.objects import add_geom
from mwx.sim.tasks.task import Reward, Task
from mwx.types import Array

# [m, world] pyramids of five steps, one behind the other, as wide as the course
CENTRES, HALF_WIDTH = (3.2, 9.2, 15.2, 21.2), 5.0
STEPS, RISE, TREAD = 5, 0.18, 0.6
HALF_LENGTHS = tuple(2.7 - TREAD * step for step in range(STEPS))  # of each step, bottom to top
# half extents, pos
WALLS = (((15.5, 0.1, 2.0), (13.5, -5.05, 2.0)),
         ((15.5, 0.1, 2.0), (13.5, 5.05, 2.0)),
         ((0.1, 7.25, 2.0), (-2.1, 0.0, 2.0)))
WALL_COLOUR, GROUND_COLOUR = (0.75, 0.78, 0.84, 0.18), (0.78, 0.80, 0.82, 1)
STEP_COLOURS = ((0.72, 0.74, 0.78, 1), (0.80, 0.82, 0.86, 1))
EDGE_COLOUR = (0.90, 0.49, 0.13, 1)


class Stair(Task):
    """HumanoidBench stair."""

    name: ClassVar[str] = "stair"
    text: ClassVar[str] = ("Walk forward at one metre per second, up and down the stairs, without "
                           "falling.")
    success_bar: ClassVar[float] = 700.0

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the stairs and the walls."""
        stairs = spec.worldbody.add_body(name="stairs")
        for centre in CENTRES:
            _add_flight(stairs, centre)
        walls = spec.worldbody.add_body(name="walls")
        for size, pos in WALLS:
            add_geom(walls, "box", size, pos, rgba=WALL_COLOUR)
        # the floor is drawn up to x = 20 m only, though it goes on
        add_geom(walls, "box", (4.5, 5, 0.005), (24.5, 0, -0.006), rgba=GROUND_COLOUR,
                 collides=False)

    def reward(self, physics: Physics) -> Reward:
        """Keep the head above the feet and move forward, with little effort."""
        return climbing_reward(physics)

    def terminated(self, physics: Physics) -> Array:
        """The torso is as good as horizontal."""
        return lying(physics)

    def state(self, physics: Physics) -> Array:
        """(B, 4) [m]: pelvis above the ground, then the ground 0.3, 0.6, 0.9 m ahead of it."""
        ground = ground_height(places_ahead(physics))
        return np.concatenate([physics.base_height[:, None] - ground[:, :1],
                               ground[:, 1:] - ground[:, :1]], axis=1)

    def progress(self, physics: Physics) -> Array:
        """The share of an episode's distance walked."""
        return walked(physics)


def ground_height(x: Array | float) -> Array:
    """Return the height [m] of the floor or the step at world x [m]."""
    from_centre = np.abs(np.asarray(x)[..., None] - np.array(CENTRES)).min(axis=-1)
    return RISE * (from_centre[..., None] <= np.array(HALF_LENGTHS)).sum(axis=-1)


def _add_flight(body: mujoco.MjsBody, centre: float) -> None:
    for step, half_length in enumerate(HALF_LENGTHS):
        middle = RISE * (step + 0.5)
        add_geom(body, "box", (half_length, HALF_WIDTH, RISE / 2), (centre, 0, middle),
                 rgba=STEP_COLOURS[step % 2])
        for side in (-1, 1):
            add_geom(body, "box", (0.015, HALF_WIDTH, 0.01),
                     (centre + side * (half_length - 0.014), 0, middle + RISE / 2 - 0.009),
                     rgba=EDGE_COLOUR, collides=False)

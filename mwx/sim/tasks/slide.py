"""Slide: walk up and down a row of long ridges."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.sim.physics import Physics
from mwx.sim.tasks.climb import climbing_reward, lying, places_ahead, walked
from mwx.sim.tasks.objects import add_geom
from mwx.sim.tasks.task import Reward, Task
from mwx.types import Array

# [m, world] triangular ridges, one behind the other: a slope of 0.35
RIDGES, FIRST_X, PERIOD, CREST, HALF_WIDTH = 9, 0.3, 10.0, 1.75, 5.0
END_X = FIRST_X + RIDGES * PERIOD
# half extents, pos
WALLS = (((53.0, 0.15, 4.0), (48.85, -5.15, 4.0)),
         ((53.0, 0.15, 4.0), (48.85, 5.15, 4.0)),
         ((0.15, 5.15, 4.0), (-4.0, 0.0, 4.0)))
WALL_COLOUR, RIDGE_COLOUR = (0.75, 0.78, 0.84, 0.14), (0.76, 0.78, 0.82, 1)
STRIPE_COLOUR, CREST_COLOUR = (0.62, 0.66, 0.73, 1), (0.90, 0.49, 0.13, 1)


class Slide(Task):
    """HumanoidBench slide."""

    name: ClassVar[str] = "slide"
    text: ClassVar[str] = ("Walk forward at one metre per second, up and down the slopes, without "
                           "falling.")
    success_bar: ClassVar[float] = 700.0

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the ridges, each the hull of its six corners, and the walls."""
        spec.add_mesh(name="ridge", uservert=ridge_corners().ravel().tolist())
        slides = spec.worldbody.add_body(name="slides")
        for number in range(RIDGES):
            start = FIRST_X + PERIOD * number
            slides.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="ridge", pos=[start, 0, 0],
                            rgba=RIDGE_COLOUR, mass=0)
            _add_stripes(slides, start)
        walls = spec.worldbody.add_body(name="walls")
        for size, pos in WALLS:
            add_geom(walls, "box", size, pos, rgba=WALL_COLOUR)

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


def ridge_corners() -> Array:
    """Return the (6, 3) [m] corners of a ridge that starts at x = 0."""
    profile = ((0, 0), (PERIOD, 0), (PERIOD / 2, CREST))
    return np.array([(x, y, z) for x, z in profile for y in (-HALF_WIDTH, HALF_WIDTH)])


def ground_height(x: Array | float) -> Array:
    """Return the height [m] of the floor or the slope at world x [m]."""
    x = np.asarray(x)
    phase = (x - FIRST_X) % PERIOD
    slope = CREST * (1 - np.abs(phase - PERIOD / 2) / (PERIOD / 2))
    return np.where((x > FIRST_X) & (x < END_X), slope, 0.0)


def _add_stripes(body: mujoco.MjsBody, start: float) -> None:
    """A line across the slope every metre, so that motion can be seen."""
    tilt = np.arctan2(CREST, PERIOD / 2) / 2
    for metre in range(1, int(PERIOD)):
        on_crest, rising = metre == PERIOD / 2, metre < PERIOD / 2
        angle = 0.0 if on_crest else -tilt if rising else tilt
        place = start + metre
        add_geom(body, "box", (0.03, HALF_WIDTH, 0.002), (place, 0, float(ground_height(place))),
                 (np.cos(angle), 0, np.sin(angle), 0), collides=False,
                 rgba=CREST_COLOUR if on_crest else STRIPE_COLOUR)

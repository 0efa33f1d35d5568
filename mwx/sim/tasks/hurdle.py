"""Hurdle: run down a walled track and over ten hurdles."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import at_least, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_geom, count_contacts
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import FORGIVING_LEAN, moving_forward, small_control, standing
from mwx.types import Array

RUN_SPEED = 5.0  # [m/s] along world +x
UPRIGHT = 0.8  # cosine of the torso's lean at which uprightness is worth 1
WALL_DISCOUNT = 0.1  # what a step is worth while anything touches a wall; hurdles cost nothing
# the track [m, world]: a hurdle every 7 m, as wide as the track
HURDLES, SPACING, HURDLE_HEIGHT = 10, 7.0, 0.375
HURDLE_SIZE = (0.03, 5.0, HURDLE_HEIGHT / 2)  # half extents
LAST_HURDLE = HURDLES * SPACING
# half extents, pos
WALLS = (((35.5, 0.275, 1.0), (35.0, -4.725, 1.0)),
         ((35.5, 0.275, 1.0), (35.0, 4.725, 1.0)),
         ((0.05, 5.0, 1.0), (-0.525, 0.0, 1.0)))
WALL_COLOUR, BAR_COLOUR = (0.75, 0.78, 0.84, 0.18), (0.93, 0.94, 0.96, 1)
TRIM_COLOUR, POST_COLOUR = (0.85, 0.33, 0.26, 1), (0.30, 0.31, 0.35, 1)
GROUND_COLOUR = (0.78, 0.80, 0.82, 1)
LANES = range(-4, 5)  # a post stands on the edge of every lane [m]


class Hurdle(Task):
    """HumanoidBench hurdle."""

    name: ClassVar[str] = "hurdle"
    text: ClassVar[str] = ("Run straight ahead at five metres per second, stepping over the "
                           "hurdles in your way, and keep off the walls of the track.")
    success_bar: ClassVar[float] = 700.0
    camera: ClassVar[str] = "cam_hurdle"

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the hurdles and the walls, whose contacts count."""
        hurdles = spec.worldbody.add_body(name="hurdles")
        for number in range(1, HURDLES + 1):
            _add_hurdle(hurdles, number * SPACING)
        walls = spec.worldbody.add_body(name="walls")
        for size, pos in WALLS:
            add_geom(walls, "box", size, pos, rgba=WALL_COLOUR)
        # the floor is drawn up to x = 20 m only, though it goes on
        add_geom(hurdles, "box", (28, 5, 0.005), (48, 0, -0.006), rgba=GROUND_COLOUR,
                 collides=False)
        count_contacts(spec, "wall_contacts", body="walls")

    def reward(self, physics: Physics) -> Reward:
        """Stand upright and run forward with little effort, a tenth of it along a wall."""
        touching = physics.contact_count("wall_contacts") > 0
        terms = {"standing": standing(physics),
                 "upright": tolerance(physics.upright, at_least(UPRIGHT), FORGIVING_LEAN, "linear",
                                      value_at_margin=0),
                 "small_control": small_control(physics),
                 "move": moving_forward(physics, RUN_SPEED),
                 "wall_collision_discount": np.where(touching, WALL_DISCOUNT, 1.0)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return (terms["small_control"] * terms["stand_reward"] * terms["move"]
                * terms["wall_collision_discount"]), terms

    def state(self, physics: Physics) -> Array:
        """(B, 3) [m, heading frame] from the pelvis to the top of the next hurdle ahead."""
        pelvis = physics.base_pos
        following = np.clip(np.floor(pelvis[:, 0] / SPACING) + 1, 1, HURDLES) * SPACING
        offset = np.zeros_like(pelvis)
        offset[:, 0] = following - pelvis[:, 0]
        offset[:, 2] = HURDLE_HEIGHT - pelvis[:, 2]
        return physics.in_heading_frame(offset)

    def progress(self, physics: Physics) -> Array:
        """The share of the way to the last hurdle."""
        return np.clip(physics.base_pos[:, 0] / LAST_HURDLE, 0, 1)


def _add_hurdle(body: mujoco.MjsBody, x: float) -> None:
    half_height = HURDLE_HEIGHT / 2
    add_geom(body, "box", HURDLE_SIZE, (x, 0, half_height), rgba=BAR_COLOUR)
    add_geom(body, "box", (0.033, 4.45, 0.02), (x, 0, HURDLE_HEIGHT - 0.018), rgba=TRIM_COLOUR,
             collides=False)
    for y in LANES:
        add_geom(body, "box", (0.036, 0.015, half_height), (x, y, half_height), rgba=POST_COLOUR,
                 collides=False)

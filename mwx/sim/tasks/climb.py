"""What stair and slide share: walk on over rising and falling ground, the head above the feet."""

import numpy as np

from mwx.maths.tolerance import at_least, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Reward
from mwx.sim.tasks.terms import FORGIVING_LEAN, moving_forward, small_control
from mwx.types import Array

WALK_SPEED = 1.0  # [m/s] along world +x
HEAD_ABOVE_FOOT, FOOT_MARGIN = 1.2, 0.45  # [m]
UPRIGHT = 0.5  # cosine of the torso's lean at which uprightness is worth 1
FALLEN = 0.1  # cosine of the torso's lean below which the episode terminates
EPISODE_DISTANCE = 20.0  # [m] what walking at that speed covers in an episode
LOOK_AHEAD = (0.3, 0.6, 0.9)  # [m] where a router is told the ground's height


def climbing_reward(physics: Physics) -> Reward:
    """Head high above both feet, torso upright, forward, with little effort."""
    terms = {"standing": _above(physics, "left_foot") * _above(physics, "right_foot"),
             "upright": tolerance(physics.upright, at_least(UPRIGHT), FORGIVING_LEAN, "linear",
                                  value_at_margin=0),
             "small_control": small_control(physics),
             "move": moving_forward(physics, WALK_SPEED)}
    terms["stand_reward"] = terms["standing"] * terms["upright"]
    return terms["stand_reward"] * terms["small_control"] * terms["move"], terms


def lying(physics: Physics) -> Array:
    """(B,) bool: the torso is as good as horizontal; its height says nothing on a slope."""
    return physics.upright < FALLEN


def walked(physics: Physics) -> Array:
    """The share of an episode's distance walked, in [0, 1]."""
    return np.clip(physics.base_pos[:, 0] / EPISODE_DISTANCE, 0, 1)


def places_ahead(physics: Physics) -> Array:
    """(B, 1 + 3) [m, world x] below the pelvis, then 0.3, 0.6 and 0.9 m ahead of it."""
    ahead = np.array([0.0, *LOOK_AHEAD])
    return physics.base_pos[:, :1] + ahead * np.cos(physics.heading)[:, None]


def _above(physics: Physics, foot: str) -> Array:
    height = physics.head_height - physics.site_position(foot)[:, 2]
    return tolerance(height, at_least(HEAD_ABOVE_FOOT), FOOT_MARGIN)

"""Powerlift: pick a dumbbell of 104 kg up from the floor and hold it above the head."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import at_least, between, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_free_joint, add_geom, set_inertia
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import FORGIVING_LEAN, STAND_HEIGHT, small_control
from mwx.types import Array

UPRIGHT = 0.8  # cosine of the torso's lean at which uprightness is worth 1
LIFTED, LIFT_MARGIN = (1.9, 2.1), 2.0  # [m] heights of the dumbbell that pay in full
PLACE = (0.5, 0.0, 0.2)  # [m, world] where it lies: its weights' radius above the floor
MASS, INERTIA = 103.965668, (59.378833133, 59.378833133, 2.012063591)
ALONG_Y, INERTIA_AXES = (0.707107, -0.707107, 0, 0), (0.707107, 0.707107, 0, 0)
BAR_SIZE, WEIGHT_SIZE, WEIGHT_Y = (0.029, 0.65), (0.2, 0.2), 0.75  # [m] radius, half length
BAR_COLOUR, WEIGHT_COLOUR = (0.72, 0.74, 0.78, 1), (0.20, 0.24, 0.32, 1)
RIM_COLOUR = (0.90, 0.49, 0.13, 1)


class Powerlift(Task):
    """HumanoidBench powerlift."""

    name: ClassVar[str] = "powerlift"
    text: ClassVar[str] = ("Grip the dumbbell before you with both hands, lift it and hold it two "
                           "metres above the floor, standing upright.")
    success_bar: ClassVar[float] = 800.0
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = (*PLACE, 1.0, 0.0, 0.0, 0.0)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the dumbbell."""
        dumbbell = spec.worldbody.add_body(name="dumbbell", pos=PLACE)
        add_free_joint(dumbbell, "free_dumbbell")
        set_inertia(dumbbell, MASS, (0, 0, 0), INERTIA, INERTIA_AXES)
        add_geom(dumbbell, "cylinder", BAR_SIZE, quat=ALONG_Y, rgba=BAR_COLOUR)
        for side in (-1, 1):
            add_geom(dumbbell, "cylinder", WEIGHT_SIZE, (0, side * WEIGHT_Y, 0), ALONG_Y,
                     rgba=WEIGHT_COLOUR)
            add_geom(dumbbell, "cylinder", (0.201, 0.02), (0, side * WEIGHT_Y, 0), ALONG_Y,
                     rgba=RIM_COLOUR, collides=False)

    def reward(self, physics: Physics) -> Reward:
        """A fifth for standing upright with little effort, the rest for the dumbbell's height."""
        terms = {"standing": tolerance(physics.head_height, at_least(STAND_HEIGHT),
                                       margin=STAND_HEIGHT / 3),
                 "upright": tolerance(physics.upright, at_least(UPRIGHT), FORGIVING_LEAN, "linear",
                                      value_at_margin=0),
                 "small_control": small_control(physics),
                 "reward_dumbbell_lifted": tolerance(_dumbbell(physics)[:, 2], between(*LIFTED),
                                                     LIFT_MARGIN)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return (0.2 * terms["small_control"] * terms["stand_reward"]
                + 0.8 * terms["reward_dumbbell_lifted"]), terms

    def state(self, physics: Physics) -> Array:
        """(B, 9), heading frame: from pelvis to dumbbell [m], its velocity [m/s], its bar's way."""
        return physics.in_heading_frame(_dumbbell(physics) - physics.base_pos,
                                        physics.free_velocity("free_dumbbell")[:, :3],
                                        physics.body_matrix("dumbbell")[:, :, 1])

    def target(self, physics: Physics) -> Array:
        """The middle of the bar."""
        return _dumbbell(physics).copy()

    def progress(self, physics: Physics) -> Array:
        """How high the dumbbell is, from the floor to where it pays in full."""
        height = _dumbbell(physics)[:, 2]
        return np.clip((height - PLACE[2]) / (LIFTED[0] - PLACE[2]), 0, 1)


def _dumbbell(physics: Physics) -> Array:
    return physics.body_position("dumbbell")

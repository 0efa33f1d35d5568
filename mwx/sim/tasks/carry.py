"""Carry: walk forward with a box on the forearms. Our own task: HumanoidBench has none."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import at_least, between, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_free_joint, add_geom, set_inertia
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import moving_forward, small_control, standing, upright
from mwx.sim.tasks.walk import EPISODE_DISTANCE, WALK_SPEED
from mwx.types import Array

BOX_HALF = (0.11, 0.27, 0.10)  # [m] wider than the forearms are apart
BOX_MASS = 2.0  # [kg]
BOX_START = (0.23, 0.0, 1.2)  # [m] on the forearms of the home pose
HELD_BEHIND = 0.10  # [m] the box lies this much nearer to the body than the hands
HELD_ABOVE = 0.12  # [m] and this much above them
HELD_WITHIN, HELD_MARGIN = 0.10, 0.30  # [m] from that place: pays in full, pays nothing
LEVEL = 0.9  # cosine of the box' lean that pays in full; upside down pays nothing
DROPPED = 0.6  # [m] height of the box below which the episode ends
SUCCESS_DISTANCE = 10.0  # [m] carried that far counts as done


class Carry(Task):
    """Walk at 1 m/s, upright, with the box level on both forearms (stated as ours).

    The reward is walk's times how well the box is held, in [0, 1]; falling or dropping it ends.
    """

    name: ClassVar[str] = "carry"
    text: ClassVar[str] = ("Carry the box that lies on your forearms: walk forward at one metre "
                           "per second without dropping it.")
    success_bar: ClassVar[float] = 700.0
    object_qpos: ClassVar[tuple[float, ...]] = (*BOX_START, 1.0, 0.0, 0.0, 0.0)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the box."""
        box = spec.worldbody.add_body(name="box", pos=BOX_START)
        x, y, z = (2 * half for half in BOX_HALF)
        inertia = [BOX_MASS / 12 * squares
                   for squares in (y * y + z * z, x * x + z * z, x * x + y * y)]
        set_inertia(box, BOX_MASS, (0, 0, 0), inertia)
        add_free_joint(box, "free_box")
        add_geom(box, "box", BOX_HALF, rgba=(0.78, 0.60, 0.40, 1), name="box")
        for side in (-1, 1):  # tape
            add_geom(box, "box", (BOX_HALF[0] + 0.001, 0.02, BOX_HALF[2] + 0.001),
                     pos=(0, 0.13 * side, 0), rgba=(0.90, 0.83, 0.70, 1), collides=False)

    def state(self, physics: Physics) -> Array:
        """(B, 6): pelvis to box [m] and the box' velocity [m/s], both in the pelvis' heading."""
        return physics.in_heading_frame(physics.free_position("free_box") - physics.base_pos,
                                physics.free_velocity("free_box")[:, :3])

    def target(self, physics: Physics) -> Array:
        """The middle of the box."""
        return physics.free_position("free_box").copy()

    def reward(self, physics: Physics) -> Reward:
        """Walk as in walk, with the box held."""
        terms = {"standing": standing(physics), "upright": upright(physics),
                 "small_control": small_control(physics),
                 "move": moving_forward(physics, WALK_SPEED),
                 "box_in_place": _in_place(physics), "box_level": _level(physics)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        terms["held"] = terms["box_in_place"] * terms["box_level"]
        held = terms["box_in_place"] > 0
        terms["success"] = (held & (physics.base_pos[:, 0] >= SUCCESS_DISTANCE)).astype(float)
        return (terms["small_control"] * terms["stand_reward"] * terms["move"]
                * terms["held"]), terms

    def terminated(self, physics: Physics) -> Array:
        """The robot fell or the box was dropped."""
        return super().terminated(physics) | (physics.free_position("free_box")[:, 2] < DROPPED)

    def progress(self, physics: Physics) -> Array:
        """The share of an episode's distance over which the box was carried."""
        carried = np.where(_in_place(physics) > 0, physics.base_pos[:, 0], 0.0)
        return np.clip(carried / EPISODE_DISTANCE, 0, 1)


def _place(physics: Physics) -> Array:
    """(B, 3) [m, world] where the box should be: above the forearms, in the pelvis' heading."""
    heading = physics.heading
    cos, sin = np.cos(heading), np.sin(heading)
    forward = np.stack([cos, sin, np.zeros_like(cos)], axis=1)
    between_hands = (physics.left_hand + physics.right_hand) / 2
    return between_hands - HELD_BEHIND * forward + np.array([0, 0, HELD_ABOVE])


def _in_place(physics: Physics) -> Array:
    distance = np.linalg.norm(physics.free_position("free_box") - _place(physics), axis=1)
    return tolerance(distance, between(0, HELD_WITHIN), HELD_MARGIN, "linear", value_at_margin=0)


def _level(physics: Physics) -> Array:
    return tolerance(physics.body_matrix("box")[:, 2, 2], at_least(LEVEL), LEVEL, "linear",
                     value_at_margin=0)

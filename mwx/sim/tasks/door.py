"""Door: turn the hatch, pull the door open and walk through."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import at_least, between, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.door_scene import add_door
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import nearest_hand_distance, small_control, standing, upright
from mwx.types import Array

STRICT_LEAN = 0.9  # margin of uprightness: 0 when the torso is horizontal
HATCH_TURNED, HATCH_LIMIT = 0.75, 2.0  # [rad] between them the hatch pays in full
HAND_ON_HATCH, HAND_MARGIN = 0.25, 1.0  # [m]
PASSED_X, PASSAGE_MARGIN = 1.2, 1.0  # [m, world]
# ours: where a hand is sent, and what progress is measured by
ON_THE_BAR = (-0.12, -0.085)  # [m] from the middle of a closed door's hatch: presses its bar
ABOVE, BELOW = 0.14, -0.05  # [m] from the bar's height: on the way there, and pressing
OVER_THE_BAR = 0.08  # [m] from there, seen from above, within which the hand goes down
BEFORE_THE_BAR, OVER = 0.17, 0.05  # [m] how far in front a hand rises, [m] above the bar: risen
TURNING = 0.15  # [rad] of the hatch from which the hand presses on wherever it is
HAND_AT_START = 0.52  # [m] nearest hand to the hatch in the home pose
UNLATCHED, PULL = 1.0, 0.2  # [rad] of the hatch from which the hand is drawn back, [m] so far
HATCH_FREE = 1.2  # [rad] the latch has left the frame
DOOR_OPEN = 1.0  # [rad]
DOOR_FACE_X = 0.73  # [m, world] nobody gets further with the door closed


class Door(Task):
    """HumanoidBench door: the hatch bar latches the door, which swings towards the robot."""

    name: ClassVar[str] = "door"
    text: ClassVar[str] = ("Walk up to the closed door in front of you, turn its hatch, pull the "
                           "door open and walk through to the other side.")
    success_bar: ClassVar[float] = 600.0
    fall_height: ClassVar[float | None] = 0.58
    object_qpos: ClassVar[tuple[float, ...]] = (0.0, 0.0)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the corridor, the door and its hatch."""
        add_door(spec)

    def state(self, physics: Physics) -> Array:
        """(B, 7): hinge, hatch [rad], their velocities, pelvis to hatch [m, heading frame]."""
        return np.concatenate([
            np.stack([_opening(physics), _hatch(physics),
                      physics.joint_velocity("door_hinge"),
                      physics.joint_velocity("door_hatch_hinge")], axis=1),
            physics.in_heading_frame(_hatch_position(physics) - physics.base_pos)], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stand upright, hand to the hatch, hatch turned, door open, robot through."""
        opening = _opening(physics)
        terms = {
            "stand_reward": standing(physics) * upright(physics, margin=STRICT_LEAN),
            "small_control": small_control(physics),
            "door_openness_reward": np.minimum(1, opening * np.abs(opening)),
            "door_hatch_openness_reward": _hatch_turned(physics),
            "hand_hatch_proximity_reward": tolerance(
                nearest_hand_distance(physics, _hatch_position(physics)), between(0, HAND_ON_HATCH),
                HAND_MARGIN, "linear"),
            "passage_reward": _passage(physics)}
        return (0.1 * terms["stand_reward"] * terms["small_control"]
                + 0.45 * terms["door_openness_reward"]
                + 0.05 * terms["door_hatch_openness_reward"]
                + 0.05 * terms["hand_hatch_proximity_reward"]
                + 0.35 * terms["passage_reward"]), terms

    def target(self, physics: Physics) -> Array:
        """Before the hatch's bar up, over it, then down through it: this turns the hatch.

        With the hatch turned the hand is drawn back: by friction it pulls the door along.
        """
        angle, hatch = _opening(physics), _hatch_position(physics)
        cos, sin, (x, y) = np.cos(angle), np.sin(angle), ON_THE_BAR
        place = hatch + np.stack([cos * x - sin * y, sin * x + cos * y, 0 * angle], axis=1)
        off = np.linalg.norm((physics.left_hand - place)[:, :2], axis=1)
        risen = physics.left_hand[:, 2] > place[:, 2] + OVER
        presses = (_hatch(physics) > TURNING) | risen & (off < OVER_THE_BAR)
        back = np.where(presses | risen, 0, -BEFORE_THE_BAR)
        back = np.where(_hatch(physics) > UNLATCHED, -PULL, back)
        return place + np.stack([back * cos, back * sin, np.where(presses, BELOW, ABOVE)], axis=1)

    def progress(self, physics: Physics) -> Array:
        """A quarter each for the approach, the hatch turned, the door opened, the passage."""
        hand = nearest_hand_distance(physics, _hatch_position(physics))
        passed = _share(physics.imu[:, 0], DOOR_FACE_X, PASSED_X)
        # a later stage proves the earlier ones: hands leave the hatch, the spring shuts the door
        opened = np.maximum(_share(_opening(physics), 0, DOOR_OPEN), passed)
        turned = np.maximum(_share(_hatch(physics), 0, HATCH_FREE), opened)
        near = np.maximum(_share(-hand, -HAND_AT_START, -HAND_ON_HATCH), turned)
        return (near + turned + opened + passed) / 4


def _share(x: Array, start: float, end: float) -> Array:
    return np.clip((x - start) / (end - start), 0, 1)


def _hatch_position(physics: Physics) -> Array:
    return physics.body_position("door_hatch")


def _opening(physics: Physics) -> Array:
    return physics.joint_position("door_hinge")


def _hatch(physics: Physics) -> Array:
    return physics.joint_position("door_hatch_hinge")


def _hatch_turned(physics: Physics) -> Array:
    return tolerance(_hatch(physics), between(HATCH_TURNED, HATCH_LIMIT), HATCH_TURNED, "linear")


def _passage(physics: Physics) -> Array:
    return tolerance(physics.imu[:, 0], at_least(PASSED_X), PASSAGE_MARGIN, "linear",
                     value_at_margin=0)

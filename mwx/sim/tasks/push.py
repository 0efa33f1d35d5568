"""Push: slide a box across a table to a goal, with the left hand."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.robot import Robot
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_marker
from mwx.sim.tasks.props import add_parcel, add_table
from mwx.sim.tasks.task import Reward, Task
from mwx.types import Array

TABLE_PLACE = (0.9, 0, 0.45)  # [m, world]; its top lies at 0.9 m
TABLE_TOP = ((0.5, 1.0, 0.05), (0, 0, 0.4))
TABLE_LEG = ((0.05, 0.05, 0.4), (0.4, 0.85, -0.05))
BOX_PLACE, BOX_HALF = (0.7, 0.0, 1.0), (0.1, 0.1, 0.1)  # [m]
BOX_MASS, BOX_INERTIA = 0.3, (0.001, 0.001, 0.001)
BOX_COLOUR = (0.52, 0.62, 0.74, 1)
GOAL_LOW, GOAL_HIGH = (0.7, -0.5, 1.0), (1.0, 0.5, 1.0)  # [m, world] where goals are drawn
HAND_WEIGHT, SUCCESS, SUCCESS_BONUS = 0.1, 0.05, 1000.0  # [1/m], [m], once
# The original means to turn both wrists and, one index off, raises the right upper arm instead
TURNED_JOINTS, TURN = ("left_wrist_yaw", "right_shoulder_pitch"), 1.57  # [rad]
# ours: where the hand is sent, and what progress is measured by
HAND_BEHIND_BOX = 0.18  # [m] from the box's middle, on the side away from the goal
AT_THE_PLACE = 0.08  # [m] from there, seen from above, within which the hand goes down
OVER_THE_BOX = 0.28  # [m] above the box's middle on the way there
PUSH_AHEAD = 0.1  # [m] past the box's middle that a pushing hand aims at
GOAL_LEFT = 0.1  # [m, world] of a goal's y from which the right hand pushes
LEFT_HAND_ASIDE = (-0.25, 0.35, 0.2)  # [m] from the box, while the right hand pushes
FAR = 0.6  # [m] distance that counts as no progress: the furthest goal is 0.58 away


class Push(Task):
    """HumanoidBench push; its goal comes from the environment's own generator."""

    name: ClassVar[str] = "push"
    text: ClassVar[str] = ("Push the box on the table before you to the marked point with your "
                           "left hand.")
    success_bar: ClassVar[float] = 700.0
    max_steps: ClassVar[int] = 500
    camera: ClassVar[str] = "cam_tabletop"
    fall_height: ClassVar[float | None] = None
    object_qpos: ClassVar[tuple[float, ...]] = (*BOX_PLACE, 1.0, 0.0, 0.0, 0.0)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the table, the box and the goal's marker."""
        add_table(spec, TABLE_PLACE, TABLE_TOP, TABLE_LEG)
        add_parcel(spec, "object", "free_object", BOX_PLACE, BOX_HALF, BOX_MASS, BOX_INERTIA,
                   BOX_COLOUR)
        add_marker(spec, "goal", SUCCESS, pos=(1.0, 0, 1.0))

    def home(self, robot: Robot) -> Array:
        """With hands, the left wrist is turned and the right upper arm points backwards."""
        qpos = robot.home_qpos.copy()
        if set(TURNED_JOINTS) <= set(robot.joint_names):
            for name in TURNED_JOINTS:
                qpos[7 + robot.joint(name)] = TURN
        return qpos

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw the goal."""
        physics.goal[row] = rng.uniform(GOAL_LOW, GOAL_HIGH)

    def vector(self, physics: Physics) -> Array:
        """The robot's state, the left hand (2 ms old), the goal, the box and its velocity."""
        return np.concatenate([physics.robot_qpos, physics.robot_qvel, physics.left_hand,
                               physics.goal, _box(physics), _box_velocity(physics)], axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 9) in the heading frame: hand to box, box to goal [m], the box's velocity [m/s]."""
        return physics.in_heading_frame(_box(physics) - physics.left_hand,
                                        physics.goal - _box(physics), _box_velocity(physics))

    def reward(self, physics: Physics) -> Reward:
        """Box near the goal, left hand near the box, once a bonus."""
        distance = _goal_distance(physics)
        hand = np.linalg.norm(physics.left_hand - _box(physics), axis=1)
        success = distance < SUCCESS
        terms = {"target_dist": distance, "hand_dist": hand,
                 "reward_success": SUCCESS_BONUS * success, "success": success.astype(float)}
        return -HAND_WEIGHT * hand - distance + terms["reward_success"], terms

    def terminated(self, physics: Physics) -> Array:
        """(B,) bool: the box is at the goal."""
        return _goal_distance(physics) < SUCCESS

    def target(self, physics: Physics) -> Array:
        """Where the left hand pushes; out of the way of the right hand while that pushes."""
        place = _pushing_place(_box(physics), physics.left_hand, physics.goal)
        return np.where(_goal_is_left(physics), _box(physics) + np.array(LEFT_HAND_ASIDE), place)

    def right_target(self, physics: Physics) -> Array:
        """Where the right hand pushes to a goal on the left; not a number for other goals."""
        place = _pushing_place(_box(physics), physics.right_hand, physics.goal)
        return np.where(_goal_is_left(physics), place, np.nan)

    def progress(self, physics: Physics) -> Array:
        """1 with the box at the goal, 0 at 0.6 m and beyond."""
        return 1 - np.clip((_goal_distance(physics) - SUCCESS) / (FAR - SUCCESS), 0, 1)


def _box(physics: Physics) -> Array:
    return physics.free_position("free_object")


def _box_velocity(physics: Physics) -> Array:
    return physics.free_velocity("free_object")[:, :3]


def _goal_distance(physics: Physics) -> Array:
    return np.linalg.norm(_box(physics) - physics.goal, axis=1)


def _goal_is_left(physics: Physics) -> Array:
    """(B, 1) bool: the goal is so far on the left that only the right hand gets behind the box."""
    return physics.goal[:, 1:2] > GOAL_LEFT


def _pushing_place(box: Array, hand: Array, goal: Array) -> Array:
    """Behind the box, seen from the goal, from above; from there on through the box (B, 3)."""
    to_goal = (goal - box) * np.array([1, 1, 0])
    distance = np.linalg.norm(to_goal, axis=1, keepdims=True)
    along = to_goal / np.maximum(distance, 1e-6)
    behind = box - HAND_BEHIND_BOX * along
    ahead = ((hand - box) * along).sum(1, keepdims=True)  # [m] of the hand, past the middle
    aside = (hand - box) - ahead * along
    there = np.linalg.norm((hand - behind)[:, :2], axis=1, keepdims=True) < AT_THE_PLACE
    low = hand[:, 2:] < box[:, 2:] + BOX_HALF[2]
    pushes = (ahead < -BOX_HALF[0] / 2) & (np.linalg.norm(aside[:, :2], axis=1, keepdims=True)
                                           < BOX_HALF[1] / 2) & low
    above = behind + np.where(there, 0, OVER_THE_BOX) * np.array([0, 0, 1])
    return np.where(pushes, box + along * np.minimum(distance, PUSH_AHEAD), above)

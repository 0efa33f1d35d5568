"""Reach with both hands: a point for each, in front of a standing robot. Our own task."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, tolerance
from mwx.robot import H1
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_marker
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.types import Array

SHOULDER = np.array([0.0, 0.2145, 0.43])  # [m] the left one from the pelvis
POINT_LOW, POINT_HIGH = (0.20, -0.15, -0.35), (0.45, 0.20, 0.15)  # [m] from it, y outwards
CLOSE, MARGIN = 0.05, 0.5  # [m] distances of a hand that pay in full, and a tenth
SUCCESS = 0.10  # [m] both hands nearer than this


class ReachTwoHands(Task):
    """Bring each hand to its own point and hold both there, standing (stated as ours).

    The reward is how well the robot stands times the mean of how near the hands are, in [0, 1].
    """

    name: ClassVar[str] = "reach_two_hands"
    text: ClassVar[str] = ("Bring the left hand to the red point and the right hand to the blue "
                           "point, and hold both hands there while standing.")
    success_bar: ClassVar[float] = 700.0
    robots: ClassVar[tuple[str, ...]] = ("h1",)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add a marker for each hand."""
        add_marker(spec, "left_goal", CLOSE)
        add_marker(spec, "right_goal", CLOSE, rgba=(0.2, 0.4, 0.85, 0.8))

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw both points."""
        pelvis = H1.home_qpos[:3]
        for hand, side in enumerate((1.0, -1.0)):
            offset = SHOULDER + rng.uniform(POINT_LOW, POINT_HIGH)
            physics.goals[row, hand] = pelvis + offset * [1, side, 1]

    def vector(self, physics: Physics) -> Array:
        """The robot's state, both hands (2 ms old) and both points."""
        return np.concatenate([physics.qpos, physics.qvel, physics.left_hand, physics.right_hand,
                               physics.goals.reshape(-1, 6)], axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 6) [m] from each hand to its point, in the pelvis' heading."""
        left, right = physics.goals[:, 0], physics.goals[:, 1]
        return physics.in_heading_frame(left - physics.left_hand, right - physics.right_hand)

    def reward(self, physics: Physics) -> Reward:
        """Stand with little effort, both hands near their points."""
        left, right = _distances(physics)
        terms = {"standing": standing(physics), "upright": upright(physics),
                 "small_control": small_control(physics), "left_distance": left,
                 "right_distance": right, "left_near": _near(left), "right_near": _near(right),
                 "success": (np.maximum(left, right) < SUCCESS).astype(float)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return (terms["small_control"] * terms["stand_reward"]
                * (terms["left_near"] + terms["right_near"]) / 2), terms

    def target(self, physics: Physics) -> Array:
        """Where the left hand should go."""
        return physics.goals[:, 0].copy()

    def right_target(self, physics: Physics) -> Array:
        """Where the right hand should go."""
        return physics.goals[:, 1].copy()

    def progress(self, physics: Physics) -> Array:
        """How near the farther hand is."""
        return np.minimum(*map(_near, _distances(physics)))


def _distances(physics: Physics) -> tuple[Array, Array]:
    return (np.linalg.norm(physics.left_hand - physics.goals[:, 0], axis=1),
            np.linalg.norm(physics.right_hand - physics.goals[:, 1], axis=1))


def _near(distance: Array) -> Array:
    return tolerance(distance, between(0, CLOSE), MARGIN)

"""Package: bring a tall, light box to a marked place on the floor."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import at_least, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_geom
from mwx.sim.tasks.props import add_parcel
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import nearest_hand_distance, small_control, standing
from mwx.types import Array

BOX_PLACE, BOX_HALF = (0.75, 0.0, 0.35), (0.2, 0.1, 0.35)  # [m]
BOX_MASS, BOX_INERTIA = 0.28, (0.012366667, 0.015166667, 0.004666667)
FIELD = 2.0  # [m] box and destination are drawn with x and y up to this far from the origin
STANDING_HEIGHT = 0.35  # [m] of the box's middle when it stands on the floor
NEARLY_UPRIGHT, LEAN_MARGIN = 0.8, 1.9  # cosine of the torso's lean, and its margin
DISTANCE_WEIGHT, HAND_WEIGHT = 3.0, 0.1  # [1/m]
HIGHEST_PAID = 1.0  # [m]
SUCCESS, SUCCESS_BONUS = 0.1, 1000.0  # [m], once
NOWHERE_YET = np.array([0, 0, STANDING_HEIGHT])  # the original's destination before any episode
# ours: where the hand is sent, and what progress is measured by
HAND_ON_BOX = 0.3  # [m] of a hand from the box's middle: it lies on the box
FAR = 3.0  # [m] distance that counts as no progress
MARKER = (0.20, 0.69, 0.69)


class Package(Task):
    """HumanoidBench package; all it draws comes from the environment's own generator."""

    name: ClassVar[str] = "package"
    text: ClassVar[str] = ("Walk to the tall box, lift it or slide it to the marked place, and "
                           "stay on your feet.")
    success_bar: ClassVar[float] = 1500.0
    fall_height: ClassVar[float | None] = None
    object_qpos: ClassVar[tuple[float, ...]] = (*BOX_PLACE, 1.0, 0.0, 0.0, 0.0)
    memory: ClassVar[Mapping[str, Any]] = {"shown_destination": NOWHERE_YET}

    @property
    def survives(self) -> tuple[str, ...]:
        """The original's first observation still shows the previous episode's destination."""
        return ("shown_destination",) if self.legacy else ()

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the box and the marker of its destination, which stands on the floor."""
        add_parcel(spec, "package_a", "free_package", BOX_PLACE, BOX_HALF, BOX_MASS, BOX_INERTIA)
        marker = spec.worldbody.add_body(name="package_destination", mocap=True)
        for radius, opacity in ((0.01, 1.0), (0.05, 0.6), (SUCCESS, 0.3)):
            add_geom(marker, "sphere", (radius,), (0, 0, STANDING_HEIGHT),
                     rgba=(*MARKER, opacity), collides=False)
        add_geom(marker, "cylinder", (0.25, 0.002), (0, 0, 0.002), rgba=(*MARKER, 0.5),
                 collides=False)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw where the box stands, then where it has to go."""
        place = np.append(rng.uniform(-FIELD, FIELD, 2), STANDING_HEIGHT)
        physics.set_free(row, "free_package", position=place)
        physics.goal[row] = np.append(rng.uniform(-FIELD, FIELD, 2), 0)

    def update(self, physics: Physics) -> None:
        """From the first step on, the destination shown is the right one."""
        physics.memory["shown_destination"][:] = _destination(physics)

    def vector(self, physics: Physics) -> Array:
        """The robot's state, destination, the box's pose and velocity, the hands (2 ms old)."""
        shown = physics.memory["shown_destination"] if self.legacy else _destination(physics)
        return np.concatenate([
            physics.robot_qpos, physics.robot_qvel, shown, _box(physics),
            physics.free_quat("free_package"), physics.free_velocity("free_package"),
            physics.left_hand, physics.right_hand], axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 12) [m, heading frame]: pelvis to box, box to destination, each hand to the box."""
        box = _box(physics)
        return physics.in_heading_frame(box - physics.base_pos, _destination(physics) - box,
                                        box - physics.left_hand, box - physics.right_hand)

    def reward(self, physics: Physics) -> Reward:
        """Stand, hands near the box, box high and near its destination, once a bonus."""
        box, distance = _box(physics), _distance(physics)
        success = distance < SUCCESS
        terms = {
            "stand_reward": standing(physics) * tolerance(
                physics.upright, at_least(NEARLY_UPRIGHT), LEAN_MARGIN, "linear",
                value_at_margin=0),
            "small_control": small_control(physics),
            "dist_package_destination": distance,
            "dist_hand_package_right": np.linalg.norm(physics.right_hand - box, axis=1),
            "dist_hand_package_left": np.linalg.norm(physics.left_hand - box, axis=1),
            "package_height": np.minimum(box[:, 2], HIGHEST_PAID),
            "success": success.astype(float)}
        return (terms["stand_reward"] * terms["small_control"]
                - DISTANCE_WEIGHT * distance
                - HAND_WEIGHT * (terms["dist_hand_package_left"]
                                 + terms["dist_hand_package_right"])
                + terms["package_height"] + SUCCESS_BONUS * success), terms

    def terminated(self, physics: Physics) -> Array:
        """(B,) bool: the box is at its destination."""
        return _distance(physics) < SUCCESS

    def target(self, physics: Physics) -> Array:
        """The box; with a hand on it, the destination."""
        held = nearest_hand_distance(physics, _box(physics)) < HAND_ON_BOX
        return np.where(held[:, None], _destination(physics), _box(physics))

    def progress(self, physics: Physics) -> Array:
        """1 with the box at its destination, 0 at 3 m and beyond."""
        return 1 - np.clip((_distance(physics) - SUCCESS) / (FAR - SUCCESS), 0, 1)


def _box(physics: Physics) -> Array:
    return physics.free_position("free_package")


def _destination(physics: Physics) -> Array:
    """Where the middle of the box has to be: the marker lies on the floor."""
    return physics.goal + NOWHERE_YET


def _distance(physics: Physics) -> Array:
    return np.linalg.norm(_box(physics) - _destination(physics), axis=1)

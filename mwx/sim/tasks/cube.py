"""Cube: turn a cube in each hand until both are oriented like the cube in view."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.maths.tolerance import between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_geom
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, standing_still, upright
from mwx.sim.tasks.things import Part, Thing, add_thing
from mwx.types import Array

HALF = 0.025  # [m] half edge of a cube
CUBE_MASS, CUBE_INERTIA = 0.0625, (2.6042e-05, 2.6042e-05, 2.6042e-05)
STARTS = {"left": (0.45, 0.21, 1.125), "right": (0.45, -0.21, 1.125)}  # [m, world]
TARGET_PLACE = (0.5, 0.0, 1.5)  # [m, world] where the cube to imitate hovers
MAX_ANGLE = 3.14  # [rad] roll, pitch and yaw are drawn from U(-3.14, 3.14)
ALIGNED_MARGIN = 0.3  # of the distance between two quaternions
NEAR, NEAR_MARGIN = 0.1, 0.5  # [m] hand to cube
DROPPED = 0.6  # [m] height of a cube below which the episode ends
# a colour for each of the faces +x, -x, +y, -y, +z, -z, so that an orientation can be seen
FACES = ((0.80, 0.25, 0.22, 1), (0.95, 0.62, 0.25, 1), (0.25, 0.55, 0.32, 1),
         (0.55, 0.75, 0.35, 1), (0.22, 0.38, 0.65, 1), (0.55, 0.75, 0.88, 1))
STICKER_HALF, STICKER_THICKNESS = 0.021, 0.001  # [m] decorations


class Cube(Task):
    """HumanoidBench cube; all orientations come from the environment's own generator.

    The distance between quaternions is the original's: q and -q count as different.
    """

    name: ClassVar[str] = "cube"
    text: ClassVar[str] = ("Turn the cubes in both of your hands until they are oriented like the "
                           "cube that hovers in front of you; stand still and do not drop them.")
    success_bar: ClassVar[float] = 370.0
    max_steps: ClassVar[int] = 500
    camera: ClassVar[str] = "cam_inhand"
    fall_height: ClassVar[float | None] = 0.58
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = tuple(
        float(x) for start in STARTS.values() for x in (*start, 1, 0, 0, 0))
    reset_noise: ClassVar[float] = 0.0

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add a cube above each hand and the cube to imitate, which touches nothing."""
        thing = Thing((Part("box", (HALF, HALF, HALF)),), (0.93, 0.92, 0.89, 1), CUBE_MASS,
                      inertia=CUBE_INERTIA)
        for side, start in STARTS.items():
            body = add_thing(spec.worldbody, f"{side}_cube_to_rotate", thing, start, free=True)
            _add_stickers(body)
        target = spec.worldbody.add_body(name="target_cube", mocap=True, pos=TARGET_PLACE)
        add_geom(target, "box", (HALF, HALF, HALF), rgba=thing.rgba, collides=False)
        _add_stickers(target)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw the orientations of the left, the right and the hovering cube."""
        for side in STARTS:
            physics.set_free(row, _joint(side), quat=_random_quat(rng))
        physics.goal_quat[row] = _random_quat(rng)

    def vector(self, physics: Physics) -> Array:
        """(B, 181): the whole state and the orientation to reach."""
        return np.concatenate([physics.qpos, physics.qvel, physics.goal_quat], axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 18): per hand the cube from the hand [heading frame], its and the target's quats."""
        hands = (physics.left_hand, physics.right_hand)
        offsets = (_cube_position(physics, side) - hand
                   for side, hand in zip(STARTS, hands, strict=True))
        return np.concatenate([physics.in_heading_frame(*offsets), *_cube_quats(physics),
                               physics.goal_quat], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stand still with little effort, orient both cubes, keep them by the hands."""
        terms = {"small_control": small_control(physics), "dont_move": standing_still(physics),
                 "standing": standing(physics), "upright": upright(physics),
                 "orientation_alignment_reward": _alignment(physics),
                 "cube_closeness_reward": _closeness(physics)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return (0.2 * terms["small_control"] * terms["stand_reward"] * terms["dont_move"]
                + 0.5 * terms["orientation_alignment_reward"]
                + 0.3 * terms["cube_closeness_reward"]), terms

    def terminated(self, physics: Physics) -> Array:
        """A fall, or a dropped cube."""
        heights = np.stack([_cube_position(physics, side)[:, 2] for side in STARTS])
        return super().terminated(physics) | (heights < DROPPED).any(axis=0)

    def progress(self, physics: Physics) -> Array:
        """1 with both cubes oriented like the target, 0 with both quaternions opposite to it."""
        return np.clip(1 - _misalignment(physics).mean(axis=0) / 2, 0, 1)


def _add_stickers(body: mujoco.MjsBody) -> None:
    for i, rgba in enumerate(FACES):
        axis, sign = i // 2, 1 - 2 * (i % 2)
        size, pos = [STICKER_HALF] * 3, [0.0] * 3
        size[axis], pos[axis] = STICKER_THICKNESS / 2, sign * HALF
        add_geom(body, "box", size, pos, rgba=rgba, collides=False)


def _joint(side: str) -> str:
    return f"free_{side}_cube_to_rotate"


def _random_quat(rng: np.random.Generator) -> Array:
    """Roll, pitch and yaw drawn evenly (the orientations are not evenly spread)."""
    roll, pitch, yaw = (rotations.about(axis, angle) for axis, angle in
                        zip("xyz", rng.uniform(-MAX_ANGLE, MAX_ANGLE, 3), strict=True))
    return rotations.multiply(yaw, rotations.multiply(pitch, roll))


def _cube_position(physics: Physics, side: str) -> Array:
    return physics.body_position(f"{side}_cube_to_rotate")


def _cube_quats(physics: Physics) -> Array:
    """(2, B, 4) 2 ms old like the original's."""
    return np.stack([physics.body_quat(f"{side}_cube_to_rotate") for side in STARTS])


def _misalignment(physics: Physics) -> Array:
    """(2, B) distance between a cube's quaternion and the target's, in [0, 2]."""
    return np.linalg.norm(_cube_quats(physics) - physics.goal_quat, axis=-1)


def _alignment(physics: Physics) -> Array:
    return tolerance(_misalignment(physics), exactly(0), ALIGNED_MARGIN).mean(axis=0)


def _closeness(physics: Physics) -> Array:
    distance = np.stack([
        np.linalg.norm(physics.left_hand - _cube_position(physics, "left"), axis=1),
        np.linalg.norm(physics.right_hand - _cube_position(physics, "right"), axis=1)])
    return tolerance(distance, between(0, NEAR), NEAR_MARGIN).mean(axis=0)

"""Maze: follow the corridor from one marked corner to the next, without touching the walls."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_geom, count_contacts
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.types import Array

SPEED, SPEED_MARGIN = 2.0, 1.0  # [m/s] wanted along the stage's direction, and its margin
NEAR = 0.4  # [m] pelvis to checkpoint, in the plane, at which a stage is done
NEAR_MARGIN = 1.0  # [m]
BONUS = 100.0  # times the new stage
WALL_DISCOUNT = 0.1  # what a step is worth, without the bonus, while anything touches a wall
# by stage: where to go [m, world], and which way; stage 0 ends where the robot starts
CHECKPOINTS = np.array([(0, 0), (3, 0), (3, 6), (6, 6), (6, 6)], dtype=float)
DIRECTIONS = np.array([(1, 0), (1, 0), (0, 1), (1, 0), (0, 1)], dtype=float)
LAST = len(CHECKPOINTS) - 1
WAY = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(CHECKPOINTS, axis=0), axis=1))])
# seen from above, +x to the right, +y up: 1.5 m blocks; the robot starts in row 5, column 1
BLOCKS = ("#######",
          "#.....#",
          "###.#.#",
          "#.....#",
          "#.#.###",
          "#.....#",
          "#######")
BLOCK = 1.5  # [m] edge of a block
BLOCK_SIZE = (BLOCK / 2, BLOCK / 2, 0.6)  # half extents
WALL_COLOUR, LID_COLOUR = (0.62, 0.68, 0.78, 0.40), (0.55, 0.62, 0.74, 0.35)
MARKER_COLOUR = (0.90, 0.49, 0.13, 1)


class Maze(Task):
    """HumanoidBench maze; the first stage is done, and paid, by standing where it starts."""

    name: ClassVar[str] = "maze"
    text: ClassVar[str] = ("Walk through the maze at two metres per second: three metres ahead, "
                           "left for six metres, then right for three metres to the last marker, "
                           "without touching the walls.")
    success_bar: ClassVar[float] = 1200.0
    camera: ClassVar[str] = "cam_maze"
    memory: ClassVar[Mapping[str, Any]] = {"stage": 0, "bonus": 0.0}

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the blocks, whose contacts count, and the markers."""
        maze = spec.worldbody.add_body(name="maze")
        for x, y in block_centres():
            add_geom(maze, "box", BLOCK_SIZE, (x, y, 0.6), rgba=WALL_COLOUR)
            add_geom(maze, "box", (0.75, 0.75, 0.01), (x, y, 1.21), rgba=LID_COLOUR,
                     collides=False)
        for x, y in np.unique(CHECKPOINTS, axis=0):
            add_geom(maze, "sphere", (0.05,), (x, y, 1), rgba=MARKER_COLOUR, collides=False)
            add_geom(maze, "cylinder", (NEAR, 0.002), (x, y, 0.002),
                     rgba=(*MARKER_COLOUR[:3], 0.35), collides=False)
        count_contacts(spec, "wall_contacts", body="maze")

    def update(self, physics: Physics) -> None:
        """Go on to the next stage where the pelvis has come near the checkpoint."""
        stage = physics.memory["stage"]
        away = physics.body_position("pelvis")[:, :2] - CHECKPOINTS[stage]
        done = (np.linalg.norm(away, axis=1) < NEAR) & (stage < LAST)
        stage += done
        physics.memory["bonus"][:] = np.where(done, BONUS * stage, 0)

    def reward(self, physics: Physics) -> Reward:
        """Stand, move along the corridor, be near the checkpoint; a bonus for every stage."""
        touching = physics.contact_count("wall_contacts") > 0
        imu_away = np.linalg.norm(_checkpoint(physics) - physics.imu[:, :2], axis=1)
        terms = {"stand_reward": standing(physics) * upright(physics),
                 "small_control": small_control(physics),
                 "move": _moving(physics),
                 "wall_collision_discount": np.where(touching, WALL_DISCOUNT, 1.0),
                 "stage_convert_reward": physics.memory["bonus"].copy(),
                 "checkpoint_proximity_reward": tolerance(imu_away, exactly(0), NEAR_MARGIN),
                 "success_subtasks": physics.memory["stage"].astype(float)}
        dense = (0.2 * terms["stand_reward"] * terms["small_control"] + 0.4 * terms["move"]
                 + 0.4 * terms["checkpoint_proximity_reward"])
        return (dense * terms["wall_collision_discount"] + terms["stage_convert_reward"]), terms

    def state(self, physics: Physics) -> Array:
        """(B, 5): to the checkpoint [m], the way to go (both heading frame, x and y), the stage."""
        stage = physics.memory["stage"]
        way = np.zeros((2, physics.num_envs, 3))
        way[0, :, :2] = _checkpoint(physics) - physics.base_pos[:, :2]
        way[1, :, :2] = DIRECTIONS[stage]
        turned = physics.in_heading_frame(*way)[:, [0, 1, 3, 4]]
        return np.concatenate([turned, stage[:, None] / LAST], axis=1)

    def progress(self, physics: Physics) -> Array:
        """The share of the corridor's length behind the robot; 1 at the last marker."""
        stage = physics.memory["stage"]
        left = np.linalg.norm(_checkpoint(physics) - physics.base_pos[:, :2], axis=1)
        begun = WAY[np.maximum(stage - 1, 0)]
        walked = np.clip(WAY[stage] - left, begun, WAY[stage])
        return np.where(stage == LAST, 1.0, walked / WAY[LAST])


def block_centres() -> list[tuple[float, float]]:
    """Return where the blocks stand [m, world]."""
    return [(BLOCK * (column - 1), BLOCK * (5 - row)) for row, line in enumerate(BLOCKS)
            for column, mark in enumerate(line) if mark == "#"]


def _checkpoint(physics: Physics) -> Array:
    return CHECKPOINTS[physics.memory["stage"]]  # (B, 2)


def _moving(physics: Physics) -> Array:
    """2 m/s along the stage's direction and none across it; free in the last stage."""
    stage = physics.memory["stage"]
    error = physics.com_velocity[:, :2] - SPEED * DIRECTIONS[stage]
    on_course = tolerance(error, exactly(0), SPEED_MARGIN, "linear", value_at_margin=0)
    moving = np.where(stage == LAST, 1.0, on_course.prod(axis=1))
    return (5 * moving + 1) / 6

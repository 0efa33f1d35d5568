"""Cabinet: slide a door, pull out a drawer, then move two cubes up into other storeys."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.cabinet_scene import (
    DRAWER_HANDLE,
    OBJECT_QPOS,
    PLACE_X,
    PULLING_HANDLE,
    add_cabinet,
)
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.types import Array

SLIDE_OPEN, DRAWER_OPEN, HINGE_OPEN = 0.4, 0.45, 1.0  # [m], [m], [rad]: fully open
PULLED = 0.95  # share of the way from which a sliding door or the drawer counts as open
HALF_DEPTH, HALF_WIDTH, HALF_HEIGHT = 0.3, 0.6, 0.15  # [m] of a storey's inside
LATERAL_MIDDLE, PULLUP_MIDDLE = 0.94, 1.54  # [m] heights of the storeys to fill
CUBE_MARGIN = 0.3  # [m]
STAGES, STAGE_BONUS = 4, 100.0
AFTER_THE_LAST = 1000.0  # a step's reward once all is done; the episode ends before it is paid
JOINTS = ("drawer_slide", "left_door_hinge", "right_door_hinge", "pull_door_slide",
          "pullup_door_hinge")


class Cabinet(Task):
    """HumanoidBench cabinet: four stages, each paying up to 1 a step and 100 k once for stage k."""

    name: ClassVar[str] = "cabinet"
    text: ClassVar[str] = ("Open the cabinet in front of you: slide its red door aside, pull the "
                           "green drawer out, put the drawer's cube behind a blue door and the "
                           "cube from there behind the yellow flap at the top.")
    success_bar: ClassVar[float] = 2500.0
    camera: ClassVar[str] = "cam_hand_visible"
    fall_height: ClassVar[float | None] = None
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = OBJECT_QPOS
    # the stage that runs (5: all done), and whether the step just made completed the one before
    memory: ClassVar[Mapping[str, Any]] = {"stage": np.int64(1), "completed": np.False_}

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the cabinet and its four cubes."""
        add_cabinet(spec)

    def update(self, physics: Physics) -> None:
        """Go on to the next stage where the running one is complete; one stage a step."""
        memory, done = physics.memory, _stage_done(physics)
        running = np.minimum(memory["stage"], STAGES)
        memory["completed"][:] = _pick(done, running) & (memory["stage"] <= STAGES)
        memory["stage"] += memory["completed"]

    def state(self, physics: Physics) -> Array:
        """(B, 22): five joints, both handles and both cubes from the pelvis, stage."""
        points = (_pulling_handle(physics), _drawer_handle(physics),
                  physics.body_position("drawer_cube"),
                  physics.body_position("lateral_cabinet_cube"))
        running = physics.memory["stage"][:, None] == np.arange(1, STAGES + 2)
        return np.concatenate([
            np.stack([physics.joint_position(joint) for joint in JOINTS], axis=1),
            physics.in_heading_frame(*(point - physics.base_pos for point in points)),
            running.astype(float)], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stand upright with little effort, do the running stage; a bonus when it is complete.

        Terms that the running stage does not have are 0.
        """
        worked_on = _worked_on(physics)
        running = np.minimum(worked_on, STAGES)
        opened, near = _pick(_openness(physics), running), _pick(_cube_near(physics), running)
        carries = running >= 3
        stage = np.where(carries, 0.5 * near + 0.5 * opened, opened)
        completed = physics.memory["completed"]
        terms = {"stand_reward": standing(physics) * upright(physics),
                 "small_control": small_control(physics),
                 "success_subtasks": physics.memory["stage"] - 1.0,
                 "success": (physics.memory["stage"] > STAGES).astype(float),
                 "door_openness_reward": opened, "drawer_cube_proximity_reward": near * carries,
                 "secondary_door_openness_reward": np.where(running == 4, _door(physics), 0.0),
                 "subtask_complete": completed.astype(float)}
        dense = 0.2 * terms["stand_reward"] * terms["small_control"] + 0.8 * stage
        return (np.where(worked_on > STAGES, AFTER_THE_LAST, dense)
                + STAGE_BONUS * running * completed), terms

    def terminated(self, physics: Physics) -> Array:
        """All four stages done; falling does not end the episode."""
        return physics.memory["stage"] > STAGES

    def target(self, physics: Physics) -> Array:
        """The handle to pull, later the cube to carry."""
        points = np.stack([_pulling_handle(physics), _drawer_handle(physics),
                           physics.body_position("drawer_cube"),
                           physics.body_position("lateral_cabinet_cube")], axis=1)
        return _pick(points, np.minimum(physics.memory["stage"], STAGES))

    def progress(self, physics: Physics) -> Array:
        """A quarter for each stage done, and the running stage's share of one."""
        stage = physics.memory["stage"]
        running = np.minimum(stage, STAGES)
        opened, near = _pick(_openness(physics), running), _pick(_cube_near(physics), running)
        share = np.where(running >= 3, 0.5 * near + 0.5 * opened, opened)
        return np.where(stage > STAGES, 1.0, (stage - 1 + np.clip(share, 0, 1)) / STAGES)


def _worked_on(physics: Physics) -> Array:
    """(B,) the stage that the step just made was paid for."""
    return physics.memory["stage"] - physics.memory["completed"]


def _pick(by_stage: Array, stage: Array) -> Array:
    """(B, ...) the entry of each environment's stage 1 to 4 in (B, 4, ...)."""
    return by_stage[np.arange(len(stage)), stage - 1]


def _openness(physics: Physics) -> Array:
    """(B, 4) how far what a stage opens is open; the slides may exceed 1 a little."""
    slide = np.abs(physics.joint_position("pull_door_slide") / SLIDE_OPEN)
    drawer = np.abs(physics.joint_position("drawer_slide") / DRAWER_OPEN)
    flap = np.minimum(1, np.abs(physics.joint_position("pullup_door_hinge")) / HINGE_OPEN)
    return np.stack([slide, drawer, _door(physics), flap], axis=1)


def _door(physics: Physics) -> Array:
    """(B,) how far the wider open of the two swinging doors is open."""
    left = np.abs(physics.joint_position("left_door_hinge"))
    right = np.abs(physics.joint_position("right_door_hinge"))
    return np.minimum(1, np.maximum(left, right) / HINGE_OPEN)


def _cube_offsets(physics: Physics) -> Array:
    """(B, 2, 3) [m] the cubes to carry from the middles of the storeys they belong in."""
    return np.stack([
        physics.body_position("drawer_cube") - (PLACE_X, 0, LATERAL_MIDDLE),
        physics.body_position("lateral_cabinet_cube") - (PLACE_X, 0, PULLUP_MIDDLE)], axis=1)


def _cube_near(physics: Physics) -> Array:
    """(B, 4) how near the cube of a stage is to its storey; 0 for the stages without one."""
    halves = (HALF_DEPTH, HALF_WIDTH, HALF_HEIGHT)
    offset = _cube_offsets(physics)
    x, y, z = (tolerance(offset[..., i], between(-half, half), CUBE_MARGIN, "linear")
               for i, half in enumerate(halves))
    near = 0.3 * (x + y) / 2 + 0.7 * z
    return np.concatenate([np.zeros_like(near), near], axis=1)


def _stage_done(physics: Physics) -> Array:
    """(B, 4) which stages are complete."""
    halves = np.array([HALF_DEPTH, HALF_WIDTH, HALF_HEIGHT])
    pulled = _openness(physics)[:, :2] > PULLED
    inside = (np.abs(_cube_offsets(physics)) <= halves).all(axis=2)
    return np.concatenate([pulled, inside], axis=1)


def _pulling_handle(physics: Physics) -> Array:
    return physics.body_position("pulling_door") + PULLING_HANDLE


def _drawer_handle(physics: Physics) -> Array:
    return physics.body_position("drawer") + DRAWER_HANDLE

"""Bookshelf: put five objects of a shelf into other places, one after the other."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.bookshelf_scene import GOAL_RADIUS, OBJECT_QPOS, OBJECTS, add_bookshelf
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import nearest_hand_distance, small_control, standing, upright
from mwx.types import Array

# the original counts bodies from the end of its model; its last twelve are ghosts of the objects
FIRST_BODY = -24
STAGES, STAGE_BONUS = 5, 100.0
SIMPLE_OBJECTS = (-19, -22, -15, -20, -23)  # trophy, book_c, chalk, book_e, book_b
GOALS = ((0.75, -0.25, 1.55), (0.8, 0.05, 0.95), (0.8, -0.25, 0.95), (0.85, 0.05, 0.35),
         (0.85, -0.25, 0.35))  # [m, world]
GOAL_MARGIN = 1.0  # [m]
DROPPED = 0.5  # [m] height of the current object below which the episode ends
HAND_ON_OBJECT = 0.15  # [m] ours: from here on the hand is sent to the goal


class BookshelfSimple(Task):
    """HumanoidBench bookshelf_simple: five given objects into five given places.

    Nothing of an episode's start is random: not even the pose gets noise.
    """

    name: ClassVar[str] = "bookshelf_simple"
    text: ClassVar[str] = ("Rearrange the shelf in front of you: take one object after the other "
                           "and put it where the green marker shows; do not drop any.")
    success_bar: ClassVar[float] = 2000.0
    camera: ClassVar[str] = "cam_hand_visible"
    fall_height: ClassVar[float | None] = 0.58
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = OBJECT_QPOS
    reset_noise: ClassVar[float] = 0.0
    # objects in place, whether the step just made placed the last of them, and the five orders
    memory: ClassVar[Mapping[str, Any]] = {
        "stage": np.int64(0), "placed": np.False_,
        "objects": np.array(SIMPLE_OBJECTS), "goals": np.array(GOALS)}

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the shelf, twelve objects and the goal's marker."""
        add_bookshelf(spec)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Show the first goal."""
        physics.goal[row] = physics.memory["goals"][row, 0]

    def update(self, physics: Physics) -> None:
        """Go on to the next object where the current one is in place."""
        memory = physics.memory
        memory["placed"][:] = (_goal_distance(physics, memory["stage"]) < GOAL_RADIUS) & (
            memory["stage"] < STAGES)
        memory["stage"] += memory["placed"]
        physics.goal[:] = _goal(physics, memory["stage"])

    def vector(self, physics: Physics) -> Array:
        """(B, 308): the whole state, then the current object as a body counted from the end."""
        current = _of_stage(physics.memory["objects"], physics.memory["stage"])
        return np.concatenate([physics.qpos, physics.qvel, current[:, None]], axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 12): object from pelvis, goal from object [m, heading frame]; stage 0 to 5."""
        stage = physics.memory["stage"]
        place = _object(physics, stage)
        return np.concatenate([
            physics.in_heading_frame(place - physics.base_pos, _goal(physics, stage) - place),
            (stage[:, None] == np.arange(STAGES + 1)).astype(float)], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stand upright with little effort, object near its goal, a hand near the object."""
        worked_on = physics.memory["stage"] - physics.memory["placed"]
        distance = _goal_distance(physics, worked_on)
        hand = nearest_hand_distance(physics, _object(physics, worked_on))
        stage = physics.memory["stage"]
        terms = {"stand_reward": standing(physics) * upright(physics),
                 "small_control": small_control(physics),
                 "reward_proximity": tolerance(distance, between(0, GOAL_RADIUS), GOAL_MARGIN,
                                               "linear"),
                 "reward_hand_proximity": np.exp(-hand), "obj_goal_dist": distance,
                 "success_subtasks": stage.astype(float),
                 "success": (stage == STAGES).astype(float)}
        return (0.2 * terms["stand_reward"] * terms["small_control"]
                + 0.4 * terms["reward_proximity"] + 0.4 * terms["reward_hand_proximity"]
                + STAGE_BONUS * stage * physics.memory["placed"]), terms

    def terminated(self, physics: Physics) -> Array:
        """A fall, everything in place, or the object that is current now lies low."""
        stage = physics.memory["stage"]
        return (super().terminated(physics) | (stage == STAGES)
                | (_object(physics, stage)[:, 2] < DROPPED))

    def target(self, physics: Physics) -> Array:
        """The current object; its goal once a hand is on it."""
        stage = physics.memory["stage"]
        place = _object(physics, stage)
        held = nearest_hand_distance(physics, place) < HAND_ON_OBJECT
        return np.where(held[:, None], _goal(physics, stage), place)

    def progress(self, physics: Physics) -> Array:
        """A fifth for each object in place, and a share of one for the current one's nearness."""
        stage = physics.memory["stage"]
        near = np.clip(1 - (_goal_distance(physics, stage) - GOAL_RADIUS) / GOAL_MARGIN, 0, 1)
        return np.where(stage == STAGES, 1.0, (stage + near) / STAGES)


class BookshelfHard(BookshelfSimple):
    """HumanoidBench bookshelf_hard: five random objects, the same places in random order."""

    name: ClassVar[str] = "bookshelf_hard"

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw the goals' order and the objects, and show the first goal."""
        physics.memory["goals"][row] = rng.permutation(np.array(GOALS))
        candidates = np.arange(FIRST_BODY, FIRST_BODY + len(OBJECTS))
        physics.memory["objects"][row] = rng.choice(candidates, STAGES, replace=False)
        super().start(physics, row, rng)


def _of_stage(orders: Array, stage: Array) -> Array:
    """(B, ...) the running one of five orders (B, 5, ...); the last one when all are done."""
    return orders[np.arange(len(stage)), np.minimum(stage, STAGES - 1)]


def _goal(physics: Physics, stage: Array) -> Array:
    return _of_stage(physics.memory["goals"], stage)


def _object(physics: Physics, stage: Array) -> Array:
    """(B, 3) [m, world] where the object of a stage is."""
    places = np.stack([physics.body_position(name) for name in OBJECTS], axis=1)
    return places[np.arange(len(stage)), _of_stage(physics.memory["objects"], stage) - FIRST_BODY]


def _goal_distance(physics: Physics, stage: Array) -> Array:
    return np.linalg.norm(_object(physics, stage) - _goal(physics, stage), axis=1)

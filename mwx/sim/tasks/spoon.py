"""Spoon: take the spoon from the table and stir in the cup."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.spoon_scene import CUP_PLACE, add_kitchen_table
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import nearest_hand_distance, small_control, standing, upright
from mwx.types import Array

HAND_ON_HANDLE, HAND_MARGIN = 0.2, 0.5  # [m]
IN_CUP, IN_CUP_ABOVE = 0.1, 0.1  # [m] half edge of the box that counts as in the cup, its height
STIR_CENTRE, STIR_RADIUS = np.array([0.75, -0.1, 0.95]), 0.06  # [m, world]
STIR_STEPS = 40  # control steps of a turn
STIR_MARGIN = 0.15  # [m]
CUP = np.array(CUP_PLACE)
# ours: what progress is measured by
HAND_AT_START = 0.5  # [m] nearest hand to the handle in the home pose, roughly
SPOON_AT_START = 0.35  # [m] spoon to the middle of the stirring circle at the start, roughly


class Spoon(Task):
    """HumanoidBench spoon; the point to stir at begins its turn anew in every episode."""

    name: ClassVar[str] = "spoon"
    text: ClassVar[str] = ("Take the spoon from the table, put it into the cup and stir: its tip "
                           "should follow the circling marker.")
    success_bar: ClassVar[float] = 650.0
    camera: ClassVar[str] = "cam_tabletop"
    fall_height: ClassVar[float | None] = 0.58
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = (0.75, 0.2, 0.9, 1.0, 0.0, 0.0, 0.0)
    memory: ClassVar[Mapping[str, Any]] = {"steps": 0, "phase": 0}

    @property
    def survives(self) -> tuple[str, ...]:
        """Legacy: the turn goes on through a reset."""
        return ("steps",) if self.legacy else ()

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the table, the cup, the spoon and the marker of where to stir."""
        add_kitchen_table(spec)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Put the marker where the first step wants the spoon."""
        physics.memory["phase"][row] = physics.memory["steps"][row]
        physics.goal[row] = _stir_point(physics)[row]

    def update(self, physics: Physics) -> None:
        """Move the marker; an episode's first step still stirs where its start showed it."""
        physics.memory["phase"][:] = physics.memory["steps"]
        physics.memory["steps"] += 1
        physics.goal[:] = _stir_point(physics)

    def vector(self, physics: Physics) -> Array:
        """The state of robot and spoon, and where the spoon should be."""
        return np.concatenate([physics.qpos, physics.qvel, _stir_point(physics)], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stand, a hand at the handle, the spoon in the cup, its tip at the circling point."""
        tip = _tip(physics)
        terms = {"stand_reward": standing(physics) * upright(physics),
                 "small_control": small_control(physics),
                 "hand_tool_proximity_reward": tolerance(
                     nearest_hand_distance(physics, _handle(physics)), between(0, HAND_ON_HANDLE),
                     HAND_MARGIN),
                 "reward_spoon_in_cup": _in_cup(tip).astype(float),
                 "spoon_spinning_reward": tolerance(
                     np.linalg.norm(tip - _stir_point(physics), axis=1), exactly(0), STIR_MARGIN)}
        return (0.15 * terms["stand_reward"] * terms["small_control"]
                + 0.25 * terms["hand_tool_proximity_reward"]
                + 0.25 * terms["reward_spoon_in_cup"]
                + 0.35 * terms["spoon_spinning_reward"]), terms

    def state(self, physics: Physics) -> Array:
        """(B, 9) [m, heading frame] from the pelvis to handle, tip and circling point."""
        return physics.in_heading_frame(*(point - physics.base_pos for point in (
            _handle(physics), _tip(physics), _stir_point(physics))))

    def target(self, physics: Physics) -> Array:
        """The handle; once a hand is there, where the handle must go to bring the tip to stir."""
        handle = _handle(physics)
        held = nearest_hand_distance(physics, handle) < HAND_ON_HANDLE
        return np.where(held[:, None], handle + _stir_point(physics) - _tip(physics), handle)

    def progress(self, physics: Physics) -> Array:
        """A third each for the hand at the handle, the spoon brought to the cup, the stirring."""
        tip = _tip(physics)
        away = np.linalg.norm(tip - STIR_CENTRE, axis=1)
        stirring = _in_cup(tip) * tolerance(
            np.linalg.norm(tip - _stir_point(physics), axis=1), exactly(0), STIR_MARGIN)
        brought = np.maximum(_share(away, SPOON_AT_START, IN_CUP), _in_cup(tip))
        hand = nearest_hand_distance(physics, _handle(physics))
        return (_share(hand, HAND_AT_START, HAND_ON_HANDLE) + brought + stirring) / 3


def _share(distance: Array, start: float, end: float) -> Array:
    return np.clip((start - distance) / (start - end), 0, 1)


def _handle(physics: Physics) -> Array:
    return physics.geom_position("spoon_handle")


def _tip(physics: Physics) -> Array:
    return physics.geom_position("spoon_plate")


def _in_cup(tip: Array) -> Array:
    """(B,) bool: the tip is in a cube of 0.2 m about the middle of the cup."""
    return np.all(np.abs(tip - CUP - [0, 0, IN_CUP_ABOVE]) < IN_CUP, axis=1)


def _stir_point(physics: Physics) -> Array:
    """(B, 3) [m, world] where the tip of the spoon should be."""
    angle = 2 * np.pi / STIR_STEPS * physics.memory["phase"]
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(len(angle))], axis=1)
    return STIR_CENTRE + STIR_RADIUS * circle

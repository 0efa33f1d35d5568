"""Truck: fetch five packages from a truck and put them on a table."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, tolerance
from mwx.robot import Robot
from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import upright
from mwx.sim.tasks.truck_scene import PACKAGE_QPOS, PACKAGES, add_truck
from mwx.types import Array

ROBOT_X = 2.0  # [m, world] where the robot starts, facing the truck
LIFTED = 0.1  # [m] above its first height a package counts as picked up
OVER_TABLE_X, OVER_TABLE_Y, OVER_TABLE_Z = (1.65, 2.35), (-2.05, -1.35), 0.5  # [m, world]
EVENT_BONUS, SUCCESS_BONUS = 100.0, 1000.0
NEAR, NEAR_MARGIN = 0.2, 4.0  # [m]
TABLE_TOP = np.array([0, 0, 0.5])  # [m] from the table's frame
APPROACH = 3.0  # [m] from the start to the nearest package: ours, for progress


class Truck(Task):
    """HumanoidBench truck; a fall does not end an episode, and lying there still pays."""

    name: ClassVar[str] = "truck"
    text: ClassVar[str] = ("Walk up the ramp to the truck, lift the packages one after the other "
                           "and put all five on the table beside you.")
    success_bar: ClassVar[float] = 3000.0
    camera: ClassVar[str] = "cam_hurdle"
    fall_height: ClassVar[float | None] = None
    object_qpos: ClassVar[tuple[float, ...]] = PACKAGE_QPOS
    memory: ClassVar[Mapping[str, Any]] = {
        "on_truck": np.ones(len(PACKAGES), dtype=bool),
        "picked_up": np.zeros(len(PACKAGES), dtype=bool),
        "on_table": np.zeros(len(PACKAGES), dtype=bool),
        "first_height": np.full(len(PACKAGES), np.nan),  # [m] seen at the first step
        "arrival": np.arange(len(PACKAGES)),  # in what order they came onto the list they are on
        "bonus": 0.0}

    @property
    def survives(self) -> tuple[str, ...]:
        """The original makes its lists once, so they outlive every episode."""
        lists = ("on_truck", "picked_up", "on_table", "first_height", "arrival")
        return lists if self.legacy else ()

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the truck, its load and the table."""
        add_truck(spec)

    def home(self, robot: Robot) -> Array:
        """The robot's usual pose, 2 m before the truck."""
        qpos = robot.home_qpos.copy()
        qpos[0] = ROBOT_X
        return qpos

    def update(self, physics: Physics) -> None:
        """Packages go from truck to hands to table, and back to hands when they leave it."""
        memory, places = physics.memory, _packages(physics)
        height, over_table = places[..., 2], _over_table(places)
        first = np.where(np.isnan(memory["first_height"]), height, memory["first_height"])
        memory["first_height"][:] = first
        gained = self._move(memory, "on_truck", "picked_up", height > first + LIFTED)
        gained += self._move(memory, "picked_up", "on_table", over_table)
        lost = self._move(memory, "on_table", "picked_up", ~over_table)
        memory["bonus"][:] = EVENT_BONUS * (gained - lost)

    def _move(self, memory: dict[str, Array], source: str, goal: str, ready: Array) -> Array:
        """Move packages (B, 5) that are ready from list to list; return (B,) how many."""
        moving = memory[source] & ready
        if self.legacy:
            moving = _without_skipped(moving, memory[source], memory["arrival"])
        if moving.any():
            _arrive_last(moving, memory["arrival"])
            memory[source][moving], memory[goal][moving] = False, True
        return moving.sum(axis=1)

    def state(self, physics: Physics) -> Array:
        """(B, 33): five packages and table from the pelvis [m, heading frame], three lists."""
        offsets = physics.in_heading_frame(*(physics.body_position(name) - physics.base_pos
                                             for name in (*PACKAGES, "table")))
        lists = [physics.memory[name] for name in ("on_truck", "picked_up", "on_table")]
        return np.concatenate([offsets, *lists], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Stay upright near the packages, and carry them: pay for each that changes place."""
        memory, places = physics.memory, _packages(physics)
        from_robot = np.linalg.norm(places - physics.base_pos[:, None], axis=2)  # (B, 5)
        from_table = np.linalg.norm(places - physics.body_position("table")[:, None], axis=2)
        success = _all_on_table(physics)
        terms = {
            "upright": upright(physics),
            "reward_robot_package_truck": _nearness(from_robot, memory["on_truck"]),
            "reward_robot_package_picked_up": _nearness(from_robot, memory["picked_up"]),
            "reward_package_table": _nearness(from_table, memory["picked_up"]),
            **{f"packages_{name}": memory[name].sum(axis=1).astype(float)
               for name in ("on_truck", "picked_up", "on_table")},
            "success": success.astype(float)}
        terms["success_subtasks"] = terms["packages_on_table"]
        return (memory["bonus"] + SUCCESS_BONUS * success
                + terms["upright"] * (1 + terms["reward_robot_package_truck"]
                                      + terms["reward_robot_package_picked_up"]
                                      + terms["reward_package_table"])), terms

    def terminated(self, physics: Physics) -> Array:
        """(B,) bool: all five packages are on the table."""
        return _all_on_table(physics)

    def target(self, physics: Physics) -> Array:
        """The nearest package on the truck; with one picked up, or none left, the table's top."""
        waiting = physics.memory["on_truck"] & ~physics.memory["picked_up"].any(1, keepdims=True)
        package = _nearest(physics, waiting)
        table = physics.body_position("table") + TABLE_TOP
        return np.where(waiting.any(axis=1, keepdims=True), package, table)

    def progress(self, physics: Physics) -> Array:
        """A tenth for the approach, the rest in fifths: half picked up, whole on the table."""
        picked, placed = physics.memory["picked_up"], physics.memory["on_table"]
        away = np.linalg.norm(_packages(physics) - physics.base_pos[:, None], axis=2).min(axis=1)
        near = np.where((picked | placed).any(axis=1), 1, np.clip(1 - away / APPROACH, 0, 1))
        return 0.1 * near + 0.9 * (0.5 * picked + placed).mean(axis=1)


def _packages(physics: Physics) -> Array:
    """(B, 5, 3) [m, world], 2 ms old."""
    return np.stack([physics.body_position(name) for name in PACKAGES], axis=1)


def _over_table(places: Array) -> Array:
    x, y, z = np.moveaxis(places, -1, 0)
    return ((OVER_TABLE_X[0] < x) & (x < OVER_TABLE_X[1]) & (OVER_TABLE_Y[0] < y)
            & (y < OVER_TABLE_Y[1]) & (z > OVER_TABLE_Z))


def _all_on_table(physics: Physics) -> Array:
    return physics.memory["on_table"].sum(axis=1) == len(PACKAGES)


def _nearness(distance: Array, listed: Array) -> Array:
    """Of the nearest listed package; 0 where the list is empty, as if it were infinitely far."""
    nearest = np.where(listed, distance, np.inf).min(axis=1)
    return tolerance(nearest, between(0, NEAR), NEAR_MARGIN, "linear", value_at_margin=0)


def _nearest(physics: Physics, listed: Array) -> Array:
    places = _packages(physics)
    distance = np.linalg.norm(places - physics.base_pos[:, None], axis=2)
    index = np.where(listed, distance, np.inf).argmin(axis=1)
    return places[np.arange(len(places)), index]


def _without_skipped(moving: Array, listed: Array, arrival: Array) -> Array:
    """The original removes from the list it walks, so it misses who follows a removed package."""
    rows, missed, kept = np.arange(len(moving)), np.zeros(len(moving), bool), moving.copy()
    order = np.argsort(np.where(listed, arrival, np.iinfo(arrival.dtype).max), axis=1)
    for package in order.T:
        kept[rows, package] &= ~missed
        missed = kept[rows, package]
    return kept


def _arrive_last(moving: Array, arrival: Array) -> None:
    """Number the moving packages, in the order they had, after all others; in place."""
    behind = arrival + len(PACKAGES) * moving
    arrival[:] = np.argsort(np.argsort(behind, axis=1), axis=1)

"""What a task is: objects, a reward in named terms, an end, a target and a progress."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.robot import Robot
from mwx.sim.physics import Physics
from mwx.types import Array

Reward = tuple[Array, dict[str, Array]]


@dataclass(frozen=True)
class Task:
    """A task that holds nothing itself: whatever changes lives in Physics, so it can be shared.

    The defaults are those of a task on the bare floor. Every number is HumanoidBench's unless a
    task says otherwise.

    Attributes:
        name: the name in the registry.
        text: the instruction that a vision-language model reads.
        success_bar: episode return from which HumanoidBench counts an episode as a success.
        max_steps: control steps (20 ms) until truncation.
        camera: the camera to render from.
        fall_height: [m] pelvis height below which the episode terminates; None never terminates.
        robots: the robots that have this task.
        object_qpos: where the task's own joints start, after the robot's numbers.
        reset_noise: every qpos entry moves by U(-noise, noise) at reset.
        memory: what one environment remembers within an episode, by name, and what it starts
            with; kept as rows of `physics.memory`.
        legacy: behave as the original program also where that is plainly wrong; which tasks that
            concerns, and how, stands in docs/humanoidbench.md.
    """

    name: ClassVar[str]
    text: ClassVar[str]
    success_bar: ClassVar[float]
    max_steps: ClassVar[int] = 1000
    camera: ClassVar[str] = "cam_default"
    fall_height: ClassVar[float | None] = 0.2
    robots: ClassVar[tuple[str, ...]] = ("h1", "h1hand")
    object_qpos: ClassVar[tuple[float, ...]] = ()
    reset_noise: ClassVar[float] = 0.01
    memory: ClassVar[Mapping[str, Any]] = {}

    legacy: bool = False

    @property
    def survives(self) -> tuple[str, ...]:
        """Names in `memory` that a reset does not set back (a fault of the original's)."""
        return ()

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the task's objects to the robot on its floor."""

    def home(self, robot: Robot) -> Array:
        """Return the robot's (nq,) qpos at the start of an episode, before the noise."""
        return robot.home_qpos

    def home_ctrl(self, robot: Robot) -> Array:
        """Return the servo commands (A,) at the start of an episode."""
        return np.zeros(robot.act_dim)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw what an episode of one environment starts with, after the noise on qpos.

        Derived quantities are not up to date here; the environment brings them up to date after.
        """

    def update(self, physics: Physics) -> None:
        """Advance `physics.memory` of all environments, after physics and before the reward."""

    def vector(self, physics: Physics) -> Array:
        """Return (B, O) HumanoidBench's observation."""
        return np.concatenate([physics.qpos, physics.qvel], axis=1)

    def state(self, physics: Physics) -> Array:
        """Return (B, D) the task's quantities beyond the robot, for a router."""
        return np.empty((physics.num_envs, 0))

    def reward(self, physics: Physics) -> Reward:
        """Return the reward (B,) and its named terms."""
        raise NotImplementedError

    def terminated(self, physics: Physics) -> Array:
        """Return (B,) bool: the robot has fallen."""
        if self.fall_height is None:
            return np.zeros(physics.num_envs, dtype=bool)
        return physics.base_height < self.fall_height

    def target(self, physics: Physics) -> Array:
        """Return (B, 3) [m, world] where the active hand should go; NaN where there is none."""
        return np.full((physics.num_envs, 3), np.nan)

    def right_target(self, physics: Physics) -> Array:
        """Return (B, 3) [m, world] where the right hand should go while `target` is the left's."""
        return np.full((physics.num_envs, 3), np.nan)

    def progress(self, physics: Physics) -> Array:
        """Return (B,) in [0, 1]: how far along the task is."""
        raise NotImplementedError

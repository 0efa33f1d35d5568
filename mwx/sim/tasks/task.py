"""What a task is: objects, a reward in named terms, an end, a target and a progress."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from mwx.sim.physics import Physics
from mwx.types import Array

Reward = tuple[Array, dict[str, Array]]


@dataclass(frozen=True)
class Task:
    """A task without memory: everything that changes lives in Physics, so a task can be shared.

    The defaults are those of a task on the bare floor. Every number is HumanoidBench's unless a
    task says otherwise.

    Attributes:
        name: the name in the registry.
        text: the instruction that a vision-language model reads.
        success_bar: episode return from which HumanoidBench counts an episode as a success.
        max_steps: control steps (20 ms) until truncation.
        camera: the camera to render from.
        fall_height: [m] pelvis height below which the episode terminates; None never terminates.
        object_qpos: where the task's own joints start, after the robot's 26 numbers.
    """

    name: ClassVar[str]
    text: ClassVar[str]
    success_bar: ClassVar[float]
    max_steps: ClassVar[int] = 1000
    camera: ClassVar[str] = "cam_default"
    fall_height: ClassVar[float | None] = 0.2
    object_qpos: ClassVar[tuple[float, ...]] = ()

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the task's objects to the robot on its floor."""

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Draw what an episode of one environment starts with, after the noise on qpos."""

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

    def progress(self, physics: Physics) -> Array:
        """Return (B,) in [0, 1]: how far along the task is."""
        raise NotImplementedError

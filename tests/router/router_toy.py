"""A small world for router tests: go right along a wall, then up; three constant experts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mwx.types import Obs, Step

SPEED = 0.05  # [m] per step
LENGTH = 1.0  # [m] of each leg
GAP = 0.85  # [m] from here on the wall lets the point up


class ToyPhysics:
    def __init__(self, num_envs: int):
        self.position = np.zeros((num_envs, 2))


class ToyTask:
    name = "corner"
    text = "Go right to the corner, then up."
    success_bar = 1.7

    def progress(self, physics: ToyPhysics) -> np.ndarray:
        return np.clip(physics.position, 0, LENGTH).sum(1) / (2 * LENGTH)


class ToyEnv:
    """A point that pays for moving right until the corner and for moving up after it."""

    def __init__(self, num_envs: int = 4, seed: int = 0, max_steps: int = 60):
        self.num_envs, self.obs_dim, self.act_dim, self.max_steps = num_envs, 53, 2, max_steps
        self.physics, self.task = ToyPhysics(num_envs), ToyTask()
        self.count = np.zeros(num_envs, int)
        self.rng = np.random.default_rng(seed)
        self.reset(seed)

    def reset(self, seed: int | None = None) -> Obs:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self._start(np.ones(self.num_envs, bool))
        return self._obs()

    def _start(self, rows: np.ndarray) -> None:
        start = self.rng.uniform([-0.2, -0.01], [0.2, 0.01], (self.num_envs, 2))
        self.physics.position = np.where(rows[:, None], start, self.physics.position)
        self.count = np.where(rows, 0, self.count)

    def _obs(self) -> Obs:
        proprio = np.zeros((self.num_envs, 51))
        proprio[:, :2], proprio[:, 2], proprio[:, 3] = self.physics.position, 1.0, 1.0
        target = np.concatenate([np.full((self.num_envs, 2), LENGTH),
                                 np.ones((self.num_envs, 1))], 1)
        task = self.physics.position - LENGTH
        return Obs(np.concatenate([proprio, task], 1), proprio, task, target)

    def step(self, action: np.ndarray) -> Step:
        assert action.shape == (self.num_envs, 2) and (abs(action) <= 1).all()
        before = self.physics.position.copy()
        beside_gap = before[:, 0] >= GAP
        move = SPEED * action * np.stack([np.ones(self.num_envs), beside_gap], 1)
        self.physics.position = np.clip(before + move, -0.2, LENGTH)
        reward = (self.physics.position - before).sum(1)
        self.count += 1
        final, truncated = self._obs(), self.count >= self.max_steps
        if truncated.any():
            self._start(truncated)
        never = np.zeros(self.num_envs, bool)
        return Step(self._obs(), reward, never, truncated, {}, final)

    def get_state(self) -> dict[str, Any]:
        return {"position": self.physics.position.copy(), "count": self.count.copy()}

    def set_state(self, state: Any) -> None:
        self.physics.position, self.count = state["position"].copy(), state["count"].copy()


@dataclass(frozen=True)
class ConstantLibrary:
    """Experts that always propose the same action; the carry counts their steps."""

    names: tuple[str, ...]
    actions: np.ndarray  # (K, A)

    @property
    def act_dim(self) -> int:
        return self.actions.shape[1]

    @property
    def descriptions(self) -> dict[str, str]:
        return {name: f"goes {name}" for name in self.names}

    def initial(self, num_envs: int) -> np.ndarray:
        return np.zeros(num_envs, int)

    def restart(self, carry: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.where(rows, 0, carry)

    def __call__(self, obs: Obs, carry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.broadcast_to(self.actions, (len(obs.proprio), *self.actions.shape)), carry + 1


def corner_library() -> ConstantLibrary:
    return ConstantLibrary(("right", "up", "stay"), np.array([[1.0, -0.5], [0, 1], [0, 0]]))


def at_corner(obs: Obs) -> np.ndarray:
    return obs.task[:, 0] > -0.06

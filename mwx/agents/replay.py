"""Replay of sequences: contiguous arrays (T, B, .), windows that never reach past an episode."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mwx.types import Array


@dataclass(frozen=True)
class SequenceBatch:
    """Windows of T = H steps from B places in the replay.

    Attributes:
        obs: (B, O) first observation.
        next_obs: (T, B, O) observation after each step (the true last one at an episode's end).
        action: (T, B, A).
        reward, terminated: (T, B).
        valid: (T, B) 1 up to and including the episode's last step, 0 after it.
        advice: (T, B, A) the advisor's action at the state the step started from.
        advised: (T, B) 1 where there is advice.
    """

    obs: Tensor
    next_obs: Tensor
    action: Tensor
    reward: Tensor
    terminated: Tensor
    valid: Tensor
    advice: Tensor
    advised: Tensor


class Replay:
    """A ring of vector steps; every array is (rows, B, .) float32 in memory."""

    NAMES = ("obs", "next_obs", "action", "reward", "terminated", "done", "advice", "advised")

    def __init__(self, capacity: int, num_envs: int, obs_dim: int, act_dim: int):
        self.rows = max(8, capacity // num_envs)
        self.num_envs = num_envs
        sizes = {"obs": (obs_dim,), "next_obs": (obs_dim,), "action": (act_dim,),
                 "advice": (act_dim,)}
        self.arrays = {name: np.zeros((self.rows, num_envs, *sizes.get(name, ())), np.float32)
                       for name in self.NAMES}
        self.count = 0  # vector steps ever added

    @property
    def size(self) -> int:
        """Vector steps held."""
        return min(self.count, self.rows)

    def add(self, **step: Array) -> None:
        """Append one vector step; one value per name in NAMES, each (B, .)."""
        row = self.count % self.rows
        for name in self.NAMES:
            self.arrays[name][row] = step[name]
        self.count += 1

    def sample(self, batch: int, horizon: int, rng: np.random.Generator,
               device: torch.device | str = "cpu") -> SequenceBatch:
        """Draw windows uniformly over all starting steps and environments."""
        first = self.count - self.size
        start = first + rng.integers(0, self.size - horizon + 1, batch)
        env = rng.integers(0, self.num_envs, batch)
        rows = (start[None] + np.arange(horizon)[:, None]) % self.rows  # (T, B)

        def take(name: str, index: Array = rows) -> Tensor:
            return torch.from_numpy(self.arrays[name][index, env]).to(device)

        ended = np.cumsum(self.arrays["done"][rows, env], 0)
        valid = np.ones_like(ended)
        valid[1:] = ended[:-1] == 0
        return SequenceBatch(take("obs", rows[0]), take("next_obs"), take("action"),
                             take("reward"), take("terminated"),
                             torch.from_numpy(valid).to(device), take("advice"), take("advised"))

    def get_state(self) -> dict[str, Array]:
        """Return the held steps as arrays for a checkpoint."""
        return {name: array[: self.size] for name, array in self.arrays.items()} | {
            "count": np.array([self.count])}

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from get_state's arrays."""
        self.count = int(state["count"][0])
        for name in self.NAMES:
            self.arrays[name][: self.size] = state[name]

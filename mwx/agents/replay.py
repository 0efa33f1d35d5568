"""Replay of sequences: one contiguous ring (rows, B, .), windows that never reach past an episode.

A step is one record of float32 columns, so a batch is one gather. The next observation is not kept
a second time: it is the next row's, except where an episode ended; those few are kept apart.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mwx.agents.archive import Archive
from mwx.agents.episode_ends import EpisodeEnds
from mwx.errors import MwxError
from mwx.types import Array, brief

Storage = Literal["memory", "disk", "device"]
SPARE = 1 / 8  # share of rows beyond those shown: what follows a checkpoint is written there
NONE = -1.0  # in column `back`: the row's own observation is what the step before led to


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

    __repr__ = brief


class Replay:
    """A ring of vector steps.

    Args:
        capacity: transitions shown to the learner (whole rows of B).
        storage: "memory"; "disk": files of `folder` that the operating system may page out;
            "device": the learner's device.
        folder: where checkpoints keep the steps; None: nowhere.
        device: of the storage "device".
        advised: whether there is room for an advisor's actions.

    Attributes:
        count: vector steps ever added.
        columns: of a record, by name; `back` is the place of the observation that the step before
            led to, where that is not the record's own.
        steps: (slots, B, W) records.
        following: (B, O) where the newest step led.
        archive: the steps on disk, where there is a folder.

    Raises:
        MwxError: the folder cannot be written, or its disk is too small.
    """

    def __init__(self, capacity: int, num_envs: int, obs_dim: int, act_dim: int, *,
                 storage: Storage = "memory", folder: Path | None = None,
                 device: torch.device | str = "cpu", advised: bool = True):
        if folder is None and storage == "disk":
            raise MwxError("a replay on disk needs a folder")
        self.rows = max(8, capacity // num_envs)
        self.slots = self.rows + max(8, int(SPARE * self.rows))
        self.num_envs, self.count = num_envs, 0
        self.device = torch.device(device if storage == "device" else "cpu")
        self.columns, self.width = _columns(obs_dim, act_dim, advised)
        mapped = storage == "disk"
        self.archive = None if folder is None else Archive(
            folder, self.slots, num_envs * self.width, obs_dim, mapped)
        shape = (self.slots, num_envs, self.width)
        # on the host, memory is taken when it is first written to
        memory = self.archive.steps.map()[:self.slots] if self.archive and mapped \
            else np.zeros(shape, np.float32)
        self.steps = torch.from_numpy(memory).reshape(shape).to(self.device)
        self.ends = EpisodeEnds(obs_dim, self.device, self.archive and self.archive.ends, mapped)
        self.following = np.zeros((num_envs, obs_dim), np.float32)
        self._record = np.zeros((num_envs, self.width), np.float32)

    @property
    def size(self) -> int:
        """Vector steps shown."""
        return min(self.count, self.rows)

    @property
    def full(self) -> bool:
        """True when one more step would spoil a checkpoint: one must be written first."""
        return self.archive is not None and self.archive.full(self)

    def add(self, **step: Array) -> None:
        """Append one vector step.

        Args:
            step: obs, next_obs (B, O), action, advice (B, A), reward, terminated, done,
                advised (B,).
        """
        slot, record, columns = self.count % self.slots, self._record, self.columns
        for name, where in columns.items():
            record[:, where] = NONE if name == "back" else np.reshape(step[name],
                                                                      (self.num_envs, -1))
        self.ends.release(slot)
        if self.count:
            # wherever the environment did not go on from where its last step led
            apart = np.flatnonzero((record[:, columns["obs"]] != self.following).any(1))
            if len(apart):
                record[apart, columns["back"].start] = self.ends.put(slot, self.following[apart])
        self.steps[slot].copy_(torch.from_numpy(record))
        self.count += 1
        self.following[:] = step["next_obs"]
        self.show_following()

    def show_following(self) -> None:
        """Put where the newest step led into the row to come, where windows look for it."""
        self._record[:, self.columns["obs"]] = self.following
        self._record[:, self.columns["back"]] = NONE
        self.steps[self.count % self.slots].copy_(torch.from_numpy(self._record))

    def sample(self, batch: int, horizon: int, rng: np.random.Generator,
               device: torch.device | str = "cpu") -> SequenceBatch:
        """Draw windows uniformly over all starting steps and environments.

        Raises:
            MwxError: fewer steps are held than a window has.
        """
        if self.size < horizon:
            raise MwxError(f"the replay holds {self.size} steps of each environment, a window of "
                           f"the learner has {horizon}: raise loop.seed_steps and loop.capacity "
                           f"to at least {horizon * self.num_envs}")
        first = self.count - self.size
        start = first + rng.integers(0, self.size - horizon + 1, batch)
        env = rng.integers(0, self.num_envs, batch)
        place = (start + np.arange(horizon + 1)[:, None]) % self.slots * self.num_envs + env
        block = self.steps.reshape(-1, self.width).index_select(
            0, torch.from_numpy(place.reshape(-1)).to(self.device))
        block = block.reshape(horizon + 1, batch, self.width)  # (T+1, B, W)
        next_obs, block = self._followed(block).to(device), block.to(device)

        def part(name: str) -> Tensor:
            return block[:-1, :, self.columns[name]].contiguous()

        valid = torch.ones(horizon, batch, device=block.device)
        torch.cumprod(1 - part("done")[:-1, :, 0], 0, out=valid[1:])
        action, advised = part("action"), "advice" in self.columns
        return SequenceBatch(
            block[0, :, self.columns["obs"]].contiguous(), next_obs, action,
            part("reward")[..., 0], part("terminated")[..., 0], valid,
            part("advice") if advised else torch.zeros_like(action),
            part("advised")[..., 0] if advised else torch.zeros_like(valid))

    def _followed(self, block: Tensor) -> Tensor:
        """Return where each step led (T, B, O), given records (T+1, B, W)."""
        next_obs = block[1:, :, self.columns["obs"]].contiguous()
        back = block[1:, :, self.columns["back"].start].long()  # (T, B)
        if block.is_cuda:  # asking how many there are would wait for the device
            true = self.ends.rows[back.clamp_min(0)]
            return torch.where((back >= 0)[..., None], true, next_obs)
        apart = (back >= 0).nonzero(as_tuple=True)
        next_obs[apart] = self.ends.rows[back[apart]]
        return next_obs

    def held(self) -> dict[str, Array]:
        """Return the steps shown, oldest first, as arrays (rows, B, .): what batches see."""
        order = np.arange(self.count - self.size, self.count + 1) % self.slots
        block = self.steps[torch.from_numpy(order).to(self.device)]
        values = {name: block[:-1, :, where].cpu().numpy()
                  for name, where in self.columns.items() if name != "back"}
        return values | {"next_obs": self._followed(block).cpu().numpy()}


def _columns(obs_dim: int, act_dim: int, advised: bool) -> tuple[dict[str, slice], int]:
    sizes = {"obs": obs_dim, "action": act_dim, "reward": 1, "terminated": 1, "done": 1}
    sizes |= {"advice": act_dim, "advised": 1} if advised else {}
    columns, begin = {}, 0
    for name, size in (sizes | {"back": 1}).items():
        columns[name] = slice(begin, begin + size)
        begin += size
    return columns, begin

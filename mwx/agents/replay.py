"""Replay of sequences: one contiguous ring (rows, B, .), windows that never reach past an episode.

A step is one record of float32 columns, so a batch is one gather. The next observation is not kept
a second time: it is the next row's, except where an episode ended; those few are kept apart.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mwx.agents.row_file import RowFile
from mwx.errors import MwxError
from mwx.types import Array

Storage = Literal["memory", "disk", "device"]
SPARE = 1 / 8  # share of rows beyond those shown: what follows a checkpoint is written there
NONE = -1.0  # in column `back`: the row's own observation is what the step before led to
LARGEST = 2 ** 24  # episode ends kept apart: their numbers must be exact in float32


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
    """A ring of vector steps.

    Args:
        capacity: transitions shown to the learner (whole rows of B).
        storage: "memory"; "disk": files of `folder` that the operating system may page out;
            "device": the learner's device.
        folder: where checkpoints keep the steps; None: nowhere.
        device: of the storage "device".
        advised: whether there is room for an advisor's actions.

    Raises:
        MwxError: the folder cannot be written, or its disk is too small.
    """

    NAMES = ("obs", "next_obs", "action", "reward", "terminated", "done", "advice", "advised")

    def __init__(self, capacity: int, num_envs: int, obs_dim: int, act_dim: int, *,
                 storage: Storage = "memory", folder: Path | None = None,
                 device: torch.device | str = "cpu", advised: bool = True):
        self.rows = max(8, capacity // num_envs)
        self.slots = self.rows + max(8, int(SPARE * self.rows))
        self.num_envs, self.storage = num_envs, storage
        self.device = torch.device(device if storage == "device" else "cpu")
        self.columns, self.width = _columns(obs_dim, act_dim, advised)
        self.count = 0  # vector steps ever added
        self._kept: list[int] = []  # counts of the checkpoints whose rows must stay
        self._written = 0  # rows before this are in the folder
        self._sums: list[tuple[int, int, int]] = []  # checksum of rows [first, last)
        self._ends_of: dict[int, Array] = {}  # slot -> its places in `ends`
        self._fresh: list[int] = []  # places in `ends` written since the last flush
        self._files = None
        if folder is None and storage == "disk":
            raise MwxError("a replay on disk needs a folder")
        if folder is not None:
            self._files = (RowFile(folder / "steps.f32", num_envs * self.width),
                           RowFile(folder / "ends.f32", obs_dim))
            self._files[0].reserve(self.slots)
        self.steps = self._allocate(self.slots)
        self.ends = torch.zeros(0, obs_dim)
        self._free: list[int] = []
        self._grow(64)
        self._row = np.zeros((num_envs, self.width), np.float32)
        self._next = np.zeros((num_envs, obs_dim), np.float32)  # where the newest step led

    def _allocate(self, slots: int) -> Tensor:
        if self.storage == "disk":
            assert self._files is not None
            return torch.from_numpy(self._files[0].map()).reshape(-1, self.num_envs, self.width)
        return torch.zeros(slots, self.num_envs, self.width, device=self.device)

    def _grow(self, extra: int) -> None:
        """Make room for more episode ends."""
        old, width = len(self.ends), self.ends.shape[1]
        if old + extra > LARGEST:
            raise MwxError(f"more than {LARGEST:,} episode ends in the replay; lower loop.capacity")
        if self._files:
            self._files[1].reserve(old + extra)
        if self.storage == "disk":
            assert self._files is not None
            self.ends = torch.from_numpy(self._files[1].map()[:old + extra])
        else:
            more = torch.zeros(extra, width, device=self.device)
            self.ends = torch.cat([self.ends.to(self.device), more])
        self._free.extend(range(old + extra - 1, old - 1, -1))

    @property
    def size(self) -> int:
        """Vector steps shown."""
        return min(self.count, self.rows)

    @property
    def full(self) -> bool:
        """True when one more step would spoil a checkpoint: one must be written first."""
        return bool(self._kept) and self.count + 1 >= self._kept[0] - self.rows + self.slots

    def add(self, **step: Array) -> None:
        """Append one vector step; one value per name in NAMES, each (B, .)."""
        slot, row, columns = self.count % self.slots, self._row, self.columns
        for name in columns.keys() - {"back"}:
            row[:, columns[name]] = np.reshape(step[name], (self.num_envs, -1))
        row[:, columns["back"]] = NONE
        self._free.extend(self._ends_of.pop(slot, np.zeros(0, int)).tolist()[::-1])
        if self.count:
            # wherever the environment did not go on from where the last step led
            apart = np.flatnonzero((row[:, columns["obs"]] != self._next).any(1))
            if len(apart):
                places = self._put_ends(self._next[apart])
                row[apart, columns["back"].start] = places
                self._ends_of[slot] = places
        self.steps[slot].copy_(torch.from_numpy(row))
        self.count += 1
        self._next[:] = step["next_obs"]
        self._put_next()

    def _put_ends(self, observations: Array) -> Array:
        count = len(observations)
        if len(self._free) < count:
            self._grow(max(count, len(self.ends)))
        places = np.array([self._free.pop() for _ in range(count)])
        self.ends[torch.from_numpy(places).to(self.device)] = torch.from_numpy(
            observations).to(self.device)
        self._fresh.extend(places.tolist())
        return places

    def _put_next(self) -> None:
        """Show where the newest step led as the observation of the row to come."""
        row = self._row
        row[:, self.columns["obs"]] = self._next
        row[:, self.columns["back"]] = NONE
        self.steps[self.count % self.slots].copy_(torch.from_numpy(row))

    def sample(self, batch: int, horizon: int, rng: np.random.Generator,
               device: torch.device | str = "cpu") -> SequenceBatch:
        """Draw windows uniformly over all starting steps and environments.

        Raises:
            MwxError: fewer steps are held than a window has.
        """
        if self.size < horizon:
            raise MwxError(f"the replay holds {self.size} steps of each environment, a window of "
                           f"the learner has {horizon}: raise loop.seed_steps to at least "
                           f"{horizon * self.num_envs}, and loop.capacity as well")
        first = self.count - self.size
        start = first + rng.integers(0, self.size - horizon + 1, batch)
        env = rng.integers(0, self.num_envs, batch)
        place = (start + np.arange(horizon + 1)[:, None]) % self.slots * self.num_envs + env
        block = self.steps.reshape(-1, self.width).index_select(
            0, torch.from_numpy(place.reshape(-1)).to(self.device))
        block = block.reshape(horizon + 1, batch, self.width)  # (T+1, B, W)
        columns = self.columns
        next_obs = self._followed(block).to(device)
        block = block.to(device)

        def part(name: str) -> Tensor:
            return block[:-1, :, columns[name]].contiguous()

        valid = torch.ones(horizon, batch, device=block.device)
        torch.cumprod(1 - part("done")[:-1, :, 0], 0, out=valid[1:])
        advised = "advice" in columns
        action = part("action")
        return SequenceBatch(
            block[0, :, columns["obs"]].contiguous(), next_obs, action, part("reward")[..., 0],
            part("terminated")[..., 0], valid,
            part("advice") if advised else torch.zeros_like(action),
            part("advised")[..., 0] if advised else torch.zeros_like(valid))

    def _followed(self, block: Tensor) -> Tensor:
        """Return where each step led (T, B, O), given records (T+1, B, W)."""
        next_obs = block[1:, :, self.columns["obs"]].contiguous()
        back = block[1:, :, self.columns["back"].start].long()  # (T, B)
        if block.is_cuda:  # asking how many there are would wait for the device
            return torch.where((back >= 0)[..., None], self.ends[back.clamp_min(0)], next_obs)
        ended = (back >= 0).nonzero(as_tuple=True)
        next_obs[ended] = self.ends[back[ended]]
        return next_obs

    def held(self) -> dict[str, Array]:
        """Return the steps shown, oldest first, as arrays (rows, B, .): what batches see."""
        order = torch.from_numpy(np.arange(self.count - self.size, self.count + 1) % self.slots)
        block = self.steps[order.to(self.device)]
        values = {name: block[:-1, :, where].cpu().numpy() for name, where in self.columns.items()}
        del values["back"]
        return values | {"next_obs": self._followed(block).cpu().numpy()}

    # checkpoints: only the rows written since the last one are written

    def flush(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Put the new rows on the disk; return what a checkpoint must hold besides.

        Raises:
            MwxError: no folder, or its disk is full.
        """
        if self._files is None:
            raise MwxError("this replay has no folder to be kept in")
        if self.storage != "disk":
            for slot, rows in self._stretches(self._written, self.count):
                self._files[0].write(slot, rows.reshape(len(rows), -1))
        if self._fresh and self.storage != "disk":
            places = np.unique(self._fresh)
            for stretch in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
                self._files[1].write(int(stretch[0]),
                                     self.ends[stretch[0]:stretch[-1] + 1].cpu().numpy())
        for file in self._files:
            file.sync()
        if self._written < self.count:
            self._sums.append((self._written, self.count,
                               self._checksum(self._written, self.count)))
        self._sums = [s for s in self._sums if s[1] > self.count - self.size]
        self._written, self._fresh = self.count, []
        return {"next": self._next.copy()}, {
            "count": self.count, "ends": len(self.ends), "sums": self._sums,
            "layout": self._layout()}

    def _stretches(self, first: int, last: int) -> Iterator[tuple[int, Array]]:
        """Yield the rows of steps [first, last): where they begin, and records (R, B, W)."""
        while first < last:  # at most two: the ring's end, its beginning
            slot = first % self.slots
            stop = min(last, first + self.slots - slot)
            yield slot, self.steps[slot:slot + stop - first].cpu().numpy()
            first = stop

    def _checksum(self, first: int, last: int) -> int:
        total = 0
        for _, rows in self._stretches(first, last):
            back = rows[..., self.columns["back"].start].astype(np.int64)
            places = torch.from_numpy(back[back >= 0]).to(self.device)
            total = zlib.crc32(rows.data, total)
            if len(places) and int(places.max()) < len(self.ends):
                total = zlib.crc32(self.ends[places].cpu().numpy(), total)
        return total

    def _layout(self) -> dict[str, int]:
        return {"environments": self.num_envs, "rows": self.rows, "spare": self.slots - self.rows,
                "numbers a step": self.width}

    def keep(self) -> None:
        """Take note that the checkpoint just flushed is complete; its rows stay until the next."""
        self._kept = [*self._kept[-1:], self._written]

    def restore(self, arrays: dict[str, Array], state: dict[str, Any]) -> None:
        """Continue from the rows on disk and what flush returned.

        Raises:
            MwxError: the files are damaged or have another layout.
        """
        if self._files is None:
            raise MwxError("this replay has no folder to continue from")
        if state["layout"] != self._layout():
            raise MwxError(f"the replay on disk has {_listed(state['layout'])}; this run asks for "
                           f"{_listed(self._layout())}")
        if self._files[1].rows < state["ends"]:
            raise MwxError(f"{self._files[1].path} is damaged: it ends early")
        if state["ends"] > len(self.ends):
            self._grow(state["ends"] - len(self.ends))
        if self.storage != "disk":
            for file, there in zip(self._files, (self.steps, self.ends), strict=True):
                host = there.cpu()  # the tensor itself where it is on the host already
                file.read_into(host.reshape(len(host), -1).numpy())
                there.copy_(host)
        self.count = self._written = state["count"]
        self._kept, self._fresh = [self.count], []
        self._sums = [tuple(s) for s in state["sums"]]
        self._next[:] = arrays["next"]
        self._check()
        self._put_next()
        self._find_ends()

    def _check(self) -> None:
        """Compare all whole stretches with their checksums."""
        for first, last, expected in self._sums:
            if first < self.count - self.size:
                continue  # partly written over since
            if self._checksum(first, last) != expected:
                assert self._files is not None
                raise MwxError(f"{self._files[0].path} is damaged: steps {first} to {last} are not "
                               f"what was written")

    def _find_ends(self) -> None:
        """Rebuild which places in `ends` are in use; rows no longer shown give theirs back."""
        shown = np.arange(self.count - self.size, self.count) % self.slots
        column = self.columns["back"].start
        back = self.steps[:, :, column].cpu().numpy().astype(np.int64)
        self._ends_of = {int(s): back[s][back[s] >= 0] for s in shown if (back[s] >= 0).any()}
        hidden = np.setdiff1d(np.arange(self.slots), shown)
        self.steps[torch.from_numpy(hidden).to(self.device), :, column] = NONE
        used = np.zeros(len(self.ends), bool)
        for places in self._ends_of.values():
            used[places] = True
        self._free = np.flatnonzero(~used)[::-1].tolist()


def _columns(obs_dim: int, act_dim: int, advised: bool) -> tuple[dict[str, slice], int]:
    sizes = {"obs": obs_dim, "action": act_dim, "reward": 1, "terminated": 1, "done": 1}
    sizes |= {"advice": act_dim, "advised": 1} if advised else {}
    columns, begin = {}, 0
    for name, size in (sizes | {"back": 1}).items():
        columns[name] = slice(begin, begin + size)
        begin += size
    return columns, begin


def _listed(layout: dict[str, int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in layout.items())

"""A replay on disk: each checkpoint adds the rows that are new, and none is ever spoilt.

The files are a ring of the replay's slots. It has more slots than the replay shows; what follows a
checkpoint is written to those, so that the rows the newest two checkpoints count on are whole at
any moment. When the spare slots run out, the next checkpoint is due.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mwx.agents.row_file import RowFile
from mwx.errors import MwxError
from mwx.types import Array

if TYPE_CHECKING:
    from mwx.agents.replay import Replay

PIECES = 32  # checksums of a full replay; rows are checked in pieces that are shown whole


class Archive:
    """The files of a replay, and what the checkpoints count on.

    Args:
        slots, width: of the ring, and numbers in one of its rows.
        size: numbers in an observation.
        mapped: the replay's memory is the files themselves; there is nothing to copy.
    """

    def __init__(self, folder: Path, slots: int, width: int, size: int, mapped: bool):
        self.mapped = mapped
        self.steps = RowFile(folder / "steps.f32", width)
        self.ends = RowFile(folder / "ends.f32", size)
        self.steps.reserve(slots)
        self._kept: list[int] = []  # counts of the checkpoints whose rows must stay, oldest first
        self._written = 0  # rows before this are in the files
        self._sums: list[tuple[int, int, int]] = []  # first and last row, their checksum

    def full(self, replay: "Replay") -> bool:
        """Return whether one more step would write over rows of a checkpoint."""
        return bool(self._kept) and replay.count + 1 >= self._kept[0] - replay.rows + replay.slots

    def flush(self, replay: "Replay") -> dict[str, Any]:
        """Put the new rows on the disk; return what a checkpoint must know of them.

        Raises:
            MwxError: they cannot be written; the checkpoints before are untouched.
        """
        ends = replay.ends
        if not self.mapped:
            for slot, rows in _stretches(replay, self._written, replay.count):
                self.steps.write(slot, rows.reshape(len(rows), -1))
            places = np.unique(np.array(ends.fresh, np.int64))
            for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
                if len(run):
                    self.ends.write(int(run[0]), ends.rows[run[0]:run[-1] + 1].cpu().numpy())
        self.steps.sync()
        self.ends.sync()
        piece = max(1, replay.rows // PIECES)
        oldest = max(self._written, replay.count - replay.size)
        for first in range(oldest, replay.count, piece):
            last = min(first + piece, replay.count)
            self._sums.append((first, last, _checksum(replay, first, last)))
        self._sums = [s for s in self._sums if s[0] >= replay.count - replay.size]
        self._written = replay.count
        ends.fresh.clear()
        return {"count": replay.count, "ends": len(ends.rows), "sums": self._sums,
                "layout": _layout(replay)}

    def keep(self) -> None:
        """Take note that the checkpoint just flushed is complete: its rows must stay."""
        self._kept = [*self._kept[-1:], self._written]

    def restore(self, replay: "Replay", state: dict[str, Any], following: Array) -> None:
        """Fill an empty replay from the files and what flush returned.

        Raises:
            MwxError: the files are damaged or have another layout.
        """
        if state["layout"] != _layout(replay):
            raise MwxError(f"the replay on disk has {_listed(state['layout'])}; this run asks for "
                           f"{_listed(_layout(replay))}")
        if self.ends.rows < state["ends"]:
            raise MwxError(f"{self.ends.path} is damaged: it ends early")
        replay.ends.grow(max(0, state["ends"] - len(replay.ends.rows)))
        if not self.mapped:
            for file, there in ((self.steps, replay.steps), (self.ends, replay.ends.rows)):
                host = there.cpu()  # the tensor itself where it is on the host already
                file.read_into(host.reshape(len(host), -1).numpy())
                there.copy_(host)
        replay.count = self._written = state["count"]
        self._kept = [replay.count]
        self._sums = [(first, last, total) for first, last, total in state["sums"]]
        self._check(replay)
        replay.following[:] = following
        replay.show_following()
        _find_ends(replay)

    def _check(self, replay: "Replay") -> None:
        for first, last, total in self._sums:
            if total != _checksum(replay, first, last):
                raise MwxError(f"{self.steps.path} is damaged: rows {first} to {last} are not "
                               f"what was written")


def _stretches(replay: "Replay", first: int, last: int) -> Iterator[tuple[int, Array]]:
    """Yield the records of steps [first, last): the slot they begin in, and records (R, B, W)."""
    while first < last:  # at most two: the ring's end, its beginning
        slot = first % replay.slots
        stop = min(last, first + replay.slots - slot)
        yield slot, replay.steps[slot:slot + stop - first].cpu().numpy()
        first = stop


def _checksum(replay: "Replay", first: int, last: int) -> int:
    total = 0
    for _, rows in _stretches(replay, first, last):
        back = rows[..., replay.columns["back"].start]
        places = np.clip(back[back >= 0], 0, len(replay.ends.rows) - 1).astype(np.int64)
        ends = replay.ends.rows[torch.from_numpy(places).to(replay.device)].cpu().numpy()
        total = zlib.crc32(ends.data, zlib.crc32(rows.data, total))
    return total


def _find_ends(replay: "Replay") -> None:
    """Find which ends are in use; rows that are not shown give theirs back."""
    shown = np.arange(replay.count - replay.size, replay.count) % replay.slots
    column = replay.columns["back"].start
    hidden = np.setdiff1d(np.arange(replay.slots), shown)
    replay.steps[torch.from_numpy(hidden).to(replay.device), :, column] = -1
    back = replay.steps[:, :, column].cpu().numpy().astype(np.int64)
    replay.ends.rebuild({int(s): back[s][back[s] >= 0] for s in shown if (back[s] >= 0).any()})


def _layout(replay: "Replay") -> dict[str, int]:
    return {"environments": replay.num_envs, "rows": replay.rows,
            "spare": replay.slots - replay.rows, "numbers a step": replay.width}


def _listed(layout: dict[str, int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in layout.items())

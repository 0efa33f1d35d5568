"""Last observations of episodes: the few that the following row of a replay does not hold."""

import numpy as np
import torch

from mwx.agents.row_file import RowFile
from mwx.errors import MwxError
from mwx.types import Array

FIRST_ROOM = 64
LARGEST = 2 ** 24  # places: their numbers must be exact in float32


class EpisodeEnds:
    """Rows (R, O) in numbered places; places are given back when the ring writes over a slot.

    Args:
        size: O.
        file: lies behind the rows when `mapped`, and grows with them in any case.
    """

    def __init__(self, size: int, device: torch.device, file: RowFile | None = None,
                 mapped: bool = False):
        self.device, self.file, self.mapped = device, file, mapped
        self.rows = torch.zeros(0, size, device=device)
        self.fresh: list[int] = []  # places written since the last flush
        self._of: dict[int, Array] = {}  # slot of the ring -> its places
        self._free: list[int] = []
        self.grow(FIRST_ROOM)

    def grow(self, extra: int) -> None:
        """Make more places.

        Raises:
            MwxError: the disk has no room, or there are too many.
        """
        old, total = len(self.rows), len(self.rows) + extra
        if total > LARGEST:
            raise MwxError(f"more than {LARGEST:,} episode ends in the replay; lower loop.capacity")
        if self.file is not None:
            self.file.reserve(total)
        if self.mapped:
            assert self.file is not None
            self.rows = torch.from_numpy(self.file.map()[:total])
        else:
            more = torch.zeros(extra, self.rows.shape[1], device=self.device)
            self.rows = torch.cat([self.rows, more])
        self._free.extend(range(total - 1, old - 1, -1))

    def put(self, slot: int, observations: Array) -> Array:
        """Keep observations (N, O) for a slot and return their places (N,)."""
        count = len(observations)
        if len(self._free) < count:
            self.grow(max(count, len(self.rows)))
        places = np.array([self._free.pop() for _ in range(count)])
        self.rows[torch.from_numpy(places).to(self.device)] = torch.from_numpy(
            observations).to(self.device)
        self.fresh.extend(places.tolist())
        self._of[slot] = places
        return places

    def release(self, slot: int) -> None:
        """Give back the places of a slot."""
        if slot in self._of:
            self._free.extend(self._of.pop(slot).tolist())

    def rebuild(self, back: dict[int, Array]) -> None:
        """Take the places in use from the ring's slots; all others are free."""
        self._of, self.fresh = back, []
        used = np.zeros(len(self.rows), bool)
        for places in back.values():
            used[places] = True
        self._free = np.flatnonzero(~used)[::-1].tolist()

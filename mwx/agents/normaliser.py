"""Running moments of the observations, frozen once enough has been seen."""

import numpy as np

from mwx.types import Array

FLOOR = 0.02  # smallest deviation divided by: what hardly moves is not blown up


class Moments:
    """Mean and variance of all rows seen until `limit` rows (Chan's parallel update)."""

    def __init__(self, size: int, limit: int):
        self.limit, self.count = limit, 0.0
        self.mean, self.squares = np.zeros(size), np.zeros(size)

    def add(self, rows: Array) -> bool:
        """Take in rows (B, O); return whether anything changed."""
        if self.count >= self.limit:
            return False
        rows = rows.astype(np.float64)
        mean, count = rows.mean(0), len(rows)
        apart, total = mean - self.mean, self.count + count
        self.squares += ((rows - mean) ** 2).sum(0) + apart ** 2 * self.count * count / total
        self.mean += apart * count / total
        self.count = total
        return True

    @property
    def std(self) -> Array:
        """(O,) standard deviation, at least FLOOR."""
        return np.maximum(np.sqrt(self.squares / max(self.count, 1.0)), FLOOR)

    def get_state(self) -> dict[str, Array]:
        """Return everything as arrays."""
        return {"count": np.array([self.count]), "mean": self.mean.copy(),
                "squares": self.squares.copy()}

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from get_state."""
        self.count = float(state["count"][0])
        self.mean, self.squares = state["mean"].copy(), state["squares"].copy()

"""Where a training's time goes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Clock:
    """Adds up the seconds spent in named parts; what is in no part is the rest."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time of a block to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def shares(self) -> Mapping[str, float]:
        """Return each part's share of the time since the last call, and "rest"; start anew."""
        now = time.perf_counter()
        whole = max(now - self._start, 1e-9)
        shares = {name: value / whole for name, value in self.seconds.items()}
        self.seconds, self._start = {}, now
        return shares | {"rest": max(0.0, 1 - sum(shares.values()))}

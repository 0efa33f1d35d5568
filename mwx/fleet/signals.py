"""Being told to stop by a batch system is like Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt inside the context (main thread only)."""
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

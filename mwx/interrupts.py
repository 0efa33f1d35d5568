"""Being told to stop: Ctrl-C, and SIGTERM, which batch systems send."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Told to stop; the text says what was kept."""


class Interrupts:
    """Lets both signals raise KeyboardInterrupt inside a `with`; the first may have to wait.

    Where a signal is ignored, as in a shell's background, it stays so. Python tells signals to its
    main thread alone: elsewhere this does nothing.

    Args:
        wait: the first signal sets `asked`, for a training to stop where it can be continued bit
            for bit. The second ends it at once.
    """

    def __init__(self, wait: bool = False):
        self.asked, self._wait = False, wait
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._told)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        first, self.asked = not self.asked, True
        if not (first and self._wait):
            raise KeyboardInterrupt
        # print may have been interrupted itself, so it is not called again here
        os.write(2, b"stopping at the next step that can be continued from; "
                    b"once more ends at once\n")

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let the first signal raise too, where nothing changes that a checkpoint holds."""
        before, self._wait = self._wait, False
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._wait = before

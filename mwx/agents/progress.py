"""Progress of a training run: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any


class Progress:
    """Shows steps, rates, returns and the time left."""

    def __init__(self, name: str, total: int, done: int = 0):
        self.name, self.total = name, total
        self._start = self._last = (time.monotonic(), done, 0)
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar
            self._bar = Bar(TextColumn("[bold]{task.description}"), BarColumn(),
                            TextColumn("{task.completed:,}/{task.total:,} steps"),
                            TextColumn("{task.fields[note]}"), TimeRemainingColumn())
            self._task = self._bar.add_task(name, total=total, completed=done, note="")
            self._bar.start()

    def update(self, step: int, updates: int, values: Mapping[str, float]) -> dict[str, float]:
        """Show the state of things; return steps/s and updates/s since the last call."""
        now, (then, old_step, old_updates) = time.monotonic(), self._last
        gone = max(1e-6, now - then)
        rates = {"steps_per_s": (step - old_step) / gone,
                 "updates_per_s": max(0, updates - old_updates) / gone}
        self._last = (now, step, updates)
        shown = " ".join(f"{k} {v:.1f}" for k, v in values.items())
        if self._bar is not None:
            self._bar.update(self._task, completed=step,
                             note=f"{rates['steps_per_s']:.0f}/s · {shown}")
        else:
            minutes = (self.total - step) / max(1e-6, rates["steps_per_s"]) / 60
            print(f"{self.name} {step:,}/{self.total:,} steps, {updates:,} updates, "
                  f"{rates['steps_per_s']:.0f} steps/s, {minutes:.0f} min left | {shown}",
                  file=sys.stderr, flush=True)
        return rates

    def note(self, text: str) -> None:
        """Print one line above the bar."""
        if self._bar is not None:
            self._bar.console.print(f"{self.name}: {text}")
        else:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

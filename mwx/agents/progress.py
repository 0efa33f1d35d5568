"""Progress of a training run: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any

REFRESH_S = 0.5  # [s] between two looks at the live line


class Progress:
    """Shows steps, rates, returns and the time left.

    Args:
        name: of the run.
        total, done: environment steps in all, and made before this process.
        updates: made before this process.
    """

    def __init__(self, name: str, total: int, done: int = 0, updates: int = 0):
        self.name, self.total = name, total
        self._last = (time.monotonic(), done, updates)
        self._refreshed = 0.0
        self._rates: dict[str, float] = {}
        self._shown = ""
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar
            self._bar = Bar(TextColumn("[bold]{task.description}"), BarColumn(),
                            TextColumn("{task.completed:,}/{task.total:,} steps"),
                            TextColumn("{task.fields[note]}"), console=Console(stderr=True))
            self._task = self._bar.add_task(name, total=total, completed=done, note="")
            self._bar.start()

    def tick(self, step: int, updates: int) -> None:
        """Move the live line on; cheap enough for every vector step."""
        now = time.monotonic()
        if self._bar is None or now - self._refreshed < REFRESH_S:
            return
        self._refreshed = now
        rates = self._rates or self._since(now, step, updates)
        note = f"{_rates(rates)} · {time_left(self.total - step, rates)} left · {self._shown}"
        self._bar.update(self._task, completed=step, note=note)

    def _since(self, now: float, step: int, updates: int) -> dict[str, float]:
        then, old_step, old_updates = self._last
        gone = max(1e-6, now - then)
        return {"steps_per_s": (step - old_step) / gone,
                "updates_per_s": (updates - old_updates) / gone}

    def update(self, step: int, updates: int, values: Mapping[str, float]) -> dict[str, float]:
        """Show the state of things; return steps/s and updates/s since the last call."""
        now = time.monotonic()
        self._rates = self._since(now, step, updates)
        self._last = (now, step, updates)
        self._shown = " ".join(f"{k} {v:.1f}" for k, v in values.items())
        if self._bar is None:
            print(f"{self.name} {step:,}/{self.total:,} steps, {updates:,} updates, "
                  f"{_rates(self._rates)}, {time_left(self.total - step, self._rates)} left | "
                  f"{self._shown}", file=sys.stderr, flush=True)
        else:
            self._refreshed = 0.0
            self.tick(step, updates)
        return self._rates

    def note(self, text: str) -> None:
        """Print one line above the bar."""
        if self._bar is not None:
            self._bar.console.print(f"{self.name}: {text}", markup=False, highlight=False)
        else:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()


def _rates(rates: Mapping[str, float]) -> str:
    return f"{rates['steps_per_s']:.0f} steps/s, {rates['updates_per_s']:.1f} updates/s"


def time_left(steps: int, rates: Mapping[str, float]) -> str:
    """Return the time that so many steps take at these rates, as "2 h 05 min", "3 min" or "?"."""
    if rates["steps_per_s"] <= 0:
        return "?"
    minutes = round(steps / rates["steps_per_s"] / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"

"""What long work shows on standard error: live bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, TypeVar

REFRESH_S = 0.5  # [s] between two looks at a live line
FIRST_S, LINE_S = 5.0, 20.0  # [s] until the first plain line, and between two
T = TypeVar("T")
_at_work: list["Progress"] = []  # the first one has the live lines, those inside it add theirs


def tell(text: str) -> None:
    """Print one line on standard error, above the live lines where there are any."""
    bar = _at_work[0].bar if _at_work else None
    if bar is not None:
        bar.console.print(text, markup=False, highlight=False)
    else:
        print(text, file=sys.stderr, flush=True)


def banner(what: str, where: Any, about: str, again: str) -> None:
    """Say at once what begins, where it goes, how long it takes and how to go on with it."""
    tell(f"{what} -> {where}")
    tell(f"  {about}; {again}")


RESUMES = "Ctrl-C keeps what is done, the same command with --resume goes on"
REPEATS = "what is interrupted begins again"
CONTINUES = "Ctrl-C keeps what is done, the same command goes on"


class Progress:
    """Shows how far something is, how fast it goes and the time left; use as a context or close.

    Args:
        name: of the run or the work.
        total: how much there is to do; None where nobody knows, which says only that it is on.
        done: made before this process; updates: of a learner, before this process.
        unit: of the total.
    """

    def __init__(self, name: str, total: int | None, done: int = 0, updates: int = 0,
                 unit: str = "steps"):
        self.name, self.total, self.unit = name, total, unit
        self._last = (time.monotonic(), done, updates)
        self._refreshed, self._line = 0.0, time.monotonic() - LINE_S + FIRST_S
        self._rates: dict[str, float] = {}
        self._shown = ""
        self.bar: Any = _at_work[0].bar if _at_work else _live_lines()
        if self.bar is not None:
            self._task = self.bar.add_task(name, total=total, completed=done, note="")
        elif total is None:
            tell(f"{name} ...")
        _at_work.append(self)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def tick(self, step: int, updates: int = 0) -> None:
        """Move the live line on; cheap enough for every vector step."""
        now = time.monotonic()
        if self.bar is None:
            if now - self._line >= LINE_S:
                self._plain(step, updates, self._since(now, step, updates))
        elif now - self._refreshed >= REFRESH_S:
            self._refreshed = now
            rates = self._rates or self._since(now, step, updates)
            self.bar.update(self._task, completed=step, total=self.total, note=" · ".join(
                (self._count(step), _rates(rates), self._left(step, rates), self._shown)))

    def show(self, text: str) -> None:
        """Say at the end of the next line what it is at."""
        self._shown = text

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
        if self.bar is None:
            self._plain(step, updates, self._rates)
        else:
            self._refreshed = 0.0
            self.tick(step, updates)
        return self._rates

    def _plain(self, step: int, updates: int, rates: Mapping[str, float]) -> None:
        self._line = time.monotonic()
        learned = f", {updates:,} updates" if updates else ""
        speed = f", {_rates(rates)}" if self.unit == "steps" else ""
        tell(f"{self.name} {self._count(step)}{learned}{speed}, {self._left(step, rates)}"
             f"{' | ' if self._shown else ''}{self._shown}")

    def _count(self, step: int) -> str:
        return f"{step:,}{'' if self.total is None else f'/{self.total:,}'} {self.unit}"

    def _left(self, step: int, rates: Mapping[str, float]) -> str:
        return f"{time_left((self.total or step) - step, rates)} left"

    def note(self, text: str) -> None:
        """Print one line above the bar."""
        tell(f"{self.name}: {text}")

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self not in _at_work:
            return
        _at_work.remove(self)
        if self.bar is not None:
            if _at_work:
                self.bar.remove_task(self._task)
            else:
                self.bar.stop()


def _live_lines() -> Any:
    """Return the live lines of a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    bar = Bar(TextColumn("{task.description}", markup=False, style="bold"), BarColumn(),
              TextColumn("{task.fields[note]}", markup=False), console=Console(stderr=True))
    bar.start()
    return bar


def counted(items: Iterable[T], name: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and show how far they are."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(name, total, unit=unit) as progress:
        for done, item in enumerate(items, 1):
            yield item
            progress.tick(done)


def _rates(rates: Mapping[str, float]) -> str:
    learning = f", {rates['updates_per_s']:.1f} updates/s" if rates["updates_per_s"] else ""
    return f"{rates['steps_per_s']:.0f} steps/s{learning}"


def time_left(steps: int, rates: Mapping[str, float]) -> str:
    """Return the time that so many steps take at these rates, as "2 h 05 min", "3 min" or "?"."""
    if rates["steps_per_s"] <= 0:
        return "?"
    seconds = steps / rates["steps_per_s"]
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"

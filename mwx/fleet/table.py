"""What a fleet shows: a live table on a terminal, a line for every change elsewhere."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from mwx.fleet.schedule import State, tally

REFRESH_S = 1.0  # [s] between two tables
REPORT_S = 60.0  # [s] between two reports where there is no terminal
COLOURS = {"running": "cyan", "finished": "green", "failed": "red", "stopped": "yellow"}
COLUMNS = ("job", "status", "attempt", "steps", "steps/s", "left", "best return", "")


class Table:
    """Shows the states of a fleet's jobs on standard error; use as a context."""

    def __init__(self) -> None:
        self._live: Any = None
        self._drawn, self._reported = -1e9, time.monotonic()
        self._told: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> "Table":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            self._live = Live(console=Console(stderr=True), auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, states: Sequence[State]) -> None:
        """Show the states; cheap enough for every look."""
        now = time.monotonic()
        over = not any(s.status in ("waiting", "queued", "running") for s in states)
        if self._live is None:
            self._tell(states, now)
        elif over or now - self._drawn >= REFRESH_S:
            self._drawn = now
            self._live.update(draw(states), refresh=True)

    def _tell(self, states: Sequence[State], now: float) -> None:
        for state in states:
            name, what = state.job.name, (state.status, state.failures)
            if self._told.get(name) != what and (name in self._told or state.status != "waiting"):
                shown = cells(state)
                detail = "; ".join(x for x in (_result(state), shown[-1]) if x)
                _print(f"{name}: {state.status}{' · ' + detail if detail else ''}")
            self._told[name] = what
        if now - self._reported >= REPORT_S:
            self._reported = now
            _print(tally(states))
            for state in states:
                if state.status == "running":
                    shown = cells(state)
                    _print(f"{shown[0]}: {shown[3]} steps, {shown[4]} steps/s, {shown[5]} left, "
                           f"best return {shown[6]}")


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _result(state: State) -> str:
    best = state.follower.progress.best
    return f"best return {best:.1f}" if state.status == "finished" and best is not None else ""


def draw(states: Sequence[State]) -> Any:
    """Return the table of all jobs for a rich console."""
    from rich import box
    from rich.table import Table as Rows
    table = Rows(box=box.SIMPLE_HEAD, caption=tally(states), caption_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in COLUMNS[2:7] else "left",
                         overflow="ellipsis", no_wrap=name != "")
    for state in states:
        table.add_row(*cells(state), style=COLOURS.get(state.status))
    return table


def cells(state: State) -> tuple[str, ...]:
    """Return the text of one job's row, a cell for each of COLUMNS."""
    from mwx.progress import time_left
    at = state.follower.progress
    steps = f"{at.step:,}/{at.total:,}" if at.total else "-"
    rate = left = "-"
    if state.status == "running" and at.steps_per_s > 0:
        rate = f"{at.steps_per_s:.0f}"
        left = time_left(at.total - at.step, {"steps_per_s": at.steps_per_s})
    note = "teacher" if at.teaching and state.status == "running" else state.reason
    return (state.job.name, state.status, str(state.attempts or "-"), steps, rate, left,
            "-" if at.best is None else f"{at.best:.1f}", note)

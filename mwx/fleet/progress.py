"""How far a job is, from the files of its run directory."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.fleet import record
from mwx.runs import read_json

SCORE = "eval/task_return_mean"
UNDERWAY = ("train/task_return", "train/return")  # shown before the first evaluation


@dataclass
class Progress:
    """What is known of a training that is under way.

    Args:
        step, total: environment steps made, and in all; of the teacher while it learns.
        steps_per_s: as last logged.
        best: highest mean return of an evaluation so far.
        teaching: whether the teacher is still learning.
    """

    step: int = 0
    total: int = 0
    steps_per_s: float = 0.0
    best: float | None = None
    teaching: bool = False


@dataclass
class Follower:
    """Reads the metrics of one run as they grow, each line once."""

    path: Path
    progress: Progress = field(default_factory=Progress)
    _offset: int = 0
    _totals: tuple[int, int] | None = None  # of the learner, of the teacher

    def look(self) -> Progress:
        """Return how far the run is now."""
        file = self.path / "metrics.jsonl"
        try:
            size = file.stat().st_size
            if size < self._offset:  # trimmed by an attempt that resumed
                self._offset, self.progress = 0, Progress()
            with open(file, "rb") as stream:
                stream.seek(self._offset)
                text = stream.read()
        except OSError:
            return self.progress
        whole, cut, _ = text.rpartition(b"\n")
        self._offset += len(whole) + len(cut)
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return self.progress

    def _take(self, row: dict[str, Any]) -> None:
        shown = self.progress
        shown.teaching = any(name.startswith("teacher/") for name in row)
        shown.step = int(row["step"])
        shown.total = self._total(shown.teaching)
        shown.steps_per_s = float(row.get("steps_per_s") or shown.steps_per_s)
        score = row.get(SCORE)
        if score is not None:
            shown.best = max(score, shown.best if shown.best is not None else score)

    def _total(self, teaching: bool) -> int:
        if self._totals is None:
            try:
                config = read_json(self.path / "config.json")
                self._totals = (int(config["agent"]["loop"]["steps"]),
                                int(config["teacher"]["steps"]))
            except (MwxError, KeyError, TypeError, ValueError):
                return 0
        return self._totals[teaching]


def attempts_begun(path: Path) -> int:
    """Return how many attempts at a job have begun so far, in this call and before."""
    return len(record.attempts(path))

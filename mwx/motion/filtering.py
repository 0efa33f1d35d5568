"""The gates over a whole library: verdicts into the manifest, what is known is not asked again."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mwx.errors import MwxError, unknown
from mwx.motion import gates, manifest
from mwx.motion.gates import GATES, PRIVILEGED, GateConfig, Judge, Verdict
from mwx.motion.library import Library, alone
from mwx.motion.manifest import Entry
from mwx.motion.reference import Reference
from mwx.motion.workers import each

SAVED_EVERY_S = 5.0  # [s] between two writes of the manifest
Progress = Callable[[int, int, Entry], None]  # done, in all, the one just judged


@dataclass(frozen=True)
class Stage:
    """How many references came to a gate and what it said of them.

    Attributes:
        came: references that no earlier gate rejected; kept, rejected, open: of those, by word.
    """

    gate: str
    came: int
    kept: int
    rejected: int
    open: int


@dataclass(frozen=True)
class _Task:
    path: Path
    entry: Entry
    gates: tuple[str, ...]
    config: GateConfig


def filter_library(folder: str | Path, asked: Iterable[str] = GATES, jobs: int = 1,
                   config: GateConfig | None = None, judge: Judge | None = None,
                   progress: Progress | None = None, again: bool = False
                   ) -> tuple[Library, tuple[tuple[str, str], ...]]:
    """Judge what has not been judged under these limits and write it into the manifest.

    Args:
        folder: a library; asked: names out of GATES; config: their thresholds; jobs: processes.
        judge: the policy's gate, a reference -> Verdict; without it "privileged" is "not judged".
            Several jobs need one that another process can find (a function of a module).
        progress: called after each reference that needed a look.
        again: ask the gates anew whatever they said before, of a better judge for instance.

    Returns:
        the library with its verdicts; (name, reason) of references that cannot be read.

    Raises:
        MwxError: no library, no such gate, another process at work on the library.
    """
    folder, config, chosen = Path(folder), config or GateConfig(), tuple(asked)
    for name in chosen:
        if name not in GATES:
            raise unknown("gate", name, GATES)
    Library.load(folder)  # before a lock could make a folder
    with alone(folder):
        entries = {e.name: _with(e, {
            name: v for name, v in gates.current(e.verdicts, config, judge).items()
            if not (again and name in chosen)}) for e in Library.load(folder).entries}
        work = _Work(folder, entries, progress)
        cheap = tuple(name for name in GATES if name in chosen and name != PRIVILEGED)
        work.run(each(_judge, work.tasks(cheap, config), jobs))
        if PRIVILEGED in chosen:
            by_policy = functools.partial(_judge, judge=judge)
            work.run(each(by_policy, work.tasks((PRIVILEGED,), config), jobs))
        manifest.write(folder, entries.values())
    return Library.load(folder), tuple(sorted(work.unread.items()))


class _Work:
    """The entries so far; what is judged goes into the manifest every few seconds."""

    def __init__(self, folder: Path, entries: dict[str, Entry], progress: Progress | None):
        self.folder, self.entries, self.progress = folder, entries, progress
        self.unread: dict[str, str] = {}
        self._written = time.monotonic()

    def tasks(self, names: tuple[str, ...], config: GateConfig) -> list[_Task]:
        """Return one task per reference that lacks a verdict of these gates."""
        out = []
        for entry in self.entries.values():
            lacking = tuple(name for name in names if name not in entry.verdicts)
            if lacking and entry.name not in self.unread:
                path = self.folder / "references" / f"{entry.name}.npz"
                out.append(_Task(path, entry, lacking, config))
        self._total = len(out)
        return out

    def run(self, results: Iterable[tuple[str, dict[str, Verdict], str]]) -> None:
        """Take verdicts in as they come."""
        for done, (name, verdicts, reason) in enumerate(results, 1):
            if reason:
                self.unread[name] = reason
            self.entries[name] = _with(self.entries[name], verdicts)
            if time.monotonic() - self._written > SAVED_EVERY_S:
                manifest.write(self.folder, self.entries.values())
                self._written = time.monotonic()
            if self.progress is not None:
                self.progress(done, self._total, self.entries[name])


def _judge(task: _Task, judge: Judge | None = None) -> tuple[str, dict[str, Verdict], str]:
    """Return a reference's name, its verdicts, and why it could not be read, or ''."""
    try:
        reference = Reference.load(task.path)
    except MwxError as error:
        return task.entry.name, task.entry.verdicts, str(error)
    verdicts = gates.evaluate(reference, task.gates, task.config, judge, task.entry.verdicts)
    return task.entry.name, verdicts, ""


def _with(entry: Entry, verdicts: dict[str, Verdict]) -> Entry:
    return dataclasses.replace(entry, verdicts=verdicts)


def stages(entries: Iterable[Entry]) -> list[Stage]:
    """Return the retention of each gate in its order; a rejected reference comes no further."""
    out, left = [], list(entries)
    for gate in GATES:
        words = [e.verdicts[gate].passed if gate in e.verdicts else None for e in left]
        out.append(Stage(gate, len(left), words.count(True), words.count(False),
                         words.count(None)))
        left = [e for e, word in zip(left, words, strict=True) if word is not False]
    return out

"""The schedule: hands jobs to an engine, tries again what failed, keeps the results file."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.fleet import record, results
from mwx.fleet.attempt import take_lock
from mwx.fleet.engines import Engine
from mwx.fleet.jobs import Job
from mwx.fleet.progress import Follower, attempts_begun

POLL_S = 0.5  # [s] between two looks at the engine
PAUSE_S = 2.0  # [s] before the first retry, doubled for each further one
LONGEST_PAUSE_S = 60.0
OVER = ("finished", "failed", "stopped")


@dataclass
class State:
    """Where a job is: waiting -> queued -> running -> finished, failed or stopped.

    A job that the engine has taken is queued until its attempt begins. After a failure it waits
    again, until its retries are spent.
    """

    job: Job
    follower: Follower
    status: str = "waiting"
    reason: str = ""
    failures: int = 0  # in this call
    attempts: int = 0  # begun, in all calls
    not_before: float = 0.0  # [s] on the monotonic clock: when to try again
    _seen: tuple[int, int] = field(default=(0, 0), repr=False)  # when the engine took it

    def taken(self) -> None:
        """The engine has it."""
        self.status, self._seen = "queued", (self.attempts, self.follower.progress.step)

    def look(self) -> None:
        """Find out from its run directory whether it has begun, and how far it is."""
        self.attempts = attempts_begun(self.job.path)
        now = self.attempts, self.follower.look().step
        if self.status == "queued" and now != self._seen:
            self.status = "running"


class Fleet:
    """K experts x S seeds on one engine.

    Args:
        jobs: what is to be done; what is done already is not done again.
        root: folder of the run directories; gets results.json.
        retries: attempts at a job after its first one failed, in this call.
        pause_s: before the first retry [s]; doubles with each.
        watch: shown the states whenever they were looked at.
    """

    def __init__(self, jobs: Sequence[Job], root: Path, retries: int = 2,
                 pause_s: float = PAUSE_S, watch: Callable[[Sequence[State]], None] | None = None):
        if retries < 0:
            raise MwxError(f"--retries {retries}: give 0 or more")
        self.root, self.retries, self.pause_s, self.watch = Path(root), retries, pause_s, watch
        self.states = [State(job, Follower(job.path)) for job in jobs]
        for state in self.states:
            state.look()
            if record.card(state.job.path) is not None:
                state.status = "finished"

    @property
    def open(self) -> list[Job]:
        """Jobs that are neither finished nor given up."""
        return [state.job for state in self.states if state.status not in OVER]

    def run(self, engine: Callable[[], Engine]) -> list[dict[str, Any]]:
        """Run until every job is finished or given up; return the rows of the results file.

        Args:
            engine: makes the engine; not called where nothing is left to do.

        Raises:
            MwxError: another fleet is at work in the same folder.
            KeyboardInterrupt: told to stop; every attempt has been ended, all can be resumed.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = take_lock(self.root)
        except OSError as error:
            raise MwxError(f"cannot write to {self.root}: {error.strerror}") from None
        try:
            if self.open:
                self._work(engine())
            self._write()
            self._show()
        finally:
            os.close(lock)
        return self.rows()

    def _work(self, engine: Engine) -> None:
        try:
            self._write()
            while self.open:
                changed = self._end(engine.ended())
                changed |= self._start(engine)
                for state in self.states:
                    if state.status in ("queued", "running"):
                        before = state.status
                        state.look()
                        changed |= state.status != before
                if changed:
                    self._write()
                self._show()
                if self.open:
                    time.sleep(POLL_S)
        except BaseException:
            engine.stop()
            for state in self.states:
                if state.status not in OVER:
                    state.look()
                    finished = record.card(state.job.path) is not None
                    state.status = "finished" if finished else "stopped"
            self._write()
            self._show()
            raise
        engine.stop()

    def _start(self, engine: Engine) -> bool:
        """Hand over what may start; the first that finds no room keeps its place in the queue."""
        now, started = time.monotonic(), False
        for state in self.states:
            if state.status != "waiting" or now < state.not_before:
                continue
            state.look()
            if not engine.start(state.job):
                break
            state.taken()
            started = True
        return started

    def _end(self, ended: dict[Job, str]) -> bool:
        for state in self.states:
            if state.job not in ended:
                continue
            state.look()
            state.reason = ended[state.job]
            if not state.reason:
                state.status = "finished"
                continue
            state.failures += 1
            state.status = "failed" if state.failures > self.retries else "waiting"
            pause_s = min(LONGEST_PAUSE_S, self.pause_s * 2 ** (state.failures - 1))
            state.not_before = time.monotonic() + pause_s
        return bool(ended)

    def rows(self) -> list[dict[str, Any]]:
        """Return what the results file says of these jobs."""
        return [results.result(s.job, s.status, s.reason, self.root.absolute())
                for s in self.states]

    def _write(self) -> None:
        results.write(self.root, self.rows())

    def _show(self) -> None:
        if self.watch is not None:
            self.watch(self.states)


def tally(states: Sequence[State]) -> str:
    """Return e.g. "2 running, 3 waiting, 1 finished"."""
    order = ("running", "queued", "waiting", "finished", "failed", "stopped")
    count = Counter(state.status for state in states)
    return ", ".join(f"{count[status]} {status}" for status in order if count[status])

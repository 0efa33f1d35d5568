"""One attempt at a job: a process that holds the lock of its run directory while it lives."""

import fcntl
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from mwx.errors import MwxError
from mwx.fleet import record
from mwx.fleet.jobs import Job
from mwx.fleet.leash import PARENT
from mwx.runs import Run

LOCK = ".lock"
LOCK_WAIT_S = 60.0  # [s] for an attempt elsewhere, whose machine is failing, to be over
GRACE_S = 30.0  # [s] between asking a process to end, with a checkpoint, and ending it
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Attempt:
    """A training in a process of its own. The process inherits the lock, so that it is free again
    only when the training is truly over, even if who started it is long gone.

    Args:
        job: what to train; begins or resumes as its run directory asks.
        where: the place, for the record, e.g. "local".
        lock_wait_s: how long to wait for another attempt at the same job to be over.

    Raises:
        MwxError: another process is at work in the run directory.
    """

    def __init__(self, job: Job, where: str, lock_wait_s: float = 0.0,
                 extra_environment: dict[str, str] | None = None):
        self.job = job
        job.path.mkdir(parents=True, exist_ok=True)
        lock = take_lock(job.path, lock_wait_s)
        try:
            self._done_before = record.card(job.path) is not None
            if self._done_before:
                return
            resume = record.begin(job.path)
            self.number = len(record.attempts(job.path)) + 1
            steps = Run(job.path, tensorboard=False).checkpoints()
            self._log = job.path / record.LOG
            self._printed = self._log.stat().st_size if self._log.exists() else 0
            threads = dict.fromkeys(THREADS, str(job.threads))
            with open(self._log, "ab") as log:
                self._process = subprocess.Popen(
                    job.command(resume), stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(lock,),
                    env={**os.environ, **threads, PARENT: str(os.getpid()),
                         **(extra_environment or {})})
            record.append(job.path, attempt=self.number, where=where, host=socket.gethostname(),
                          pid=self._process.pid, began=round(time.time(), 2),
                          from_step=steps[-1] if steps else 0)
        finally:
            os.close(lock)

    def ended(self) -> str | None:
        """Return None while it runs, "" when the job is finished, else why the attempt failed."""
        if self._done_before:
            return ""
        return None if self._process.poll() is None else self._close()

    def wait(self) -> str:
        """Wait for the end; return "" when the job is finished, else why the attempt failed."""
        if self._done_before:
            return ""
        try:
            self._process.wait()
        except BaseException:  # whoever waits is told to stop
            self.stop()
            raise
        return self._close()

    def ask(self) -> None:
        """Ask the process to end, without waiting for it."""
        if not self._done_before and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the process; checkpoints are atomic, so the job stays resumable."""
        if self._done_before:
            return
        self.ask()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close("stopped" if self._process.returncode else None)

    def _close(self, reason: str | None = None) -> str:
        code = self._process.returncode
        if reason is None:
            reason = self._reason(code)
        record.append(self.job.path, attempt=self.number, ended=round(time.time(), 2), exit=code,
                      reason=reason)
        return reason

    def _reason(self, code: int) -> str:
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        if code == 0 and record.card(self.job.path) is not None:
            return ""
        with open(self._log, "rb") as log:
            log.seek(max(self._printed, self._log.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f"{last} (exit code {code})" if code else f"ended without a card: {last}"


def take_lock(path: Path, wait_s: float = 0.0) -> int:
    """Return an open handle that holds the lock of a folder; closing it gives the lock back.

    Raises:
        MwxError: another process holds it, still, after wait_s [s].
    """
    handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError as error:
            busy = isinstance(error, BlockingIOError)
            if busy and time.monotonic() < end:
                time.sleep(0.2)
                continue
            os.close(handle)
            raise MwxError(f"another process is at work in {path}: wait for it, or end it" if busy
                           else f"cannot lock {path}: {error.strerror}") from None


def perform(job: Job, where: str) -> str:
    """Make one attempt, here, to its end: what a worker of an engine does.

    Returns:
        "" when the job is finished, else why the attempt failed.
    """
    try:
        return Attempt(job, where, LOCK_WAIT_S).wait()
    except MwxError as error:
        return str(error)

"""The engine of one machine: a pool of processes, each with its share of processors and GPUs."""

import os
from collections.abc import Sequence

from mwx.errors import MwxError
from mwx.fleet.attempt import Attempt
from mwx.fleet.jobs import Job

EPSILON = 1e-9  # shares such as 1/3 add up to one


class LocalPool:
    """Attempts on this machine, as many as fit.

    Args:
        cpus: to share out; all that this process may use unless told.
        gpus: to share out; those that CUDA_VISIBLE_DEVICES names unless told.
        jobs: what it will be asked to do, to refuse at once what can never fit.

    Raises:
        MwxError: a job asks for more than there is.
    """

    def __init__(self, cpus: float | None = None, gpus: int | None = None,
                 jobs: Sequence[Job] = ()):
        self.cpus = float(usable_cpus() if cpus is None else cpus)
        self._free_cpus = self.cpus
        self.devices = visible_gpus(gpus)
        self._free_gpus = dict.fromkeys(self.devices, 1.0)
        self._running: dict[Job, tuple[Attempt, dict[str, float]]] = {}
        self._refused: dict[Job, str] = {}
        for job in jobs:
            if job.cpus > self.cpus + EPSILON:
                raise MwxError(f"--cpus-per-job {job.cpus:g} is more than the {self.cpus:g} "
                               f"processors of --cpus: no job would ever start")
            if job.gpus > len(self.devices):
                raise MwxError(f"--gpus-per-job {job.gpus:g}, but {len(self.devices)} GPUs to "
                               f"share: give --gpus N")

    def start(self, job: Job) -> bool:
        """Take a job; False when there is no room for it now."""
        shares = self._place(job.gpus)
        if job.cpus > self._free_cpus + EPSILON or shares is None:
            return False
        devices = {"CUDA_VISIBLE_DEVICES": ",".join(shares)} if shares else None
        try:
            attempt = Attempt(job, "local", extra_environment=devices)
        except MwxError as error:
            self._refused[job] = str(error)
            return True
        self._running[job] = (attempt, shares)
        self._free_cpus -= job.cpus
        for device, share in shares.items():
            self._free_gpus[device] -= share
        return True

    def ended(self) -> dict[Job, str]:
        """Return the attempts that ended since the last call: "" for finished, else the reason."""
        over, self._refused = self._refused, {}
        for job, (attempt, shares) in list(self._running.items()):
            reason = attempt.ended()
            if reason is not None:
                over[job] = reason
                del self._running[job]
                self._free_cpus += job.cpus
                for device, share in shares.items():
                    self._free_gpus[device] += share
        return over

    def stop(self) -> None:
        """End all attempts; what they saved stays."""
        for attempt, _ in self._running.values():
            attempt.ask()
        for attempt, _ in self._running.values():
            attempt.stop()
        self._running.clear()

    def _place(self, gpus: float) -> dict[str, float] | None:
        """Return the share of each GPU that a job would get; None when there is no room."""
        if not gpus:
            return {}
        share = min(gpus, 1.0)
        fitting = [d for d, free in self._free_gpus.items() if free + EPSILON >= share]
        fitting.sort(key=lambda device: self._free_gpus[device])  # fill a shared one up first
        count = max(1, int(gpus))
        return dict.fromkeys(fitting[:count], share) if len(fitting) >= count else None


def usable_cpus() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus(count: int | None = None) -> list[str]:
    """Return the names of the GPUs to share: the first `count`, or all that the environment names.

    Raises:
        MwxError: fewer are visible than asked for.
    """
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = [name.strip() for name in (value or "").split(",") if name.strip()]
    if count is None:
        return named
    if value is not None and count > len(named):
        raise MwxError(f"--gpus {count}, but CUDA_VISIBLE_DEVICES names {len(named)}")
    return (named if value is not None else [str(i) for i in range(count)])[:count]

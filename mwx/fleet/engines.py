"""What an engine does, and how one is chosen by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mwx.errors import unknown
from mwx.fleet.jobs import Job

ENGINES = {"local": "a pool of processes on this machine",
           "ray": "tasks of Ray, on this machine or a cluster",
           "slurm": "jobs of Slurm, through submitit"}


class Engine(Protocol):
    """Makes attempts at jobs. Retries and results are the schedule's."""

    def start(self, job: Job) -> bool:
        """Take a job; False when there is no room for it now."""
        ...

    def ended(self) -> dict[Job, str]:
        """Return the attempts that ended since the last call: "" for finished, else the reason."""
        ...

    def stop(self) -> None:
        """End all attempts; what they saved stays."""
        ...


@dataclass(frozen=True)
class Resources:
    """What a fleet may use.

    Args:
        cpus: of this machine; all that this process may use unless told.
        gpus: of this machine; those that CUDA_VISIBLE_DEVICES names, else none.
        address: of a Ray cluster; a local one unless told.
        slurm: KEY=VALUE for sbatch, e.g. partition=gpu.
        hours: time limit of a Slurm job, after which it is queued again and resumes.
    """

    cpus: float | None = None
    gpus: int | None = None
    address: str | None = None
    slurm: Sequence[str] = ()
    hours: float = 24.0


def engine(name: str, resources: Resources, jobs: Sequence[Job], out: Path) -> Engine:
    """Return an engine, ready to take jobs.

    Raises:
        MwxError: no such engine (the nearest is named), its extra is not installed, or no place
            is large enough for one of the jobs.
    """
    if name == "local":
        from mwx.fleet.local import LocalPool
        return LocalPool(resources.cpus, resources.gpus, jobs)
    if name == "ray":
        from mwx.fleet.ray_engine import RayEngine
        return RayEngine(resources.address, resources.cpus, resources.gpus, jobs)
    if name == "slurm":
        from mwx.fleet.slurm import SlurmEngine
        return SlurmEngine(out, resources.slurm, resources.hours)
    raise unknown("engine", name, ENGINES)

"""The engine of a Slurm cluster, through submitit: one Slurm job per attempt."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.fleet.attempt import perform
from mwx.fleet.jobs import Job
from mwx.runs import read_json, write_json

SUBMITTED = "submitted.json"  # job -> number of its last Slurm job
ALIVE = ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "REQUEUED", "RESIZING")

class Work:
    """One attempt, on the node that Slurm chose; queued again where preempted or out of time."""

    def __init__(self, job: Job):
        self.job = job

    def __call__(self) -> str:
        """Make the attempt; return "" when the job is finished, else why it failed."""
        import submitit
        return perform(self.job, f"slurm job {submitit.JobEnvironment().job_id}")

    def checkpoint(self) -> Any:
        """Say what submitit shall queue again: the same job, which resumes."""
        import submitit
        return submitit.helpers.DelayedSubmission(self)


class SlurmEngine:
    """Attempts as Slurm jobs; their scripts and outputs lie in the fleet's slurm/.

    Args:
        root: folder of the fleet, on a disk that every node sees.
        options: KEY=VALUE as sbatch names them, e.g. "partition=gpu", "mem=4GB".
        hours: time limit of a Slurm job.
        cluster: "slurm", or "local" for plain processes of this machine.

    Raises:
        MwxError: submitit is not installed, there is no Slurm here, or an unknown option.
    """

    def __init__(self, root: Path, options: Sequence[str] = (), hours: float = 24.0,
                 cluster: str = "slurm"):
        try:
            import submitit
        except ImportError:
            raise MwxError('--engine slurm needs submitit: pip install "mwx[cluster]"; without '
                           "it, --engine local shares out this machine") from None
        if cluster == "slurm" and (shutil.which("srun") is None or shutil.which("sbatch") is None):
            raise MwxError("--engine slurm: no srun and sbatch here; call it on a login node of "
                           "the cluster, or use --engine local")
        if hours <= 0:
            raise MwxError(f"--hours {hours:g}: give more than 0")
        self.folder = Path(root) / "slurm"
        self._submitit, self._adopts = submitit, cluster == "slurm"
        self._executor = submitit.AutoExecutor(folder=self.folder, cluster=cluster)
        self._options = dict(_option(text) for text in options)
        self._minutes = max(1, math.ceil(hours * 60))
        self._running: dict[Job, Any] = {}

    def start(self, job: Job) -> bool:
        """Hand a job to Slurm, which queues it until a node has room.

        A fleet that was killed outright leaves its Slurm jobs behind: those are taken on again.
        """
        left = self._left_behind(job)
        if left is not None:
            self._running[job] = left
            return True
        if job.gpus != int(job.gpus):
            raise MwxError(f"--gpus-per-job {job.gpus:g}: Slurm gives whole GPUs")
        try:
            self._executor.update_parameters(
                name=job.name, timeout_min=self._minutes, cpus_per_task=math.ceil(job.cpus),
                **({"gpus_per_node": int(job.gpus)} if job.gpus else {}),
                **{f"slurm_{key}": value for key, value in self._options.items()})
        except (NameError, TypeError) as error:
            raise MwxError(f"--slurm: {error}") from None
        self._running[job] = task = self._executor.submit(Work(job))
        write_json(self.folder / SUBMITTED, {**self._submitted(), job.name: task.job_id})
        return True

    def _submitted(self) -> dict[str, str]:
        file = self.folder / SUBMITTED
        return read_json(file) if file.exists() else {}

    def _left_behind(self, job: Job) -> Any:
        number = self._submitted().get(job.name) if self._adopts else None
        if number is None:
            return None
        task = self._submitit.SlurmJob(folder=self.folder, job_id=number)
        state = task.watcher.get_state(number, mode="force")
        return task if state.split()[0] in ALIVE and not task.paths.result_pickle.exists() else None

    def ended(self) -> dict[Job, str]:
        """Return the attempts that ended since the last call: "" for finished, else the reason."""
        over = {job: _outcome(task) for job, task in self._running.items() if task.done()}
        for job in over:
            del self._running[job]
        return over

    def stop(self) -> None:
        """End all attempts; what they saved stays."""
        for task in self._running.values():
            task.cancel(check=False)
        self._running.clear()


def _option(text: str) -> tuple[str, str | int]:
    key, equals, value = text.lstrip("-").partition("=")
    if not (key and equals and value):
        raise MwxError(f"--slurm {text}: give KEY=VALUE, e.g. partition=gpu")
    return key.replace("-", "_"), int(value) if value.isdigit() else value


def _outcome(task: Any) -> str:
    from submitit.core.utils import FailedJobError, UncompletedJobError
    try:
        error = task.exception()
        if error is None:
            return task.result()
    except (FailedJobError, UncompletedJobError) as lost:  # no result: cancelled, or node lost
        error = lost
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]

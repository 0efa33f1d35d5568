"""The engine of many machines: plain tasks of Ray, one per attempt.

A task holds its training on a leash (leash.py), so a training ends with its worker; the schedule
hands the job out again, and Ray finds a node for it, which resumes from the shared run directory.
"""

import logging
import signal
import socket
import threading
from collections.abc import Sequence
from typing import Any

from mwx.errors import MwxError
from mwx.fleet.attempt import perform
from mwx.fleet.jobs import Job
from mwx.fleet.local import usable_cpus

KNOCK_S = 10.0  # [s] for a cluster to answer
STOP_S = 15.0  # [s] for tasks to end their trainings when told to stop


class RayEngine:
    """Attempts as Ray tasks: on the cluster at an address, else on one that lives in this process.

    Args:
        address: of a cluster, e.g. "auto" or "head:6379"; a local one unless told.
        cpus, gpus: of a local cluster; all that this process may use unless told.
        jobs: what it will be asked to do, to refuse at once what a local cluster cannot hold.

    Raises:
        MwxError: Ray is not installed, the cluster cannot be reached, or a job can never fit.
    """

    def __init__(self, address: str | None = None, cpus: float | None = None,
                 gpus: int | None = None, jobs: Sequence[Job] = ()):
        try:
            import ray
        except ImportError:
            raise MwxError('--engine ray needs Ray: pip install "mwx[cluster]"; without it, '
                           "--engine local shares out this machine") from None
        self._ray = ray
        self._running: dict[Any, Job] = {}
        self._owned = not ray.is_initialized()
        if address is not None and (cpus is not None or gpus is not None):
            raise MwxError("--cpus and --gpus are of this machine; a cluster at --address knows "
                           "its own")
        if self._owned:
            _connect(ray, address, cpus, gpus)
        try:
            self._refuse(jobs, strict=address is None)
        except MwxError:
            self._leave()
            raise

    def _refuse(self, jobs: Sequence[Job], strict: bool) -> None:
        """Refuse jobs that no node is large enough for; a cluster elsewhere may yet grow."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        for job in jobs:
            if any(n.get("CPU", 0) >= job.cpus and n.get("GPU", 0) >= job.gpus for n in nodes):
                continue
            largest = ", ".join(f"{n.get('CPU', 0):g} CPUs {n.get('GPU', 0):g} GPUs"
                                for n in nodes)
            text = (f"no node has room for {job.cpus:g} CPUs and {job.gpus:g} GPUs "
                    f"({job.name}); the nodes have: {largest}")
            if strict:
                raise MwxError(text)
            logging.getLogger(__name__).warning("%s; waiting for one that has", text)
            return

    def start(self, job: Job) -> bool:
        """Hand a job to Ray, which queues it until a node has room."""
        # retries are the schedule's: it counts them, and sees the run directory before each
        task = self._ray.remote(_task).options(num_cpus=job.cpus, num_gpus=job.gpus,
                                               max_retries=0, name=job.name)
        self._running[task.remote(job)] = job
        return True

    def ended(self) -> dict[Job, str]:
        """Return the attempts that ended since the last call: "" for finished, else the reason."""
        if not self._running:
            return {}
        done, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        return {self._running.pop(task): self._outcome(task) for task in done}

    def _outcome(self, task: Any) -> str:
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayError as error:  # the worker or its node is gone
            first = next((x.strip() for x in str(error).splitlines() if x.strip()), "")
            return f"{type(error).__name__}: {first}"[:300]

    def stop(self) -> None:
        """End all attempts; what they saved stays."""
        tasks = list(self._running)
        for force in (False, True):
            for task in tasks:
                self._ray.cancel(task, force=force)
            if tasks:
                _, tasks = self._ray.wait(tasks, num_returns=len(tasks), timeout=STOP_S)
        self._running.clear()
        self._leave()

    def _leave(self) -> None:
        if self._owned and self._ray.is_initialized():
            self._ray.shutdown()


def _connect(ray: Any, address: str | None, cpus: float | None, gpus: int | None) -> None:
    here = {} if address is not None else {
        "num_cpus": int(usable_cpus() if cpus is None else cpus), "num_gpus": gpus,
        "include_dashboard": False}
    on_terminate = signal.getsignal(signal.SIGTERM)  # Ray puts its own in its place
    try:
        if address is not None:
            _knock(address)
        ray.init(address=address or "local", log_to_driver=False,
                 logging_level=logging.WARNING, **here)
    except Exception as error:  # Ray raises bare ones too, e.g. on a machine that is too busy
        first = str(error).strip().split("\n")[0]
        if address is None:
            raise MwxError(f"Ray does not start here: {first}; --engine local needs no Ray"
                           ) from None
        raise MwxError(f"no Ray cluster at {address}: {first}; `ray status` shows whether one "
                       f"runs, `ray start --head` starts one") from None
    if on_terminate is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_terminate)


def _knock(address: str) -> None:
    """Raise OSError where nothing listens at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


def _task(job: Job) -> str:
    """Make one attempt on the node that Ray chose."""
    import ray
    return perform(job, f"ray node {ray.get_runtime_context().get_node_id()[:8]}")

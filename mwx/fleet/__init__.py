"""Many trainings at once: experts x seeds as independent jobs that any engine may kill and resume.

    jobs.py       what a job is, and the jobs of a fleet
    record.py     what a run directory says of its job: begun, attempts, finished
    attempt.py    one attempt at a job: its process, its lock, why it failed
    leash.py      the process itself, which never outlives the one that started it
    local.py      engine: a pool of processes on this machine
    ray_engine.py engine: tasks of Ray, on this machine or a cluster
    slurm.py      engine: jobs of Slurm, through submitit
    engines.py    what an engine does, and how one is chosen
    schedule.py   hands jobs to an engine, retries, stops; writes the results file
    progress.py, table.py   what is shown meanwhile

Everything that must survive lies in the run directories, so the same command always goes on.
"""

from mwx.fleet.jobs import Job, plan
from mwx.fleet.schedule import Fleet

__all__ = ["Fleet", "Job", "plan"]

"""fleet: K experts x S seeds."""

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from mwx.commands.expert import LASTS
from mwx.commands.words import Cores, CountOrNone, Duration, Seed, Weight
from mwx.files import target_folder
from mwx.runs import RUNS

Skills = Annotated[tuple[str, ...], Positional, arg(metavar="SKILL ...")]


def fleet(skills: Skills = (), recipe: str = "cpu", seeds: tuple[Seed, ...] = (0,),
          out: Path | None = None, engine: str = "local", cpus_per_job: Cores = 1.0,
          gpus_per_job: Weight = 0.0, cpus: Cores | None = None, gpus: CountOrNone | None = None,
          retries: CountOrNone = 2, address: str | None = None, slurm: tuple[str, ...] = (),
          hours: Duration = 24.0) -> None:
    """Train many experts as independent jobs; the same command again goes on where it stopped.

    Args:
        skills: e.g. stand walk run; every skill that has a recipe unless told.
        recipe: cpu, paper or tiny, for all of them.
        seeds: each skill is trained once with each, e.g. 0 1 2.
        out: folder of the run directories and results.json; runs/fleet unless told.
        engine: local (processes of this machine), ray or slurm.
        cpus_per_job: processors of a job, e.g. 0.5; whole ones are also its threads.
        gpus_per_job: GPUs of a job, e.g. 0.25.
        cpus: of this machine to share out; all unless told.
        gpus: of this machine to share out; those that CUDA_VISIBLE_DEVICES names unless told.
        retries: of a job that failed, each from its last checkpoint.
        address: of a Ray cluster, e.g. auto or head:6379; a local one unless told.
        slurm: options for sbatch, e.g. partition=gpu mem=4GB.
        hours: time limit of a Slurm job, which then is queued again and resumes.
    """
    target_folder(out or RUNS)
    from mwx.progress import CONTINUES, banner
    root = out or RUNS / "fleet"
    banner(f"fleet of {', '.join(skills) or 'every skill'}, recipe {recipe}, "
           f"seeds {', '.join(map(str, seeds))}", root,
           f"each training {LASTS.get(recipe, '')}", CONTINUES)
    from mwx.fleet.engines import ENGINES, Resources
    from mwx.fleet.engines import engine as make
    from mwx.fleet.jobs import plan
    from mwx.fleet.results import RESULTS
    from mwx.fleet.schedule import Fleet
    from mwx.fleet.table import Table
    from mwx.opening import check_collection
    if engine not in ENGINES:
        from mwx.errors import unknown
        raise unknown("engine", engine, ENGINES)
    check_collection(root, RESULTS)
    jobs = plan(skills, recipe, seeds, root, cpus=cpus_per_job, gpus=gpus_per_job)
    resources = Resources(cpus, gpus, address, slurm, hours)
    with Table() as table:
        work = Fleet(jobs, root, retries, watch=table)
        try:
            rows = work.run(lambda: make(engine, resources, work.open, root.absolute()))
        except KeyboardInterrupt:
            print(f"stopped: the same command goes on from the checkpoints in {root}",
                  file=sys.stderr)
            raise SystemExit(130) from None
    print(f"results: {root / RESULTS}")
    _judge(rows)


def _judge(rows: list[dict]) -> None:
    """Raise where jobs failed: the exit code is what scripts see."""
    from mwx.errors import MwxError
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        reasons = "".join(f"\n  {row['name']}: {row['reason']}" for row in failed)
        raise MwxError(f"{len(failed)} of {len(rows)} jobs failed; each run directory has a "
                       f"train.log, and the same command tries again:{reasons}")

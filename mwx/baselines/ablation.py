"""The ablation as jobs: variants x seeds, each a process of its own; what is finished stays."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mwx.baselines.adaptation import VARIANTS, adaptation
from mwx.config import to_dict
from mwx.errors import MwxError, unknown
from mwx.opening import check_collection, flat
from mwx.router.adapt import check
from mwx.router.adapt_config import AdaptConfig
from mwx.runs import RUNS, provenance, read_json, write_json

LOG, PLAN = "train.log", "ablation.json"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
WAIT_S = 0.5  # [s] between two looks at the running processes
GRACE_S = 30.0  # [s] between asking a process to end, with a checkpoint, and ending it
STEPS = "config.agent.loop.steps"
FOLLOW_STEPS = (STEPS, *(f"config.agent.loop.{name}" for name in (
    "advised_steps", "evaluate_every", "capacity")))


@dataclass(frozen=True)
class Ablation:
    """What is compared; every job gets the same steps, agent and schedule.

    Attributes:
        task, recipe, steps, schedule, planned: see mwx.baselines.adaptation.adaptation.
        variants: keys of VARIANTS; seeds: one job each per variant.
        router: of the variants with one; each seed distils its own where None.
        experts: folder; plain_experts: those of the variant w/o imitation.
        out: folder of the runs; threads: of each.
    """

    task: str
    seeds: tuple[int, ...]
    recipe: str = "cpu"
    steps: int | None = None
    schedule: str = "router"
    planned: bool = False
    variants: tuple[str, ...] = tuple(VARIANTS)
    router: Path | None = None
    experts: Path | None = None
    plain_experts: Path | None = None
    out: Path = RUNS / "ablate"
    threads: int = 1

    def jobs(self) -> "list[Job]":
        """Return the jobs; the first seed of every variant before the second of any.

        Raises:
            MwxError: an unknown name, no seeds or no variants.
        """
        for variant in self.variants:
            if variant not in VARIANTS:
                raise unknown("variant", variant, VARIANTS)
        if not self.seeds or min(self.seeds) < 0 or not self.variants:
            raise MwxError("an ablation needs at least one variant and one seed, none negative: "
                           "e.g. --seeds 3")
        return [Job(self, variant, seed) for seed in dict.fromkeys(self.seeds)
                for variant in dict.fromkeys(self.variants)]


    def folders(self, variant: str) -> dict[str, Path | None]:
        """Return the router and the experts of a variant: experts of another kind need a router of
        their own."""
        if variant == "no_imitation" and self.plain_experts:
            return {"router": None, "experts": self.plain_experts}
        return {"router": self.router, "experts": self.experts}

    def config(self, variant: str) -> AdaptConfig:
        """Return what the first seed of a variant is trained with; see adaptation."""
        folders = self.folders(variant)
        return adaptation(self.task, self.recipe, variant, schedule=self.schedule,
                          steps=self.steps, planned=self.planned, threads=self.threads,
                          router=folders["router"], experts=folders["experts"])

    def means(self, variant: str) -> str:
        """Return in words what is left out in a variant."""
        if variant != "no_imitation":
            return VARIANTS[variant].means
        return "no alignment reward; its experts were " + (
            "trained without imitation too" if self.plain_experts else "trained with imitation")


@dataclass(frozen=True)
class Job:
    """One training of an ablation."""

    ablation: Ablation = field(repr=False)
    variant: str
    seed: int

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.ablation.out.absolute() / f"{self.variant}-{self.seed}"

    @property
    def card(self) -> Path:
        """Written last, in one piece: its presence says that the job is finished."""
        alone = VARIANTS[self.variant].edit is None
        return self.path / ("agent/card.json" if alone else "adapted/card.json")

    @property
    def finished(self) -> bool:
        """Whether it has been trained for as many steps as are asked for."""
        wanted = self.ablation.config(self.variant).agent.loop.steps
        return self.card.is_file() and read_json(self.card).get("steps", wanted) >= wanted

    def command(self) -> list[str]:
        """Return the command line, which resumes where there is something to resume."""
        a = self.ablation
        given = {"--recipe": a.recipe, "--variant": self.variant, "--schedule": a.schedule,
                 "--seed": self.seed, "--threads": a.threads, "--out": self.path,
                 "--steps": a.steps,
                 **{f"--{k}": v for k, v in a.folders(self.variant).items()}}
        words = [str(w) for k, v in given.items() if v is not None for w in (k, v)]
        resume = ["--resume"] if (self.path / "config.json").exists() else []
        return [sys.executable, "-m", "mwx.fleet.leash", "adapt", a.task, *words, "--no-compare",
                *(["--planned"] if a.planned else []), *resume]


def run(ablation: Ablation, jobs: int = 1, say: Callable[[str], None] = print) -> list[Job]:
    """Train what is not finished yet, `jobs` processes at a time; return all jobs.

    The same call again goes on from the checkpoints.

    Raises:
        MwxError: other settings than the folder's runs were made with, another process at work in
            one of them, or jobs that failed (after all others are done).
    """
    if jobs < 1:
        raise MwxError(f"--jobs {jobs}: at least one at a time")
    every = begin(ablation)
    waiting = [job for job in every if not job.finished]
    say(f"{len(every)} jobs, {len(every) - len(waiting)} of them finished before")
    failed = _work(waiting, jobs, say)
    if failed:
        raise MwxError(f"{len(failed)} of {len(every)} jobs failed; the same command tries again:"
                       + "".join(f"\n  {job.path}: {why}" for job, why in failed.items()))
    return every


def begin(ablation: Ablation) -> list[Job]:
    """Keep the settings beside the runs and return all jobs.

    Raises:
        MwxError: a mistake in the settings, or the folder was begun with others.
    """
    every = ablation.jobs()
    check_collection(ablation.out, PLAN)
    for variant in dict.fromkeys(job.variant for job in every):
        config = ablation.config(variant)
        if VARIANTS[variant].edit is not None:
            check(config)  # a mistake is told before anything is trained
    _same_settings(ablation)
    return every


def _same_settings(ablation: Ablation) -> None:
    """Keep the settings beside the runs; refuse to mix runs of different ones."""
    config = replace(ablation.config("full"), threads=1)
    plain = ablation.plain_experts
    settings = {"config": to_dict(config), "plain_experts": plain and str(plain.absolute())}
    path = ablation.out / PLAN
    if path.exists():
        old, new = flat(read_json(path)["settings"]), flat(settings)
        longer = new[STEPS] > old[STEPS]  # what goes with the number of steps
        apart = [f"{name} {old.get(name)}, not {value}" for name, value in new.items()
                 if old.get(name) != value and not (longer and name in FOLLOW_STEPS)]
        if apart:
            raise MwxError(f"{ablation.out} holds an ablation with other settings, "
                           f"{'; '.join(apart[:4])}: give another --out, or the settings it was "
                           f"begun with ({path})")
    write_json(path, {"task": config.task, "settings": settings, "provenance": provenance()})


def _work(waiting: Sequence[Job], at_once: int, say: Callable[[str], None]) -> dict[Job, str]:
    queue, running = list(waiting), dict[Job, "_Process"]()
    failed: dict[Job, str] = {}
    try:
        while queue or running:
            while queue and len(running) < at_once:
                job = queue.pop(0)
                try:
                    running[job] = _Process(job)
                    say(f"{job.variant}, seed {job.seed}: begun ({job.path})")
                except MwxError as error:
                    failed[job] = str(error)
            for job, process in list(running.items()):
                reason = process.ended()
                if reason is not None:
                    del running[job]
                    say(f"{job.variant}, seed {job.seed}: {reason or 'finished'}")
                    failed |= {job: reason} if reason else {}
            if running:
                time.sleep(WAIT_S)
    finally:
        for process in running.values():
            process.ask()
        for process in running.values():
            process.stop()
    return failed


class _Process:
    """One job at work; it holds the lock of its run directory while it lives."""

    def __init__(self, job: Job):
        from mwx.fleet.attempt import take_lock
        from mwx.fleet.leash import PARENT
        self.job = job
        job.path.mkdir(parents=True, exist_ok=True)
        lock = take_lock(job.path)
        try:
            with open(job.path / LOG, "ab") as log:
                self.process = subprocess.Popen(
                    job.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True, pass_fds=(lock,),
                    env={**os.environ, **dict.fromkeys(THREADS, str(job.ablation.threads)),
                         PARENT: str(os.getpid())})
        finally:
            os.close(lock)

    def ended(self) -> str | None:
        """Return None while it runs, "" when the job is finished, else why it failed."""
        code = self.process.poll()
        if code is None:
            return None
        if code == 0 and self.job.finished:
            return ""
        lines = (self.job.path / LOG).read_text(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f"{last} (exit code {code}, see {LOG})"

    def ask(self) -> None:
        """Ask it to end; it writes a checkpoint first."""
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """End it; checkpoints are atomic, so the job stays resumable."""
        if self.process.poll() is None:
            try:
                self.process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

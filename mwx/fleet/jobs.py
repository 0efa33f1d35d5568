"""Jobs: one expert, one recipe, one seed, one run directory."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mwx.errors import MwxError


@dataclass(frozen=True)
class Job:
    """One training, as data: any engine can run it on any machine that sees its path.

    Args:
        skill, recipe, seed: what is trained; see mwx.recipes.expert.
        path: run directory, absolute, on a disk that every machine of the fleet sees.
        cpus: processors it is given; a fraction lets several jobs share one.
        gpus: GPUs it is given; a fraction lets several jobs share one.
        program: command that takes the words of `mwx`; the worker's own Python with this package
            unless told.
    """

    skill: str
    recipe: str
    seed: int
    path: Path
    cpus: float = 1.0
    gpus: float = 0.0
    program: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the run directory."""
        return self.path.name

    @property
    def threads(self) -> int:
        """Threads of simulation and learner: whole processors, at least one."""
        return max(1, math.floor(self.cpus))

    def command(self, resume: bool) -> list[str]:
        """Return the command line on the machine that asks."""
        program = self.program or (sys.executable, "-m", "mwx.fleet.leash")
        return [*program, "expert", "train", self.skill, "--recipe", self.recipe,
                "--seed", str(self.seed), "--threads", str(self.threads),
                "--out", str(self.path), *(["--resume"] if resume else [])]


def plan(skills: Sequence[str], recipe: str, seeds: Sequence[int], out: Path, *,
         cpus: float = 1.0, gpus: float = 0.0) -> list[Job]:
    """Return the jobs of a fleet; the first seed of every skill comes before the second of any.

    Args:
        skills: names of skills; every skill that has a recipe where empty.
        recipe: of all of them.
        seeds: one job each per skill.
        out: folder of the run directories, <skill>-<recipe>-<seed>.
        cpus, gpus: of each job; fractions are welcome.

    Raises:
        MwxError: an unknown skill or recipe (the nearest is named), no seeds, a negative seed, or
            resources that are no resources.
    """
    from mwx import recipes
    chosen = list(dict.fromkeys(skills)) or list(recipes.SKILLS)
    for skill in chosen:
        recipes.expert(skill, recipe)
    if not seeds or min(seeds) < 0:
        raise MwxError(f"seeds {list(seeds)}: give at least one, none negative, "
                       f"e.g. --seeds 0 1 2")
    if not (math.isfinite(cpus) and cpus > 0):
        raise MwxError(f"--cpus-per-job {cpus:g}: give more than 0, e.g. 1 or 0.5")
    if not (math.isfinite(gpus) and gpus >= 0) or (gpus > 1 and gpus != int(gpus)):
        raise MwxError(f"--gpus-per-job {gpus:g}: give 0, a share of one GPU such as 0.25, or "
                       f"whole GPUs")
    root = Path(out).absolute()
    return [Job(skill, recipe, seed, root / f"{skill}-{recipe}-{seed}", cpus, gpus)
            for seed in dict.fromkeys(seeds) for skill in chosen]

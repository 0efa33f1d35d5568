"""expert train, expert list."""

from pathlib import Path

from mwx.commands.words import Seed, Skill, Steps, Threads
from mwx.files import target_folder
from mwx.runs import RUNS


def train(skill: Skill, recipe: str = "cpu", out: Path | None = None, seed: Seed = 0,
          resume: bool = False, steps: Steps | None = None, threads: Threads = 1,
          imitation: bool = True, start: Path | None = None) -> None:
    """Train one specialised expert and export it when done.

    Args:
        skill: one of the nine (`mwx expert list` shows those at hand).
        recipe: cpu (2 cores, an hour), paper (its sizes; days on a CPU), tiny (tests).
        out: run directory; runs/<skill>-<recipe>-<seed> unless told.
        seed: of everything random.
        resume: continue from the last complete checkpoint.
        steps: environment steps of the world model instead of the recipe's; with --resume, where
            to end: a run that is past it already is exported as it is.
        threads: of simulation and learner.
        imitation: with --no-imitation the same learner has the task's reward alone, around a
            standing pose (stand, walk, run): what naturalness is compared with.
        start: folder of an expert of the same kind that the imitation policy first learns to
            repeat, instead of learning from nothing.
    """
    target_folder(out or RUNS)
    from mwx import recipes
    from mwx.experts.train import train_expert
    path = out or RUNS / f"{skill}-{recipe}{'' if imitation else '-no_imitation'}-{seed}"
    config = recipes.expert(skill, recipe, seed, threads, imitation)
    if start is not None:
        config = recipes.started(config, str(start))
    print(f"expert: {train_expert(config, path, resume, steps)}")


def show(root: Path | None = None) -> None:
    """List the experts at hand, what each can do and what its card says.

    Args:
        root: folder of experts; the shipped ones unless told.
    """
    from mwx.experts import load_library
    library = load_library(root)
    for name in library.names:
        print(f"{name:<10}{library.descriptions[name]}")
        scores = library.cards[name].get("scores", {})
        for score, value in scores.items():
            print(f"{'':10}{score} {value:g}" if isinstance(value, int | float) else
                  f"{'':10}{score} {value}")

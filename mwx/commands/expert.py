"""expert train, expert list."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mwx.commands.words import Seed, Skill, Steps, Threads
from mwx.files import target_folder
from mwx.runs import RUNS

LASTS = {"cpu": "6 to 90 minutes on two cores, by the skill and its teacher",
         "paper": "days on a processor", "tiny": "less than a minute"}


def train(skill: Skill, recipe: str | None = None, out: Path | None = None,
          seed: Seed | None = None, resume: bool = False, steps: Steps | None = None,
          threads: Threads | None = None, imitation: bool = True, start: Path | None = None
          ) -> None:
    """Train one specialised expert and export it when done.

    Args:
        skill: one of the nine (`mwx expert list` shows those at hand).
        recipe: cpu (2 cores, an hour; unless told), paper (its sizes; days on a CPU), tiny (tests).
        out: run directory; runs/<skill>-<recipe>-<seed> unless told.
        seed: of everything random; 0 unless told.
        resume: continue from the last complete checkpoint, with the options it was begun with.
        steps: environment steps of the world model instead of the recipe's; with --resume, where
            to end: a finished run goes on, one that is past it already is exported as it is.
        threads: of simulation and learner; 1 unless told.
        imitation: with --no-imitation the same learner has the task's reward alone, around a
            standing pose (stand, walk, run): what naturalness is compared with.
        start: folder of an expert of the same kind that the imitation policy first learns to
            repeat, instead of learning from nothing.
    """
    target_folder(out or RUNS)
    from mwx.opening import Options
    from mwx.progress import RESUMES, banner
    asked = Options({"skill": skill, "recipe": recipe, "seed": seed, "threads": threads,
                     "imitation": None if imitation else False, "start": start,
                     "agent.loop.steps": steps},
                    {"recipe": "cpu", "seed": 0, "threads": 1, "imitation": True})
    path = out or RUNS / (f"{skill}-{asked['recipe']}{'' if imitation else '-no_imitation'}-"
                          f"{asked['seed']}")
    banner(f"expert {skill}, recipe {asked['recipe']}, seed {asked['seed']}", path,
           LASTS.get(asked["recipe"], ""), RESUMES)
    from mwx import recipes
    from mwx.experts.train import train_expert
    config = recipes.expert(skill, asked["recipe"], asked["seed"], asked["threads"], imitation)
    if start is not None:
        config = recipes.started(config, str(start))
    print(f"expert: {train_expert(config, path, resume, steps, asked)}")


def show(root: Path | None = None) -> None:
    """List the experts at hand, what each can do and what its card says.

    Args:
        root: folder of experts; the shipped ones unless told.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from mwx.experts import load_library
    library = load_library(root)
    on_screen = sys.stdout.isatty()
    table = Table(box=SIMPLE_HEAD if on_screen else None, pad_edge=False)
    table.add_column("expert", no_wrap=True)
    table.add_column("what it does", no_wrap=not on_screen)
    for name in ("task return", "alignment return", "steps", "trained in"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in library.names:
        table.add_row(name, library.descriptions[name], *_told(library.cards[name]))
    # no terminal: as wide as the text, so that no line is broken
    console = Console(markup=False, highlight=False, emoji=False,
                      width=None if on_screen else 1000)
    console.print(table)
    print("returns: mean ± standard deviation over a card's episodes")


def _told(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return both returns, the steps and the time of training as a card has them."""
    scores, steps, seconds = card.get("scores", {}), card.get("steps"), card.get("wall_time_s")
    returns = [f"{scores[f'{name}_mean']:.1f} ± {scores.get(f'{name}_std', 0.0):.1f}"
               if f"{name}_mean" in scores else "-" for name in ("task_return", "alignment_return")]
    return (*returns, "-" if steps is None else f"{steps:,}",
            "-" if seconds is None else f"{max(1, round(seconds / 60))} min")

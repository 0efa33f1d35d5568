"""card: everything measured about one expert, written beside its weights."""

from pathlib import Path
from typing import Literal

from mwx.commands.words import Count, Duration, PolicyFolder, Seed, Threads

Part = Literal["returns", "planned", "trials", "robustness"]


def card(expert: PolicyFolder, parts: tuple[Part, ...] = ("returns", "planned", "trials",
                                                          "robustness"),
         episodes: Count = 10, trials: Count = 10, seconds: Duration = 30.0, seed: Seed = 1,
         threads: Threads = 1, planned: bool = False, reference: Path | None = None) -> None:
    """Measure an expert and write it into its card.json, keeping what is there.

    Returns with and without planning (standard errors, bootstrap intervals), trials without a
    fall, naturalness, robustness; definitions: docs/evaluation.md. Cost on one core with the small
    recipe: about 10 s (returns), 70 s (planned), 12 s (trials), 65 s (robustness), the last two
    fifteen times that with --planned. Every part is written when it is done.

    Args:
        expert: folder of an expert (pretrained/walk) or a finished run that holds one.
        parts: which parts; those measured before stay while the weights are the same.
        episodes: of the returns.
        trials: of each condition.
        seconds: length of a trial.
        seed: of every start.
        threads: of the simulation.
        planned: let it plan in trials and robustness too; slow.
        reference: motion (.npz) that naturalness is compared with; an expert has its own.
    """
    from mwx.progress import CONTINUES, banner, tell
    banner(f"card of {expert.name}: {', '.join(parts)}", expert,
           "three minutes on one core for all parts", CONTINUES)
    from mwx.evaluation.card import Plan, measure, show
    from mwx.motion import Reference
    from mwx.runs import read_json
    plan = Plan(parts, episodes, trials, seconds, seed, threads, planned,
                None if reference is None else Reference.load(reference))
    path = measure(expert, plan, say=tell)
    print(show(read_json(path)))
    print(f"card: {path}")

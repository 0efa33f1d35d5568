"""A router beside what it must beat: every expert alone, mixtures that never change, its script."""

from collections.abc import Callable
from pathlib import Path

from mwx.errors import MwxError
from mwx.evaluation.score import Score, evaluate
from mwx.experts import ExpertLibrary, load_library
from mwx.router import CompositePolicy, Router, fixed_mix, script_for
from mwx.router.adapted import unrouted
from mwx.router.policies import ScriptedSwitch
from mwx.types import Policy

ROUTED, SCRIPT = "routed", "script"


def rivals(router: Router, library: ExpertLibrary) -> dict[str, Policy]:
    """Return the routed composite and what it must beat, by name.

    The guidance's weights without a router are the paper's "w/o router"; the script is what the
    demonstrations came from, where the task has one.
    """
    policies: dict[str, Policy] = {
        ROUTED: CompositePolicy(router, library), **unrouted(library),
        "guidance alone": fixed_mix(library, router.guidance.weights)}
    try:
        script = script_for(router.guidance.task, library.names)
    except MwxError:
        return policies
    return policies | {SCRIPT: ScriptedSwitch(library, script)}


def compare(folder: str | Path, task: str | None = None, episodes: int = 10, seed: int = 1,
            say: Callable[[str], None] = print) -> dict[str, Score]:
    """Play the same episodes by a router and by each of its rivals.

    Args:
        folder: of a router; its experts are the shipped ones.
        task: another task than the router's own.
        episodes: E, each from its own reset.
        seed: of the first reset.
        say: prints a line a policy.

    Raises:
        MwxError: no router there, an expert of it is not at hand, or no such task.
    """
    router = Router.load(Path(folder))
    library = load_library(names=router.experts)
    played = task or router.guidance.task
    scores: dict[str, Score] = {}
    for name, policy in rivals(router, library).items():
        scores[name] = score = evaluate(policy, played, episodes, seed, name)
        say(line(name, score))
    return scores


def line(name: str, score: Score) -> str:
    """Return a score as a line: both returns, standard deviations, length, successes."""
    return (f"  {name:<22} task return {score.mean():8.1f} ± {score.std():6.1f}   alignment "
            f"{score.mean('alignment_return'):6.1f} ± {score.std('alignment_return'):5.1f}   "
            f"{score.mean('length'):6.0f} steps   {sum(score.success)} of {score.episodes} solved")

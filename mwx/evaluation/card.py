"""A card: everything measured about one expert, kept beside its weights in card.json.

What is measured goes under "measured"; all else on the card stays as it is.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mwx.agents.agent import Agent
from mwx.errors import MwxError, unknown
from mwx.evaluation.naturalness import MEASURES, mean_of, naturalness
from mwx.evaluation.policies import load_policy
from mwx.evaluation.recording import SETTLE_S, SHORTEST_S, Recording, of_reference
from mwx.evaluation.robustness import CONDITIONS, UNDISTURBED, robustness, try_condition
from mwx.evaluation.score import evaluate
from mwx.evaluation.statistics import bootstrap_interval, standard_error
from mwx.evaluation.trials import TRIAL_S, TRIALS
from mwx.experts import Expert
from mwx.experts.library import named
from mwx.files import target_file
from mwx.motion import Reference
from mwx.robot import H1
from mwx.runs import provenance, write_json
from mwx.types import Policy
from mwx.untrusted import read_bytes, read_object

# part -> what it plays, in control steps for E episodes of 1,000 and T trials of 1,500
PARTS = {"returns": "E x 1,000 steps by the policy prior",
         "planned": "E x 1,000 steps, each planned: fifteen times as slow",
         "trials": "T x 1,500 steps; naturalness comes from the same motion",
         "robustness": f"{len(CONDITIONS)} x T x 1,500 steps"}
LEVEL = 0.95  # of the bootstrap intervals
EPISODES, SEED = 10, 1
WEIGHTS, CARD = "weights.safetensors", "card.json"


@dataclass(frozen=True)
class Plan:
    """What to measure, and how much of it.

    Attributes:
        parts: of PARTS.
        episodes: E, of the returns; trials: T; seconds: [s] of a trial.
        seed: of every start; threads: C threads.
        planned: let it plan in trials and robustness too.
        reference: motion to compare with; an expert has its own.
    """

    parts: tuple[str, ...] = tuple(PARTS)
    episodes: int = EPISODES
    trials: int = TRIALS
    seconds: float = TRIAL_S
    seed: int = SEED
    threads: int = 1
    planned: bool = False
    reference: Reference | None = None

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS:
                raise unknown("part of a card", part, PARTS)


def measure(folder: str | Path, plan: Plan | None = None, say: Callable[[str], None] = print
            ) -> Path:
    """Measure an expert or a whole-task agent and write the figures into its card.

    Each part is written as soon as it is done, with the command, commit and time that made it;
    parts measured before stay, unless the weights have changed since.

    Args:
        folder: of an expert (pretrained/walk), or a run that holds one.
        plan: what to measure; everything unless told.
        say: told about each finished part.

    Returns:
        The card's path.

    Raises:
        MwxError: no expert there, an unknown part, or a card that cannot be written.
    """
    folder, plan = policy_folder(folder), plan or Plan()
    policy = load_policy(folder)
    if not isinstance(policy, Expert | Agent):
        raise MwxError(f"{folder}: a card is of an expert or a whole-task agent")
    path = target_file(folder / CARD)
    weights = hashlib.sha256(read_bytes(folder / WEIGHTS)).hexdigest()
    for part in plan.parts:
        began = time.perf_counter()
        figures = _MEASURES[part](folder, policy, plan)
        origin = _origin(folder, plan, part, time.perf_counter() - began)
        card = read_object(path) if path.is_file() else {}
        kept = card.get("measured", {})
        kept = kept if kept.get("weights_sha256") == weights else {"weights_sha256": weights}
        kept |= {name: {**figure, "by": origin} for name, figure in figures.items()}
        write_json(path, {**card, "measured": kept})
        say(f"{part}: {origin['wall_time_s']} s")
    return path


def policy_folder(folder: str | Path) -> Path:
    """Return the folder itself, or the expert or agent inside a run directory.

    Raises:
        MwxError: there are no weights.
    """
    folder = Path(folder)
    for inner in (folder / "expert", folder / "agent", folder):
        if (inner / WEIGHTS).is_file() and ((inner / "config.json").is_file()
                                            or (inner / "agent.json").is_file()):
            return inner
    raise MwxError(f"{folder}: no trained expert there (config.json and {WEIGHTS}); give a folder "
                   f"such as pretrained/walk, or a finished run of `mwx expert train`")


def show(card: dict[str, Any]) -> str:
    """Return what was measured as lines to read."""
    measured, lines = card.get("measured", {}), []
    for name in ("returns", "planned"):
        if name in measured:
            m = measured[name]
            error = "" if m["task_return_stderr"] is None else f" ± {m['task_return_stderr']:.2f}"
            lines.append(f"{name:<12}{m['task_return_mean']:9.2f}{error} (standard error), "
                         f"{m['episodes']} episodes, {m['acts_by']}")
    if "trials" in measured:
        m = measured["trials"]
        lines.append(f"{'trials':<12}{m['no_fall']}/{m['trials']} of {m['seconds']:g} s without a "
                     f"fall, {m['success']}/{m['trials']} with the task done")
    for name, m in measured.get("robustness", {}).get("conditions", {}).items():
        of = measured["robustness"]["trials"]
        pushes = f", {m['pushes_borne']} of {m['pushes']} pushes borne" if "pushes" in m else ""
        lines.append(f"  {name:<20}{m['no_fall']}/{of} without a fall, {m['success']}/{of} done"
                     f"{pushes}")
    if "naturalness" in measured:
        values, own = (measured["naturalness"].get(k, {}) for k in ("values", "reference"))
        lines.append(f"{'naturalness':<24}{'measured':>10}{'reference':>11}")
        lines += [f"  {name:<22}{_number(values.get(name)):>10}{_number(own.get(name)):>11}  "
                  f"{measure.unit:<8}{measure.better}" for name, measure in MEASURES.items()]
    return "\n".join(lines)


def describe(recordings: Sequence[Recording], reference: Reference | None, symmetric: bool
             ) -> dict[str, Any]:
    """Return the naturalness of several trials as it goes on a card.

    Returns:
        values: the mean over trials, in the units of MEASURES; reference: the reference's own;
        trials, seconds: how much settled motion they rest on.
    """
    settled = [r.after(SETTLE_S) for r in recordings]
    settled = [r for r in settled if len(r) * r.dt >= SHORTEST_S]
    own = {} if reference is None else naturalness(of_reference(reference), reference, symmetric)
    values = mean_of([naturalness(r, reference, symmetric) for r in settled])
    return {"trials": len(settled), "seconds": round(sum(len(r) * r.dt for r in settled), 2),
            "values": _rounded(values), "reference": _rounded(own),
            "units": {name: measure.unit for name, measure in MEASURES.items()}}


def trials_of(policy: Policy, task: str, trials: int = TRIALS, seconds: float = TRIAL_S,
              seed: int = SEED, threads: int = 1, reference: Reference | None = None,
              disturbed: bool = False) -> dict[str, Any]:
    """Return the trials and the naturalness of any policy on a task, as they go on a card.

    Naturalness is defined for H1's own 19 joints; a policy that moves hands too has none.

    Args:
        policy: acts.
        task: e.g. "walk".
        trials: T; seconds: [s] of each.
        seed: of every start; threads: C threads.
        reference: motion to compare with; an expert has its own.
        disturbed: measure robustness too.

    Raises:
        MwxError: no such task, no trials, or a policy made for another robot.
    """
    symmetric = True
    if isinstance(policy, Expert):
        symmetric, reference = policy.prior.mirrors, reference or policy.prior.reference
    played = try_condition(policy, task, UNDISTURBED, trials, seconds, seed, threads,
                           record=policy.act_dim == H1.act_dim)
    figures = {"trials": played.to_json(),
               "naturalness": describe(played.recordings, reference, symmetric)}
    if disturbed:
        figures["robustness"] = robustness(policy, task, CONDITIONS, trials, seconds, seed, threads)
    return figures


def _returns(folder: Path, policy: Policy, plan: Plan) -> dict[str, Any]:
    return {"returns": _scores(folder, plan, planned=False)}


def _planned(folder: Path, policy: Policy, plan: Plan) -> dict[str, Any]:
    return {"planned": _scores(folder, plan, planned=True)}


def _scores(folder: Path, plan: Plan, planned: bool) -> dict[str, Any]:
    policy = load_policy(folder, planned=planned)
    score = evaluate(policy, task_of(policy), plan.episodes, plan.seed, threads=plan.threads)
    out: dict[str, Any] = {"task": score.task, "episodes": score.episodes, "seed": score.seed,
                           "acts_by": _acts_by(planned)}
    names = ("task_return", "alignment_return") if isinstance(policy, Expert) else ("task_return",)
    for name in names:
        values = getattr(score, name)
        interval = bootstrap_interval(values, LEVEL)
        out |= {f"{name}_mean": score.mean(name), f"{name}_std": score.std(name),
                f"{name}_stderr": standard_error(values),
                f"{name}_interval_95": None if interval is None else list(interval)}
    return out | {"length_mean": score.mean("length"), "success": sum(score.success),
                  "success_bar": score.success_bar}


def _trials(folder: Path, policy: Policy, plan: Plan) -> dict[str, Any]:
    acting = load_policy(folder, planned=plan.planned)
    figures = trials_of(acting, task_of(policy), plan.trials, plan.seconds, plan.seed,
                        plan.threads, plan.reference)
    return {name: {**figure, "acts_by": _acts_by(plan.planned)}
            for name, figure in figures.items()}


def _robustness(folder: Path, policy: Policy, plan: Plan) -> dict[str, Any]:
    acting = load_policy(folder, planned=plan.planned)
    return {"robustness": {**robustness(acting, task_of(policy), CONDITIONS, plan.trials,
                                        plan.seconds, plan.seed, plan.threads),
                           "acts_by": _acts_by(plan.planned)}}


_MEASURES = {"returns": _returns, "planned": _planned, "trials": _trials,
             "robustness": _robustness}


def task_of(policy: Policy) -> str:
    """Return the task that an expert or an agent was trained on.

    Raises:
        MwxError: another kind of policy, which has no task of its own.
    """
    if not isinstance(policy, Expert | Agent):
        raise MwxError("only experts and whole-task agents have a task of their own: name one")
    return policy.config.task


def _acts_by(planned: bool) -> str:
    return "planning" if planned else "policy prior"


def _origin(folder: Path, plan: Plan, part: str, seconds: float) -> dict[str, Any]:
    """Return the command that measures this again, on which commit and machine it ran, how long."""
    command = (f"mwx card {named(folder)} --parts {part} --episodes {plan.episodes} "
               f"--trials {plan.trials} --seconds {plan.seconds:g} --seed {plan.seed}"
               + (" --planned" if plan.planned else "")
               + (f" --reference {plan.reference.label}.npz" if plan.reference else ""))
    made = provenance()
    return {"command": command, "commit": made["commit"], "time": made["time"],
            "machine": made["machine"], "wall_time_s": round(seconds)}


def _rounded(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if v is None else float(f"{v:.5g}") for name, v in values.items()}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

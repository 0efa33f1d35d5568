"""Scores of any policy on a task: the task's return and the alignment return, told apart."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.experts import Expert
from mwx.experts.scoring import alignment_term
from mwx.router import CompositePolicy, ScriptedSwitch
from mwx.router.adapted import Adapted
from mwx.sim import make_for
from mwx.sim.rollout import Observer, rollout
from mwx.types import Array, Env, Obs, Policy, Step


@dataclass(frozen=True)
class Score:
    """What E deterministic episodes gave.

    Attributes:
        task, policy: what was played and by whom.
        seed, episodes: one environment row an episode, seeded together.
        task_return, alignment_return: (E) undiscounted sums; the alignment return is eq. (4) with
            unit weight against the acting expert's reference (for a composite, against every
            expert's, weighted by the router's weights); at most 1 a step.
        length: (E) control steps.
        success: (E) the task return reached HumanoidBench's bar.
        terms: mean per episode of every reward term, summed over its steps.
        suite: whose environments: ours, or the original package's.
    """

    task: str
    policy: str
    seed: int
    episodes: int
    success_bar: float
    task_return: tuple[float, ...]
    alignment_return: tuple[float, ...]
    length: tuple[int, ...]
    success: tuple[bool, ...]
    terms: dict[str, float]
    suite: str = "mwx"

    def mean(self, name: str = "task_return") -> float:
        """Return the mean over episodes."""
        return float(np.mean(getattr(self, name)))

    def std(self, name: str = "task_return") -> float:
        """Return the sample standard deviation over episodes."""
        values = getattr(self, name)
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values with means and deviations added."""
        means = {f"{n}_{k}": f(n) for n in ("task_return", "alignment_return")
                 for k, f in (("mean", self.mean), ("std", self.std))}
        return {**asdict(self), **means}

    def __str__(self) -> str:
        count = f"{self.episodes} episodes, seed {self.seed}"
        of_suite = "" if self.suite == "mwx" else f" of {self.suite}"
        return "\n".join([
            f"{self.policy} on {self.task}{of_suite} ({count})",
            f"  task return       {self.mean():9.2f} ± {self.std():.2f}   "
            f"(success bar {self.success_bar:g}: {sum(self.success)}/{self.episodes})",
            f"  alignment return  {self.mean('alignment_return'):9.2f} "
            f"± {self.std('alignment_return'):.2f}",
            f"  length            {self.mean('length'):9.1f} steps",
            *(f"  {name:<28}{value:10.2f}" for name, value in self.terms.items())])


def evaluate(policy: Policy, task: str, episodes: int = 10, seed: int = 1, name: str = "policy",
             threads: int = 0, max_steps: int | None = None) -> Score:
    """Play deterministic episodes of a task and score both returns.

    Args:
        policy: acts for all episodes at once.
        task: name of the task.
        episodes: E, at least 1.
        seed: of the environment's generators.
        max_steps: another episode length, e.g. 1500 for the paper's 30 s trials.

    Raises:
        MwxError: unknown task, or no episodes asked for.
    """
    if episodes < 1:
        raise MwxError(f"{episodes} episodes asked for: at least one is needed")
    env = make_for(policy.act_dim, task, episodes, seed, threads, max_steps=max_steps)
    return evaluate_in(policy, env, env.name.removeprefix("h1-"), env.task.success_bar, seed, name)


def evaluate_in(policy: Policy, env: Env, task: str, success_bar: float, seed: int,
                name: str = "policy", suite: str = "mwx") -> Score:
    """Play one deterministic episode in each row of any environment and score both returns.

    Args:
        policy: acts for all rows at once.
        env: B environments.
        task: name of the task, for the score.
        success_bar: episode return from which an episode counts as a success.
        seed: of the environment's generators.
        name: of the policy, for the score.
        suite: whose environments they are, for the score.
    """
    played = rollout(policy, env, seed, alignment_observer(policy))
    aligned = played.terms.get("alignment_return", np.zeros(len(played)))
    terms = {k: float(v.mean()) for k, v in played.terms.items() if k != "alignment_return"}
    returns = tuple(float(x) for x in played.task_return)
    return Score(task, name, seed, len(played), success_bar, returns,
                 tuple(float(x) for x in aligned), tuple(int(x) for x in played.length),
                 tuple(x >= success_bar for x in returns), terms, suite)


def alignment_observer(policy: Policy) -> Observer | None:
    """Return what measures the alignment return of a policy, or None where it has no reference."""
    if isinstance(policy, Expert):
        return lambda obs, carry, after, step: {
            "alignment_return": alignment_term(policy, obs, carry, step)}
    if isinstance(policy, CompositePolicy | ScriptedSwitch):
        experts = getattr(policy.library, "experts", None)
        return _mixed(list(experts.values())) if experts else None
    if isinstance(policy, Adapted):  # whatever it adds, it is held to the experts that are mixed
        mixed = _mixed(list(policy.mixture.library.experts.values()))
        return lambda obs, carry, after, step: mixed(obs, carry.composite, after.composite, step)
    return None


def _mixed(experts: list[Expert]) -> Observer:
    def observe(obs: Obs, carry: Any, after: Any, step: Step) -> dict[str, Array]:
        each = np.stack([alignment_term(e, obs, c, step)
                         for e, c in zip(experts, carry.experts, strict=True)], 1)  # (B, K)
        return {"alignment_return": (after.shares * each).sum(1)}
    return observe

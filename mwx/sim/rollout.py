"""Playing episodes: one episode a row, deterministic, with every reward term summed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mwx.progress import counted
from mwx.types import Array, Env, Obs, Policy, Step, brief

# Called each step with the observation acted on, the carry before and after acting, and the step;
# returns further terms (B,) to sum.
Observer = Callable[[Obs, Any, Any, Step], Mapping[str, Array]]


@dataclass(frozen=True)
class Episodes:
    """What E episodes gave.

    Attributes:
        task_return: (E,) undiscounted sum of the task's reward.
        length: (E,) control steps.
        terminated: (E,) bool, ended by the task and not by the time limit.
        terms: named sums over the episode, each (E,).
    """

    task_return: Array
    length: Array
    terminated: Array
    terms: Mapping[str, Array] = field(default_factory=dict)

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.task_return)


def rollout(policy: Policy, env: Env, seed: int, observe: Observer | None = None) -> Episodes:
    """Play one episode in each of the environment's rows.

    Args:
        policy: acts for all rows at once.
        env: B environments; B episodes are played.
        seed: of the environment's generators.
        observe: adds terms that the environment does not know, e.g. the alignment return.
    """
    obs, carry = env.reset(seed), policy.initial(env.num_envs)
    running = np.ones(env.num_envs, bool)
    totals: dict[str, Array] = {}
    length = np.zeros(env.num_envs, int)
    terminated = np.zeros(env.num_envs, bool)
    name = f"{env.num_envs} episodes of {getattr(env, 'name', 'the task')}"
    for _ in counted(range(env.max_steps), name, "steps"):
        action, after = policy(obs, carry)
        step = env.step(action)
        terms = {"task_return": step.reward, **step.terms}
        if observe is not None:
            terms |= observe(obs, carry, after, step)
        for name, value in terms.items():
            total = totals.setdefault(name, np.zeros(env.num_envs))
            total += np.where(running, value, 0.0)
        length += running
        terminated |= running & step.terminated
        running &= ~step.done
        if not running.any():
            break
        carry = policy.restart(after, step.done) if step.done.any() else after
        obs = step.obs
    return Episodes(totals.pop("task_return"), length, terminated, totals)

"""D_T of eq. (11), the states trained on: demonstrations, the composite's rollouts, resets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mwx.progress import counted
from mwx.router.demos import Demonstration, task_progress
from mwx.router.features import features
from mwx.router.guidance import on_simplex
from mwx.router.policies import CompositePolicy, ScriptedSwitch
from mwx.router.priors import DemoPrior, demo_features, for_groups
from mwx.types import Array, Env, brief


@dataclass(frozen=True, eq=False)
class StatePool:
    """States with what the losses need at each.

    Attributes:
        features: (N, F).
        before: (N,) progress known to the router when it sees the state.
        progress: (N,) true progress so far; NaN where the environment does not tell.
        prior: (N, G, K) P_demo there.
    """

    features: Array
    before: Array
    progress: Array
    prior: Array

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.features)


def demo_pool(demos: Sequence[Demonstration], prior: DemoPrior) -> StatePool:
    """Return the demonstrations' states."""
    so_far = [np.maximum.accumulate(d.progress) for d in demos]
    before = np.concatenate([np.concatenate([[0.0], p[:-1]]) for p in so_far])
    states, progress = demo_features(demos), np.concatenate(so_far)
    return StatePool(states, before, progress, prior(states, progress))


def rollout_pool(policy: CompositePolicy, env: Env, prior: DemoPrior, steps: int, seed: int,
                 script: ScriptedSwitch | None = None, floor: float = 0.0) -> StatePool:
    """Return the states that the composite itself visits: where it errs, it must know the way back.

    Args:
        steps: control steps in each of the environments.
        seed: of the reset.
        script: says what P_demo is at these states (Ross et al. 2011, DAgger): it watches from the
            start of each episode without acting. None: the prior, from demonstrations nearby.
        floor: total mass of the script's labels that is spread evenly over the experts.
    """
    obs, carry = env.reset(seed), policy.initial(env.num_envs)
    states, before, reached, stages = [], [], [], []
    so_far = np.zeros(env.num_envs)
    stage, stage_s = np.zeros(env.num_envs, int), np.zeros(env.num_envs)
    for _ in counted(range(steps), "what the router meets by itself", "steps"):
        told = task_progress(env)
        so_far = np.maximum(so_far, np.nan if told is None else told)
        states.append(features(obs))
        before.append(carry.progress)
        reached.append(so_far)
        if script is not None:
            stage, stage_s = script.advance(obs, stage, stage_s)
            stages.append(stage)
        action, carry = policy(obs, carry)
        step = env.step(action)
        obs, carry = step.obs, policy.restart(carry, step.done)
        so_far = np.where(step.done, 0.0, so_far)
        stage, stage_s = np.where(step.done, 0, stage), np.where(step.done, 0.0, stage_s)
    flat, known = np.concatenate(states), np.concatenate(before)
    progress = np.concatenate(reached)
    if script is None:
        labels = prior(flat, np.where(np.isnan(progress), known, progress))
    else:
        labels = on_simplex(for_groups(script.weights[np.concatenate(stages)],
                                       getattr(policy.router, "groups", 1)), floor)
    return StatePool(flat, known, progress, labels)


def reset_pool(env: Env, prior: DemoPrior, resets: int, seed: int) -> StatePool:
    """Return first states of episodes."""
    first, reached = [], []
    for i in range(resets):
        first.append(features(env.reset(seed + i)))
        told = task_progress(env)
        reached.append(np.zeros(env.num_envs) if told is None else told)
    states, progress = np.concatenate(first), np.concatenate(reached)
    return StatePool(states, np.zeros(len(states)), progress, prior(states, progress))


def joined(one: StatePool, other: StatePool | None) -> StatePool:
    """Return both pools as one."""
    if other is None:
        return one
    return StatePool(*(np.concatenate([getattr(one, n), getattr(other, n)])
                       for n in ("features", "before", "progress", "prior")))


def sample(pools: Sequence[StatePool | None], shares: Sequence[float], size: int,
           rng: np.random.Generator) -> StatePool:
    """Draw a batch from several pools by their shares; an absent pool's share goes to the rest."""
    there = [(pool, share) for pool, share in zip(pools, shares, strict=True)
             if pool is not None and len(pool) and share > 0]
    total = sum(share for _, share in there)
    batch: StatePool | None = None
    for i, (pool, share) in enumerate(there):
        have = 0 if batch is None else len(batch)
        count = size - have if i == len(there) - 1 else round(size * share / total)
        index = rng.integers(len(pool), size=count)
        part = StatePool(pool.features[index], pool.before[index], pool.progress[index],
                         pool.prior[index])
        batch = joined(part, batch)
    if batch is None:
        raise ValueError("no pool to draw states from")
    return batch

"""Scores of one expert: the task's return and the alignment return, always told apart."""

from typing import Any

import numpy as np

from mwx.experts.alignment import AlignmentConfig, alignment_reward
from mwx.experts.expert import Expert, ExpertCarry
from mwx.sim import make
from mwx.sim.rollout import Episodes, rollout
from mwx.types import Array, Obs, Step

UNIT_ALIGNMENT = AlignmentConfig(weight=1 / 1.2)  # perfect alignment pays 1 a step


def alignment_term(expert: Expert, obs: Obs, carry: ExpertCarry, step: Step) -> Array:
    """Return eq. (4) (B,) in (0, 1] of a step, with equal joint weights, against an expert."""
    target = expert.phase_aligned(obs, carry)
    after = step.final_obs.proprio
    return alignment_reward(after[:, 7:26], after[:, 32:51], target.q, target.qd, np.ones(19),
                            UNIT_ALIGNMENT)


def score_expert(expert: Expert, task: str, episodes: int, seed: int, threads: int = 1
                 ) -> Episodes:
    """Play episodes of a task with one expert; terms hold `alignment_return`."""
    env = make(task, num_envs=episodes, seed=seed, threads=threads)

    def observe(obs: Obs, carry: Any, after: Any, step: Step) -> dict[str, Array]:
        return {"alignment_return": alignment_term(expert, obs, carry, step)}

    return rollout(expert, env, seed, observe)


def summary(episodes: Episodes, success_bar: float) -> dict[str, float]:
    """Return mean, standard deviation and standard error of both returns, length and success."""
    out: dict[str, float] = {}
    for name, value in (("task_return", episodes.task_return),
                        ("alignment_return", episodes.terms["alignment_return"])):
        spread = float(value.std(ddof=1)) if len(value) > 1 else 0.0
        out |= {f"{name}_mean": float(value.mean()), f"{name}_std": spread,
                f"{name}_stderr": spread / len(value) ** 0.5}
    return out | {"length_mean": float(episodes.length.mean()), "episodes": float(len(episodes)),
                  "success_rate": float((episodes.task_return >= success_bar).mean())}

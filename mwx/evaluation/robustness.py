"""Robustness: trials under pushes, with changed mass or friction, with late actions.

Ten trials of 30 s in each condition; docs/evaluation.md has the definitions.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mwx.evaluation.trials import (
    TRIAL_S,
    TRIALS,
    Delayed,
    Push,
    Trials,
    altered,
    play_trials,
    trial_env,
)
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array, Policy

PUSH_S, PUSH_EVERY_S = 0.2, 5.0  # [s] how long a push lasts; from one to the next
STAGGER_S = 1.0  # [s] spread of the trials' first pushes, so that they meet all phases of a gait
CARD = ("no_fall", "success", "task_return_mean", "fell_at_s", "pushes", "pushes_borne",
        "first_push_borne")  # figures of a condition that go on a card
TURN = 0.381966  # of a circle from one push to the next: the golden angle repeats no direction


@dataclass(frozen=True)
class Condition:
    """One thing that is different from training.

    Attributes:
        name: as it stands on the card.
        push: [N] horizontal force on the pelvis, PUSH_S long, every PUSH_EVERY_S.
        mass, friction: factors.
        late: actions arrive one control step (20 ms) late.
    """

    name: str
    push: float = 0.0
    mass: float = 1.0
    friction: float = 1.0
    late: bool = False


UNDISTURBED = Condition("undisturbed")
CONDITIONS = (
    *(Condition(f"push {newton} N", push=newton) for newton in (50, 100, 150)),
    Condition("mass +10 %", mass=1.1), Condition("mass -10 %", mass=0.9),
    Condition("friction +10 %", friction=1.1), Condition("friction -10 %", friction=0.9),
    Condition("action 20 ms late", late=True),
)


def pushes(newton: float, trials: int) -> Push:
    """Return the forces (E, 3) [N, world] on the pelvis at each control step.

    The first push of trial i comes at PUSH_EVERY_S + i / E STAGGER_S; directions are spread evenly
    over the trials, and turn by the golden angle from one push to the next.
    """
    row, first = np.arange(trials), first_pushes(trials)
    every, lasting = round(PUSH_EVERY_S / CONTROL_DT), round(PUSH_S / CONTROL_DT)

    def force(step: int) -> Array:
        since = step - first
        angle = 2 * np.pi * (row / trials + TURN * (since // every))
        on = (since >= 0) & (since % every < lasting)
        return newton * on[:, None] * np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    return force


def first_pushes(trials: int) -> Array:
    """Return (E,) the control step of each trial's first push."""
    after = PUSH_EVERY_S + STAGGER_S * np.arange(trials) / trials  # [s]
    return np.round(after / CONTROL_DT).astype(int)


def borne(played: Trials) -> dict[str, int]:
    """Return how many pushes were given and borne, and in how many trials the first one was.

    A push is given if the robot still stands when it starts, and borne if it stands until the next
    one starts or the trial ends.
    """
    first, every = first_pushes(len(played)) * CONTROL_DT, PUSH_EVERY_S
    until = np.where(played.stood, played.seconds, played.fell_at)
    given = np.maximum(np.ceil((until - first) / every - 1e-9), 0).astype(int)
    fell_of_one = ~played.stood & (given > 0)
    kept = played.stood | (until > first + every)
    return {"pushes": int(given.sum()), "pushes_borne": int(given.sum() - fell_of_one.sum()),
            "first_push_borne": int((kept & (given > 0)).sum())}


def try_condition(policy: Policy, task: str, condition: Condition, trials: int = TRIALS,
                  seconds: float = TRIAL_S, seed: int = 1, threads: int = 1,
                  record: bool = False) -> Trials:
    """Play the trials of one condition; every condition has the same starts.

    Args:
        policy: acts; an expert may plan.
        task: e.g. "walk".
        condition: what is different.
        trials: E.
        seconds: [s] of a trial.
        seed: of the starts.
        threads: C threads.
        record: keep the motion.

    Raises:
        MwxError: no such task, or a policy made for another robot.
    """
    env = trial_env(policy, task, trials, seconds, seed, threads,
                    lambda robot: altered(robot, condition.mass, condition.friction))
    acting = Delayed(policy) if condition.late else policy
    push = pushes(condition.push, trials) if condition.push else None
    return play_trials(acting, env, seed, push=push, record=record)


def robustness(policy: Policy, task: str, conditions: Sequence[Condition] = CONDITIONS,
               trials: int = TRIALS, seconds: float = TRIAL_S, seed: int = 1, threads: int = 1
               ) -> dict[str, Any]:
    """Return how many trials stay up and succeed in each condition, as it goes on a card.

    Cost: a trial of 30 s is 1,500 control steps; the eight conditions of ten trials are 120,000.

    Returns:
        trials, seconds, seed, pushes in words, wall_time_s, and per condition the figures of
        `Trials.to_json` and, where there are pushes, of `borne`.
    """
    began = time.perf_counter()
    figures = {}
    for c in conditions:
        played = try_condition(policy, task, c, trials, seconds, seed, threads)
        figures[c.name] = {**played.to_json(), **(borne(played) if c.push else {})}
    return {"trials": trials, "seconds": seconds, "seed": seed,
            "pushes": f"{PUSH_S:g} s at the pelvis, horizontal, every {PUSH_EVERY_S:g} s, "
                      f"directions all around",
            "conditions": {name: _short(figure) for name, figure in figures.items()},
            "wall_time_s": round(time.perf_counter() - began)}


def _short(figure: dict[str, Any]) -> dict[str, Any]:
    return {name: figure[name] for name in CARD if name in figure}

"""The reward switcher: which expert is the reference at each step of *training* (Table IV, Fig. 9).

A curriculum over environment steps of training, not the weights within an episode.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mwx.errors import MwxError, unknown

TABLE_IV_SCHEDULES: Mapping[str, tuple[tuple[int, str], ...]] = MappingProxyType({
    # (environment step at which the stage ends, reference expert)
    "door": ((170_000, "stand"), (740_000, "walk"), (2_000_000, "reach")),
    "basketball": ((870_000, "stand"), (2_000_000, "reach")),
    "push": ((1_090_000, "stand"), (2_000_000, "reach")),
    "truck": ((570_000, "stand"), (1_610_000, "walk"), (2_000_000, "reach")),
    "package": ((510_000, "stand"), (2_000_000, "reach")),
})


def schedule(task: str) -> tuple[tuple[int, str], ...]:
    """Return a task's schedule: (step at which the stage ends, reference expert) in order."""
    if task not in TABLE_IV_SCHEDULES:
        raise unknown("task in Table IV", task, TABLE_IV_SCHEDULES)
    return TABLE_IV_SCHEDULES[task]


def reference_expert(stages: tuple[tuple[int, str], ...], step: int,
                     total_steps: int | None = None) -> str:
    """Return the reference expert at a training step.

    Args:
        stages: (end step, expert) with rising ends; see `schedule`.
        step: environment steps made so far; beyond the last stage its expert stays.
        total_steps: length of this training; the schedule is stretched to it (None: as printed).

    Raises:
        MwxError: a negative step, or stages that do not rise.
    """
    ends = [end for end, _ in stages]
    if step < 0 or not ends or ends != sorted(set(ends)) or ends[0] <= 0:
        raise MwxError(f"a schedule needs rising end steps and a step >= 0, got {stages}, {step}")
    scale = 1.0 if total_steps is None else total_steps / ends[-1]
    return next((expert for end, expert in stages if step < end * scale), stages[-1][1])


def shares(stages: tuple[tuple[int, str], ...]) -> dict[str, float]:
    """Return each expert's share of the training steps, in order of appearance."""
    result: dict[str, float] = {}
    start = 0
    for end, expert in stages:
        result[expert] = result.get(expert, 0.0) + (end - start) / stages[-1][0]
        start = end
    return result

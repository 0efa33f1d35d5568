"""Expert usage read off a trajectory's state by rules; needs no expert, no model, no actions."""

import itertools
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from mwx.router.body_state import BodyState, body_state
from mwx.router.demos import Demonstration, labelled
from mwx.router.policies import CONTROL_DT
from mwx.types import Array

CRAWL_HEIGHT, CRAWL_LEAN = 0.7, np.radians(50)  # [m] below, [rad] beyond, which it is on all fours
SEAT_LOW, SEAT_HIGH = 0.5, 0.8  # [m] pelvis heights of somebody who sits: a seat is at 0.72
RUN_SPEED, WALK_SPEED, STEP_SPEED = 2.0, 0.5, 0.15  # [m/s] above which it runs, walks, steps
NEAR = 0.25  # [m] of its target within which a hand holds there
CLOSING = 0.1  # [m/s] from which a hand closes in
LEAST_S = 0.5  # [s] shortest segment: labels do not flicker
UNKNOWN = -1

# what stands in for an expert that is not at hand, in order
STAND_INS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "run": ("walk",), "step": ("walk",), "reach_two_hands": ("reach", "stand"),
    "reach": ("reach_two_hands", "stand"),
})


def label_by_rules(demo: Demonstration, experts: tuple[str, ...]) -> Demonstration:
    """Return the demonstration labelled by rules on its state.

    On all fours: crawl. Seated height: sit. Fast: run; moving: walk; slowly: step. At rest, with a
    hand that holds at its target or closes in on it: reach, or with both, or the right one:
    reach_two_hands. Otherwise: stand. Carry is never told, the state does not show what the hands
    hold. Where an expert is missing and nothing can stand in for it, all have an even share.

    Args:
        experts: K names that the labels refer to.

    Raises:
        MwxError: another robot's state.
    """
    chosen = steady(_choices(body_state(demo), experts), round(LEAST_S / CONTROL_DT))
    return labelled(demo, experts, one_hot(chosen, len(experts)), "state rules")


def _choices(state: BodyState, experts: tuple[str, ...]) -> Array:
    """Return the expert's place (T,) that the rules find at each step; UNKNOWN for none."""
    holds = (state.distance < NEAR) | (state.closing > CLOSING)  # (T, 2); NaN compares as False
    left, right = holds.T
    slow = state.speed < WALK_SPEED  # sitting down moves the base too
    rules = {
        "crawl": (state.height < CRAWL_HEIGHT) & (state.lean > CRAWL_LEAN) & state.prone,
        "sit": slow & (state.lean < CRAWL_LEAN) & (state.height > SEAT_LOW)
        & (state.height < SEAT_HIGH),
        "run": state.speed > RUN_SPEED,
        "walk": ~slow,
        "step": state.speed > STEP_SPEED,
        "reach_two_hands": right & (left | state.right_named),
        "reach": left,
        "stand": np.ones(len(slow), bool),
    }
    places = [_place(name, experts) for name in rules]
    return np.select(list(rules.values()), places, UNKNOWN)


def _place(name: str, experts: tuple[str, ...]) -> int:
    """Return the place of an expert, or of what stands in for it."""
    known = [n for n in (name, *STAND_INS.get(name, ())) if n in experts]
    return experts.index(known[0]) if known else UNKNOWN


def steady(labels: Array, least: int) -> Array:
    """Return labels (T,) whose segments last at least so many steps.

    The shortest segment goes to the longer of its neighbours until none is too short.
    """
    starts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    runs = [[b - a, labels[a]] for a, b in itertools.pairwise(starts)]
    while len(runs) > 1 and min(run[0] for run in runs) < least:
        i = min(range(len(runs)), key=lambda j: runs[j][0])
        beside = [j for j in (i - 1, i + 1) if 0 <= j < len(runs)]
        runs[i][1] = runs[max(beside, key=lambda j: runs[j][0])][1]
        runs = _joined(runs)
    return np.repeat([run[1] for run in runs], [run[0] for run in runs])


def _joined(runs: list[list]) -> list[list]:
    joined = [runs[0]]
    for run in runs[1:]:
        if run[1] == joined[-1][1]:
            joined[-1] = [joined[-1][0] + run[0], run[1]]
        else:
            joined.append(run)
    return joined


def one_hot(chosen: Array, count: int) -> Array:
    """Return labels (T, 1, K) of places (T,); an even share of all where UNKNOWN."""
    shares = np.where((chosen == UNKNOWN)[:, None], 1 / count, np.eye(count)[chosen])
    return shares[:, None]

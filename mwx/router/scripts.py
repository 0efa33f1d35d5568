"""Scripts of stages for the demonstrator: which expert acts until when, from the observation."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.experts.steer import bearing
from mwx.router.policies import Advance, ScriptStage
from mwx.types import Array, Obs

ARM_LENGTH = 0.56  # [m] horizontal distance, pelvis to target, from which a hand rests there
HATCH_FREE = 1.2  # [rad] hatch angle from which the door opens fully (HumanoidBench's scene)
DOOR_OPEN = 0.9  # [rad] door angle that leaves room to pass
AT_DOOR = 0.43  # [m, world] pelvis from which the left hand turns the hatch with the door in front
AT_TABLE = 0.2  # [m, world] pelvis from which the left hand gets behind the box
AT_BOX = 0.85  # [m] horizontal distance of the pelvis from the parcel, which nobody can carry
BOX_ASIDE = 1.2  # [rad] from ahead, from which the way to the parcel is not worth it
AT_RAMP = 2.35  # [m, world] pelvis a foot's length before the truck's ramp, which nobody climbs
WALK_TO_DOOR, WALK_TO_TABLE = 0.18, (0.03, 0.08)  # [m, world] the table's: left, right hand
HINGE, HATCH = 0, 1  # places in the door's task group


def distance_to_target(obs: Obs) -> Array:
    """Return the horizontal distance from the pelvis to the target (B,) [m]; NaN without one."""
    return bearing(obs)[1]


def within(distance: float) -> Advance:
    """Return the condition that the target is nearer than a distance [m]."""
    return lambda obs: distance_to_target(obs) < distance


def door_is_open(obs: Obs) -> Array:
    """Return (B,) bool: the door leaves room to pass."""
    return (obs.task[:, HINGE] > DOOR_OPEN) & (obs.task[:, HATCH] > 0)


def is_for_left_hand(obs: Obs) -> Array:
    """Return (B,) bool: the task sends the right hand nowhere."""
    return np.asarray(~np.isfinite(obs.right_target).all(-1))


def either(one: Advance, other: Advance) -> Advance:
    """Return the condition that one of two holds."""
    return lambda obs: one(obs) | other(obs)


def is_for_right_hand(obs: Obs) -> Array:
    """Return (B,) bool: the task sends the right hand somewhere."""
    return ~is_for_left_hand(obs)


def beyond(x: float) -> Advance:
    """Return the condition that the pelvis is beyond a place [m, world]."""
    return lambda obs: obs.proprio[:, 0] > x


def is_at_box(obs: Obs) -> Array:
    """Return (B,) bool: the parcel is near, or so far aside that turning to it does not pay."""
    turn, distance = bearing(obs)
    return (distance < AT_BOX) | (np.abs(turn) > BOX_ASIDE)


WALK_THEN_REACH = (ScriptStage("walk", within(ARM_LENGTH)), ScriptStage("reach"))

SCRIPTS: Mapping[str, tuple[ScriptStage, ...]] = MappingProxyType({
    "door": (ScriptStage("step", beyond(AT_DOOR)),
             ScriptStage("reach", door_is_open), ScriptStage("walk")),
    # a right hand gets further to the left from where a walk runs it onto the table (docs/log.md)
    "push": (ScriptStage("step", either(is_for_right_hand, beyond(AT_TABLE))),
             ScriptStage("walk", either(is_for_left_hand, beyond(WALK_TO_TABLE[1]))),
             ScriptStage("reach_two_hands", is_for_left_hand), ScriptStage("reach")),
    "truck": (ScriptStage("step", beyond(AT_RAMP)), ScriptStage("stand")),
    "package": (ScriptStage("step", is_at_box), ScriptStage("reach")),
    "basketball": (ScriptStage(("reach_two_hands", "reach_two_hands", "reach_two_hands", "carry")),
                   ),
    "reach": WALK_THEN_REACH,
    "stand": (ScriptStage("stand"),),
    "walk": (ScriptStage("walk"),),
    "run": (ScriptStage("run"),),
    "sit_simple": (ScriptStage("sit"),),
    "crawl": (ScriptStage("crawl"),),
})


# where a library has no Step: a walk can be stopped by the door and by the table only

def is_at_table(obs: Obs) -> Array:
    """Return (B,) bool: a walk that is taken over now brings the hand that pushes to the box."""
    return obs.proprio[:, 0] > np.where(is_for_left_hand(obs), *WALK_TO_TABLE)


WITHOUT_STEP: Mapping[str, tuple[ScriptStage, ...]] = MappingProxyType({
    "door": (ScriptStage("walk", beyond(WALK_TO_DOOR)), *SCRIPTS["door"][1:]),
    "push": (ScriptStage("walk", is_at_table), *SCRIPTS["push"][2:]),
    "truck": SCRIPTS["stand"], "package": SCRIPTS["stand"],
})


def script_for(task: str, experts: Iterable[str]) -> tuple[ScriptStage, ...]:
    """Return a task's script, for the experts at hand.

    Raises:
        MwxError: no script for the task, or it needs an expert that is not there.
    """
    if task not in SCRIPTS:
        raise unknown("task with a script", task, SCRIPTS)
    here = set(experts)
    script = SCRIPTS[task] if "step" in here else WITHOUT_STEP.get(task, SCRIPTS[task])
    missing = _needed(script) - here
    if missing:
        raise MwxError(f"the script for '{task}' needs the experts {', '.join(sorted(missing))}, "
                       "which the library does not have: train them first")
    return script


def _needed(script: tuple[ScriptStage, ...]) -> set[str]:
    named = (stage.expert for stage in script)
    return {name for e in named for name in ((e,) if isinstance(e, str) else e)}

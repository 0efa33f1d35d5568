"""Reference motions from published gait figures: nothing captured, nothing to download."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.motion.assemble import assemble
from mwx.motion.bounce import FINE
from mwx.motion.carry import CarryConfig, carry_motion
from mwx.motion.crawl import crawl
from mwx.motion.gait_tables import stance_part
from mwx.motion.reach import BothConfig, ReachConfig, reach_both_motion, reach_motion
from mwx.motion.reference import Reference
from mwx.motion.run import RunConfig, run_motion
from mwx.motion.sit import sitting
from mwx.motion.stand import StandConfig, stance
from mwx.motion.walk import WalkConfig, walk_motion

STAND_FRAMES = 50  # one second of standing; any length would do
AHEAD = 0.03  # [m] centre of mass ahead of the ankles of who stands: pushes from ahead are borne
WALK_SOURCE = ("generated: OpenSim gait2392 subject01 and DeepMimic arm series, "
               "Sekiya & Nagasaki walk ratio, linear inverted pendulum")

# short, quick steps that leave the centre of mass over the feet: any of them can be the last; the
# tables end at twice this speed, so the part of the stride that a foot stands is a choice of ours
# (all its digits: the shipped Step is trained on them, and comes out bit for bit)
SLOW, SLOW_STANCE = 0.3, 0.6986143114476091  # [m/s], share of the stride
SLOWLY = WalkConfig(cadence=1.8, clearance=0.08, stance_less=stance_part(SLOW) - SLOW_STANCE,
                    speeds=(0.2, 0.6))
RUN_SOURCE = ("generated: OpenSim Hamner subject02 running series, textbook stride times, "
              "spring-mass bounce")


def generate(skill: str, speed: float | None = None, config: Any = None) -> Reference:
    """Return a generated reference.

    Args:
        skill: a key of SKILLS.
        speed: [m/s] of a gait, each within its range; the skill's own unless told.
        config: the skill's config, e.g. WalkConfig; the defaults are the tuned ones.

    Raises:
        MwxError: unknown skill, a speed outside the tables, a speed for a motion that stays.
    """
    if skill not in SKILLS:
        raise unknown("generated skill", skill, SKILLS)
    return SKILLS[skill](speed, config)


def walk(speed: float | None = None, config: WalkConfig | None = None) -> Reference:
    """Return one stride of walking along +x (1.05 m/s); frame 0 is the right touch-down."""
    speed = 1.05 if speed is None else speed
    qpos, contact, advance = walk_motion(speed, config or WalkConfig())
    reference = assemble("walk", qpos, contact, advance, WALK_SOURCE, {"speed": float(speed)})
    return symmetric(reference)


def step(speed: float | None = None, config: WalkConfig | None = None) -> Reference:
    """Return one stride of stepping slowly along +x (0.3 m/s); frame 0 is the right touch-down."""
    config, speed = config or SLOWLY, SLOW if speed is None else speed
    least, most = config.speeds
    if not least <= speed <= most:
        raise MwxError(f"step at {speed} m/s: it goes at {least} to {most} m/s; walk goes faster")
    walking = walk(speed, config)
    return dataclasses.replace(walking, label="step")


def stand(speed: float | None = None, config: StandConfig | None = None) -> Reference:
    """Return a second of quiet standing, with room to sway back."""
    stays("stand", speed)
    qpos = np.tile(stance(config or StandConfig(ahead=AHEAD)), (STAND_FRAMES, 1))
    contact = np.ones((STAND_FRAMES, 2), bool)
    return assemble("stand", qpos, contact, np.zeros(3), "generated: static balance", {})


def reach(speed: float | None = None, config: ReachConfig | None = None) -> Reference:
    """Return one reach of one hand from a stand; it does not loop."""
    stays("reach", speed)
    qpos = reach_motion(config or ReachConfig())
    contact = np.ones((len(qpos), 2), bool)
    return assemble("reach", qpos, contact, None, "generated: minimum jerk", {})


def reach_both(speed: float | None = None, config: BothConfig | None = None) -> Reference:
    """Return one reach of both hands from a stand; it does not loop."""
    stays("reach2", speed)
    qpos = reach_both_motion(config or BothConfig())
    contact = np.ones((len(qpos), 2), bool)
    return assemble("reach2", qpos, contact, None, "generated: minimum jerk", {})


def run(speed: float | None = None, config: RunConfig | None = None) -> Reference:
    """Return one stride of running along +x (3 m/s); frame 0 is the right touch-down."""
    speed = 3.0 if speed is None else speed
    made = run_motion(speed, config or RunConfig())
    reference = assemble("run", made.qpos[::FINE], made.contact[::FINE], made.advance, RUN_SOURCE,
                         {"speed": float(speed)})
    metrics = {**reference.metrics,
               "unexplained_p95": float(np.percentile(made.forward.unexplained, 95)),
               "utilisation_max": float(made.forward.utilisation.max())}
    return symmetric(dataclasses.replace(reference, ctrl=made.ctrl, metrics=metrics))


def carry(speed: float | None = None, config: CarryConfig | None = None) -> Reference:
    """Return one stride of walking along +x (0.95 m/s) with the arms of somebody with a box."""
    speed = 0.95 if speed is None else speed
    qpos, contact, advance = carry_motion(speed, config or CarryConfig())
    reference = assemble("carry", qpos, contact, advance, WALK_SOURCE + ", textbook carrying",
                         {"speed": float(speed)})
    return symmetric(reference)


def symmetric(reference: Reference) -> Reference:
    """Return a gait whose commands are the mirror image of themselves half a stride later.

    The robot's left and right differ by grams; the command of a symmetric gait should not.
    """
    other = np.roll(reference.mirrored().ctrl, reference.num_frames // 2, axis=0)
    return dataclasses.replace(reference, ctrl=(reference.ctrl + other) / 2)


def stays(skill: str, speed: float | None) -> None:
    """Raise where a speed is asked of a motion that stays where it is."""
    if speed is not None:
        raise MwxError(f"'{skill}' stays where it is: leave speed out")


# skill -> its reference at a speed (None: its own) for a config (None: the tuned one)
SKILLS: dict[str, Callable[[float | None, Any], Reference]] = {
    "carry": carry,
    "crawl": crawl,
    "reach": reach,
    "reach2": reach_both,
    "run": run,
    "sit": functools.partial(sitting, "sit"),
    "sit_down": functools.partial(sitting, "sit_down"),
    "stand": stand,
    "stand_up": functools.partial(sitting, "stand_up"),
    "step": step,
    "walk": walk,
}

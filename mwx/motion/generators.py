"""Reference motions from published gait figures: nothing captured, nothing to download."""

import dataclasses
from typing import Any

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.motion import tangent
from mwx.motion.feedforward import feed_forward
from mwx.motion.reach import ReachConfig, reach_motion
from mwx.motion.reference import Reference
from mwx.motion.stand import StandConfig, small_control, stance
from mwx.motion.walk import FPS, WalkConfig, walk_motion
from mwx.types import Array

LICENCE = "Apache-2.0"
STAND_FRAMES = 50  # one second of standing; any length would do
WALK_SOURCE = ("generated: OpenSim gait2392 subject01 and DeepMimic arm series, "
               "Sekiya & Nagasaki walk ratio, linear inverted pendulum")


def generate(skill: str, speed: float | None = None, config: Any = None) -> Reference:
    """Return a generated reference.

    Args:
        skill: "stand", "walk" or "reach".
        speed: [m/s] of a walk, 0.6 to 1.6; 1.05 unless told.
        config: StandConfig, WalkConfig or ReachConfig; the defaults are the tuned ones.

    Raises:
        MwxError: unknown skill, a speed outside the tables, a speed for a motion that stays.
    """
    if skill not in SKILLS:
        raise unknown("generated skill", skill, SKILLS)
    if skill == "walk":
        return walk(1.05 if speed is None else speed, config or WalkConfig())
    if speed is not None:
        raise MwxError(f"'{skill}' stays where it is: leave speed out")
    if skill == "reach":
        return reach(config or ReachConfig())
    return stand(config or StandConfig())


def walk(speed: float, config: WalkConfig) -> Reference:
    """Return one stride of walking along +x; frame 0 is the right touch-down."""
    qpos, contact, advance = walk_motion(speed, config)
    reference = _assemble("walk", qpos, contact, advance, WALK_SOURCE, {"speed": float(speed)})
    # the robot's left and right differ by grams; the command of a symmetric gait should not
    other = np.roll(reference.mirrored().ctrl, len(qpos) // 2, axis=0)
    return dataclasses.replace(reference, ctrl=(reference.ctrl + other) / 2)


def stand(config: StandConfig) -> Reference:
    """Return a second of quiet standing."""
    qpos = np.tile(stance(config), (STAND_FRAMES, 1))
    contact = np.ones((STAND_FRAMES, 2), bool)
    return _assemble("stand", qpos, contact, np.zeros(3), "generated: static balance", {})


def reach(config: ReachConfig) -> Reference:
    """Return one reach of one hand from a stand; it does not loop."""
    qpos = reach_motion(config)
    contact = np.ones((len(qpos), 2), bool)
    return _assemble("reach", qpos, contact, None, "generated: minimum jerk", {})


def _assemble(label: str, qpos: Array, contact: Array, advance: Array | None, source: str,
              metrics: dict[str, float]) -> Reference:
    forward = feed_forward(qpos, contact, FPS, advance)
    metrics = {**metrics, "unexplained_p95": float(np.percentile(forward.unexplained, 95)),
               "utilisation_max": float(forward.utilisation.max())}
    if label == "stand":
        metrics["small_control"] = small_control(forward.torque[0])
    return Reference(
        label=label, qpos=qpos, qvel=tangent.velocity(qpos, FPS, advance), ctrl=forward.ctrl,
        contact=contact, loop=advance is not None, fps=FPS, source=source, licence=LICENCE,
        advance=np.zeros(3) if advance is None else advance, generated=True, metrics=metrics)


SKILLS = ("reach", "stand", "walk")

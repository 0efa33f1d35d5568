"""The kinematic gate: joints, base and feet of a reference against what the robot could ever do."""

from dataclasses import dataclass

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.motion import bodies, contacts
from mwx.motion.feedforward import FEET
from mwx.motion.gates.verdict import Check, Verdict, decide
from mwx.motion.quality import BASE_SPEED, FLAT, self_collisions, steps
from mwx.motion.reference import Reference
from mwx.robot import H1, h1_numbers
from mwx.types import Array

NAME, VERSION = "kinematic", 2


@dataclass(frozen=True)
class KinematicLimits:
    """Upper bounds; looser than the targets of the quality sheet, which rank what is kept.

    Attributes:
        beyond: [rad] a joint may be outside its range: rounding only, no policy can go there.
        speed: joint speed as a part of the joint's own bound.
        jump: [rad] of a joint between frames; H1's fastest joints (23 rad/s) cover 0.46 at 50 Hz.
        base_speed: [m/s] of the pelvis.
        base_turn: [rad/s] of the pelvis; a quick human turn is about 6.
        quaternion: departure of the base quaternion's length from 1.
        skate_mean, skate_p95: [cm/s] of a standing sole; H2O's own retargeted set has 5.7 and 16.7
            and is trained on, GMR's on H1 has 7.6 to 22 and breaks policies.
        sole_height: [cm] mean height of a sole that should stand; more is a robot that floats.
        penetration: [cm] deepest sole below the floor; contact throws the robot up beyond it.
        foot_tilt: [deg] mean of a flat standing sole: H1 has no ankle roll, GMR has 11 to 16.
        self_collision: [% of frames] with parts overlapping by more than 5 mm.
    """

    beyond: float = 1e-6
    speed: float = 1.0
    jump: float = 0.46
    base_speed: float = BASE_SPEED
    base_turn: float = 15.0
    quaternion: float = 1e-3
    skate_mean: float = 5.0
    skate_p95: float = 15.0
    sole_height: float = 2.0
    penetration: float = 2.0
    foot_tilt: float = 10.0
    self_collision: float = 10.0


def kinematic(reference: Reference, limits: KinematicLimits | None = None) -> Verdict:
    """Return whether the robot could hold the poses and pass from one to the next."""
    limits = limits or KinematicLimits()
    checks = [*_joints(reference, limits), *_base(reference, limits),
              *_soles(reference, limits), _overlap(reference, limits)]
    return decide(NAME, checks, limits, VERSION)


def _joints(reference: Reference, limits: KinematicLimits) -> list[Check]:
    joints = reference.qpos[:, 7:]
    beyond = np.maximum(H1.low - joints, joints - H1.high)
    moves = np.abs(steps(reference)[:, 6:])
    speed = moves * reference.fps / H1.speed_limit
    return [_joint_check("beyond", np.maximum(beyond, 0), limits.beyond, "rad", "beyond its range"),
            _joint_check("speed", speed, limits.speed, "of its bound", "at a speed"),
            _joint_check("jump", moves, limits.jump, "rad", "jumps to the next frame by")]


def _joint_check(name: str, values: Array, limit: float, unit: str, verb: str) -> Check:
    """Return the check of the worst joint (T, 19) in its worst frame."""
    if not values.size:
        return Check(name, 0.0, limit, unit, verb)
    frame, joint = np.unravel_index(int(values.argmax()), values.shape)
    return Check(name, float(values[frame, joint]), limit, unit,
                 f"{H1.joint_names[int(joint)]} {verb}", int(frame))


def _base(reference: Reference, limits: KinematicLimits) -> list[Check]:
    rates = steps(reference)[:, :6] * reference.fps
    length = np.abs(np.linalg.norm(reference.qpos[:, 3:7], axis=1) - 1)
    return [_worst("base_speed", np.linalg.norm(rates[:, :3], axis=1), limits.base_speed, "m/s",
                   "the base moves"),
            _worst("base_turn", np.linalg.norm(rates[:, 3:], axis=1), limits.base_turn, "rad/s",
                   "the base turns"),
            _worst("quaternion", length, limits.quaternion, "",
                   "the base quaternion's length is off by")]


def _worst(name: str, values: Array, limit: float, unit: str, said: str) -> Check:
    if not values.size:
        return Check(name, 0.0, limit, unit, said)
    frame = int(values.argmax())
    return Check(name, float(values[frame]), limit, unit, said, frame)


def _soles(reference: Reference, limits: KinematicLimits) -> list[Check]:
    lows, moves = [], []  # (T,) [cm] lowest point; (frame, cm/s) of each standing step
    heights: list[tuple[int, float]] = []
    tilts: list[tuple[int, float]] = []
    for i, (place, turn) in enumerate(_feet(reference.qpos)):
        heel, tip = (place + rotations.rotate(turn, np.array([x, 0, -h1_numbers.SOLE_HEIGHT]))
                     for x in h1_numbers.SOLE_X)
        low = np.minimum(heel[:, 2], tip[:, 2])
        lows.append(100 * low)
        up = rotations.rotate(turn, np.array([0.0, 0.0, 1.0]))
        tilt = np.degrees(np.arccos(np.clip(up[:, 2], -1, 1)))
        for start, end in contacts.runs(reference.contact[:, i]):
            speed = np.linalg.norm(np.diff(tip[start:end, :2], axis=0), axis=1) * reference.fps
            moves += zip(range(start, end - 1), 100 * speed, strict=True)
            heights += [(t, 100 * abs(low[t])) for t in range(start, end)]
            tilts += [(t, tilt[t]) for t in range(start, end) if heel[t, 2] < FLAT]
    depth = np.maximum(-np.min(lows, axis=0), 0)
    return [
        _worst("penetration", depth, limits.penetration, "cm", "a sole is below the floor by"),
        _part("skate_mean", moves, limits.skate_mean, "cm/s", "a standing sole slides, on average"),
        _part("skate_p95", moves, limits.skate_p95, "cm/s", "a standing sole slides, 95 %", 95),
        _part("sole_height", heights, limits.sole_height, "cm",
              "a standing sole is off the floor, on average"),
        _part("foot_tilt", tilts, limits.foot_tilt, "deg", "a standing sole tilts, on average")]


def _part(name: str, pairs: list[tuple[int, float]], limit: float, unit: str, said: str,
          percentile: float | None = None) -> Check:
    """Return the check of the mean, or a percentile, of (frame, value); frame: of the largest."""
    if not pairs:
        return Check(name, 0.0, limit, unit, said)
    values = np.array([value for _, value in pairs])
    value = values.mean() if percentile is None else np.percentile(values, percentile)
    return Check(name, float(value), limit, unit, said + ", worst", pairs[int(values.argmax())][0])


def _feet(qpos: Array) -> list[tuple[Array, Array]]:
    """Return positions (T, 3) and quaternions (T, 4) of the left and the right ankle link."""
    model = bodies.model()
    data = mujoco.MjData(model)
    feet = [(np.zeros((len(qpos), 3)), np.zeros((len(qpos), 4))) for _ in FEET]
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for (place, turn), name in zip(feet, FEET, strict=True):
            place[t], turn[t] = data.body(name).xpos, data.body(name).xquat
    return feet


def _overlap(reference: Reference, limits: KinematicLimits) -> Check:
    hits = self_collisions(reference.qpos)
    frame = int(hits.argmax()) if hits.any() else None
    return Check("self_collision", 100 * float(hits.mean()), limits.self_collision, "% of frames",
                 "the robot's own parts overlap, first", frame)

"""A gait clip becomes a loop: find its best period, cut one, close it without moving a stance."""

import dataclasses
from dataclasses import dataclass

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import bodies, tangent
from mwx.motion.feedforward import FEET, feed_forward, load_share
from mwx.motion.leg_ik import LEG_JOINTS, SIDES, leg_joints
from mwx.motion.quality import quality_sheet
from mwx.motion.reference import Reference
from mwx.robot import H1
from mwx.types import Array

RAMP_S = 0.1  # [s] over which a swing takes up, and gives back, its share of the correction


@dataclass(frozen=True)
class LoopConfig:
    """What counts as a period.

    Attributes:
        shortest_s, longest_s: [s] of one period; strides take 0.6 (fast run) to 1.6 s (slow walk).
        error: [rad] largest mean distance between the two ends, see `poses`.
        near: a shorter period is taken within this factor of the best error: one stride, not two;
            lengths up to `stride` times that one are tried too.
        turn: [rad] largest change of heading in one period.
        change: [rad] largest correction of a joint.
        beyond: [rad] a closed joint may be outside its range before it is cut back to `margin`
            [rad] inside; a foot turns by as much.
        lower: [m] the pelvis may be lowered where a straight leg is too short to close.
        speed_s: [s] a joint speed of 1 rad/s counts like speed_s rad.
    """

    shortest_s: float = 0.5
    longest_s: float = 1.8
    error: float = 0.12
    near: float = 1.25
    stride: float = 1.2
    turn: float = 0.25
    change: float = 0.35
    beyond: float = 0.1
    margin: float = 0.01
    lower: float = 0.03
    speed_s: float = 0.05


@dataclass(frozen=True)
class Period:
    """Frames start to start + frames, whose two ends differ by error [rad]."""

    start: int
    frames: int
    error: float


def poses(reference: Reference, config: LoopConfig) -> Array:
    """Return what repeats (T, D): joints, their speeds, height, tilt, velocity: no heading."""
    qpos, qvel = reference.qpos, reference.qvel
    away = rotations.conjugate(rotations.about("z", rotations.heading(qpos[:, 3:7])))
    up = rotations.rotate(rotations.conjugate(qpos[:, 3:7]), np.array([0.0, 0.0, 1.0]))
    velocity = rotations.rotate(away, qvel[:, :3])
    return np.concatenate([qpos[:, 7:], config.speed_s * qvel[:, 6:], qpos[:, 2:3], up,
                           config.speed_s * velocity], axis=1)


def find_periods(reference: Reference, config: LoopConfig | None = None) -> list[Period]:
    """Return stretches of a motion whose ends fit, the best start of each length, best first.

    Lengths within a factor of the shortest good one are kept: one stride, not two. Empty where
    nothing repeats.
    """
    config = config or LoopConfig()
    rows, fps = poses(reference, config), reference.fps
    heading = np.unwrap(rotations.heading(reference.qpos[:, 3:7]))
    longest = min(round(config.longest_s * fps), reference.num_frames - 1)
    found = []
    for frames in range(round(config.shortest_s * fps), longest + 1):
        error = np.linalg.norm(rows[frames:] - rows[:-frames], axis=1) / np.sqrt(len(H1.low))
        same = (reference.contact[frames:] == reference.contact[:-frames]).all(axis=1)
        straight = np.abs(heading[frames:] - heading[:-frames]) <= config.turn
        error = np.where(same & straight, error, np.inf)
        start = int(error.argmin())
        found.append(Period(start, frames, float(error[start])))
    best = min((period.error for period in found), default=np.inf)
    good = [p for p in found if p.error <= min(config.error, config.near * best)]
    if not good:
        return []
    shortest = good[0].frames
    return sorted((p for p in good if p.frames <= config.stride * shortest), key=lambda p: p.error)


def close_loop(reference: Reference, config: LoopConfig | None = None) -> Reference | None:
    """Return one period of a gait as a loop along +x, or None where the motion has none.

    The misfit of the ends is spread over the period; that of the feet over their swings alone, so
    that a standing foot stays where it stands. A motion that rests on more than its feet is left
    alone: its hands and knees would slide.
    """
    config = config or LoopConfig()
    if reference.bearing:
        return None
    for period in find_periods(reference, config):
        stretch = slice(period.start, period.start + period.frames + 1)
        qpos, contact = _along_x(reference.qpos[stretch]), reference.contact[stretch][:-1]
        closed = _closed_within_reach(qpos, contact, reference.fps, config)
        if closed is None:
            continue
        advance = np.array([qpos[-1, 0] - qpos[0, 0], 0.0, 0.0])
        change = float(np.abs(closed - qpos[:-1])[:, 7:].max())
        steps = np.diff(np.concatenate([closed, closed[:1]])[:, 7:], axis=0) * reference.fps
        if change <= config.change and (np.abs(steps) <= H1.speed_limit).all():
            return _looping(reference, closed, contact, advance, {
                "loop_error": period.error, "loop_change": change,
                "loop_start": float(period.start)})
    return None


def _looping(reference: Reference, qpos: Array, contact: Array, advance: Array,
             found: dict[str, float]) -> Reference:
    smoothing = tangent.CLEAN if reference.generated else tangent.CAPTURED
    forward = feed_forward(qpos, contact, reference.fps, advance, smoothing=smoothing)
    loop = dataclasses.replace(
        reference, qpos=qpos, qvel=tangent.velocity(qpos, reference.fps, advance, smoothing),
        ctrl=forward.ctrl, contact=contact, loop=True, advance=advance)
    sheet = quality_sheet(loop, forward)
    return dataclasses.replace(loop, metrics=reference.metrics | sheet.to_dict() | found)


def _along_x(qpos: Array) -> Array:
    """Return configurations (T, 26) that start at the origin and travel along +x."""
    travel = qpos[-1, :2] - qpos[0, :2]
    angle = np.arctan2(travel[1], travel[0])
    if np.linalg.norm(travel) < 0.1:  # [m] on the spot: the way it faces
        angle = rotations.heading(qpos[:1, 3:7])[0]
    turn = rotations.about("z", -angle)
    out = qpos.copy()
    out[:, :3] = rotations.rotate(turn, qpos[:, :3] - [*qpos[0, :2], 0])
    out[:, 3:7] = rotations.multiply(turn, qpos[:, 3:7])
    return out


def _closed_within_reach(qpos: Array, contact: Array, fps: float, config: LoopConfig
                         ) -> Array | None:
    """Return the closed period (P, 26), its pelvis lowered where a leg is too short; or None."""
    for lower in np.linspace(0, config.lower, 7):
        try:
            out = _closed(qpos - lower * np.eye(qpos.shape[1])[2], contact, fps, lower)
        except MwxError:  # a leg would have to be longer than it is
            continue
        joints = np.clip(out[:, 7:], H1.low + config.margin, H1.high - config.margin)
        if np.abs(joints - out[:, 7:]).max() <= config.beyond:
            out[:, 7:] = joints
            return out
    return None


def _closed(qpos: Array, contact: Array, fps: float, lower: float) -> Array:
    """Return the first P of P + 1 frames, bent so that frame P would be frame 0 moved along x.

    Args:
        qpos: (P + 1, 26), its pelvis lowered by `lower` [m]; contact: (P, 2); fps: [Hz].
    """
    frames = len(qpos) - 1
    misfit = tangent.difference(qpos[-1], qpos[0])
    misfit[:2] = 0  # x is the advance, y vanishes along the way of travel
    part = np.arange(frames)[:, None] / frames
    out = tangent.integrate(qpos[:-1], part * misfit)
    advance = (qpos[-1, :3] - qpos[0, :3]) * [1, 1, 0]
    for i, (side, (tip, turn)) in enumerate(zip(SIDES, _tips(qpos, lower), strict=True)):
        along, seam = _swings(contact[:, i], fps), _seam(contact[:, i], fps)
        shift = tip[0] + advance - tip[-1]
        tip = tip[:-1] + np.stack([along * shift[0], along * shift[1], seam * shift[2]], axis=-1)
        legs = qpos[:, 7 + LEG_JOINTS[side]]
        pitch = _pitch(qpos[:, 3:7]) + legs[:, 2:].sum(axis=1)
        change = seam * (pitch[0] - pitch[-1])
        turn = rotations.multiply(turn[:-1], rotations.about("y", change))
        ankle = tip - rotations.rotate(turn, bodies.SOLE_TIP)
        yaw = out[:, 7 + LEG_JOINTS[side][0]] + rotations.heading(out[:, 3:7])
        out[:, 7 + LEG_JOINTS[side]] = leg_joints(side, out[:, :7], ankle, yaw, pitch[:-1] + change)
    return out


def _swings(contact: Array, fps: float) -> Array:
    """Return (P,) parts, 0 in frame 0 to 1 in frame P, that grow while the foot swings alone."""
    share = load_share(~contact[:, None], fps, True, RAMP_S)[:, 0]
    if not share.any():
        share = np.ones(len(contact))
    return (np.cumsum(share) - share) / share.sum()


def _seam(contact: Array, fps: float) -> Array:
    """Return (P,) parts that differ by 1 between frame P and frame 0 and vanish elsewhere.

    They change only within the stance, or the swing, in which the period starts and ends.
    """
    same = contact == contact[0]
    share = load_share(same[:, None], fps, True, RAMP_S)[:, 0]
    first = len(same) if same.all() else int(np.argmin(same))
    last = 0 if same.all() else len(same) - int(np.argmin(same[::-1]))
    if same.all():
        return (np.cumsum(share) - share) / share.sum()
    head, tail = share[:first], share[last:]
    out = np.zeros(len(same))
    out[:first] = np.cumsum(head) - head - head.sum()
    out[last:] = np.cumsum(tail) - tail
    return out / (head.sum() + tail.sum())


def _tips(qpos: Array, lower: float) -> list[tuple[Array, Array]]:
    """Return the sole tips (T, 3) [m] and foot quaternions (T, 4), left and right.

    Args:
        qpos: (T, 26), lowered by `lower` [m], which the feet do not follow.
    """
    model = bodies.model()
    data = mujoco.MjData(model)
    feet = [(np.zeros((len(qpos), 3)), np.zeros((len(qpos), 4))) for _ in FEET]
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for (tip, turn), name in zip(feet, FEET, strict=True):
            body = data.body(name)
            tip[t] = body.xpos + body.xmat.reshape(3, 3) @ bodies.SOLE_TIP + [0, 0, lower]
            turn[t] = body.xquat
    return feet


def _pitch(q: Array) -> Array:
    axis = rotations.rotate(q, np.broadcast_to([1.0, 0, 0], (len(q), 3)))
    return np.arcsin(np.clip(-axis[:, 2], -1, 1))

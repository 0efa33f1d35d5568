"""Legs of a run: soles that roll over heel and tip in stance, the human's joints in swing."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import savgol_coeffs

from mwx.maths import rotations
from mwx.motion import gait_tables as gait
from mwx.motion import leg_ik
from mwx.motion.bounce import Stride
from mwx.robot import h1_numbers
from mwx.types import Array

if TYPE_CHECKING:
    from mwx.motion.run import RunConfig

LEG = leg_ik.THIGH + leg_ik.SHANK  # [m]
HEEL, TIP = h1_numbers.SOLE_X  # [m] from the ankle


def place(stride: Stride, side: str) -> Array:
    """Return where a foot stands flat (N, 3) [m]; in swing, where it will."""
    since = stride.since_touchdown(side)
    landed = (np.arange(stride.steps) - since) / stride.steps * stride.advance[0]
    landed = landed + np.where(since > stride.stance, stride.advance[0], 0)
    x = landed + stride.stance / stride.steps * stride.advance[0] / 2
    return np.stack([x, np.full_like(x, leg_ik.SIDES[side] * leg_ik.HALF_WIDTH), 0 * x], 1)


def too_high(qpos: Array, soles: dict[str, Array], stride: Stride, config: "RunConfig") -> float:
    """Return how far [m] the body has to come down for its legs to reach (negative: may rise)."""
    excess = []
    for side, sole in soles.items():
        since = stride.since_touchdown(side)
        on = since <= stride.stance
        joint = leg_ik.HIP + np.array([leg_ik.ROLL_X, leg_ik.PITCH_Y, 0])
        hip = qpos[on, :3] + rotations.rotate(qpos[on, 3:7], joint * [1, leg_ik.SIDES[side], 1])
        pitch = _sole_pitch(since[on] / stride.stance, config)
        up = np.stack([np.sin(pitch), 0 * pitch, np.cos(pitch)], 1)
        gap = hip - _rolled(sole[on], pitch) - leg_ik.SOLE * up
        reach = np.sqrt((config.leg * LEG) ** 2 - gap[:, 0] ** 2 - gap[:, 1] ** 2)
        excess.append((gap[:, 2] - reach).max())
    return float(max(excess))


def leg(qpos: Array, sole: Array, side: str, stride: Stride, config: "RunConfig") -> Array:
    """Return a leg's joints (N, 5) [rad]: its sole's in stance, the human's in swing.

    Args:
        qpos: (N, 26) whose base is right; sole: (N, 3) of `place`.
        side: "left" or "right"; stride, config: of the run.
    """
    since = stride.since_touchdown(side)
    order = np.argsort(since)
    rows, swing = order[:stride.stance + 1], order[stride.stance + 1:]
    pitch = _sole_pitch(since[rows] / stride.stance, config)
    soles = {side: _rolled(sole[rows], pitch)}
    stance = leg_ik.place_feet(qpos[rows], soles, 0 * pitch, {side: pitch})
    out = np.zeros((stride.steps, 5))
    out[rows] = stance[:, 7 + leg_ik.LEG_JOINTS[side]]
    human = _human_swing(stride, config)
    out[swing] = _joined(human, out[rows], stride.dt, config.blend)[1:-1]
    return out


def _sole_pitch(part: Array, config: "RunConfig") -> Array:
    """Return the pitch of the sole [rad], toes down positive, at parts of the stance."""
    early = np.clip(1 - part / config.roll_part, 0, 1)
    late = np.clip(1 - (1 - part) / config.roll_part, 0, 1)
    return config.toe * late ** 3 - config.heel * early ** 3


def _rolled(sole: Array, pitch: Array) -> Array:
    """Return the sole's point under the ankle (T, 3) when it rolls over its tip or its heel.

    The tip keeps its place; a heel that lands gives by a millimetre.
    """
    pivot = np.where(pitch > 0, TIP, HEEL)
    return sole + np.stack([TIP * (1 - np.cos(pitch)), 0 * pitch, pivot * np.sin(pitch)], 1)


def _human_swing(stride: Stride, config: "RunConfig") -> Array:
    """Return the human's leg joints (S + 1, 5) [rad] in H1's signs from toe-off to touch-down."""
    part = np.linspace(0, 1, stride.steps - stride.stance + 1)
    part = part + config.hurry * part * (1 - part)
    phase = gait.RUN_TOE_OFF + (1 - gait.RUN_TOE_OFF) * part
    knee = gait.series(gait.RUN_KNEE, phase) * stride.swing_knee / gait.RUN_PEAK_KNEE
    hip = -gait.series(gait.RUN_HIP, phase)
    ankle = -config.ankle * gait.series(gait.RUN_ANKLE, phase)
    return np.radians(np.stack([0 * hip, 0 * hip, hip, knee, ankle], 1))


def _joined(curve: Array, stance: Array, dt: float, blend: float) -> Array:
    """Return a curve (S + 1, J) bent to leave the end of the stance and to meet its start.

    Value and velocity join; the acceleration need not, since the ground's push ends there.
    """
    last = _edge(stance, dt, True) - _edge(curve, dt, False)
    first = (_edge(stance, dt, False) - _edge(curve, dt, True)) * [[1], [-1]]
    time = np.arange(len(curve)) * dt
    return curve + _fade(last, time, blend) + _fade(first, time[::-1], blend)


def _edge(rows: Array, dt: float, end: bool) -> Array:
    """Return value and velocity (2, J) at the last or the first of some rows."""
    cut, place = (rows[-7:], 6) if end else (rows[:7], 0)
    return np.stack([savgol_coeffs(7, 4, deriv=k, delta=dt, pos=place, use="dot") @ cut
                     for k in range(2)])


def _fade(gap: Array, time: Array, blend: float) -> Array:
    """Return a difference in value and velocity (2, J) that fades out over the swing."""
    s = time[:, None] / time.max()
    value = 1 - s ** 3 * (10 - 15 * s + 6 * s * s)
    u = np.clip(s / blend, 0, 1)
    return value * gap[0] + time[:, None] * (1 - u) ** 3 * (1 + 3 * u) * gap[1]

"""When a captured foot stands: flat, or on its toes."""

from dataclasses import dataclass

import numpy as np

from mwx.types import Array


@dataclass(frozen=True)
class ContactConfig:
    """Thresholds of ground contact.

    Attributes:
        hold_speed, hold_part: a point slower than hold_speed [m/s] + hold_part * the body's speed
            lands; release_speed, release_part: one faster than theirs leaves.
        height: [m] above its own lowest level (2nd percentile) a point may be to stand.
        roll_hold_part, roll_release_part: the same parts for the ankle of a foot whose toes nobody
            captured: it moves while the foot rolls over them.
        foot, heel_rise: ankle to ball as a part of the shank (Winter), [rad] the foot turns about
            the ball: together the height to which such an ankle may rise.
        min_time_s: shorter contacts are dropped; gap_s: shorter gaps are closed.
    """

    hold_speed: float = 0.2
    hold_part: float = 0.08
    release_speed: float = 0.3
    release_part: float = 0.15
    height: float = 0.045
    roll_hold_part: float = 0.2
    roll_release_part: float = 0.3
    foot: float = 0.4
    heel_rise: float = 0.45
    min_time_s: float = 0.10
    gap_s: float = 0.05


def standing(point: Array, body: Array, fps: float, config: ContactConfig) -> Array:
    """Return (T,) bool: a point (T, 3) [m] rests on the floor (hysteresis on its speed).

    Args:
        point: (T, 3) [m]; body: (T, 3) [m] the pelvis, whose mean speed sets the scale.
    """
    speed = np.linalg.norm(np.gradient(point, 1 / fps, axis=0), axis=1)
    return _resting(point, speed, _pace(body, fps), fps, config.height,
                    (config.hold_part, config.release_part), config)


def rolling(ankle: Array, body: Array, shank: float, fps: float, config: ContactConfig) -> Array:
    """Return (T,) bool: a foot without toes stands, judged by its ankle (T, 3) [m].

    Where the heel rises the ankle turns about a ball that is guessed from the shank's length [m]:
    it may be higher, and go forward faster, than an ankle over a flat sole.
    """
    speed = np.linalg.norm(np.gradient(ankle[:, :2], 1 / fps, axis=0), axis=1)
    rise = max(config.height, config.foot * shank * np.sin(config.heel_rise))
    return _resting(ankle, speed, _pace(body, fps), fps, rise,
                    (config.roll_hold_part, config.roll_release_part), config)


def _pace(body: Array, fps: float) -> float:
    return float(np.linalg.norm(np.gradient(body[:, :2], 1 / fps, axis=0), axis=1).mean())


def _resting(point: Array, speed: Array, pace: float, fps: float, height: float,
             parts: tuple[float, float], config: ContactConfig) -> Array:
    hold, release = config.hold_speed + parts[0] * pace, config.release_speed + parts[1] * pace
    low = point[:, 2] < np.percentile(point[:, 2], 2) + height
    on, state = np.zeros(len(point), bool), False
    for i in range(len(point)):
        state = bool(low[i] and speed[i] < (release if state else hold))
        on[i] = state
    on = _without_short(on, ~on, config.gap_s * fps)
    return ~_without_short(~on, on, config.min_time_s * fps)


def _without_short(on: Array, gap: Array, frames: float) -> Array:
    """Return `on` with the inner runs of `gap` that are shorter than some frames filled."""
    out = on.copy()
    for start, end in runs(gap):
        inner = start > 0 and end < len(gap)
        if inner and end - start < frames:
            out[start:end] = True
    return out


def runs(on: Array) -> list[tuple[int, int]]:
    """Return the (start, end) of each run of True; end is one past the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

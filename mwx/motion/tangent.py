"""Time derivatives of MuJoCo configurations, taken in their tangent space."""

import numpy as np
from scipy.signal import savgol_coeffs

from mwx.maths import rotations
from mwx.types import Array

CLEAN, CAPTURED = (5, 4), (7, 3)  # (window, order) for noise-free and for captured motion


def difference(start: Array, end: Array) -> Array:
    """Return the velocities (..., 25) that lead from `start` to `end` (..., 26) in unit time.

    The same as mj_differentiatePos: linear in the world, angular in the body of `start`.
    """
    turn = rotations.multiply(rotations.conjugate(start[..., 3:7]), end[..., 3:7])
    return np.concatenate([end[..., :3] - start[..., :3], rotations.log(turn),
                           end[..., 7:] - start[..., 7:]], axis=-1)


def integrate(start: Array, step: Array) -> Array:
    """Return configurations (..., 26) moved by steps (..., 25), as mj_integratePos does."""
    turned = rotations.multiply(start[..., 3:7], rotations.exp(step[..., 3:6]))
    return np.concatenate([start[..., :3] + step[..., :3], turned,
                           start[..., 7:] + step[..., 6:]], axis=-1)


def padded(qpos: Array, half: int, advance: Array | None) -> Array:
    """Return `half` frames more at both ends (T + 2 half, 26).

    Args:
        qpos: (T, 26).
        half: number of frames.
        advance: (3,) [m] displacement of the base per period for a loop; None otherwise, and
            then the ends are mirrored through the first and the last frame.
    """
    frames = len(qpos)
    if advance is None:
        before = integrate(qpos[:1], -difference(qpos[:1], qpos[half:0:-1]))
        after = integrate(qpos[-1:], -difference(qpos[-1:], qpos[-2:-half - 2:-1]))
        return np.concatenate([before, qpos, after])
    index = np.arange(-half, frames + half)
    out = qpos[index % frames].copy()
    out[:, :3] += (index // frames)[:, None] * advance
    return out


def velocity(qpos: Array, fps: float, advance: Array | None = None,
             smoothing: tuple[int, int] = CLEAN) -> Array:
    """Return qvel (T, 25) by Savitzky-Golay differentiation in the tangent space.

    Args:
        qpos: (T, 26); fps: [Hz]; advance: see `padded`.
        smoothing: window [frames] and polynomial order; a frame more than the clip has is cut.
    """
    window, order = _fitting(smoothing, len(qpos))
    half = window // 2
    frames = padded(qpos, half, advance)
    weights = savgol_coeffs(window, order, deriv=1, delta=1 / fps, use="dot")
    steps = (w * difference(qpos, frames[k:k + len(qpos)]) for k, w in enumerate(weights))
    return np.sum(list(steps), axis=0)


def acceleration(qvel: Array, fps: float, loop: bool,
                 smoothing: tuple[int, int] = CLEAN) -> Array:
    """Return qacc (T, 25), the derivative of MuJoCo velocities (T, 25)."""
    window, order = _fitting(smoothing, len(qvel))
    half = window // 2
    if loop:
        frames = np.concatenate([qvel[-half:], qvel, qvel[:half]])
    else:
        frames = np.concatenate([2 * qvel[:1] - qvel[half:0:-1], qvel,
                                 2 * qvel[-1:] - qvel[-2:-half - 2:-1]])
    weights = savgol_coeffs(window, order, deriv=1, delta=1 / fps, use="dot")
    return np.sum([w * frames[k:k + len(qvel)] for k, w in enumerate(weights)], axis=0)


def _fitting(smoothing: tuple[int, int], frames: int) -> tuple[int, int]:
    window, order = smoothing
    window = min(window, (frames - 1) | 1 if frames % 2 else frames - 1)
    return window, min(order, window - 1)

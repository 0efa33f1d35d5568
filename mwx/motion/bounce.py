"""A body that bounces on one leg at a time and flies in between: timing and centre of mass."""

from dataclasses import dataclass

import numpy as np

from mwx.motion.feedforward import GRAVITY
from mwx.motion.stand import FPS
from mwx.types import Array

FINE = 4  # steps per frame: a stance lasts only some eight frames


@dataclass(frozen=True)
class Stride:
    """One stride of a run on the fine grid; touch-down of the right foot at step 0.

    Attributes:
        steps: N of the stride, an even number of frames times FINE.
        stance: steps a foot stands.
        advance: (3,) [m] per stride.
        swing_knee: [deg] peak of the human's knee flexion, as far as H1 can follow.
    """

    steps: int
    stance: int
    advance: Array
    swing_knee: float

    @property
    def dt(self) -> float:
        """[s] of a step."""
        return 1 / (FPS * FINE)

    def since_touchdown(self, side: str) -> Array:
        """Return steps (N,) since a foot last came down."""
        shift = self.steps // 2 if side == "left" else 0
        return (np.arange(self.steps) - shift) % self.steps


def bounce(stride: Stride) -> tuple[Array, Array]:
    """Return height (N,) [m] above touch-down, and push (N,) [m/s^2], of the centre of mass.

    The push of the ground over the mass is half a sine in stance and nothing in flight, so that
    the height is ballistic there; over a stride it makes up for gravity.
    """
    half, stance = stride.steps // 2 * stride.dt, stride.stance * stride.dt
    time = np.arange(stride.steps // 2) * stride.dt
    peak, turn = GRAVITY * half * np.pi / (2 * stance), stance / np.pi
    fall = GRAVITY * (half - stance) / 2  # [m/s] at touch-down
    down = (-fall * time - GRAVITY * time ** 2 / 2
            + peak * turn * (time - turn * np.sin(time / turn)))
    later = time - stance
    up = fall * later - GRAVITY * later ** 2 / 2
    push = np.where(time < stance, peak * np.sin(np.minimum(time, stance) / turn), 0.0)
    return np.tile(np.where(time < stance, down, up), 2), np.tile(push, 2)


def over_the_feet(zmp: Array, rate: Array, stride: Stride) -> Array:
    """Return the periodic centre of mass (N, 2) [m]: c'' = rate (c - p).

    Args:
        zmp: (N, 2) [m] p, of the stride that starts at x = 0.
        rate: (N,) [1/s^2] push over height; 0 in flight.
        stride: the timing.
    """
    steps = stride.steps
    travel = np.arange(steps)[:, None] / steps * stride.advance[:2]
    here = np.eye(steps)
    second = (np.roll(here, 1, axis=1) + np.roll(here, -1, axis=1) - 2 * here) / stride.dt ** 2
    return travel + np.linalg.solve(second - np.diag(rate), rate[:, None] * (travel - zmp))

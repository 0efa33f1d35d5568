"""A gait that turns to a target while it goes on."""

from dataclasses import replace

import numpy as np

from mwx.experts.kinematics import yaw
from mwx.experts.prior import Carry, ClipPrior, Target
from mwx.types import Array, Obs

HEADING_SEEN = 0.4  # [rad] error of heading beyond which every error looks the same: .5 fells it
AT_HAND = 1.0  # [m] nearer than this a target is the hands' affair and no direction to turn to


class SteerPrior(ClipPrior):
    """A gait whose heading follows `obs.target`; along world x where none is named.

    The expert sees the error of its heading, bounded, in place of its heading: to come back to a
    heading is what it has learned under pushes, and that is to turn. Not every training learns it
    well enough to turn far (docs/log.md): measure one. It never halts, nor does it turn on the
    spot: a slow gait leaves halting to whoever takes over.
    """

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]:
        """Return what to do now and the carry one control step later."""
        target, after = super().look(obs, carry)
        error, distance = bearing(obs)
        named = np.isfinite(distance)
        seen = np.clip(error, -HEADING_SEEN, HEADING_SEEN)
        return replace(target, heading=np.where(named, yaw(obs.proprio[:, 3:7]) + seen, 0.0)), after


def bearing(obs: Obs) -> tuple[Array, Array]:
    """Return the turn (B,) [rad] to face the target, and its distance (B,) [m] seen from above.

    Without a target they are 0 and not a number.
    """
    away = obs.target[:, :2] - obs.proprio[:, :2]
    distance = np.linalg.norm(away, axis=-1)
    there = np.nan_to_num(away)
    error = np.arctan2(there[:, 1], there[:, 0]) - yaw(obs.proprio[:, 3:7])
    error = (error + np.pi) % (2 * np.pi) - np.pi
    return np.where(distance > AT_HAND, error, 0.0), distance

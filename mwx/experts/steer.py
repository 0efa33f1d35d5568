"""A gait that goes to a target: it turns towards it, walks there and stops before it."""

from dataclasses import replace

import numpy as np

from mwx.experts.kinematics import yaw
from mwx.experts.prior import Carry, ClipPrior, Target
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array, Obs

STOP, SLOW = 0.45, 0.6  # [m] pelvis to target, seen from above: stands there, slows from so far off
HEADING_SEEN = 0.6  # [rad] error of heading beyond which every error looks the same
TURN_GAIN, TURN_MAX = 1.5, 0.8  # [1/s] of the error of heading, [rad/s]
TURNING_PACE = 0.4  # share of the stride while the target lies aside or behind: steps on the spot
UNDERFOOT = 0.25  # [m] nearer than this a target has no direction
HALT_S = 0.6  # [s] from full pace to a halt


class SteerPrior(ClipPrior):
    """A gait whose heading and pace follow `obs.target`; along world x where none is named.

    What the target asks for follows from the state alone; the share of the stride that is played
    (the pace) changes gradually and so is carried. Where the target lies aside the robot is to turn
    on the spot. The expert sees the error of its heading, bounded, in place of its heading.
    """

    steers = True

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]:
        """Return what to do now and the carry one control step later."""
        error, distance = bearing(obs)
        named = np.isfinite(distance)
        pace = carry.pace + np.clip(self._pace(error, distance) - carry.pace,
                                    -CONTROL_DT / HALT_S, CONTROL_DT / max(self.ramp_s, CONTROL_DT))
        target, after = self._played(carry, pace)
        seen = np.clip(error, -HEADING_SEEN, HEADING_SEEN)
        facing = yaw(obs.proprio[:, 3:7])
        ahead = np.where(named, np.maximum(np.cos(error), 0) ** 2, 1.0)
        return replace(target, speed=target.speed * ahead,
                       heading=np.where(named, facing + seen, 0.0),
                       turn=np.where(named, np.clip(TURN_GAIN * error, -TURN_MAX, TURN_MAX), 0.0)
                       ), replace(after, pace=pace)

    def _pace(self, error: Array, distance: Array) -> Array:
        """Return the share of the stride (B,) that a target asks for; 1 where none is named."""
        ahead = np.clip((distance - STOP) / SLOW, 0, 1)
        turned = TURNING_PACE + (1 - TURNING_PACE) * np.maximum(np.cos(error), 0)
        return np.where(np.isfinite(distance), ahead * turned, 1.0)


def bearing(obs: Obs) -> tuple[Array, Array]:
    """Return the turn (B,) [rad] to face the target, and its distance (B,) [m] seen from above.

    Without a target they are 0 and not a number.
    """
    away = obs.target[:, :2] - obs.proprio[:, :2]
    distance = np.linalg.norm(away, axis=-1)
    there = np.nan_to_num(away)
    error = np.arctan2(there[:, 1], there[:, 0]) - yaw(obs.proprio[:, 3:7])
    error = (error + np.pi) % (2 * np.pi) - np.pi
    return np.where(distance > UNDERFOOT, error, 0.0), distance

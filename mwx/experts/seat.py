"""Sitting down where a seat is: stand before it first, then the motion plays."""

from dataclasses import replace

import numpy as np

from mwx.experts.kinematics import yaw
from mwx.experts.prior import Carry, ClipPrior, Target, seen
from mwx.motion import Reference
from mwx.motion.sit import SEAT_FRONT
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Obs

SEAT_HALF = 0.21  # [m] half the depth of HumanoidBench's seat
SEAT_MIDDLE = SEAT_FRONT - SEAT_HALF  # [m] ahead of where the motion starts: negative is behind
WITHIN_X, WITHIN_Y, WITHIN_YAW = 0.12, 0.10, 0.35  # [m, m, rad] of its place: it may sit down
SEEN = 1.0  # [m] from its place beyond which a seat looks as far as this


class SeatPrior(ClipPrior):
    """A motion of sitting down whose clock waits until the robot stands before the seat.

    The seat is at `obs.target`, its front along world x. `extra` (B, 3): the seat relative to where
    the motion has it now (ahead, left; pelvis frame; in units of 0.5 m), and the share of the
    motion that was played. Without a target the motion plays at once.
    """

    extra_dim = 3

    def __init__(self, reference: Reference, start_s: float = 0.0, ramp_s: float = 0.0):
        super().__init__(reference, start_s, ramp_s)
        self.place = SEAT_MIDDLE - reference.qpos[0, 0]  # [m] of the seat, ahead of the pelvis

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]:
        """Return what to do now and the carry one control step later."""
        target, after = super().look(obs, carry)
        seat, = seen(obs, obs.target)
        moved = self.reference.frame(carry.time_s).qpos[:, 0] - self.reference.qpos[0, 0]
        off = np.nan_to_num(seat[:, :2] - np.stack([self.place - moved, 0 * moved], -1))
        begun = carry.time_s > self.start_s + CONTROL_DT / 2
        plays = begun | (np.abs(off[:, 0]) < WITHIN_X) & (np.abs(off[:, 1]) < WITHIN_Y) & (
            np.abs(yaw(obs.proprio[:, 3:7])) < WITHIN_YAW) | ~np.isfinite(obs.target[:, 0])
        share = (carry.time_s - self.start_s) / (self.reference.duration_s - self.start_s)
        extra = np.concatenate([2 * np.clip(off, -SEEN, SEEN),
                                np.clip(share, 0, 1)[:, None]], -1)
        return replace(target, extra=extra, away=np.linalg.norm(off, axis=-1)), \
            replace(after, time_s=np.where(plays, after.time_s, carry.time_s))

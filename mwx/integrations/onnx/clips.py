"""Reference motions of K experts in torch: interpolated by their phase clocks, blended in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mwx.experts.prior import ClipPrior, is_gait
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT

SPEED = H1.act_dim  # column of the table behind the commands


class Played(NamedTuple):
    """What K references say now: the parts of a `Target` that an action depends on.

    Attributes:
        ctrl: (B, K, 19) [rad]; phase: (B, K, 2); ramp: (B, K); speed: (B, K) [m/s].
    """

    ctrl: Tensor
    phase: Tensor
    ramp: Tensor
    speed: Tensor


class Clips(nn.Module):
    """K clip priors at once. All their frames lie in one table; clocks count in 64 bits."""

    table: Tensor
    start: Tensor
    frames: Tensor
    after: Tensor
    loop: Tensor
    fps: Tensor
    ramp_s: Tensor
    cycles: Tensor
    home: Tensor

    def __init__(self, priors: Sequence[ClipPrior]):
        super().__init__()
        refs = [prior.reference for prior in priors]
        lengths = np.array([ref.num_frames for ref in refs], float)
        loops = np.array([ref.loop for ref in refs])
        rows = [np.concatenate([ref.ctrl, ref.qvel[:, :1]], -1) for ref in refs]
        # a motion that is not blended in is there at the first step
        ramps = [prior.ramp_s if prior.ramp_s > 0 else CONTROL_DT for prior in priors]
        gaits = [1 / ref.duration_s if is_gait(ref) else 0.0 for ref in refs]
        for name, value in {"table": np.concatenate(rows), "home": H1.home_joints}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        exact = {"start": np.cumsum(lengths) - lengths, "frames": lengths,
                 "after": np.where(loops, 0, lengths - 1), "ramp_s": np.array(ramps),
                 "fps": np.array([ref.fps for ref in refs]), "cycles": np.array(gaits)}
        for name, value in exact.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))
        self.register_buffer("loop", torch.tensor(loops))

    def forward(self, time_s: Tensor, age_s: Tensor) -> Played:
        """Return what to do at clocks (B, K) and ages (B, 1), both [s] in 64 bits."""
        rows = self._rows(torch.stack([time_s + CONTROL_DT / 2, time_s + CONTROL_DT], 1))
        now, goal = rows[:, 0], rows[:, 1]
        kind = self.table.dtype
        ramp = ((age_s + CONTROL_DT) / self.ramp_s).clamp(0, 1).to(kind)
        turns = time_s * self.cycles
        angle = 2 * torch.pi * (turns - turns.floor()).to(kind)
        ctrl = self.home + ramp[..., None] * (now[..., :SPEED] - self.home)
        return Played(ctrl, torch.stack([angle.sin(), angle.cos()], -1), ramp,
                      ramp * goal[..., SPEED])

    def _rows(self, time_s: Tensor) -> Tensor:
        """Return the table's rows (B, 2, K, 20) at times (B, 2, K), interpolated."""
        place = time_s * self.fps
        held = torch.minimum(place.clamp(min=0), self.frames - 1)
        place = torch.where(self.loop, place, held)
        low = place.floor()
        first = low - (low / self.frames).floor() * self.frames
        second = torch.where(first + 1 < self.frames, first + 1, self.after)
        pair = self.table[(self.start + torch.stack([first, second], 1)).long()]
        a, b = pair[:, 0], pair[:, 1]
        return a + (place - low).to(a.dtype)[..., None] * (b - a)

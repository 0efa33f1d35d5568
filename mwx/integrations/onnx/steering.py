"""Steering in torch: the heading and pace of mwx.experts.steer, without inverse tangents."""

import math

import torch
from torch import Tensor, nn

from mwx.experts.steer import HALT_S, HEADING_SEEN, SLOW, STOP, TURNING_PACE, UNDERFOOT, SteerPrior
from mwx.integrations.onnx.pose import Pose, exists
from mwx.robot.h1 import CONTROL_DT


class Steering(nn.Module):
    """One prior that steers."""

    def __init__(self, prior: SteerPrior):
        super().__init__()
        self.rise = CONTROL_DT / max(prior.ramp_s, CONTROL_DT)

    def forward(self, pose: Pose, target: Tensor, pace: Tensor, cos: Tensor, sin: Tensor
                ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (B, 1) each: next pace, cosine and sine of the heading seen, share of its speed.

        Args:
            target: (B, 3) [m, world], NaN for none.
            pace: (B, 1) of the step before.
            cos, sin: (B, 1) of the robot's yaw.
        """
        named = exists(target)
        away = torch.where(named, target[:, :2] - pose.position[:, :2], 0.0)
        distance = (away * away).sum(-1, keepdim=True).sqrt()
        x, y = (part / distance.clamp(min=1e-9) for part in (away[:, :1], away[:, 1:]))
        known = distance > UNDERFOOT
        ahead = torch.where(known, x * cos + y * sin, 1.0)  # cosine and sine of the error
        left = torch.where(known, y * cos - x * sin, 0.0)
        asked = ((distance - STOP) / SLOW).clamp(0, 1) * (
            TURNING_PACE + (1 - TURNING_PACE) * ahead.clamp(min=0))
        asked = torch.where(named, asked, 1.0)
        after = pace + (asked - pace).clamp(-CONTROL_DT / HALT_S, self.rise)
        near = ahead >= math.cos(HEADING_SEEN)
        bound = torch.where(left < 0, math.sin(HEADING_SEEN), -math.sin(HEADING_SEEN))
        seen_sin = torch.where(near, -left, bound)
        seen_cos = torch.where(near, ahead, math.cos(HEADING_SEEN))
        forward = torch.where(named, ahead.clamp(min=0).square(), 1.0)
        return after, torch.where(named, seen_cos, cos), torch.where(named, seen_sin, sin), forward

"""Steering in torch: the heading of mwx.experts.steer, without inverse tangents."""

import math

import torch
from torch import Tensor

from mwx.experts.steer import AT_HAND, HEADING_SEEN
from mwx.integrations.onnx.pose import Pose, exists


def off_target(pose: Pose, target: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and sine (B, K) of the heading that a gait which steers sees.

    It is the bounded error of its heading; where no target is named, the heading itself.

    Args:
        target: (B, 3) [m, world], NaN for none.
        cos, sin: (B, K) of the robot's yaw.
    """
    named = exists(target)
    away = torch.where(named, target[:, :2] - pose.position[:, :2], 0.0)
    distance = (away * away).sum(-1, keepdim=True).sqrt()
    x, y = (part / distance.clamp(min=1e-9) for part in (away[:, :1], away[:, 1:]))
    known = distance > AT_HAND
    ahead = torch.where(known, x * cos + y * sin, 1.0)  # cosine and sine of the turn to face it
    left = torch.where(known, y * cos - x * sin, 0.0)
    near = ahead >= math.cos(HEADING_SEEN)
    bound = torch.where(left < 0, math.sin(HEADING_SEEN), -math.sin(HEADING_SEEN))
    seen_cos = torch.where(near, ahead, math.cos(HEADING_SEEN))
    seen_sin = torch.where(near, -left, bound)
    return torch.where(named, seen_cos, cos), torch.where(named, seen_sin, sin)

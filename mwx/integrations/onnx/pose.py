"""The robot's pose in torch, with operations that ONNX has: no atan2, no cross product."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mwx.experts.kinematics import facing, rotation
from mwx.types import Array

FAR = 1e30  # [m] no target lies beyond: also finds NaN, which compares as false


class Pose(NamedTuple):
    """A batch of proprio, taken apart.

    Attributes:
        position: (B, 3) [m, world]; frame: (B, 3, 3) the pelvis' rotation.
        joints: (B, 19) [rad]; velocity: (B, 3) [m/s, world]; spin: (B, 3) [rad/s, body];
        rates: (B, 19) [rad/s].
    """

    position: Tensor
    frame: Tensor
    joints: Tensor
    velocity: Tensor
    spin: Tensor
    rates: Tensor

    @property
    def gravity(self) -> Tensor:
        """(B, 3) direction of gravity in the pelvis' frame."""
        return -self.frame[:, 2]

    def seen(self, point: Tensor) -> Tensor:
        """Return points (B, 3) of the world in the pelvis' frame."""
        return ((point - self.position)[:, None] @ self.frame)[:, 0]


def pose(proprio: Tensor, products: Tensor) -> Pose:
    """Return the parts of proprio (B, 51).

    Args:
        products: (16, 9) what `quaternion_products` gives.
    """
    quat = proprio[:, 3:7]
    pairs = (quat[:, :, None] * quat[:, None]).reshape(-1, 16)
    norm = (quat * quat).sum(-1, keepdim=True)
    frame = (pairs @ products / norm).reshape(-1, 3, 3)
    return Pose(proprio[:, :3], frame, proprio[:, 7:26], proprio[:, 26:29], proprio[:, 29:32],
                proprio[:, 32:51])


def quaternion_products() -> Array:
    """Return (16, 9): the rotation matrix, row by row, of the products q_i q_j of a quaternion."""
    forms = np.zeros((3, 3, 4, 4))
    for axis in range(3):
        forms[axis, axis] = np.diag([1, *(1 if axis == other else -1 for other in range(3))])
    for row, column in ((0, 1), (0, 2), (1, 2)):
        third, sign = 3 - row - column, -1 if (column - row) == 1 else 1
        for i, j, turned in ((row, column, sign), (column, row, -sign)):
            forms[i, j, row + 1, column + 1] = 2
            forms[i, j, 0, third + 1] = 2 * turned
    return forms.reshape(9, 16).T


def ahead(prone: bool) -> Array:
    """Return the direction (3,) in the pelvis' frame whose bearing is the robot's heading."""
    return rotation(facing(np.array([1.0, 0, 0, 0]), prone))[:, 0]


def heading(frame: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and sine (B, K) of the bearings of K directions (3, K) in frames (B, 3, 3)."""
    flat = frame[:, :2] @ directions  # (B, 2, K)
    norm = (flat * flat).sum(1).sqrt()
    known, safe = norm > 0, norm.clamp(min=1e-30)
    return (torch.where(known, flat[:, 0] / safe, 1.0), torch.where(known, flat[:, 1] / safe, 0.0))


def in_heading(vector: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return vectors (B, 3) of the world in K frames turned by headings (B, K): (B, K, 3)."""
    x, y, z = (vector[:, i:i + 1] for i in range(3))
    return torch.stack([cos * x + sin * y, cos * y - sin * x, z + 0 * cos], -1)


def exists(point: Tensor) -> Tensor:
    """Return (B, 1) bool: all coordinates of points (B, 3) are finite."""
    return (point.abs() < FAR).all(-1, keepdim=True)

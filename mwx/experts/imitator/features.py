"""What the privileged imitator sees, and when a robot counts as lost."""

import numpy as np

from mwx.experts.imitator.bank import Moment
from mwx.experts.imitator.metrics import SUCCESS
from mwx.experts.kinematics import heading_rotation, rotation
from mwx.maths import rotations
from mwx.robot import H1
from mwx.types import Array

DROP = 0.3  # [m] of the pelvis below its reference
TILT = 0.7  # sine of the angle between the robot's gravity and the reference's


def features(qpos: Array, qvel: Array, points: Array, following: Moment, command: Array) -> Array:
    """Return (B, F) float32 features of robots and what comes next, each of order one.

    Everything horizontal is in the robot's heading frame. In order: the full state (height, gravity
    in the pelvis frame, linear and angular velocity, joints, joint velocities: together they say
    where every body is and how it moves); the one-frame differences to the next reference (base
    position, rotation, velocity, angular velocity, joints, joint velocities, every body point); the
    next reference itself (height, joints, feet on the ground); the regulator's servo error.

    Args:
        qpos, qvel, points: (B, 26), (B, 25), (B, P, 3) state now.
        following: the references one frame on.
        command: (B, 19) [rad] of the regulators now.
    """
    heading = heading_rotation(qpos[:, 3:7])

    def level(vectors: Array) -> Array:
        return np.einsum("bji,b...j->b...i", heading, vectors)

    turn = rotations.log(rotations.multiply(rotations.conjugate(qpos[:, 3:7]),
                                            following.qpos[:, 3:7]))
    off = level(following.points - points).reshape(len(qpos), -1)
    parts = [5 * (qpos[:, 2:3] - 1), -rotation(qpos[:, 3:7])[:, 2], level(qvel[:, :3]),
             0.3 * qvel[:, 3:6], qpos[:, 7:] - H1.home_joints, 0.1 * qvel[:, 6:],
             5 * level(following.qpos[:, :3] - qpos[:, :3]), 3 * turn,
             level(following.qvel[:, :3] - qvel[:, :3]),
             0.3 * (following.qvel[:, 3:6] - qvel[:, 3:6]),
             3 * (following.qpos[:, 7:] - qpos[:, 7:]), 0.1 * (following.qvel[:, 6:] - qvel[:, 6:]),
             5 * off, 5 * (following.qpos[:, 2:3] - 1), following.qpos[:, 7:] - H1.home_joints,
             following.contact, 2 * (command - qpos[:, 7:])]
    return np.clip(np.concatenate(parts, -1), -10, 10).astype(np.float32)


def lost(qpos: Array, wanted: Array, distance: Array) -> Array:
    """Return (B,) bool: early termination.

    H2O's bounds (mean body distance, base height, projected gravity), the last two held against the
    reference, so that sitting and crawling are no falls.

    Args:
        qpos, wanted: (B, 26) states and references.
        distance: (B,) [m] mean body distances.
    """
    up, wanted_up = (rotation(q[:, 3:7])[:, :, 2] for q in (qpos, wanted))
    cosine = (up * wanted_up).sum(-1)
    return ((distance > SUCCESS) | (qpos[:, 2] < wanted[:, 2] - DROP)
            | (cosine < (1 - TILT ** 2) ** 0.5) | ~np.isfinite(distance))

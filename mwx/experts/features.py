"""Heading-frame features: what an expert's network reads. A walker must not care where it is."""

import numpy as np

from mwx.experts.kinematics import facing, heading_rotation, rotation, yaw
from mwx.experts.prior import Prior, Target, is_gait
from mwx.robot import H1
from mwx.types import Array, Obs

JOINTS = slice(7, 26)
SIZE = 54  # features before the prior's own


def features(obs: Obs, target: Target) -> Array:
    """Return (B, F) float32 features of robot and prior, each of order one.

    In order: pelvis height (1), gravity direction in the pelvis frame (3), linear velocity in the
    heading frame (3), angular velocity (3), joints relative to home (19), joint velocities (19),
    heading from where to face (2), phase (2), ramp (1), reference speed (1), the prior's own.
    """
    p = obs.proprio
    quat, front = p[:, 3:7], facing(p[:, 3:7], target.prone)
    gravity = -rotation(quat)[:, 2]  # world down in the pelvis frame
    velocity = np.einsum("bji,bj->bi", heading_rotation(front), p[:, 26:29])
    heading = (yaw(front) - target.heading)[:, None]
    parts = [5 * (p[:, 2:3] - 1), gravity, velocity, 0.3 * p[:, 29:32],
             p[:, JOINTS] - H1.home_joints, 0.1 * p[:, 32:51], np.sin(heading), np.cos(heading),
             target.phase, target.ramp[:, None], target.speed[:, None], target.extra]
    return np.clip(np.concatenate(parts, -1), -10, 10).astype(np.float32)


def mirror_map(prior: Prior) -> tuple[Array, Array]:
    """Return index and sign (F,) of the left-right reflection: mirrored = sign * f[:, index].

    A gait is its own reflection half a period later, so its phase changes sign; a symmetric prior's
    own features are a point's x, y, z, if it has any.
    """
    clock = [-1.0, -1.0] if is_gait(prior.reference) else [1.0, 1.0]
    sign = np.concatenate([[1], [1, -1, 1], [1, -1, 1], [-1, 1, -1], H1.mirror_sign,
                           H1.mirror_sign, [-1, 1], clock, [1, 1], [1, -1, 1][:prior.extra_dim]])
    index = np.arange(len(sign))
    index[10:29] = 10 + H1.mirror_joint
    index[29:48] = 29 + H1.mirror_joint
    return index, sign

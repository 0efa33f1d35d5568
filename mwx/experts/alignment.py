"""The alignment reward: how closely the robot follows its reference (eq. 4)."""

from dataclasses import dataclass

import numpy as np

from mwx.types import Array


@dataclass(frozen=True)
class AlignmentConfig:
    """Scalars of eq. (4).

    Attributes:
        weight: w, the reward at perfect alignment is w (1 + lambda).
        position: alpha [1/rad^2].
        velocity: beta [s^2/rad^2].
        velocity_share: lambda.
    """

    weight: float = 1.0
    position: float = 1.0
    velocity: float = 0.03
    velocity_share: float = 0.2


def alignment_reward(q: Array, qd: Array, q_ref: Array, qd_ref: Array, joint_weights: Array,
                     config: AlignmentConfig) -> Array:
    """Energy-based imitation reward, Paper eq. (4).

    R_t = w [exp(-alpha ||q - q*||^2) + lambda exp(-beta ||qd - qd*||^2)], the norms weighted per
    joint by the dynamic reweighting of Fig. 3.

    Args:
        q, q_ref: (B, J) [rad] joint positions and the phase-aligned reference.
        qd, qd_ref: (B, J) [rad/s].
        joint_weights: (J,) mean 1.
        config: w, alpha, beta, lambda.

    Returns:
        (B,) in (0, w (1 + lambda)].
    """
    position = ((q - q_ref) ** 2 * joint_weights).sum(-1)
    velocity = ((qd - qd_ref) ** 2 * joint_weights).sum(-1)
    c = config
    return c.weight * (np.exp(-c.position * position)
                       + c.velocity_share * np.exp(-c.velocity * velocity))

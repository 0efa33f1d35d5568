"""Composition of expert actions: paper eqs. (2), (9) and (13)."""

from collections.abc import Sequence

import numpy as np

from mwx.types import Array

GROUPS = ("legs", "torso", "left_arm", "right_arm")


def compose(weights: Array, proposals: Array, groups: Array | None = None) -> Array:
    """Mix the experts' actions. Paper eq. (9): pi_mix(s) = sum_i w_i pi_i(s).

    Args:
        weights: w, (B, K) on the simplex; or (B, G, K), one simplex per joint group.
        proposals: pi_i(s), (B, K, A) in [-1, 1].
        groups: (A,) int, the group of each action; needed where G > 1.

    Returns:
        (B, A) actions, each within the range that the experts propose for it.

    Raises:
        ValueError: shapes do not fit.
    """
    batch, count, size = proposals.shape
    if weights.ndim == 2:
        weights = weights[:, None]  # (B, 1, K)
    if weights.shape[0] != batch or weights.shape[2] != count:
        raise ValueError(f"weights {weights.shape} do not fit proposals {proposals.shape}")
    if weights.shape[1] == 1:
        return np.einsum("bk,bka->ba", weights[:, 0], proposals)
    if groups is None or len(groups) != size:
        raise ValueError(f"{weights.shape[1]} groups need the group of each of {size} actions")
    return np.einsum("bak,bka->ba", weights[:, groups], proposals)


def joint_groups(joint_names: Sequence[str]) -> Array:
    """Return the group of each joint, (A,) int into GROUPS, from the robot's joint names."""
    return np.array([_group(name) for name in joint_names])


def _group(joint: str) -> int:
    if any(part in joint for part in ("hip", "knee", "ankle")):
        return GROUPS.index("legs")
    if joint == "torso":
        return GROUPS.index("torso")
    return GROUPS.index("left_arm" if joint.startswith(("left", "lh")) else "right_arm")


def smoothed(previous: Array, weights: Array, started: Array, dt: float, time_s: float) -> Array:
    """Return weights that follow the new ones with a time constant; still on the simplex.

    Args:
        previous, weights: (B, G, K).
        started: (B,) bool; rows that have no previous weights take the new ones.
        dt: [s] control period.
        time_s: [s] time constant; 0 for none.
    """
    rate = 1.0 if time_s <= 0 else 1 - np.exp(-dt / time_s)
    rate = np.where(started, rate, 1.0)[:, None, None]
    return previous + rate * (weights - previous)


def top_choice(previous: Array, weights: Array, started: Array, margin: float) -> Array:
    """Return one-hot weights (B, G, K): the best expert, kept until another leads by a margin.

    Two opposed experts at one half each cancel in eq. (9); one expert at a time does not.
    """
    best, current = weights.argmax(-1), previous.argmax(-1)  # (B, G)
    lead = _at(weights, best) - _at(weights, current)
    choice = np.where(started[:, None] & (lead <= margin), current, best)
    return np.eye(weights.shape[-1])[choice]


def _at(weights: Array, index: Array) -> Array:
    return np.take_along_axis(weights, index[..., None], -1)[..., 0]

"""What a recorded trajectory's state says in plain quantities: height, lean, speed, hands."""

from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError
from mwx.experts.kinematics import Limbs
from mwx.maths.rotations import to_matrix
from mwx.robot import H1
from mwx.router.demos import Demonstration
from mwx.router.features import gravity_b
from mwx.router.policies import CONTROL_DT
from mwx.types import Array, brief

WINDOW_S = 0.5  # [s] over which speeds are averaged: more than half a step of a gait
HANDS = ("left_hand", "right_hand")


@dataclass(frozen=True)
class BodyState:
    """T steps of one trajectory in plain quantities.

    Attributes:
        height: (T,) [m] of the pelvis.
        lean: (T,) [rad] of the pelvis from upright, in [0, pi].
        prone: (T,) bool, it leans forward rather than backward.
        speed: (T,) [m/s] planar speed of the base, its velocity averaged over WINDOW_S.
        distance: (T, 2) [m] left and right hand from their targets; NaN without a target.
        closing: (T, 2) [m/s] each hand's own speed towards its target, the base's not counted,
            averaged over WINDOW_S; 0 without a target.
        right_named: (T,) bool, the right hand has a target of its own; elsewhere both hands are
            measured from the one target there is.
    """

    height: Array
    lean: Array
    prone: Array
    speed: Array
    distance: Array
    closing: Array
    right_named: Array

    __repr__ = brief


def body_state(demo: Demonstration) -> BodyState:
    """Return the plain quantities of a demonstration of the H1.

    Raises:
        MwxError: another robot's state.
    """
    if demo.proprio.shape[1] != H1.obs_dim:
        raise MwxError(f"this demonstration of '{demo.task}' has {demo.proprio.shape[1]} numbers "
                       f"of the robot's own state; rules and key frames read H1's {H1.obs_dim}")
    quat = demo.proprio[:, 3:7]
    down = gravity_b(quat)
    velocity = averaged(demo.proprio[:, 26:28])
    place, _ = Limbs(HANDS).place(demo.proprio[:, 7:26])
    arm = np.einsum("tij,thj->thi", to_matrix(quat), place)  # (T, 2, 3) from the base, world axes
    distance, closing = _towards(arm, demo.proprio[:, :3], _targets(demo))
    return BodyState(demo.proprio[:, 2], np.arccos(np.clip(-down[:, 2], -1, 1)), down[:, 0] > 0,
                     np.linalg.norm(velocity, axis=-1), distance, closing,
                     np.asarray(np.isfinite(demo.right_target).all(-1)))


def averaged(values: Array, window_s: float = WINDOW_S) -> Array:
    """Return the centred moving average of (T, ...); at the ends over what there is."""
    half = round(window_s / CONTROL_DT / 2)
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    time = np.arange(len(values))
    first, last = np.maximum(time - half, 0), np.minimum(time + half + 1, len(values))
    count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
    return (total[last] - total[first]) / count


def _targets(demo: Demonstration) -> Array:
    """Return where the hands should go, (T, 2, 3); the right one's own where it is named."""
    right = np.where(np.isfinite(demo.right_target), demo.right_target, demo.target)
    return np.stack([demo.target, right], 1)


def _towards(arm: Array, base: Array, targets: Array) -> tuple[Array, Array]:
    """Return distances and closing speeds (T, 2) of hands (T, 2, 3) from the base."""
    offset = targets - arm - base[:, None]
    distance = np.linalg.norm(offset, axis=-1)
    speed = np.gradient(arm, CONTROL_DT, axis=0) if len(arm) > 1 else np.zeros_like(arm)
    towards = (speed * offset).sum(-1) / np.maximum(distance, 1e-6)
    return distance, averaged(np.nan_to_num(towards))

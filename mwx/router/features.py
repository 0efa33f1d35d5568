"""What the router reads: heading-frame body features, the hands' targets, task quantities."""

import numpy as np

from mwx.maths.rotations import heading
from mwx.types import Array, Obs


def features(obs: Obs) -> Array:
    """Return the router's input features, (B, F) float32.

    World x and y are left out: where the robot is matters only relative to things, which the
    task group and the target give.

    Args:
        obs: proprio (B, nq + nv) with a free base first, task (B, D), target and
            right_target (B, 3) [m, world], NaN for none.
    """
    return np.concatenate([body_features(obs.proprio), target_features(obs.proprio, obs.target),
                           target_features(obs.proprio, obs.right_target),
                           np.asarray(obs.task, float)], axis=-1).astype(np.float32)


def feature_groups(proprio_dim: int, task_dim: int) -> dict[str, slice]:
    """Return where each group lies in the features, by name."""
    body = proprio_dim - 6 + 5  # heading (2) and gravity (3) replace x, y and the quaternion
    return {"body": slice(0, body), "target": slice(body, body + 4),
            "right_target": slice(body + 4, body + 8),
            "task": slice(body + 8, body + 8 + task_dim)}


def body_features(proprio: Array) -> Array:
    """Return (B, nq + nv - 1): base height, heading, gravity direction, velocities, joints.

    Args:
        proprio: (B, nq + nv): base position [m], base quaternion (w, x, y, z), joints [rad], base
            velocity [m/s, world], base angular velocity [rad/s, body], joint velocities [rad/s].
    """
    nq = (proprio.shape[-1] + 1) // 2
    qpos, qvel = proprio[..., :nq], proprio[..., nq:]
    yaw = heading(qpos[..., 3:7])
    return np.concatenate([
        qpos[..., 2:3], np.cos(yaw)[..., None], np.sin(yaw)[..., None],
        gravity_b(qpos[..., 3:7]), turn(qvel[..., :3], -yaw), qvel[..., 3:6],
        qpos[..., 7:], qvel[..., 6:]], axis=-1)


def target_features(proprio: Array, target: Array) -> Array:
    """Return (B, 4): the target from the base in the heading frame [m], and whether it exists."""
    exists = np.isfinite(target).all(-1, keepdims=True)
    offset = np.where(exists, target - proprio[..., :3], 0.0)
    return np.concatenate([turn(offset, -heading(proprio[..., 3:7])), exists], axis=-1)


def gravity_b(quat: Array) -> Array:
    """Return the direction of gravity in the body frame, (..., 3), for quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(quat, -1, 0)
    square = w * w + x * x + y * y + z * z
    down = [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z]
    return -np.stack(down, -1) / np.maximum(square, 1e-12)[..., None]


def turn(vector: Array, yaw: Array) -> Array:
    """Return vectors (..., 3) turned about the vertical by yaw [rad]."""
    c, s = np.cos(yaw), np.sin(yaw)
    x, y, z = np.moveaxis(vector, -1, 0)
    return np.stack([c * x - s * y, s * x + c * y, z], -1)

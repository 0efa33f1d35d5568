"""Rotations as unit quaternions (w, x, y, z), vectorised over leading axes."""

import numpy as np

from mwx.types import Array

SMALL_ANGLE = 1e-8  # [rad] below it the sine quotient is replaced by its limit


def cross(a: Array, b: Array) -> Array:
    """Return a x b (..., 3), the digits of np.cross several times faster on few vectors."""
    x, y, z = (a[..., i] for i in range(3))
    u, v, w = (b[..., i] for i in range(3))
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


def multiply(a: Array, b: Array) -> Array:
    """Return the product a b of quaternions (..., 4): first b turns, then a."""
    w1, v1, w2, v2 = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    real = w1 * w2 - np.sum(v1 * v2, axis=-1, keepdims=True)
    return np.concatenate([real, w1 * v2 + w2 * v1 + cross(v1, v2)], axis=-1)


def conjugate(q: Array) -> Array:
    """Return the inverse rotation of unit quaternions (..., 4)."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: Array, v: Array) -> Array:
    """Return vectors v (..., 3) turned by quaternions q (..., 4)."""
    u = q[..., 1:]
    t = 2 * cross(u, v)
    return v + q[..., :1] * t + cross(u, t)


def exp(rotvec: Array) -> Array:
    """Return the quaternions of rotation vectors (..., 3) [rad]."""
    angle = np.linalg.norm(rotvec, axis=-1, keepdims=True)
    scale = np.where(angle < SMALL_ANGLE, 0.5,
                     np.sin(angle / 2) / np.where(angle < SMALL_ANGLE, 1.0, angle))
    return np.concatenate([np.cos(angle / 2), scale * rotvec], axis=-1)


def log(q: Array) -> Array:
    """Return the rotation vectors (..., 3) [rad] of quaternions, with angles in [0, pi]."""
    q = np.where(q[..., :1] < 0, -q, q)
    norm = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(norm, q[..., :1])
    scale = np.where(norm < SMALL_ANGLE, 2.0, angle / np.where(norm < SMALL_ANGLE, 1.0, norm))
    return scale * q[..., 1:]


def to_matrix(q: Array) -> Array:
    """Return rotation matrices (..., 3, 3) of quaternions (..., 4) of any length."""
    unit = q / np.sqrt(np.add.reduce(q * q, axis=-1, keepdims=True))
    w, x, y, z = (unit[..., i] for i in range(4))
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
    return np.stack(rows, -1).reshape(*w.shape, 3, 3)


def from_matrix(matrix: Array) -> Array:
    """Return quaternions (..., 4) with w >= 0 of rotation matrices (..., 3, 3)."""
    m = np.asarray(matrix, float)
    trace = np.trace(m, axis1=-2, axis2=-1)
    diagonal = np.diagonal(m, axis1=-2, axis2=-1)
    # four times the square of each component; the largest one divides, so nothing cancels
    squares = np.concatenate([1 + trace[..., None], 1 + 2 * diagonal - trace[..., None]], -1)
    skew = [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]]
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    w, x, y, z = np.moveaxis(squares, -1, 0)
    rows = np.stack([np.stack([w, *skew], -1), np.stack([skew[0], x, xy, xz], -1),
                     np.stack([skew[1], xy, y, yz], -1), np.stack([skew[2], xz, yz, z], -1)], -2)
    best = np.argmax(squares, axis=-1)[..., None, None]
    q = np.take_along_axis(rows, np.broadcast_to(best, (*best.shape[:-1], 4)), axis=-2)[..., 0, :]
    q = np.where(q[..., :1] < 0, -q, q)
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def about(axis: str, angle: Array) -> Array:
    """Return the quaternions (..., 4) of turns by angle (...) [rad] about "x", "y" or "z"."""
    angle = np.asarray(angle, float)
    q = np.zeros((*angle.shape, 4))
    q[..., 0], q[..., 1 + "xyz".index(axis)] = np.cos(angle / 2), np.sin(angle / 2)
    return q


def heading(q: Array) -> Array:
    """Return the yaw (...) [rad] of the turned x axis, seen from above; q of any length."""
    w, x, y, z = (q[..., i] for i in range(4))
    return np.arctan2(2 * (w * z + x * y), w * w + x * x - y * y - z * z)


def slerp(a: Array, b: Array, part: Array) -> Array:
    """Return the quaternions a part (...) of the way from a to b (..., 4), the short way."""
    step = log(multiply(conjugate(a), b))
    return multiply(a, exp(np.asarray(part)[..., None] * step))

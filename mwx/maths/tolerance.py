"""dm_control's tolerance: 1 inside an interval, decaying with the distance outside."""

import math
from collections.abc import Callable

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.types import Array

Bounds = tuple[float, float]


def at_least(value: float) -> Bounds:
    """Return the interval [value, infinity)."""
    return value, math.inf


def exactly(value: float) -> Bounds:
    """Return the interval [value, value]."""
    return value, value


def between(low: float, high: float) -> Bounds:
    """Return the interval [low, high]."""
    return low, high


def tolerance(x: Array | float, bounds: Bounds, margin: float = 0.0, sigmoid: str = "gaussian",
              value_at_margin: float = 0.1) -> Array:
    """Return how well x lies in an interval (dm_control's `rewards.tolerance`).

    With d the distance of x from [low, high] and z = d / margin the value is 1 at d = 0, the
    sigmoid of z outside, and `value_at_margin` at d = margin. A margin of 0 gives 0 outside.

    Args:
        x: values of any shape.
        bounds: (low, high), see `at_least`, `exactly`, `between`.
        margin: [unit of x] distance at which the value has fallen to `value_at_margin`.
        sigmoid: one of SIGMOIDS.
        value_at_margin: in (0, 1), or [0, 1) for linear, quadratic and cosine.

    Returns:
        Values in [0, 1] with the shape of x; NaN where x is NaN.

    Raises:
        MwxError: unknown sigmoid, empty interval, negative margin, or a value out of its range.
    """
    low, high = bounds
    _check(low, high, margin, sigmoid, value_at_margin)
    x = np.asarray(x, dtype=np.float64)
    distance = np.maximum(low - x, 0.0) + np.maximum(x - high, 0.0)
    if margin == 0:
        return np.where(np.isnan(x), x, (distance == 0).astype(np.float64))
    return SIGMOIDS[sigmoid](distance / margin, value_at_margin)


def _check(low: float, high: float, margin: float, sigmoid: str, value: float) -> None:
    if sigmoid not in SIGMOIDS:
        raise unknown("sigmoid", sigmoid, SIGMOIDS)
    if not low <= high:
        raise MwxError(f"tolerance bounds ({low}, {high}): the low bound must not exceed the high")
    if margin < 0:
        raise MwxError(f"tolerance margin {margin}: must be zero or positive")
    if not (0 <= value < 1 if sigmoid in MAY_REACH_ZERO else 0 < value < 1):
        bracket = "[0, 1)" if sigmoid in MAY_REACH_ZERO else "(0, 1)"
        raise MwxError(f"value_at_margin {value}: must lie in {bracket} for sigmoid '{sigmoid}'")


def _gaussian(z: Array, v: float) -> Array:
    return np.exp(-(z**2) * math.log(1 / v))


def _hyperbolic(z: Array, v: float) -> Array:
    # beyond 700 cosh overflows; the value there is 0 to double precision
    return 1 / np.cosh(np.minimum(z * math.acosh(1 / v), 700.0))


def _long_tail(z: Array, v: float) -> Array:
    return 1 / (1 + z**2 * (1 / v - 1))


def _reciprocal(z: Array, v: float) -> Array:
    return 1 / (1 + z * (1 / v - 1))


def _cosine(z: Array, v: float) -> Array:
    scaled = np.minimum(z * math.acos(2 * v - 1) / math.pi, 1.0)
    return (1 + np.cos(math.pi * scaled)) / 2


def _linear(z: Array, v: float) -> Array:
    return np.maximum(1 - (1 - v) * z, 0.0)


def _quadratic(z: Array, v: float) -> Array:
    return np.maximum(1 - (1 - v) * z**2, 0.0)


def _tanh_squared(z: Array, v: float) -> Array:
    return 1 - np.tanh(z * math.atanh(math.sqrt(1 - v))) ** 2


SIGMOIDS: dict[str, Callable[[Array, float], Array]] = {
    "gaussian": _gaussian,
    "hyperbolic": _hyperbolic,
    "long_tail": _long_tail,
    "reciprocal": _reciprocal,
    "cosine": _cosine,
    "linear": _linear,
    "quadratic": _quadratic,
    "tanh_squared": _tanh_squared,
}
MAY_REACH_ZERO = ("linear", "quadratic", "cosine")

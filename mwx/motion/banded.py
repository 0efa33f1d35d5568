"""The quadratic programme of paper eq. (8): block-tridiagonal, with bounds on moves and speeds."""

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from mwx.types import Array

STIFFNESS = 300.0  # penalty over the typical weight; only the speed of convergence depends on it
TOLERANCE = 1e-7  # [rad], also between frames: largest violation that counts as none
MAX_ROUNDS = 200


def solve(weight: Array, error: Array, gamma: float, fps: float, moves: tuple[Array, Array],
          speeds: tuple[Array, Array]) -> Array:
    """Return the moves x (T, N) that minimise eq. (8) around its seed, within hard bounds.

    minimise sum_t x_t' W_t x_t + gamma sum_t e_t' V_t e_t, with e_t = fps (x_{t+1} - x_t) + error_t
    and V_t the mean of the neighbouring W, subject to bounds on x_t and on fps (x_{t+1} - x_t).
    An augmented Lagrangian: each round is one banded Cholesky solve on the current active set, and
    the multipliers make the bounds exact.

    Args:
        weight: (T, N, N) positive definite W_t.
        error: (T - 1, N) velocity of the seed minus the velocity wanted.
        gamma: [s^2]; fps: [Hz].
        moves: (low, high), each (T, N); speeds: (low, high), each (T - 1, N).
    """
    between = (weight[:-1] + weight[1:]) / 2
    pull = np.zeros(weight.shape[:2])
    slope = gamma * fps * np.einsum("tij,tj->ti", between, error)
    pull[:-1] += slope
    pull[1:] -= slope
    diagonal = weight.copy()
    diagonal[:-1] += gamma * fps ** 2 * between
    diagonal[1:] += gamma * fps ** 2 * between
    beside = -gamma * fps ** 2 * between
    stiff = STIFFNESS * np.median(np.einsum("tii->ti", weight), axis=0)
    return _bounded(diagonal, beside, pull, stiff, moves, tuple(s / fps for s in speeds))


def _bounded(diagonal: Array, beside: Array, pull: Array, stiff: Array,
             moves: tuple[Array, Array], steps: tuple[Array, ...]) -> Array:
    """Newton on the active set for fixed multipliers; multipliers once the set has settled."""
    x = np.zeros(pull.shape)
    prices = (np.zeros(pull.shape), np.zeros(pull[:-1].shape))
    active = last = _active(x, prices, stiff, moves, steps)
    factor = _factor(diagonal, beside, stiff, active)
    for _ in range(MAX_ROUNDS):
        if _differ(active, last):
            factor, last = _factor(diagonal, beside, stiff, active), active
        x = _step(factor, pull, stiff, active, prices, moves, steps)
        found = _active(x, prices, stiff, moves, steps)
        if not _differ(found, active):
            new = (stiff * _excess(x + prices[0] / stiff, moves),
                   stiff * _excess(np.diff(x, axis=0) + prices[1] / stiff, steps))
            # a multiplier moves by stiffness times violation: at rest, both conditions hold
            drift = max(np.abs((a - b) / stiff).max(initial=0)
                        for a, b in zip(new, prices, strict=True))
            if drift < TOLERANCE:
                break
            prices = new
            found = _active(x, prices, stiff, moves, steps)
        active = found
    return x


def _active(x: Array, prices: tuple[Array, Array], stiff: Array, moves: tuple[Array, Array],
            steps: tuple[Array, ...]) -> tuple[Array, Array]:
    """Return which bounds push: +1 the upper, -1 the lower, 0 none."""
    return (np.sign(_excess(x + prices[0] / stiff, moves)),
            np.sign(_excess(np.diff(x, axis=0) + prices[1] / stiff, steps)))


def _differ(a: tuple[Array, Array], b: tuple[Array, Array]) -> bool:
    return any((x != y).any() for x, y in zip(a, b, strict=True))


def _factor(diagonal: Array, beside: Array, stiff: Array, active: tuple[Array, Array]) -> Array:
    index = np.arange(diagonal.shape[1])
    hard_move, hard_step = (np.abs(a) * stiff for a in active)
    main, side = diagonal.copy(), beside.copy()
    main[:, index, index] += hard_move
    main[:-1, index, index] += hard_step
    main[1:, index, index] += hard_step
    side[:, index, index] -= hard_step
    return cholesky_banded(_bands(main, side), lower=True)


def _step(factor: Array, pull: Array, stiff: Array, active: tuple[Array, Array],
          prices: tuple[Array, Array], moves: tuple[Array, Array], steps: tuple[Array, ...]
          ) -> Array:
    right = pull + np.abs(active[0]) * (stiff * _bound(active[0], moves) - prices[0])
    lever = np.abs(active[1]) * (stiff * _bound(active[1], steps) - prices[1])
    right[:-1] -= lever
    right[1:] += lever
    return cho_solve_banded((factor, True), right.ravel()).reshape(pull.shape)


def _excess(values: Array, bounds: tuple[Array, ...]) -> Array:
    """Return how far values lie above (+) or below (-) their bounds."""
    return np.maximum(values - bounds[1], 0) + np.minimum(values - bounds[0], 0)


def _bound(active: Array, bounds: tuple[Array, ...]) -> Array:
    """Return the bound that is active, zero where none is."""
    return np.where(active > 0, bounds[1], np.where(active < 0, bounds[0], 0.0))


def _bands(main: Array, side: Array) -> Array:
    """Return the lower bands (2 N, T N) of a block-tridiagonal matrix.

    Args:
        main: (T, N, N) diagonal blocks; side: (T - 1, N, N) blocks right of them, symmetric.
    """
    frames, size = main.shape[:2]
    out = np.zeros((2 * size, frames, size))
    for column in range(size):
        out[:size - column, :, column] = main[:, column:, column].T
        out[size - column:2 * size - column, :-1, column] = side[:, column, :].T
    return out.reshape(2 * size, frames * size)

"""The quadratic programme of paper eq. (8): block-tridiagonal, with bounds on moves and speeds."""

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from mwx.types import Array

STIFFNESS = 300.0  # penalty over the typical weight; only the speed of convergence depends on it
TOLERANCE = 1e-7  # [rad] and, times fps, [rad/s]: largest violation that counts as none
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
    size = diagonal.shape[1]
    index = np.arange(size)
    price_move, price_step = np.zeros(pull.shape), np.zeros(pull[:-1].shape)
    x, last, factor = np.zeros(pull.shape), None, None
    for _ in range(MAX_ROUNDS):
        over_move = _excess(x + price_move / stiff, moves)
        over_step = _excess(np.diff(x, axis=0) + price_step / stiff, steps)
        active = (np.sign(over_move), np.sign(over_step))
        if last is None or any((a != b).any() for a, b in zip(active, last, strict=True)):
            hard_move, hard_step = (np.abs(a) * stiff for a in active)
            main, side = diagonal.copy(), beside.copy()
            main[:, index, index] += hard_move
            main[:-1, index, index] += hard_step
            main[1:, index, index] += hard_step
            side[:, index, index] -= hard_step
            factor, last = cholesky_banded(_bands(main, side), lower=True), active
        right = pull + stiff * np.abs(active[0]) * _bound(active[0], moves) \
            - np.abs(active[0]) * price_move
        lever = np.abs(active[1]) * (stiff * _bound(active[1], steps) - price_step)
        right[:-1] -= lever
        right[1:] += lever
        x = cho_solve_banded((factor, True), right.ravel()).reshape(pull.shape)
        price_move = stiff * _excess(x + price_move / stiff, moves)
        price_step = stiff * _excess(np.diff(x, axis=0) + price_step / stiff, steps)
        worst = max(np.abs(_excess(x, moves)).max(initial=0),
                    np.abs(_excess(np.diff(x, axis=0), steps)).max(initial=0))
        if worst < TOLERANCE and _settled(active, price_move, price_step):
            break
    return x


def _settled(active: tuple[Array, Array], price_move: Array, price_step: Array) -> bool:
    """Return whether the active set is the one whose multipliers push."""
    return bool((np.sign(price_move) == active[0]).all()
                and (np.sign(price_step) == active[1]).all())


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

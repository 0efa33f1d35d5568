"""Eq. (8)'s solver against a dense reference optimiser."""

import numpy as np
from scipy.optimize import minimize

from mwx.motion.banded import solve
from mwx.rng import generator

FRAMES, SIZE, FPS, GAMMA = 7, 2, 10.0, 0.01


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = generator(0, "programme")
    root = rng.normal(size=(FRAMES, SIZE, SIZE))
    weight = np.einsum("tij,tkj->tik", root, root) + 0.5 * np.eye(SIZE)
    return weight, rng.normal(size=(FRAMES - 1, SIZE)) * 3


def cost(flat: np.ndarray, weight: np.ndarray, error: np.ndarray) -> float:
    x = flat.reshape(FRAMES, SIZE)
    rate = FPS * np.diff(x, axis=0) + error
    between = (weight[:-1] + weight[1:]) / 2
    return float(np.einsum("ti,tij,tj", x, weight, x)
                 + GAMMA * np.einsum("ti,tij,tj", rate, between, rate))


def wide(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((rows, SIZE), -np.inf), np.full((rows, SIZE), np.inf)


def test_bounded_solution_equals_the_dense_optimum() -> None:
    weight, error = problem()
    moves = (np.full((FRAMES, SIZE), -0.05), np.full((FRAMES, SIZE), 0.08))
    speeds = (np.full((FRAMES - 1, SIZE), -0.9), np.full((FRAMES - 1, SIZE), 0.6))
    x = solve(weight, error, GAMMA, FPS, moves, speeds)
    rate = {"type": "ineq", "fun": lambda f: np.concatenate([
        (0.6 - FPS * np.diff(f.reshape(FRAMES, SIZE), axis=0)).ravel(),
        (0.9 + FPS * np.diff(f.reshape(FRAMES, SIZE), axis=0)).ravel()])}
    dense = minimize(cost, np.zeros(FRAMES * SIZE), args=(weight, error), method="SLSQP",
                     bounds=[(-0.05, 0.08)] * (FRAMES * SIZE), constraints=[rate],
                     options={"ftol": 1e-13, "maxiter": 500})
    assert dense.success
    np.testing.assert_allclose(x.ravel(), dense.x, atol=2e-5)
    active = (np.isclose(x, -0.05, atol=1e-6) | np.isclose(x, 0.08, atol=1e-6)).sum()
    assert active > 0 and np.isclose(np.abs(FPS * np.diff(x, axis=0)), 0.6, atol=1e-5).any()
    assert (x >= -0.05 - 1e-6).all() and (x <= 0.08 + 1e-6).all()


def test_free_solution_has_zero_gradient() -> None:
    weight, error = problem()
    x = solve(weight, error, GAMMA, FPS, wide(FRAMES), wide(FRAMES - 1))
    step = 1e-5
    for i in range(FRAMES * SIZE):
        move = np.zeros(FRAMES * SIZE)
        move[i] = step
        slope = (cost(x.ravel() + move, weight, error) - cost(x.ravel() - move, weight, error))
        assert abs(slope / (2 * step)) < 1e-6


def test_without_velocity_term_the_seed_stays() -> None:
    weight, error = problem()
    assert np.abs(solve(weight, error, 0.0, FPS, wide(FRAMES), wide(FRAMES - 1))).max() == 0

"""Two small worlds with known optima on which an agent must learn: a point mass, a pendulum."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mwx.rng import generators, get_state, set_state
from mwx.types import Array, Obs, Step


class Toy:
    """B worlds that differ in their state (B, S) alone; a subclass says how it moves and pays.

    Every world draws its starts from a generator of its own. Episodes end by the time limit only.
    """

    num_envs: int
    obs_dim: int
    act_dim: int
    max_steps: int

    def __init__(self, num_envs: int = 8, seed: int = 0):
        self.num_envs = num_envs
        self.reset(seed)

    def start(self, rng: np.random.Generator) -> Array:
        """Return the state (S,) at the start of an episode."""
        raise NotImplementedError

    def move(self, state: Array, action: Array) -> tuple[Array, Array]:
        """Return the next states (B, S) and the rewards (B,) of actions (B, A) in [-1, 1]."""
        raise NotImplementedError

    def see(self, state: Array) -> Array:
        """Return what is observed of states (B, S): (B, O)."""
        raise NotImplementedError

    def reset(self, seed: int | None = None) -> Obs:
        """Start B new episodes; a seed restarts every generator."""
        if seed is not None:
            self.rngs = generators(seed, type(self).__name__, self.num_envs)
        self.state = np.stack([self.start(rng) for rng in self.rngs])
        self.age = np.zeros(self.num_envs, np.int64)
        return self._obs()

    def step(self, action: Array) -> Step:
        """Advance by one step; worlds whose time is up start anew."""
        self.state, reward = self.move(self.state, np.clip(action, -1, 1).astype(np.float64))
        self.age += 1
        truncated, final = self.age >= self.max_steps, self._obs()
        for row in np.flatnonzero(truncated):
            self.state[row], self.age[row] = self.start(self.rngs[row]), 0
        never = np.zeros(self.num_envs, bool)
        return Step(self._obs(), reward, never, truncated, {"task_return": reward}, final)

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit."""
        return {"state": self.state.copy(), "age": self.age.copy(),
                "rngs": [get_state(rng) for rng in self.rngs]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from get_state."""
        self.state, self.age = state["state"].copy(), state["age"].copy()
        for rng, values in zip(self.rngs, state["rngs"], strict=True):
            set_state(rng, values)

    def _obs(self) -> Obs:
        seen = self.see(self.state).astype(np.float32)
        return Obs(seen, seen.copy(), np.zeros((self.num_envs, 0), np.float32),
                   np.full((self.num_envs, 3), np.nan))


class PlanarMass(Toy):
    """A unit mass in the plane, pushed to the origin: linear, with a quadratic cost.

    State and observation (x, y, vx, vy) [m, m/s]; action: force / FORCE; reward
    1 - x' Q x - R |a|^2 of the state and action before the step, at least -1. From every start the
    optimal regulator stays within all limits, so that it is the optimum.
    """

    obs_dim, act_dim, max_steps = 4, 2, 50
    DT, FORCE = 0.1, 2.0  # [s], [N]
    Q, R = np.diag([0.5, 0.5, 0.1, 0.1]), 0.5

    def matrices(self) -> tuple[Array, Array]:
        """Return A (4, 4) and B (4, 2) of x' = A x + B a."""
        eye, none = np.eye(2), np.zeros((2, 2))
        a = np.block([[eye, self.DT * eye], [none, eye]])
        return a, self.FORCE * np.vstack([0.5 * self.DT**2 * eye, self.DT * eye])

    def start(self, rng: np.random.Generator) -> Array:
        """Anywhere within a metre in x and in y, at rest."""
        return np.concatenate([rng.uniform(-1, 1, 2), np.zeros(2)])

    def move(self, state: Array, action: Array) -> tuple[Array, Array]:
        """Apply the linear map; the state is kept where rewards stay representable."""
        a, b = self.matrices()
        cost = np.einsum("bi,ij,bj->b", state, self.Q, state) + self.R * (action**2).sum(1)
        return np.clip(state @ a.T + action @ b.T, -3, 3), np.maximum(1 - cost, -1.0)

    def see(self, state: Array) -> Array:
        """The whole state."""
        return state


class Pendulum(Toy):
    """A rod to be swung up with a torque that cannot lift it, and held there.

    State (angle from upright [rad], speed [rad/s]); observation (cos, sin, speed / 8); action:
    torque / TORQUE; reward (1 + cos angle) / 2 - 0.05 (speed / 8)^2 - 0.005 a^2.

    Args:
        hanging: start at rest hanging down; otherwise from any angle at a small speed.
    """

    obs_dim, act_dim, max_steps = 3, 1, 120
    DT, TORQUE, GRAVITY, FASTEST = 0.05, 3.0, 9.81, 8.0  # [s], [N m], [m/s^2], [rad/s]

    def __init__(self, num_envs: int = 8, seed: int = 0, hanging: bool = False):
        self.hanging = hanging
        super().__init__(num_envs, seed)

    def start(self, rng: np.random.Generator) -> Array:
        """Hanging within 0.1 rad, or anywhere at up to 1 rad/s."""
        angle, speed = rng.uniform(-1, 1, 2)
        return np.array([np.pi + 0.1 * angle, 0.0] if self.hanging else [np.pi * angle, speed])

    def move(self, state: Array, action: Array) -> tuple[Array, Array]:
        """One semi-implicit step of a uniform rod of 1 kg and 1 m."""
        angle, speed = state.T
        a = action[:, 0]
        pull = 1.5 * self.GRAVITY * np.sin(angle) + 3 * self.TORQUE * a
        reward = (1 + np.cos(angle)) / 2 - 0.05 * (speed / self.FASTEST) ** 2 - 0.005 * a**2
        speed = np.clip(speed + self.DT * pull, -self.FASTEST, self.FASTEST)
        angle = (angle + self.DT * speed + np.pi) % (2 * np.pi) - np.pi
        return np.stack([angle, speed], 1), reward

    def see(self, state: Array) -> Array:
        """Angle without its jump, speed in units of the fastest."""
        return np.stack([np.cos(state[:, 0]), np.sin(state[:, 0]), state[:, 1] / self.FASTEST], 1)

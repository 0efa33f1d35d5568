"""A point mass on a line that must go to the origin: the smallest world an agent can learn."""

import numpy as np

from mwx.rng import generator, get_state, set_state
from mwx.types import Obs, Step


class PointMass:
    """B masses; observation (position, velocity), action (force), reward exp(-position^2)."""

    obs_dim, act_dim = 2, 1

    def __init__(self, num_envs: int = 8, max_steps: int = 25, seed: int = 0):
        self.num_envs, self.max_steps = num_envs, max_steps
        self.reset(seed)

    def reset(self, seed=None):
        if seed is not None:
            self.rng = generator(seed, "point mass")
        self.x = self.rng.uniform(-1, 1, (self.num_envs, 2)) * [1.0, 0.1]
        self.age = np.zeros(self.num_envs, np.int64)
        return self._obs()

    def _obs(self):
        x = self.x.astype(np.float32)
        none = np.zeros((self.num_envs, 0), np.float32)
        return Obs(x.copy(), x.copy(), none, np.full((self.num_envs, 3), np.nan))

    def step(self, action):
        force = np.clip(action[:, 0], -1, 1)
        self.x[:, 1] = 0.8 * self.x[:, 1] + 0.2 * force
        self.x[:, 0] += 0.5 * self.x[:, 1]
        self.age += 1
        reward = np.exp(-4 * self.x[:, 0] ** 2)
        terminated = np.abs(self.x[:, 0]) > 2
        truncated = (self.age >= self.max_steps) & ~terminated
        final = self._obs()
        for row in np.flatnonzero(terminated | truncated):
            self.x[row] = self.rng.uniform(-1, 1, 2) * [1.0, 0.1]
            self.age[row] = 0
        return Step(self._obs(), reward, terminated, truncated, {"task_return": reward}, final)

    def get_state(self):
        return {"x": self.x.copy(), "age": self.age.copy(), "rng": get_state(self.rng)}

    def set_state(self, state):
        self.x, self.age = state["x"].copy(), state["age"].copy()
        set_state(self.rng, state["rng"])

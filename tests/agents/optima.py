"""The best returns of the small worlds, by means that share nothing with the agent."""

import numpy as np
from scipy.linalg import solve_discrete_are

from mwx.agents.toys import Pendulum, PlanarMass


def returns(env, act):
    """Return the return (B,) of one episode under act(state) -> action (B, A)."""
    total = np.zeros(env.num_envs)
    for _ in range(env.max_steps):
        total += env.step(act(env.state)).reward
    return total


def regulator():
    """Return the planar mass's optimal feedback K (2, 4), a = -K x, and its cost-to-go P (4, 4)."""
    env = PlanarMass(1)
    a, b = env.matrices()
    r = env.R * np.eye(2)
    p = solve_discrete_are(a, b, env.Q, r)
    return np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a), p


def optimum(world, episodes=16, seed=1_000):
    """Return the mean of the best returns from the starts that agents are scored on."""
    if world == "mass":
        gain, _ = regulator()
        return returns(PlanarMass(episodes, seed), lambda x: -x @ gain.T).mean()
    return returns(Pendulum(episodes, seed, hanging=True), SwingUp()).mean()


class SwingUp:
    """The pendulum's best policy on a grid of states and torques, by value iteration."""

    def __init__(self, angles=181, speeds=161, torques=13, discount=0.995, sweeps=700):
        env = Pendulum(1)
        self.angle = np.linspace(-np.pi, np.pi, angles)
        self.speed = np.linspace(-env.FASTEST, env.FASTEST, speeds)
        self.torque = np.linspace(-1, 1, torques)
        self.env, self.discount = env, discount
        grid = np.stack(np.meshgrid(self.angle, self.speed, indexing="ij"), -1).reshape(-1, 2)
        self.value = np.zeros((angles, speeds))
        reward, places = zip(*(self.look(grid, t) for t in self.torque), strict=True)
        reward = np.stack(reward)
        for _ in range(sweeps):
            flat = self.value.ravel()
            options = [r + discount * (w * flat[i]).sum(0) for r, (i, w) in
                       zip(reward, places, strict=True)]
            self.value = np.max(options, 0).reshape(self.value.shape)

    def look(self, state, torque):
        """Return the reward (R,) and the four grid places (4, R) and weights of what follows."""
        after, reward = self.env.move(state, np.full((len(state), 1), torque))
        x = (after[:, 0] + np.pi) / (self.angle[1] - self.angle[0])
        y = (after[:, 1] - self.speed[0]) / (self.speed[1] - self.speed[0])
        i = np.clip(x.astype(int), 0, len(self.angle) - 2)
        j = np.clip(y.astype(int), 0, len(self.speed) - 2)
        u, v, n = x - i, y - j, len(self.speed)
        places = np.stack([i * n + j, i * n + j + 1, (i + 1) * n + j, (i + 1) * n + j + 1])
        return reward, (places, np.stack([(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v]))

    def __call__(self, state):
        """Return the action (B, 1) that is best one step ahead."""
        flat, options = self.value.ravel(), []
        for torque in self.torque:
            reward, (places, weights) = self.look(state, torque)
            options.append(reward + self.discount * (weights * flat[places]).sum(0))
        return self.torque[np.argmax(options, 0)][:, None]

"""Policies that need no training: what doing nothing, and doing anything, is worth."""

from typing import Any

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.rng import generators
from mwx.robot import Robot
from mwx.sim import Task, TaskEnv
from mwx.types import Array, Obs, Policy

PLAIN = {"home": "hold the start pose", "middle": "hold every servo in the middle of its range",
         "random": "uniform actions"}


class ConstantPolicy:
    """The same action (A,) at every step."""

    def __init__(self, action: Array):
        self.action, self.act_dim = action, len(action)

    def initial(self, num_envs: int) -> None:
        """Return the carry at the start of B episodes: nothing is remembered."""

    def restart(self, carry: None, rows: Array) -> None:
        """Return the carry with the given rows at the start of an episode."""

    def __call__(self, obs: Obs, carry: None) -> tuple[Array, None]:
        """Return the actions (B, A) and the carry."""
        return np.tile(self.action, (len(obs.proprio), 1)), None


class RandomPolicy:
    """Actions drawn uniformly from [-1, 1]; the carry is one generator a row."""

    def __init__(self, act_dim: int, seed: int = 0):
        self.act_dim, self.seed = act_dim, seed

    def initial(self, num_envs: int) -> list[np.random.Generator]:
        """Return the generators of B episodes."""
        return list(generators(self.seed, "random policy", num_envs))

    def restart(self, carry: list[np.random.Generator], rows: Array) -> list[np.random.Generator]:
        """Return the carry: the generators go on, so that episodes differ."""
        return carry

    def __call__(self, obs: Obs, carry: list[np.random.Generator]) -> tuple[Array, Any]:
        """Return the actions (B, A) and the carry."""
        return np.stack([rng.uniform(-1, 1, self.act_dim) for rng in carry]), carry


def plain_policy(name: str, robot: Robot, task: Task, seed: int = 0) -> Policy:
    """Return a policy that needs no training.

    Args:
        name: one of PLAIN.
        robot: who acts.
        task: says what pose "home" holds.
        seed: of "random".

    Raises:
        MwxError: no such name.
    """
    if name not in PLAIN:
        raise unknown("plain policy", name, PLAIN)
    if name == "home":
        return ConstantPolicy(robot.to_action(robot.commands(task.home(robot)[7:])))
    return RandomPolicy(robot.act_dim, seed) if name == "random" else \
        ConstantPolicy(np.zeros(robot.act_dim))


def check_fits(policy: Policy, env: TaskEnv, name: str) -> None:
    """Make sure that a policy can act in an environment.

    Raises:
        MwxError: it was made for a robot with another number of servos.
    """
    if policy.act_dim != env.act_dim:
        raise MwxError(f"'{name}' gives {policy.act_dim} actions, {env.name} takes {env.act_dim}: "
                       f"it was made for another robot; {', '.join(PLAIN)} fit every robot")

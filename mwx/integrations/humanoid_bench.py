"""Our policies in the original humanoid_bench package, where a user has installed it.

Observations, rewards and ends are the original's own. What our policies read beyond its vector
(the robot's state, a router's quantities, a target) comes from our scene of the same task, into
which the original's qpos and qvel are copied after every step, and the goal from its observation.

Tried on the original (commit 791405f) with MuJoCo 3.17 and gymnasium 1.4, newer than those that it
pins; tests use a stand-in with the same surface. Three differences remain. Quantities of the `task`
and `target` groups that are 2 ms old in our own environments are up to date here. What a task draws
that is neither in qpos nor the goal (the cube's wanted orientation, the bookshelf's order) is
unknown to these two groups. And `package` shows the previous episode's destination in the first
observation.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.score import Score, evaluate_in
from mwx.integrations.humanoid_bench_rows import PACKAGE, Row, original_package
from mwx.sim import HeldHands, TaskEnv, make, make_for
from mwx.types import Array, Obs, Policy, Step

PROBE = np.array([0.3, 0.7, 1.9])  # [m] three different numbers, to see where a goal is observed
NOT_A_TERM = ("per_timestep_reward",)  # the reward once more


class OriginalEnv:
    """B environments of the original package (implements mwx.types.Env, without saving states).

    Row i is seeded with seed + i, in both of the original's generators: its own and numpy's global
    one, which every row keeps to itself and which is put back after each call.

    Attributes:
        name: "robot-task"; task: our task of that name.
        num_envs, obs_dim, act_dim, max_steps: see mwx.types.Env.
    """

    def __init__(self, name: str, num_envs: int = 1, seed: int = 0,
                 max_steps: int | None = None, act_dim: int | None = None) -> None:
        """Make B of the original's environments and our scene beside them.

        Args:
            name: "robot-task" or a task.
            num_envs: B.
            seed: of the first row.
            max_steps: control steps of an episode, by default the original's.
            act_dim: of the policy; with H1's 19, a robot with hands holds them still.

        Raises:
            MwxError: unknown task, the package is absent, or it does not start.
        """
        options = {"num_envs": num_envs, "seed": seed, "threads": 1, "auto_reset": False}
        self._mirror = (make(name, **options) if act_dim is None else
                        make_for(act_dim, name, **options))
        original_package()
        self.name, self.task, self.num_envs = self._mirror.name, self._mirror.task, num_envs
        self._rows = [Row(self.name, max_steps) for _ in range(num_envs)]
        self.max_steps = max_steps or self._rows[0].max_steps or self.task.max_steps
        self.act_dim, self.obs_dim = self._mirror.act_dim, self._mirror.obs_dim
        self._check_layout()
        self._goal = _where_the_goal_is_observed(self._mirror)
        self.obs = self.reset(seed)

    def _check_layout(self) -> None:
        data, physics = self._rows[0].data, self._mirror.physics
        theirs = len(data.qpos), len(data.qvel), self._rows[0].act_dim
        ours = physics.qpos.shape[1], physics.qvel.shape[1], self._mirror.robot.act_dim
        if theirs != ours:
            raise MwxError(f"{self.name} of the installed {PACKAGE} has (nq, nv, servos) = "
                           f"{theirs}, ours {ours}: it is another version of the benchmark")

    def reset(self, seed: int | None = None) -> Obs:
        """Start B new episodes.

        Args:
            seed: of the first row, the next row's is one more; None lets the generators go on.
        """
        self._mirror.reset(seed)
        vectors = [row.reset(None if seed is None else seed + i)
                   for i, row in enumerate(self._rows)]
        self.obs = self._observe(vectors)
        return self.obs

    def step(self, action: Array) -> Step:
        """Advance by one control step of 20 ms; ended episodes start anew.

        Args:
            action: (B, A) in [-1, 1].

        Raises:
            MwxError: wrong shape.
        """
        if np.shape(action) != (self.num_envs, self.act_dim):
            raise MwxError(f"action has shape {np.shape(action)}, {self.name} needs "
                           f"{(self.num_envs, self.act_dim)}")
        vectors, rewards, terminated, truncated, infos = zip(
            *(row.step(a) for row, a in zip(self._rows, self._whole(action), strict=True)),
            strict=True)
        final_obs = obs = self._observe(vectors, after_a_step=True)
        terminated, truncated = np.array(terminated, bool), np.array(truncated, bool)
        truncated &= ~terminated
        done = terminated | truncated
        if done.any():
            self._mirror.reset_rows(done)
            obs = self._observe([row.reset(None) if ended else vector for row, ended, vector
                                 in zip(self._rows, done, vectors, strict=True)])
        self.obs = obs
        return Step(obs, np.array(rewards, np.float64), terminated, truncated, _terms(infos),
                    final_obs)

    def _whole(self, action: Array) -> Array:
        """Return the actions of every servo, also of hands that are held still."""
        if isinstance(self._mirror, HeldHands):
            return self._mirror.robot.to_action(self._mirror.to_ctrl(np.asarray(action)))
        return action

    def _observe(self, vectors: Any, after_a_step: bool = False) -> Obs:
        """Bring our scene into the original's state and read the groups that it does not have."""
        vector, physics = np.stack(vectors), self._mirror.physics
        if vector.shape[1] != self.obs_dim:
            raise MwxError(f"{self.name} of the installed {PACKAGE} returns {vector.shape[1]} "
                           f"numbers, ours {self.obs_dim}: it is another version or wrapped")
        for i, row in enumerate(self._rows):
            physics.qpos[i], physics.qvel[i] = row.data.qpos, row.data.qvel
        if self._goal is not None:
            columns, offset = self._goal
            physics.goal[:] = vector[:, columns] - offset
        physics.forward()
        if after_a_step:
            self.task.update(physics)
        return replace(self._mirror.observe(), vector=vector)

    def close(self) -> None:
        """Close the original's environments."""
        for row in self._rows:
            row.env.close()

    def get_state(self) -> dict[str, Any]:
        """Explain that the original's state cannot be saved."""
        raise MwxError(f"environments of {PACKAGE} cannot be saved or copied: use them to "
                       "evaluate, and mwx.make to train")

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Explain that the original's state cannot be restored."""
        self.get_state()

    def __getstate__(self) -> dict[str, Any]:
        """Explain that the original's environments cannot be copied or pickled either."""
        return self.get_state()


def _where_the_goal_is_observed(mirror: TaskEnv) -> tuple[Array, Array] | None:
    """Return the columns (3,) of the vector that show the goal, and what they add to it (3,)."""
    physics = mirror.physics
    if physics.model.nmocap == 0:
        return None
    shown = []
    for goal in (np.zeros(3), PROBE):
        physics.goal[:] = goal
        physics.forward()
        shown.append(mirror.task.vector(physics)[0].copy())
    moved = shown[1] - shown[0]
    columns = [np.flatnonzero(np.isclose(moved, number, atol=1e-9)) for number in PROBE]
    if any(len(found) != 1 for found in columns):
        return None
    index = np.concatenate(columns)
    return index, shown[0][index]


def _terms(infos: tuple[Mapping[str, Any], ...]) -> dict[str, Array]:
    """Return the numbers that every row's info has, (B,) each."""
    names = [name for name in infos[0] if name not in NOT_A_TERM
             and all(_is_number(info.get(name)) for info in infos)]
    return {name: np.array([info[name] for info in infos], np.float64) for name in names}


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, str) and np.ndim(value) == 0


def evaluate(policy: Policy, task: str, episodes: int = 10, seed: int = 1, name: str = "policy",
             max_steps: int | None = None) -> Score:
    """Play deterministic episodes in the original package and score them.

    Args:
        policy: acts for all episodes at once.
        task: "robot-task" or a task.
        episodes: E, at least 1.
        seed: of the first episode, the next one's is one more.
        name: of the policy, for the score.
        max_steps: another episode length.

    Raises:
        MwxError: unknown task, no episodes asked for, or the package is absent.
    """
    if episodes < 1:
        raise MwxError(f"{episodes} episodes asked for: at least one is needed")
    env = OriginalEnv(task, episodes, seed, max_steps, policy.act_dim)
    try:
        return evaluate_in(policy, env, env.name.removeprefix("h1-"), env.task.success_bar, seed,
                           name, PACKAGE)
    finally:
        env.close()

"""The environment of the adaptation: a task, a mixture of experts, and the routed reference."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mwx.experts.alignment import alignment_reward
from mwx.router.demos import task_progress
from mwx.router.mixture import Mixture, View, pack, unpack
from mwx.sim.env import TaskEnv
from mwx.types import Array, Obs, Step

JOINTS, SPEEDS = slice(7, 26), slice(32, 51)  # of proprio


class AdaptEnv:
    """Wraps a task for the reward switcher (implements mwx.types.Env).

    `obs.vector` is the task's own, then the mixture's action (A), its weights (K), the stage in
    force (K, one-hot, scaled) and the routed reference's joints (J): what the reward depends
    on.
    reward = task_weight * task + alignment (eq. 4) to the expert in force + progress_weight * the
    change of the task's progress; who ends an episode early loses what progress it had.

    Attributes:
        view: what the mixture makes of the present states.
        progress: (B,) of the present states, where progress_weight pays for it.
        trained: environment steps made in all, on which the schedule of Table IV runs.
    """

    def __init__(self, env: TaskEnv, mixture: Mixture, seed: int):
        self.env, self.mixture = env, mixture
        self.num_envs, self.act_dim, self.max_steps = env.num_envs, env.act_dim, env.max_steps
        self.trained = 0
        self._stage_steps = np.zeros(len(mixture.names))
        self._importance = np.ones(JOINTS.stop - JOINTS.start)
        self.obs_dim = self.reset(seed).vector.shape[1]

    def reset(self, seed: int | None = None) -> Obs:
        """Start B episodes; a seed restarts every generator. The schedule goes on."""
        self.carry = self.mixture.initial(self.num_envs)
        raw = self.env.reset(seed)
        self.progress = self._progress()
        return self._look(raw)

    def _progress(self) -> Array:
        """Return (B,) how far the task is; zeros where that is not paid for."""
        if not self.mixture.config.progress_weight:
            return np.zeros(self.num_envs)
        told = task_progress(self.env)
        return np.zeros(self.num_envs) if told is None else told

    def _look(self, raw: Obs) -> Obs:
        self.view: View = self.mixture.look(raw, self.carry, self.trained)
        return replace(raw, vector=self.view.vector)

    def step(self, action: Array) -> Step:
        """Advance by one control step; action (B, A) in [-1, 1] is the policy's."""
        view, config = self.view, self.mixture.config
        step = self.env.step(self.mixture.command(view, action))
        proprio = step.final_obs.proprio
        aligned = alignment_reward(proprio[:, JOINTS], proprio[:, SPEEDS], view.q, view.qd,
                                   self._importance, config.alignment)
        in_force = np.eye(len(self.mixture.names))[view.stage]  # (B, K)
        self._stage_steps += in_force.sum(0)
        self.trained += self.num_envs
        self.carry = view.after
        obs = final = self._look(step.final_obs)
        if step.done.any():
            self.carry = self.mixture.restart(self.carry, step.done)
            obs = self._look(step.obs)
        before, self.progress = self.progress, self._progress()  # of the next episodes where done
        gained = np.where(step.terminated, 0.0, self.progress) - before
        gained[step.truncated] = 0.0
        terms = {"task_return": step.reward, "alignment_return": aligned}
        terms |= {f"stage_{name}": in_force[:, i] for i, name in enumerate(self.mixture.names)}
        reward = config.task_weight * step.reward + aligned + config.progress_weight * gained
        return Step(obs, reward, step.terminated, step.truncated, terms, final)

    def cut(self, rows: Array) -> Obs:
        """Start new episodes in some environments (B,) bool."""
        self.carry = self.mixture.restart(self.carry, rows)
        raw = self.env.reset_rows(rows)
        self.progress = self._progress()
        return self._look(raw)

    def advise(self, obs: Obs) -> Array:
        """Return the action (B, A) that does what the mixture does now: for the Loop."""
        return self.mixture.advice(self.view)

    def stage_shares(self) -> dict[str, float]:
        """Return the share of steps since the last call under each expert's reference."""
        total = max(1.0, float(self._stage_steps.sum()))
        shares = {f"stage/{name}": float(n) / total
                  for name, n in zip(self.mixture.names, self._stage_steps, strict=True)}
        self._stage_steps[:] = 0
        return shares

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit."""
        return {"env": self.env.get_state(), "carry": pack(self.carry, self.mixture.names),
                "trained": self.trained, "stage_steps": self._stage_steps.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from get_state."""
        self.env.set_state(state["env"])
        self.carry = unpack(state["carry"], self.mixture.names)
        self.trained = int(state["trained"])
        self._stage_steps = np.array(state["stage_steps"])
        self.progress = self._progress()
        self._look(self.env.observe())

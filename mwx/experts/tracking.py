"""The environment an expert is trained in: a task, a reference, and honest aids to learning."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mwx.experts.alignment import alignment_reward
from mwx.experts.assist import assist_wrench
from mwx.experts.config import TrackingConfig
from mwx.experts.disturbances import Disturbances
from mwx.experts.features import features
from mwx.experts.handover import states_of
from mwx.experts.kinematics import facing, rotation, yaw
from mwx.experts.prior import Carry, Prior, Target, is_gait
from mwx.experts.reweight import JointWeights
from mwx.maths import rotations
from mwx.rng import generator, get_state, set_state
from mwx.robot import H1
from mwx.sim.env import TaskEnv
from mwx.types import Array, Obs, Step


class TrackingEnv:
    """Wraps a task for one expert (implements mwx.types.Env).

    `obs.vector` holds the expert's features; an action in [-1, 1] is a residual around the
    reference's feed-forward command. reward = task + alignment (eq. 4) + root - effort; both
    returns are in `terms`.

    Attributes:
        assist: strength of the assist wrench in [0, 1].
        joint_weights: dynamic reweighting of eq. (4).
    """

    def __init__(self, env: TaskEnv, prior: Prior, config: TrackingConfig, seed: int):
        self.env, self.prior, self.config = env, prior, config
        env.auto_reset = False
        self.num_envs, self.act_dim = env.num_envs, env.act_dim
        self.max_steps = config.max_steps
        self.assist = config.assist
        importance = np.array([1.0 if "shoulder" not in n and "elbow" not in n else
                               config.arm_importance for n in H1.joint_names])
        self.joint_weights = JointWeights(importance, config.reweight)
        self.lengths: deque[int] = deque(maxlen=64)
        self.disturbances = Disturbances(config, self.num_envs, self.act_dim)
        self.found = states_of(config.taken_over, seed) if config.taken_over else None
        self.reset(seed)
        self.obs_dim = self.obs.vector.shape[1]

    def reset(self, seed: int | None = None) -> Obs:
        """Start B episodes."""
        if seed is not None:
            self.rng = generator(seed, "tracking")
        self.age = np.zeros(self.num_envs, np.int64)
        self.carry = self.prior.initial(self.num_envs)
        raw = self.env.reset(seed)
        raw = self._starts(raw, np.arange(self.num_envs))
        self.disturbances.restart(np.arange(self.num_envs), self.rng)
        # different ages, so that time limits do not come all at once
        self.age = self.rng.integers(0, self.max_steps // 2, self.num_envs)
        return self._look(raw)

    def _starts(self, raw: Obs, rows: Array) -> Obs:
        """Put the rows where their episodes start: in another skill, in the reference, at home."""
        if self.found is not None:
            drawn = self.rng.random(len(rows)) < self.config.taken_over_starts
            over, rows = rows[drawn], rows[~drawn]
            if len(over):
                which = self.rng.integers(0, len(self.found[0]), len(over))
                raw = self.env.set_robot_state(over, *(x[which] for x in self.found))
        return self._reference_starts(raw, rows)

    def _reference_starts(self, raw: Obs, rows: Array) -> Obs:
        """Put a share of the rows on random states of the reference (its clock in step)."""
        c = self.config
        chosen = rows[self.rng.random(len(rows)) < c.reference_starts]
        if len(chosen) == 0:
            return raw
        count = len(chosen)
        time_s = self.rng.uniform(0, max(self.prior.reference.duration_s, 1e-3), count)
        frame = self.prior.reference.frame(time_s)
        qpos, qvel = frame.qpos.copy(), frame.qvel.copy()
        # a gait starts anywhere; any other motion where it is relative to its own beginning
        qpos[:, :2] -= qpos[:, :2] if is_gait(self.prior.reference) else \
            self.prior.reference.qpos[0, :2]
        qpos[:, 2] += 0.002
        qpos[:, 3:7] = rotations.multiply(_small_turn(self.rng.normal(0, 0.03, (count, 3))),
                                          qpos[:, 3:7])
        qpos[:, 7:] = np.clip(qpos[:, 7:] + self.rng.normal(0, 0.03, (count, 19)), H1.low, H1.high)
        qvel[:, :2] += self.rng.normal(0, c.push_speed, (count, 2))
        qvel[:, 6:] += self.rng.normal(0, 0.2, (count, 19))
        raw = self.env.set_robot_state(chosen, qpos, qvel)
        mask = np.zeros(self.num_envs, bool)
        mask[chosen] = True
        moved = np.zeros(self.num_envs)
        moved[chosen] = time_s
        there = self.prior.initial(self.num_envs)
        arm = there.arm.copy()
        if arm.shape[1]:
            arm[chosen] = raw.proprio[chosen][:, 7 + self.prior.arm]
        self.carry = self.carry.where(mask, Carry(moved, np.full(self.num_envs, 1e3), arm))
        return raw

    def _look(self, raw: Obs) -> Obs:
        self.target, self._next_carry = self.prior.look(raw, self.carry)
        self.obs = replace(raw, vector=features(raw, self.target))
        return self.obs

    def step(self, action: Array) -> Step:
        """Advance by one control step; action (B, A) is the residual in [-1, 1]."""
        c, target = self.config, self.target
        action = np.clip(action, -1, 1)
        ctrl = self.disturbances.arrived(target.ctrl + c.residual * action)
        self.disturbances.bump(self.env.physics, self.rng)
        self._help(target)
        step = self.env.step(H1.to_action(ctrl))
        proprio = step.final_obs.proprio
        q, qd = proprio[:, 7:26], proprio[:, 32:51]
        aligned = alignment_reward(q, qd, target.q, target.qd, self.joint_weights.weights,
                                   c.alignment)
        self.joint_weights.update(q, target.q)
        root = self._root(proprio, target)
        effort = (action ** 2).mean(-1)
        reward = (c.task_weight * step.reward + aligned + c.root_weight * root
                  - c.effort_weight * effort)
        if c.quiet_weight:
            reward = reward + c.quiet_weight * 5 * (step.terms["small_control"] - 0.8)
        self.age += 1
        self.carry = self._next_carry
        terminated = step.terminated | self._lost(proprio, target)
        truncated = (self.age >= self.max_steps) & ~terminated
        final = self._look(step.final_obs)
        obs = self._restart(terminated | truncated, step.obs) if (terminated | truncated).any() \
            else final
        terms = {"task_return": step.reward, "alignment_return": aligned,
                 "assist": np.full(self.num_envs, self.assist / self.max_steps)}
        return Step(obs, reward, terminated, truncated, terms, final)

    def _help(self, target: Target) -> None:
        """Put the assist and the load on the pelvis."""
        load = self.disturbances.load
        if self.assist <= 0 and not load.any():
            return
        physics = self.env.physics
        force, torque = np.zeros((self.num_envs, 3)), np.zeros((self.num_envs, 3))
        if self.assist > 0:
            wrench = assist_wrench(physics.robot_qpos, physics.robot_qvel, self._speed(target),
                                   target.up, target.prone)
            force, torque = (self.assist * part for part in wrench)
        force[:, 2] -= load
        physics.apply_wrench(force, torque)

    def _root(self, proprio: Array, target: Target) -> Array:
        height, tilt = proprio[:, 2] - target.height, 1 - _upright(proprio, target)
        speed = proprio[:, 26] - self._speed(target)
        heading = yaw(facing(proprio[:, 3:7], target.prone))
        return np.exp(-40 * height ** 2 - 10 * tilt - 2 * heading ** 2
                      - 2 * speed ** 2 - 2 * proprio[:, 27] ** 2 - self._aside(proprio) ** 2
                      - 3 * np.square(target.away))

    def _aside(self, proprio: Array) -> Array:
        """Distance (B,) across from the line along x through the start, in shares of the bound."""
        bound = self.config.max_aside
        return np.zeros(len(proprio)) if bound is None else np.abs(proprio[:, 1]) / bound

    def _speed(self, target: Target) -> Array:
        speed = self.config.speed
        return target.speed if speed is None else speed * target.ramp

    def _lost(self, proprio: Array, target: Target) -> Array:
        c = self.config
        heading = yaw(facing(proprio[:, 3:7], target.prone))
        return ((proprio[:, 2] < c.min_height) | (_upright(proprio, target) < c.max_tilt)
                | (np.abs(heading) > c.max_heading) | (self._aside(proprio) > 1))

    def _restart(self, done: Array, raw: Obs) -> Obs:
        rows = np.flatnonzero(done)
        self.lengths.extend(self.age[rows].tolist())
        if self.assist > 0 and len(self.lengths) == 64 and \
                np.mean(self.lengths) > self.config.assist_length * self.max_steps:
            self.assist = self.assist * self.config.assist_decay if self.assist > 0.02 else 0.0
            self.lengths.clear()
        self.age[rows] = 0
        self.carry = self.carry.where(done, self.prior.initial(self.num_envs))
        raw = self.env.reset_rows(rows)
        raw = self._starts(raw, rows)
        self.disturbances.restart(rows, self.rng)
        return self._look(raw)

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit."""
        return {"env": self.env.get_state(), "rng": get_state(self.rng), "age": self.age.copy(),
                "carry": self.carry.arrays(),
                "disturbances": self.disturbances.get_state(),
                "assist": self.assist, "lengths": list(self.lengths),
                "joint_weights": self.joint_weights.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from get_state."""
        self.env.set_state(state["env"])
        set_state(self.rng, state["rng"])
        self.age = np.array(state["age"])
        self.carry = Carry(**{k: np.array(v) for k, v in state["carry"].items()})
        self.disturbances.set_state(state["disturbances"])
        self.assist, self.lengths = state["assist"], deque(state["lengths"], maxlen=64)
        self.joint_weights.set_state(state["joint_weights"])
        self._look(self.env.observe())


def _upright(proprio: Array, target: Target) -> Array:
    """Cosine (B,) of the angle between the vertical and where the reference has it."""
    return (rotation(proprio[:, 3:7])[:, 2] * target.up).sum(-1)


def _small_turn(axis_angle: Array) -> Array:
    quat = np.concatenate([np.ones((len(axis_angle), 1)), axis_angle / 2], -1)
    return quat / np.linalg.norm(quat, axis=-1, keepdims=True)

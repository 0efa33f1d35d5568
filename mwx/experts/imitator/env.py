"""Robots that follow clips: the simulation behind both the imitator's training and the judge."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mwx.experts.imitator import metrics
from mwx.experts.imitator.bank import Bank
from mwx.experts.imitator.config import ImitatorConfig
from mwx.experts.imitator.features import features, lost
from mwx.experts.imitator.regulator import SINK, wrench
from mwx.experts.imitator.scene import scene
from mwx.motion.tangent import integrate
from mwx.rng import generator, get_state, set_state
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT, SUBSTEPS
from mwx.sim.physics import Physics
from mwx.types import Array, Obs, Step

ASSIST_END = 0.02  # an assist below this is none


class Followers:
    """B robots, each on a clip of a bank at a frame of its own.

    Attributes:
        clip, frame: (B,) int.
        distance: (B,) [m] mean body distance from the reference now.
        assist: (B,) strength of the wrench that pulls the pelvis to the reference; training only.
    """

    def __init__(self, bank: Bank, num_envs: int, residual: float, threads: int = 1,
                 model: mujoco.MjModel | None = None):
        self.bank, self.residual = bank, residual
        self.physics = Physics(model or scene(), num_envs, threads)
        self.clip, self.frame = np.zeros(num_envs, int), np.zeros(num_envs, int)
        self.assist = np.zeros(num_envs)
        self._names = metrics.point_names()

    @property
    def points(self) -> Array:
        """(B, P, 3) [m] body points now."""
        bodies, sites = self._names[:-len(metrics.SITES)], self._names[-len(metrics.SITES):]
        return np.stack([*(self.physics.body_position(n) for n in bodies),
                         *(self.physics.site_position(n) for n in sites)], 1)

    def place(self, rows: Array, clip: Array, frame: Array, moves: Array, speeds: Array) -> None:
        """Put some robots on their references.

        Args:
            rows: (R,) which; clip, frame: (R,) where.
            moves, speeds: (R, 25) off the reference, tangent and velocity.
        """
        now = self.bank.look(clip, frame)
        qpos, qvel = integrate(now.qpos, moves), now.qvel + speeds
        qpos[:, 2] -= np.where(now.contact.any(-1), SINK, 0.0)
        qpos[:, 7:] = np.clip(qpos[:, 7:], H1.low, H1.high)
        self.physics.reset_rows(rows)
        self.physics.set_robot(rows, qpos, qvel)
        self.physics.forward(rows)
        self.clip[rows], self.frame[rows] = clip, frame

    def look(self) -> Array:
        """Return the features (B, F) and remember the commands."""
        qpos, qvel = self.state()
        self.base = self.bank.command(self.clip, self.frame, qpos, qvel)
        ahead = self.bank.look(self.clip, self.frame + 1)
        return features(qpos, qvel, self.points, ahead, self.base)

    def state(self) -> tuple[Array, Array]:
        """Return qpos (B, 26), its quaternion of unit length, and qvel (B, 25)."""
        qpos = self.physics.robot_qpos.copy()
        qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=-1, keepdims=True)
        return qpos, self.physics.robot_qvel.copy()

    def step(self, action: Array) -> Array:
        """Act for one control step around the commands of the last `look`.

        Args:
            action: (B, 19) in [-1, 1].

        Returns:
            (B,) bool: lost.
        """
        ctrl = self.base + self.residual * np.clip(action, -1, 1)
        self.physics.command(np.clip(ctrl, H1.ctrl_low, H1.ctrl_high))
        if self.assist.any():
            wanted = self.bank.look(self.clip, self.frame)
            pull = self.assist[:, None] * wrench(*self.state(), wanted.qpos, wanted.qvel)
            self.physics.apply_wrench(pull[:, :3], pull[:, 3:])
        diverged = self.physics.step(SUBSTEPS)
        self.physics.forward()
        self.frame = self.frame + 1
        self.wanted = self.bank.look(self.clip, self.frame)
        self.distance = metrics.distance(self.points, self.wanted.points)
        return lost(self.physics.robot_qpos, self.wanted.qpos, self.distance) | diverged


class ImitatorEnv:
    """Training of the imitator (implements mwx.types.Env); clips often lost are drawn more.

    Attributes:
        failure: (C,) running failure rate of each clip.
        assist: (C,) strength of the assist on each clip, less whenever the clip goes well.
        lengths: of the last episodes [control steps].
    """

    def __init__(self, bank: Bank, num_envs: int, config: ImitatorConfig):
        self.bank, self.config, self.num_envs = bank, config, num_envs
        self.followers = Followers(bank, num_envs, config.residual, config.threads)
        self.act_dim, self.max_steps = H1.act_dim, config.max_steps
        self.lengths: deque[int] = deque(maxlen=256)
        self.reset(config.seed)
        self.obs_dim = self.obs.vector.shape[1]

    def reset(self, seed: int | None = None) -> Obs:
        """Start B episodes."""
        if seed is not None:
            self.rng = generator(seed, "imitator")
            self.failure = np.full(len(self.bank), 0.5)
            self.assist = np.full(len(self.bank), float(self.config.assist))
        self.age = np.zeros(self.num_envs, int)
        self._start(np.arange(self.num_envs))
        # different ages, so that time limits do not come all at once
        self.age = self.rng.integers(0, self.max_steps // 2, self.num_envs)
        return self._look()

    def _start(self, rows: Array) -> None:
        """Put robots on random frames of clips drawn by how often they are lost."""
        c, count = self.config, len(rows)
        share = np.maximum(self.failure, c.easy_share * self.failure.max() + 1e-3)
        clip = self.rng.choice(len(self.bank), count, p=share / share.sum())
        room = np.where(self.bank.loops[clip], self.bank.frames[clip],
                        np.maximum(1, self.bank.frames[clip] - 10))
        frame = (self.rng.random(count) * room).astype(int)
        frame[self.rng.random(count) < c.first_share] = 0
        moves, speeds = np.zeros((count, 25)), np.zeros((count, 25))
        moves[:, 3:6] = self.rng.normal(0, c.tilt_noise, (count, 3))
        moves[:, 6:] = self.rng.normal(0, c.pose_noise, (count, 19))
        speeds[:, :2] = self.rng.normal(0, c.push_speed, (count, 2))
        speeds[:, 6:] = self.rng.normal(0, c.joint_speed_noise, (count, 19))
        self.followers.place(rows, clip, frame, moves, speeds)
        self.age[rows] = 0

    def _look(self) -> Obs:
        vector = self.followers.look()
        proprio = np.concatenate(self.followers.state(), -1)
        self.obs = Obs(vector, proprio, np.zeros((self.num_envs, 0)),
                       np.full((self.num_envs, 3), np.nan))
        return self.obs

    def step(self, action: Array) -> Step:
        """Advance by one control step; action (B, A) is the residual in [-1, 1]."""
        f = self.followers
        self._push()
        f.assist = self.assist[f.clip]
        terminated = f.step(action)
        reward = self._reward(np.clip(action, -1, 1))
        self.age += 1
        ended = ~self.bank.loops[f.clip] & (f.frame >= self.bank.frames[f.clip] - 1)
        truncated = ((self.age >= self.max_steps) | ended) & ~terminated
        done = terminated | truncated
        final = obs = self._look()
        if done.any():
            obs = self._restart(done, terminated)
        return Step(obs, reward, terminated, truncated, {"task_return": f.distance}, final)

    def _reward(self, action: Array) -> Array:
        c, f = self.config, self.followers
        qpos, qvel = f.state()
        joints = ((qpos[:, 7:] - f.wanted.qpos[:, 7:]) ** 2).sum(-1)
        speeds = ((qvel[:, 6:] - f.wanted.qvel[:, 6:]) ** 2).sum(-1)
        distance = np.nan_to_num(f.distance, nan=1.0)
        # near counts sharply; drifting off counts all the way to where the robot is lost
        near = 0.3 * np.exp(-c.position * distance ** 2) \
            + 0.4 * np.maximum(0.0, 1 - distance / metrics.SUCCESS)
        return (near + 0.2 * np.exp(-c.joints * joints)
                + 0.1 * np.exp(-c.speed * speeds) - c.effort * (action ** 2).mean(-1))

    def _push(self) -> None:
        c, physics = self.config, self.followers.physics
        rows = np.flatnonzero(self.rng.random(self.num_envs) < CONTROL_DT / c.push_interval_s)
        if len(rows):
            qvel = physics.robot_qvel[rows].copy()
            qvel[:, :2] += self.rng.normal(0, c.push_speed, (len(rows), 2))
            physics.set_robot(rows, physics.robot_qpos[rows].copy(), qvel)

    def _restart(self, done: Array, terminated: Array) -> Obs:
        rows, keep = np.flatnonzero(done), self.config.memory
        self.lengths.extend(self.age[rows].tolist())
        for row in rows:
            clip = self.followers.clip[row]
            self.failure[clip] = keep * self.failure[clip] + (1 - keep) * terminated[row]
            if not terminated[row] and self.failure[clip] < self.config.assist_failure:
                less = self.assist[clip] * self.config.assist_decay
                self.assist[clip] = less if less > ASSIST_END else 0.0
        self._start(rows)
        return self._look()

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit."""
        f = self.followers
        return {"physics": f.physics.get_state(), "clip": f.clip.copy(), "frame": f.frame.copy(),
                "rng": get_state(self.rng), "age": self.age.copy(), "failure": self.failure.copy(),
                "assist": self.assist.copy(),
                "lengths": list(self.lengths)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from get_state."""
        f = self.followers
        f.physics.set_state(state["physics"])
        f.clip, f.frame = np.array(state["clip"]), np.array(state["frame"])
        set_state(self.rng, state["rng"])
        self.age, self.failure = np.array(state["age"]), np.array(state["failure"])
        self.assist = np.array(state["assist"])
        self.lengths = deque(state["lengths"], maxlen=256)
        self._look()

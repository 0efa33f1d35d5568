"""The adaptation's teacher: PPO around the mixture's actions, which the world model then clones.

On a processor PPO makes several times the steps a second. What it gains, and what it loses again,
is in docs/log.md; so its best weights are kept. Its training continues bit for bit from its last
checkpoint, in RUN/teacher.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mwx.agents.best import Best
from mwx.agents.normaliser import Moments
from mwx.experts.ppo import LOGGED, ImitationPolicy, Ppo
from mwx.files import write_weights
from mwx.opening import open_run
from mwx.rng import generator, get_state, set_state
from mwx.router.adapt_config import AdaptConfig
from mwx.router.adapt_env import AdaptEnv
from mwx.router.mixture import Mixture
from mwx.sim import make
from mwx.types import Array, Obs, Step
from mwx.untrusted import read_weights, understood

EVALUATIONS = 8  # of the teacher, over its training
FOLDER, FILE = "teacher", "teacher.safetensors"
LOOKED_AT = 20_000  # observations whose moments the teacher's features are divided by
LIMIT = 5.0  # of a feature, in deviations
PAID = 10.0  # largest reward of a step, in deviations of the discounted return
LYING, LYING_STEPS = 0.6, 50  # [m] of the pelvis, and how long a training episode goes on there


class PracticeEnv:
    """AdaptEnv as PPO needs it: features and returns of unit size, short staggered episodes.

    Rewards are divided by the running deviation of their discounted sum. Where a task pays on
    after a fall, the episode is cut a second later: a cut is no end, so lying there is worth what
    it pays, and the time goes to better states.

    Attributes:
        obs: what the policy reads now; obs_dim, act_dim, num_envs: see mwx.types.Env.
    """

    def __init__(self, env: AdaptEnv, steps: int, discount: float, seed: int):
        self.env, self.max_steps, self.discount = env, min(steps, env.max_steps), discount
        self.num_envs, self.act_dim, self.obs_dim = env.num_envs, env.act_dim, env.obs_dim
        self.features = Features(self.obs_dim)
        self._returns = Moments(1, 10 ** 9)
        self._return = np.zeros(self.num_envs)
        self.rng = generator(seed, "practice")
        self.reset(seed)

    def reset(self, seed: int | None = None) -> Obs:
        """Start B episodes, each at another place in its time."""
        raw = self.env.reset(seed)
        self.age = self.rng.integers(0, self.max_steps, self.num_envs)
        self.lying = np.zeros(self.num_envs, int)
        return self._look(raw)

    def _look(self, raw: Obs) -> Obs:
        self.obs = self.features.of(raw)
        return self.obs

    def step(self, action: Array) -> Step:
        """Advance by one control step; see AdaptEnv.step."""
        step = self.env.step(action)
        self.features.see(step.final_obs.vector)
        self.age += 1
        low = step.final_obs.proprio[:, 2] < LYING
        self.lying = np.where(low, self.lying + 1, 0)
        cut = ~step.terminated & ((self.age >= self.max_steps) | (self.lying >= LYING_STEPS)
                                  | step.truncated)
        raw, own = step.obs, cut & ~step.truncated
        if own.any():
            raw = self.env.cut(own)
        done = step.terminated | cut
        self.age[done], self.lying[done] = 0, 0
        return Step(self._look(raw), self._scaled(step.reward, done), step.terminated, cut,
                    step.terms, self.features.of(step.final_obs))

    def _scaled(self, reward: Array, done: Array) -> Array:
        self._return = self.discount * self._return + reward
        self._returns.add(self._return[:, None])
        self._return[done] = 0
        return np.clip(reward / self._returns.std[0], -PAID, PAID)

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit."""
        return {"env": self.env.get_state(), "age": self.age.copy(), "lying": self.lying.copy(),
                "features": self.features.moments.get_state(), "rng": get_state(self.rng),
                "returns": self._returns.get_state(), "return": self._return.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from get_state."""
        self.env.set_state(state["env"])
        self.age, self.lying = np.array(state["age"]), np.array(state["lying"])
        self._return = np.array(state["return"])
        self.features.moments.set_state(state["features"])
        self._returns.set_state(state["returns"])
        set_state(self.rng, state["rng"])


class Features:
    """Observations in deviations from their mean, which freeze early."""

    def __init__(self, size: int):
        self.moments = Moments(size, LOOKED_AT)

    def see(self, vector: Array) -> None:
        """Take vectors (B, O) into the moments."""
        self.moments.add(vector)

    def of(self, obs: Obs) -> Obs:
        """Return the observation with its vector in deviations."""
        return replace(obs, vector=self(obs.vector))

    def __call__(self, vector: Array) -> Array:
        """Return vectors (B, O) in deviations, float32, at most LIMIT."""
        moments = self.moments
        apart = (vector - moments.mean) / moments.std if moments.count else vector
        return np.clip(apart, -LIMIT, LIMIT).astype(np.float32)


class Teacher:
    """What PPO learned around a mixture. Acts as an advisor, or in a world model's place.

    Attributes:
        obs_dim: of the view's vector.
    """

    def __init__(self, policy: ImitationPolicy, features: Features):
        self.policy, self.features = policy.requires_grad_(False), features
        self.obs_dim = len(features.moments.mean)

    def advise(self, obs: Obs) -> Array:
        """Return the action (B, A) of the mode for an AdaptEnv's observation."""
        return self.mode(self.encode(torch.from_numpy(obs.vector))).numpy()

    def encode(self, vector: Tensor) -> Tensor:
        """Return the features (B, O) that the policy reads."""
        return torch.from_numpy(self.features(vector.numpy()))

    def mode(self, z: Tensor) -> Tensor:
        """Return the mode (B, A), clipped to [-1, 1]."""
        return self.policy.mean(z).clamp(-1, 1)


class _Practice(Ppo):
    """PPO on a PracticeEnv, scored without noise now and then: it may lose what it had learned."""

    scores: Callable[[Teacher, int], Mapping[str, float]]
    scored = -1  # step of the latest scores

    def diagnostics(self, data: dict[str, Any]) -> dict[str, float]:
        env, ends = self.env, max(1.0, float(data["done"].sum()))
        assert isinstance(env, PracticeEnv)
        return {"task_reward": float(data["task"].mean()), "length": data["done"].size / ends,
                "ended": float(data["terminated"].sum()) / ends}

    def evaluate(self) -> None:
        """Score the policy so many times over its training, and at its end."""
        assert isinstance(self.env, PracticeEnv)
        rollout, share = self.ppo.rollout * self.env.num_envs, EVALUATIONS / self.ppo.steps
        before = self.step - LOGGED * rollout
        due = self.step // rollout % LOGGED == 0 and int(before * share) != int(self.step * share)
        if self.step and self.scored != self.step and (due or self.step >= self.ppo.steps):
            self.score()

    def restore(self) -> None:
        """Continue from the newest complete checkpoint; see Ppo.restore."""
        super().restore()
        self.scored = self.run.evaluated()

    def score(self) -> None:
        """Score the policy without noise; the best one is kept."""
        env = self.env
        assert isinstance(env, PracticeEnv)
        scores = self.scores(Teacher(copy.deepcopy(self.policy), env.features), self.step)
        self.scored = self.step
        Best(self.run.path / "weights").offer(self.policy, self.step, scores)
        self.run.log(self.step, **{f"eval/{k}": v for k, v in scores.items()})


def teach(config: AdaptConfig, mixture: Mixture, path: Path,
          scores: Callable[[Teacher, int], Mapping[str, float]]) -> Teacher:
    """Train the teacher in RUN/teacher, or go on from its checkpoint, or read the finished one.

    The weights that scored best are kept.

    Args:
        path: the run directory.
        scores: called with (teacher, environment steps) now and then; logged there.
    """
    file = path / FILE
    if not file.exists():
        teacher = config.teacher
        world = AdaptEnv(make(config.task, teacher.num_envs, config.seed, config.threads),
                         mixture, config.seed)
        env = PracticeEnv(world, config.practice_steps, teacher.discount, config.seed)
        minutes = config.agent.loop.checkpoint_minutes
        folder = path / FOLDER
        teacher, run = open_run(folder, "teacher", teacher, folder.is_dir(), seed=config.seed)
        loop = _Practice(env, teacher, run, config.seed, checkpoint_s=60 * minutes)
        loop.scores = scores
        if run.resumable:
            loop.restore()
        loop.train("teacher")
        weights, _ = Best(run.path / "weights").load()
        moments = env.features.moments.get_state()
        write_weights(file, {**weights, **{f"features/{k}": torch.from_numpy(v)
                                           for k, v in moments.items()}})
    return load_teacher(file, config)


def load_teacher(file: Path, config: AdaptConfig) -> Teacher:
    """Read what teach wrote."""
    arrays = read_weights(file)
    with understood(file):
        inner = {k.removeprefix("features/"): arrays.pop(k).numpy() for k in list(arrays)
                 if k.startswith("features/")}
        features = Features(len(inner["mean"]))
        features.moments.set_state(inner)
        policy = ImitationPolicy(len(inner["mean"]), len(arrays["log_std"]), config.teacher)
        policy.load_state_dict(arrays)
    return Teacher(policy, features)

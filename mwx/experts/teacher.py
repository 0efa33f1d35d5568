"""Teachers: what warms up an expert's replay. A regulator, or an imitation policy by PPO.

The imitation policy is the privileged tracker of the paper's section III-C (it sees the features of
the simulated state and the reference); here it also drives the first episodes of the world model.
Its training continues bit for bit from its last checkpoint, in RUN/teacher.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mwx.errors import MwxError
from mwx.experts.config import TeacherConfig
from mwx.experts.expert import Expert, load_expert
from mwx.experts.gait_lqr import GaitController
from mwx.experts.lqr import BalanceController
from mwx.experts.ppo import ImitationPolicy, Mirror, Ppo
from mwx.experts.prior import is_gait
from mwx.experts.tracking import TrackingEnv
from mwx.motion import Reference
from mwx.opening import open_run
from mwx.progress import counted
from mwx.types import Array, Obs

Advisor = Callable[[Obs], Array]


def regulator_advisor(env: TrackingEnv, reference: Reference) -> Advisor:
    """Return the linear-quadratic regulator of a reference as residual actions of an environment.

    A gait is regulated around its stride, any other reference around its first pose.
    """
    gait = GaitController(reference) if is_gait(reference) else None
    balance = None if gait else BalanceController(reference)

    def advise(obs: Obs) -> Array:
        target = env.target
        command = gait.command(obs, env.carry.time_s, target) if gait else \
            balance.command(obs, target) if balance else target.ctrl
        return np.clip((command - target.ctrl) / env.config.residual, -1, 1)
    return advise


REPEATS, REPEAT_UPDATES, REPEAT_BATCH, REPEAT_RATE = 16, 150, 1024, 1e-3
LED = 2  # rollouts that the expert drives; the policy drives the others


def repeat(policy: ImitationPolicy, env: TrackingEnv, expert: Expert, config: TeacherConfig,
           seed: int) -> Obs:
    """Let a policy learn to repeat an expert, on states that it then visits itself.

    Regression on the expert's mode, with every rollout added to those before (Ross et al. 2011,
    DAgger).

    Args:
        policy: learns; its noise and value function stay.
        env: where; its features and residual must be the expert's.
        expert: whose policy prior is repeated.
        config: the length of a rollout.
        seed: of batches.

    Returns:
        The observation after the last rollout.

    Raises:
        MwxError: the expert reads other features or acts with another reach.
    """
    model = expert.model
    if (model.obs_dim, expert.config.tracking.residual) != (env.obs_dim, env.config.residual):
        raise MwxError(
            f"the expert to start from reads {model.obs_dim} features and reaches "
            f"{expert.config.tracking.residual} rad, this skill's {env.obs_dim} and "
            f"{env.config.residual} rad: start from an expert of the same kind, or from nothing")
    optimiser = torch.optim.Adam(policy.actor.parameters(), lr=REPEAT_RATE)
    noise, obs = torch.Generator().manual_seed(seed), env.obs
    seen, wanted = torch.zeros(0, env.obs_dim), torch.zeros(0, env.act_dim)
    for turn in counted(range(REPEATS), "repeating the expert to start from", "rollouts"):
        for _ in range(config.rollout):
            x = torch.from_numpy(obs.vector)
            with torch.no_grad():
                aim, own = model.mode(model.encode(x)).clamp(-1, 1), policy.mean(x)
            seen, wanted = torch.cat([seen, x]), torch.cat([wanted, aim])
            driven = aim if turn < LED else own
            jitter = 0.1 * torch.randn(driven.shape, generator=noise)
            obs = env.step((driven + jitter).numpy()).obs
        for _ in range(REPEAT_UPDATES):
            rows = torch.randint(len(seen), (REPEAT_BATCH,), generator=noise)
            loss = (policy.mean(seen[rows]) - wanted[rows]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return obs


def base_of(config: TeacherConfig, env: TrackingEnv) -> Callable[[Tensor], Tensor] | None:
    """Return what the teacher acts around: the mode of `start`, or None.

    Raises:
        MwxError: `around` without a start, or an expert that reads other features.
    """
    if not config.around:
        return None
    if config.start is None:
        raise MwxError("this skill's teacher acts around a trained expert: give --start FOLDER, "
                       "e.g. --start pretrained/stand")
    expert = load_expert(config.start)
    model, scale = expert.model, expert.config.tracking.residual / env.config.residual
    if model.obs_dim != env.obs_dim:
        raise MwxError(f"{config.start} reads {model.obs_dim} features, this skill's {env.obs_dim}:"
                       " start from an expert of the same kind")

    @torch.no_grad()
    def act(obs: Tensor) -> Tensor:
        return scale * model.mode(model.encode(obs)).clamp(-1, 1)
    return act


class _Teaching(Ppo):
    """PPO on an expert's environment; the assist is annealed there."""

    def diagnostics(self, data: dict[str, Any]) -> dict[str, float]:
        env = self.env
        assert isinstance(env, TrackingEnv)
        return {"assist": env.assist, "task_reward": float(data["task"].mean()),
                "length": float(np.mean(env.lengths)) if env.lengths else 0.0}


def train_imitation(env: TrackingEnv, config: TeacherConfig, mirror: Mirror | None, seed: int,
                    path: Path, checkpoint_s: float = 240.0) -> ImitationPolicy:
    """Train the imitation policy by PPO with an adaptive learning rate and annealed assist.

    Args:
        env: where.
        config: sizes, steps, constants, first assist.
        mirror: of features and actions, for a symmetric skill.
        seed: of the policy, its noise and the environment.
        path: run directory; continued if it holds a checkpoint.
        checkpoint_s: [s] between checkpoints.
    """
    base = base_of(config, env)
    config, run = open_run(path, "teacher", config, path.is_dir(), seed=seed)
    if run.resumable:
        loop = _Teaching(env, config, run, seed, mirror, checkpoint_s, base)
        loop.restore()
    else:
        env.assist = config.assist
        env.reset(seed)
        loop = _Teaching(env, config, run, seed, mirror, checkpoint_s, base)
        if config.start is not None and base is None:
            loop.obs = repeat(loop.policy, env, load_expert(config.start), config, seed)
    loop.train("teacher")
    return loop.policy.requires_grad_(False)

"""Teachers: what warms up an expert's replay. A regulator, or an imitation policy by PPO.

The imitation policy is the privileged tracker of the paper's section III-C (it sees the features of
the simulated state and the reference); here it also drives the first episodes of the world model.
Its training continues bit for bit from its last checkpoint, in RUN/teacher.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mwx import config as configs
from mwx.experts.config import TeacherConfig
from mwx.experts.gait_lqr import GaitController
from mwx.experts.lqr import BalanceController
from mwx.experts.ppo import ImitationPolicy, Mirror, Ppo
from mwx.experts.prior import is_gait
from mwx.experts.tracking import TrackingEnv
from mwx.motion import Reference
from mwx.runs import Run
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
    run = Run(path)
    if run.resumable:
        loop = _Teaching(env, config, run, seed, mirror, checkpoint_s)
        loop.restore()
    else:
        run = Run.create(path, configs.to_dict(config), seed)
        env.assist = config.assist
        env.reset(seed)
        loop = _Teaching(env, config, run, seed, mirror, checkpoint_s)
    loop.train("teacher")
    return loop.policy.requires_grad_(False)

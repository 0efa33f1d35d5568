"""Teachers: what warms up an expert's replay. A regulator, or an imitation policy by PPO.

The imitation policy is the privileged tracker of the paper's section III-C (it sees the features of
the simulated state and the reference); here it also drives the first episodes of the world model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mwx.agents.progress import Progress
from mwx.experts.config import TeacherConfig
from mwx.experts.gait_lqr import GaitController
from mwx.experts.lqr import BalanceController
from mwx.experts.prior import is_gait
from mwx.experts.tracking import TrackingEnv
from mwx.motion import Reference
from mwx.runs import Run
from mwx.types import Array, Env, Obs

Advisor = Callable[[Obs], Array]
Mirror = tuple[Array, Array, Array, Array]  # feature index, sign, action index, sign


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


class ImitationPolicy(nn.Module):
    """A Gaussian policy and a value function of the features: two hidden ELU layers each.

    With a mirror both are exactly symmetric: mean(s) = [f(s) + M f(M s)] / 2, so that a left step
    teaches the right one.
    """

    def __init__(self, obs_dim: int, act_dim: int, config: TeacherConfig,
                 mirror: Mirror | None = None):
        super().__init__()
        self.actor = _network(obs_dim, config.hidden, act_dim, 0.01)
        self.critic = _network(obs_dim, config.hidden, 1, 1.0)
        self.log_std = nn.Parameter(torch.full((act_dim,), float(np.log(config.std))))
        self.mirror = None if mirror is None else (
            torch.from_numpy(mirror[0]), torch.from_numpy(mirror[1]).float(),
            torch.from_numpy(mirror[2]), torch.from_numpy(mirror[3]).float())

    def mean(self, obs: Tensor) -> Tensor:
        """Return the mean action (B, A)."""
        if self.mirror is None:
            return self.actor(obs)
        index, sign, joint, turn = self.mirror
        both = self.actor(torch.cat([obs, obs[:, index] * sign]))
        return (both[:len(obs)] + both[len(obs):, joint] * turn) / 2

    def value(self, obs: Tensor) -> Tensor:
        """Return the value (B,)."""
        if self.mirror is None:
            return self.critic(obs)[:, 0]
        index, sign, _, _ = self.mirror
        both = self.critic(torch.cat([obs, obs[:, index] * sign]))[:, 0]
        return (both[:len(obs)] + both[len(obs):]) / 2

    def std(self) -> Tensor:
        """Return the standard deviation (A,)."""
        if self.mirror is None:
            return self.log_std.exp()
        return ((self.log_std + self.log_std[self.mirror[2]]) / 2).exp()

    def advise(self, obs: Obs) -> Array:
        """Return the mode (B, A), clipped to [-1, 1]."""
        with torch.no_grad():
            return self.mean(torch.from_numpy(obs.vector)).clamp(-1, 1).numpy()


def _network(size_in: int, hidden: int, size_out: int, gain: float) -> nn.Sequential:
    layers = [nn.Linear(size_in, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, size_out)]
    for layer, scale in zip(layers, (2 ** 0.5, 2 ** 0.5, gain), strict=True):
        nn.init.orthogonal_(layer.weight, scale)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ELU(), layers[1], nn.ELU(), layers[2])


def log_prob(policy: ImitationPolicy, obs: Tensor, action: Tensor) -> Tensor:
    """Return log pi(a | s) (B,) of the Gaussian."""
    std = policy.std()
    z = (action - policy.mean(obs)) / std
    return (-0.5 * z ** 2 - std.log() - 0.9189385332046727).sum(-1)


def advantages(reward: Array, value: Array, next_value: Array, terminated: Array, done: Array,
               discount: float, gae_lambda: float) -> Array:
    """Generalised advantage estimation over (T, B) arrays; time limits bootstrap."""
    out, following = np.zeros_like(reward), np.zeros(reward.shape[1])
    for t in range(len(reward) - 1, -1, -1):
        delta = reward[t] + discount * (1 - terminated[t]) * next_value[t] - value[t]
        following = delta + discount * gae_lambda * (1 - done[t]) * following
        out[t] = following
    return out


def train_imitation(env: TrackingEnv, config: TeacherConfig, mirror: Mirror | None, seed: int,
                    run: Run | None = None) -> ImitationPolicy:
    """Train the imitation policy by PPO with an adaptive learning rate and annealed assist."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = ImitationPolicy(env.obs_dim, env.act_dim, config, mirror)
    noise = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(policy.parameters(), lr=config.rate, eps=1e-5)
    env.assist = config.assist
    obs, progress, rate, step = env.reset(seed), Progress("teacher", config.steps), config.rate, 0
    while step < config.steps:
        data, obs = collect(env, policy, obs, config, noise)
        rate, terms = improve(policy, optimiser, data, config, rate, noise)
        step += config.rollout * env.num_envs
        terms |= {"assist": env.assist, "reward": float(data["reward"].mean()),
                  "task_reward": float(data["task"].mean()),
                  "length": float(np.mean(env.lengths)) if env.lengths else 0.0}
        if (step // env.num_envs // config.rollout) % 10 == 0:
            progress.update(step, step, terms)
            if run:
                run.log(step, **{f"teacher/{k}": v for k, v in terms.items()})
    progress.close()
    return policy.requires_grad_(False)


def collect(env: Env, policy: ImitationPolicy, obs: Obs, config: TeacherConfig,
            noise: torch.Generator) -> tuple[dict[str, Any], Obs]:
    """Return a rollout, (T, B, .) by name, and the observation after it.

    The environment's terms hold `task_return`.
    """
    rows: dict[str, list[Array]] = {k: [] for k in ("obs", "action", "logp", "value", "next_value",
                                                    "reward", "terminated", "done", "task")}
    with torch.no_grad():
        for _ in range(config.rollout):
            x = torch.from_numpy(obs.vector)
            action = policy.mean(x)
            action = action + policy.std() * torch.randn(action.shape, generator=noise)
            step = env.step(action.numpy())
            final = torch.from_numpy(step.final_obs.vector)
            for name, value in (("obs", obs.vector), ("action", action.numpy()),
                                ("logp", log_prob(policy, x, action).numpy()),
                                ("value", policy.value(x).numpy()),
                                ("next_value", policy.value(final).numpy()),
                                ("reward", step.reward), ("terminated", step.terminated),
                                ("done", step.done), ("task", step.terms["task_return"])):
                rows[name].append(np.asarray(value, np.float32))
            obs = step.obs
    return {k: np.stack(v) for k, v in rows.items()}, obs


def improve(policy: ImitationPolicy, optimiser: torch.optim.Optimizer, data: dict[str, Any],
            config: TeacherConfig, rate: float, noise: torch.Generator
            ) -> tuple[float, dict[str, float]]:
    """Improve the policy by PPO on a rollout; return the adapted learning rate and terms."""
    gain = advantages(data["reward"], data["value"], data["next_value"], data["terminated"],
                      data["done"], config.discount, config.gae_lambda)
    target = gain + data["value"]
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)

    def flat(x: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(x.reshape(-1, *x.shape[2:]), np.float32))

    obs, action, old = flat(data["obs"]), flat(data["action"]), flat(data["logp"])
    gains, targets = flat(gain), flat(target)
    count, kl = len(obs), 0.0
    for _ in range(config.epochs):
        order = torch.randperm(count, generator=noise)
        for rows in order.chunk(config.minibatches):
            x, a = obs[rows], action[rows]
            new = log_prob(policy, x, a)
            ratio = (new - old[rows]).clamp(-20, 20).exp()
            g = gains[rows]
            clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
            loss = -torch.minimum(ratio * g, clipped * g).mean()
            value = (policy.value(x) - targets[rows]).square().mean()
            optimiser.zero_grad()
            (loss + 0.5 * value).backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            with torch.no_grad():
                kl = float((ratio - 1 - (new - old[rows])).mean())
            if kl > 2 * config.kl:
                rate = max(config.rate_low, rate / 1.5)
            elif kl < config.kl / 2:
                rate = min(config.rate_high, rate * 1.2)
    return rate, {"kl": kl, "rate": rate, "std": float(policy.std().detach().mean())}

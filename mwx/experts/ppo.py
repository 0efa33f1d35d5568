"""Proximal policy optimisation (Schulman et al. 2017) over batched environments, resumable.

What the teachers and the imitator are trained by. Learning rate adapted to the divergence of each
update, generalised advantage estimation, time limits bootstrap.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mwx.agents.state import join_state, split_state
from mwx.errors import MwxError
from mwx.experts.config import TeacherConfig
from mwx.interrupts import Interrupts
from mwx.progress import Progress
from mwx.runs import Run
from mwx.types import Array, Env, Obs

Mirror = tuple[Array, Array, Array, Array]  # feature index, sign, action index, sign
GROUPS = ("vector", "proprio", "task", "target", "right_target")  # of an observation
LOGGED = 10  # rollouts between two lines of the log


class PpoEnv(Env, Protocol):
    """An environment that shows its present observation and can be continued bit for bit."""

    obs: Obs
    obs_dim: int

    def get_state(self) -> dict[str, Any]: ...

    def set_state(self, state: Mapping[str, Any]) -> None: ...


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
        return self.own(obs)

    def own(self, obs: Tensor) -> Tensor:
        """Return what the network itself says of the mean action (B, A)."""
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


class AroundPolicy(ImitationPolicy):
    """A policy that adds to another one's actions, which stays as it is.

    Args:
        base: (B, O) features to (B, A) actions of this policy's scale.
    """

    def __init__(self, obs_dim: int, act_dim: int, config: TeacherConfig,
                 base: Callable[[Tensor], Tensor], mirror: Mirror | None = None):
        super().__init__(obs_dim, act_dim, config, mirror)
        self.base = base

    def mean(self, obs: Tensor) -> Tensor:
        """Return the mean action (B, A)."""
        return self.base(obs) + self.own(obs)


def _network(size_in: int, hidden: int, size_out: int, gain: float) -> nn.Sequential:
    layers = [nn.Linear(size_in, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, size_out)]
    for layer, scale in zip(layers, (2 ** 0.5, 2 ** 0.5, gain), strict=True):
        nn.init.orthogonal_(layer.weight, scale)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ELU(), layers[1], nn.ELU(), layers[2])


def rated(policy: ImitationPolicy, config: TeacherConfig) -> list[dict[str, Any]]:
    """Return the groups of parameters: what follows the adaptive rate, then what does not."""
    critic = list(policy.critic.parameters())
    if config.critic_rate is None:
        return [{"params": list(policy.parameters())}]
    ids = {id(p) for p in critic}
    acting = [p for p in policy.parameters() if id(p) not in ids]
    return [{"params": acting}, {"params": critic, "lr": config.critic_rate}]


def policy_of(obs_dim: int, act_dim: int, config: TeacherConfig, mirror: Mirror | None = None,
              base: Callable[[Tensor], Tensor] | None = None) -> ImitationPolicy:
    """Return a new policy, around another one where there is one."""
    if base is None:
        return ImitationPolicy(obs_dim, act_dim, config, mirror)
    return AroundPolicy(obs_dim, act_dim, config, base, mirror)


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


def clipped_loss(ratio: Tensor, gain: Tensor, clip: float) -> Tensor:
    """Return the policy's loss (), the mean of -min(r A, clip(r, 1 - c, 1 + c) A).

    Args:
        ratio: (R,) r, probability of an action now over that when it was drawn.
        gain: (R,) A, its advantage.
        clip: c.
    """
    return -torch.minimum(ratio * gain, ratio.clamp(1 - clip, 1 + clip) * gain).mean()


class Ppo:
    """PPO over an environment, with checkpoints by the clock.

    Args:
        env: already reset.
        config: sizes, steps and constants.
        run: where checkpoints and scalars go.
        seed: of the first weights and of the noise.
        mirror: of features and actions, for a symmetric skill.
        checkpoint_s: [s] between checkpoints.
        base: see AroundPolicy.

    Attributes:
        step: environment steps so far.
    """

    def __init__(self, env: PpoEnv, config: TeacherConfig, run: Run, seed: int,
                 mirror: Mirror | None = None, checkpoint_s: float = 300.0,
                 base: Callable[[Tensor], Tensor] | None = None):
        self.env, self.ppo, self.run, self.step = env, config, run, 0
        self.checkpoint_s, self.interrupts = checkpoint_s, Interrupts(wait=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = policy_of(env.obs_dim, env.act_dim, config, mirror, base)
        self.optimiser = torch.optim.Adam(rated(self.policy, config), lr=config.rate, eps=1e-5)
        self.noise = torch.Generator().manual_seed(seed)
        self.rate, self.obs = config.rate, env.obs

    def diagnostics(self, data: dict[str, Any]) -> dict[str, float]:
        """Return further scalars of a rollout."""
        return {}

    def identity(self) -> dict[str, Any]:
        """Return what a checkpoint must share with what it is loaded into."""
        return {}

    def evaluate(self) -> None:
        """Score the policy where that is due; called after every rollout, and where one goes on."""

    def train(self, name: str) -> None:
        """Run until the configured number of steps; told to stop, until the next checkpoint."""
        with Progress(name, self.ppo.steps, self.step) as progress, \
                closing(self.run), self.interrupts:
            self._train(name, progress)
            self.save()
            self._evaluate()

    def _train(self, name: str, progress: Progress) -> None:
        rollout, saved = self.ppo.rollout * self.env.num_envs, time.monotonic()
        while self.step < self.ppo.steps:
            self._evaluate()
            self._quieten()
            data, self.obs = collect(self.env, self.policy, self.obs, self.ppo, self.noise)
            self.rate, terms = improve(self.policy, self.optimiser, data, self.ppo, self.rate,
                                       self.noise, acts=self.step >= self.ppo.critic_steps)
            self.step += rollout
            progress.tick(self.step, self.step // rollout)
            if self.step // rollout % LOGGED == 0:
                terms |= {"reward": float(data["reward"].mean()), **self.diagnostics(data)}
                progress.update(self.step, self.step // rollout, terms)
                self.run.log(self.step, **{f"{name}/{k}": v for k, v in terms.items()})
            if time.monotonic() - saved > self.checkpoint_s:
                self.save()
                saved = time.monotonic()

    def _evaluate(self) -> None:
        try:
            with self.interrupts.at_once():  # ends here too who was told to stop before
                self.evaluate()
        except KeyboardInterrupt:
            self.save()
            raise

    def _quieten(self) -> None:
        """Set the noise to where its schedule is."""
        c = self.ppo
        if c.std_last is not None:
            std = c.std * (c.std_last / c.std) ** (self.step / c.steps)
            with torch.no_grad():
                self.policy.log_std.fill_(float(np.log(std)))

    def save(self) -> None:
        """Write a checkpoint of everything that changes."""
        arrays, env = split_state(self.env.get_state(), "env/")
        arrays |= {f"policy/{k}": v.numpy() for k, v in self.policy.state_dict().items()}
        arrays |= {f"obs/{k}": getattr(self.obs, k) for k in GROUPS}
        for i, moments in self.optimiser.state_dict()["state"].items():
            arrays |= {f"adam/{i}/{k}": v.numpy() for k, v in moments.items()}
        arrays["noise"] = self.noise.get_state().numpy()
        self.run.save(self.step, arrays, {"env": env, "rate": self.rate, **self.identity()})

    def restore(self) -> None:
        """Continue from the newest complete checkpoint.

        Raises:
            MwxError: it belongs to something else (`identity`), or is damaged.
        """
        self.step, arrays, state = self.run.restore()
        if any(state.get(k) != v for k, v in self.identity().items()):
            raise MwxError(f"{self.run.path}: its checkpoint belongs to other "
                           f"{', '.join(self.identity())}; start the run again in another folder")

        def part(prefix: str) -> dict[str, Array]:
            return {k[len(prefix):]: v.copy() for k, v in arrays.items() if k.startswith(prefix)}

        self.policy.load_state_dict({k: torch.from_numpy(v) for k, v in part("policy/").items()})
        self.env.set_state(join_state(part("env/"), state["env"]))
        self.obs = Obs(**part("obs/"))
        self.noise.set_state(torch.from_numpy(arrays["noise"].copy()))
        self.rate = state["rate"]
        moments: dict[int, dict[str, Any]] = {}
        for name, value in part("adam/").items():
            i, kind = name.split("/")
            moments.setdefault(int(i), {})[kind] = torch.from_numpy(value)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.run.trim_metrics(self.step)


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
            config: TeacherConfig, rate: float, noise: torch.Generator, acts: bool = True
            ) -> tuple[float, dict[str, float]]:
    """Improve the policy by PPO on a rollout; return the adapted learning rate and terms.

    Args:
        acts: False improves the value function alone.
    """
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
            loss = clipped_loss(ratio, gains[rows], config.clip)
            value = (policy.value(x) - targets[rows]).square().mean()
            if config.anchor:  # divergence from what it acts around, with the same noise
                apart = policy.own(x) / policy.std().detach()
                loss = loss + config.anchor * 0.5 * apart.square().sum(-1).mean()
            optimiser.zero_grad()
            (loss * acts + 0.5 * value).backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimiser.param_groups[0]["lr"] = rate
            optimiser.step()
            with torch.no_grad():
                kl = float((ratio - 1 - (new - old[rows])).mean())
            if not acts:  # nothing diverges: that says nothing of the rate
                continue
            if kl > 2 * config.kl:
                rate = max(config.rate_low, rate / 1.5)
            elif kl < config.kl / 2:
                rate = min(config.rate_high, rate * 1.2)
    return rate, {"kl": kl, "rate": rate, "std": float(policy.std().detach().mean())}

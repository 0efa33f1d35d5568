"""The training loop: act, store, update, log, evaluate, checkpoint; exactly resumable."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from mwx.agents.config import AgentConfig
from mwx.agents.learner import Augment, Learner
from mwx.agents.normaliser import Moments
from mwx.agents.planner import plan, shift
from mwx.agents.progress import Progress
from mwx.agents.replay import Replay
from mwx.agents.state import join_state, split_state
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError
from mwx.rng import generator, get_state, set_state
from mwx.runs import Run
from mwx.types import Array, Env, Obs, Step

Advisor = Callable[[Obs], Array]  # what a teacher would do: Obs -> (B, A)
Evaluate = Callable[[WorldModel, int], Mapping[str, float]]


class Loop:
    """One training run. Everything that changes is in get_state: train 2N = train N + resume N.

    Args:
        env: B environments; `obs.vector` is what the agent reads.
        advisor: labels every visited state with a teacher's action (None: no teacher).
        evaluate: called with (model, env steps); its scalars are logged as eval/<name>.
    """

    def __init__(self, env: Env, config: AgentConfig, run: Run, seed: int, *,
                 advisor: Advisor | None = None, augment: Augment | None = None,
                 evaluate: Evaluate | None = None, device: torch.device | str = "cpu"):
        loop = config.loop
        self.env, self.config, self.run, self.seed = env, config, run, seed
        self.advisor, self.evaluate, self.device = advisor, evaluate, device
        total = int(loop.steps * loop.updates_per_step) + loop.pretrain_updates
        self.learner = Learner(env.obs_dim, env.act_dim, config, seed, total, augment, device)
        self.replay = Replay(loop.capacity, env.num_envs, env.obs_dim, env.act_dim)
        self.moments = Moments(env.obs_dim, loop.normalise_rows)
        self.rng = generator(seed, "loop")
        self.noise = torch.Generator(device).manual_seed(seed + 2)
        self.step, self.debt = 0, 0.0
        self.driven = np.ones(env.num_envs, bool)  # episodes in which the advisor acts
        self.plans = torch.zeros(env.num_envs, config.planner.horizon, env.act_dim, device=device)
        self.returns: dict[str, Array] = {}
        self.finished: dict[str, deque[float]] = {}
        self.obs: Obs | None = None

    def train(self, resume: bool = False) -> WorldModel:
        """Run to the configured number of environment steps and return the model.

        Raises:
            MwxError: nothing to resume from, or the training diverged (the last good checkpoint
                is named).
        """
        loop = self.config.loop
        if resume:
            self._restore()
        else:
            self.obs = self.env.reset(self.seed)
        saved = time.monotonic()
        progress = Progress(self.run.path.name, loop.steps, self.step)
        while self.step < loop.steps:
            before = self.step
            self._act()
            terms = self._learn()
            if _crossed(before, self.step, loop.log_every):
                self._log(terms, progress)
            if self.evaluate and _crossed(before, self.step, loop.evaluate_every):
                scores = self.evaluate(self.learner.model, self.step)
                self.run.log(self.step, **{f"eval/{k}": v for k, v in scores.items()})
                progress.note(f"evaluation {_short(scores)}")
            if time.monotonic() - saved > 60 * loop.checkpoint_minutes:
                self.save()
                saved = time.monotonic()
        progress.close()
        self.save()
        return self.learner.model

    def _act(self) -> None:
        env, obs = self.env, self.obs
        assert obs is not None
        if self.config.model.normalise and self.moments.add(obs.vector):
            self.learner.set_normaliser(self.moments.mean, self.moments.std)
        advice = self.advisor(obs) if self.advisor else np.zeros((env.num_envs, env.act_dim))
        action = self._policy(obs)
        if self.advisor is not None:
            noise = self.rng.normal(0, 0.15, action.shape)
            action = np.where(self.driven[:, None], np.clip(advice + noise, -1, 1), action)
        step = env.step(action)
        self.replay.add(obs=obs.vector, next_obs=step.final_obs.vector, action=action,
                        reward=step.reward, terminated=step.terminated, done=step.done,
                        advice=advice, advised=np.full(env.num_envs, self.advisor is not None))
        self._count(step)
        if step.done.any():
            over = max(1, self.config.loop.advised_steps)
            share = max(0.0, 1 - self.step / over) if self.advisor else 0.0
            drawn = self.rng.random(env.num_envs) < share
            self.driven = np.where(step.done, drawn, self.driven)
            self.plans[torch.from_numpy(step.done)] = 0
        self.obs = step.obs
        self.step += env.num_envs
        self.debt += self.config.loop.updates_per_step * env.num_envs

    @torch.no_grad()
    def _policy(self, obs: Obs) -> Array:
        model = self.learner.model
        z = model.encode(torch.from_numpy(obs.vector.astype(np.float32)).to(self.device))
        if self.config.loop.planned and self.learner.updates > 0:
            result = plan(model, z, self.plans, self.config.planner,
                          self.config.learner.discount, self.noise)
            self.plans = shift(result.mean)
            return result.action.cpu().numpy()
        noise = torch.randn(len(z), model.act_dim, generator=self.noise, device=self.device)
        return model.pi(z, noise)[0].cpu().numpy()

    def _learn(self) -> dict[str, float]:
        loop, learner = self.config.loop, self.learner
        if self.step < loop.seed_steps:
            self.debt = 0.0
            return {}
        updates = int(self.debt)
        self.debt -= updates
        if learner.updates == 0:
            updates += loop.pretrain_updates
        terms: dict[str, float] = {}
        for _ in range(updates):
            c = self.config.learner
            terms = learner.update(self.replay.sample(c.batch, c.horizon, self.rng, self.device))
            if not np.isfinite(terms["gradient_norm"]) or not np.isfinite(terms["value"]):
                raise MwxError(
                    f"training diverged at environment step {self.step} ({_short(terms)}); the "
                    f"last good checkpoint is in {self.run.path}: lower the learning rate and "
                    f"resume, or start again with another seed")
        return terms

    def _count(self, step: Step) -> None:
        values = {"return": step.reward, "length": np.ones(self.env.num_envs), **step.terms}
        for name, value in values.items():
            total = self.returns.setdefault(name, np.zeros(self.env.num_envs))
            total += value
            if step.done.any():
                self.finished.setdefault(name, deque(maxlen=64)).extend(total[step.done].tolist())
                total[step.done] = 0

    def _log(self, terms: Mapping[str, float], progress: Progress) -> None:
        episode = {f"train/{k}": float(np.mean(v)) for k, v in self.finished.items() if v}
        rates = progress.update(self.step, self.learner.updates,
                                {k.removeprefix("train/"): v for k, v in episode.items()})
        self.run.log(self.step, updates=self.learner.updates, **rates, **episode,
                     **{f"loss/{k}": v for k, v in terms.items()})

    def save(self) -> None:
        """Write a complete checkpoint atomically."""
        assert self.obs is not None
        arrays, state = self.learner.get_state()
        env_arrays, env_state = split_state(self.env.get_state())
        arrays |= {f"replay.{k}": v for k, v in self.replay.get_state().items()}
        arrays |= {f"env.{k}": v for k, v in env_arrays.items()}
        arrays |= {f"obs.{k}": getattr(self.obs, k)
                   for k in ("vector", "proprio", "task", "target")}
        arrays |= {f"return.{k}": v for k, v in self.returns.items()}
        arrays |= {f"moments.{k}": v for k, v in self.moments.get_state().items()}
        arrays |= {"driven": self.driven, "plans": self.plans.cpu().numpy(),
                   "noise": self.noise.get_state().cpu().numpy()}
        self.run.save(self.step, arrays, {
            "learner": state, "env": env_state, "rng": get_state(self.rng), "debt": self.debt,
            "finished": {k: list(v) for k, v in self.finished.items()}})

    def _restore(self) -> None:
        self.step, arrays, state = self.run.restore()

        def part(prefix: str) -> dict[str, Array]:
            return {k[len(prefix):]: v for k, v in arrays.items() if k.startswith(prefix)}

        try:
            self.learner.set_state(arrays, state["learner"])
            self.replay.set_state(part("replay."))
            self.env.set_state(join_state(part("env."), state["env"]))
            self.obs = Obs(**part("obs."))
            self.moments.set_state(part("moments."))
            self.returns = {k: v.copy() for k, v in part("return.").items()}
            self.driven = arrays["driven"].copy()
            self.plans = torch.from_numpy(arrays["plans"].copy()).to(self.device)
            self.noise.set_state(torch.from_numpy(arrays["noise"].copy()))
            set_state(self.rng, state["rng"])
            self.debt = state["debt"]
            self.finished = {k: deque(v, maxlen=64) for k, v in state["finished"].items()}
        except (KeyError, RuntimeError, ValueError) as error:
            raise MwxError(f"the checkpoint in {self.run.path} does not fit this configuration "
                           f"({error}); resume with the config the run was started with") from None
        self.run.trim_metrics(self.step)


def _crossed(before: int, after: int, every: int) -> bool:
    return before // every != after // every


def _short(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in values.items())

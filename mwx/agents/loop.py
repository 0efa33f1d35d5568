"""The training loop: act, store, update, log, evaluate, checkpoint; exactly resumable."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
import torch

from mwx.agents.best import Best
from mwx.agents.checkpoint import restore, save
from mwx.agents.clock import Clock
from mwx.agents.config import AgentConfig
from mwx.agents.learner import Augment, Learner
from mwx.agents.normaliser import Moments
from mwx.agents.planner import plan, shift
from mwx.agents.replay import Replay
from mwx.agents.watch import Watch
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError
from mwx.interrupts import Interrupts
from mwx.progress import Progress
from mwx.rng import generator
from mwx.runs import Run
from mwx.types import Array, Env, Obs, Step

Advisor = Callable[[Obs], Array]  # what a teacher would do: Obs -> (B, A)
Evaluate = Callable[[WorldModel, int], Mapping[str, float]]


class Loop:
    """One training run. Everything that changes is in get_state: train 2N = train N + resume N.

    Args:
        env: B environments; `obs.vector` is what the agent reads.
        advisor: labels every visited state with a teacher's action (None: no teacher).
        evaluate: called with (model, env steps); its scalars are logged as eval/<name>, and the
            model with the highest task_return(_mean) is kept in the run's weights/. Also at the
            end of the training.
    """

    def __init__(self, env: Env, config: AgentConfig, run: Run, seed: int, *,
                 advisor: Advisor | None = None, augment: Augment | None = None,
                 evaluate: Evaluate | None = None, device: torch.device | str = "cpu"):
        loop = config.loop
        self.env, self.config, self.run, self.seed = env, config, run, seed
        self.advisor, self.evaluate, self.device = advisor, evaluate, device
        total = int(loop.steps * loop.updates_per_step) + loop.pretrain_updates
        self.learner = Learner(env.obs_dim, env.act_dim, config, seed, total, augment, device)
        nearest = "memory" if torch.device(device).type == "cpu" else "device"
        self.replay = Replay(loop.capacity, env.num_envs, env.obs_dim, env.act_dim,
                             storage=loop.storage or nearest,
                             folder=run.path / "replay", device=device,
                             advised=advisor is not None)
        self.watch = Watch(config.learner.discount, config.learner.gradient_clip)
        self.best = Best(run.path / "weights")
        self.clock, self.interrupts = Clock(), Interrupts(wait=True)
        self.moments = Moments(env.obs_dim, loop.normalise_rows)
        self.rng = generator(seed, "loop")
        self.noise = torch.Generator(device).manual_seed(seed + 2)
        self.step, self.debt, self.owed, self.evaluated = 0, 0.0, 0, -1
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
            KeyboardInterrupt: told to stop; a checkpoint has been written.
        """
        if resume:
            restore(self)
        elif self.run.resumable:
            raise MwxError(f"{self.run.path} holds checkpoints of a run already: give --resume to "
                           f"continue it, or another --out")
        else:
            self.obs = self.env.reset(self.seed)
        with Progress(self.run.path.name, self.config.loop.steps, self.step,
                      self.learner.updates) as progress, closing(self.run), self.interrupts:
            self._train(progress)
        return self.learner.model

    def _train(self, progress: Progress) -> None:
        """Take turns; each ends where a checkpoint can be written and continued from exactly."""
        loop, saved = self.config.loop, time.monotonic()
        while self.step < loop.steps or self.owed:
            if self._due() and not self.owed:
                self._evaluate(progress)
            if not self.owed:
                if self.replay.full:
                    self.save()
                self._act()
                self._owe()
            terms = self._learn(progress)
            progress.tick(self.step, self.learner.updates)
            if not self.owed and self._crossed(loop.log_every):
                self._log(terms, progress)
            if self.interrupts.asked:
                self._stop()
            if time.monotonic() - saved > 60 * loop.checkpoint_minutes and self.watch.well:
                self.save()
                saved = time.monotonic()
        self.save()
        if self.evaluate and self.evaluated != self.step:
            self._evaluate(progress)

    def _due(self) -> bool:
        """Return whether an evaluation is due here, which an interruption may have put off."""
        return self.evaluate is not None and self.evaluated != self.step and \
            self._crossed(self.config.loop.evaluate_every)

    def _crossed(self, every: int) -> bool:
        """Return whether the last step reached a multiple of this many."""
        return self.step // every != max(0, self.step - self.env.num_envs) // every

    def _stop(self) -> None:
        """Write a checkpoint, where the weights are well, and end."""
        if self.step and self.watch.well:
            self.save()
        raise KeyboardInterrupt

    def _act(self) -> None:
        env, obs = self.env, self.obs
        assert obs is not None
        if self.config.model.normalise and self.moments.add(obs.vector):
            self.learner.set_normaliser(self.moments.mean, self.moments.std)
        with self.clock.part("teacher"):
            advice = self.advisor(obs) if self.advisor else np.zeros((env.num_envs, env.act_dim))
        with self.clock.part("learner"):
            action = self._policy(obs)
        if self.advisor is not None:
            noise = self.rng.normal(0, 0.15, action.shape)
            action = np.where(self.driven[:, None], np.clip(advice + noise, -1, 1), action)
        with self.clock.part("physics"):
            step = env.step(action)
        self.watch.see_rewards(step.reward)
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
            with self.learner.compute.products():
                result = plan(model, z, self.plans, self.config.planner,
                              self.config.learner.discount, self.noise)
            self.plans = shift(result.mean)
            return result.action.cpu().numpy()
        noise = torch.randn(len(z), model.act_dim, generator=self.noise, device=self.device)
        return model.pi(z, noise)[0].cpu().numpy()

    def _owe(self) -> None:
        """Add up the updates that are due after a step."""
        loop = self.config.loop
        if self.step < loop.seed_steps:
            self.debt = 0.0
            return
        self.owed = int(self.debt)
        self.debt -= self.owed
        if self.learner.updates == 0:
            self.owed += loop.pretrain_updates

    def _learn(self, progress: Progress | None = None) -> dict[str, float]:
        """Make the updates that are owed; told to stop, leave the rest for whoever goes on."""
        terms: dict[str, float] = {}
        c = self.config.learner
        while self.owed and not self.interrupts.asked:
            batch = self.replay.sample(c.batch, c.horizon, self.rng, self.device)
            with self.clock.part("learner"):
                terms = self.learner.update(batch)
            wrong = self.watch.judge(terms)
            if wrong:
                raise self._diverged(wrong, terms)
            self.owed -= 1
            if progress is not None:
                progress.tick(self.step, self.learner.updates)
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
        shares = {f"time/{k}": v for k, v in self.clock.shares().items()}
        self.run.log(self.step, updates=self.learner.updates, **rates, **episode, **shares,
                     **{f"loss/{k}": v for k, v in terms.items()})

    def _evaluate(self, progress: Progress) -> None:
        assert self.evaluate is not None
        try:
            with self.clock.part("evaluation"), self.interrupts.at_once():
                scores = self.evaluate(self.learner.model, self.step)
        except KeyboardInterrupt:
            self._stop()
            raise
        self.evaluated = self.step
        better = self.best.offer(self.learner.model, self.step, scores)
        self.run.log(self.step, **{f"eval/{k}": v for k, v in scores.items()})
        progress.note(f"evaluation {_short(scores)}{' (the best so far)' if better else ''}")

    def save(self) -> None:
        """Write a complete checkpoint atomically.

        Raises:
            MwxError: it cannot be written, or the weights are not finite; the checkpoints before
                it are untouched.
        """
        if not all(bool(torch.isfinite(p).all()) for p in self.learner.model.parameters()):
            raise self._diverged("weights not finite", {})
        with self.clock.part("checkpoint"):
            save(self)

    def _diverged(self, wrong: str, terms: Mapping[str, float]) -> MwxError:
        steps = self.run.checkpoints()
        last = (f"the last good checkpoint is {self.run.path}/checkpoints/{steps[-1]:09d}: lower "
                f"learner.rate and resume") if steps else "there is no checkpoint yet: lower " \
            "learner.rate"
        return MwxError(f"training diverged at environment step {self.step}, update "
                        f"{self.learner.updates}: {wrong} ({_short(terms)}); {last}, or start "
                        f"again with another seed")


def _short(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in values.items())

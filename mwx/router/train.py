"""Training of the router: distillation of eq. (12) on D_T, then an optional step by return."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from mwx import rng as generators
from mwx.agents import compute
from mwx.config import to_dict
from mwx.errors import MwxError
from mwx.progress import Progress
from mwx.router.composition import GROUPS
from mwx.router.demos import Demonstration, check_demonstrations
from mwx.router.guidance import Guidance, restrict
from mwx.router.improve import ImproveConfig, adjusted, improve
from mwx.router.losses import LossConfig, irm_loss
from mwx.router.network import NetworkConfig
from mwx.router.policies import CompositePolicy, Library, ScriptedSwitch, ScriptStage
from mwx.router.priors import PriorConfig, fit_prior
from mwx.router.router import Layout, Router
from mwx.router.states import StatePool, demo_pool, joined, reset_pool, rollout_pool, sample
from mwx.runs import Run, provenance
from mwx.types import Env

log = logging.getLogger(__name__)
PROGRESS_NOISE = 0.05  # spread of errors the router must bear in the progress it is told


@dataclass(frozen=True)
class DistillConfig:
    """How a router is trained.

    Attributes:
        network, loss, prior, improve: see their records.
        temperature: of the weights that act; below 1 sharper than distilled, which keeps experts
            that nobody asked for out of a mixture (docs/log.md). `improve` may find another.
        successes: leave out demonstrations that failed, where others succeeded.
        rounds: times the states of D_T are refreshed with the composite's own rollouts.
        updates: gradient updates per round.
        batch: states per update.
        mixture: shares of demonstration states, composite rollouts and resets in D_T.
        rollout_steps: control steps per environment and round.
        resets: resets sampled, each of all environments.
        num_envs: environments made when the task is given by name.
        log_every: updates between logged rows.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    improve: ImproveConfig = field(default_factory=ImproveConfig)
    temperature: float = 0.25
    successes: bool = True
    rounds: int = 3
    updates: int = 400
    batch: int = 256
    learning_rate: float = 1e-3
    mixture: tuple[float, float, float] = (0.5, 0.4, 0.1)
    rollout_steps: int = 300
    resets: int = 4
    num_envs: int = 8
    log_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        positive = (self.rounds, self.updates, self.batch, self.num_envs, self.log_every)
        if min(positive) < 1 or self.rollout_steps < 0 or self.resets < 0:
            raise MwxError(f"router training needs positive counts, got {self}")
        if self.temperature <= 0:
            raise MwxError(f"a router's temperature is above 0, not {self.temperature}")
        if min(self.mixture) < 0 or self.mixture[0] <= 0:
            raise MwxError("the mixture needs shares >= 0 and some demonstration states, got "
                           f"{self.mixture}")


def literal(config: DistillConfig | None = None) -> DistillConfig:
    """Return the printed equations alone: constant P_demo, reverse KL, no step by return."""
    config = config or DistillConfig()
    return replace(config, prior=replace(config.prior, kind="constant"), temperature=1.0,
                   loss=replace(config.loss, direction="reverse"),
                   network=replace(config.network, per_group=False, floor=0.0),
                   improve=replace(config.improve, kind="none"))


def grouped(config: DistillConfig, demos: Sequence[Demonstration]) -> DistillConfig:
    """Return the config with weights per joint group where the demonstrations have such labels."""
    several = any(demo.labels.shape[1] > 1 for demo in demos)
    return replace(config, network=replace(config.network, per_group=True)) if several else config


def train_router(env: str | Env, library: Library, guidance: Guidance,
                 demos: Sequence[Demonstration], config: DistillConfig | None = None,
                 run: Run | None = None, script: Sequence[ScriptStage] | None = None) -> Router:
    """Distil a router for one task. Minutes on one core.

    Args:
        env: task environments, or a name such as "h1-door".
        library: the experts.
        guidance: V(T); restricted to the library's experts.
        demos: labelled demonstrations.
        run: where to log and to save the router (`<run>/router`); None keeps it in memory.
        script: the demonstrator, where it is at hand: it labels the states that the router itself
            gets into. None: they are labelled like demonstrated states nearby.

    Raises:
        MwxError: demonstrations or guidance that do not fit the library.
    """
    config = config or DistillConfig()
    env = _make(env, config) if isinstance(env, str) else env
    names = tuple(library.names)
    check_demonstrations(demos, names)
    demos = ([d for d in demos if d.success] if config.successes else []) or demos
    guidance = restrict(guidance, {name: library.descriptions[name] for name in names})
    if guidance.unsupported:
        log.warning("the guidance says that no available expert covers '%s'", guidance.task)
    trainer = _Trainer(env, library, guidance, demos, config, run, script)
    with compute.threads(1):  # small products: threads that wait for busy cores cost 30 times more
        router = adjusted(trainer.distil(), temperature=config.temperature)
    scores: list[dict[str, Any]] = []
    if config.improve.kind != "none":
        router, scores = improve(trainer.snapshots, library, env, config.improve, config.seed)
    router = replace(router, provenance=_provenance(config, guidance, demos, trainer, scores))
    if run is not None:
        router.save(run.path / "router")
    return router


def _make(name: str, config: DistillConfig) -> Env:
    from mwx.sim import make
    return make(name, num_envs=config.num_envs, seed=config.seed)


class _Trainer:
    """State of one distillation: the router, its optimiser, the pools of D_T."""

    def __init__(self, env: Env, library: Library, guidance: Guidance,
                 demos: Sequence[Demonstration], config: DistillConfig, run: Run | None,
                 script: Sequence[ScriptStage] | None):
        self.env, self.library, self.config, self.run = env, library, config, run
        self.script = ScriptedSwitch(library, tuple(script), env.act_dim) if script else None
        groups = len(GROUPS) if config.network.per_group else 1
        first = demos[0]
        layout = Layout(first.proprio.shape[1], first.task_state.shape[1], groups)
        self.router = Router.create(guidance, layout, config.network, config.seed)
        self.network = self.router.network
        self.optimiser = torch.optim.Adam(self.network.parameters(), config.learning_rate)
        self.rng = generators.generator(config.seed, "router")
        self.w_v = torch.as_tensor(guidance.weights, dtype=torch.float32)
        self.prior = fit_prior(demos, groups, config.prior)
        self.demo_states = demo_pool(demos, self.prior)
        self.first_states = reset_pool(env, self.prior, config.resets, config.seed) \
            if config.resets else None
        self.own_states: StatePool | None = None
        self.snapshots: list[Router] = []
        self.last: dict[str, float] = {}
        self.update = 0
        self.network.observe(torch.from_numpy(self.demo_states.features))

    def distil(self) -> Router:
        """Alternate updates and rollouts of the composite; return the final router."""
        total = self.config.rounds * self.config.updates
        for round_index in range(self.config.rounds):
            with Progress(f"router, round {round_index + 1} of {self.config.rounds}", total,
                          done=self.update, unit="updates") as progress:
                for _ in range(self.config.updates):
                    self._step()
                    progress.tick(self.update)
            self.snapshots.append(replace(self.router, network=copy.deepcopy(self.network)))
            if round_index < self.config.rounds - 1 and self.config.rollout_steps:
                self._visit(round_index)
        return self.router

    def _visit(self, round_index: int) -> None:
        acting = adjusted(self.router, temperature=self.config.temperature)
        policy = CompositePolicy(acting, self.library, act_dim=self.env.act_dim)
        seed = self.config.seed + 1000 + round_index
        pool = rollout_pool(policy, self.env, self.prior, self.config.rollout_steps, seed,
                            self.script, self.config.prior.floor)
        self.network.observe(torch.from_numpy(pool.features))
        self.own_states = joined(pool, self.own_states)

    def _step(self) -> None:
        config = self.config
        batch = sample((self.demo_states, self.own_states, self.first_states), config.mixture,
                       config.batch, self.rng)
        noise = self.rng.normal(0, PROGRESS_NOISE, config.batch)
        before = np.clip(batch.before + noise, 0, 1).astype(np.float32)
        log_pi, estimate = self.network(torch.from_numpy(batch.features), self.w_v,
                                        torch.from_numpy(before))
        terms = irm_loss(log_pi, self.w_v, torch.from_numpy(batch.prior.astype(np.float32)),
                         self.update, config.loss)
        terms["loss_progress"] = _progress_loss(estimate, batch.progress)
        self.optimiser.zero_grad()
        (terms["loss"] + terms["loss_progress"]).backward()
        self.optimiser.step()
        self._log(terms, log_pi, batch.prior)
        self.update += 1

    def _log(self, terms: dict[str, torch.Tensor], log_pi: torch.Tensor,
             prior: np.ndarray) -> None:
        """Log the terms, and each expert's mean weight beside its mean share in P_demo."""
        last = self.config.rounds * self.config.updates - 1
        if self.update % self.config.log_every and self.update != last:
            return
        self.last = {name: float(value.detach()) for name, value in terms.items()}
        means = {"usage": log_pi.detach().exp().mean((0, 1)).tolist(),
                 "demo": prior.mean((0, 1)).tolist()}
        self.last |= {f"{kind}_{name}": value for kind, values in means.items()
                      for name, value in zip(self.router.experts, values, strict=True)}
        if self.run is not None:
            self.run.log(self.update, **self.last)

    @property
    def counts(self) -> dict[str, int]:
        """States in each part of D_T."""
        pools = {"demonstrations": self.demo_states, "rollouts": self.own_states,
                 "resets": self.first_states}
        return {name: 0 if pool is None else len(pool) for name, pool in pools.items()}


def _progress_loss(estimate: torch.Tensor, progress: np.ndarray) -> torch.Tensor:
    """Mean squared error of the progress estimate where the truth is known."""
    known = torch.from_numpy(np.isfinite(progress))
    truth = torch.from_numpy(np.nan_to_num(progress).astype(np.float32))
    error = torch.where(known, estimate - truth, torch.zeros_like(estimate))
    return error.square().sum() / known.sum().clamp_min(1)


def _provenance(config: DistillConfig, guidance: Guidance, demos: Sequence[Demonstration],
                trainer: _Trainer, scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {**provenance(config.seed), "config": to_dict(config), "guidance": guidance.title,
            "demonstrations": [{"source": d.source, "steps": len(d), "success": d.success,
                                "task_return": d.task_return} for d in demos],
            "states": trainer.counts, "updates": trainer.update, "final": trainer.last,
            "improvement": scores}

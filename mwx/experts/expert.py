"""One expert: a prior and a world model, acting in any task (a Policy)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mwx import config as configs
from mwx.agents.agent import load_model
from mwx.agents.planner import plan, shift
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError
from mwx.experts import prior as priors
from mwx.experts.config import ExpertConfig
from mwx.experts.features import SIZE, features
from mwx.experts.seat import SeatPrior
from mwx.experts.steer import SteerPrior
from mwx.motion import Reference
from mwx.robot import H1
from mwx.types import Array, Obs, brief
from mwx.untrusted import read_object, understood


@dataclass(frozen=True)
class ExpertCarry:
    """An expert's memory: its phase clock and the plan it warm-starts from."""

    prior: priors.Carry
    plan: torch.Tensor  # (B, H, A)

    __repr__ = brief


def make_prior(config: ExpertConfig, reference: Reference) -> priors.ClipPrior | priors.ReachPrior:
    """Return the prior that an expert's config asks for."""
    if config.prior.kind in priors.HANDS:
        return priors.ReachPrior(reference, priors.HANDS[config.prior.kind], config.prior.ramp_s)
    kinds = {"load": priors.LoadPrior, "steer": SteerPrior, "seat": SeatPrior}
    kind = kinds.get(config.prior.kind, priors.ClipPrior)
    return kind(reference, config.prior.start_s, config.prior.ramp_s)


class Expert:
    """A trained skill. Reads `obs.proprio`, `obs.target` and its own clock, nothing else.

    Args:
        planned: act by planning in latent space (eq. 7) instead of by the policy prior.
    """

    def __init__(self, config: ExpertConfig, reference: Reference, model: WorldModel,
                 planned: bool = False):
        self.config, self.model, self.planned = config, model, planned
        self.prior = make_prior(config, reference)
        self.act_dim = H1.act_dim
        self._generator = torch.Generator().manual_seed(config.seed)

    def initial(self, num_envs: int) -> ExpertCarry:
        """Return the carry at the start of B episodes."""
        horizon = self.config.agent.planner.horizon
        return ExpertCarry(self.prior.initial(num_envs),
                           torch.zeros(num_envs, horizon, self.act_dim))

    def restart(self, carry: ExpertCarry, rows: Array) -> ExpertCarry:
        """Return the carry with the given rows (B,) bool back at the start of an episode."""
        fresh = self.initial(len(rows))
        keep = torch.from_numpy(~rows)[:, None, None]
        return ExpertCarry(carry.prior.where(rows, fresh.prior), carry.plan * keep)

    @torch.no_grad()
    def __call__(self, obs: Obs, carry: ExpertCarry) -> tuple[Array, ExpertCarry]:
        """Return actions (B, A) in [-1, 1] and the next carry; deterministic."""
        target, after = self.prior.look(obs, carry.prior)
        z = self.model.encode(torch.from_numpy(features(obs, target)))
        plans = carry.plan
        if self.planned:
            agent = self.config.agent
            result = plan(self.model, z, plans, agent.planner, agent.learner.discount,
                          self._generator, sample=False)
            residual, plans = result.action.numpy(), shift(result.mean)
        else:
            residual = self.model.mode(z).numpy()
        ctrl = target.ctrl + self.config.tracking.residual * residual
        return H1.to_action(ctrl), ExpertCarry(after, plans)

    def phase_aligned(self, obs: Obs, carry: ExpertCarry) -> priors.Target:
        """Return the reference this expert aligns with at the end of the coming step."""
        return self.prior.look(obs, carry.prior)[0]


def load_expert(folder: str | Path, planned: bool = False) -> Expert:
    """Read an expert from its folder: config.json, reference.npz, weights.safetensors.

    Raises:
        MwxError: no such folder, or a file is missing, damaged or does not fit.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise MwxError(f"{folder}: not an expert (no config.json); experts are folders with "
                       f"config.json, reference.npz and weights.safetensors, as "
                       f"`mwx expert train` writes them")
    config = configs.load(ExpertConfig, folder / "config.json")
    reference = Reference.load(folder / "reference.npz")
    prior = make_prior(config, reference)
    model = load_model(SIZE + prior.extra_dim, H1.act_dim, config.agent.model,
                       folder / "weights.safetensors")
    expert = Expert(config, reference, model, planned)
    with understood(folder):
        expert.initial(1)
    return expert


def load_card(folder: str | Path) -> dict[str, Any]:
    """Return an expert's card: command, commit, seed, steps, wall time, scores."""
    return read_object(Path(folder) / "card.json")

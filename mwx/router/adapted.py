"""An adapted composite as a policy: the mixture of experts, the task's world model beside it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch

from mwx import config as configs
from mwx.agents.agent import load_model
from mwx.agents.planner import shift
from mwx.agents.world_model import WorldModel
from mwx.config import WHOLE, Within
from mwx.errors import MwxError
from mwx.experts import ExpertLibrary, load_library
from mwx.files import write_json
from mwx.router.adapt_config import AdaptConfig
from mwx.router.candidates import plan_among
from mwx.router.guidance import load_guidance
from mwx.router.mixture import Mixture, View
from mwx.router.policies import (
    CompositeCarry,
    CompositePolicy,
    fixed_mix,
    uniform_mix,
)
from mwx.router.practice import FILE, load_teacher
from mwx.router.router import Router
from mwx.types import Array, Obs, Policy, brief
from mwx.untrusted import read_object, understood

CONFIG, WEIGHTS, MIXTURE = "adapt.json", "weights.safetensors", "mixture"
TEACHER = "teacher"  # who acts where it scored better than the world model that cloned it


class Actor(Protocol):
    """What acts beside a mixture: a world model's policy prior, or the teacher."""

    obs_dim: int

    def encode(self, vector: torch.Tensor, /) -> torch.Tensor:
        """Return what `mode` reads, of the view's vector (B, O)."""
        ...

    def mode(self, z: torch.Tensor, /) -> torch.Tensor:
        """Return the policy's most likely action (B, A)."""
        ...


@dataclass(frozen=True)
class AdaptedCarry:
    """Memory of an adapted policy.

    Attributes:
        composite: the mixture's; plan: (B, H, A) the plan it warm-starts from.
        view: what the mixture made of the states just acted on (None before the first step).
    """

    composite: CompositeCarry
    plan: torch.Tensor
    view: View | None = None

    __repr__ = brief


class Adapted:
    """Acts on a task with mixture and world model together, deterministically (a Policy).

    Args:
        step: of the training, of which the weights are: on the schedule of Table IV it says which
            reference they were learning from.
        planned: plan in latent space (eq. 7), with the mixture's and the experts' actions among
            the samples, instead of acting by the policy prior.
    """

    def __init__(self, mixture: Mixture, model: Actor, step: int, planned: bool = False):
        self.mixture, self.model, self.step = mixture, model, step
        self.planned = planned
        self.act_dim = mixture.act_dim

    def initial(self, num_envs: int) -> AdaptedCarry:
        """Return the carry at the start of B episodes."""
        horizon = self.mixture.config.agent.planner.horizon
        return AdaptedCarry(self.mixture.initial(num_envs),
                            torch.zeros(num_envs, horizon, self.act_dim))

    def restart(self, carry: AdaptedCarry, rows: Array) -> AdaptedCarry:
        """Return the carry with the given rows (B,) bool at the start of an episode."""
        return AdaptedCarry(self.mixture.restart(carry.composite, rows),
                            carry.plan * torch.from_numpy(~rows)[:, None, None], carry.view)

    @torch.no_grad()
    def __call__(self, obs: Obs, carry: AdaptedCarry) -> tuple[Array, AdaptedCarry]:
        """Return actions (B, A) in [-1, 1] and the next carry.

        Raises:
            MwxError: the observation is another task's.
        """
        view = self.mixture.look(obs, carry.composite, self.step)
        if view.vector.shape[1] != self.model.obs_dim:
            raise MwxError(f"this policy was adapted to {self.mixture.config.task} and reads "
                           f"{self.model.obs_dim} numbers, here are {view.vector.shape[1]}")
        z, plans = self.model.encode(torch.from_numpy(view.vector)), carry.plan
        if self.planned and isinstance(self.model, WorldModel):
            config = self.mixture.config
            offered = torch.from_numpy(self.mixture.candidates(view)).float()
            # the same noise for every plan: a plan depends on the state and the last plan only
            noise = torch.Generator().manual_seed(config.seed)
            result = plan_among(self.model, z, plans, offered, config.agent.planner,
                                config.agent.learner.discount, noise, sample=False)
            action, plans = result.action.numpy(), shift(result.mean)
        else:
            action = self.model.mode(z).numpy()
        return self.mixture.command(view, action), AdaptedCarry(view.after, plans, view)


def load_mixture(folder: str | Path, config: AdaptConfig) -> Mixture:
    """Return the mixture that a folder holds: a router, or the guidance alone.

    Raises:
        MwxError: neither is there, or an expert of it is not at hand.
    """
    folder = Path(folder)
    if config.mixing == "router":
        router = Router.load(folder)
        library = load_library(config.experts, router.experts)
        return Mixture(CompositePolicy(router, library), library, config)
    guidance = load_guidance(folder / "guidance.json")
    library = load_library(config.experts, guidance.experts)
    return Mixture(fixed_mix(library, guidance.weights), library, config)


def save_adapted(folder: Path, config: AdaptConfig, obs_dim: int, step: int, acts_by: str) -> None:
    """Write what load_adapted reads beside weights and mixture.

    Args:
        acts_by: TEACHER, or whatever the world model acts by.
    """
    write_json(folder / CONFIG, {"obs_dim": obs_dim, "step": step, "acts_by": acts_by,
                                 "config": configs.to_dict(config)})


def load_adapted(folder: str | Path, planned: bool = False,
                 experts: str | Path | None = None) -> Adapted:
    """Read an adapted policy: adapt.json, weights.safetensors, mixture/; or a run that holds one.

    Args:
        planned: plan every action, by the world model.
        experts: folder of experts; those that it was trained with unless told.

    Raises:
        MwxError: a file is missing, damaged or does not fit.
    """
    folder = Path(folder)
    folder = folder / "adapted" if (folder / "adapted" / CONFIG).is_file() else folder
    saved = read_object(folder / CONFIG)
    with understood(folder / CONFIG):
        told, step, size = saved["config"], int(saved["step"]), int(saved["obs_dim"])
    WHOLE.check(step, f"{folder / CONFIG}: step")
    Within(1, 2 ** 14).check(size, f"{folder / CONFIG}: obs_dim")
    config = configs.from_dict(AdaptConfig, told, f"{folder / CONFIG}: config")
    if experts is not None:
        config = replace(config, experts=str(experts))
    mixture = load_mixture(folder / MIXTURE, config)
    if saved.get("acts_by") == TEACHER and not planned:
        return Adapted(mixture, load_teacher(folder / FILE, config), step)
    model = load_model(size, mixture.act_dim, config.agent.model, folder / WEIGHTS)
    return Adapted(mixture, model, step, planned)


def rivals(mixture: Mixture) -> dict[str, Policy]:
    """Return what an adaptation must beat: the composite, and what needs no router."""
    return {"composite, not adapted": mixture.composite, **unrouted(mixture.library)}


def unrouted(library: ExpertLibrary) -> dict[str, Policy]:
    """Return what needs no router, by name: every expert alone, the uniform mix."""
    return {**{f"{name} alone": expert for name, expert in library.experts.items()},
            "uniform mix": uniform_mix(library)}

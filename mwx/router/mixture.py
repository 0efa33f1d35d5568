"""The mixture beside a learner: its action, the expert in charge, and what that expert imitates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from mwx.agents.normaliser import FLOOR
from mwx.errors import MwxError, unknown
from mwx.experts import ExpertLibrary
from mwx.experts.expert import ExpertCarry
from mwx.experts.prior import Carry
from mwx.robot import H1
from mwx.router.adapt_config import AdaptConfig
from mwx.router.policies import CompositeCarry, CompositePolicy, groups_of
from mwx.router.switcher import reference_expert, schedule
from mwx.types import Array, Obs, brief


@dataclass(frozen=True, eq=False)
class View:
    """What the mixture makes of B states.

    Attributes:
        action: (B, A) of the mixture, in [-1, 1]; proposals: (B, K, A) of its experts.
        shares: (B, K) weights averaged over joint groups.
        stage: (B,) int, the expert whose reference is rewarded.
        q, qd: (B, J) [rad], [rad/s] that reference at the end of the coming step.
        vector: (B, O) what the learner observes.
        after: the mixture's carry, one step on.
    """

    action: Array
    proposals: Array
    shares: Array
    stage: Array
    q: Array
    qd: Array
    vector: Array
    after: CompositeCarry

    __repr__ = brief


class Mixture:
    """Experts, their weights, and the schedule of references: the reward switcher of Fig. 9.

    Args:
        composite: the mixture; its library holds the experts.
        config: see AdaptConfig.

    Raises:
        MwxError: the schedule of Table IV has no such task, or names an expert that is not there.
    """

    def __init__(self, composite: CompositePolicy, library: ExpertLibrary, config: AdaptConfig):
        self.composite, self.library, self.config = composite, library, config
        self.names, self.act_dim = library.names, library.act_dim
        self.stages = stages_of(config, self.names) if config.schedule == "paper" else None
        self.scale = config.residual * 2 / (H1.ctrl_high - H1.ctrl_low)  # (A,) per action of 1
        self._groups = groups_of(self.act_dim)
        # a normaliser divides by FLOOR what has not varied yet: a stage that comes in later must
        # not be a shock
        self._told = FLOOR if config.agent.model.normalise else 1.0

    def initial(self, num_envs: int) -> CompositeCarry:
        """Return the carry at the start of B episodes."""
        return self.composite.initial(num_envs)

    def restart(self, carry: CompositeCarry, rows: Array) -> CompositeCarry:
        """Return the carry with some rows at the start of an episode."""
        return self.composite.restart(carry, rows)

    def look(self, obs: Obs, carry: CompositeCarry, step: int) -> View:
        """Return what the mixture makes of the states at a step of the training."""
        action, after = self.composite(obs, carry)
        assert after.proposals is not None
        shares = after.shares
        leading = self._leading(after.weights, step)
        stage = shares.argmax(-1) if self.stages is None else leading[:, 0]
        q, qd = self._reference(obs, carry.experts, leading)
        told = self._told * np.eye(len(self.names))[stage]
        vector = np.concatenate([obs.vector, action, shares, told, q], -1)
        return View(action, after.proposals, shares, stage, q, qd, vector.astype(np.float32), after)

    def _leading(self, weights: Array, step: int) -> Array:
        """Return who is imitated, (B, G) for each joint group, or (B, 1)."""
        if self.stages is None:
            return weights.argmax(-1)
        name = reference_expert(self.stages, step, self.config.steps)
        return np.full((len(weights), 1), self.names.index(name))

    def _reference(self, obs: Obs, carry: tuple[ExpertCarry, ...], leading: Array
                   ) -> tuple[Array, Array]:
        """Return joints and velocities (B, J), each joint's from who leads its group."""
        per_joint = leading[:, self._groups] if leading.shape[1] > 1 else leading  # (B, J or 1)
        shape = (len(leading), len(H1.joint_names))
        q, qd = np.zeros(shape), np.zeros(shape)
        for i in np.unique(leading):
            target = self.library.experts[self.names[i]].phase_aligned(obs, carry[i])
            q = np.where(per_joint == i, target.q, q)
            qd = np.where(per_joint == i, target.qd, qd)
        return q, qd

    def command(self, view: View, action: Array) -> Array:
        """Return the actions (B, A) for the robot, given the policy's in [-1, 1]."""
        action = np.clip(action, -1, 1)
        if self.config.base == "advice":
            return action
        return np.clip(view.action + self.scale * action, -1, 1)

    def advice(self, view: View) -> Array:
        """Return the policy's action (B, A) that does what the mixture does."""
        return np.zeros_like(view.action) if self.config.base == "residual" else view.action

    def candidates(self, view: View) -> Array:
        """Return what the planner is offered (B, C, A): actions of the policy, C may be 0."""
        if self.config.proposals == "none":
            return np.zeros((len(view.action), 0, self.act_dim))
        mixed = self.advice(view)[:, None]
        if self.config.proposals == "mixture":
            return mixed
        each = view.proposals
        if self.config.base == "residual":
            each = np.clip((each - view.action[:, None]) / self.scale, -1, 1)
        return np.concatenate([mixed, each], 1)


def stages_of(config: AdaptConfig, experts: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Return Table IV's stages of a task, whose experts must all be at hand."""
    stages = schedule(config.task.removeprefix("h1-"))
    for _, name in stages:
        if name not in experts:
            raise unknown(f"expert in Table IV's schedule of '{config.task}'", name, experts)
    return stages


def pack(carry: CompositeCarry, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a carry as nested arrays, for checkpoints."""
    experts = {name: {**c.prior.arrays(), "plan": c.plan.numpy()}
               for name, c in zip(names, carry.experts, strict=True)}
    return {"experts": experts, "weights": carry.weights, "progress": carry.progress,
            "started": carry.started, "stage": carry.stage, "stage_s": carry.stage_s}


def unpack(state: Mapping[str, Any], names: tuple[str, ...]) -> CompositeCarry:
    """Undo pack."""
    try:
        parts = [state["experts"][name] for name in names]
    except KeyError as error:
        raise MwxError(f"the saved state knows no expert {error}; resume with the experts the run "
                       f"was started with") from None
    experts = tuple(ExpertCarry(Carry(**{k: np.array(v) for k, v in p.items() if k != "plan"}),
                                torch.from_numpy(np.array(p["plan"]))) for p in parts)
    arrays = {k: np.array(state[k]) for k in ("weights", "progress", "started", "stage", "stage_s")}
    return replace(CompositeCarry(experts, **arrays), proposals=None)

"""Policies made of experts: routed composite, fixed mixes, single experts, scripted switches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.robot import H1
from mwx.router.composition import GROUPS, compose, joint_groups, smoothed, top_choice
from mwx.types import Array, Obs, brief

CONTROL_DT = 0.02  # [s]


class Library(Protocol):
    """K experts called at once: what the router needs of an expert library."""

    @property
    def names(self) -> tuple[str, ...]:
        """K expert names."""
        ...

    @property
    def descriptions(self) -> Mapping[str, str]:
        """Name to one-line capability."""
        ...

    def initial(self, num_envs: int) -> Any:
        """Return the experts' carry at the start of B episodes."""
        ...

    def restart(self, carry: Any, rows: Array) -> Any:
        """Return the carry with some rows set back to the start."""
        ...

    def __call__(self, obs: Obs, carry: Any) -> tuple[Array, Any]:
        """Return proposals (B, K, A) in [-1, 1] and the next carry."""
        ...


class Weigher(Protocol):
    """What turns a state into expert weights: a router, or anything in its place."""

    @property
    def experts(self) -> tuple[str, ...]:
        """K expert names."""
        ...

    def weights(self, obs: Obs, progress: Array) -> tuple[Array, Array]:
        """Return weights (B, G, K) and the progress (B,) so far."""
        ...


@dataclass(frozen=True)
class CompositeCarry:
    """Memory of a composite.

    Attributes:
        experts: the experts' own carry.
        weights: (B, G, K) the weights just used.
        progress: (B,) in [0, 1], estimated task progress so far.
        started: (B,) bool, False before an episode's first step.
        stage: (B,) int, stage of a scripted switch (0 elsewhere).
        stage_s: (B,) [s] spent in that stage.
        proposals: (B, K, A) what the experts just proposed (None before the first step).
    """

    experts: Any
    weights: Array
    progress: Array
    started: Array
    stage: Array
    stage_s: Array
    proposals: Array | None = None

    __repr__ = brief

    @property
    def shares(self) -> Array:
        """(B, K) weights averaged over joint groups, for ribbons and logs."""
        return self.weights.mean(1)


def start_carry(library: Library, num_envs: int, groups: int = 1) -> CompositeCarry:
    """Return the carry at the start of B episodes, with even weights."""
    count = len(library.names)
    return CompositeCarry(library.initial(num_envs), np.full((num_envs, groups, count), 1 / count),
                          np.zeros(num_envs), np.zeros(num_envs, bool), np.zeros(num_envs, int),
                          np.zeros(num_envs))


def restart_carry(library: Library, carry: CompositeCarry, rows: Array) -> CompositeCarry:
    """Return the carry with the given rows (B,) bool at the start of an episode."""
    count = carry.weights.shape[-1]
    return CompositeCarry(
        library.restart(carry.experts, rows),
        np.where(rows[:, None, None], 1 / count, carry.weights),
        np.where(rows, 0.0, carry.progress), carry.started & ~rows,
        np.where(rows, 0, carry.stage), np.where(rows, 0.0, carry.stage_s), carry.proposals)


def act_dim_of(library: Library) -> int:
    """Return A of a library; the H1's where it does not say."""
    return getattr(library, "act_dim", H1.act_dim)


def groups_of(act_dim: int) -> Array | None:
    """Return the joint group of each action, or None where the robot is not the H1."""
    return joint_groups(H1.joint_names) if act_dim == H1.act_dim else None


class CompositePolicy:
    """The inference of eq. (13): a_t = sum_i w_{t,i} pi_i(s_t), weights from the router.

    Args:
        router: gives weights from the observation; guidance is cached inside, no VLM is asked.
        library: the experts, in the router's order.
        mode: "blend" mixes actions; "top1" follows the best expert with hysteresis.
        smoothing_s: [s] time constant of the weights in blend mode. A router's weights are a
            continuous function of the state already; what delays them delays hand-overs too, and
            a walk must be taken over within a tenth of a second (docs/log.md).
        margin: lead that another expert needs to take over in top1 mode.
        act_dim: A (None: the library's).
    """

    def __init__(self, router: Weigher, library: Library,
                 mode: Literal["blend", "top1"] = "blend", smoothing_s: float = 0.0,
                 margin: float = 0.1, act_dim: int | None = None):
        if tuple(library.names) != tuple(router.experts):
            raise MwxError(f"the router was made for the experts {', '.join(router.experts)}; the "
                           f"library has {', '.join(library.names)}: train the router again")
        if mode not in ("blend", "top1"):
            raise unknown("composition mode", mode, ("blend", "top1"))
        self.router, self.library = router, library
        self.act_dim = act_dim or act_dim_of(library)
        self.mode, self.smoothing_s, self.margin = mode, smoothing_s, margin
        self._groups = groups_of(self.act_dim)

    def initial(self, num_envs: int) -> CompositeCarry:
        """Return the carry at the start of B episodes."""
        return start_carry(self.library, num_envs, getattr(self.router, "groups", 1))

    def restart(self, carry: CompositeCarry, rows: Array) -> CompositeCarry:
        """Return the carry with some rows at the start of an episode."""
        return restart_carry(self.library, carry, rows)

    def __call__(self, obs: Obs, carry: CompositeCarry) -> tuple[Array, CompositeCarry]:
        """Return actions (B, A) and the next carry; `carry.weights` are those just used."""
        proposals, experts = self.library(obs, carry.experts)
        weights, progress = self.router.weights(obs, carry.progress)
        if self.mode == "top1":
            weights = top_choice(carry.weights, weights, carry.started, self.margin)
        else:
            weights = smoothed(carry.weights, weights, carry.started, CONTROL_DT, self.smoothing_s)
        action = np.clip(compose(weights, proposals, self._groups), -1, 1)
        return action, CompositeCarry(experts, weights, progress, np.ones_like(carry.started),
                                      carry.stage, carry.stage_s, proposals)


@dataclass(frozen=True)
class FixedWeights:
    """The same weights in every state."""

    experts: tuple[str, ...]
    values: Array

    __repr__ = brief

    def weights(self, obs: Obs, progress: Array) -> tuple[Array, Array]:
        """Return the fixed weights for every row, (B, 1, K), and the progress unchanged."""
        count = len(self.values)
        return np.broadcast_to(self.values, (len(obs.proprio), 1, count)), progress


def fixed_mix(library: Library, weights: Array, act_dim: int | None = None) -> CompositePolicy:
    """Return the policy that mixes with constant weights (K,): the ablation without a router."""
    router = FixedWeights(tuple(library.names), np.asarray(weights, float))
    return CompositePolicy(router, library, smoothing_s=0.0, act_dim=act_dim)


def uniform_mix(library: Library, act_dim: int | None = None) -> CompositePolicy:
    """Return the policy that weighs every expert the same."""
    count = len(library.names)
    return fixed_mix(library, np.full(count, 1 / count), act_dim)


def single_expert(library: Library, name: str, act_dim: int | None = None) -> CompositePolicy:
    """Return the policy that always follows one expert.

    Raises:
        MwxError: the library has no such expert.
    """
    if name not in library.names:
        raise unknown("expert", name, library.names)
    chosen = np.array([float(n == name) for n in library.names])
    return fixed_mix(library, chosen, act_dim)


Advance = Callable[[Obs], Array]


@dataclass(frozen=True)
class ScriptStage:
    """One stage of a script.

    Attributes:
        expert: who acts; or one expert a joint group, in the order of composition.GROUPS.
        until: (B,) bool from the observation, when the next stage begins (None: never).
        seconds: [s] after which the next stage begins all the same.
    """

    expert: str | tuple[str, ...]
    until: Advance | None = None
    seconds: float = np.inf


class ScriptedSwitch:
    """A stage automaton: experts in order, each until its condition holds; never goes back.

    Attributes:
        weights: (S, G, K) one-hot, of every stage.
    """

    def __init__(self, library: Library, script: tuple[ScriptStage, ...],
                 act_dim: int | None = None):
        if not script:
            raise MwxError("a script needs at least one stage")
        self.library, self.script = library, script
        self.act_dim = act_dim or act_dim_of(library)
        self._groups = groups_of(self.act_dim)
        self.weights = np.stack([self._stage_weights(s.expert) for s in _even(script)])

    def _stage_weights(self, expert: str | tuple[str, ...]) -> Array:
        names = (expert,) if isinstance(expert, str) else expert
        for name in names:
            if name not in self.library.names:
                raise unknown("expert in a script", name, self.library.names)
        if len(names) > 1 and (len(names) != len(GROUPS) or self._groups is None):
            raise MwxError(f"experts per joint group need one each for {', '.join(GROUPS)} "
                           "and the H1's actions")
        return np.array([[float(n == name) for n in self.library.names] for name in names])

    def initial(self, num_envs: int) -> CompositeCarry:
        """Return the carry at the start of B episodes."""
        return start_carry(self.library, num_envs, self.weights.shape[1])

    def restart(self, carry: CompositeCarry, rows: Array) -> CompositeCarry:
        """Return the carry with some rows at the start of an episode."""
        return restart_carry(self.library, carry, rows)

    def __call__(self, obs: Obs, carry: CompositeCarry) -> tuple[Array, CompositeCarry]:
        """Return actions (B, A) and the next carry; `carry.weights` are one-hot."""
        stage, stage_s = self.advance(obs, carry.stage, carry.stage_s)
        proposals, experts = self.library(obs, carry.experts)
        weights = self.weights[stage]  # (B, G, K)
        action = np.clip(compose(weights, proposals, self._groups), -1, 1)
        return action, CompositeCarry(experts, weights, carry.progress,
                                      np.ones_like(carry.started), stage, stage_s, proposals)

    def advance(self, obs: Obs, stage: Array, stage_s: Array) -> tuple[Array, Array]:
        """Return stage (B,) and time in it (B,) [s] now; a stage may be over as it begins."""
        moved = stage.copy()
        for i, part in enumerate(self.script[:-1]):
            here = moved == i
            if here.any():
                over = (stage == i) & (stage_s >= part.seconds)
                met = part.until(obs) if part.until is not None else False
                moved[here & (over | met)] = i + 1
        return moved, np.where(moved == stage, stage_s + CONTROL_DT, 0.0)


def _even(script: tuple[ScriptStage, ...]) -> tuple[ScriptStage, ...]:
    """Write a script with joint groups in any stage with joint groups in all stages."""
    if all(isinstance(stage.expert, str) for stage in script):
        return script
    return tuple(replace(s, expert=(s.expert,) * len(GROUPS)) if isinstance(s.expert, str) else s
                 for s in script)

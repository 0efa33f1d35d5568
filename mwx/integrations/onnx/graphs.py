"""What becomes a graph: K experts at once, a single expert, a composite of experts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mwx.errors import MwxError
from mwx.experts import ExpertLibrary
from mwx.experts.expert import Expert
from mwx.experts.features import SIZE
from mwx.experts.prior import ClipPrior, LoadPrior, ReachPrior
from mwx.experts.seat import SeatPrior
from mwx.experts.steer import SteerPrior
from mwx.integrations.onnx.arms import Arms, Load, Reach, selection
from mwx.integrations.onnx.clips import Clips
from mwx.integrations.onnx.networks import Policies, RouterGraph
from mwx.integrations.onnx.pose import (
    Pose,
    ahead,
    heading,
    in_heading,
    pose,
    quaternion_products,
)
from mwx.integrations.onnx.steering import off_target
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT
from mwx.router.policies import CompositePolicy, FixedWeights
from mwx.router.router import Router


class Port(NamedTuple):
    """A tensor that goes in or comes out, without its batch axis."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32


SEEN = (Port("proprio", (51,)), Port("target", (3,)), Port("right_target", (3,)))
ACTS = (Port("ctrl", (19,)), Port("action", (19,)))


def clip_of(expert: Expert) -> ClipPrior:
    """Return the prior that plays an expert's reference.

    Raises:
        MwxError: a kind of prior without a graph, or an expert that plans.
    """
    if expert.planned:
        raise MwxError("a planning expert has no graph: its plans are sampled at every step; load "
                       "it without `planned` to export its policy prior")
    if isinstance(expert.prior, ReachPrior):
        return expert.prior._stand
    if isinstance(expert.prior, ClipPrior) and not isinstance(expert.prior, SeatPrior):
        return expert.prior
    raise MwxError(f"the prior {type(expert.prior).__name__} has no graph; there are graphs of "
                   "ClipPrior, LoadPrior, SteerPrior and ReachPrior")


class Experts(nn.Module):
    """K experts at once: priors, features and policy priors, the arms' commands carried along.

    Attributes:
        arm_rest: (L,) [rad] the arms' commands at the start, of all reaching experts in a row.
    """

    products: Tensor
    ahead: Tensor
    home: Tensor
    even: Tensor
    kept: Tensor
    to_ctrl: Tensor
    to_extra: Tensor
    residual: Tensor
    steers: Tensor

    def __init__(self, experts: Sequence[Expert]):
        super().__init__()
        clips = [clip_of(expert) for expert in experts]
        self.count, self.extra = len(experts), max(expert.prior.extra_dim for expert in experts)
        self.clips = Clips(clips)
        self.policies = Policies([expert.model for expert in experts], SIZE + self.extra)
        reaching = {k: expert.prior for k, expert in enumerate(experts)
                    if isinstance(expert.prior, ReachPrior)}
        sites = list(dict.fromkeys(hand for prior in reaching.values() for hand in prior.hands))
        self.arms = Arms(sites) if sites else None
        self.reaches = nn.ModuleList(Reach(prior, self.arms)
                                     for prior in reaching.values() if self.arms is not None)
        loads = {k: expert.prior for k, expert in enumerate(experts)
                 if isinstance(expert.prior, LoadPrior)}
        self.loads = nn.ModuleList(Load(prior) for prior in loads.values())
        self.lengths = [len(prior.arm) for prior in reaching.values()]
        self.arm_rest = np.concatenate([np.zeros(0), *(H1.home_joints[prior.arm]
                                                       for prior in reaching.values())])
        steers = [isinstance(expert.prior, SteerPrior) for expert in experts]
        self.steering = any(steers)
        kept = np.ones((self.count, H1.act_dim))
        for k, prior in reaching.items():
            kept[k, prior.arm] = 0
        arms = [(k, prior.arm) for k, prior in reaching.items()]
        extras = [(k, np.arange(prior.extra_dim)) for k, prior in (reaching | loads).items()]
        for name, value in {
                "products": quaternion_products(), "home": H1.home_joints, "kept": kept,
                "ahead": np.stack([ahead(clip.prone) for clip in clips], -1),
                "steers": np.array(steers),
                "even": np.zeros((self.count, 1)),
                "residual": np.array([[e.config.tracking.residual] for e in experts]),
                "to_ctrl": selection(arms, self.count, H1.act_dim),
                "to_extra": selection(extras, self.count, self.extra)}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))

    def pose(self, proprio: Tensor) -> Pose:
        """Return the parts of proprio (B, 51)."""
        return pose(proprio, self.products)

    def forward(self, here: Pose, target: Tensor, right_target: Tensor, time_s: Tensor,
                age_s: Tensor, arm: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the experts' servo commands (B, K, A) [rad], not clipped, and the next arm.

        Args:
            time_s: (B, K), age_s: (B, 1) [s, 64 bits].
            arm: (B, L) [rad]; None where no expert reaches.
        """
        played = self.clips(time_s, age_s)
        ctrl, shown = played.ctrl, []
        if self.arms is not None and arm is not None:
            hands, jacobians = self.arms(here.joints)
            looks = [reach(here, target, right_target, hands, jacobians, part) for reach, part in
                     zip(self.reaches, arm.split(self.lengths, -1), strict=True)]
            arm = torch.cat([moved for moved, _ in looks], -1)
            ctrl = ctrl * self.kept + self._rows(arm @ self.to_ctrl)
            shown = [extra for _, extra in looks]
        shown += [load(here, target) for load in self.loads]
        extras = [self._rows(torch.cat(shown, -1) @ self.to_extra)] if shown else []
        cos, sin = heading(here.frame, self.ahead)
        spread = [part[:, None] + self.even for part in (
            torch.cat([5 * (here.position[:, 2:] - 1), here.gravity], -1),
            torch.cat([0.3 * here.spin, here.joints - self.home, 0.1 * here.rates], -1))]
        seen_cos, seen_sin = cos, sin
        if self.steering:
            towards_cos, towards_sin = off_target(here, target, cos, sin)
            seen_cos = cos + self.steers * (towards_cos - cos)
            seen_sin = sin + self.steers * (towards_sin - sin)
        clock = torch.stack([seen_sin, seen_cos, played.phase[..., 0], played.phase[..., 1],
                             played.ramp, played.speed], -1)
        features = torch.cat([spread[0], in_heading(here.velocity, cos, sin), spread[1], clock,
                              *extras], -1).clamp(-10, 10)
        return ctrl + self.residual * self.policies(features), arm

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.unflatten(-1, (self.count, flat.shape[-1] // self.count))


class Servos(nn.Module):
    """Servo commands to actions and back, both within the servos' range."""

    low: Tensor
    span: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("low", torch.tensor(H1.ctrl_low, dtype=torch.float32))
        self.register_buffer("span", torch.tensor(H1.ctrl_high - H1.ctrl_low,
                                                  dtype=torch.float32))

    def action(self, ctrl: Tensor) -> Tensor:
        """Return actions (..., A) in [-1, 1] of commands [rad]."""
        return (2 * (ctrl - self.low) / self.span - 1).clamp(-1, 1)

    def ctrl(self, action: Tensor) -> Tensor:
        """Return commands (..., A) [rad] of actions."""
        return self.low + (action + 1) / 2 * self.span


class ExpertGraph(nn.Module):
    """One expert: what is seen and carried in; ctrl, action and the next carry out."""

    def __init__(self, expert: Expert):
        super().__init__()
        self.experts, self.servos = Experts([expert]), Servos()
        self.sees, self.gives = SEEN, ACTS
        self.carries, self.start = _clocks((), clip_of(expert).start_s, self.experts.arm_rest)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return ctrl (B, A) [rad], action (B, A) in [-1, 1], next time_s, age_s and arm."""
        given = _named(self, tensors)
        time_s, age_s = given["time_s"], given["age_s"]
        here = self.experts.pose(given["proprio"])
        ctrl, moved = self.experts(here, given["target"], given["right_target"], time_s[:, None],
                                   age_s[:, None], given.get("arm"))
        action = self.servos.action(ctrl[:, 0])
        after = (time_s + CONTROL_DT, age_s + CONTROL_DT)
        return (self.servos.ctrl(action), action, *after, *([] if moved is None else [moved]))


class CompositeGraph(nn.Module):
    """K experts and what weighs them: eq. (13) with the experts' carries and the weights' own."""

    groups: Tensor | None
    fixed: Tensor

    def __init__(self, policy: CompositePolicy):
        super().__init__()
        library, weigher = policy.library, policy.router
        if not isinstance(library, ExpertLibrary):
            raise MwxError(f"the experts of a composite come from an ExpertLibrary, not from a "
                           f"{type(library).__name__}: only those have a graph")
        experts = list(library.experts.values())
        self.experts, self.servos = Experts(experts), Servos()
        self.router = RouterGraph(weigher) if isinstance(weigher, Router) else None
        if self.router is None and not isinstance(weigher, FixedWeights):
            raise MwxError(f"weights from a {type(weigher).__name__} have no graph; there are "
                           "graphs of a Router and of FixedWeights")
        count, split = len(experts), getattr(weigher, "groups", 1)
        values = weigher.values if isinstance(weigher, FixedWeights) else np.zeros(count)
        groups = policy._groups if split > 1 else None
        self.register_buffer("fixed", torch.tensor(values, dtype=torch.float32).reshape(1, 1, -1))
        self.register_buffer("groups", None if groups is None else torch.tensor(groups))
        self.mode, self.margin = policy.mode, policy.margin
        self.rate = 1.0 if policy.smoothing_s <= 0 else \
            float(1 - np.exp(-CONTROL_DT / policy.smoothing_s))
        task = weigher.layout.task_dim if isinstance(weigher, Router) else 0
        self.sees = (*SEEN, *([Port("task", (task,))] if task else []))
        self.gives = (*ACTS, Port("weights", (count,)))
        starts = np.array([clip_of(expert).start_s for expert in experts])
        self.carries, self.start = _clocks((count,), starts, self.experts.arm_rest)
        self.carries += (Port("mixture", (split, count)),)
        self.start |= {"mixture": np.full((split, count), 1 / count).tolist()}
        if self.router is not None:
            self.carries, self.start = (*self.carries, Port("progress", ())), \
                {**self.start, "progress": 0.0}

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return ctrl, action, weights (B, K) and the next carry, of what is seen and carried."""
        given = _named(self, tensors)
        target, right, arm = given["target"], given["right_target"], given.get("arm")
        here = self.experts.pose(given["proprio"])
        time_s, age_s, before = given["time_s"], given["age_s"], given["mixture"]
        wanted, arm = self.experts(here, target, right, time_s, age_s[:, None], arm)
        if self.router is not None:
            task = given.get("task", target[:, :0])
            mixture, progress = self.router(here, target, right, task, given["progress"])
        else:
            mixture, progress = self.fixed + 0 * before, None
        started = (age_s > 0)[:, None, None]
        mixture = self._top(before, mixture, started) if self.mode == "top1" else \
            before + torch.where(started, self.rate, 1.0) * (mixture - before)
        action = self._compose(mixture, self.servos.action(wanted)).clamp(-1, 1)
        after = {"time_s": time_s + CONTROL_DT, "age_s": age_s + CONTROL_DT, "arm": arm,
                 "mixture": mixture, "progress": progress}
        return (self.servos.ctrl(action), action, mixture.mean(1),
                *(after[port.name] for port in self.carries))

    def _compose(self, mixture: Tensor, proposals: Tensor) -> Tensor:
        if self.groups is None:
            return (mixture @ proposals)[:, 0]
        return (mixture[:, self.groups] * proposals.transpose(1, 2)).sum(-1)

    def _top(self, before: Tensor, mixture: Tensor, started: Tensor) -> Tensor:
        best, current = (w.argmax(-1, keepdim=True) for w in (mixture, before))
        lead = mixture.gather(-1, best) - mixture.gather(-1, current)
        choice = torch.where(started & (lead <= self.margin), current, best)
        return (choice == torch.arange(mixture.shape[-1])).to(mixture.dtype)


def _named(graph: ExpertGraph | CompositeGraph, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    names = [port.name for port in (*graph.sees, *graph.carries)]
    return dict(zip(names, tensors, strict=True))


def _clocks(shape: tuple[int, ...], time_s: Any, arm: np.ndarray
            ) -> tuple[tuple[Port, ...], dict[str, Any]]:
    """Return the carried clocks and arm, and their values at the start of an episode."""
    ports = (Port("time_s", shape, torch.float64), Port("age_s", (), torch.float64))
    start: dict[str, Any] = {"time_s": np.asarray(time_s, float).tolist(), "age_s": 0.0}
    if len(arm):
        ports, start = (*ports, Port("arm", arm.shape)), {**start, "arm": arm.tolist()}
    return ports, start

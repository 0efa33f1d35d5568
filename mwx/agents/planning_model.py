"""A world model's networks laid out for scoring many plans from few latents, without gradients."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mwx.agents.config import PlannerConfig
from mwx.agents.world_model import WorldModel, simnorm
from mwx.maths.mish import mish

ROWS = 2048  # evaluated at once: more fall out of the processor's cache


class Affine(NamedTuple):
    """Weights of one layer: weight (in, out), bias (out,), LayerNorm's gain and shift, if any."""

    weight: Tensor
    bias: Tensor
    gain: Tensor | None = None
    shift: Tensor | None = None


class PlanningModel:
    """The functions of a WorldModel that plans need, evaluated from a snapshot of its weights.

    Same functions, less work: an input (z, a) is joined once for all networks that read it, the
    part of every first layer that depends on the plans' common start is computed once, only the
    asked Q networks run. Equal to the plain methods to rounding. Inside an autocast block the
    snapshot is rounded once, not at every product.

    Args:
        members: (M,) Q networks to use; None: all.
    """

    def __init__(self, model: WorldModel, members: Tensor | None = None):
        c = model.config
        self.config, self.act_dim = c, model.act_dim
        self.activate: Callable[[Tensor], Tensor] = mish if c.activation == "mish" else F.relu_
        self.dynamics = [_affine(layer) for layer in model.dynamics]
        self.reward_head = [_affine(layer) for layer in model.reward_head]
        self.policy = [_affine(layer) for layer in model.policy]
        chosen = range(c.num_q) if members is None else members.tolist()
        self.q_heads = [[_affine(layer, int(e)) for layer in model.q_head] for e in chosen]

    def start(self, z: Tensor, q: bool) -> list[Tensor]:
        """Return what the first layers see of the start z (B, Z): one (B, hidden) per network.

        Args:
            q: include the Q networks, for a value at every step.
        """
        return [torch.addmm(head[0].bias, z, head[0].weight[:self.config.latent_dim])
                for head in self._heads(q)]

    def score(self, begun: list[Tensor], actions: Tensor, terminal: Tensor,
              config: PlannerConfig, discount: float) -> Tensor:
        """Return J of Paper eq. (7), see planner.trajectory_score.

        Args:
            begun: of `start`, one row for each plan (R, hidden).
            actions: (R, H, A).
            terminal: (R, A) standard normal noise for the action at the end.

        Returns:
            J (R,).
        """
        every = config.value_at == "every"
        total = torch.zeros(len(actions), device=actions.device)
        weight = torch.ones_like(total)
        z = torch.empty(0)
        for k in range(actions.shape[1]):
            heads = self._heads(every)
            if k == 0:
                firsts = [torch.addmm(b, actions[:, 0], head[0].weight[self.config.latent_dim:])
                          for b, head in zip(begun, heads, strict=True)]
            else:
                firsts = _first(heads, torch.cat([z, actions[:, k]], 1))
            out = self._rest(self.reward_head, firsts[1])
            stage = self.config.reward.mean(out[:, :-1])
            if every:
                stage = stage + config.mu * self._values(firsts[2:], config.q_reduce)
            total.addcmul_(weight, stage)
            weight = weight * discount * torch.sigmoid(-out[:, -1])
            z = simnorm(self._rest(self.dynamics, firsts[0]), self.config.simnorm_dim)
        if not every:
            firsts = _first(self.q_heads, torch.cat([z, self._act(z, terminal)], 1))
            total.addcmul_(weight, self._values(firsts, config.q_reduce), value=config.mu)
        return total

    def _heads(self, q: bool) -> list[list[Affine]]:
        return [self.dynamics, self.reward_head, *(self.q_heads if q else ())]

    def _rest(self, layers: list[Affine], x: Tensor) -> Tensor:
        """Go on from the first layer's affine part: normalise, activate, then the other layers."""
        for i, layer in enumerate(layers):
            x = torch.addmm(layer.bias, x, layer.weight) if i else x
            x = x.float()  # whatever the precision of the product
            if layer.gain is not None:
                x = F.layer_norm(x, x.shape[-1:], layer.gain, layer.shift)
            if i < len(layers) - 1:
                x = self.activate(x)
        return x

    def _values(self, firsts: list[Tensor], reduce: str) -> Tensor:
        logits = torch.stack([self._rest(h, x) for h, x in zip(self.q_heads, firsts, strict=True)])
        values = self.config.value.mean(logits)  # (M, R)
        return values.amin(0) if reduce == "min" else values.mean(0)

    def _act(self, z: Tensor, noise: Tensor) -> Tensor:
        """Return the action (R, A) of WorldModel.pi, without its probability."""
        out = self._rest(self.policy, _first([self.policy], z)[0])
        mean, log_std = out.chunk(2, -1)
        c = self.config
        log_std = c.log_std_min + (c.log_std_max - c.log_std_min) * (torch.tanh(log_std) + 1) / 2
        return torch.tanh(mean + noise * log_std.exp())


def _first(heads: list[list[Affine]], x: Tensor) -> list[Tensor]:
    """Return the affine part (R, hidden) of each network's first layer on x (R, in)."""
    return [torch.addmm(head[0].bias, x, head[0].weight) for head in heads]


def _affine(layer: Any, member: int | None = None) -> Affine:
    """Return a layer's detached weights, of one ensemble member if asked."""
    parts = {name: (value if member is None else value[member]).detach()
             for name, value in layer.named_parameters()}
    kind = layer.weight.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        parts |= {name: parts[name].to(dtype) for name in ("weight", "bias")}
    return Affine(**parts)

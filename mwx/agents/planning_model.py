"""A world model's networks laid out for scoring many plans from few latents, without gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mwx.agents.config import PlannerConfig
from mwx.agents.world_model import WorldModel, simnorm

ROWS = 2048  # evaluated at once: more fall out of the processor's cache


def mish_(x: Tensor) -> Tensor:
    """Overwrite x with mish(x) = x n / (n + 1), n = e^x (e^x / 2 + 1): one exponential."""
    e = x.clamp(max=20.0).exp_()  # beyond 20 mish(x) = x in single precision
    e.addcmul_(e, e, value=0.5)
    return x.mul_(e.div_(e + 1))


class PlanningModel:
    """The functions of a WorldModel that plans need, evaluated from a snapshot of its weights.

    Same functions, less work: an input (z, a) is joined once for all networks that read it, the
    part of every first layer that depends on the plans' common start is computed once, only the
    asked Q networks run, and activations overwrite their inputs. Equal to the plain methods to
    rounding.

    Args:
        members: (M,) Q networks to use; None: all.
    """

    def __init__(self, model: WorldModel, members: Tensor | None = None):
        c = model.config
        self.config, self.act_dim = c, model.act_dim
        self.latent_dim, self.activate = c.latent_dim, mish_ if c.activation == "mish" else F.relu_
        self.dynamics = [_weights(layer) for layer in model.dynamics]
        self.reward_head = [_weights(layer) for layer in model.reward_head]
        self.policy = [_weights(layer) for layer in model.policy]
        chosen = range(c.num_q) if members is None else members.tolist()
        self.q_heads = [[_weights(layer, int(e)) for layer in model.q_head] for e in chosen]
        self.pi: Callable[..., Any] = model.pi

    def start(self, z: Tensor, q: bool) -> tuple[Tensor, ...]:
        """Return what the first layers see of the start z (B, Z): one (B, hidden) per network.

        Args:
            q: include the Q networks, for a value at every step.
        """
        heads = [self.dynamics, self.reward_head, *(self.q_heads if q else ())]
        return tuple(torch.addmm(h[0]["bias"], z, h[0]["weight"][:self.latent_dim]) for h in heads)

    def score(self, begun: tuple[Tensor, ...], actions: Tensor, terminal: Tensor,
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
        z = x = torch.empty(0)
        for k in range(actions.shape[1]):
            if k == 0:
                a, cut = actions[:, 0], self.latent_dim
                firsts = [torch.addmm(b, a, h[0]["weight"][cut:]) for b, h in
                          zip(begun, [self.dynamics, self.reward_head, *self.q_heads],
                              strict=False)]
            else:
                x = torch.cat([z, actions[:, k]], 1)
                firsts = [torch.addmm(h[0]["bias"], x, h[0]["weight"]) for h in
                          [self.dynamics, self.reward_head, *(self.q_heads if every else ())]]
            out = self._rest(self.reward_head, firsts[1])
            stage = self.config.reward.mean(out[:, :-1])
            if every:
                stage = stage + config.mu * self._values(firsts[2:], config.q_reduce)
            total.addcmul_(weight, stage)
            weight = weight * discount * torch.sigmoid(-out[:, -1])
            z = simnorm(self._rest(self.dynamics, firsts[0]), self.config.simnorm_dim)
        if not every:
            x = torch.cat([z, self._act(z, terminal)], 1)
            firsts = [torch.addmm(h[0]["bias"], x, h[0]["weight"]) for h in self.q_heads]
            total.addcmul_(weight, self._values(firsts, config.q_reduce), value=config.mu)
        return total

    def _rest(self, layers: list[dict[str, Tensor]], x: Tensor) -> Tensor:
        """Go on from the first layer's affine part: normalise, activate, then the other layers."""
        for i, layer in enumerate(layers):
            if i:
                x = torch.addmm(layer["bias"], x, layer["weight"])
            if "gain" in layer:
                x = F.layer_norm(x, x.shape[-1:], layer["gain"], layer["shift"])
            if i < len(layers) - 1:
                x = self.activate(x)
        return x

    def _values(self, firsts: list[Tensor], reduce: str) -> Tensor:
        logits = torch.stack([self._rest(h, x) for h, x in zip(self.q_heads, firsts, strict=True)])
        values = self.config.value.mean(logits)  # (M, R)
        return values.amin(0) if reduce == "min" else values.mean(0)

    def _act(self, z: Tensor, noise: Tensor) -> Tensor:
        first = self.policy[0]
        out = self._rest(self.policy, torch.addmm(first["bias"], z, first["weight"]))
        mean, log_std = out.chunk(2, -1)
        c = self.config
        log_std = c.log_std_min + (c.log_std_max - c.log_std_min) * (torch.tanh(log_std) + 1) / 2
        return torch.tanh(mean + noise * log_std.exp())


def _weights(layer: Any, member: int | None = None) -> dict[str, Tensor]:
    """Return a layer's detached parameters by name, of one ensemble member if asked."""
    return {name: (value if member is None else value[member]).detach()
            for name, value in layer.named_parameters()}

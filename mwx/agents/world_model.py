"""The latent world model: encoder, dynamics, reward and termination, Q ensemble, policy prior."""

import itertools
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mwx.agents.config import WorldModelConfig
from mwx.maths.mish import mish


class Layer(nn.Module):
    """Affine map, then LayerNorm and activation ("none": LayerNorm alone; None: affine alone).

    With `ensemble` E the weights carry a leading axis, one head per entry, and `forward` is not
    for use: see `heads`. Weights are stored (in, out): odd input sizes then cost nothing in the
    backward pass.
    """

    def __init__(self, size_in: int, size_out: int, activation: str | None,
                 ensemble: int | None = None):
        super().__init__()
        lead = () if ensemble is None else (ensemble,)
        self.weight = nn.Parameter(torch.empty(*lead, size_in, size_out))
        self.bias = nn.Parameter(torch.zeros(*lead, size_out))
        nn.init.trunc_normal_(self.weight, std=0.02)
        self.activation = activation
        if activation is not None:
            self.gain = nn.Parameter(torch.ones(*lead, size_out))
            self.shift = nn.Parameter(torch.zeros(*lead, size_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.apply_to(x, *self.parameters())

    def heads(self, members: Tensor | None, frozen: bool) -> list[tuple[Tensor, ...]]:
        """Return (weight, bias, gain, shift) of each head, or of the given members (M,) only."""
        stacks = [p.detach() if frozen else p for p in self.parameters()]
        if members is None:
            return list(zip(*(p.unbind() for p in stacks), strict=True))
        if members.is_cuda or torch.compiler.is_compiling():  # their numbers stay on the device
            chosen = [p.index_select(0, members).unbind() for p in stacks]
            return list(zip(*chosen, strict=True))
        every = list(zip(*(p.unbind() for p in stacks), strict=True))
        return [every[i] for i in members.tolist()]

    def apply_to(self, x: Tensor | tuple[Tensor, Tensor], weight: Tensor, bias: Tensor,
                 gain: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Apply the layer with the given weights to rows x, or to the joined rows of a pair.

        A pair is multiplied part by part: no gradient is formed for the part that needs none.
        Whatever the precision of the product, what follows has 32 bits at least.
        """
        if isinstance(x, tuple):
            first, second = x
            cut = first.shape[-1]
            y = torch.addmm(torch.addmm(bias, first, weight[:cut]), second, weight[cut:])
        else:
            y = torch.addmm(bias, x, weight)
        y = y.to(torch.promote_types(y.dtype, torch.float32))
        if self.activation is None:
            return y
        y = F.layer_norm(y, y.shape[-1:], gain, shift)
        if self.activation == "none":
            return y
        return F.relu(y) if self.activation == "relu" else mish(y)


def mlp(sizes: tuple[int, ...], activation: Literal["mish", "relu"],
        ensemble: int | None = None, last: str | None = None) -> nn.Sequential:
    """Return hidden layers and an output layer, affine unless `last` says otherwise."""
    pairs = list(itertools.pairwise(sizes))
    return nn.Sequential(*(Layer(i, o, activation if n < len(pairs) - 1 else last, ensemble)
                           for n, (i, o) in enumerate(pairs)))


def simnorm(x: Tensor, group: int) -> Tensor:
    """Softmax within groups of `group` latent units: (..., Z) -> (..., Z).

    Groups run along the outer axis of (group, Z / group), which vectorises; it is SimNorm up to a
    fixed permutation of the units.
    """
    shape = x.shape
    return torch.softmax(x.reshape(*shape[:-1], group, -1), -2).reshape(shape)


class WorldModel(nn.Module):
    """h(s) -> z, d(z, a) -> z', R(z, a), Q_1..E(z, a), pi(z). Rows (B, .) in, rows out."""

    def __init__(self, obs_dim: int, act_dim: int, config: WorldModelConfig):
        super().__init__()
        c, act = config, config.activation
        z, h = c.latent_dim, c.hidden_dim
        self.config, self.obs_dim, self.act_dim = config, obs_dim, act_dim
        encoder = (obs_dim, *[c.encoder_dim] * c.encoder_layers, z)
        # without LayerNorm before SimNorm the latents start, and stay, nearly uniform
        self.encoder = mlp(encoder, act, last="none")
        self.dynamics = mlp((z + act_dim, h, h, z), act, last="none")
        self.reward_head = mlp((z + act_dim, h, h, c.reward.bins + 1), act)
        self.q_head = mlp((z + act_dim, h, h, c.value.bins), act, ensemble=c.num_q)
        self.policy = mlp((z, h, h, 2 * act_dim), act)
        self.obs_mean = nn.Buffer(torch.zeros(obs_dim))
        self.obs_std = nn.Buffer(torch.ones(obs_dim))
        if not self.obs_mean.is_meta:  # without memory there is nothing to set, only a delay
            self._start_low()

    def _start_low(self) -> None:
        """Begin with rewards and values near zero: a uniform head would start at mid-range."""
        for head, support in ((self.reward_head, self.config.reward),
                              (self.q_head, self.config.value)):
            last = head[-1]
            assert isinstance(last, Layer)
            nn.init.zeros_(last.weight)
            if not support.symlog:
                centres = support.centres(last.bias)
                peak = -(centres / (4 * support.width)).square().clamp(max=20)
                last.bias.data[..., :support.bins] = peak
        c = self.config
        if c.start_std is not None:
            share = (math.log(c.start_std) - c.log_std_min) / (c.log_std_max - c.log_std_min)
            last = self.policy[-1]
            assert isinstance(last, Layer)
            last.bias.data[self.act_dim:] = math.atanh(2 * share - 1)

    def encode(self, obs: Tensor) -> Tensor:
        """z = h(s): (B, O) -> (B, Z)."""
        if self.config.normalise:
            obs = ((obs - self.obs_mean) / self.obs_std).clamp(-10, 10)
        return simnorm(self.encoder(obs), self.config.simnorm_dim)

    def next(self, z: Tensor, action: Tensor) -> Tensor:
        """z' = d(z, a): (B, Z), (B, A) -> (B, Z)."""
        return simnorm(self.dynamics(torch.cat([z, action], -1)), self.config.simnorm_dim)

    def reward_logits(self, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return reward logits (B, bins) and the termination logit (B,)."""
        out = self.reward_head(torch.cat([z, action], -1))
        return out[..., :-1], out[..., -1]

    def reward(self, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return the expected reward (B,) and the probability of going on (B,)."""
        logits, ended = self.reward_logits(z, action)
        return self.config.reward.mean(logits), torch.sigmoid(-ended)

    def q_logits(self, z: Tensor, action: Tensor, members: Tensor | None = None,
                 frozen: bool = False) -> Tensor:
        """Return value logits (E, B, bins) of all ensemble members, or of the given ones only.

        The members are multiplied one by one: threads share a product better than a batch of them.

        Args:
            frozen: gradients reach the action alone, not the latents and not the weights.
        """
        x = (z.detach(), action) if frozen else torch.cat([z, action], -1)
        layers = [layer for layer in self.q_head if isinstance(layer, Layer)]
        logits = []
        for head in zip(*(layer.heads(members, frozen) for layer in layers), strict=True):
            y = x
            for layer, weights in zip(layers, head, strict=True):
                y = layer.apply_to(y, *weights)
            logits.append(y)
        return torch.stack(logits)  # (E, B, bins)

    def q(self, z: Tensor, action: Tensor, reduce: Literal["min", "mean"] = "mean",
          members: Tensor | None = None, frozen: bool = False) -> Tensor:
        """Return Q_A(z, a) over the ensemble: (B, Z), (B, A) -> (B,); see q_logits."""
        values = self.config.value.mean(self.q_logits(z, action, members, frozen))
        return values.amin(0) if reduce == "min" else values.mean(0)

    def mode(self, z: Tensor) -> Tensor:
        """Return the policy prior's mode (B, A) in [-1, 1] alone: what acts."""
        return torch.tanh(self.policy(z).chunk(2, -1)[0])

    def pi(self, z: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """The policy prior, a squashed Gaussian.

        Args:
            z: (B, Z).
            noise: (B, A) standard normal; None acts by the mode.

        Returns:
            action (B, A) in [-1, 1], log-probability (B,), mode (B, A).
        """
        mean, log_std = self.policy(z).chunk(2, -1)
        c = self.config
        log_std = c.log_std_min + (c.log_std_max - c.log_std_min) * (torch.tanh(log_std) + 1) / 2
        mode = torch.tanh(mean)
        drawn = torch.zeros_like(mean) if noise is None else noise
        action = mode if noise is None else torch.tanh(mean + noise * log_std.exp())
        log_prob = (-0.5 * drawn.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
        log_prob = log_prob - torch.log1p(1e-6 - action.square()).sum(-1)
        return action, log_prob, mode

"""The policy priors of K experts as one batched network; the router with its guidance inside."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mwx.agents.world_model import Layer, WorldModel
from mwx.integrations.onnx.pose import Pose, exists, heading, in_heading
from mwx.router.network import CLIP, RoutingNetwork
from mwx.router.router import PROGRESS_RATE, Router


class StackedLayer(nn.Module):
    """The same layer of K networks: rows (K, B, in) -> (K, B, out)."""

    weight: Tensor
    bias: Tensor
    gain: Tensor
    shift: Tensor

    def __init__(self, layers: Sequence[Layer], rows: int | None = None,
                 columns: int | None = None):
        super().__init__()
        self.activation = layers[0].activation
        weights = [_padded(layer.weight, rows)[:, :columns] for layer in layers]
        self.register_buffer("weight", torch.stack(weights).contiguous())
        names = ("bias",) if self.activation is None else ("bias", "gain", "shift")
        for name in names:
            values = [getattr(layer, name).detach()[:columns] for layer in layers]
            self.register_buffer(name, torch.stack(values)[:, None].contiguous())

    def forward(self, x: Tensor) -> Tensor:
        y = x @ self.weight + self.bias
        if self.activation is None:
            return y
        y = F.layer_norm(y, self.gain.shape[-1:]) * self.gain + self.shift
        if self.activation == "none":
            return y
        return F.relu(y) if self.activation == "relu" else F.mish(y)


class StackedPolicies(nn.Module):
    """K policy priors of one architecture; a network that reads fewer features is padded."""

    mean: Tensor
    std: Tensor

    def __init__(self, models: Sequence[WorldModel], obs_dim: int):
        super().__init__()
        c = models[0].config
        self.group, self.latent = c.simnorm_dim, c.latent_dim
        self.encoder = _stacked([model.encoder for model in models], rows=obs_dim)
        self.policy = _stacked([model.policy for model in models], columns=models[0].act_dim)
        means, stds = torch.zeros(len(models), 1, obs_dim), torch.ones(len(models), 1, obs_dim)
        for k, model in enumerate(models):
            if model.config.normalise:
                means[k, 0, :model.obs_dim] = model.obs_mean
                stds[k, 0, :model.obs_dim] = model.obs_std
        self.register_buffer("mean", means)
        self.register_buffer("std", stds)

    def forward(self, features: Tensor) -> Tensor:
        """Return the policies' modes (K, B, A) in [-1, 1] for features (K, B, F)."""
        # features lie in [-10, 10]: the bound changes nothing where a model does not normalise
        x = ((features - self.mean) / self.std).clamp(-10, 10)
        z = self.encoder(x).unflatten(-1, (self.group, self.latent // self.group))
        return torch.tanh(self.policy(torch.softmax(z, -2).flatten(-2)))


class Policies(nn.Module):
    """K policy priors of any architectures, those of one architecture batched."""

    def __init__(self, models: Sequence[WorldModel], obs_dim: int):
        super().__init__()
        kinds: dict[object, list[int]] = {}
        for k, model in enumerate(models):
            c = model.config
            kinds.setdefault((c.encoder_dim, c.encoder_layers, c.latent_dim, c.simnorm_dim,
                              c.hidden_dim, c.activation), []).append(k)
        self.members = list(kinds.values())
        self.stacks = nn.ModuleList(StackedPolicies([models[k] for k in ks], obs_dim)
                                    for ks in self.members)
        self.order = np.argsort(np.concatenate(self.members)).tolist()

    def forward(self, features: Tensor) -> Tensor:
        """Return the policies' modes (B, K, A) for features (B, K, F)."""
        rows = features.transpose(0, 1)
        if len(self.members) == 1:
            return self.stacks[0](rows).transpose(0, 1)
        parts = [stack(rows[ks]) for stack, ks in zip(self.stacks, self.members, strict=True)]
        return torch.cat(parts)[self.order].transpose(0, 1)


class RouterGraph(nn.Module):
    """A distilled router; V(T) is a constant inside, `guidance`."""

    guidance: Tensor
    ahead: Tensor

    def __init__(self, router: Router):
        super().__init__()
        self.network: RoutingNetwork = router.network
        self.register_buffer("guidance",
                             torch.tensor(router.guidance.weights, dtype=torch.float32))
        self.register_buffer("ahead", torch.tensor([[1.0], [0.0], [0.0]]))

    def forward(self, pose: Pose, target: Tensor, right_target: Tensor, task: Tensor,
                progress: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (B, G, K) and the progress (B,) so far, as `Router.weights` does."""
        network, config = self.network, self.network.config
        x = self._features(pose, target, right_target, task) - network.mean
        x = (x / (network.variance + 1e-6).sqrt()).clamp(-CLIP, CLIP)
        past = progress[:, None] if config.use_progress else 0 * progress[:, None]
        told = self.guidance + 0 * past  # `expand` would fix the number of rows in the trace
        logits = network.trunk(torch.cat([x, told, past], -1))
        logits = logits.unflatten(-1, (network.groups, network.experts))
        weights = ((logits + network.bias) / network.temperature).softmax(-1)
        weights = (1 - config.floor) * weights + config.floor / network.experts
        estimate = network.progress_head(x)[:, 0].sigmoid()
        return weights, progress + PROGRESS_RATE * (estimate - progress).clamp(min=0)

    def _features(self, pose: Pose, target: Tensor, right_target: Tensor,
                  task: Tensor) -> Tensor:
        cos, sin = heading(pose.frame, self.ahead)
        velocity = in_heading(pose.velocity, cos, sin)[:, 0]
        seen = []
        for point in (target, right_target):
            there = exists(point)
            offset = torch.where(there, point - pose.position, 0.0)
            seen += [in_heading(offset, cos, sin)[:, 0], there.to(offset.dtype)]
        return torch.cat([pose.position[:, 2:], cos, sin, pose.gravity, velocity, pose.spin,
                          pose.joints, pose.rates, *seen, task], -1)


def _padded(weight: Tensor, rows: int | None) -> Tensor:
    missing = 0 if rows is None else rows - weight.shape[0]
    return F.pad(weight.detach(), (0, 0, 0, missing))


def _stacked(networks: Sequence[nn.Module], rows: int | None = None,
             columns: int | None = None) -> nn.Sequential:
    """Return K networks as one; the first layer reads `rows`, the last gives `columns`."""
    layers = list(zip(*(cast(nn.Sequential, network) for network in networks), strict=True))
    return nn.Sequential(*(
        StackedLayer([cast(Layer, layer) for layer in same], rows if i == 0 else None,
                     columns if i == len(layers) - 1 else None)
        for i, same in enumerate(layers)))

"""The routing network pi_phi(w | s, V(T)) of eqs. (2) and (9), with its normaliser baked in."""

import itertools
from dataclasses import dataclass

import torch
from torch import nn

from mwx.config import Share, Size
from mwx.errors import MwxError

CLIP = 5.0  # [standard deviations] normalised features beyond this say nothing more


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the routing network.

    Attributes:
        hidden: sizes of the hidden layers.
        per_group: one set of weights per joint group (legs, torso, arms) instead of one in all.
        floor: weight mass spread evenly over the experts (0: an expert may fade out fully).
        use_progress: read the task progress estimated so far.
    """

    hidden: tuple[Size, ...] = (128, 128)
    per_group: bool = False
    floor: Share = 0.0
    use_progress: bool = True

    def __post_init__(self) -> None:
        if not 0 < len(self.hidden) <= 64 or not 0 <= self.floor < 1:
            raise MwxError(f"the router needs a hidden layer and a floor in [0, 1), got {self}")


class RoutingNetwork(nn.Module):
    """Weights over K experts from features, guidance and progress; and a progress estimate.

    Buffers: mean, variance and count of the features seen (the normaliser); `bias` (G, K) and
    `temperature` (1,), which the improvement by return adjusts after distillation.
    """

    mean: torch.Tensor
    variance: torch.Tensor
    count: torch.Tensor
    bias: torch.Tensor
    temperature: torch.Tensor

    def __init__(self, feature_dim: int, experts: int, groups: int, config: NetworkConfig,
                 generator: torch.Generator | None = None):
        super().__init__()
        self.config, self.groups, self.experts = config, groups, experts
        self.feature_dim = feature_dim
        self.trunk = _mlp((feature_dim + experts + 1, *config.hidden, groups * experts), generator)
        self.progress_head = _mlp((feature_dim, 64, 1), generator)
        self.register_buffer("mean", torch.zeros(feature_dim))
        self.register_buffer("variance", torch.ones(feature_dim))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("bias", torch.zeros(groups, experts))
        self.register_buffer("temperature", torch.ones(1))

    def forward(self, features: torch.Tensor, w_v: torch.Tensor,
                progress: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log weights (N, G, K) and the estimated progress (N,) in [0, 1].

        Args:
            features: (N, F).
            w_v: (K,) task guidance V(T).
            progress: (N,) progress estimated up to the step before.
        """
        x = ((features - self.mean) / (self.variance + 1e-6).sqrt()).clamp(-CLIP, CLIP)
        p = progress[:, None] if self.config.use_progress else torch.zeros_like(progress)[:, None]
        logits = self.trunk(torch.cat([x, w_v.expand(len(x), -1), p], -1))
        logits = logits.view(-1, self.groups, self.experts)
        log_pi = ((logits + self.bias) / self.temperature).log_softmax(-1)
        if self.config.floor:
            even = self.config.floor / self.experts
            log_pi = ((1 - self.config.floor) * log_pi.exp() + even).log()
        return log_pi, self.progress_head(x)[:, 0].sigmoid()

    @torch.no_grad()
    def observe(self, features: torch.Tensor) -> None:
        """Fold features (N, F) into the running mean and variance."""
        n, old = len(features), float(self.count)
        mean, variance = features.mean(0), features.var(0, correction=0)
        total, delta = old + n, mean - self.mean
        if old == 0:
            self.variance.copy_(variance)
        else:
            moment = old * self.variance + n * variance + delta**2 * old * n / total
            self.variance.copy_(moment / total)
        self.mean.add_(delta * n / total)
        self.count.fill_(total)


def _mlp(sizes: tuple[int, ...], generator: torch.Generator | None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        nn.init.orthogonal_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.SiLU()]
    with torch.no_grad():  # start near uniform weights: no expert is ruled out before training
        layers[-2].weight.mul_(0.01)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return nn.Sequential(*layers[:-1])

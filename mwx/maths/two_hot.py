"""Scalars as distributions over fixed bins (discrete regression), linear or symlog spaced."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from mwx.config import Within


def symlog(x: Tensor) -> Tensor:
    """Return sign(x) ln(1 + |x|)."""
    return torch.sign(x) * torch.log1p(torch.abs(x))


def symexp(x: Tensor) -> Tensor:
    """Return sign(x) (exp|x| - 1), the inverse of symlog."""
    return torch.sign(x) * torch.expm1(torch.abs(x))


@dataclass(frozen=True)
class Support:
    """The bins of a distributional head.

    Attributes:
        low, high: ends of the range; in symlog units when `symlog` is set.
        bins: number of bins.
        symlog: space the bins evenly in symlog(value) instead of in the value.
    """

    low: float = -10.0
    high: float = 10.0
    bins: Annotated[int, Within(2, 2 ** 12)] = 101
    symlog: bool = True

    @property
    def width(self) -> float:
        """Distance between neighbouring bins."""
        return (self.high - self.low) / (self.bins - 1)

    def centres(self, like: Tensor) -> Tensor:
        """(bins,) centres on the device of `like`, with at least 32 bits."""
        return torch.linspace(self.low, self.high, self.bins, device=like.device,
                              dtype=_wide(like).dtype)

    def mean(self, logits: Tensor) -> Tensor:
        """Return the value of logits (..., bins) -> (...)."""
        probabilities = torch.softmax(_wide(logits), -1)
        with torch.autocast(logits.device.type, enabled=False):  # bins need all their digits
            x = probabilities @ self.centres(logits)
        return symexp(x) if self.symlog else x

    def two_hot(self, value: Tensor) -> Tensor:
        """Encode values (...) as probabilities (..., bins) on the two neighbouring bins."""
        x = symlog(value) if self.symlog else value
        place = ((x - self.low) / self.width).clamp(0, self.bins - 1).unsqueeze(-1)
        index = torch.arange(self.bins, device=value.device)
        return (1 - (place - index).abs()).clamp_min(0)

    def cross_entropy(self, logits: Tensor, value: Tensor) -> Tensor:
        """Return -sum_b two_hot(value)_b log softmax(logits)_b, shape (...).

        Gathers the two bins that matter; values outside the range count at its ends.
        """
        x = symlog(value) if self.symlog else value
        place = ((x - self.low) / self.width).clamp(0, self.bins - 1)
        lower = place.floor().clamp(max=self.bins - 2)
        share = (place - lower).unsqueeze(-1)
        index = lower.long().unsqueeze(-1)
        logits = _wide(logits)
        pair = logits.gather(-1, torch.cat([index, index + 1], -1))
        mix = pair[..., :1] * (1 - share) + pair[..., 1:] * share
        return torch.logsumexp(logits, -1) - mix.squeeze(-1)


def _wide(x: Tensor) -> Tensor:
    """Return x with at least 32 bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

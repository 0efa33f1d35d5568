"""Dynamic joint reweighting: poorly tracked joints count more (Fig. 3)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mwx.types import Array


@dataclass(frozen=True)
class ReweightConfig:
    """How weights follow tracking errors (the paper gives no formula; see paper.DEVIATIONS).

    Attributes:
        rate: share by which the running error moves to each new one.
        exponent: 0 keeps the first weights, 1 makes weights proportional to the error.
        low, high: bounds of a weight relative to its first value.
    """

    rate: float = 1e-3
    exponent: float = 0.5
    low: float = 0.5
    high: float = 2.0


class JointWeights:
    """Joint weights that rise with the joint's running squared tracking error; mean 1.

    weights = base * clip((error / mean error)^exponent, low, high), scaled to mean 1: the first
    importance of joints (arms count less) times how badly each is tracked.
    """

    def __init__(self, base: Array, config: ReweightConfig):
        self.base = base / base.mean()
        self.config = config
        self.error = np.ones_like(self.base)

    @property
    def weights(self) -> Array:
        """(J,) non-negative, mean 1."""
        c = self.config
        relative = self.error / max(float(self.error.mean()), 1e-12)
        weights = self.base * np.clip(relative ** c.exponent, c.low, c.high)
        return weights / weights.mean()

    def update(self, q: Array, q_ref: Array) -> None:
        """Move the running squared error [rad^2] towards that of a batch (B, J)."""
        self.error += self.config.rate * (((q - q_ref) ** 2).mean(0) - self.error)

    def get_state(self) -> dict[str, Any]:
        """Return the running error."""
        return {"error": self.error.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from get_state."""
        self.error = np.array(state["error"])

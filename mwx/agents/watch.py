"""Notices a training that has diverged, before its checkpoints are worth nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mwx.types import Array

VALUE_FACTOR = 2.0  # |mean Q| may reach this times max |R| / (1 - gamma), the largest return
LEAST_REWARD = 1.0  # taken for max |R| while rewards are smaller: young Qs are noise
GRADIENT_FACTOR = 100.0  # times the clip: of such a gradient less than a hundredth is left
PATIENCE = 100  # updates in a row: a short excursion heals by itself
VALUES = ("target", "policy_q")  # terms that are means of Q over a batch


@dataclass
class Watch:
    """Judges every update by its terms.

    Attributes:
        discount, clip: gamma and the gradient norm's limit of the learner.
        largest: max |R| seen.
        streaks: updates in a row in which a quantity was out of bounds.
    """

    discount: float
    clip: float
    largest: float = LEAST_REWARD
    streaks: dict[str, int] = field(default_factory=lambda: {"value": 0, "gradient": 0})

    def see_rewards(self, reward: Array) -> None:
        """Take in rewards (B,)."""
        self.largest = max(self.largest, float(np.abs(reward).max()))

    @property
    def value_limit(self) -> float:
        """What |mean Q| may not exceed for long."""
        return VALUE_FACTOR * self.largest / (1 - self.discount)

    @property
    def well(self) -> bool:
        """True when the last update was within all bounds: a checkpoint of it is good."""
        return not any(self.streaks.values())

    def judge(self, terms: Mapping[str, float]) -> str | None:
        """Return what is wrong after an update with these terms, or None."""
        bad = [name for name, value in terms.items() if not math.isfinite(value)]
        if bad:
            return f"{', '.join(bad)} not finite"
        value = max((abs(terms[name]) for name in VALUES if name in terms), default=0.0)
        norm = terms.get("gradient_norm", 0.0)
        limits = {"value": (value, self.value_limit), "gradient": (norm, GRADIENT_FACTOR
                                                                   * self.clip)}
        for name, (now, limit) in limits.items():
            self.streaks[name] = self.streaks[name] + 1 if now > limit else 0
        if self.streaks["value"] >= PATIENCE:
            return (f"mean |Q| is {value:.4g} and was beyond {self.value_limit:.4g}, "
                    f"{VALUE_FACTOR:g} times what rewards up to {self.largest:.4g} can add up to, "
                    f"for {PATIENCE} updates")
        if self.streaks["gradient"] >= PATIENCE:
            return (f"the gradient norm is {norm:.4g} and was beyond {GRADIENT_FACTOR:g} times "
                    f"the clip {self.clip:g} for {PATIENCE} updates")
        return None

    def get_state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {"largest": self.largest, "streaks": dict(self.streaks)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from get_state."""
        self.largest = float(state["largest"])
        self.streaks = dict(state["streaks"])

"""Errands: targets to walk to, here and there, by which a gait learns to turn, stop and go."""

from typing import Any

import numpy as np

from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array

DISTANCE = (0.2, 4.0)  # [m] from the pelvis
LASTING = (2.0, 8.0)  # [s] until the next target
THERE, REST_S = 0.55, 1.5  # [m] from a target that counts as reached, [s] of rest there
AHEAD, SPREAD = 0.6, 0.6  # share of targets ahead, [rad] around it; the others lie anywhere
HEIGHT = 1.0  # [m] of a target: a gait does not look at it


class Errands:
    """Targets of B rows, of which a share is on errands at all.

    Attributes:
        target: (B, 3) [m, world]; not a number for rows on none.
    """

    def __init__(self, share: float, num_envs: int):
        self.share = share
        self.target = np.full((num_envs, 3), np.nan)
        self.left = np.zeros(num_envs, int)  # control steps to the next target

    @property
    def running(self) -> Array:
        """(B,) bool: who is on an errand."""
        return np.isfinite(self.target[:, 0])

    def restart(self, rows: Array, position: Array, yaw: Array, rng: np.random.Generator) -> None:
        """Send a share of the given rows (R,) on errands and the others on none."""
        chosen = rng.random(len(rows)) < self.share
        self.target[rows] = np.nan
        self._send(rows[chosen], position, yaw, rng)

    def step(self, position: Array, yaw: Array, rng: np.random.Generator) -> None:
        """Let time pass: whose errand is over gets the next one.

        Args:
            position: (B, 3) [m], yaw: (B,) [rad] of all robots.
            rng: draws targets.
        """
        there = np.linalg.norm((self.target - position)[:, :2], axis=-1) < THERE
        rest = np.where(there, round(REST_S / CONTROL_DT), self.left)
        self.left = np.minimum(self.left, rest) - 1
        self._send(np.flatnonzero(self.running & (self.left <= 0)), position, yaw, rng)

    def _send(self, rows: Array, position: Array, yaw: Array, rng: np.random.Generator) -> None:
        if len(rows) == 0:
            return
        aside = np.where(rng.random(len(rows)) < AHEAD, rng.normal(0, SPREAD, len(rows)),
                         rng.uniform(-np.pi, np.pi, len(rows)))
        distance, direction = rng.uniform(*DISTANCE, len(rows)), yaw[rows] + aside
        self.target[rows, 0] = position[rows, 0] + distance * np.cos(direction)
        self.target[rows, 1] = position[rows, 1] + distance * np.sin(direction)
        self.target[rows, 2] = HEIGHT
        self.left[rows] = np.round(rng.uniform(*LASTING, len(rows)) / CONTROL_DT).astype(int)

    def get_state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {"target": self.target.copy(), "left": self.left.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from get_state."""
        self.target, self.left = np.array(state["target"]), np.array(state["left"])

"""What a training robot has to bear: bumps, a lighter or heavier body, commands that come late."""

from typing import Any

import numpy as np

from mwx.experts.config import TrackingConfig
from mwx.robot.h1 import CONTROL_DT
from mwx.sim.physics import Physics
from mwx.types import Array


class Disturbances:
    """Disturbances of B rows; bumps come during an episode, the rest lasts as long as it does.

    Attributes:
        load: (B,) [N] additional weight on the pelvis.
        late: (B,) bool, whose commands arrive a control step late.
    """

    def __init__(self, config: TrackingConfig, num_envs: int, act_dim: int):
        self.config = config
        self.load, self.late = np.zeros(num_envs), np.zeros(num_envs, bool)
        self.before = np.full((num_envs, act_dim), np.nan)  # the commands of the step before

    def restart(self, rows: Array, rng: np.random.Generator) -> None:
        """Draw what lasts for an episode, for the given rows (R,)."""
        c = self.config
        if c.load_spread > 0:
            self.load[rows] = rng.uniform(-c.load_spread, c.load_spread, len(rows))
        if c.late_share > 0:
            self.late[rows] = rng.random(len(rows)) < c.late_share
        self.before[rows] = np.nan

    def bump(self, physics: Physics, rng: np.random.Generator) -> None:
        """Give some robots a horizontal velocity, as a bump would."""
        c = self.config
        if c.push_interval_s <= 0:
            return
        pushed = rng.random(len(self.load)) < CONTROL_DT / c.push_interval_s
        if pushed.any():
            rows = np.flatnonzero(pushed)
            qvel = physics.robot_qvel[rows].copy()
            qvel[:, :2] += rng.normal(0, c.push_speed, (len(rows), 2))
            physics.set_robot(rows, physics.robot_qpos[rows].copy(), qvel)

    def arrived(self, ctrl: Array) -> Array:
        """Return the commands (B, A) [rad] that reach the servos now."""
        if self.config.late_share <= 0:
            return ctrl
        before, self.before = self.before, ctrl.copy()
        return np.where(self.late[:, None] & np.isfinite(before), before, ctrl)

    def get_state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {"load": self.load.copy(), "late": self.late.copy(), "before": self.before.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from get_state."""
        self.load, self.late = np.array(state["load"]), np.array(state["late"])
        self.before = np.array(state["before"])

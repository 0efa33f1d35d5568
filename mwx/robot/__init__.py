"""Robots: sourced numbers -> MjSpec."""

from mwx.robot.h1 import H1, Robot
from mwx.robot.h1hand import H1HAND, H1STRONG

ROBOTS: dict[str, Robot] = {robot.name: robot for robot in (H1, H1HAND, H1STRONG)}

__all__ = ["H1", "H1HAND", "H1STRONG", "ROBOTS", "Robot"]

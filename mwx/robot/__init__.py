"""Robots: sourced numbers -> MjSpec."""

from mwx.robot.h1 import H1, Robot

ROBOTS: dict[str, Robot] = {robot.name: robot for robot in (H1,)}

__all__ = ["H1", "ROBOTS", "Robot"]

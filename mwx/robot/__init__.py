"""Robots: sourced numbers -> MjSpec."""

from mwx.robot.h1 import H1, Robot

__all__ = ["H1", "Robot"]

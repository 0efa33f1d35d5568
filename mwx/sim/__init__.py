"""Simulation: B environments of HumanoidBench's tasks, stepped in C threads."""

from mwx.sim.env import TaskEnv, make
from mwx.sim.held_hands import HeldHands, make_for
from mwx.sim.physics import Physics
from mwx.sim.tasks import TASKS, Task

__all__ = ["TASKS", "HeldHands", "Physics", "Task", "TaskEnv", "make", "make_for"]

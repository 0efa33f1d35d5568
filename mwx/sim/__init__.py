"""Simulation: B environments of HumanoidBench's tasks, stepped in C threads."""

from mwx.sim.env import TaskEnv, make
from mwx.sim.physics import Physics
from mwx.sim.tasks import TASKS, Task

__all__ = ["TASKS", "Physics", "Task", "TaskEnv", "make"]

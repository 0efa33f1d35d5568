"""Tasks by name."""

from mwx.errors import unknown
from mwx.sim.tasks.door import Door
from mwx.sim.tasks.reach import Reach
from mwx.sim.tasks.stand import Stand
from mwx.sim.tasks.task import Task
from mwx.sim.tasks.walk import Walk

TASKS: dict[str, Task] = {task.name: task for task in (Stand(), Walk(), Reach(), Door())}


def get(name: str) -> Task:
    """Return a task by name, with or without the robot's name before it ("h1-door" or "door").

    Raises:
        MwxError: no such task; the nearest name and all names are listed.
    """
    bare = name.removeprefix("h1-")
    if bare not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[bare]


__all__ = ["TASKS", "Task", "get"]

"""Tasks by name."""

from dataclasses import replace

from mwx.errors import MwxError, unknown
from mwx.robot import ROBOTS, Robot
from mwx.sim.tasks.balance import BalanceHard, BalanceSimple
from mwx.sim.tasks.basketball import Basketball
from mwx.sim.tasks.bookshelf import BookshelfHard, BookshelfSimple
from mwx.sim.tasks.cabinet import Cabinet
from mwx.sim.tasks.carry import Carry
from mwx.sim.tasks.crawl import Crawl
from mwx.sim.tasks.cube import Cube
from mwx.sim.tasks.door import Door
from mwx.sim.tasks.highbar import HighbarHard, HighbarSimple
from mwx.sim.tasks.hurdle import Hurdle
from mwx.sim.tasks.insert import InsertNormal, InsertSmall
from mwx.sim.tasks.maze import Maze
from mwx.sim.tasks.package import Package
from mwx.sim.tasks.pole import Pole
from mwx.sim.tasks.powerlift import Powerlift
from mwx.sim.tasks.push import Push
from mwx.sim.tasks.reach import Reach
from mwx.sim.tasks.reach_two_hands import ReachTwoHands
from mwx.sim.tasks.room import Room
from mwx.sim.tasks.run import Run
from mwx.sim.tasks.sit import SitHard, SitSimple
from mwx.sim.tasks.slide import Slide
from mwx.sim.tasks.spoon import Spoon
from mwx.sim.tasks.stair import Stair
from mwx.sim.tasks.stand import Stand
from mwx.sim.tasks.task import Task
from mwx.sim.tasks.truck import Truck
from mwx.sim.tasks.walk import Walk
from mwx.sim.tasks.window import Window

TASKS: dict[str, Task] = {task.name: task for task in (
    Stand(), Walk(), Reach(), Door(), Carry(), ReachTwoHands(),
    Run(), Crawl(), SitSimple(), SitHard(), Basketball(), Push(), Truck(), Package(),
    Hurdle(), Maze(), Pole(), Stair(), Slide(), BalanceSimple(), BalanceHard(),
    HighbarSimple(), HighbarHard(), Powerlift(), Spoon(),
    Cabinet(), Cube(), BookshelfSimple(), BookshelfHard(), Window(), Room(),
    InsertNormal(), InsertSmall(),
)}


def ids() -> tuple[str, ...]:
    """Return every "robot-task" that there is."""
    return tuple(f"{robot}-{task.name}" for robot in ROBOTS for task in TASKS.values()
                 if robot in task.robots)


def get(name: str, legacy: bool = False) -> Task:
    """Return a task by name, with or without the robot's name before it ("h1-door" or "door").

    Raises:
        MwxError: no such task; the nearest name and all names are listed.
    """
    return resolve(name, legacy)[1]


def resolve(name: str, legacy: bool = False) -> tuple[Robot, Task]:
    """Return the robot and the task of "robot-task"; without a robot, the task's first one.

    Raises:
        MwxError: no such task, or none for that robot.
    """
    robot, _, bare = name.rpartition("-")
    if bare not in TASKS or (robot and robot not in ROBOTS):
        raise unknown("task", name, ids() if robot else TASKS)
    task = TASKS[bare]
    robot = robot or task.robots[0]
    if robot not in task.robots:
        raise MwxError(f"there is no '{name}': {bare} is a task of "
                       f"{' and '.join(task.robots)} only; take {task.robots[0]}-{bare}")
    return ROBOTS[robot], replace(task, legacy=legacy)


__all__ = ["TASKS", "Task", "get", "ids", "resolve"]

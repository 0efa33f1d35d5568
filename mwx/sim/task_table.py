"""What every task is like in one line: sizes, length, bar, ceiling, end."""

import inspect
import re
from dataclasses import dataclass

from mwx.errors import MwxError, unknown
from mwx.robot import ROBOTS
from mwx.sim import tasks
from mwx.sim.env import make
from mwx.sim.tasks.task import Task

# The most that one step can pay, and what is paid now and then on top. Bounds of the formulas
# (HumanoidBench, commit 791405f), not what is within reach: a bar may lie beyond all of them.
CEILINGS: dict[str, tuple[float, str]] = {
    "stand": (1, ""), "walk": (1, ""), "run": (1, ""), "crawl": (1, ""), "reach": (20, ""),
    "sit_simple": (1, ""), "sit_hard": (1, ""), "door": (1, ""), "carry": (1, ""),
    "reach_two_hands": (1, ""),
    "hurdle": (1, ""), "stair": (1, ""), "slide": (1, ""), "pole": (1, ""),
    "maze": (1, "+100 to 400 a stage"), "balance_simple": (1, ""), "balance_hard": (1, ""),
    "highbar_simple": (1, ""), "highbar_hard": (1, ""), "powerlift": (1, ""), "spoon": (1, ""),
    "window": (1, ""), "room": (1, ""), "cube": (1, ""),
    "insert_normal": (1, ""), "insert_small": (1, ""),
    "basketball": (1, "+1000 once"), "push": (0, "+1000 once"), "package": (2, "+1000 once"),
    "truck": (4, "+100 an event, +1000"), "cabinet": (1, "+100 to 400 a stage"),
    "bookshelf_simple": (1, "+100 to 500 a stage"), "bookshelf_hard": (1, "+100 to 500 a stage"),
}


@dataclass(frozen=True)
class Row:
    """One line about a task.

    Attributes:
        name: "robot-task".
        observations, actions: O and A.
        steps: control steps of 20 ms until truncation.
        success_bar: episode return that counts as a success.
        ceiling: the most that a step can pay, in words; "?" where nobody worked it out.
        ends: what ends an episode before its time, in words.
    """

    name: str
    observations: int
    actions: int
    steps: int
    success_bar: float
    ceiling: str
    ends: str

    def __str__(self) -> str:
        return (f"{self.name:<24}{self.observations:>5}{self.actions:>5}{self.steps:>6}"
                f"{self.success_bar:>7g}  {self.ceiling:<24}{self.ends}")


HEADER = (f"{'id':<24}{'obs':>5}{'act':>5}{'steps':>6}{'bar':>7}  {'most a step pays':<24}"
          "ends when")


def select(robot: str | None = None) -> tuple[str, ...]:
    """Return every "robot-task", or those of one robot.

    Raises:
        MwxError: no such robot; the nearest name is given.
    """
    if robot is not None and robot not in ROBOTS:
        raise unknown("robot", robot, ROBOTS)
    chosen = tuple(x for x in tasks.ids() if robot is None or x.startswith(f"{robot}-"))
    if not chosen:
        raise MwxError(f"no task is made for {robot}")
    return chosen


def row_of(name: str) -> Row:
    """Return what there is to know of a task; it is built, so that the sizes are measured."""
    env = make(name, num_envs=1, threads=1)
    task = env.task
    return Row(env.name, env.obs_dim, env.act_dim, env.max_steps, task.success_bar,
               ceiling(task.name), ends_when(task))


def ceiling(task: str) -> str:
    """Return the most that a step of a task can pay, in words."""
    if task not in CEILINGS:
        return "?"
    most, extra = CEILINGS[task]
    return f"{most:g} {extra}".strip()


def ends_when(task: Task) -> str:
    """Return what ends an episode: the pelvis' height, or what the task's own rule says of it."""
    if type(task).terminated is Task.terminated:
        return "never" if task.fall_height is None else f"pelvis below {task.fall_height:g} m"
    first = (inspect.getdoc(type(task).terminated) or "by its own rule").split(".\n")[0]
    said = first.split("\n\n")[0].replace("\n", " ").removeprefix("Return ")
    said = said.removeprefix("(B,) bool: ").rstrip(".")
    said = said[0].lower() + said[1:]
    if task.fall_height is None:
        return said
    return re.sub(r"\b(a fall|fallen|fell)\b", rf"\1 (pelvis below {task.fall_height:g} m)", said)

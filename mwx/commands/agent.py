"""agent train: a world model alone on a task."""

from pathlib import Path

from mwx.commands.words import Seed, Steps, Task, Threads
from mwx.files import target_folder
from mwx.runs import RUNS

LASTS = {"cpu": "half an hour on two cores", "tiny": "less than a minute",
         "tdmpc2": "days on a processor", "tdmpc2-small": "a day on a processor",
         "paper": "days on a processor"}


def train(task: Task, recipe: str | None = None, out: Path | None = None, seed: Seed | None = None,
          resume: bool = False, threads: Threads | None = None, steps: Steps | None = None) -> None:
    """Train the world-model agent on a task's own reward: no motion, no teacher, no experts.

    Args:
        task: e.g. h1-stand or h1hand-door.
        recipe: tdmpc2 (its published constants, planning every step; unless told), tdmpc2-small
            (half as wide, many environments), paper, cpu or tiny.
        out: run directory; runs/agent-<task>-<recipe>-<seed> unless told.
        seed: of everything random; 0 unless told.
        resume: continue from the last complete checkpoint, with the options it was begun with.
        threads: of simulation and learner; 1 unless told.
        steps: environment steps in all; the recipe's unless told. With --resume, where to end: a
            finished run goes on, one that is past it already is exported as it is.
    """
    target_folder(out or RUNS)
    from dataclasses import replace

    from mwx.opening import Options
    from mwx.progress import RESUMES, banner
    from mwx.sim.tasks import resolve
    robot, of_task = resolve(task)
    name = f"{robot.name}-{of_task.name}"
    asked = Options({"task": name, "recipe": recipe, "seed": seed, "threads": threads,
                     "agent.loop.steps": steps}, {"recipe": "tdmpc2", "seed": 0, "threads": 1})
    path = out or RUNS / f"agent-{name}-{asked['recipe']}-{asked['seed']}"
    banner(f"agent on {name}, recipe {asked['recipe']}, seed {asked['seed']}", path,
           LASTS.get(asked["recipe"], ""), RESUMES)
    from mwx import recipes
    from mwx.baselines.world_model import task_agent, train_agent
    agent = recipes.agent(asked["recipe"])
    if steps is not None:
        agent = replace(agent, loop=replace(agent.loop, steps=steps))
    config = task_agent(name, agent, asked["seed"], asked["threads"])
    print(f"agent: {train_agent(config, path, resume, asked)}")

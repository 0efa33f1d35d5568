"""agent train: a world model alone on a task."""

from pathlib import Path

from mwx.commands.words import Seed, Steps, Task, Threads
from mwx.files import target_folder
from mwx.runs import RUNS


def train(task: Task, recipe: str = "tdmpc2", out: Path | None = None, seed: Seed = 0,
          resume: bool = False, threads: Threads = 1, steps: Steps | None = None) -> None:
    """Train the world-model agent on a task's own reward: no motion, no teacher, no experts.

    Args:
        task: e.g. h1-stand or h1hand-door.
        recipe: tdmpc2 (its published constants, planning every step), tdmpc2-small (half as wide,
            many environments), paper, cpu or tiny.
        out: run directory; runs/agent-<task>-<recipe>-<seed> unless told.
        seed: of everything random.
        resume: continue from the last complete checkpoint.
        threads: of simulation and learner.
        steps: environment steps in all; the recipe's unless told.
    """
    target_folder(out or RUNS)
    from dataclasses import replace

    from mwx import recipes
    from mwx.baselines.world_model import task_agent, train_agent
    agent = recipes.agent(recipe)
    if steps is not None:
        agent = replace(agent, loop=replace(agent.loop, steps=steps))
    config = task_agent(task, agent, seed, threads)
    path = out or RUNS / f"agent-{config.task}-{recipe}-{seed}"
    print(f"agent: {train_agent(config, path, resume=resume)}")

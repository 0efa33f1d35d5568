"""The world-model agent alone on a task: no motion, no teacher, no experts (TD-MPC2)."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from mwx import config as configs
from mwx.agents.agent import CONFIG, WEIGHTS, Agent, TaskAgentConfig
from mwx.agents.config import AgentConfig
from mwx.agents.loop import Loop
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError
from mwx.evaluation.score import Score, evaluate
from mwx.runs import Run, provenance, read_json, write_json
from mwx.sim import make

EPISODES, SEED = 10, 1  # of an evaluation
BEST = "best.json"


def task_agent(task: str, agent: AgentConfig, seed: int = 0, threads: int = 1) -> TaskAgentConfig:
    """Return the configuration of an agent on a task, with the task's sizes.

    Raises:
        MwxError: no such task.
    """
    env = make(task, threads=1)
    return TaskAgentConfig(env.name, env.obs_dim, env.act_dim, seed, threads, agent)


def train_agent(config: TaskAgentConfig, path: str | Path, resume: bool = False) -> Path:
    """Train the agent on its task's own reward and export the weights that scored best.

    Args:
        config: see task_agent.
        path: run directory.
        resume: continue the run in `path` exactly where its last checkpoint left it.

    Returns:
        The folder of the exported agent: agent.json, weights.safetensors, card.json.

    Raises:
        MwxError: the directory holds a run already, nothing to resume, or training diverged.
    """
    path = Path(path)
    torch.set_num_threads(config.threads)
    if resume:
        config, run = configs.load(TaskAgentConfig, path / "config.json"), Run(path)
    elif (path / "config.json").exists():
        raise MwxError(f"{path} holds a run already: give --resume to continue it, or another "
                       f"--out")
    else:
        run = Run.create(path, configs.to_dict(config), config.seed)
    env = make(config.task, config.agent.loop.num_envs, config.seed, config.threads)
    best, began = _Best(config, path), time.time() - (run.spent_s() if resume else 0.0)
    loop = Loop(env, config.agent, run, config.seed, evaluate=best)
    model = loop.train(resume=resume and run.resumable)
    best(model, loop.step)
    return _export(config, path, time.time() - began)


class _Best:
    """Scores the agent as it would act, and keeps the weights that scored best."""

    def __init__(self, config: TaskAgentConfig, path: Path):
        self.config, self.path = config, path
        record = path / BEST
        self.score = read_json(record)["score"] if record.exists() else -np.inf

    def __call__(self, model: WorldModel, step: int) -> Mapping[str, float]:
        score = _score(self.config, model)
        if score.mean() > self.score:
            self.score = score.mean()
            save_file(model.state_dict(), self.path / WEIGHTS)
            write_json(self.path / BEST, {"score": self.score, "step": step})
        return {"task_return_mean": score.mean(), "task_return_std": score.std(),
                "length_mean": score.mean("length")}


def _score(config: TaskAgentConfig, model: WorldModel) -> Score:
    agent = Agent(config, model, config.agent.loop.planned)
    return evaluate(agent, config.task, EPISODES, SEED, threads=config.threads)


def _export(config: TaskAgentConfig, path: Path, wall_time_s: float) -> Path:
    """Write what `load_agent` reads, and a card that says where it came from."""
    folder = path / "agent"
    folder.mkdir(exist_ok=True)
    write_json(folder / CONFIG, configs.to_dict(config))
    (folder / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes())
    best = read_json(path / BEST)
    write_json(folder / "card.json", {
        **provenance(config.seed), "task": config.task, "steps": config.agent.loop.steps,
        "wall_time_s": round(wall_time_s, 1), "acts_by": "planning" if config.agent.loop.planned
        else "policy prior", "best_step": best["step"],
        "scores": {"task_return_mean": best["score"], "episodes": EPISODES, "seed": SEED}})
    return folder

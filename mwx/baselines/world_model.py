"""The world-model agent alone on a task: no motion, no teacher, no experts (TD-MPC2)."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from mwx import config as configs
from mwx.agents import compute
from mwx.agents.agent import CONFIG, WEIGHTS, Agent, TaskAgentConfig
from mwx.agents.config import AgentConfig
from mwx.agents.loop import Loop
from mwx.agents.world_model import WorldModel
from mwx.evaluation.score import evaluate
from mwx.files import write_weights
from mwx.opening import Options, interruptible, open_run
from mwx.runs import Run, provenance, write_json
from mwx.sim import make

EPISODES, SEED = 10, 1  # of an evaluation


def task_agent(task: str, agent: AgentConfig, seed: int = 0, threads: int = 1) -> TaskAgentConfig:
    """Return the configuration of an agent on a task, with the task's sizes.

    Raises:
        MwxError: no such task.
    """
    env = make(task, threads=1)
    return TaskAgentConfig(env.name, env.obs_dim, env.act_dim, seed, threads, agent)


def train_agent(config: TaskAgentConfig, path: str | Path, resume: bool = False,
                options: Options | None = None) -> Path:
    """Train the agent on its task's own reward and export the weights that scored best.

    Args:
        config: see task_agent.
        path: run directory.
        resume: continue the run in `path` exactly where its last checkpoint left it.
        options: of the verb that asks for it; see open_run.

    Returns:
        The folder of the exported agent: agent.json, weights.safetensors, card.json.

    Raises:
        MwxError: the directory holds a run already, nothing to resume, or training diverged.
    """
    config, run = open_run(path, "agent", config, resume, options)
    with interruptible(run), compute.threads(config.threads):
        env = make(config.task, config.agent.loop.num_envs, config.seed, config.threads)
        loop = Loop(env, config.agent, run, config.seed, evaluate=partial(_scores, config))
        loop.train(resume=run.resumable)
        return _export(config, run, loop)


def _scores(config: TaskAgentConfig, model: WorldModel, step: int) -> Mapping[str, float]:
    """Score the agent as it would act."""
    agent = Agent(config, model, config.agent.loop.planned)
    score = evaluate(agent, config.task, EPISODES, SEED, threads=config.threads)
    return {"task_return_mean": score.mean(), "task_return_std": score.std(),
            "length_mean": score.mean("length")}


def _export(config: TaskAgentConfig, run: Run, loop: Loop) -> Path:
    """Write what `load_agent` reads, and a card that says where it came from."""
    folder = run.path / "agent"
    folder.mkdir(exist_ok=True)
    write_json(folder / CONFIG, configs.to_dict(config))
    weights, step = loop.best.load()
    write_weights(folder / WEIGHTS, weights)
    write_json(folder / "card.json", {
        **provenance(config.seed), "task": config.task, "steps": config.agent.loop.steps,
        "wall_time_s": round(run.spent_s(), 1), "acts_by": "planning" if config.agent.loop.planned
        else "policy prior", "best_step": step,
        "scores": {"task_return_mean": loop.best.score, "episodes": EPISODES, "seed": SEED}})
    return folder

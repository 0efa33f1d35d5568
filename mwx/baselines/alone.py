"""The world model alone under the conditions of an adaptation: Table III's row TD-MPC2."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mwx import config as configs
from mwx.agents import compute
from mwx.agents.agent import CONFIG, WEIGHTS, Agent, TaskAgentConfig, load_agent
from mwx.agents.loop import Loop
from mwx.agents.world_model import WorldModel
from mwx.baselines.world_model import task_agent
from mwx.files import write_weights
from mwx.opening import Options, interruptible, open_run
from mwx.router.adapt import CARD_SEED, EVALUATION_SEED, play, returns_of
from mwx.router.adapt_config import AdaptConfig
from mwx.runs import Run, provenance, write_json
from mwx.sim import make
from mwx.sim.tasks import resolve


def train_alone(config: AdaptConfig, path: str | Path, resume: bool = False,
                options: Options | None = None) -> Path:
    """Train the agent of an adaptation without any expert, with its budget and its evaluations.

    Args:
        config: of the adaptation; only its task, agent, evaluation, seed and threads count.
        path: run directory.
        resume: continue bit for bit from the last complete checkpoint.
        options: of the verb that asks for it; see open_run.

    Returns:
        The folder of the agent: agent.json, weights.safetensors, card.json.

    Raises:
        MwxError: the folder is in use, nothing to resume, or the training diverged.
    """
    config, run = open_run(path, "alone", config, resume, options)
    agent = replace(config.agent, learner=replace(config.agent.learner, advice=0.0),
                    loop=replace(config.agent.loop, advised_steps=0))
    of_task = task_agent(config.task, agent, config.seed, config.threads)
    env = make(config.task, agent.loop.num_envs, config.seed, config.threads)
    with interruptible(run), compute.threads(config.threads):
        loop = Loop(env, agent, run, config.seed, evaluate=partial(_scores, config, of_task))
        loop.train(resume=run.resumable)
        return _export(config, of_task, run, loop)


def _scores(config: AdaptConfig, of_task: TaskAgentConfig, model: WorldModel, step: int
            ) -> Mapping[str, float]:
    agent = Agent(of_task, model, of_task.agent.loop.planned)
    scores = _played(config, agent, config.evaluation.episodes, EVALUATION_SEED)
    return {k: v for k, v in scores.items() if k != "returns"}


def _played(config: AdaptConfig, agent: Agent, episodes: int, seed: int) -> dict[str, Any]:
    bar = resolve(config.task)[1].success_bar
    return returns_of(play(agent, config, episodes, seed), bar)


def _export(config: AdaptConfig, of_task: TaskAgentConfig, run: Run, loop: Loop) -> Path:
    folder = run.path / "agent"
    folder.mkdir(exist_ok=True)
    write_json(folder / CONFIG, configs.to_dict(of_task))
    weights, best_step = loop.best.load()
    write_weights(folder / WEIGHTS, weights)
    planned = of_task.agent.loop.planned
    count = config.evaluation.card_episodes
    scores = _played(config, load_agent(folder, planned), count, CARD_SEED)
    write_json(folder / "card.json", {
        **provenance(config.seed), "task": config.task, "steps": config.agent.loop.steps,
        "best_step": best_step, "wall_time_s": round(run.spent_s()),
        "acts_by": "planning" if planned else "policy prior",
        "evaluation": {"episodes": count, "seed": CARD_SEED,
                       "max_steps": config.evaluation.max_steps},
        "returns": scores.pop("returns"), "scores": scores})
    return folder

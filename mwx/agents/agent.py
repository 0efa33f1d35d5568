"""A world model that acts on a whole task's observation: the TD-MPC2 baseline once trained."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from mwx import config as configs
from mwx.agents.config import AgentConfig, WorldModelConfig
from mwx.agents.planner import plan, shift
from mwx.agents.world_model import WorldModel
from mwx.config import Size, Threads
from mwx.errors import MwxError
from mwx.types import Array, Obs
from mwx.untrusted import load_module, understood

CONFIG, WEIGHTS = "agent.json", "weights.safetensors"


@dataclass(frozen=True)
class TaskAgentConfig:
    """One agent on one task, without any imitation.

    Attributes:
        task: "robot-task".
        obs_dim, act_dim: sizes of the task's observation and action.
        seed: of everything random.
        threads: of simulation and learner.
        agent: the world model, how it learns, plans and trains.
    """

    task: str
    obs_dim: Size
    act_dim: Size
    seed: int = 0
    threads: Threads = 1
    agent: AgentConfig = field(default_factory=AgentConfig)


class Agent:
    """Acts on `obs.vector`, deterministically; the carry is the plan it warm-starts from (B, H, A).

    Args:
        planned: act by planning in latent space (eq. 7) instead of by the policy prior.
    """

    def __init__(self, config: TaskAgentConfig, model: WorldModel, planned: bool = False):
        self.config, self.model, self.planned = config, model, planned
        self.act_dim = config.act_dim

    def initial(self, num_envs: int) -> torch.Tensor:
        """Return the carry at the start of B episodes."""
        return torch.zeros(num_envs, self.config.agent.planner.horizon, self.act_dim)

    def restart(self, carry: torch.Tensor, rows: Array) -> torch.Tensor:
        """Return the carry with the given rows (B,) bool back at the start of an episode."""
        return carry * torch.from_numpy(~rows)[:, None, None]

    @torch.no_grad()
    def __call__(self, obs: Obs, carry: torch.Tensor) -> tuple[Array, torch.Tensor]:
        """Return actions (B, A) in [-1, 1] and the next carry.

        Raises:
            MwxError: the observation is another task's.
        """
        if obs.vector.shape[1] != self.config.obs_dim:
            raise MwxError(f"this agent was trained on {self.config.task} and reads "
                           f"{self.config.obs_dim} numbers, here are {obs.vector.shape[1]}: "
                           f"evaluate it on {self.config.task}")
        z = self.model.encode(torch.from_numpy(obs.vector.astype(np.float32)))
        if not self.planned:
            return self.model.mode(z).numpy(), carry
        agent = self.config.agent
        # the same noise for every plan: a plan depends on the state and the last plan only
        noise = torch.Generator().manual_seed(self.config.seed)
        result = plan(self.model, z, carry, agent.planner, agent.learner.discount, noise,
                      sample=False)
        return result.action.numpy(), shift(result.mean)


def is_agent(folder: Path) -> bool:
    """Return whether a folder holds a trained agent."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def load_agent(folder: str | Path, planned: bool = False) -> Agent:
    """Read an agent from its folder: agent.json and weights.safetensors.

    Raises:
        MwxError: a file is missing, damaged or does not fit.
    """
    folder = Path(folder)
    config = configs.load(TaskAgentConfig, folder / CONFIG)
    model = load_model(config.obs_dim, config.act_dim, config.agent.model, folder / WEIGHTS)
    return Agent(config, model, planned)


def load_model(obs_dim: int, act_dim: int, config: WorldModelConfig, path: Path) -> WorldModel:
    """Return a world model with a file's weights, after it has acted once.

    Raises:
        MwxError: the file is missing, damaged or does not fit.
    """
    model = load_module(lambda: WorldModel(obs_dim, act_dim, config), path)
    with understood(path.parent), torch.no_grad():
        model.mode(model.encode(torch.zeros(1, obs_dim)))
    return model.requires_grad_(False).eval()

"""Policies from folders: an expert, a router with its experts, a whole-task agent."""

from pathlib import Path

from mwx.agents.agent import is_agent, load_agent
from mwx.errors import MwxError
from mwx.experts import load_expert, load_library
from mwx.experts.library import expert_folders, shipped_root
from mwx.types import Policy


def load_policy(folder: str | Path, experts: str | Path | None = None,
                planned: bool = False) -> Policy:
    """Load an expert's, a router's or an agent's folder; a bare skill means the shipped expert.

    Args:
        folder: pretrained/walk, runs/walk-cpu-0 (a training run), runs/router-door-0, or "walk".
        experts: folder of experts for a router; the shipped ones unless told.
        planned: let an expert or agent plan in latent space instead of acting by its policy prior.

    Raises:
        MwxError: nothing there that acts; what exists is named.
    """
    folder = Path(folder)
    for inner in (folder, folder / "expert", folder / "router", folder / "agent",
                  folder / "adapted"):
        if (inner / "adapt.json").is_file():
            from mwx.router.adapted import load_adapted
            return load_adapted(inner, planned, experts)
        if is_agent(inner):
            return load_agent(inner, planned)
        if (inner / "reference.npz").is_file() and (inner / "weights.safetensors").is_file():
            return load_expert(inner, planned)
        if (inner / "guidance.json").is_file() and (inner / "weights.safetensors").is_file():
            from mwx.router import CompositePolicy, Router
            router = Router.load(inner)
            return CompositePolicy(router, load_library(experts, router.experts))
    shipped = shipped_root() / folder.name
    if not folder.exists() and (shipped / "weights.safetensors").is_file():
        return load_expert(shipped, planned)
    raise MwxError(f"{folder}: no policy there; give a folder with weights.safetensors, or one of "
                   f"the shipped experts: {', '.join(expert_folders()) or 'none'}")

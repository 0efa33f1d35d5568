"""Policies from folders: an expert, or a router with the experts it was made for."""

from pathlib import Path

from mwx.errors import MwxError
from mwx.experts import load_expert, load_library
from mwx.experts.library import expert_folders, shipped_root
from mwx.types import Policy


def load_policy(folder: str | Path, experts: str | Path | None = None,
                planned: bool = False) -> Policy:
    """Load an expert's or a router's folder; a bare skill name means the shipped expert.

    Args:
        folder: pretrained/walk, runs/walk-cpu-0 (a training run), runs/router-door-0, or "walk".
        experts: folder of experts for a router; the shipped ones unless told.
        planned: let an expert plan in latent space instead of acting by its policy prior.

    Raises:
        MwxError: nothing there that acts; what exists is named.
    """
    folder = Path(folder)
    for inner in (folder, folder / "expert", folder / "router"):
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

"""guide, router train: what a task needs, and the router that learns it."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mwx.commands.words import Task

if TYPE_CHECKING:
    from mwx.router import GuidanceProvider

Provider = Literal["file", "rules", "vlm"]


def guide(task: Task, provider: Provider = "file", text: str | None = None,
          out: Path | None = None) -> None:
    """Say how relevant each expert is for a task, in which stages, and who says so.

    Args:
        task: task name; with --text, any name.
        provider: file (shipped, labelled), rules (keywords), vlm (an OpenAI-compatible endpoint,
            named by OPENAI_BASE_URL and OPENAI_API_KEY).
        text: the task in words, for a task that mwx does not know.
        out: also write the guidance as JSON.
    """
    from mwx.router import DESCRIPTIONS
    from mwx.sim.tasks import get
    words = text if text is not None else get(task).text
    guidance = _provider(provider).guide(task.removeprefix("h1-"), words, DESCRIPTIONS)
    print(f"{guidance.task}: {guidance.task_text}\n{guidance.title}")
    for name, weight in zip(guidance.experts, guidance.weights, strict=True):
        print(f"  {name:<17}{weight:6.3f} {'#' * round(40 * weight)}")
    for stage in guidance.stages:
        print(f"  {stage.fraction:6.0%}  {stage.expert:<17}{stage.text}")
    if guidance.unsupported:
        print("  no expert at hand covers this task")
    for note in guidance.provenance.notes:
        print(f"  note: {note}")
    if out is not None:
        guidance.save(out)
        print(f"guidance: {out}")


def train(task: Task, provider: Provider = "file", demos: int = 8,
          out: Path | None = None, seed: int = 0, literal: bool = False) -> None:
    """Distil a router for a task from guidance and scripted demonstrations.

    Args:
        task: task name, e.g. door.
        provider: where the guidance comes from: file, rules or vlm.
        demos: scripted demonstrations to record.
        out: run directory; runs/router-<task>-<seed> unless told.
        seed: of everything random.
        literal: the printed equations alone (a constant P_demo; the router learns a constant).
    """
    from dataclasses import replace

    from mwx.config import to_dict
    from mwx.experts import load_library
    from mwx.router import (
        DistillConfig,
        script_for,
        scripted_demonstrations,
        train_router,
    )
    from mwx.router import literal as as_printed
    from mwx.runs import RUNS, Run
    from mwx.sim import make
    config = replace(as_printed() if literal else DistillConfig(), seed=seed)
    library = load_library()
    env = make(f"h1-{task.removeprefix('h1-')}", num_envs=config.num_envs, seed=seed)
    guidance = _provider(provider).guide(env.task.name, env.task.text, library.descriptions)
    shown = scripted_demonstrations(env, library, script_for(env.task.name, library.names), demos,
                                    seed)
    run = Run.create(out or RUNS / f"router-{env.task.name}-{seed}", to_dict(config), seed)
    train_router(env, library, guidance, shown, config, run)
    print(f"router: {run.path / 'router'}")


def _provider(name: Provider) -> "GuidanceProvider":
    import mwx.router as providers
    home = {"file": "FileGuidance", "rules": "KeywordRules", "vlm": "VlmGuidance"}
    return getattr(providers, home[name])()

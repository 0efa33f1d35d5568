"""guide, router train, router compare: what a task needs, its router, and what that must beat."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mwx.commands.words import RunFolder, Task
from mwx.errors import MwxError

if TYPE_CHECKING:
    from mwx.router import GuidanceProvider

Provider = Literal["file", "rules", "similarity", "vlm"]


@dataclass(frozen=True)
class Model:
    """The vision-language model that provider vlm asks.

    Attributes:
        name: the model's name at the endpoint.
        base_url: address of an OpenAI-compatible API, e.g. http://localhost:11434/v1.
        key_variable: environment variable that holds the key; "" sends none.
        samples: answers averaged.
        look: show the model a picture of the scene too (needs a GL back end).
        fallback: what to use when it fails; none makes a failure an error.
    """

    name: str = ""
    base_url: str = "https://api.openai.com/v1"
    key_variable: str = "OPENAI_API_KEY"
    samples: int = 5
    look: bool = False
    fallback: Literal["none", "file", "rules", "similarity"] = "none"


def guide(task: Task, provider: Provider | None = None, text: str | None = None,
          out: Path | None = None, record: Path | None = None, model: Model = Model()) -> None:
    """Say how relevant each expert is for a task, in which stages, and who says so.

    Args:
        task: task name, or a task in words ("carry the box to the table").
        provider: file (shipped, labelled), rules (keywords), similarity (a sentence encoder in the
            extra 'text'), vlm (see the model options); file for a task's name, rules for words.
        text: other words for the task named; with them any name will do.
        out: also write the guidance as JSON, for `mwx router train --guidance`.
        record: folder in which a model's answer is kept as <task>.json, labelled as recorded.
        model: of provider vlm.
    """
    from mwx.router import DESCRIPTIONS
    from mwx.sim.tasks import get
    name, words = task.removeprefix("h1-"), text
    if words is None and " " in task.strip():
        name, words = "text", task
    if words is None:
        words, chosen = get(task).text, provider or "file"
    else:
        chosen = provider or "rules"
    picture = _picture(task) if chosen == "vlm" and model.look else None
    guidance = _provider(chosen, model).guide(name, words, DESCRIPTIONS, picture)
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
    if record is not None:
        kept = record / f"{name}.json"
        guidance.recorded().save(kept)
        print(f"recorded: {kept}")


def train(task: Task, provider: Provider = "file", guidance: Path | None = None, demos: int = 16,
          recorded: Path | None = None, out: Path | None = None, seed: int = 0,
          literal: bool = False, model: Model = Model()) -> None:
    """Distil a router for a task from guidance and demonstrations, scripted unless told.

    Args:
        task: task name, e.g. door.
        provider: where the guidance comes from: file, rules, similarity or vlm.
        guidance: a file that `mwx guide` wrote (--out, --record), instead of a provider.
        demos: scripted demonstrations to record; those that failed are left out where others
            succeeded.
        recorded: a folder of demonstrations that `mwx demos record` or `label` wrote, instead.
        out: run directory; runs/router-<task>-<seed> unless told.
        seed: of everything random.
        literal: the printed equations alone (a constant P_demo; the router learns a constant).
        model: of provider vlm.
    """
    from dataclasses import replace

    from mwx.config import to_dict
    from mwx.experts import load_library
    from mwx.router import (
        DistillConfig,
        load_guidance,
        restrict,
        script_for,
        scripted_demonstrations,
        train_router,
    )
    from mwx.router import literal as as_printed
    from mwx.router.recording import check_recorded, load_demonstrations
    from mwx.router.train import grouped
    from mwx.runs import RUNS, Run
    from mwx.sim import make
    config = replace(as_printed() if literal else DistillConfig(), seed=seed)
    library = load_library()
    env = make(task, num_envs=config.num_envs, seed=seed)
    shown = None if recorded is None else load_demonstrations(recorded)
    if shown is not None:
        check_recorded(shown, env, library)
    picture = _picture(task) if provider == "vlm" and model.look else None
    if guidance is None:
        told = _provider(provider, model).guide(env.task.name, env.task.text,
                                                library.descriptions, picture)
    else:
        told = restrict(load_guidance(guidance), library.descriptions)
    script = None
    if shown is None:
        script = script_for(env.task.name, library.names)
        shown = scripted_demonstrations(env, library, script, demos, seed)
    if not literal:
        config = grouped(config, shown)
    run = Run.create(out or RUNS / f"router-{env.task.name}-{seed}", to_dict(config), seed)
    train_router(env, library, told, shown, config, run, None if literal else script)
    print(f"router: {run.path / 'router'}")


def compare(router: RunFolder, task: str | None = None, episodes: int = 10, seed: int = 1,
            out: Path | None = None) -> None:
    """Play the same episodes by a router, each expert alone, fixed mixtures and its script.

    Args:
        router: folder of a router, or of the run that trained it.
        task: another task than its own.
        episodes: of each.
        seed: of the first reset.
        out: also write the scores as JSON.
    """
    from mwx.baselines.adaptation import router_folder
    from mwx.evaluation.compare import compare as play
    from mwx.runs import write_json
    scores = play(router_folder(router), task, episodes, seed)
    if out is not None:
        write_json(out, {name: score.to_json() for name, score in scores.items()})
        print(f"scores: {out}")


def _provider(name: Provider, model: Model) -> "GuidanceProvider":
    if name == "file":
        from mwx.router import FileGuidance
        return FileGuidance()
    if name == "rules":
        from mwx.router import KeywordRules
        return KeywordRules()
    if name == "similarity":
        from mwx.router import SentenceSimilarity
        return SentenceSimilarity()
    if not model.name:
        raise MwxError("provider vlm needs a model: --model.name NAME, and --model.base-url URL "
                       "where it is not OpenAI's; the other providers need none")
    from mwx.router import AnswerCache, VlmConfig, VlmGuidance, WithFallback
    config = VlmConfig(model.name, model.base_url, model.key_variable, model.samples)
    asked = VlmGuidance(config, AnswerCache())
    return asked if model.fallback == "none" else \
        WithFallback(asked, _provider(model.fallback, model))


def _picture(task: str) -> bytes:
    import imageio.v3 as imageio

    from mwx.sim import make
    from mwx.sim.render import Renderer
    env = make(task)
    env.reset(0)
    with Renderer(env.model, 448, 448) as renderer:
        frame = renderer.render(env.physics, 0, env.task.camera)
    return imageio.imwrite("<bytes>", frame, extension=".png")

"""guide, router train, router compare: what a task needs, its router, and what that must beat."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mwx.commands.words import Count, Duration, RunFolder, Seed, Task
from mwx.errors import MwxError, unknown
from mwx.files import target_file, target_folder
from mwx.runs import RUNS

if TYPE_CHECKING:
    from mwx.router import Guidance, GuidanceProvider

Provider = Literal["file", "rules", "similarity", "vlm", "vlm_recorded"]
WORDS = "text"  # the name of a task that is given in words
NEAR = 0.75  # of a word to a task's name, to be taken for a slip of the keyboard


@dataclass(frozen=True)
class Model:
    """The model that provider vlm asks, with or without vision.

    Attributes:
        name: the model's name at the endpoint.
        base_url: address of an OpenAI-compatible API, e.g. http://localhost:11434/v1.
        key_variable: environment variable that holds the key; "" sends none.
        samples: answers averaged.
        deadline_s: seconds for all of them, with every try.
        look: show the model a picture of the scene too (needs a GL back end).
        fallback: what to use when it fails; none makes a failure an error.
    """

    name: str = ""
    base_url: str = "https://api.openai.com/v1"
    key_variable: str = "OPENAI_API_KEY"
    samples: Count = 5
    deadline_s: Duration = 300.0
    look: bool = False
    fallback: Literal["none", "file", "rules", "similarity"] = "none"


def guide(task: Task, provider: Provider | None = None, text: str | None = None,
          out: Path | None = None, record: Path | None = None, model: Model = Model()) -> None:
    """Say how relevant each expert is for a task, in which stages, and who says so.

    Args:
        task: task name, or a task in words ("carry the box to the table").
        provider: file (shipped, labelled), rules (keywords), similarity (a sentence encoder in the
            extra 'text'), vlm (see the model options), vlm_recorded (answers shipped with their
            model's name); file for a task's name, rules for words.
        text: other words for the task named; with them any name will do.
        out: also write the guidance as JSON, for `mwx router train --guidance`.
        record: folder in which a model's answer is kept as <task>.json, labelled as recorded.
        model: of provider vlm.
    """
    if out is not None:
        target_file(out)
    if record is not None:
        target_folder(record)
    from mwx.router import DESCRIPTIONS
    name, words = _named(task, text)
    chosen = provider or ("rules" if text is not None or name == WORDS else "file")
    if record is not None and chosen != "vlm":
        raise MwxError(f"--record keeps what a model answered; provider '{chosen}' asks none: add "
                       "--provider vlm, or take --out")
    picture = _picture(task) if chosen == "vlm" and model.look else None
    guidance = _provider(chosen, model).guide(name, words, DESCRIPTIONS, picture)
    print(f"{guidance.task}: {guidance.task_text}\n{guidance.title}")
    for expert, weight in zip(guidance.experts, guidance.weights, strict=True):
        print(f"  {expert:<17}{weight:6.3f} {'#' * round(40 * weight)}")
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
        kept = record / f"{_file_name(guidance)}.json"
        guidance.recorded().save(kept)
        print(f"recorded: {kept}")


def train(task: Task, provider: Provider = "file", guidance: Path | None = None, demos: Count = 16,
          recorded: Path | None = None, out: Path | None = None, seed: Seed = 0,
          literal: bool = False, model: Model = Model()) -> None:
    """Distil a router for a task from guidance and demonstrations, scripted unless told.

    Args:
        task: task name, e.g. door.
        provider: where the guidance comes from: file, rules, similarity, vlm or vlm_recorded.
        guidance: a file that `mwx guide` wrote (--out, --record), instead of a provider.
        demos: scripted demonstrations to record; those that failed are left out where others
            succeeded.
        recorded: a folder of demonstrations that `mwx demos record` or `label` wrote, instead.
        out: run directory; runs/router-<task>-<seed> unless told.
        seed: of everything random.
        literal: the printed equations alone (a constant P_demo; the router learns a constant).
        model: of provider vlm.
    """
    target_folder(out or RUNS)
    from mwx.opening import check_new, interruptible, open_run
    from mwx.progress import REPEATS, banner
    from mwx.runs import write_json
    from mwx.sim.tasks import resolve
    path = out or RUNS / f"router-{resolve(task)[1].name}-{seed}"
    banner(f"router for {task}, seed {seed}", path, "minutes on one core", REPEATS)
    check_new(path, "router")
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
    script = script_for(env.task.name, library.names) if shown is None else None
    config, run = open_run(path, "router", config)
    with interruptible(run):
        if shown is None:
            assert script is not None
            shown = scripted_demonstrations(env, library, script, demos, seed)
        if not literal:
            config = grouped(config, shown)
            write_json(run.path / "config.json", to_dict(config))
        train_router(env, library, told, shown, config, run, None if literal else script)
    print(f"router: {run.path / 'router'}")


def compare(router: RunFolder, task: str | None = None, episodes: Count = 10, seed: Seed = 1,
            out: Path | None = None) -> None:
    """Play the same episodes by a router, each expert alone, fixed mixtures and its script.

    Args:
        router: folder of a router, or of the run that trained it.
        task: another task than its own.
        episodes: of each.
        seed: of the first reset.
        out: also write the scores as JSON.
    """
    if out is not None:
        target_file(out)
    from mwx.progress import tell
    tell(f"{router.name} beside its experts and mixtures, {episodes} episodes of each: a minute or "
         f"more")
    from mwx.baselines.adaptation import router_folder
    from mwx.evaluation.compare import compare as play
    from mwx.runs import write_json
    scores = play(router_folder(router), task, episodes, seed)
    if out is not None:
        write_json(out, {name: score.to_json() for name, score in scores.items()})
        print(f"scores: {out}")


def _named(task: str, text: str | None) -> tuple[str, str]:
    """Return a task's name and its words.

    Whatever is no task's name are words, unless it is written like one and near to one.
    """
    import re

    from mwx.robot import ROBOTS
    from mwx.router.prompt import clean_text
    from mwx.sim.tasks import TASKS, get
    if text is not None:
        if not re.fullmatch(r"\w[\w-]{0,63}", task):
            raise MwxError("with --text the task's name may be any of letters, digits, '_' and "
                           f"'-', not {task[:80]!r}")
        return task.removeprefix("h1-"), clean_text(text)
    robot, _, bare = task.rpartition("-")
    inflected = any(bare.startswith(name) for name in TASKS) and bare.endswith(("ing", "ed", "s"))
    slip = re.fullmatch(r"\w+", bare, re.ASCII) and not inflected and \
        difflib.get_close_matches(bare.lower(), TASKS, 1, NEAR)
    if slip and bare not in TASKS and not robot:
        raise MwxError(f"{unknown('task', task, TASKS)}; if these are words, say more of them")
    if bare in TASKS or robot in ROBOTS:
        return get(task).name, get(task).text
    return WORDS, clean_text(task)


def _file_name(guidance: "Guidance") -> str:
    """Return the task's name; of words, one of their own, so that others do not overwrite it."""
    if guidance.task != WORDS:
        return guidance.task
    return f"{WORDS}-{hashlib.sha256(guidance.task_text.encode()).hexdigest()[:8]}"


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
    if name == "vlm_recorded":
        from mwx.router import FileGuidance
        return FileGuidance(sources=("vlm_recorded",))
    if not model.name:
        raise MwxError("provider vlm needs a model: --model.name NAME, and --model.base-url URL "
                       "where it is not OpenAI's; the other providers need none")
    from mwx.router import AnswerCache, VlmConfig, VlmGuidance, WithFallback
    config = VlmConfig(model.name, model.base_url, model.key_variable, model.samples,
                       deadline_s=model.deadline_s)
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

"""demos record, demos label: demonstrations of expert usage, and who says which expert it was."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from tyro.conf import Positional, arg

from mwx.commands.words import Count, Seed, Steps, Task
from mwx.errors import MwxError, nearest
from mwx.files import target_folder
from mwx.runs import RUNS

if TYPE_CHECKING:
    from mwx.experts import ExpertLibrary
    from mwx.router import CompositePolicy, Demonstration
    from mwx.sim import TaskEnv

BATCH = 8  # environments at once, as many as `mwx router train` records with
SCRIPT, UNIFORM = "script", "uniform"
Labeller = Literal["action", "rules", "vlm"]
DemoFolder = Annotated[Path, Positional, arg(metavar="FOLDER")]


@dataclass(frozen=True)
class SegmentModel:
    """The vision-language model that --by vlm asks, once a demonstration.

    Attributes:
        name: the model's name at the endpoint.
        base_url: address of an OpenAI-compatible API, e.g. http://localhost:11434/v1.
        key_variable: environment variable that holds the key; "" sends none.
        look: show the model a picture of the key frames too (needs a GL back end).
    """

    name: str = ""
    base_url: str = "https://api.openai.com/v1"
    key_variable: str = "OPENAI_API_KEY"
    look: bool = False


def record(task: Task, by: str = SCRIPT, count: Count = 4, seed: Seed = 0,
           steps: Steps | None = None, out: Path | None = None, experts: Path | None = None
           ) -> None:
    """Record demonstrations of a task: what was seen and done, and which expert it was.

    Args:
        task: task name, e.g. door.
        by: who acts: script (experts switched by the task's script), an expert's name, uniform (an
            even mix of all), the folder of a router or its run, or a reference .npz, whose motion
            is then played without physics and labelled by action error.
        count: number of demonstrations.
        seed: of the first reset.
        steps: at most so many control steps of 20 ms each; the whole episode unless told.
        out: folder; runs/demos-<task>-<seed> unless told. What exists is not overwritten.
        experts: folder of experts; the shipped ones unless told.
    """
    from mwx.router.recording import new_folder
    new_folder(out) if out else target_folder(RUNS)
    from mwx.progress import tell
    tell("loading the experts")
    from mwx.experts import load_library
    from mwx.router.recording import KINEMATIC, save_demonstrations
    from mwx.sim.tasks import resolve
    name = resolve(task)[1].name
    tell(f"{count} demonstrations of {name} by {by}: seconds each")
    folder = new_folder(out or RUNS / f"demos-{name}-{seed}")
    demos = _recorded(task, by, count, seed, steps, load_library(experts), experts)
    for path, demo in zip(save_demonstrations(demos, folder), demos, strict=True):
        earned = "not simulated" if demo.source.startswith(KINEMATIC) else \
            f"return {demo.task_return:7.1f}  success {'yes' if demo.success else 'no '}"
        print(f"{path.name}  {earned}  {len(demo):4d} steps  {_shares(demo)}")
    print(f"labels: {demos[0].source}\ndemonstrations: {folder}")


def label(folder: DemoFolder, by: Labeller | None = None, out: Path | None = None,
          experts: Path | None = None, model: SegmentModel = SegmentModel()) -> None:
    """Say for every step of recorded demonstrations which expert was at work, or compare.

    Without --by nothing is written: a table shows at how many steps the file's own labels, those
    by action error and those by state rules name the same expert.

    Args:
        folder: folder of demonstrations, as `mwx demos record` writes it.
        by: action (whose action was nearest to what was done), rules (thresholds on the state) or
            vlm (a model reads key frames, see the model options).
        out: folder for the labelled demonstrations; <folder>-<by> unless told.
        experts: folder of experts that the labels refer to; the shipped ones unless told.
        model: of --by vlm.
    """
    from mwx.experts import load_library
    from mwx.router.demos import agreement, restated
    from mwx.router.recording import load_demonstrations, new_folder, save_demonstrations
    if by is None:
        if out is not None:
            raise MwxError("--out needs --by action, rules or vlm: without it nothing is written")
        _compare(load_demonstrations(folder), load_library(experts))
        return
    target = new_folder(out or folder.with_name(f"{folder.name}-{by}"))
    demos = load_demonstrations(folder)
    library = load_library(experts)
    labeller = _labeller(by, library, model)
    fresh = [labeller(demo) for demo in demos]
    own = [restated(demo, tuple(library.names)) for demo in demos]
    same = [agreement(*pair) for pair in zip(own, fresh, strict=True)]
    paths = save_demonstrations(fresh, target)
    for path, demo, share in zip(paths, fresh, same, strict=True):
        print(f"{path.name}  agrees with the file's labels at {share:4.0%} of {len(demo)} steps  "
              f"{_shares(demo)}")
    whole = np.average(same, weights=[len(demo) for demo in fresh])
    print(f"agreement with the file's labels ({_sources(demos)}): {whole:.1%} of all steps")
    print(f"labels: {_sources(fresh)}\ndemonstrations: {target}")


def _recorded(task: str, by: str, count: int, seed: int, steps: int | None,
              library: "ExpertLibrary", experts: Path | None) -> "list[Demonstration]":
    from mwx.router import script_for, scripted_demonstrations, single_expert, uniform_mix
    from mwx.router.demos import policy_demonstrations
    names = tuple(library.names)
    if by.endswith(".npz"):
        from mwx.motion import Reference
        from mwx.router.recording import clip_demonstrations
        from mwx.sim import make
        return clip_demonstrations(make(task, 1, seed), library, Reference.load(by), count, seed,
                                   steps)
    if by == SCRIPT:
        env = _env(task, library.act_dim, count, seed)
        script = script_for(env.task.name, names)
        return scripted_demonstrations(env, library, script, count, seed, steps)
    if by == UNIFORM or by in names:
        policy = uniform_mix(library) if by == UNIFORM else single_expert(library, by)
        source = "uniform mix" if by == UNIFORM else f"expert {by}"
    else:
        policy, source = _composite(by, names, experts), f"router {Path(by).name}"
        names = policy.router.experts
    env = _env(task, policy.act_dim, count, seed)
    return policy_demonstrations(env, policy, names, count, seed, steps, source)


def _env(task: str, act_dim: int, count: int, seed: int) -> "TaskEnv":
    from mwx.sim import make_for
    return make_for(act_dim, task, min(count, BATCH), seed)


def _composite(by: str, names: Sequence[str], experts: Path | None
               ) -> "CompositePolicy":
    from mwx.evaluation.policies import load_policy
    from mwx.router import CompositePolicy
    known = (SCRIPT, UNIFORM, *names)
    if not Path(by).exists():
        raise MwxError(f"nobody called '{by}' can demonstrate: {nearest(by, known)}known: "
                       f"{', '.join(known)}; or the folder of a router, or a reference .npz")
    policy = load_policy(by, experts)
    if not isinstance(policy, CompositePolicy):
        raise MwxError(f"{by} holds no router, so nobody knows which expert acts: give the folder "
                       f"of a router, or one of {', '.join(known)}")
    return policy


def _labeller(by: Labeller, library: "ExpertLibrary", model: SegmentModel
              ) -> "Callable[[Demonstration], Demonstration]":
    from mwx.router import relabel
    if by == "action":
        return lambda demo: relabel(demo, library)
    if by == "rules":
        from mwx.router.state_rules import label_by_rules
        return lambda demo: label_by_rules(demo, tuple(library.names))
    return _model_labeller(model, library.descriptions)


def _model_labeller(model: SegmentModel, experts: Mapping[str, str]
                    ) -> "Callable[[Demonstration], Demonstration]":
    from mwx.router import AnswerCache, VlmConfig
    from mwx.router.segments import VlmSegments
    from mwx.sim.tasks import get
    if not model.name:
        raise MwxError("--by vlm needs a model: --model.name NAME, and --model.base-url URL where "
                       "it is not OpenAI's; action and rules need none")
    config = VlmConfig(model.name, model.base_url, model.key_variable, samples=1)
    asked = VlmSegments(config, AnswerCache())

    def label_one(demo: "Demonstration") -> "Demonstration":
        image = None
        if model.look:
            from mwx.router.frame_sheet import frame_sheet
            from mwx.router.key_frames import key_frames
            image = frame_sheet(demo, key_frames(demo))
        return asked.label(demo, get(demo.task).text, experts, image)
    return label_one


def _compare(demos: "Sequence[Demonstration]", library: "ExpertLibrary") -> None:
    """Print at which share of all steps each two offline labellings name the same expert."""
    from mwx.router.demos import agreement, restated
    names = tuple(library.names)
    model = SegmentModel()
    labellings = {"file": [restated(demo, names) for demo in demos]}
    labellings |= {by: [_labeller(by, library, model)(demo) for demo in demos]
                   for by in ("action", "rules")}
    lengths = [len(demo) for demo in demos]
    print(f"agreement over {sum(lengths)} steps of {len(demos)} demonstrations; file: "
          f"{_sources(demos)}\n{'':8}" + "".join(f"{name:>9}" for name in labellings))
    for name, ones in labellings.items():
        cells = [np.average([agreement(*pair) for pair in zip(ones, others, strict=True)],
                            weights=lengths) for others in labellings.values()]
        print(f"{name:8}" + "".join(f"{cell:9.1%}" for cell in cells))
    leaders = np.concatenate([demo.expert[demo.led] for demo in labellings["file"]])
    if len(leaders):
        most = np.bincount(leaders, minlength=len(names))
        print(f"{names[int(most.argmax())]} at every step would agree with the file's labels at "
              f"{most.max() / sum(lengths):.1%}; mean shares:")
    for name, ones in labellings.items():
        total = np.average([d.labels.mean((0, 1)) for d in ones], axis=0, weights=lengths)
        print(f"{name:8} {_named(dict(zip(names, total.tolist(), strict=True)))}")


def _shares(demo: "Demonstration") -> str:
    return _named(demo.shares)


def _named(shares: Mapping[str, float]) -> str:
    """Return the experts that have a share worth a word, largest first."""
    used = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in used if share >= 0.005)


def _sources(demos: "Sequence[Demonstration]") -> str:
    return ", ".join(dict.fromkeys(demo.source for demo in demos))

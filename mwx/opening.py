"""Begin, resume or refuse a run: the one way into a run directory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mwx import config as configs
from mwx.errors import MwxError
from mwx.interrupts import Interrupted
from mwx.runs import Run, read_json, write_json

LOGS = ("metrics.jsonl", "tensorboard", "weights", "replay", "checkpoints")
PARTS = ("config.json", "provenance.json", "reference.npz", "references",
         "references.json", "mixture", "teacher", "teacher.safetensors", "start.json", "router",
         "expert", "agent", "adapted", "imitator")
KEEP = ("teacher.safetensors", "router/provenance.json", "expert/card.json", "agent/card.json",
        "adapted/card.json", "imitator/card.json")  # worth keeping, beside checkpoints
OTHERS = ("train.log", "attempts.jsonl")  # of whoever starts trainings
STEPS = {"agent.loop.steps", "ppo.steps"}
# of a config: what may change when a run goes on
FREE = {"threads", "checkpoint_s", "agent.loop.checkpoint_minutes", *STEPS}
MARKS = {"expert": "skill", "adaptation": "mixing", "alone": "mixing", "agent": "obs_dim",
         "imitator": "regulator", "router": "improve", "teacher": "gae_lambda"}
C = TypeVar("C")


@dataclass(frozen=True)
class Options:
    """What a verb was asked for: what a run is begun with, and a later call may not contradict.

    Attributes:
        given: option by name, as it was typed; None where it was not.
        defaults: what holds for those that were not.
    """

    given: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        value = self.given.get(name)
        return self.defaults.get(name) if value is None else value

    def resolved(self) -> dict[str, Any]:
        """Return every option as it holds, as plain JSON values."""
        return {name: _plain(self[name]) for name in self.given if name not in FREE}


def _plain(value: Any) -> Any:
    return str(value.absolute()) if isinstance(value, Path) else value


def open_run(path: str | Path, kind: str, config: C, resume: bool = False,
             options: Options | None = None, seed: int | None = None, again: bool = False,
             tensorboard: bool = True) -> tuple[C, Run]:
    """Begin a run, resume it, or refuse: the one way into a run directory.

    A start that was cut short before there was anything to keep is begun anew either way.

    Args:
        path: the run directory.
        kind: of run; a folder holds one kind.
        config: a frozen dataclass, or a mapping for a run that cannot be resumed.
        resume: go on with the run that is there, with its own config. What may differ is in FREE.
        options: of the verb. Those that were given are compared with the run's; without them, in
            a call from Python, the whole config is.
        seed: for the provenance; the config's unless told.
        again: a finished run of this kind is written over.

    Returns:
        The config that holds, the run's own where it is resumed, and the run.

    Raises:
        MwxError: a run of another kind or other files are there; there is a run and it is not to
            be resumed, or none that could be; an option or config that contradicts the run.
    """
    run = Run(Path(path), tensorboard)
    there = (run.path / "config.json").exists()
    _check_kind(run.path, kind, there)
    if resume and not run.path.is_dir():
        raise MwxError(f"{path}: no run to resume; leave --resume out to begin one")
    if resume and there:
        kept = configs.load(type(config), run.path / "config.json")
        config = _agreed(run.path, kept, config, options)
        if not run.resumable:
            run.clear(*LOGS)
        if config != kept:
            write_json(run.path / "config.json", configs.to_dict(config))
        return config, run
    if not again:
        check_new(run.path, kind)
    if run.path.exists():
        run.clear(*LOGS, *(() if again else PARTS))
    values = dict(config) if isinstance(config, Mapping) else configs.to_dict(config)
    asked = {n: v for n, v in (options.resolved() if options else {}).items()
             if v is not None or n not in values}  # the config knows what is not told here
    seed = values.get("seed") if seed is None else seed
    return config, Run.create(run.path, values, seed, tensorboard, kind=kind, asked=asked)


@contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """Tell whoever interrupts a run what there is to resume; close its log in any case."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(_outlook(run.path)) from None
    finally:
        run.close()


def _outlook(path: Path) -> str:
    steps, taught = (Run(place).checkpoints() for place in (path, path / "teacher"))
    if steps or taught:
        kept = f"step {steps[-1]:,}" if steps else f"the teacher's step {taught[-1]:,}"
        return (f"interrupted; {path} is kept up to {kept}: the same command with --resume goes on "
                f"from there")
    return (f"interrupted before there was anything to keep, nothing to resume in {path}: the same "
            f"command begins again")


def check_new(path: Path, kind: str) -> None:
    """Raise MwxError where no run of a kind can be begun, before anything is done for it."""
    _check_kind(path, kind, (path / "config.json").exists())
    if any(Run(folder).resumable for folder in (path, path / "teacher")) or \
            any((path / name).exists() for name in KEEP):
        way = "" if kind == "router" else "give --resume to continue it, or "
        raise MwxError(f"{path} holds a run already: {way}choose another --out")
    _check_own(path)


def check_collection(path: Path, record: str) -> None:
    """Raise MwxError where a folder of many runs cannot be: a run is there, or another collection.

    Args:
        record: the file that tells this collection.
    """
    others = {"config.json", "ablation.json", "results.json", "manifest.jsonl"} - {record}
    found = [name for name in sorted(others) if (path / name).exists()]
    if found:
        raise MwxError(f"{path} holds something else ({found[0]}): choose another --out")


def _check_kind(path: Path, kind: str, there: bool) -> None:
    """Raise MwxError where a folder holds a run of another kind, or other things."""
    if path.exists() and not path.is_dir():
        raise MwxError(f"{path} is a file: a run wants a folder of its own, choose another --out")
    if there:
        config = read_json(path / "config.json")
        origin = path / "provenance.json"
        told = (read_json(origin) if origin.exists() else {}).get("kind") or config.get("kind")
        fits = told == kind if told else MARKS.get(kind) in config
        if not fits:
            told = told or next((k for k, mark in MARKS.items() if mark in config), "another")
            raise MwxError(f"{path} holds a run of another kind ({told}, not {kind}): choose "
                           f"another --out")
    else:
        _check_own(path)


def _check_own(path: Path) -> None:
    """Raise MwxError where a folder holds what no start of a run has written."""
    own = {*LOGS, *PARTS, *OTHERS}
    foreign = sorted(p.name for p in path.iterdir() if p.name not in own and p.name[0] != ".") \
        if path.exists() else []
    if foreign:
        raise MwxError(f"{path} holds other files ({', '.join(foreign[:3])}"
                       f"{', ...' if len(foreign) > 3 else ''}): a run wants a folder of its own, "
                       f"choose another --out")


def _agreed(path: Path, kept: C, config: C, options: Options | None) -> C:
    """Return the config with which a run goes on.

    Raises:
        MwxError: what is asked for contradicts the run.
    """
    there, here = flat(configs.to_dict(kept)), flat(configs.to_dict(config))
    if options is None:
        names = [name for name in here if name not in FREE]
        free = [name for name in here if name in FREE]
    else:
        origin = path / "provenance.json"
        asked = (read_json(origin) if origin.exists() else {}).get("asked") or {}
        given = {name: _plain(v) for name, v in options.given.items() if v is not None}
        free = [name for name in given if name in FREE]
        known = all(name in asked or name in there for name in given)
        # runs of older versions did not keep their options: their config tells
        names = [n for n in (given if known else here) if n not in FREE]
        there, here = there | asked, here | given if known else here
    apart = [f"{name} {there.get(name)}, not {here[name]}" for name in names
             if there.get(name) != here[name]]
    if apart:
        raise MwxError(f"{path} was begun with {'; '.join(apart[:4])}"
                       f"{'; ...' if len(apart) > 4 else ''}: leave that out to resume it as it "
                       f"was begun, or choose another --out for a new run")
    values = {name: here[name] for name in free if here[name] != flat(configs.to_dict(kept))[name]}
    for name in values.keys() & STEPS:  # what is behind already is not undone
        values[name] = max([values[name], *Run(path).checkpoints()])
    return _changed(kept, values)


def _changed(config: C, values: Mapping[str, Any]) -> C:
    """Return a config with other values of some dotted fields."""
    fields = configs.to_dict(config)
    for name, value in values.items():
        *groups, last = name.split(".")
        inner = fields
        for group in groups:
            inner = inner[group]
        inner[last] = value
    return configs.from_dict(type(config), fields)


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested fields by their dotted names."""
    named: dict[str, Any] = {}
    for name, value in values.items():
        named |= flat(value, f"{before}{name}.") if isinstance(value, dict) else \
            {before + name: value}
    return named

"""Which runs stand behind a table: run directories and expert folders, read and grouped by seed."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.evaluation.statistics import ALIGNMENT_RETURN, TASK_RETURN, Curve, curve_from
from mwx.runs import read_metrics
from mwx.untrusted import read_object, understood

EXPERT, ALONE, WITHOUT = "mwx expert", "mwx world model alone", "mwx expert without imitation"
RETURNS = {"task return": TASK_RETURN, "alignment return": ALIGNMENT_RETURN}
DEPTH = 2  # how far below a given folder runs are looked for
ABOUT_THE_RUN = ("seed", "threads")  # fields of a config that may differ between seeds of one group


@dataclass(frozen=True)
class Source:
    """One training run, or the expert that it left.

    Attributes:
        folder: where it lies.
        method: EXPERT, WITHOUT (imitation switched off) or ALONE.
        recipe: as its command named it.
        column: the skill, or the task where a skill has several.
        seed: of the run.
        digest: of its configuration without the seed.
        curves: of RETURNS; empty where nothing was logged.
        card: empty where there is none.
        weights: folder that acts, None where the run left nothing.
    """

    folder: Path
    method: str
    recipe: str
    column: str
    seed: int
    digest: str
    curves: Mapping[str, Curve] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None

    @property
    def label(self) -> str:
        """Method and recipe: the row of a table."""
        return f"{self.method}, recipe {self.recipe}"

    @property
    def measured(self) -> Mapping[str, Any]:
        """What `mwx card` measured; empty where it has not been run."""
        return self.card.get("measured", {})


@dataclass(frozen=True)
class Group:
    """The seeds of one configuration on one column; `label` is the row it stands in."""

    label: str
    column: str
    sources: tuple[Source, ...]

    def curves(self, name: str) -> list[Curve]:
        """Return the curves of the seeds that logged one."""
        return [s.curves[name] for s in self.sources if name in s.curves]


def read_sources(folders: Iterable[str | Path]) -> list[Source]:
    """Read run directories and expert folders, given themselves or by the folder they lie in.

    A run and a copy of its expert count once: equal curves of one seed are one run, and what the
    copy's card has beyond the run's is kept.

    Raises:
        MwxError: a folder holds no run.
    """
    found: list[Source] = []
    for given in map(Path, folders):
        here = [s for path in _runs_in(given, DEPTH) if (s := read_source(path)) is not None]
        if not here:
            raise MwxError(f"{given}: no run of an expert or agent there; give folders such as "
                           f"runs/walk-cpu-0 or pretrained/walk, or a folder of them")
        for source in here:
            twin = next((i for i, s in enumerate(found) if _same_run(s, source)), None)
            if twin is None:
                found.append(source)
            else:
                found[twin] = _merged(found[twin], source)
    return found


def read_source(folder: Path) -> Source | None:
    """Return what a folder holds, None where it is a run of another kind (a router, the demo)."""
    name = "config.json" if (folder / "config.json").is_file() else "agent.json"
    config = read_object(folder / name)
    if "skill" not in config and "obs_dim" not in config:
        return None
    with understood(folder):
        return _source(folder, config)


def _source(folder: Path, config: Mapping[str, Any]) -> Source:
    inner = next((p for p in (folder / "expert", folder / "agent", folder)
                  if (p / "weights.safetensors").is_file()
                  and ((p / "agent.json").is_file() or (p / "reference.npz").is_file())), None)
    card = read_object(inner / "card.json") if inner and (inner / "card.json").is_file() else {}
    rows = read_metrics(folder / "metrics.jsonl")
    curves = {n: c for n, key in RETURNS.items() if (c := curve_from(rows, key)) is not None}
    shown = {k: v for k, v in config.items() if k not in ABOUT_THE_RUN}
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:8]
    return Source(folder, method_of(config), _recipe(folder, card, config), _column(config),
                  int(config.get("seed", 0)), digest, curves, card, inner)


def grouped(sources: Iterable[Source]) -> list[Group]:
    """Return the sources grouped by method, recipe, configuration and column.

    A seed stands in a group once; another run of the same seed and configuration opens a group of
    its own, as does another configuration under the same recipe's name. Such further groups are
    numbered in the order given, so that every run has its row and none is averaged with another
    kind.
    """
    buckets: dict[tuple[str, str, str], list[list[Source]]] = {}
    for source in sources:
        variants = buckets.setdefault((source.label, source.column, source.digest), [])
        place = next((v for v in variants if all(s.seed != source.seed for s in v)), None)
        if place is None:
            variants.append([source])
        else:
            place.append(source)
    groups, taken = [], {}
    for (label, column, _), variants in buckets.items():
        for variant in variants:
            number = taken[label, column] = taken.get((label, column), 0) + 1
            name = label if number == 1 else f"{label} ({number})"
            groups.append(Group(name, column, tuple(sorted(variant, key=lambda s: s.seed))))
    return groups


def method_of(config: Mapping[str, Any]) -> str:
    """Return EXPERT, ALONE (an agent on a task) or WITHOUT (no alignment reward)."""
    if "skill" not in config:
        return ALONE
    weight = config.get("tracking", {}).get("alignment", {}).get("weight", 1.0)
    return WITHOUT if weight == 0 else EXPERT


def _column(config: Mapping[str, Any]) -> str:
    task = config["task"].removeprefix("h1-")
    return "sit" if task == "sit_simple" else task


def _recipe(folder: Path, card: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    path = folder / "provenance.json"
    command = str((read_object(path) if path.is_file() else card).get("command", ""))
    named = re.search(r"--recipe[ =](\S+)", command)
    if named:
        return named[1]
    return "cpu" if "skill" in config else "tdmpc2"  # what the verbs take where nothing is said


def _runs_in(folder: Path, depth: int) -> list[Path]:
    """Return the runs at or below a folder; nothing is looked for inside a run."""
    if any((folder / name).is_file() for name in ("config.json", "agent.json")):
        return [folder]
    if depth == 0 or not folder.is_dir():
        return []
    inner = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    return [path for p in inner for path in _runs_in(p, depth - 1)]


def _same_run(a: Source, b: Source) -> bool:
    """A copy's configuration may have been written anew, but nobody measures the same twice."""
    if a.folder.resolve() == b.folder.resolve():
        return True
    if (a.seed, a.column, a.method) != (b.seed, b.column, b.method):
        return False
    one, other = (s.curves.get("task return") for s in (a, b))
    return one is not None and other is not None and len(one.steps) == len(other.steps) and \
        bool((one.steps == other.steps).all() and (one.values == other.values).all())


def _merged(a: Source, b: Source) -> Source:
    """Keep the first's place, and the card and weights of the one that was measured."""
    best = b if b.measured and not a.measured else a
    other = a if best is b else b
    return replace(a, card=best.card or other.card, weights=best.weights or other.weights)

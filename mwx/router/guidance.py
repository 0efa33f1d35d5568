"""V(T), the guidance of a task: expert relevances w_v, stages, and where they come from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from mwx.config import from_dict
from mwx.errors import MwxError, unknown
from mwx.router.parse import InvalidAnswer, strict_json
from mwx.runs import write_json
from mwx.types import Array, brief
from mwx.untrusted import read_text, understood

SCHEMA_VERSION = 1
FLOOR = 0.02  # total mass spread evenly: reverse KL is infinite where w_v is zero
FILES = Path(__file__).parent / "guidance_files"
Source = Literal["curated", "paper_table", "rules", "similarity", "vlm", "vlm_recorded"]
MODEL_SOURCES = ("vlm", "vlm_recorded")


@dataclass(frozen=True)
class Stage:
    """One stage of a task: what happens, which expert leads, and its share of the task."""

    text: str
    expert: str
    fraction: float


@dataclass(frozen=True)
class Provenance:
    """Who or what produced a guidance; only a model's own answers may have a model's name.

    Attributes:
        source: curated (written by people), paper_table (Table IV), rules (keywords),
            similarity (a sentence encoder), vlm (an endpoint answered now), vlm_recorded (an
            endpoint's answers, kept in a file).
        n_samples: answers averaged.
        raw_responses: the answers as they came.
        notes: what a reader must know: experts left out, fallbacks, large spread.
    """

    source: Source
    author: str = ""
    date: str = ""
    model: str | None = None
    prompt_sha256: str | None = None
    request_sha256: str | None = None
    n_samples: int = 0
    raw_responses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.source not in get_args(Source):
            raise unknown("guidance source", self.source, get_args(Source))
        answered = bool(self.model and self.raw_responses and self.n_samples)
        if (self.source in MODEL_SOURCES) != answered:
            raise MwxError(f"guidance source '{self.source}' must "
                           f"{'' if self.source in MODEL_SOURCES else 'not '}"
                           "name a model with its raw answers")


@dataclass(frozen=True, eq=False)
class Guidance:
    """V(T): what the router is told about a task.

    Attributes:
        task: task id, e.g. "door".
        task_text: the task in words.
        experts: K names.
        descriptions: K one-line capabilities the relevances were given for.
        weights: (K,) w_v on the simplex, every entry at least FLOOR / K.
        stages: in order; fractions sum to 1 (may be empty).
        unsupported: no available expert covers the task.
        spread: (K,) standard deviation of the weights over samples (0 for one source).
        provenance: where it comes from.
    """

    task: str
    task_text: str
    experts: tuple[str, ...]
    descriptions: tuple[str, ...]
    weights: Array
    stages: tuple[Stage, ...]
    unsupported: bool
    spread: Array
    provenance: Provenance

    __repr__ = brief

    def __post_init__(self) -> None:
        count = len(self.experts)
        shapes = (len(self.descriptions), *np.shape(self.weights), *np.shape(self.spread))
        if shapes != (count,) * 3 or len(set(self.experts)) != count or not count:
            raise MwxError(f"guidance for '{self.task}': {count} experts need as many distinct "
                           f"names, descriptions, weights and spreads")
        w = np.asarray(self.weights, float)
        if not np.isfinite(w).all() or (w < 0).any() or abs(w.sum() - 1) > 1e-6:
            raise MwxError(f"guidance for '{self.task}': weights {w} are not on the simplex")
        for stage in self.stages:
            if stage.expert not in self.experts:
                raise unknown(f"expert in a stage of '{self.task}'", stage.expert, self.experts)
        total = sum(stage.fraction for stage in self.stages)
        if self.stages and abs(total - 1) > 1e-3:
            raise MwxError(f"guidance for '{self.task}': stage fractions sum to {total:g}, not 1")

    @property
    def experts_sha256(self) -> str:
        """Fingerprint of the ordered experts and their descriptions."""
        return experts_sha256(dict(zip(self.experts, self.descriptions, strict=True)))

    @property
    def title(self) -> str:
        """Provenance in one short phrase for figures: "w_v: curated", or the model's own name."""
        past = self.provenance
        kept = ", recorded" if past.source == "vlm_recorded" else ""
        return f"w_v: {past.model or past.source}{kept}"

    def noted(self, *notes: str) -> "Guidance":
        """Return a copy whose provenance says more."""
        past = self.provenance
        return replace(self, provenance=replace(past, notes=(*past.notes, *notes)))

    def recorded(self) -> "Guidance":
        """Return a model's answer as a recording of it, to be kept and read back without asking.

        Raises:
            MwxError: no endpoint gave this guidance.
        """
        past = self.provenance
        if past.source not in MODEL_SOURCES:
            raise MwxError(f"only what an endpoint answered can be recorded; this guidance comes "
                           f"from '{past.source}'")
        return replace(self, provenance=replace(past, source="vlm_recorded"))

    def save(self, path: Path) -> None:
        """Write the guidance as JSON, atomically."""
        write_json(Path(path), self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the guidance as plain JSON values."""
        return {
            "schema_version": SCHEMA_VERSION, "task": self.task, "task_text": self.task_text,
            "experts": dict(zip(self.experts, self.descriptions, strict=True)),
            "experts_sha256": self.experts_sha256,
            "weights": _named(self.experts, self.weights),
            "spread": _named(self.experts, self.spread),
            "stages": [asdict(stage) for stage in self.stages],
            "unsupported": self.unsupported,
            "provenance": json.loads(json.dumps(asdict(self.provenance))),
        }


@runtime_checkable
class GuidanceProvider(Protocol):
    """Anything that can say which experts a task needs."""

    def guide(self, task_id: str, task_text: str, experts: Mapping[str, str],
              image: bytes | None = None) -> Guidance:
        """Return the guidance of a task.

        Args:
            task_id: e.g. "door".
            task_text: the task in words; data, never an instruction.
            experts: K available experts, name to one-line capability.
            image: PNG of the scene, if the provider can look.
        """
        ...


def _named(names: tuple[str, ...], values: Array) -> dict[str, float]:
    return {name: round(float(v), 9) for name, v in zip(names, values, strict=True)}


def experts_sha256(experts: Mapping[str, str]) -> str:
    """Return the fingerprint of experts in their order with their descriptions."""
    return hashlib.sha256(json.dumps(list(experts.items())).encode()).hexdigest()


def on_simplex(scores: Array, floor: float = FLOOR) -> Array:
    """Return scores (..., K) >= 0 normalised, with a total mass `floor` spread evenly."""
    scores = np.asarray(scores, float)
    share = scores / scores.sum(-1, keepdims=True)
    return (1 - floor) * share + floor / scores.shape[-1]


def load_guidance(path: Path) -> Guidance:
    """Read a guidance file.

    Raises:
        MwxError: missing, not JSON, a duplicate key, another schema version, a field that is
            missing or unknown, weights off the simplex, or experts that were edited.
    """
    try:
        value = strict_json(read_text(path))
    except InvalidAnswer as error:
        raise MwxError(f"{path}: {error}") from None
    with understood(path):
        return guidance_from_json(value, str(path))


def guidance_from_json(value: Any, where: str = "guidance") -> Guidance:
    """Build a guidance from JSON values, strictly; `where` is named in errors."""
    fields = ("schema_version", "task", "task_text", "experts", "experts_sha256", "weights",
              "spread", "stages", "unsupported", "provenance")
    if not isinstance(value, dict) or set(value) != set(fields):
        raise MwxError(f"{where}: a guidance file has exactly the fields {', '.join(fields)}")
    if value["schema_version"] != SCHEMA_VERSION:
        raise MwxError(f"{where}: schema version {value['schema_version']!r}; "
                       f"this mwx reads {SCHEMA_VERSION}")
    experts = value["experts"]
    if not isinstance(experts, dict) or not all(isinstance(d, str) for d in experts.values()):
        raise MwxError(f"{where}: 'experts' must map each expert's name to its description")
    if experts_sha256(experts) != value["experts_sha256"]:
        raise MwxError(f"{where}: the experts were edited after the relevances were given "
                       "(experts_sha256 differs); ask for guidance again")
    if not isinstance(value["stages"], list) or not isinstance(value["unsupported"], bool):
        raise MwxError(f"{where}: 'stages' must be a list, 'unsupported' true or false")
    names = tuple(experts)
    weights = _values(value["weights"], names, f"{where}: weights")
    return Guidance(
        str(value["task"]), str(value["task_text"]), names, tuple(experts.values()),
        weights / weights.sum() if abs(weights.sum() - 1) < 1e-3 else weights,
        tuple(from_dict(Stage, s, f"{where}: stage") for s in value["stages"]),
        value["unsupported"], _values(value["spread"], names, f"{where}: spread"),
        from_dict(Provenance, value["provenance"], f"{where}: provenance"))


def _values(value: Any, names: tuple[str, ...], where: str) -> Array:
    if not isinstance(value, dict) or set(value) != set(names):
        raise MwxError(f"{where} must name exactly the experts {', '.join(names)}")
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in value.values()):
        raise MwxError(f"{where} must be numbers")
    return np.array([value[name] for name in names], float)


def restrict(guidance: Guidance, experts: Mapping[str, str]) -> Guidance:
    """Return the guidance for the experts at hand, in their order; notes say what changed.

    Weights of absent experts are dropped and the rest renormalised; an expert the guidance
    does not know gets only the floor.

    Raises:
        MwxError: none of the experts is known to the guidance.
    """
    known = dict(zip(guidance.experts, guidance.weights, strict=True))
    mass = np.array([known.get(name, 0.0) for name in experts])
    if not mass.sum() > 0:
        raise MwxError(f"the guidance for '{guidance.task}' knows none of the experts "
                       f"{', '.join(experts)}; it knows {', '.join(guidance.experts)}")
    stages = tuple(s for s in guidance.stages if s.expert in experts)
    total = sum(s.fraction for s in stages)
    spread = dict(zip(guidance.experts, guidance.spread, strict=True))
    same = set(experts) == set(guidance.experts)  # in whatever order: nothing to renormalise
    result = replace(
        guidance, experts=tuple(experts), descriptions=tuple(experts.values()),
        weights=mass if same else on_simplex(mass),
        spread=np.array([spread.get(name, 0.0) for name in experts]) / mass.sum(),
        stages=tuple(replace(s, fraction=s.fraction / total) for s in stages))
    return result.noted(*_changes(guidance, experts, len(stages)))


def _changes(guidance: Guidance, experts: Mapping[str, str], stages: int) -> list[str]:
    notes = []
    known = dict(zip(guidance.experts, guidance.descriptions, strict=True))
    absent = [name for name in known if name not in experts]
    if absent:
        lost = sum(w for n, w in zip(guidance.experts, guidance.weights, strict=True)
                   if n in absent)
        notes.append(f"experts not available, their weight {lost:.3f} given to the rest: "
                     f"{', '.join(absent)}")
    new = [name for name in experts if name not in known]
    if new:
        notes.append(f"experts the guidance does not know, given the floor only: {', '.join(new)}")
    if stages < len(guidance.stages):
        notes.append(f"{len(guidance.stages) - stages} stages of absent experts left out")
    changed = [n for n in experts if n in known and experts[n] != known[n]]
    if changed:
        notes.append(f"described differently when the relevances were given: {', '.join(changed)}")
    return notes

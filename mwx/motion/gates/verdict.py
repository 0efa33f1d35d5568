"""Verdict: what one gate says about one reference, with every number behind it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mwx.config import to_dict
from mwx.errors import MwxError

KEPT, REJECTED, OPEN = "kept", "rejected", "not judged"


@dataclass(frozen=True)
class Verdict:
    """One gate's word on one reference.

    Attributes:
        name: the gate.
        passed: True or False; None where the gate could not judge, which is no pass.
        score: 0 to 1, 1 is best; 0 where not judged.
        reason: what was measured, the limit and the frame; or why it was not judged.
        scores: every number measured, by name; limits: the gate's whole configuration.
        version: of the gate's definition; a verdict of another version is out of date.
    """

    name: str
    passed: bool | None
    score: float
    reason: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    version: int = 1

    @property
    def word(self) -> str:
        """"kept", "rejected" or "not judged"."""
        return OPEN if self.passed is None else KEPT if self.passed else REJECTED

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**dataclasses.asdict(self), "scores": dict(self.scores),
                "limits": dict(self.limits)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Verdict":
        """Build a verdict from what `to_dict` gave.

        Raises:
            MwxError: a field is missing or unknown.
        """
        try:
            return Verdict(**values)
        except TypeError as error:
            raise MwxError(f"verdict: {error}") from None


@dataclass(frozen=True)
class Check:
    """One measured quantity against its upper bound.

    Attributes:
        name: of the quantity; value: measured; limit: the largest value that passes.
        unit: of both; frame: the worst frame, None where the value belongs to no one frame.
        said: what the name means in a sentence, e.g. "a joint beyond its limit".
    """

    name: str
    value: float
    limit: float
    unit: str
    said: str
    frame: int | None = None

    @property
    def passed(self) -> bool:
        """The value is within its bound."""
        return self.value <= self.limit + 1e-9

    @property
    def score(self) -> float:
        """1 inside the bound, else bound over value."""
        return 1.0 if self.passed else self.limit / self.value

    def sentence(self) -> str:
        """Return what was measured, the limit and the frame."""
        place = "" if self.frame is None else f" in frame {self.frame}"
        return f"{self.said}: {self.value:.3g} {self.unit}{place}, limit {self.limit:g}"


def decide(name: str, checks: Sequence[Check], config: Any, version: int = 1) -> Verdict:
    """Return the verdict of several checks: passed if all pass, the score of the worst one.

    Args:
        name: the gate; checks: what it measured; version: of its definition.
        config: frozen dataclass with its bounds.
    """
    broken = [check for check in checks if not check.passed]
    broken.sort(key=lambda check: check.score)
    return Verdict(
        name, not broken, min((check.score for check in checks), default=1.0),
        "; ".join(check.sentence() for check in broken),
        {check.name: round(float(check.value), 6) for check in checks},
        to_dict(config), version)


def not_judged(name: str, reason: str, version: int = 1) -> Verdict:
    """Return the verdict of a gate that had no way to judge."""
    return Verdict(name, None, 0.0, reason, version=version)

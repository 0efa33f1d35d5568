"""Every number that a verb takes has a range, and a number outside ends it before it begins."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from mwx.cli import VERBS, function, main
from mwx.config import Within
from mwx.errors import MwxError

POSITIONAL = {"task": "door", "skill": "stand", "policy": "nobody", "run": "nothing",
              "router": "nothing", "expert": "nobody", "folder": "nothing", "library": "nothing",
              "clip": "walk.bvh", "reference": "stand.npz", "motion": "stand"}
ALWAYS_BAD = {"seed": ("-1", str(2 ** 64)), "steps": ("0", "-5", str(10 ** 30))}


def numbers(hint: Any, option: str, ranges: tuple[Within, ...] = ()
            ) -> Iterator[tuple[str, type, tuple[Within, ...]]]:
    """Yield option, kind and ranges of every number in an annotation."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in (int, float):
        yield option, hint, ranges
    elif origin is Annotated:
        prefix = [m.name for m in args[1:] if getattr(m, "name", None) is not None]
        option = prefix[0] if prefix else option
        yield from numbers(args[0], option, tuple(m for m in args[1:] if isinstance(m, Within)))
    elif origin in (typing.Union, types.UnionType, tuple):
        for arg in args:
            yield from numbers(arg, option, ranges)
    elif dataclasses.is_dataclass(hint):
        for name, kind in typing.get_type_hints(hint, include_extras=True).items():
            yield from numbers(kind, f"{option}.{name}".strip("."), ranges)


OPTIONS = [(verb, *found) for verb in VERBS
           for name, hint in typing.get_type_hints(function(verb), include_extras=True).items()
           for found in numbers(hint, name)]


@pytest.mark.parametrize(("verb", "option", "kind", "ranges"), OPTIONS,
                         ids=[f"{v} {o}" for v, o, *_ in OPTIONS])
def test_a_number_outside_its_range_ends_a_verb_before_it_begins(
        verb: str, option: str, kind: type, ranges: tuple[Within, ...], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(ranges) == 1, f"{verb} --{option}: give it a range, see mwx.commands.words"
    monkeypatch.chdir(tmp_path)
    span = ranges[0]
    bad = [str(kind(span.low)) if span.above else str(kind(span.low) - 1),
           str(2 * kind(span.high) + 1), *ALWAYS_BAD.get(option, ())]
    bad += ["nan", "inf", "-inf"] if kind is float else []
    name = f"--{option.replace('_', '-')}"
    words = [POSITIONAL.get(p.name, "x.csv") for p in inspect.signature(function(verb)
                                                                        ).parameters.values()
             if p.default is inspect.Parameter.empty]
    for value in bad:
        assert main([*verb.split(), *words, f"{name}={value}"]) == 2, value
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and name in said.err, said
        assert list(tmp_path.iterdir()) == []


def test_the_table_reaches_every_kind_of_option() -> None:
    assert {("adapt", "teacher_steps"), ("fleet", "seeds"), ("guide", "model.samples"),
            ("motion retarget", "fps"), ("play", "port")} <= {(v, o) for v, o, *_ in OPTIONS}
    assert len(OPTIONS) > 60


def test_a_range_says_what_it_takes() -> None:
    Within(0, 1).check(0, "x")
    with pytest.raises(MwxError, match="x: expected a number above 0 and at most 1, got 0"):
        Within(0, 1, above=True).check(0, "x")
    for value in (float("nan"), float("inf"), 10 ** 400, -1):
        with pytest.raises(MwxError, match="x: expected a number from 0 to 1"):
            Within(0, 1).check(value, "x")

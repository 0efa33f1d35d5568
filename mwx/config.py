"""Frozen dataclass <-> JSON, strict, with errors that teach."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from mwx.errors import MwxError, nearest, short
from mwx.untrusted import read_json

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Within:
    """A range, as an annotation of a number: Annotated[int, Within(1, 100)].

    Attributes:
        low, high: both ends belong to it; above: `low` does not.
    """

    low: float
    high: float
    above: bool = False

    def check(self, value: float, where: str) -> None:
        """Raise a MwxError that names `where` if a number lies outside."""
        if not (self.low < value if self.above else self.low <= value) or not value <= self.high:
            least = "above" if self.above else "from"
            to = "and at most" if self.above else "to"
            raise MwxError(f"{where}: expected a number {least} {self.low:g} {to} {self.high:g}, "
                           f"got {short(value)}")


def check(hint: Any, value: Any, where: str) -> None:
    """Check a value against the ranges in its annotation, those of its parts too.

    Raises:
        MwxError: a number lies outside.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        flat = any(getattr(mark, "name", None) == "" for mark in args[1:])  # options of no group
        check(args[0], value, "-" if flat else where)
        for mark in args[1:]:
            if isinstance(mark, Within) and value is not None:
                mark.check(value, where)
    elif origin in (typing.Union, types.UnionType) and value is not None:
        for kind in args:
            check(kind, value, where)
    elif origin is tuple and value is not None:
        for item in value:
            check(args[0], item, where)
    elif dataclasses.is_dataclass(hint):
        for name, kind in typing.get_type_hints(hint, include_extras=True).items():
            check(kind, getattr(value, name),
                  f"{where}{'-' if where == '-' else '.'}{name.replace('_', '-')}")


LARGEST = 2 ** 63 - 1  # of whole numbers, the largest seed for one
WHOLE, FINITE = Within(0, LARGEST), Within(-1e30, 1e30)  # numbers that are not annotated
Size = Annotated[int, Within(1, 2 ** 14)]  # of a layer
Few = Annotated[int, Within(1, 64)]  # layers, members, repetitions
Threads = Annotated[int, Within(1, 1024)]
Seconds = Annotated[float, Within(0, 1e5)]
Share = Annotated[float, Within(0, 1)]


def to_dict(config: Any) -> dict[str, Any]:
    """Return a frozen dataclass as plain JSON values (tuples become lists)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(kind: type[T], values: Mapping[str, Any], where: str = "config") -> T:
    """Build a config from JSON values.

    Args:
        kind: the frozen dataclass.
        values: field name to value; missing fields keep their defaults.
        where: dotted place named in errors.

    Raises:
        MwxError: unknown field (the nearest one is named), wrong type, or a missing field.
    """
    if not isinstance(values, Mapping):
        raise MwxError(f"{where}: expected an object with fields, got {short(values)}")
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in fields:
            raise MwxError(f"{where}: unknown field '{name}': {nearest(name, fields)}"
                           f"known: {', '.join(fields)}")
    try:
        return kind(**{n: _convert(hints[n], v, f"{where}.{n}") for n, v in values.items()})
    except TypeError as error:
        raise MwxError(f"{where}: {error}") from None


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, where)  # pyright: ignore[reportArgumentType]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        value = _convert(args[0], value, where)
        for mark in args[1:]:
            if isinstance(mark, Within) and value is not None:
                mark.check(value, where)
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise MwxError(f"{where}: expected a list, got {short(value)}")
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
        if len(kinds) != len(value):
            raise MwxError(f"{where}: expected {len(kinds)} values, got {len(value)}")
        return tuple(_convert(k, v, f"{where}[{i}]") for i, (k, v) in
                     enumerate(zip(kinds, value, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise MwxError(f"{where}: expected an object with fields, got {short(value)}")
        return {str(k): _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if origin is typing.Literal:
        if value not in args:
            raise MwxError(f"{where}: {short(value)} is not one of "
                           f"{', '.join(map(str, args))}")
        return value
    if hint in (int, float) and isinstance(value, hint | int) and not isinstance(value, bool):
        (WHOLE if hint is int else FINITE).check(value, where)
        return hint(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or
                                   (hint is not bool and isinstance(value, bool))):
        raise MwxError(f"{where}: expected {hint.__name__}, got {short(value)}")
    return value


def load(kind: type[T], path: Path) -> T:
    """Read a config from a JSON file; errors name the file."""
    return from_dict(kind, read_json(path), str(path))

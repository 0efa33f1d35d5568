"""Frozen dataclass <-> JSON, strict, with errors that teach."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from mwx.errors import MwxError, nearest

T = TypeVar("T")


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
        raise MwxError(f"{where}: expected an object with fields, got {values!r}")
    hints = typing.get_type_hints(kind)
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
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise MwxError(f"{where}: expected a list, got {value!r}")
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
        return tuple(_convert(k, v, f"{where}[{i}]") for i, (k, v) in
                     enumerate(zip(kinds, value, strict=True)))
    if origin is typing.Literal:
        if value not in args:
            raise MwxError(f"{where}: '{value}' is not one of {', '.join(map(str, args))}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or
                                   (hint is not bool and isinstance(value, bool))):
        raise MwxError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def load(kind: type[T], path: Path) -> T:
    """Read a config from a JSON file; errors name the file."""
    try:
        return from_dict(kind, json.loads(Path(path).read_text()), str(path))
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise MwxError(f"{path}: not JSON ({error})") from None

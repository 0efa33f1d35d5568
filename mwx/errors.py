"""Errors that teach: what was asked, what exists, the nearest match, what to do."""

import difflib
from collections.abc import Iterable
from typing import Any


class MwxError(Exception):
    """A mistake in what was asked or given; the command line prints it without a traceback."""


class Unwritable(MwxError):
    """A place that takes no file; no other input would help."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint `did you mean 'x'? ` for the closest known name, or an empty string."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean '{match[0]}'? " if match else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> MwxError:
    """Build the error for a name that is not in a registry.

    Args:
        kind: what was looked up, e.g. "task".
        name: what was asked.
        known: the names that exist.
    """
    names = sorted(known)
    return MwxError(f"unknown {kind} '{name}': {nearest(name, names)}known: {', '.join(names)}")


def short(value: Any) -> str:
    """Return a value as it is quoted in an error: at most a line's worth of it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of too many digits, or nested too deeply
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def reason(error: BaseException) -> str:
    """Return the beginning of what an error says, or its kind where it says nothing."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"no {error}"[:200]
    return next(iter(str(error).splitlines()), "")[:200] or type(error).__name__

"""Errors that teach: what was asked, what exists, the nearest match, what to do."""

import difflib
from collections.abc import Iterable


class MwxError(Exception):
    """A mistake in what was asked or given; the command line prints it without a traceback."""


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

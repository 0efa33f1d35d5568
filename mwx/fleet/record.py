"""What a run directory says of its job. Nothing else is remembered between two calls."""

import json
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.runs import read_json

ATTEMPTS = "attempts.jsonl"  # a line when an attempt begins and one when it ends
LOG = "train.log"  # what the attempts printed


def card(path: Path) -> dict[str, Any] | None:
    """Return the card of a finished job; None before. It is written last, in one piece."""
    file = Path(path) / "expert" / "card.json"
    try:
        return read_json(file) if file.exists() else None
    except MwxError:
        return None


def begin(path: Path) -> bool:
    """Make a run directory ready for an attempt; return whether the attempt resumes."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    return (path / "config.json").exists()


def append(path: Path, **row: Any) -> None:
    """Add a line to the attempts of a run directory."""
    with open(Path(path) / ATTEMPTS, "a") as file:
        file.write(json.dumps(row) + "\n")


def attempts(path: Path) -> list[dict[str, Any]]:
    """Return the attempts so far, oldest first: number, where, pid, from_step, exit code, reason.

    An attempt whose machine was lost has no exit code.
    """
    try:
        lines = (Path(path) / ATTEMPTS).read_text().splitlines()
    except OSError:
        return []
    found: dict[int, dict[str, Any]] = {}
    for line in lines:
        try:
            row = json.loads(line)
            found.setdefault(row["attempt"], {}).update(row)
        except (json.JSONDecodeError, KeyError, TypeError):
            continue  # a line cut by a kill
    return [found[number] for number in sorted(found)]

"""The results file of a fleet: one object per job, made from the run directories."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.fleet import record
from mwx.fleet.jobs import Job
from mwx.runs import read_json, write_json

RESULTS = "results.json"
FROM_CARD = ("commit", "steps", "best_step", "wall_time_s", "machine", "scores", "returns")


def result(job: Job, status: str, reason: str, root: Path) -> dict[str, Any]:
    """Return what the results file says of one job."""
    attempts = record.attempts(job.path)
    card = record.card(job.path) if status == "finished" else None
    return {"name": job.name, "skill": job.skill, "recipe": job.recipe, "seed": job.seed,
            "path": str(job.path.relative_to(root)), "status": status, "reason": reason,
            "attempts": len(attempts),
            "history": [{k: a.get(k) for k in ("where", "host", "from_step", "exit", "reason")}
                        for a in attempts],
            **{k: (card or {}).get(k) for k in FROM_CARD}}


def write(root: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the results file; what it says of jobs outside this call stays.

    Args:
        root: folder of the fleet.
        rows: of `result`, for the jobs of this call.
    """
    file = root / RESULTS
    named = {row["name"]: row for row in [*_earlier(file), *rows]}
    everything = [named[name] for name in sorted(named)]
    write_json(file, {"jobs": everything, "summary": summary(everything)})
    return file


def _earlier(file: Path) -> list[dict[str, Any]]:
    try:
        return [row for row in read_json(file)["jobs"] if row["name"]] if file.exists() else []
    except (MwxError, KeyError, TypeError):
        return []  # damaged: the run directories know better


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each skill and recipe the return over its finished seeds.

    Returns:
        mean of the cards' mean task returns, and its standard error s / sqrt(n), None below two
        seeds.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["status"] == "finished" and row.get("scores"):
            groups.setdefault((row["skill"], row["recipe"]), []).append(row)
    found = []
    for (skill, recipe), members in sorted(groups.items()):
        returns = [float(row["scores"]["task_return_mean"]) for row in members]
        error = statistics.stdev(returns) / math.sqrt(len(returns)) if len(returns) > 1 else None
        found.append({"skill": skill, "recipe": recipe,
                      "seeds": sorted(row["seed"] for row in members),
                      "task_return_mean": statistics.fmean(returns),
                      "task_return_stderr": error})
    return found

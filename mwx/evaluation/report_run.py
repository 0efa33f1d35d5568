"""`mwx report RUN`: a page about any run directory, from what the run left behind."""

import json
from pathlib import Path
from typing import Any

from mwx.errors import MwxError
from mwx.evaluation import figures
from mwx.evaluation.report import Report
from mwx.evaluation.report_sections import TWO_RETURNS, add_guidance, add_provenance, card_facts
from mwx.runs import read_json, read_metrics

PARTS = ("config.json", "provenance.json", "metrics.jsonl")


def report_run(run: Path, out: Path) -> Path:
    """Write a page about a run of an expert, a router or anything that logs scalars.

    Args:
        run: a run directory, or an expert's folder with a card.
        out: the file to write.

    Raises:
        MwxError: the folder is not a run.
    """
    run = Path(run)
    cards = [path for path in (run / "card.json", run / "expert" / "card.json") if path.exists()]
    present = [name for name in PARTS if (run / name).exists()] or cards
    if not present:
        raise MwxError(f"{run} is not a run directory: none of {', '.join(PARTS)} is there. "
                       "`mwx expert train` and `mwx router train` make one")
    rows = read_metrics(run / "metrics.jsonl")
    report = Report(run.resolve().name, f"{len(rows):,} logged rows.")
    if cards:
        _add_card(report, cards[0])
    config = read_json(run / "config.json") if (run / "config.json").exists() else {}
    _add_curves(report, str(config.get("skill", run.resolve().name)), rows)
    for place in (run / "guidance.json", run / "router" / "guidance.json"):
        if place.exists():
            from mwx.router.guidance import load_guidance
            add_guidance(report, load_guidance(place))
            break
    if config:
        report.add_section("Configuration")
        report.add_code(json.dumps(config, indent=2))
    if (run / "provenance.json").exists():
        add_provenance(report, read_json(run / "provenance.json"))
    return report.write(out)


def _add_card(report: Report, path: Path) -> None:
    card = read_json(path)
    name = str(card.get("skill", path.parent.name))
    report.add_section("Card")
    report.add_cards([(name, figures.expert_colour(name), str(card.get("description", "")),
                       card_facts(card))])


def _add_curves(report: Report, name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    keys = {key for row in rows for key in row}
    if keys & {"train/task_return", "eval/task_return_mean"}:
        report.add_section("Learning curves")
        report.add_figure(figures.learning_curves({name: rows}), TWO_RETURNS)
    if "guidance_weight" in keys:
        report.add_section("Distillation")
        report.add_figure(figures.router_losses(rows), "Losses of eqs. (10)-(12).")
    report.add_section("Everything logged")
    report.add_figure(figures.scalars(rows), "Each logged number over steps: environment steps "
                      "of training, or updates of a router.")

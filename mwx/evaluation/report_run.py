"""A report about a run directory: of an expert, of a router, or of the whole demo."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation import report_sections as sections
from mwx.evaluation.compare import ROUTED, SCRIPT
from mwx.evaluation.report import Report
from mwx.runs import read_metrics
from mwx.untrusted import read_npz, read_object, understood

COMMANDS = ("mwx motion retarget CLIP", "mwx expert train SKILL", "mwx guide door",
            "mwx router train door", "mwx evaluate ROUTER --task door")


def report_run(run: str | Path, out: str | Path) -> Path:
    """Write one self-contained HTML file about a run and return its path.

    Raises:
        MwxError: the folder is no run of a kind that is known.
    """
    run, out = Path(run), Path(out)
    if not (run / "config.json").is_file():
        raise MwxError(f"{run}: not a run directory (no config.json)")
    with understood(run):
        return _report(run, read_object(run / "config.json"), out).write(out)


def _report(run: Path, config: Mapping[str, Any], out: Path) -> Report:
    if config.get("kind") == "demo":
        return _demo(run, config, out)
    if config.get("kind") == "router" or (run / "router").is_dir():
        report = Report(f"Router: {run.name}", "Distilled from guidance and demonstrations.")
        _distillation(report, run)
    elif "skill" in config:
        report = Report(f"Expert: {config['skill']}", f"Trained on the task {config['task']}.")
        folder = run / "expert" if (run / "expert").is_dir() else run
        _experts(report, {config["skill"]: folder})
    else:
        raise MwxError(f"{run}: a run, but neither of an expert, a router nor the demo")
    sections.add_provenance(report, _origin(run))
    return report


def _origin(run: Path) -> Mapping[str, Any]:
    """Return a run's provenance; a finished expert keeps its own on its card."""
    if (run / "provenance.json").is_file():
        return read_object(run / "provenance.json")
    card = read_object(run / "card.json")
    return {n: card[n] for n in ("command", "commit", "seed", "machine", "versions") if n in card}


def _demo(run: Path, config: Mapping[str, Any], out: Path) -> Report:
    from mwx.experts.library import expert_folders
    from mwx.router import load_guidance
    report = Report("From human motion to loco-manipulation",
                    "One run of the whole method on the Unitree H1 in simulation: a human walk is "
                    "retargeted, world-model experts imitate, guidance weighs them, a distilled "
                    "router composes them in HumanoidBench's door task.")
    scores, times = read_object(run / "scores.json"), read_object(run / "times.json")
    _summary(report, config, scores, times)
    _pictures(report, run, out)
    _motion(report, run)
    _experts(report, expert_folders())
    sections.add_guidance(report, load_guidance(run / "guidance.json"))
    _router(report, run)
    rows = [_row(name, score) for name, score in scores.items()]
    sections.add_results(report, config["task"], rows, ROUTED)
    sections.add_provenance(report, _origin(run), COMMANDS)
    report.add_list({f"{name} [s]": value for name, value in times.items()})
    return report


def _summary(report: Report, config: Mapping[str, Any], scores: Mapping[str, Any],
             times: Mapping[str, float]) -> None:
    routed, script = scores[ROUTED], scores.get(SCRIPT)
    rivals = {n: s for n, s in scores.items() if n not in (ROUTED, SCRIPT)}
    best = max(rivals, key=lambda n: rivals[n]["task_return_mean"])
    rival = rivals[best]
    report.add_facts({
        "routed task return": f"{routed['task_return_mean']:.1f} ± {routed['task_return_std']:.1f}",
        f"best without routing: {best}": f"{rival['task_return_mean']:.1f} ± "
                                         f"{rival['task_return_std']:.1f}",
        **({"the script that it learned from": f"{script['task_return_mean']:.1f} ± "
            f"{script['task_return_std']:.1f}"} if script else {}),
        "episodes each": str(config["episodes"]),
        "time": f"{sum(times.values()):.0f} s"})
    more = routed["task_return_mean"] - rival["task_return_mean"]
    report.add_section("What happened")
    report.add_text(
        f"Over {routed['episodes']} episodes of {config['task']} the routed robot earned "
        f"{routed['task_return_mean']:.1f} ± {routed['task_return_std']:.1f}, "
        f"{abs(more):.1f} {'more' if more > 0 else 'less'} than the best policy without routing "
        f"({best}). HumanoidBench calls an episode a success from {routed['success_bar']:g} on; "
        f"{sum(routed['success'])} of {routed['episodes']} got there. Standing before the closed "
        "door with a hand on the hatch pays about a third of a point a step, and no published "
        "method gets much further.")


def _pictures(report: Report, run: Path, out: Path) -> None:
    stills = sorted((run / "stills").glob("*.png")) if (run / "stills").is_dir() else []
    captions = [p.stem.split("_")[1].removesuffix("s") + " s" for p in stills]
    film = run / "door.mp4"
    sections.add_pictures(report, [p.read_bytes() for p in stills], captions,
                          film if film.is_file() else None, out)


def _motion(report: Report, run: Path) -> None:
    from mwx.motion import Reference, quality_sheet
    from mwx.robot import H1
    reference = Reference.load(run / "motion" / "reference.npz")
    data = read_npz(run / "tracking.npz")
    wanted, reached = data["reference"], data["robot"]
    sections.add_motion(report, quality_sheet(reference),
                        f"{reference.source} ({reference.licence}).", wanted, reached,
                        H1.joint_names)


def _experts(report: Report, folders: Mapping[str, Path]) -> None:
    from mwx.sim.tasks import get
    from mwx.skills import DESCRIPTIONS
    tasks = {n: read_object(p / "config.json")["task"] for n, p in folders.items()}
    sections.add_experts(
        report, {n: read_object(p / "card.json") for n, p in folders.items()
                 if (p / "card.json").is_file()}, DESCRIPTIONS,
        {n: read_metrics(p / "metrics.jsonl") for n, p in folders.items()},
        {n: get(task).success_bar for n, task in tasks.items()})


def _distillation(report: Report, run: Path) -> None:
    from mwx.evaluation import figures
    report.add_section("Router", "Guidance and demonstrations, distilled (eqs. 10-12).")
    rows = read_metrics(run / "metrics.jsonl")
    if rows:
        report.add_figure(figures.router_losses(rows))


def _router(report: Report, run: Path) -> None:
    from mwx.router import Demonstration, load_guidance
    data = read_npz(run / "episode.npz")
    weights, progress = data["weights"], data["progress"]
    experts = [str(x) for x in data["experts"]]
    demos = [Demonstration.load(p) for p in sorted((run / "demonstrations").glob("*.npz"))]
    shown = sections.progress_profile(
        np.concatenate([d.labels.mean(1) for d in demos]),
        np.concatenate([d.progress for d in demos])) if demos else None
    sections.add_router(report, read_metrics(run / "router" / "metrics.jsonl"), experts, weights,
                        load_guidance(run / "guidance.json").title,
                        router_profile=sections.progress_profile(weights, progress),
                        demo_profile=shown)


def _row(label: str, score: Mapping[str, Any]) -> sections.ResultRow:
    return sections.ResultRow(
        label, score["task_return_mean"], score["task_return_std"], score["alignment_return_mean"],
        score["alignment_return_std"], float(np.mean(score["length"])),
        sum(score["success"]) / score["episodes"], score["episodes"])

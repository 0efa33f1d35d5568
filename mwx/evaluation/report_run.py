"""A report about a run directory: of an expert, of a router, or of the whole demo."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation import figures
from mwx.evaluation.report import Report
from mwx.runs import read_json, read_metrics
from mwx.types import Array

BINS = 20  # of task progress in the heat map


def report_run(run: str | Path, out: str | Path) -> Path:
    """Write one self-contained HTML file about a run and return its path.

    Raises:
        MwxError: the folder is no run of a kind that is known.
    """
    run, out = Path(run), Path(out)
    if not (run / "config.json").is_file():
        raise MwxError(f"{run}: not a run directory (no config.json)")
    config = read_json(run / "config.json")
    if config.get("kind") == "demo":
        report = _demo(run, config, out)
    elif config.get("kind") == "router" or (run / "router").is_dir():
        report = Report(f"Router: {run.name}", "Distilled from guidance and demonstrations.")
        _router_section(report, run)
        _provenance(report, run)
    elif "skill" in config:
        report = Report(f"Expert: {config['skill']}", f"Trained on the task {config['task']}.")
        _expert_sections(report, {config["skill"]: run / "expert"
                                  if (run / "expert").is_dir() else run})
        _provenance(report, run)
    else:
        raise MwxError(f"{run}: a run, but neither of an expert, a router nor the demo")
    return report.write(out)


def _demo(run: Path, config: Mapping[str, Any], out: Path) -> Report:
    from mwx.experts.library import expert_folders
    report = Report("From human motion to an open door",
                    "One run of the whole method on the Unitree H1 in simulation: a human walk is "
                    "retargeted, world-model experts imitate, guidance weighs them, a distilled "
                    "router composes them in HumanoidBench's door task.")
    scores = read_json(run / "scores.json")
    times = read_json(run / "times.json")
    routed = scores["routed"]
    rivals = {n: s for n, s in scores.items() if n != "routed"}
    best = max(rivals, key=lambda n: rivals[n]["task_return_mean"])
    report.add_facts({
        "routed task return": f"{routed['task_return_mean']:.1f} ± {routed['task_return_std']:.1f}",
        f"best without routing ({best})": f"{rivals[best]['task_return_mean']:.1f}",
        "episodes each": str(config["episodes"]),
        "time": f"{sum(times.values()):.0f} s"})
    _what_happened(report, run, scores, best, out)
    _motion(report, run)
    _expert_sections(report, expert_folders())
    _tracking(report, run)
    _guidance(report, run)
    _router_section(report, run / "router")
    _episode(report, run)
    _scores(report, scores)
    _provenance(report, run)
    return report


def _what_happened(report: Report, run: Path, scores: Mapping[str, Any], best: str,
                   out: Path) -> None:
    routed, rival = scores["routed"], scores[best]
    gap = routed["task_return_mean"] - rival["task_return_mean"]
    report.add_section("What happened")
    report.add_text(
        f"The routed robot earned {routed['task_return_mean']:.1f} ± "
        f"{routed['task_return_std']:.1f} of door's reward over {routed['episodes']} episodes, "
        f"{'more' if gap > 0 else 'less'} than the best policy without routing ({best}: "
        f"{rival['task_return_mean']:.1f} ± {rival['task_return_std']:.1f}). HumanoidBench calls "
        f"an episode a success from {routed['success_bar']:g} on: "
        f"{sum(routed['success'])} of {routed['episodes']} reached it. Standing before a closed "
        "door, hand on the hatch, pays about a third of a point a step.")
    stills = sorted((run / "stills").glob("*.png")) if (run / "stills").is_dir() else []
    if stills:
        report.add_stills([p.read_bytes() for p in stills],
                          [p.stem.split("_")[1].replace("s", " s") for p in stills],
                          "The routed robot in the door task.")
    if (run / "door.mp4").is_file():
        report.add_video(run / "door.mp4", "The same episode.", out)


def _motion(report: Report, run: Path) -> None:
    report.add_section("Human motion", "A human clip is proportioned to the robot and solved over "
                       "its whole length under joint and speed limits (eq. 8).")
    from mwx.motion.quality import TARGETS
    sheet = read_json(run / "motion" / "sheet.json")
    rows = [[name.replace("_", " "), f"{sheet[name]:.2f}", f"{'≥' if more else '≤'} {target:g}",
             unit, "yes" if (sheet[name] >= target if more else sheet[name] <= target) else "no"]
            for name, (unit, target, more) in TARGETS.items() if name in sheet]
    report.add_table(["quantity", "measured", "target", "unit", "met"], rows,
                     "Quality sheet of the retargeted clip.")


def _expert_sections(report: Report, folders: Mapping[str, Path]) -> None:
    report.add_section("Experts", "Each skill has a world model of its own, trained to imitate "
                       "its reference (eq. 4) and to earn its task's reward; both returns are "
                       "told apart.")
    rows, curves, bars = [], {}, {}
    for name, folder in folders.items():
        if (folder / "card.json").is_file():
            card = read_json(folder / "card.json")
            s = card["scores"]
            rows.append([name, _plus_minus(s, "task_return"), _plus_minus(s, "alignment_return"),
                         f"{s['length_mean']:.0f}", f"{card['steps']:,}",
                         f"{card['wall_time_s'] / 60:.0f} min", card["commit"]])
        curves[name] = read_metrics(folder / "metrics.jsonl")
        bars[name] = _bar(folder)
    if rows:
        report.add_table(["expert", "task return", "alignment return", "length", "steps",
                          "trained in", "commit"], rows,
                         "From the cards: 10 deterministic episodes, mean ± standard deviation.")
    if any(curves.values()):
        report.add_figure(figures.learning_curves(curves, bars),
                          "Evaluations without any aid, and the episodes of training, from the "
                          "experts' own logs.")


def _bar(folder: Path) -> float:
    from mwx.sim.tasks import get
    return get(read_json(folder / "config.json")["task"]).success_bar


def _tracking(report: Report, run: Path) -> None:
    from mwx.robot import H1
    with np.load(run / "tracking.npz", allow_pickle=False) as data:
        reference, robot, name = data["reference"], data["robot"], str(data["expert"])
    report.add_figure(figures.joint_tracking(reference, robot, H1.joint_names),
                      f"The {name} expert and its reference, the six joints that move most.")


def _guidance(report: Report, run: Path) -> None:
    from mwx.router import load_guidance
    guidance = load_guidance(run / "guidance.json")
    report.add_section("Guidance", f"“{guidance.task_text}” {guidance.title}. The shipped files "
                       "are not answers of a vision-language model; `mwx guide --provider vlm` "
                       "asks one.")
    report.add_figure(figures.relevance_bars(guidance.experts, guidance.weights, guidance.spread,
                                             title=guidance.title))
    report.add_table(["stage", "expert", "share"],
                     [[s.text, s.expert, f"{s.fraction:.0%}"] for s in guidance.stages])


def _router_section(report: Report, run: Path) -> None:
    report.add_section("Router", "A small network learns when to use which expert from the "
                       "guidance (10) and from demonstrations (11); the guidance fades (12).")
    rows = read_metrics(run / "metrics.jsonl")
    if rows:
        report.add_figure(figures.router_losses(rows))


def _episode(report: Report, run: Path) -> None:
    with np.load(run / "episode.npz", allow_pickle=False) as data:
        weights, progress = data["weights"], data["progress"]
        experts = [str(x) for x in data["experts"]]
    from mwx.router import load_guidance
    title = load_guidance(run / "guidance.json").title
    report.add_figure(figures.weight_ribbon(weights, experts, title=title),
                      "Weights of the experts over one episode; no model is asked while acting.")
    from mwx.router import Demonstration
    demos = [Demonstration.load(p) for p in sorted((run / "demonstrations").glob("*.npz"))]
    shown_w = np.concatenate([_one_hot(d.expert, len(experts)) for d in demos])
    shown_p = np.concatenate([d.progress for d in demos])
    report.add_figure(figures.progress_heat_map(by_progress(weights, progress),
                                                by_progress(shown_w, shown_p), experts),
                      "Where along the task each expert is used.")


def _one_hot(index: Array, count: int) -> Array:
    return np.eye(count)[np.asarray(index, int)]


def by_progress(weights: Array, progress: Array) -> Array:
    """Return mean weights (BINS, K) in equal bins of progress; NaN where there is no state."""
    place = np.clip((np.asarray(progress) * BINS).astype(int), 0, BINS - 1)
    out = np.full((BINS, weights.shape[1]), np.nan)
    for b in np.unique(place):
        out[b] = weights[place == b].mean(0)
    return out


def _scores(report: Report, scores: Mapping[str, Any]) -> None:
    report.add_section("Task result", "The routed robot against every expert alone and their "
                       "uniform mix, from the same starts.")
    names = list(scores)
    report.add_table(
        ["policy", "task return", "alignment return", "length", "successes"],
        [[n, _plus_minus(scores[n], "task_return"), _plus_minus(scores[n], "alignment_return"),
          f"{np.mean(scores[n]['length']):.0f}",
          f"{sum(scores[n]['success'])}/{scores[n]['episodes']}"] for n in names],
        f"{scores[names[0]]['episodes']} episodes each, mean ± standard deviation.",
        highlight="routed")
    for metric, label in (("task_return", "task return"),
                          ("alignment_return", "alignment return")):
        report.add_figure(figures.score_bars(
            names, [scores[n][f"{metric}_mean"] for n in names],
            [scores[n][f"{metric}_std"] for n in names], label, highlight="routed"))


def _plus_minus(scores: Mapping[str, Any], name: str) -> str:
    return f"{scores[f'{name}_mean']:,.1f} ± {scores[f'{name}_std']:.1f}"


def _provenance(report: Report, run: Path) -> None:
    """Add what made the run; a finished expert's folder has it on its card."""
    if (run / "provenance.json").is_file():
        origin = read_json(run / "provenance.json")
    elif (run / "card.json").is_file():
        card = read_json(run / "card.json")
        origin = {name: card[name] for name in ("command", "commit", "seed", "machine",
                                                "evaluation", "versions") if name in card}
    else:
        return
    versions: Mapping[str, str] = origin.pop("versions", {})
    report.add_section("Provenance")
    report.add_list({**{k: str(v) for k, v in origin.items()},
                     "versions": ", ".join(f"{k} {v}" for k, v in versions.items())})
    if (run / "times.json").is_file():
        report.add_list({f"{k} [s]": v for k, v in read_json(run / "times.json").items()})


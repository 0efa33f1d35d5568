"""The report's standard sections, from the records that the stages leave behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mwx.evaluation import figures
from mwx.evaluation.report import Report
from mwx.types import Array

if TYPE_CHECKING:
    from mwx.evaluation.score import Score
    from mwx.motion.quality import Sheet
    from mwx.router.guidance import Guidance

TWO_RETURNS = ("Task return is the benchmark's reward summed over an episode; alignment return is "
               "the imitation reward of eq. (4). They are never added.")


@dataclass(frozen=True)
class ResultRow:
    """One policy's scores on one task over episodes.

    Attributes:
        label: the policy, e.g. "router" or "walk alone".
        task_mean, task_std: task return per episode.
        alignment_mean, alignment_std: alignment return per episode; NaN where there is no
            reference to align with.
        steps_mean: control steps per episode.
        success_rate: share of episodes that reached the task's bar; NaN where it has none.
        episodes: how many.
    """

    label: str
    task_mean: float
    task_std: float
    alignment_mean: float
    alignment_std: float
    steps_mean: float
    success_rate: float
    episodes: int


def add_motion(report: Report, sheet: "Sheet", source: str, reference: Array | None = None,
               robot: Array | None = None, joint_names: Sequence[str] = (),
               dt: float = 0.02) -> None:
    """Add the human motion: where it comes from, its quality sheet, how well it is tracked.

    Args:
        report: the page.
        sheet: quality sheet of the reference.
        source: clip and licence.
        reference, robot: (T, J) [rad] joint angles of an expert's episode, if one was run.
        joint_names: J names.
        dt: [s] between rows.
    """
    report.add_section("Human motion", source)
    report.add_table(("quantity", "measured", "target", "unit", ""), sheet_rows(sheet),
                     f"Quality sheet of the reference '{sheet.label}': how true to the human, how "
                     "feasible for the robot (eq. 8).")
    if reference is not None and robot is not None:
        report.add_figure(figures.joint_tracking(reference, robot, joint_names, dt),
                          "Reference and robot in simulation: the six joints that move most.")


def sheet_rows(sheet: "Sheet") -> list[tuple[str, str, str, str, str]]:
    """Return a quality sheet as rows: quantity, measured, target, unit, met or missed."""
    from mwx.motion.quality import TARGETS
    return [(name.replace("_", " "), f"{sheet.values[name]:.2f}",
             sheet.bound(name).replace(">=", "≥").replace("<=", "≤"), unit,
             "" if name not in sheet.targets else "met" if sheet.passes(name) else "missed")
            for name, (unit, _, _) in TARGETS.items() if name in sheet.values]


def result_row(score: "Score", label: str) -> "ResultRow":
    """Return the table row of an evaluation."""
    return ResultRow(label, score.mean(), score.std(), score.mean("alignment_return"),
                     score.std("alignment_return"), score.mean("length"),
                     sum(score.success) / score.episodes, score.episodes)


def add_experts(report: Report, cards: Mapping[str, Mapping[str, Any]],
                descriptions: Mapping[str, str], curves: Mapping[str, Sequence[Mapping[str, Any]]],
                bars: Mapping[str, float] | None = None) -> None:
    """Add the experts: what each can do, what its card says, how it learned.

    Args:
        report: the page.
        cards: expert to the content of its card.json.
        descriptions: expert to one line.
        curves: expert to the rows of its own metrics.jsonl.
        bars: expert to HumanoidBench's success bar.
    """
    report.add_section("Experts", "Each was trained alone: a world model of the robot, a policy "
                       "and a planner, under an alignment reward (eqs. 1, 3-7).")
    report.add_cards([(name, figures.expert_colour(name), descriptions.get(name, ""),
                       card_facts(card)) for name, card in cards.items()])
    logged = {name: rows for name, rows in curves.items() if rows}
    if logged:
        report.add_figure(figures.learning_curves(logged, bars),
                          f"Learning curves from each expert's own log. {TWO_RETURNS}")


def card_facts(card: Mapping[str, Any]) -> dict[str, object]:
    """Return the lines of an expert's card worth showing, in words."""
    scores = card.get("scores", {})
    facts: dict[str, object] = {}
    for name, label in (("task_return", "task return"), ("alignment_return", "alignment return")):
        mean, deviation = scores.get(f"{name}_mean"), scores.get(f"{name}_std")
        if mean is not None:
            facts[label] = plus_minus(mean, deviation if deviation is not None else float("nan"))
    if scores.get("episodes") is not None:
        facts["episodes"] = int(scores["episodes"])
    if card.get("steps") is not None:
        facts["environment steps"] = int(card["steps"])
    if card.get("wall_time_s") is not None:
        facts["training time"] = f"{card['wall_time_s'] / 60:.0f} min"
    for name in ("teacher", "seed", "commit"):
        if card.get(name) is not None:
            facts[name] = str(card[name])
    return facts


def add_guidance(report: Report, guidance: "Guidance") -> None:
    """Add the guidance: relevance of each expert, stages, and who says so."""
    past = guidance.provenance
    model = f", model {past.model}, {past.n_samples} answers" if past.model else ""
    report.add_section("Guidance", guidance.task_text)
    report.add_text(f"Source: `{past.source}`{model}. " + (
        f"{past.model} answered." if past.model else "No vision-language model was asked."))
    report.add_figure(figures.relevance_bars(guidance.experts, guidance.weights, guidance.spread,
                                             guidance.title),
                      "Relevance w_v of each expert for the task (eq. 10).")
    if guidance.stages:
        report.add_table(("stage", "expert", "share"), [
            (stage.text, stage.expert, f"{stage.fraction:.0%}") for stage in guidance.stages],
            "Stages in order; the share is of the task's duration.")
    for note in past.notes:
        report.add_text(f"Note: {note}")


def add_router(report: Report, losses: Sequence[Mapping[str, Any]], experts: Sequence[str],
               weights: Array, title: str, dt: float = 0.02,
               stages: Sequence[tuple[float, float, str]] = (), router_profile: Array | None = None,
               demo_profile: Array | None = None) -> None:
    """Add the router: how it was distilled and what it does in an episode.

    Args:
        report: the page.
        losses: rows of the router's metrics.jsonl.
        experts: K names.
        weights: (T, K) weights of one episode.
        title: provenance of the guidance, set above the ribbon.
        dt: [s] between rows.
        stages: (start [s], end [s], text) bands above the ribbon.
        router_profile, demo_profile: (N, K) mean weights in N equal bins of task progress.
    """
    report.add_section("Router", "Guidance and demonstrations are distilled into a network that "
                       "weighs the experts at every control step (eqs. 9-13).")
    if losses:
        report.add_figure(figures.router_losses(losses), "Distillation: the guidance weight "
                          "decays, the demonstrations take over (eq. 12).")
    report.add_figure(figures.weight_ribbon(weights, experts, dt, stages, title),
                      "Weights of the experts over one episode of the task.")
    if router_profile is not None and demo_profile is not None:
        report.add_figure(
            figures.progress_heat_map(router_profile, demo_profile, experts),
            "Weights by task progress: what the router does beside what the demonstrations show.")


def progress_profile(weights: Array, progress: Array, bins: int = 20) -> Array:
    """Return mean weights (bins, K) in equal bins of progress in [0, 1]; NaN where none fell.

    Args:
        weights: (N, K).
        progress: (N,) in [0, 1].
    """
    place = np.clip((np.asarray(progress) * bins).astype(int), 0, bins - 1)
    return np.array([weights[place == i].mean(0) if np.any(place == i)
                     else np.full(weights.shape[1], np.nan) for i in range(bins)])


def add_results(report: Report, task: str, rows: Sequence[ResultRow], ours: str) -> None:
    """Add the table of the routed policy against single experts and the uniform mix.

    Args:
        report: the page.
        task: task name.
        rows: one per policy.
        ours: label of the row to set off.
    """
    episodes = sorted({row.episodes for row in rows})
    count = " to ".join(str(n) for n in {episodes[0], episodes[-1]})
    report.add_section("Task result", f"{task}, {count} deterministic episodes each: mean ± "
                       "standard deviation over episodes.")
    report.add_table(
        ("policy", "task return", "alignment return", "steps", "success", "episodes"),
        [(row.label, plus_minus(row.task_mean, row.task_std),
          plus_minus(row.alignment_mean, row.alignment_std), f"{row.steps_mean:,.0f}",
          "–" if np.isnan(row.success_rate) else f"{row.success_rate:.0%}", row.episodes)
         for row in rows], TWO_RETURNS, ours)
    report.add_figure(figures.score_bars(
        [row.label for row in rows], [row.task_mean for row in rows],
        [row.task_std for row in rows], "task return", ours),
        "Task return of each policy, mean and one standard deviation.")


def add_pictures(report: Report, frames: Sequence[Array | bytes], captions: Sequence[str],
                 video: Path | None, page: Path) -> None:
    """Add stills of an episode and its video; says so where no graphics back end drew them."""
    report.add_section("Pictures")
    if not frames and video is None:
        report.add_text("No pictures: no OpenGL back end works on this machine. `mwx check` says "
                        "what to install.")
    if frames:
        report.add_stills(frames, captions)
    if video is not None:
        report.add_video(video, "The same episode.", near=page)


def add_provenance(report: Report, provenance: Mapping[str, Any],
                   commands: Sequence[str] = ()) -> None:
    """Add what is needed to run this again.

    Args:
        report: the page.
        provenance: what `mwx.runs.provenance` returns.
        commands: the commands of the stages, in order.
    """
    report.add_section("Provenance", "What made this page, and how to make it again.")
    versions = provenance.get("versions", {})
    report.add_list({
        **{name: value for name, value in provenance.items()
           if name != "versions" and value is not None},
        "versions": ", ".join(f"{name} {value}" for name, value in versions.items())})
    if commands:
        report.add_code("\n".join(commands), "The stages, one by one.")


def plus_minus(mean: float, deviation: float) -> str:
    """Return "mean ± deviation" with as many digits as the size asks for, or a dash."""
    if np.isnan(mean):
        return "–"
    digits = 1 if abs(mean) >= 10 else 3
    spread = "" if np.isnan(deviation) else f" ± {deviation:,.{digits}f}"
    return f"{mean:,.{digits}f}{spread}"

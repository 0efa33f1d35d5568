"""Table IV and Fig. 9 from adaptations: what a task's own training adds to the mixture.

Every number is from a card that `mwx adapt` wrote; the paper's stand beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.figures import ACCENT, INK, PALETTE, SECOND, STYLE, to_png
from mwx.evaluation.published import METHODS_IV, TABLE_IV
from mwx.evaluation.statistics import Curve, curve_from, standard_error
from mwx.evaluation.tables import Table
from mwx.files import write_bytes
from mwx.runs import read_metrics, write_text
from mwx.untrusted import read_object, understood

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COMPOSITE, UNIFORM, TEACHER = "composite, not adapted", "uniform mix", "its teacher"
ALONE = " alone"
PAPERS = METHODS_IV[-1]
COLUMNS = ("adapted", "steps", "composite", "best single expert", "uniform mix", PAPERS,
           "paper: best baseline")
NOTES = (
    "Task returns of the same episodes: mean ± standard error over the episodes of one run, or "
    "over runs where a task has several. Composite: the routed mixture before adaptation. Steps: "
    "environment steps of the adaptation, its teacher's among them; the experts' and the router's "
    "training come before and are not counted, as in the paper.",
    "Paper: Table IV, after 2,000,000 steps; what stands behind its ± is not said.")


@dataclass(frozen=True)
class Adaptation:
    """One finished adaptation.

    Attributes:
        task: id without the robot; card: see `mwx adapt`.
        curve: unaided returns over the world model's steps; teacher: over its teacher's (None: not
            logged).
        taught: [environment steps] of the teacher.
        run: folder.
    """

    task: str
    card: Mapping[str, Any]
    curve: Curve | None
    teacher: Curve | None
    taught: int
    run: Path

    @property
    def single(self) -> tuple[str, Mapping[str, Any]]:
        """The expert that returns most alone, and its scores."""
        alone = {n.removesuffix(ALONE): s for n, s in self.card["compared"].items()
                 if n.endswith(ALONE)}
        if not alone:
            raise MwxError(f"{self.run}: its card compares no expert alone: it was made with "
                           f"--no-compare; Table IV needs one that was not")
        return max(alone.items(), key=lambda item: item[1]["task_return_mean"])


def read_adaptation(run: str | Path) -> Adaptation:
    """Read a run of `mwx adapt`.

    Raises:
        MwxError: it has no finished adaptation.
    """
    run = Path(run)
    card = read_object(run / "adapted" / "card.json")
    with understood(run):
        taught = int(card.get("teacher_steps", 0))
        for scores in (card["scores"], *card["compared"].values()):
            float(scores["task_return_mean"])
        return Adaptation(card["task"].removeprefix("h1-"), card,
                          curve_from(read_metrics(run / "metrics.jsonl")),
                          curve_from(read_metrics(run / "teacher" / "metrics.jsonl")), taught, run)


def adapted_table(runs: Sequence[Adaptation]) -> Table:
    """Return Table IV of our runs, one row a task, in the paper's order."""
    rows, records = [], []
    for task in _in_order(runs):
        same = [r for r in runs if r.task == task]
        rows.append((task, _cells(same, TABLE_IV.get(task, {}))))
        records += [_record(r) for r in same]
    return Table("Table IV: adaptation", COLUMNS, tuple(rows), tuple(records), NOTES)


def _in_order(runs: Sequence[Adaptation]) -> list[str]:
    order = list(TABLE_IV)
    return sorted({r.task for r in runs}, key=lambda t: (order.index(t) if t in order else 99, t))


def _cells(runs: Sequence[Adaptation], printed: Mapping[str, Any]) -> tuple[str, ...]:
    names = sorted({r.single[0] for r in runs})
    steps = sorted({r.taught + int(r.card["steps"]) for r in runs})
    best = max(METHODS_IV[:-1], key=lambda n: printed[n].mean) if printed else None
    return (_mean([r.card["scores"] for r in runs]), " / ".join(f"{s:,}" for s in steps),
            _mean([r.card["compared"][COMPOSITE] for r in runs]),
            f"{_mean([r.single[1] for r in runs])} ({', '.join(names)})",
            _mean([r.card["compared"][UNIFORM] for r in runs]),
            f"{printed[PAPERS].mean:.1f}" if printed else "",
            f"{printed[best].mean:.1f} ({best})" if best else "")


def _mean(scores: Sequence[Mapping[str, Any]]) -> str:
    values = [float(s["task_return_mean"]) for s in scores]
    spread = standard_error(values)
    if spread is None:
        return f"{values[0]:.1f} ± {float(scores[0]['task_return_stderr']):.1f}"
    return f"{np.mean(values):.1f} ± {spread:.1f} ({len(values)} runs)"


def _record(run: Adaptation) -> dict[str, Any]:
    card, (name, single) = run.card, run.single
    compared = card["compared"]
    return {"task": run.task, "seed": card["seed"], "teacher_steps": run.taught,
            "steps": card["steps"], "acts_by": card.get("acts_by", ""),
            "episodes": card["evaluation"]["episodes"],
            "adapted": card["scores"]["task_return_mean"],
            "adapted_stderr": card["scores"]["task_return_stderr"],
            "teacher": compared[TEACHER]["task_return_mean"] if TEACHER in compared else None,
            "composite": compared[COMPOSITE]["task_return_mean"], "best_single": name,
            "best_single_return": single["task_return_mean"],
            "uniform": compared[UNIFORM]["task_return_mean"], "commit": card["commit"],
            "run": run.run.name}


def adapted_curves(runs: Sequence[Adaptation]) -> "Figure":
    """Draw Fig. 9's curves: one panel a task, over teacher and world model, with the mixture."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    tasks = _in_order(runs)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(5.8, 2.9 * len(tasks)), 3.1), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
            _panel(axes, task, [r for r in runs if r.task == task])
        entries = {}
        for axes in figure.axes:
            entries |= {label: handle for handle, label in
                        zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(list(entries.values()), list(entries), loc="outside lower center",
                      ncols=2 if len(tasks) < 3 else len(entries))
        return figure


def _panel(axes: "Axes", task: str, runs: Sequence[Adaptation]) -> None:
    for i, run in enumerate(runs):
        for curve, began, colour, name in ((run.teacher, 0, ACCENT, "its teacher"),
                                           (run.curve, run.taught, INK, "world model, unaided")):
            if curve is not None:
                axes.plot((curve.steps + began) / 1e3, curve.values, color=colour, lw=1.6,
                          marker="o", ms=3, label=name if i == 0 else None)
        if run.taught:
            axes.axvspan(0, run.taught / 1e3, color=ACCENT, alpha=0.08, lw=0)
    shown = runs[0]
    for value, colour, name in ((shown.card["compared"][COMPOSITE], SECOND, "composite"),
                                (shown.single[1], PALETTE[2], "best single expert")):
        axes.axhline(value["task_return_mean"], color=colour, lw=1.2, ls=(0, (4, 3)), label=name)
    axes.set(title=task, xlabel="environment steps [thousand]")
    axes.set_xlim(left=0)


def write_adapted(runs: Sequence[Adaptation], out: str | Path) -> list[Path]:
    """Write table4.md, table4.csv and fig9_adaptation.png; return their paths.

    Raises:
        MwxError: no run, or a file cannot be written.
    """
    if not runs:
        raise MwxError("name runs of `mwx adapt`, e.g. mwx report adapted runs/adapt-door-cpu-0")
    out, table = Path(out), adapted_table(runs)
    write_text(out / "table4.md", table.markdown())
    write_text(out / "table4.csv", table.csv())
    picture = out / "fig9_adaptation.png"
    write_bytes(picture, to_png(adapted_curves(runs)))
    return [out / "table4.md", out / "table4.csv", picture]

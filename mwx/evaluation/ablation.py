"""Table III and Fig. 8 from runs: what each part is worth, as Markdown, CSV and curves."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.figures import INK, PALETTE, STYLE, to_png
from mwx.evaluation.statistics import (
    TOLERANCE,
    WINDOW,
    Curve,
    Peak,
    bootstrap_band,
    convergence_step,
    curve_from,
    mean_curve,
    peak_return,
    standard_error,
)
from mwx.evaluation.tables import Table
from mwx.files import write_bytes
from mwx.runs import read_json, read_metrics, write_text
from mwx.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("peak return", "last evaluation", "best weights, other episodes", "success",
           "convergence [steps]", "paper: return", "paper: steps")
TEN_THOUSAND = 10_000  # the paper's unit w


class Printed(NamedTuple):
    """One row of Table III: success, convergence [10,000 steps] and return; None: no number."""

    success: bool
    steps_w: float | None
    task_return: float | None


# The door after 500,000 steps, one number each and no spread. The paper did not train its row
# without a VLM, and says of the row without imitation that it never converged.
TABLE_III: Mapping[str, Printed] = MappingProxyType({
    "full model": Printed(True, 12.64, 303.95),
    "w/o router": Printed(True, 20.36, 296.57),
    "w/o VLM": Printed(False, None, None),
    "w/o imitation": Printed(False, None, 193.61),
    "TD-MPC2 from scratch": Printed(True, 32.38, 198.42),
})
NOTES = (
    "Peak return: the largest mean over seeds among the evaluations, ± its standard error over "
    "seeds. Last evaluation: the same at the last step that every seed reached. Best weights: each "
    "seed's best weights on episodes that did not choose them, ± standard error over seeds. "
    "Success: share of those episodes whose return reached HumanoidBench's bar.",
    f"Convergence: first environment step of the mean curve from which {WINDOW} evaluations in a "
    f"row lie within {TOLERANCE:.0%} of the last one; - where there is none.",
    "Every variant has the same environment steps, agent, updates and evaluations. Distilling a "
    "router and training the experts came before and are not counted, as in the paper.",
    "Paper: Table III, the door, 500,000 steps. Its row without a VLM was not trained; ours is.",
)


@dataclass(frozen=True)
class Entry:
    """One variant.

    Attributes:
        label: as the table names it; means: what is left out.
        curves: seed -> task return of unaided episodes over environment steps.
        best: seed -> mean return of its best weights on other episodes; success: seed -> share.
        runs: seed -> run directory.
    """

    label: str
    means: str
    curves: Mapping[int, Curve]
    best: Mapping[int, float]
    success: Mapping[int, float]
    runs: Mapping[int, Path]

    @property
    def peak(self) -> Peak:
        """The best evaluation of the mean over seeds."""
        return peak_return(list(self.curves.values()))

    @property
    def last(self) -> Array:
        """(seeds,) the last evaluation that every seed has."""
        end = min(c.steps[-1] for c in self.curves.values())
        return np.array([c.values[np.searchsorted(c.steps, end, "right") - 1]
                         for c in self.curves.values()])

    @property
    def convergence(self) -> float | None:
        """[environment steps] of the mean over seeds; None where it has not converged."""
        return convergence_step(mean_curve(list(self.curves.values())))


def read_entry(label: str, means: str, runs: Mapping[int, Path]) -> Entry | None:
    """Read one variant from its seeds' run directories; None where none has been evaluated.

    Args:
        runs: seed -> run directory; one without an evaluation is left out.
    """
    curves: dict[int, Curve] = {}
    best: dict[int, float] = {}
    success: dict[int, float] = {}
    for seed, path in sorted(runs.items()):
        curve = curve_from(read_metrics(path / "metrics.jsonl"))
        if curve is None:
            continue
        curves[seed] = curve
        scores = _scores(path)
        if scores is not None:
            best[seed] = float(scores["task_return_mean"])
            success[seed] = float(scores["success_rate"])
    return Entry(label, means, curves, best, success, {s: runs[s] for s in curves}) if curves \
        else None


def _scores(path: Path) -> Mapping[str, Any] | None:
    cards = [path / inner / "card.json" for inner in ("adapted", "agent")]
    return next((read_json(card)["scores"] for card in cards if card.is_file()), None)


def ablation_table(task: str, entries: Sequence[Entry]) -> Table:
    """Return Table III of our runs, with the paper's numbers beside them where the task is door."""
    printed = TABLE_III if task.removeprefix("h1-") == "door" else {}
    rows = [(entry.label, _cells(entry, printed.get(entry.label))) for entry in entries]
    records = tuple(_record(entry) for entry in entries)
    notes = (*(f"{entry.label}: {entry.means}." for entry in entries),
             *(NOTES if printed else NOTES[:-1]))
    return Table(f"Ablation on {task}", COLUMNS if printed else COLUMNS[:-2],
                 tuple((label, cells if printed else cells[:-2]) for label, cells in rows),
                 records, notes)


def _cells(entry: Entry, printed: Printed | None) -> tuple[str, ...]:
    peak, best, rate = entry.peak, list(entry.best.values()), list(entry.success.values())
    settled = entry.convergence
    cells = [_mean(peak.mean, peak.stderr, peak.seeds),
             _mean(float(entry.last.mean()), standard_error(entry.last), len(entry.last)),
             _mean(float(np.mean(best)), standard_error(best), len(best)) if best else "-",
             f"{np.mean(rate):.0%}" if rate else "-",
             "-" if settled is None else f"{settled:,.0f}"]
    if printed is None:
        return (*cells, "", "")
    value, steps = printed.task_return, printed.steps_w
    return (*cells, "-" if value is None else f"{value:.2f}",
            "-" if steps is None else f"{steps * TEN_THOUSAND:,.0f}")


def _mean(mean: float, stderr: float | None, seeds: int) -> str:
    spread = "(1 seed)" if stderr is None else f"± {stderr:.2f} ({seeds} seeds)"
    return f"{mean:.2f} {spread}"


def _record(entry: Entry) -> dict[str, Any]:
    peak, last = entry.peak, entry.last
    best = list(entry.best.values())
    return {"variant": entry.label, "seeds": peak.seeds, "peak": peak.mean,
            "peak_stderr": peak.stderr, "peak_step": peak.step, "last": float(last.mean()),
            "last_stderr": standard_error(last), "best": float(np.mean(best)) if best else None,
            "best_stderr": standard_error(best),
            "success": float(np.mean(list(entry.success.values()))) if entry.success else None,
            "convergence_step": entry.convergence,
            "runs": " ".join(path.name for path in entry.runs.values())}


def ablation_curves(task: str, entries: Sequence[Entry]) -> "Figure":
    """Draw Fig. 8: task return over environment steps, the mean over seeds with its band."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for entry, colour in zip(entries, itertools.cycle(PALETTE), strict=False):
            steps, mean, low, high = bootstrap_band(list(entry.curves.values()))
            seeds = len(entry.curves)
            axes.plot(steps / 1e3, mean, color=colour, lw=1.8, marker="o", ms=3,
                      label=f"{entry.label} ({seeds} seed{'s' * (seeds > 1)})")
            axes.fill_between(steps / 1e3, low, high, color=colour, alpha=0.16, lw=0)
            if entry.convergence is not None:
                axes.axvline(entry.convergence / 1e3, color=colour, lw=0.8, ls=(0, (2, 2)))
        axes.set(xlabel="environment steps [thousand]", ylabel="task return",
                 title=f"{task}: mean over seeds, 95 % bootstrap band; dotted line: converged")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), labelcolor=INK)
        return figure


def write_ablation(task: str, entries: Sequence[Entry | None], out: str | Path) -> list[Path]:
    """Write ablation.md, ablation.csv and fig8_ablation.png; return their paths.

    Args:
        entries: see read_entry; None (nothing evaluated) is left out.

    Raises:
        MwxError: nothing has been evaluated, or a file cannot be written.
    """
    shown, out = [e for e in entries if e is not None], Path(out)
    if not shown:
        raise MwxError(f"{out}: no run there has been evaluated yet")
    table = ablation_table(task, shown)
    write_text(out / "ablation.md", table.markdown())
    write_text(out / "ablation.csv", table.csv())
    picture = out / "fig8_ablation.png"
    write_bytes(picture, to_png(ablation_curves(task, shown)))
    return [out / "ablation.md", out / "ablation.csv", picture]

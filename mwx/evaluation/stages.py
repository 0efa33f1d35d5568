"""The reward switcher drawn: which expert was the reference, over training and in an episode."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mwx.evaluation.figures import INK, STYLE, expert_colour, to_png
from mwx.evaluation.statistics import curve_from
from mwx.files import write_bytes
from mwx.robot.h1 import CONTROL_DT
from mwx.runs import read_metrics
from mwx.types import Array
from mwx.untrusted import read_npz, read_object

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STAGE = "stage/"  # + expert: share of environment steps under its reference, in metrics.jsonl


def draw_run(folder: str | Path) -> Path:
    """Draw an adapted policy's stages into stages.png beside its weights; return the path.

    Raises:
        MwxError: the folder holds no adapted policy.
    """
    folder = Path(folder)
    card = read_object(folder / "card.json")
    rows, episode = read_metrics(folder / "metrics.jsonl"), read_episode(folder / "episode.npz")
    others = {name: scores["task_return_mean"] for name, scores in card["compared"].items()}
    figure = stages(rows, episode, others, f"{card['task']}: reference in force "
                    f"(schedule: {card['schedule']}; {card['guidance']})")
    path = folder / "stages.png"
    return write_bytes(path, to_png(figure))


def read_episode(path: Path) -> dict[str, Array]:
    """Read what mwx.router.adapt.record returned."""
    return read_npz(path)


def stages(rows: Sequence[Mapping[str, Any]], episode: Mapping[str, Array],
           others: Mapping[str, float], title: str = "") -> "Figure":
    """Draw three panels: return while training, references while training, one episode.

    Args:
        rows: of metrics.jsonl; episode: see mwx.router.adapt.record.
        others: name to task return of what the adaptation must beat, as dashes.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 6.4), layout="constrained")
        FigureCanvasAgg(figure)
        top, middle, bottom = figure.subplots(3, 1, height_ratios=(3, 1.2, 2))
        _returns(top, rows, others)
        names = [str(name) for name in episode["experts"]]
        _training(middle, rows, names)
        _episode(bottom, episode, names)
        figure.suptitle(title, fontsize=10, color=INK)
        handles, labels = middle.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=max(1, len(labels)))
        return figure


def _returns(axes: "Axes", rows: Sequence[Mapping[str, Any]], others: Mapping[str, float]) -> None:
    curve = curve_from(rows)
    if curve is not None:
        axes.plot(curve.steps / 1e3, curve.values, color=INK, lw=2.2, marker="o", ms=3.6,
                  clip_on=False, label="adapted, unaided")
        axes.set_xlim(0, curve.steps[-1] / 1e3)
    tints = dict(zip(others, np.linspace(0.15, 0.7, len(others)), strict=True))
    for name, value in others.items():
        single = name.removesuffix(" alone")
        colour = expert_colour(single) if single != name else str(tints[name])
        axes.axhline(value, color=colour, lw=1.0, linestyle=(0, (4, 3)), label=name)
    axes.set(ylabel="task return", title="while training")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _training(axes: "Axes", rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Stack the shares of steps under each reference, each over the steps it was counted in."""
    logged = [row for row in rows if f"{STAGE}{names[0]}" in row]
    if logged:
        ends = np.array([row["step"] for row in logged], float) / 1e3
        shares = np.array([[row.get(f"{STAGE}{n}") or 0.0 for n in names] for row in logged])
        edges, low = np.concatenate([[0.0], ends]), np.zeros(len(ends))
        for name, share in zip(names, shares.T, strict=True):
            axes.stairs(low + share, edges, baseline=low, fill=True, label=name.replace("_", " "),
                        color=expert_colour(name), lw=0)
            low = low + share
        axes.set_xlim(0, ends[-1])
    axes.set(ylim=(0, 1), ylabel="reference", xlabel="environment steps [thousand]")
    axes.grid(False)


def _episode(axes: "Axes", episode: Mapping[str, Array], names: Sequence[str]) -> None:
    """Draw the stages of one episode as steps, over a ribbon of the mixture's weights."""
    time = np.arange(len(episode["stage"]) + 1) * CONTROL_DT
    low = np.zeros(len(time) - 1)
    for name, share in zip(names, episode["shares"].T, strict=True):
        axes.stairs(low + share, time, baseline=low, fill=True, color=expert_colour(name), lw=0,
                    alpha=0.45)
        low = low + share
    places = (np.arange(len(names)) + 0.5) / len(names)
    axes.stairs(places[episode["stage"]], time, baseline=None, color=INK, lw=1.6)
    axes.set_yticks(places, [n.replace("_", " ") for n in names])
    axes.set(xlim=(0, time[-1]), ylim=(0, 1), xlabel="time [s]",
             title="one episode: the reference in force (line) over the mixture's weights")
    axes.grid(False)


def show_card(folder: str | Path) -> str:
    """Return an adaptation's returns beside what it must beat, as lines to read."""
    card = read_object(Path(folder) / "card.json")
    of = card["evaluation"]
    rows = {"adapted": card["scores"], **card["compared"]}
    who = ("its teacher acts" if card.get("acts_by") == "teacher" else
           f"best weights of step {card['best_step']:,} of {card['steps']:,}")
    lines = [f"{card['task']}, task return (mean ± standard error of {of['episodes']} episodes, "
             f"seed {of['seed']}; {who})"]
    lines += [f"  {name:<24}{r['task_return_mean']:9.2f} ± {r['task_return_stderr']:.2f}"
              f"   {r['length_mean']:6.0f} steps" for name, r in rows.items()]
    return "\n".join(lines)

"""Figures as themable vector graphics: colours that keep their meaning, for colour-blind eyes too.

Each function returns a matplotlib Figure; `to_svg` gives markup to put into a page, where ink and
lines follow the page's light or dark theme; `to_png` gives a picture to keep.
"""

import io
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mwx.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, one colour per skill for ever
EXPERT_COLOURS = {"stand": "#0072B2", "walk": "#E69F00", "reach": "#009E73", "run": "#D55E00",
                  "sit": "#CC79A7", "carry": "#56B4E9", "crawl": "#B8A800",
                  "reach_two_hands": "#7F7F7F", "step": "#7A4B21"}
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # for what is no skill
ACCENT, SECOND = PALETTE[:2]
GHOST_RGBA = (0.27, 0.55, 0.95, 0.24)  # of a reference beside the robot
INK, LINE = "#4a4f57", "#c9ced6"  # in a page: var(--ink), var(--line)
STYLE: dict[Any, Any] = {"font.size": 9.0, "axes.titlesize": 10.0, "axes.titleweight": "bold",
         "axes.titlelocation": "left", "axes.edgecolor": LINE, "axes.labelcolor": INK,
         "axes.titlecolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
         "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
         "axes.axisbelow": True, "grid.color": LINE, "grid.linewidth": 0.6, "xtick.major.size": 0,
         "ytick.major.size": 0, "legend.frameon": False, "text.parse_math": False,
         "font.family": "DejaVu Sans", "svg.fonttype": "none", "figure.dpi": 100}
Rows = Sequence[Mapping[str, Any]]


def expert_colour(name: str) -> str:
    """Return a skill's colour; an unknown skill gets one by its name, always the same."""
    if name in EXPERT_COLOURS:
        return EXPERT_COLOURS[name]
    colours = list(EXPERT_COLOURS.values())
    return colours[zlib.crc32(name.encode()) % len(colours)]


def weight_ribbon(weights: Array, experts: Sequence[str], dt: float = 0.02,
                  stages: Iterable[tuple[float, float, str]] = (), title: str = "") -> "Figure":
    """Show expert weights over time as stacked ribbons.

    Args:
        weights: (T, K) on the simplex.
        experts: K names.
        dt: [s] between rows.
        stages: (start [s], end [s], text) bands above the ribbon.
        title: say here where the guidance comes from.
    """
    with _style():
        figure, (axes,) = _panels(1, 1, height=2.9)
        time = np.arange(len(weights)) * dt
        axes.stackplot(time, weights.T, colors=[expert_colour(e) for e in experts],
                       labels=[_words(e) for e in experts], linewidth=0, alpha=0.92)
        for i, (start, end, text) in enumerate(stages):
            axes.axvspan(start, end, ymin=1.0, ymax=1.075, clip_on=False, lw=0,
                         color=LINE, alpha=0.9 if i % 2 else 0.55)
            axes.text((start + end) / 2, 1.035, text, ha="center", va="center", fontsize=7.5)
        axes.set(xlim=(0, max(time[-1], dt)), ylim=(0, 1), xlabel="time [s]", ylabel="weight")
        axes.set_title(title, pad=16)
        axes.grid(False)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=max(1, len(experts)))
        return figure


def learning_curves(curves: Mapping[str, Rows], bars: Mapping[str, float] | None = None,
                    step: str = "step") -> "Figure":
    """Show both returns over training steps, one column per expert; they are never added.

    Args:
        curves: expert to its logged rows: `eval/task_return_mean` with `_std` (unaided episodes),
            `train/task_return` (episodes of training, aids included), and the same of alignment.
        bars: expert to the task return that counts as success (HumanoidBench).
        step: name of the horizontal axis in the rows.
    """
    with _style():
        figure, panels = _panels(2, max(1, len(curves)), height=4.4)
        grid = np.array(panels).reshape(2, -1)
        for column, (expert, rows) in enumerate(curves.items()):
            for axes, name in zip(grid[:, column], ("task_return", "alignment_return"),
                                  strict=True):
                _curve(axes, rows, step, name, expert_colour(expert))
                if column == 0:
                    axes.set_ylabel(_words(name))
            if bars and expert in bars:
                grid[0, column].axhline(bars[expert], color=INK, lw=0.9, linestyle=(0, (4, 3)))
                grid[0, column].text(0.02, bars[expert], "success", va="bottom", fontsize=7.5,
                                     transform=grid[0, column].get_yaxis_transform())
            grid[0, column].set_title(_words(expert))
            grid[1, column].set_xlabel("environment steps [thousand]")
        handles, labels = panels[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return figure


def _curve(axes: "Axes", rows: Rows, step: str, name: str, colour: str) -> None:
    """Draw one return: training as a thin line, evaluations with their spread."""
    x, y = _series(rows, step, f"train/{name}")
    axes.plot(x / 1e3, y, color=colour, lw=1.0, alpha=0.55, label="training, with its aids")
    low = np.min(y, initial=0)
    x, y = _series(rows, step, f"eval/{name}_mean")
    axes.plot(x / 1e3, y, color=colour, lw=1.9, marker="o", ms=3.2, label="evaluation, unaided")
    at, spread = _series(rows, step, f"eval/{name}_std")
    if len(at) == len(x):
        axes.fill_between(x / 1e3, y - spread, y + spread, color=colour, alpha=0.16, lw=0)
    axes.set_ylim(bottom=min(0, low, np.min(y, initial=0)))


def score_bars(labels: Sequence[str], means: Sequence[float], deviations: Sequence[float],
               metric: str, highlight: str | None = None) -> "Figure":
    """Compare policies by one score, mean with one standard deviation."""
    with _style():
        figure, (axes,) = _panels(1, 1, height=0.7 + 0.34 * len(labels))
        place = np.arange(len(labels))[::-1]
        colours = [ACCENT if label == highlight else LINE for label in labels]
        axes.barh(place, means, xerr=deviations, color=colours, height=0.62,
                  error_kw={"ecolor": INK, "elinewidth": 1.0, "capsize": 2.5})
        for y, mean, deviation in zip(place, means, deviations, strict=True):
            axes.annotate(f"{mean:,.1f} ± {deviation:,.1f}", (mean + deviation, y), xytext=(6, 0),
                          textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(place, list(labels))
        axes.set_xlabel(metric)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.22)
        axes.set_xlim(left=min(0.0, float(np.min(np.subtract(means, deviations), initial=0))))
        return figure


def joint_tracking(reference: Array, robot: Array, names: Sequence[str], dt: float = 0.02,
                   shown: Sequence[str] = ()) -> "Figure":
    """Show reference and robot joint angles over time, with each joint's RMS error in degrees.

    Args:
        reference, robot: (T, J) [rad].
        names: J joint names.
        dt: [s] between rows.
        shown: joints to show; the six that move most unless told.
    """
    busiest = sorted(np.argsort(-reference.std(0))[:6])
    chosen = list(shown) or [names[int(i)] for i in busiest]
    columns = min(3, len(chosen))
    with _style():
        rows = -(-len(chosen) // columns)
        figure, panels = _panels(rows, columns, height=1.75 * rows + 0.3)
        time = np.arange(len(reference)) * dt
        for axes, name in zip(panels, chosen, strict=False):
            j = list(names).index(name)
            wanted, got = np.degrees(reference[:, j]), np.degrees(robot[:, j])
            axes.plot(time, got, color=ACCENT, linewidth=2.4, alpha=0.75, label="robot")
            axes.plot(time, wanted, color=INK, linewidth=1.1, linestyle=(0, (3, 2)),
                      label="reference")
            rms = float(np.sqrt(np.mean((wanted - got) ** 2)))
            axes.set_title(f"{_words(name)}  {rms:.1f}° RMS", fontsize=8.5)
        for axes in panels[len(chosen):]:
            axes.set_visible(False)
        for axes in panels[max(0, len(chosen) - columns):len(chosen)]:
            axes.set_xlabel("time [s]")
        panels[0].set_ylabel("angle [°]")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
        return figure


def progress_heat_map(router: Array, demonstrations: Array, experts: Sequence[str]) -> "Figure":
    """Show expert weights by task progress: the router beside the demonstrations' prior.

    Args:
        router, demonstrations: (N, K) weights in N equal bins of progress 0..1; NaN where none.
        experts: K names.
    """
    with _style():
        figure, panels = _panels(1, 2, height=0.9 + 0.36 * len(experts))
        pairs = ((router, "router"), (demonstrations, "demonstrations (P_demo)"))
        image: Any = None
        for axes, (values, title) in zip(panels, pairs, strict=True):
            shown = np.ma.masked_invalid(np.asarray(values, float).T)
            image = axes.imshow(shown, vmin=0, vmax=1, cmap=_from_clear(ACCENT), aspect="auto",
                                interpolation="none", extent=(0, 1, len(experts), 0))
            axes.set_yticks(np.arange(len(experts)) + 0.5, [_words(e) for e in experts])
            axes.set(xlabel="task progress", title=title, facecolor="none")
            axes.grid(False)
        panels[1].tick_params(labelleft=False)
        bar = figure.colorbar(image, ax=panels, fraction=0.03, pad=0.02, label="weight")
        bar.outline.set_visible(False)
        return figure


def router_losses(rows: Rows, step: str = "step") -> "Figure":
    """Show the router's losses (10), (11), (12) and the decaying guidance weight over updates."""
    known = (("loss", "L_IRM (12)", ACCENT), ("loss_task", "L_task (10)", SECOND),
             ("loss_demo", "L_demo (11)", EXPERT_COLOURS["reach"]))
    with _style():
        figure, (left, right) = _panels(1, 2, height=2.5)
        for key, label, colour in known:
            x, y = _series(rows, step, key)
            if len(y):
                left.plot(x, y, color=colour, linewidth=1.6, label=label)
        left.legend(fontsize=7.5)
        left.set(title="losses", xlabel="update", ylabel="nats")
        x, y = _series(rows, step, "guidance_weight")
        right.plot(x, y, color=INK, linewidth=1.6)
        right.set(title="guidance weight λ(t)", xlabel="update")
        right.set_ylim(bottom=0)
        return figure


def relevance_bars(experts: Sequence[str], weights: Array, spread: Array | None = None,
                   title: str = "") -> "Figure":
    """Show the relevance w_v of each expert for a task, with the spread of the answers."""
    with _style():
        figure, (axes,) = _panels(1, 1, height=0.8 + 0.3 * len(experts))
        place = np.arange(len(experts))[::-1]
        seen = spread if spread is not None and np.any(spread > 0) else None
        axes.barh(place, weights, xerr=seen, color=[expert_colour(e) for e in experts], height=0.62,
                  error_kw={"ecolor": INK, "elinewidth": 1.0, "capsize": 2.5})
        for y, weight in zip(place, weights, strict=True):
            axes.annotate(f"{weight:.2f}", (weight, y), xytext=(5, 0), fontsize=8, va="center",
                          textcoords="offset points")
        axes.set_yticks(place, [_words(e) for e in experts])
        axes.set(xlim=(0, max(1.0, float(np.max(weights)))), xlabel="relevance", title=title)
        axes.grid(axis="y", visible=False)
        return figure


def scalars(rows: Rows, step: str = "step", leave_out: Sequence[str] = ("time",)) -> "Figure":
    """Show every logged number over steps, one small panel each (at most 24)."""
    from matplotlib.ticker import EngFormatter, MaxNLocator
    names = [name for name in dict.fromkeys(key for row in rows for key in row)
             if name not in (step, *leave_out) and len(_series(rows, step, name)[1]) > 1][:24]
    with _style():
        lines = max(1, -(-len(names) // 3))
        figure, panels = _panels(lines, 3, height=1.5 * lines + 0.3)
        for axes, name in zip(panels, names, strict=False):
            axes.plot(*_series(rows, step, name), color=ACCENT, linewidth=1.3)
            axes.set_title(_words(name), fontsize=8.5)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        for axes in panels[len(names):]:
            axes.set_visible(False)
        return figure


def to_svg(figure: "Figure", name: str) -> str:
    """Return markup for a page; ink and lines are `var(--ink)` and `var(--line)` there.

    Args:
        figure: any figure of this module.
        name: unique in the page: it keeps the figures' internal identifiers apart.
    """
    import matplotlib
    buffer = io.StringIO()
    _as_written(figure)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    markup = buffer.getvalue()
    markup = markup[markup.index("<svg"):]
    markup = re.sub(r"<metadata>.*?</metadata>", "", markup, flags=re.DOTALL)
    markup = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", markup, count=1)
    markup = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", markup, count=1)
    markup = re.sub(r' id="(figure|axes|patch|text|line2d|matplotlib\.axis|xtick|ytick|legend'
                    r'|FillBetween|LineCollection|QuadMesh)[^"]*"', "", markup)
    markup = markup.replace("'DejaVu Sans'", "var(--font)")
    return markup.replace(INK, "var(--ink)").replace(LINE, "var(--line)")


def to_png(figure: "Figure", dpi: int = 150) -> bytes:
    """Return the figure as PNG bytes on white."""
    buffer = io.BytesIO()
    _as_written(figure)
    with _style():
        figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
    return buffer.getvalue()


def _as_written(figure: "Figure") -> None:
    """Let no text be taken for a formula: names come from users, and `$_$` is none."""
    from matplotlib.text import Text
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # pyright: ignore[reportAttributeAccessIssue]


def _style() -> Any:
    import matplotlib
    return matplotlib.rc_context(STYLE)


def _panels(rows: int, columns: int, height: float,
            width: float = 8.6) -> tuple["Figure", list["Axes"]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    return figure, list(panels.ravel())


def _series(rows: Rows, x: str, y: str) -> tuple[Array, Array]:
    """Return the pairs of two logged columns; rows without either are left out."""
    pairs = [(row[x], row[y]) for row in rows
             if isinstance(row.get(x), int | float) and isinstance(row.get(y), int | float)]
    return (np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs], float))


def _from_clear(colour: str) -> Any:
    """Return a colour map from see-through to a colour: it reads on light and dark pages."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb
    return LinearSegmentedColormap.from_list("clear", [(*to_rgb(colour), a) for a in (0.04, 1.0)])


def _words(name: str) -> str:
    return name.replace("_", " ")

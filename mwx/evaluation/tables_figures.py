"""Figs. 5-7 from runs: learning curves with bands, film strips, panels of naturalness."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.card import task_of
from mwx.evaluation.figures import INK, PALETTE, STYLE, to_png
from mwx.evaluation.naturalness import MEASURES
from mwx.evaluation.policies import load_policy
from mwx.evaluation.run_sources import EXPERT, Group, Source
from mwx.evaluation.statistics import bootstrap_band
from mwx.files import write_bytes
from mwx.robot.h1 import CONTROL_DT
from mwx.sim import make_for
from mwx.sim.render import Renderer, View, gl_backend
from mwx.sim.tasks import TASKS
from mwx.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURES, PICTURE = 8, (300, 220)  # of a strip; [pixel] height and width
START_S = 4.0  # [s] when a strip begins: the motion has settled
GAITS = ("walk", "run", "carry", "crawl")
SPAN_S, GAIT_SPAN_S = 12.0, 1.2  # [s] of motion in a strip; of a gait, one stride and a bit
SEED = 1


def learning(groups: Sequence[Group]) -> "Figure | None":
    """Draw Fig. 5: task return over environment steps, a panel a column; None without a curve.

    Lines are means over seeds, bands their 95 % bootstrap intervals, dashes HumanoidBench's bar
    of success.
    """
    drawn = [g for g in groups if g.curves("task return")]
    if not drawn:
        return None
    with _style():
        return _draw_learning(drawn)


def _draw_learning(drawn: Sequence[Group]) -> "Figure":
    columns = list(dict.fromkeys(g.column for g in drawn))
    colours = _colours([g.label for g in drawn])
    figure, panels = _grid(len(columns), 3, 2.3)
    for axes, column in zip(panels, columns, strict=False):
        for group in (g for g in drawn if g.column == column):
            _band(axes, group, colours[group.label])
        bar = _bar(column)
        if bar is not None:
            axes.axhline(bar, color=INK, lw=0.9, linestyle=(0, (4, 3)))
        axes.set_title(column.replace("_", " "))
        axes.set_xlabel("environment steps [thousand]")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    panels[0].set_ylabel("task return")
    _legend(figure, colours, {label: sorted({len(g.curves("task return")) for g in drawn
                                             if g.label == label}) for label in colours})
    return figure


def naturalness(sources: Sequence[Source]) -> "Figure | None":
    """Draw the panels of naturalness: each measure of each measured expert beside its reference.

    Returns:
        None where no card has been measured. The dashes are each task's reference, where it has
        that measure.
    """
    shown = [s for s in sources if "naturalness" in s.measured]
    if not shown:
        return None
    with _style():
        return _draw_naturalness(shown)


def _draw_naturalness(shown: Sequence[Source]) -> "Figure":
    names = [n for n, m in MEASURES.items() if m.better != "-"
             and any(_value(s, n) is not None for s in shown)]
    colours = _colours([s.method for s in shown])
    figure, panels = _grid(len(names) + 1, 4, 1.1 + 0.22 * len(shown))
    place = np.arange(len(shown))[::-1]
    for axes, name in zip(panels, names, strict=False):
        for y, source in zip(place, shown, strict=True):
            value, own = _value(source, name), source.measured["naturalness"]["reference"].get(name)
            if value is None:
                axes.text(0.02, y, "not defined", fontsize=6.5, va="center",
                          transform=axes.get_yaxis_transform())
            else:
                axes.barh(y, value, color=colours[source.method], height=0.62)
            if own is not None:
                axes.plot([own, own], [y - 0.4, y + 0.4], color=INK, lw=1.4,
                          linestyle=(0, (2, 1)))
        _finish(axes, f"{name.replace('_', ' ')} [{MEASURES[name].unit}]", MEASURES[name].better)
    _trials(panels[len(names)], shown, place, colours)
    for k, axes in enumerate(panels[:len(names) + 1]):
        axes.set_yticks(place, [s.folder.name for s in shown] if k % 4 == 0
                        else [""] * len(shown), fontsize=7)
        axes.set_ylim(-0.6, len(shown) - 0.4)  # also where a measure is not defined
    _legend(figure, colours, {})
    return figure


def _trials(axes: "Axes", shown: Sequence[Source], place: Array, colours: dict[str, str]) -> None:
    """Draw how many of the trials went without a fall."""
    for y, source in zip(place, shown, strict=True):
        trials = source.measured["trials"]
        axes.barh(y, trials["no_fall"] / trials["trials"], color=colours[source.method],
                  height=0.62)
    axes.set_xlim(0, 1)
    seconds = "/".join(dict.fromkeys(f"{s.measured['trials']['seconds']:g}" for s in shown))
    _finish(axes, f"trials of {seconds} s without a fall [share]", "more")


def _finish(axes: "Axes", title: str, better: str) -> None:
    axes.set_title(title, fontsize=8)
    axes.set_xlabel(better, fontsize=7)
    axes.tick_params(axis="x", labelsize=7)
    axes.margins(x=0.06)
    axes.grid(axis="y", visible=False)


def film_strip(source: Source, pictures: int = PICTURES, size: tuple[int, int] = PICTURE,
               start_s: float = START_S) -> list[Array]:
    """Return pictures (height, width, 3) uint8 of one episode, seen from the right, evenly spaced.

    Args:
        source: with weights; acts by its policy prior.
        pictures: how many; a gait's show one stride and a bit, any other motion twelve seconds.
        size: [pixel] height and width.
        start_s: [s] of the first one.

    Raises:
        MwxError: no GL back end works here, or the source has no weights.
    """
    if source.weights is None:
        raise MwxError(f"{source.folder}: nothing there that acts: the run has not finished")
    policy = load_policy(source.weights)
    env = make_for(policy.act_dim, task_of(policy), 1, SEED, threads=1, auto_reset=False)
    span = GAIT_SPAN_S if source.column in GAITS else SPAN_S
    steps = np.round((start_s + np.linspace(0, span, pictures)) / CONTROL_DT).astype(int)
    obs, carry, out = env.reset(SEED), policy.initial(1), []
    with Renderer(env.model, *size, shadows=True) as renderer:
        for k in range(int(steps[-1]) + 1):
            if k in steps:
                x, y, z = (float(v) for v in env.physics.base_pos[0])
                view = View((x, y, max(0.5, min(z, 0.9))), 3.0, 90.0, -6.0)
                out.append(renderer.render(env.physics, 0, view))
            action, carry = policy(obs, carry)
            obs = env.step(action).obs
    return out


def film_strips(sources: Sequence[Source]) -> Array | None:
    """Return one picture (H, W, 3) uint8 with a labelled strip a row; None without weights.

    Rows of one column stand together, so that an expert with imitation is above the one without.
    """
    shown = sorted((s for s in sources if s.weights is not None), key=lambda s: s.column)
    if not shown:
        return None
    rows = []
    for source in shown:
        strip = np.concatenate(film_strip(source), axis=1)
        title = f"{source.column.replace('_', ' ')}: {source.folder.name} ({source.label})"
        rows += [_title_bar(title, strip.shape[1]), strip]
    return np.concatenate(rows, axis=0)


def write_figures(groups: Sequence[Group], out: str | Path, films: bool = True
                  ) -> tuple[list[Path], list[str]]:
    """Write fig5_learning.png, fig6_films.png and fig7_naturalness.png where there is something.

    Args:
        groups: see run_sources.grouped.
        out: folder; made if need be.
        films: play an episode of every expert and draw it.

    Returns:
        the files, and for each that was left out, why.
    """
    sources, out = [s for g in groups for s in g.sources], Path(out)
    written, reasons = [], []
    for name, figure, needs in (
            ("fig5_learning.png", learning(groups), "no run logged an evaluation"),
            ("fig7_naturalness.png", naturalness(sources),
             "no card has naturalness: `mwx card FOLDER` measures it")):
        if figure is None:
            reasons.append(f"{name}: {needs}")
        else:
            written.append(write_bytes(out / name, to_png(figure)))
    if films:
        acting = [s for g in groups if (s := _one_that_acts(g)) is not None]
        path = _films(acting, out / "fig6_films.png", reasons)
        written += [path] if path else []
    return written, reasons


def _films(sources: Sequence[Source], path: Path, reasons: list[str]) -> Path | None:
    if gl_backend() is None:
        reasons.append(f"{path.name}: no GL back end works here; `mwx check` says what to install")
        return None
    picture = film_strips(sources)
    if picture is None:
        reasons.append(f"{path.name}: no run has finished: nothing there that acts")
        return None
    import imageio.v3 as imageio
    return write_bytes(path, imageio.imwrite("<bytes>", picture, extension=".png"))


def _one_that_acts(group: Group) -> Source | None:
    """Return the lowest seed that left weights: one film a row of the table is enough."""
    return next((s for s in group.sources if s.weights is not None), None)


def _band(axes: "Axes", group: Group, colour: str) -> None:
    steps, mean, low, high = bootstrap_band(group.curves("task return"))
    axes.plot(steps / 1e3, mean, color=colour, lw=1.7, marker="o", ms=2.6)
    axes.fill_between(steps / 1e3, low, high, color=colour, alpha=0.18, lw=0)


def _bar(column: str) -> float | None:
    """Return HumanoidBench's bar of success of a column's task."""
    task = TASKS.get("sit_simple" if column == "sit" else column)
    return None if task is None else task.success_bar


def _value(source: Source, name: str) -> float | None:
    return source.measured["naturalness"]["values"].get(name)


def _colours(labels: Sequence[str]) -> dict[str, str]:
    """Return a colour a label: the experts' own first."""
    ordered = sorted(dict.fromkeys(labels), key=lambda x: not x.startswith(f"{EXPERT},"))
    return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(ordered)}


def _legend(figure: "Figure", colours: dict[str, str], seeds: dict[str, list[int]]) -> None:
    from matplotlib.lines import Line2D
    counts = {label: f" ({n[0]} seed{'s' * (n[0] > 1)})" if len(n) == 1 else
              f" ({n[0]}-{n[-1]} seeds)" for label, n in seeds.items()}
    handles = [Line2D([], [], color=colour, lw=3, label=label + counts.get(label, ""))
               for label, colour in colours.items()]
    wide = max(len(str(handle.get_label())) for handle in handles) * 0.075 + 0.5  # [inch]
    figure.legend(handles=handles, loc="outside lower center", fontsize=8,
                  ncols=max(1, int(figure.get_figwidth() // wide)))


def _grid(count: int, columns: int, height: float) -> "tuple[Figure, list[Axes]]":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.1 * max(columns, 2), height * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels


def _style() -> Any:
    import matplotlib
    return matplotlib.rc_context(STYLE)


def _title_bar(text: str, width: int) -> Array:
    """Return a white line of text (28, width, 3) uint8."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont
    font = ImageFont.truetype(
        Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), 15)
    page = Image.new("RGB", (width, 28), "white")
    ImageDraw.Draw(page).text((8, 14), text, INK, font=font, anchor="lm")
    return np.asarray(page)

"""The quality sheet of a reference as one page: what it asks of each joint, how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.figures import INK, LINE, PALETTE, STYLE, to_png
from mwx.evaluation.motion_film import strip
from mwx.evaluation.motion_stage import stage
from mwx.files import write_bytes
from mwx.maths import rotations
from mwx.motion import MotionClip, Reference, Sheet, bodies, contacts, quality_sheet, tangent
from mwx.motion.feedforward import FEET, FeedForward, feed_forward
from mwx.motion.quality import TARGETS
from mwx.robot import H1, h1_numbers
from mwx.sim.render import gl_backend
from mwx.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE, DPI = (15.4, 10.9), 110  # [inch] width and height; pixels an inch
PHASES, PHASE_SIZE = 8, (250, 248)  # pictures of the strip; [pixel] height, width
(LEFT, RIGHT), GOOD, BAD = PALETTE[:2], "#2a9d6f", "#c1352f"
JOINTS = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle", "shoulder_pitch", "shoulder_roll",
          "shoulder_yaw", "elbow", "torso")
SMALL = 7.5  # [point]


@dataclass(frozen=True)
class Measured:
    """Everything the page draws.

    Attributes:
        reference: what is measured; forward: its inverse dynamics; sheet: its marks.
        heel, tip: side -> (T, 3) [m, world] edges of the soles.
    """

    reference: Reference
    forward: FeedForward
    sheet: Sheet
    heel: dict[str, Array]
    tip: dict[str, Array]

    @property
    def time(self) -> Array:
        """(T,) [s]."""
        return np.arange(self.reference.num_frames) / self.reference.fps


def write_sheet(reference: Reference, path: str | Path, clip: MotionClip | None = None) -> Path:
    """Write the quality sheet as a picture and return its path; nothing is left half-written.

    Args:
        reference: what is measured.
        path: ends in .png.
        clip: what it was made from, for the strip of phases.

    Raises:
        MwxError: another ending, or a disk that fails.
    """
    path = Path(path)
    if path.suffix != ".png":
        raise MwxError(f"{path}: the sheet is a PNG; give a name that ends in .png")
    figure = page(reference, clip)
    return write_bytes(path, to_png(figure, DPI))


def page(reference: Reference, clip: MotionClip | None = None) -> "Figure":
    """Return the page; without a GL back end its strip of phases is left out, and it says so."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "font.size": 8.0, "axes.titlesize": 8.6}):
        figure = Figure(figsize=PAGE)
        FigureCanvasAgg(figure)
        now = measure(reference)
        _heading(figure, now)
        upper = figure.add_gridspec(2, 1, height_ratios=(1.2, 2.15), left=0.04, right=0.985,
                                    top=0.92, bottom=0.405, hspace=0.17)
        lower = figure.add_gridspec(1, 4, width_ratios=(0.95, 1.0, 1.0, 1.32), left=0.082,
                                    right=0.985, top=0.342, bottom=0.056, wspace=0.24)
        _strip(figure, upper[0], reference, clip)
        _angles(figure, upper[1], now)
        _demands(figure.add_subplot(lower[0]), now)
        _standing(figure, lower[1], now)
        _forces(figure, lower[2], now)
        _marks(figure.add_subplot(lower[3]), now.sheet)
        return figure


def measure(reference: Reference) -> Measured:
    """Return what the page draws of a reference."""
    smoothing = tangent.CLEAN if reference.generated else tangent.CAPTURED
    forward = feed_forward(
        reference.qpos, reference.contact, reference.fps,
        reference.advance if reference.loop else None, smoothing=smoothing,
        supports=reference.bearing or None)
    heel, tip = soles(reference.qpos)
    return Measured(reference, forward, quality_sheet(reference, forward), heel, tip)


def soles(qpos: Array) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the heel and the toe edge of each sole, side -> (T, 3) [m, world]."""
    model = bodies.model()
    data = mujoco.MjData(model)
    edges = [{side: np.zeros((len(qpos), 3)) for side in ("left", "right")} for _ in range(2)]
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for side, foot in zip(("left", "right"), FEET, strict=True):
            for edge, x in zip(edges, h1_numbers.SOLE_X, strict=True):
                local = np.array([x, 0, -h1_numbers.SOLE_HEIGHT])
                edge[side][t] = data.body(foot).xpos + rotations.rotate(data.body(foot).xquat,
                                                                        local)
    return edges[0], edges[1]


def _heading(figure: "Figure", now: Measured) -> None:
    reference, sheet = now.reference, now.sheet
    kind = "generated" if reference.generated else "captured"
    loop = f", loop of {reference.advance[0]:.2f} m" if reference.loop else ""
    failed = sheet.missed
    verdict = "all targets met" if not failed else \
        f"{len(failed)} of {len(sheet.values)} targets missed"
    figure.text(0.04, 0.972, reference.label, fontsize=17, fontweight="bold", color="#16191d",
                va="center")
    figure.text(0.985, 0.972, verdict, fontsize=12, fontweight="bold", ha="right", va="center",
                color=BAD if failed else GOOD)
    figure.text(0.04, 0.946, f"{kind} motion on {reference.robot} · {reference.num_frames} frames "
                f"at {reference.fps:g} Hz, {reference.duration_s:.2f} s{loop}", fontsize=9,
                va="center")
    digest = f" · sha256 {reference.source_sha256[:16]}" if reference.source_sha256 else ""
    figure.text(0.04, 0.014, f"source: {reference.source or 'not said'}{digest} · licence: "
                f"{reference.licence or 'not said'}", fontsize=SMALL, color="#6d737d", va="center")
    figure.text(0.985, 0.014, "mwx motion sheet", fontsize=SMALL, color="#6d737d", ha="right",
                va="center")


def _strip(figure: "Figure", place: Any, reference: Reference, clip: MotionClip | None) -> None:
    cells = place.subgridspec(1, PHASES, wspace=0.03)
    if gl_backend() is None:
        axes = figure.add_subplot(place)
        axes.text(0.5, 0.5, "no pictures: no GL back end works here (`mwx check` says more)",
                  ha="center", va="center")
        axes.set_axis_off()
        return
    pictures = strip(stage(reference, clip), PHASES, *PHASE_SIZE)
    times = np.linspace(0, reference.num_frames - 1, PHASES).round() / reference.fps
    for cell, picture, time in zip(cells, pictures, times, strict=True):
        axes = figure.add_subplot(cell)
        axes.imshow(picture, aspect="equal", interpolation="antialiased")
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.text(0.04, 0.95, f"{time:.2f} s", transform=axes.transAxes, fontsize=SMALL, va="top")


def _angles(figure: "Figure", place: Any, now: Measured) -> None:
    """Draw the joint angles, left and right in one panel, on the range that each may use."""
    grid = place.subgridspec(2, 5, hspace=0.36, wspace=0.2)
    degrees = np.degrees(now.reference.qpos[:, 7:])
    for k, name in enumerate(JOINTS):
        axes = figure.add_subplot(grid[k // 5, k % 5])
        sides = ("",) if name == "torso" else ("left_", "right_")
        low, high = [], []
        for side, colour, thick in zip(sides, (LEFT, RIGHT), (2.3, 1.3), strict=False):
            j = H1.joint(f"{side}{name}")
            mirrored = side == "right_" and bool(H1.mirror_sign[j] < 0)
            sign = -1 if mirrored else 1  # so that left and right may be compared
            axes.plot(now.time, sign * degrees[:, j], color=colour, lw=thick,
                      label=side.strip("_") or "torso")
            ends = sorted((sign * np.degrees(H1.low[j]), sign * np.degrees(H1.high[j])))
            low.append(ends[0])
            high.append(ends[1])
        _between(axes, max(low), min(high), degrees_shown=_extent(axes))
        axes.set_title(name.replace("_", " "))
        axes.set_xlim(0, max(now.time[-1], 0.02))
        if k % 5 == 0:
            axes.set_ylabel("angle [°]")
        if k == 0:
            axes.legend(loc="best", fontsize=SMALL, ncols=2, handlelength=1.2, borderpad=0.1)
        if k >= 5:
            axes.set_xlabel("time [s]", labelpad=1)


def _extent(axes: "Axes") -> tuple[float, float]:
    return tuple(float(y) for y in axes.get_ylim())  # pyright: ignore[reportReturnType]


def _between(axes: "Axes", low: float, high: float, degrees_shown: tuple[float, float]) -> None:
    """Shade what lies beyond a joint's range, where the axis comes near it."""
    room = 0.12 * max(degrees_shown[1] - degrees_shown[0], 8.0)
    bottom, top = degrees_shown[0] - room, degrees_shown[1] + room
    middle = (bottom + top) / 2
    half = max((top - bottom) / 2, 6.0)
    axes.set_ylim(middle - half, middle + half)
    for edge, far in ((low, middle - half - 1), (high, middle + half + 1)):
        if middle - half < edge < middle + half:
            axes.axhspan(edge, far, color=BAD, alpha=0.10, lw=0)
            axes.axhline(edge, color=BAD, lw=0.9, alpha=0.8)
    axes.set_ylim(middle - half, middle + half)
    used = f"{low:.0f} … {high:.0f}°"
    axes.text(0.995, 1.03, used, transform=axes.transAxes, ha="right", fontsize=SMALL - 0.7,
              color="#8a919b")


def _demands(axes: "Axes", now: Measured) -> None:
    """Draw the largest speed and torque of each joint as a part of its bound."""
    speed = np.abs(now.reference.qvel[:, 6:]).max(axis=0) / H1.speed_limit
    torque = now.forward.utilisation
    place = np.arange(len(JOINTS))[::-1]
    for values, offset, colour, label in ((speed, 0.2, "#7b8794", "speed"),
                                          (torque, -0.2, LEFT, "torque")):
        worst = [max(float(values[H1.joint(f"{s}{name}")]) for s in
                     (("",) if name == "torso" else ("left_", "right_"))) for name in JOINTS]
        over = [BAD if value > 1 else colour for value in worst]
        axes.barh(place + offset, np.minimum(worst, 1.98), height=0.34, color=over, label=label)
        for y, value in zip(place + offset, worst, strict=True):
            axes.text(min(value, 1.98) + 0.02, y, f"{100 * value:.0f}", va="center", fontsize=6.3)
    axes.axvline(1, color=INK, lw=1.0)
    axes.set_yticks(place, [name.replace("_", " ") for name in JOINTS])
    axes.set(xlim=(0, max(1.18, 1.1 * min(1.98, float(torque.max())))),
             title="peak speed (grey), torque (blue)")
    axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    axes.grid(axis="y", visible=False)


def _standing(figure: "Figure", place: Any, now: Measured) -> None:
    """Draw what bears weight, how high the soles are, and how fast a standing sole slides."""
    grid = place.subgridspec(3, 1, height_ratios=(0.62, 1, 1), hspace=0.5)
    reference, time = now.reference, now.time
    rows = {"left foot": reference.contact[:, 0], "right foot": reference.contact[:, 1],
            **{k.replace("_", " "): v for k, v in reference.bearing.items()}}
    axes = figure.add_subplot(grid[0])
    for y, (name, on) in enumerate(rows.items()):
        colour = LEFT if name.startswith("left") else RIGHT if name.startswith("right") else INK
        spans = [(a / reference.fps, (b - a) / reference.fps) for a, b in contacts.runs(on)]
        axes.broken_barh(spans, (-y - 0.36, 0.72), color=colour, lw=0)
    axes.set_yticks(-np.arange(len(rows)), list(rows), fontsize=SMALL)
    axes.set(title="bears weight", ylim=(-len(rows) + 0.4, 0.6))
    height, slide = figure.add_subplot(grid[1]), figure.add_subplot(grid[2])
    for i, (side, colour) in enumerate((("left", LEFT), ("right", RIGHT))):
        low = 100 * np.minimum(now.heel[side][:, 2], now.tip[side][:, 2])
        height.plot(time, low, color=colour, lw=1.4)
        speed = np.linalg.norm(np.gradient(now.tip[side][:, :2], 1 / reference.fps, axis=0),
                               axis=1) if len(time) > 1 else np.zeros(len(time))
        on = reference.contact[:, i]
        slide.plot(time, np.where(on & np.roll(on, 1) & np.roll(on, -1), 100 * speed, np.nan),
                   color=colour, lw=1.4)
    height.axhline(0, color=INK, lw=0.8)
    _target(slide, TARGETS["skate_p95"][1], "target of the 95th percentile")
    height.set(title="lowest edge of the sole [cm]")
    slide.set(title="slide of a standing toe [cm/s]", xlabel="time [s]")
    slide.set_ylim(0, max(1.25 * TARGETS["skate_p95"][1], slide.get_ylim()[1]))
    for one in (axes, height, slide):
        one.set_xlim(0, max(time[-1], 0.02))


def _forces(figure: "Figure", place: Any, now: Measured) -> None:
    """Draw the ground's vertical force, what no contact explains, and the base's height."""
    grid = place.subgridspec(3, 1, height_ratios=(1, 0.8, 0.8), hspace=0.5)
    weight = h1_numbers.TOTAL_MASS * 9.81
    vertical, root, base = (figure.add_subplot(cell) for cell in grid)
    for i, colour in enumerate((LEFT, RIGHT)):
        vertical.plot(now.time, now.forward.ground_force[:, i, 2] / weight, color=colour, lw=1.4)
    for force in now.forward.support_force.values():
        vertical.plot(now.time, force[:, 2] / weight, color=INK, lw=1.1)
    root.plot(now.time, now.forward.unexplained, color=INK, lw=1.3)
    _target(root, now.sheet.targets["unexplained_p95"][1], "target of the 95th percentile")
    most = float(now.forward.unexplained.max())
    root.set_ylim(0, 1.25 * max(now.sheet.targets["unexplained_p95"][1], most))
    base.plot(now.time, now.reference.qpos[:, 2], color=INK, lw=1.4)
    middle = float(now.reference.qpos[:, 2].mean())
    span = max(0.05, 1.2 * float(np.ptp(now.reference.qpos[:, 2])))
    base.set_ylim(middle - span / 2 - 0.01, middle + span / 2 + 0.01)
    vertical.set(title="force of the ground, up [body weight]")
    root.set(title="unexplained root force [body weight]")
    base.set(title="height of the pelvis [m]", xlabel="time [s]")
    for axes in (vertical, root, base):
        axes.set_xlim(0, max(now.time[-1], 0.02))


def _target(axes: "Axes", value: float, text: str) -> None:
    axes.axhline(value, color=GOOD, lw=0.9, linestyle=(0, (4, 2)))
    axes.text(0.995, value, text, transform=axes.get_yaxis_transform(), ha="right", va="bottom",
              fontsize=6.3, color=GOOD)


def _marks(axes: "Axes", sheet: Sheet) -> None:
    """Write the table: quantity, measured, target, and whether it is met."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1), title="quality")
    rows = [name for name in TARGETS if name in sheet.values]
    step = min(0.066, 1 / (len(rows) + 1))
    _line(axes, 1 - step / 2, ("quantity", "measured", "target", "unit", ""), "#8a919b", INK)
    for k, name in enumerate(rows):
        unit, good = TARGETS[name][0], sheet.passes(name)
        mark = "" if name not in sheet.targets else "✓" if good else "✗"
        bound = sheet.bound(name).replace(">=", "≥").replace("<=", "≤")
        y = 1 - (k + 1.5) * step
        axes.axhline(y + step / 2, color=LINE, lw=0.5)
        words = (name.replace("_", " "), f"{sheet.values[name]:.2f}",
                 bound, unit, mark)
        _line(axes, y, words, INK, GOOD if good else BAD)


def _line(axes: "Axes", y: float, words: Sequence[str], ink: str, mark: str) -> None:
    columns = ((0.0, "left"), (0.56, "right"), (0.70, "right"), (0.73, "left"), (1.0, "right"))
    for k, (word, (x, side)) in enumerate(zip(words, columns, strict=True)):
        strong = k in (1, 4)
        axes.text(x, y, word, ha=side, va="center", fontsize=SMALL if k != 3 else SMALL - 1,
                  color=mark if strong else ink, fontweight="bold" if strong else "normal")

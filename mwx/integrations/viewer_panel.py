"""The viewer's panel: what the viewer asks for, and what it is told."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mwx.evaluation.figures import ACCENT, SECOND, expert_colour
from mwx.types import Array

SPEEDS = (0.1, 4.0)  # of real time
SINGLE, AGAIN = "Single step", "New episode"


@dataclass
class Wishes:
    """What the watcher asked for last; the playing thread reads it at every step.

    Attributes:
        paused: no step unless `single` asks for one.
        single: control steps still to be made while paused.
        speed: of real time.
        restart: start anew with the next seed.
        row: the environment shown.
        follow: keep the robot in the middle of the picture.
        ghost: show the reference; ghost_aside: [m] how far to the robot's left.
        hold: pause when the shown episode ends.
    """

    paused: bool = False
    single: int = 0
    speed: float = 1.0
    restart: bool = False
    row: int = 0
    follow: bool = True
    ghost: bool = True
    ghost_aside: float = 0.0
    hold: bool = False


@dataclass(frozen=True)
class Status:
    """What the panel shows.

    Attributes:
        step, max_steps: control steps of the shown episode, made and at most.
        reward: of the last step; task_return: of the episode so far.
        progress: [0, 1] of the task, as the task measures it.
        terms: the last step's reward terms.
        real_time: simulated seconds a second.
        episode: how many ended before; last: how the one before ended, in words.
        weights: expert -> weight in each joint group (G,), or None.
        reference: the skill that the ghost shows, or None.
    """

    step: int
    max_steps: int
    reward: float
    task_return: float
    progress: float
    terms: Mapping[str, float]
    real_time: float
    episode: int
    last: str
    weights: Mapping[str, Array] | None
    reference: str | None


class Panel:
    """Builds the panel and keeps `wishes` as the watcher sets them."""

    def __init__(self, server: Any, title: str, policy: str, text: str, rows: int, *,
                 has_ghost: bool, has_weights: bool):
        self.wishes = Wishes()
        gui = server.gui
        gui.set_panel_label(title)
        gui.configure_theme(control_width="medium", show_logo=False, show_share_button=False,
                            brand_color=tuple(bytes.fromhex(ACCENT[1:])))
        gui.add_html(heading(policy, text))
        self.play = gui.add_button("Pause", icon="player-pause")
        self.more = gui.add_button_group("", (SINGLE, AGAIN))
        self.speed = gui.add_slider("speed", min=SPEEDS[0], max=SPEEDS[1], step=0.1,
                                    initial_value=1.0, marks=((1.0, "1"), (2.0, "2"), (4.0, "4")))
        self.row = gui.add_slider("environment", min=0, max=max(rows - 1, 1), step=1,
                                  initial_value=0, visible=rows > 1)
        self.follow = gui.add_checkbox("follow the robot", self.wishes.follow)
        self.hold = gui.add_checkbox("pause at the end of an episode", self.wishes.hold)
        self.ghost = gui.add_checkbox("reference ghost", self.wishes.ghost, visible=has_ghost)
        self.aside = gui.add_slider("ghost aside [m]", min=0.0, max=2.0, step=0.1,
                                    initial_value=0.0, visible=has_ghost)
        with gui.add_folder("Expert weights", visible=has_weights):
            self._weights = gui.add_html("")
        with gui.add_folder("Episode"):
            self._episode = gui.add_html("")
        with gui.add_folder("Reward"):
            self._terms = gui.add_html("")
        self._connect()

    def _connect(self) -> None:
        wishes = self.wishes
        self.play.on_click(lambda _: self.pause(not wishes.paused))
        self.more.on_click(lambda event: self.press(event.target.value))
        bound = ((self.speed, "speed", float), (self.row, "row", int),
                 (self.follow, "follow", bool), (self.hold, "hold", bool),
                 (self.ghost, "ghost", bool), (self.aside, "ghost_aside", float))
        for handle, name, kind in bound:
            handle.on_update(_setter(wishes, name, kind))

    def pause(self, paused: bool) -> None:
        """Pause or go on, and say so on the button."""
        self.wishes.paused = paused
        self.play.label = "Play" if paused else "Pause"
        self.play.icon = "player-play" if paused else "player-pause"

    def press(self, button: str) -> None:
        """Do what a button says: one control step and then pause, or a new episode."""
        if button == AGAIN:
            self.wishes.restart = True
            return
        self.pause(True)
        self.wishes.single += 1

    def show(self, status: Status) -> None:
        """Tell the watcher the numbers."""
        self._episode.content = episode_html(status)
        self._terms.content = terms_html(status)
        if status.weights is not None:
            self._weights.content = weights_html(status.weights)


def _setter(wishes: Wishes, name: str, kind: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda event: setattr(wishes, name, kind(event.target.value))


def heading(policy: str, text: str) -> str:
    """Return who acts and what it was told."""
    return _box(f"<div style='font-weight:600'>{html.escape(policy)}</div>"
                f"<div style='opacity:.75;font-size:.92em'>{html.escape(text)}</div>")


def episode_html(status: Status) -> str:
    """Return time, return and progress as a table with one bar."""
    seconds = status.step / 50
    rows = [("time", f"{seconds:.2f} s &nbsp; <span style='opacity:.6'>step {status.step} of "
                     f"{status.max_steps}</span>"),
            ("return so far", f"<b>{status.task_return:z.2f}</b>"),
            ("reward", f"{status.reward:z.3f}"),
            ("episode", f"{status.episode + 1}"),
            ("played at", f"{status.real_time:.2f} of real time")]
    if status.reference:
        rows.append(("ghost", html.escape(status.reference)))
    table = "".join(f"<tr><td style='opacity:.7;padding-right:.8em'>{k}</td><td>{v}</td></tr>"
                    for k, v in rows)
    last = f"<div style='opacity:.7;margin-top:.3em'>{html.escape(status.last)}</div>"
    return _box(f"<table style='border-spacing:0'>{table}</table>"
                + bar("progress", status.progress, f"{status.progress:.0%}", ACCENT)
                + (last if status.last else ""))


def terms_html(status: Status) -> str:
    """Return a bar for each reward term: full at 1, another colour where negative."""
    return _box("".join(
        bar(name.replace("_", " "), abs(value), f"{value:z.3f}", ACCENT if value >= 0 else SECOND)
        for name, value in status.terms.items()) or "<i>no step yet</i>")


def weights_html(weights: Mapping[str, Array]) -> str:
    """Return a bar for each expert; three numbers where joint groups are weighed apart."""
    def said(values: Array) -> str:
        return " · ".join(f"{x:.2f}" for x in np.atleast_1d(values))
    return _box("".join(bar(name, float(np.mean(values)), said(values), expert_colour(name))
                        for name, values in weights.items()))


def bar(name: str, share: float, said: str, colour: str) -> str:
    """Return one labelled bar; `share` is cut to [0, 1]."""
    width = 100 * float(np.clip(np.nan_to_num(share), 0, 1))
    return (f"<div style='display:flex;justify-content:space-between;margin-top:.25em'>"
            f"<span>{html.escape(name)}</span><span style='opacity:.75'>{said}</span></div>"
            f"<div style='background:#8882;border-radius:3px;height:6px'><div style='height:6px;"
            f"border-radius:3px;width:{width:.1f}%;background:{colour}'></div></div>")


def _box(inner: str) -> str:
    return (f"<div style='font-size:.85em;line-height:1.35;padding:.25em .9em .5em;"
            f"font-variant-numeric:tabular-nums'>{inner}</div>")

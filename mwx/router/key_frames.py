"""Key frames of a trajectory: where its state changes, and a caption for each part between."""

import itertools
from dataclasses import dataclass

import numpy as np

from mwx.router.body_state import WINDOW_S, BodyState, averaged, body_state
from mwx.router.demos import Demonstration
from mwx.router.policies import CONTROL_DT
from mwx.types import Array

FEWEST, MOST = 6, 12  # key frames
CHANGE = 1.0  # scaled change of state between the half second before and after a change point
# what counts as one change: [m/s] speed, [m] height, [rad] lean, [m] hand to target, [m/s] closing,
# share of the task's progress
SCALES = np.array([0.5, 0.2, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2])


@dataclass(frozen=True)
class KeyFrame:
    """The middle of a part of a trajectory in which the state does not change much.

    Attributes:
        start, end: the part's steps, `end` not included; step: the middle.
        caption: its state in words.
    """

    start: int
    end: int
    step: int
    caption: str


def key_frames(demo: Demonstration) -> tuple[KeyFrame, ...]:
    """Return FEWEST to MOST key frames in order (fewer where there are fewer steps).

    Raises:
        MwxError: another robot's state.
    """
    state = body_state(demo)
    bounds = _bounds(_signals(demo, state))
    return tuple(KeyFrame(a, b, (a + b) // 2, caption(demo, state, (a + b) // 2))
                 for a, b in itertools.pairwise(bounds))


def caption(demo: Demonstration, state: BodyState, step: int) -> str:
    """Return one step's state in words, e.g. "t=3.2 s, base 0.9 m/s, pelvis 0.98 m, ..."."""
    lean = np.degrees(state.lean[step])
    words = [f"t={step * CONTROL_DT:.1f} s", f"base {state.speed[step]:.1f} m/s",
             f"pelvis {state.height[step]:.2f} m", f"leaning {lean:.0f} deg"]
    words += [f"{hand} hand {distance:.2f} m from its target"
              for hand, distance in zip(("left", "right"), state.distance[step], strict=True)
              if np.isfinite(distance)]
    return ", ".join([*words, f"task progress {demo.progress[step]:.2f}"])


def _signals(demo: Demonstration, state: BodyState) -> Array:
    """Return (T, S) state signals in units of one change."""
    columns = [state.speed, state.height, state.lean, *np.nan_to_num(state.distance).T,
               *state.closing.T, demo.progress]
    return np.stack(columns, 1) / SCALES


def _bounds(signals: Array) -> list[int]:
    """Return the first steps of the parts, and T: at the largest changes, then halving."""
    steps, half = len(signals), round(WINDOW_S / CONTROL_DT)
    score = _changes(signals, half)
    bounds = [0, steps]
    for step in np.argsort(-score, kind="stable"):
        if len(bounds) > MOST or score[step] < CHANGE:
            break
        if min(abs(int(step) - bound) for bound in bounds) >= half:
            bounds.append(int(step))
    bounds.sort()
    while len(bounds) <= min(FEWEST, steps):
        i = int(np.argmax(np.diff(bounds)))
        bounds.insert(i + 1, (bounds[i] + bounds[i + 1]) // 2)
    return bounds


def _changes(signals: Array, half: int) -> Array:
    """Return (T,) how far the mean of the steps after differs from that of the steps before."""
    smooth = averaged(signals, half * CONTROL_DT)
    steps = np.arange(len(signals))
    before = smooth[np.maximum(steps - half // 2, 0)]
    after = smooth[np.minimum(steps + half // 2, len(signals) - 1)]
    return np.linalg.norm(after - before, axis=1)

"""Clips stored at a multiple of their true rate; what a sheet holds a motion to."""

import dataclasses

import numpy as np
import pytest

from mwx.motion.clip import without_held_frames
from mwx.motion.human import human_walk
from mwx.motion.quality import Sheet


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("cut", [0, 1])
def test_repeated_frames_are_dropped_and_said(times: int, cut: int) -> None:
    walk = human_walk()
    held = walk.positions_w.repeat(times, 0)
    stored = dataclasses.replace(walk, positions_w=held[:len(held) - cut], rotations_w=None,
                                 fps=times * walk.fps)
    clip = without_held_frames(stored)
    assert clip.fps == pytest.approx(walk.fps)
    assert np.array_equal(clip.positions_w, walk.positions_w)
    assert f"every frame is stored {times} times" in clip.notes[-1]


def test_what_moves_or_rests_is_left_alone() -> None:
    walk = human_walk()
    assert without_held_frames(walk) is walk
    resting = dataclasses.replace(walk, positions_w=walk.positions_w[:1].repeat(40, 0),
                                  rotations_w=None)
    assert without_held_frames(resting) is resting
    stumbling = walk.positions_w.copy()
    stumbling[5] = stumbling[4]
    once = dataclasses.replace(walk, positions_w=stumbling)
    assert without_held_frames(once) is once


def test_a_run_is_not_held_to_a_walks_targets() -> None:
    run, walk = (Sheet(label, {"acceleration_rms": 60.0, "unexplained_p95": 0.5})
                 for label in ("run", "walk"))
    assert run.passed and not walk.passed
    assert run.bound("acceleration_rms") == "-" and walk.bound("acceleration_rms") == "<= 16"
    assert run.bound("unexplained_p95") == "<= 0.6"

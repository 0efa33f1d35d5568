"""Guessed labels: what is done most of the time, not what a frame or two show."""

import dataclasses

import numpy as np
import pytest

from mwx.maths import rotations
from mwx.motion import Reference, generate, labels
from mwx.robot import H1

FRAMES = 200  # four seconds


@pytest.fixture(scope="module")
def still() -> Reference:
    return generate("stand")


def acting(still: Reference, height=1.0, speed=0.0, lean=0.0, arm=0.0) -> Reference:
    """Return who holds these, each a number or a value a frame: [m], [m/s], [rad], [rad]."""
    height, speed, lean, arm = (np.broadcast_to(x, FRAMES).astype(float)
                                for x in (height, speed, lean, arm))
    qpos, qvel = np.repeat(still.qpos[:1], FRAMES, axis=0), np.zeros((FRAMES, 25))
    qpos[:, 0], qpos[:, 2] = np.cumsum(speed) / 50, height
    qpos[:, 3:7] = rotations.about("y", lean)
    qpos[:, 7 + H1.joint_names.index("left_shoulder_pitch")] -= arm
    qvel[:, 0], qvel[:, 2] = speed, np.gradient(height) * 50
    return dataclasses.replace(
        still, qpos=qpos, qvel=qvel, ctrl=np.repeat(still.ctrl[:1], FRAMES, axis=0),
        contact=np.ones((FRAMES, 2), bool), loop=False, advance=np.zeros(3))


def part(share: float, value: float, other: float) -> np.ndarray:
    """Return a value for a part of the time, in the middle, and another one for the rest."""
    out = np.full(FRAMES, other)
    count = round(share * FRAMES)
    out[(FRAMES - count) // 2:][:count] = value
    return out


CYCLE = np.sin(np.linspace(0, 4 * np.pi, FRAMES))
CASES = {
    "stands": ({}, "stand"),
    "one frame low": ({"height": part(1 / FRAMES, 0.5, 1.0)}, "stand"),
    "crouches and jumps": ({"height": part(0.1, 0.55, 1.0) + part(0.03, 0.6, 0.0)}, "stand"),
    "bends down": ({"height": part(0.7, 0.7, 1.0), "lean": part(0.7, 1.2, 0.0)}, "stand"),
    "washes the floor": ({"height": 0.78 + 0.15 * CYCLE, "lean": 0.6}, "stand"),
    "squats again and again": ({"height": 0.75 + 0.25 * CYCLE}, "stand"),
    "sits down, stays": ({"height": np.interp(np.arange(FRAMES), (40, 80), (1.0, 0.72))}, "sit"),
    "sits": ({"height": 0.72, "lean": 0.2}, "sit"),
    "sits on the floor": ({"height": 0.3}, "sit"),
    "sits and gets up at last": ({"height": part(0.9, 0.6, 1.0)}, "sit"),
    "one frame up": ({"height": part(1 / FRAMES, 1.0, 0.6)}, "sit"),
    "walks": ({"speed": 1.1}, "walk"),
    "walks over a kerb": ({"speed": 1.1, "height": part(0.05, 0.5, 1.0)}, "walk"),
    "walks, a few steps fast": ({"speed": part(0.3, 2.5, 1.1)}, "walk"),
    "waits, then runs": ({"speed": part(0.7, 3.0, 0.0)}, "run"),
    "runs": ({"speed": 3.0}, "run"),
    "runs, then stands": ({"speed": part(0.3, 3.0, 0.0)}, "stand"),
    "crawls": ({"speed": 0.4, "height": 0.5, "lean": 1.4}, "crawl"),
    "crawls, looks up": ({"height": 0.5, "lean": part(0.2, 0.1, 1.4), "speed": 0.4}, "crawl"),
    "reaches": ({"arm": part(0.6, 1.5, 0.0)}, "reach"),
    "waves once": ({"arm": part(0.1, 1.5, 0.0)}, "stand"),
}


@pytest.mark.parametrize("case", CASES)
def test_most_of_the_time_decides(still: Reference, case: str) -> None:
    told, label = CASES[case]
    reference = acting(still, **told)
    assert labels.guessed(reference) == label
    assert labels.guessed(reference.mirrored()) == label


@pytest.mark.parametrize(("skill", "label"), [
    ("sit", "sit"), ("sit_down", "sit"), ("stand_up", "sit"), ("step", "walk"), ("carry", "carry"),
    ("reach", "reach"), ("reach2", "reach")])
def test_generated_skills_are_known(skill: str, label: str) -> None:
    assert labels.guessed(generate(skill)) == label

"""When a point rests: speeds with hysteresis, heights, shortest contacts and gaps, by hand."""

import numpy as np
import pytest

from mwx.motion.contacts import ContactConfig, rolling, standing

FPS = 50.0
CONFIG = ContactConfig()
STILL = np.zeros((400, 3))


def path(*parts: tuple[int, float], height: float = 0.0) -> np.ndarray:
    """A point that moves along x: (frames, speed [m/s]) one after the other, (T, 3) [m]."""
    speed = np.concatenate([np.full(frames, value) for frames, value in parts])
    x = np.concatenate([[0], np.cumsum(speed[:-1]) / FPS])
    return np.stack([x, 0 * x, np.full(len(x), height)], axis=1)


def rests(point: np.ndarray, body_speed: float = 0.0) -> np.ndarray:
    body = path((len(point), body_speed))
    return standing(point, body, FPS, CONFIG)


def test_a_point_lands_below_one_speed_and_leaves_above_another():
    between = 0.25  # [m/s] of 0.2 and 0.3
    on = rests(path((20, 1.0), (20, between), (20, 0.1), (20, between), (20, 1.0)))
    assert (on[30], on[50], on[70], on[90]) == (False, True, True, False)
    assert not rests(path((60, between))).any()
    assert not rests(path((30, 0.1), (30, 0.32)))[35:].any()


def test_speeds_grow_with_the_bodys():
    for body, lands, leaves in ((0.0, 0.2, 0.3), (2.0, 0.36, 0.6)):  # + 0.08 and 0.15 of it
        assert rests(path((60, lands - 0.01)), body).all()
        assert not rests(path((60, lands + 0.01)), body).any()
        for speed, kept in ((leaves - 0.01, True), (leaves + 0.01, False)):
            on = rests(path((30, 0.0), (30, speed)), body)
            assert on[:28].all() and on[33:].all() == on[33:].any() == kept


@pytest.mark.parametrize(("frames", "kept"), [(3, False), (8, True)])
def test_a_contact_is_dropped_below_a_tenth_of_a_second(frames, kept):
    on = rests(path((40, 1.0), (frames, 0.0), (40, 1.0)))
    assert on.any() == kept
    assert rests(path((frames, 0.0), (40, 1.0)))[0]  # the clip starts in a longer one, who knows


@pytest.mark.parametrize(("frames", "closed"), [(1, True), (6, False)])
def test_a_gap_is_closed_below_a_twentieth_of_a_second(frames, closed):
    on = rests(path((40, 0.0), (frames, 1.0), (40, 0.0)))
    assert on.all() == closed and on[0] and on[-1]


def test_a_point_above_its_own_lowest_level_does_not_rest():
    still = np.zeros((100, 3))
    still[50:, 2] = 0.044
    moved = still.copy()
    moved[50:, 2] = 0.046
    assert rests(still)[60:].all() and not rests(moved)[60:].any()


def test_a_rolling_ankle_may_be_higher_and_faster():
    shank, body = 0.43, np.zeros((100, 3))
    limit = CONFIG.foot * shank * np.sin(CONFIG.heel_rise)  # about the ball of a guessed foot
    for rise, on in ((limit - 0.001, True), (limit + 0.001, False)):
        ankle = np.zeros((100, 3))
        ankle[50:, 2] = rise
        found = rolling(ankle, body, shank, FPS, CONFIG)
        assert found[:45].all() and found[60:].all() == found[60:].any() == on
    walking = path((100, 1.0))
    assert rolling(path((100, 0.39)), walking, shank, FPS, CONFIG).all()  # 0.2 + 0.2 of it
    assert not rolling(path((100, 0.41)), walking, shank, FPS, CONFIG).any()

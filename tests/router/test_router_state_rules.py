"""Rules on synthetic states: each says its expert, none flickers; key frames at changes."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mwx.errors import MwxError
from mwx.experts.kinematics import Limbs
from mwx.robot import H1
from mwx.router import DESCRIPTIONS, Demonstration, label_by_rules
from mwx.router.body_state import BodyState, averaged, body_state
from mwx.router.demos import LABELLED
from mwx.router.key_frames import FEWEST, MOST, key_frames
from mwx.router.state_rules import _choices, steady

NAMES = tuple(DESCRIPTIONS)
HANDS, _ = Limbs(("left_hand", "right_hand")).place(H1.home_joints[None])
LEFT, RIGHT = HANDS[0] + H1.home_qpos[:3]  # [m, world] hands in the home pose
AHEAD = np.array([0.1, 0, 0])  # [m]


def states(steps=100, height=1.0, pitch=0.0, speed=0.0, yaw=0.0, target=None, right=None):
    """A constant state: velocities ahead of the yaw, targets constant or (steps, 3)."""
    turned = Rotation.from_euler("ZY", [yaw, pitch])
    proprio = np.tile(np.concatenate([H1.home_qpos, np.zeros(25)]), (steps, 1))
    proprio[:, 2], proprio[:, 3:7] = height, turned.as_quat(scalar_first=True)
    proprio[:, 26:29] = Rotation.from_euler("z", yaw).apply([speed, 0, 0])
    proprio[:, :3] += np.cumsum(proprio[:, 26:29] * 0.02, 0)
    points = [np.full((steps, 3), np.nan) if p is None else np.broadcast_to(p, (steps, 3)).copy()
              for p in (target, right)]
    return proprio, *points


def demo(*parts) -> Demonstration:
    proprio, target, right = (np.concatenate(group) for group in zip(*parts, strict=True))
    steps = len(proprio)
    return Demonstration("door", NAMES, proprio, np.zeros((steps, 0)), target, right,
                         np.linspace(0, 1, steps), np.full((steps, 1, len(NAMES)), 1 / len(NAMES)),
                         np.zeros((steps, 19)), False, "made up")


def told(*parts, experts=NAMES) -> list[str]:
    labels = label_by_rules(demo(*parts), experts)
    assert labels.source == f"made up{LABELLED}state rules" and labels.experts == experts
    return [experts[i] for i in labels.expert]


SKILLS = {
    "stand": {},
    "walk": {"speed": 1.0, "yaw": 2.0},
    "run": {"speed": 3.0, "yaw": -1.0},
    "step": {"speed": 0.25, "yaw": 1.0},
    "sit": {"height": 0.72, "pitch": 0.2},
    "crawl": {"height": 0.52, "pitch": 1.4, "speed": 0.5},
    "reach": {"target": LEFT + AHEAD, "right": None},
    "reach_two_hands": {"target": LEFT + AHEAD, "right": RIGHT + AHEAD},
}


@pytest.mark.parametrize("skill", SKILLS)
def test_each_rule_names_its_expert(skill):
    assert set(told(states(**SKILLS[skill]))) == {skill}


def test_the_thresholds_lie_where_they_say():
    assert set(told(states(speed=0.14))) == {"stand"} and set(told(states(speed=0.16))) == {"step"}
    assert set(told(states(speed=0.49))) == {"step"} and set(told(states(speed=0.51))) == {"walk"}
    assert set(told(states(speed=1.99))) == {"walk"} and set(told(states(speed=2.01))) == {"run"}
    far = LEFT + np.array([0.26, 0, 0])
    assert set(told(states(target=far))) == {"stand"}
    assert set(told(states(target=far - [0.02, 0, 0]))) == {"reach"}
    assert set(told(states(target=LEFT, speed=0.5))) == {"walk"}  # the base is not slow
    assert set(told(states(height=0.52, pitch=-1.4))) == {"stand"}  # on its back


def chosen(height=0.98, lean=0.0, prone=True, speed=0.0, distance=(9.0, 9.0), closing=(0.0, 0.0),
           named=False):
    """The expert that the rules find for one state in plain quantities."""
    state = BodyState(*(np.array([x]) for x in (height, lean, prone, speed, distance, closing,
                                                named)))
    return NAMES[_choices(state, NAMES)[0]]


SEATED, FOURS = {"height": 0.7, "lean": 0.2}, {"height": 0.6, "lean": 1.2}


@pytest.mark.parametrize(("state", "name", "low", "high", "below", "above"), [
    (FOURS, "height", 0.69, 0.71, "crawl", "stand"),
    ({"height": 0.6}, "lean", np.radians(49), np.radians(51), "sit", "crawl"),
    (FOURS, "prone", False, True, "stand", "crawl"),
    (SEATED, "height", 0.49, 0.51, "stand", "sit"), (SEATED, "height", 0.79, 0.81, "sit", "stand"),
    (SEATED, "speed", 0.49, 0.51, "sit", "walk"), ({}, "speed", 0.14, 0.16, "stand", "step"),
    ({}, "speed", 1.99, 2.01, "walk", "run"), (FOURS, "speed", 0, 3, "crawl", "crawl"),
    ({}, "distance", (0.24, 9), (0.26, 9), "reach", "stand"),
    ({}, "closing", (0.09, 0), (0.11, 0), "stand", "reach"),
    ({"named": True}, "closing", (0, 0.09), (0, 0.11), "stand", "reach_two_hands"),
    ({"distance": (9, 0.1)}, "named", False, True, "stand", "reach_two_hands"),
    ({"distance": (0.1, 9)}, "named", False, True, "reach", "reach"),
    ({"distance": (9, 0.1)}, "closing", (0, 0), (0.2, 0), "stand", "reach_two_hands"),
])
def test_every_threshold_from_both_sides(state, name, low, high, below, above):
    assert (chosen(**state | {name: low}), chosen(**state | {name: high})) == (below, above)


def test_a_hand_at_rest_on_a_moving_base_closes_in_on_nothing():
    proprio, target, right = states(100, speed=0.4, target=LEFT + np.array([5.0, 0, 0]))
    np.testing.assert_allclose(body_state(demo((proprio, target, right))).closing, 0, atol=1e-9)


def test_a_short_segment_goes_to_the_longer_neighbour():
    assert steady(np.repeat([0, 1, 2], (30, 5, 60)), 25).tolist() == [0] * 30 + [2] * 65
    assert steady(np.repeat([0, 1, 2], (60, 5, 30)), 25).tolist() == [0] * 65 + [2] * 30
    for steps, seen in ((24, {"stand"}), (25, {"stand", "crawl"})):  # half a second
        assert set(told(states(100), states(steps, height=0.52, pitch=1.4), states(100))) == seen


def test_swaying_is_not_walking():
    proprio, target, right = states(200)
    proprio[:, 27] = 0.8 * np.sin(2 * np.pi * np.arange(200) * 0.02 * 2)  # two sways a second
    labels = told((proprio, target, right))
    assert labels[25:175] == ["stand"] * 150


def test_a_hand_that_closes_in_reaches_before_it_is_there():
    """The elbow bends at 1 rad/s towards a point beyond NEAR; the same state at rest stands."""
    proprio, _, right = states(50)
    elbow = 7 + H1.joint("left_elbow")
    proprio[:, elbow] -= 0.02 * np.arange(50)
    place, _ = Limbs(("left_hand",)).place(proprio[:, 7:26])
    way = place[-1, 0] - place[0, 0]
    aim = place[-1, 0] + proprio[0, :3] + 0.5 * way / np.linalg.norm(way)
    target = np.tile(aim, (50, 1))
    assert set(told((proprio, target, right))) == {"reach"}
    still = np.tile(proprio[:1], (50, 1))
    assert set(told((still, target, right))) == {"stand"}
    away = demo((proprio[::-1].copy(), target, right))
    assert body_state(away).closing[25, 0] < -0.1
    carried = proprio.copy()
    carried[:, 0] += 0.2 * 0.02 * np.arange(50)  # the base's own way does not count
    np.testing.assert_allclose(body_state(demo((carried, target + 0 * target, right))).closing[0],
                               body_state(demo((proprio, target, right))).closing[0], atol=0.1)


def test_only_experts_that_are_present_are_named():
    run, both, crawl = states(speed=3.0), states(**SKILLS["reach_two_hands"]), \
        states(**SKILLS["crawl"])
    few = ("stand", "walk", "reach")
    assert set(told(states(speed=0.3), experts=few)) == {"walk"}
    assert set(told(run, experts=few)) == {"walk"} and set(told(both, experts=few)) == {"reach"}
    assert set(told(both, experts=("stand", "walk"))) == {"stand"}
    lost = label_by_rules(demo(crawl), few)
    np.testing.assert_allclose(lost.labels, 1 / 3)
    assert not lost.led.any()


def test_labels_do_not_flicker():
    short = told(states(100), states(20, speed=0.2), states(100))
    assert set(short) == {"stand"}
    long = told(states(100), states(100, speed=1.0), states(100))
    changes = [i for i in range(1, 300) if long[i] != long[i - 1]]
    assert len(changes) == 2
    assert abs(changes[0] - 100) <= 13 and abs(changes[1] - 200) <= 13  # half the window


def test_steady_keeps_segments_above_the_least_and_never_invents():
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = np.repeat(rng.integers(0, 3, 30), rng.integers(1, 12, 30))
        calm = steady(labels, 10)
        edges = np.flatnonzero(np.diff(calm)) + 1
        lengths = np.diff([0, *edges, len(calm)])
        assert len(calm) == len(labels) and set(calm) <= set(labels) and lengths.min() >= 10
    np.testing.assert_array_equal(steady(np.array([1, 1, 2]), 10), [1, 1, 1])
    np.testing.assert_array_equal(steady(np.repeat([0, 1], 20), 10), np.repeat([0, 1], 20))


def test_averages_are_means_of_the_window():
    values = np.random.default_rng(0).normal(size=(80, 2))
    smooth = averaged(values, 0.4)
    np.testing.assert_allclose(smooth[40], values[30:51].mean(0))
    np.testing.assert_allclose(smooth[0], values[:11].mean(0))
    np.testing.assert_allclose(smooth[-1], values[-11:].mean(0))


def test_another_robot_is_refused():
    good = vars(demo(states(10)))
    with pytest.raises(MwxError, match="151 numbers"):
        label_by_rules(Demonstration(**{**good, "proprio": np.zeros((10, 151))}), NAMES)


def test_key_frames_tile_the_trajectory_and_change_where_the_state_does():
    walked = demo(states(150), states(150, speed=1.0), states(150, target=LEFT))
    frames = key_frames(walked)
    assert FEWEST <= len(frames) <= MOST
    assert frames[0].start == 0 and frames[-1].end == 450
    assert all(a.end == b.start for a, b in itertools.pairwise(frames))
    assert all(f.start <= f.step < f.end for f in frames)
    bounds = np.array([f.start for f in frames])
    assert abs(bounds - 150).min() <= 5 and abs(bounds - 300).min() <= 5
    moving = next(f for f in frames if 150 < f.step < 300)
    assert f"t={moving.step * 0.02:.1f} s, base 1.0 m/s, pelvis 1.00 m" in moving.caption
    assert "left hand" not in moving.caption
    assert "left hand 0.02 m from its target" in frames[-1].caption


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 7, 30, 1000])
def test_key_frames_of_any_length(steps):
    frames = key_frames(demo(states(steps)))
    assert len(frames) == min(steps, FEWEST)
    assert sum(f.end - f.start for f in frames) == steps and all(f.end > f.start for f in frames)


def test_many_changes_give_at_most_so_many_frames():
    parts = [states(60, speed=s) for s in (0.0, 2.0) * 12]
    assert len(key_frames(demo(*parts))) == MOST

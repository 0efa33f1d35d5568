"""Gaits that turn to targets: where they face; the shipped one gets there and can be stopped."""

import dataclasses

import numpy as np
import pytest

from mwx.experts.features import features, mirror_map
from mwx.experts.library import load_library
from mwx.experts.prior import ClipPrior
from mwx.experts.steer import AT_HAND, HEADING_SEEN, SteerPrior, bearing
from mwx.maths import rotations
from mwx.motion import generate
from mwx.motion.reference import mirror_qpos, mirror_qvel
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT
from mwx.sim import make
from mwx.types import Obs


@pytest.fixture(scope="module")
def walk():
    return generate("walk", speed=1.1)


def standing(yaws, targets):
    """Robots at the origin in the home pose, turned by yaws, with targets (B, 3)."""
    rows = len(yaws)
    proprio = np.tile(np.concatenate([H1.home_qpos, np.zeros(25)]), (rows, 1))
    proprio[:, :2] = 0
    proprio[:, 3:7] = rotations.about("z", np.asarray(yaws, float))
    return Obs(proprio, proprio, np.zeros((rows, 0)), np.asarray(targets, float))


def test_the_bearing_is_the_turn_to_face_the_target():
    obs = standing([0, 0, np.pi / 2, 3, 0],
                   [[2, 0, 1], [0, 3, 0], [0, 1.5, 1], [-2, 0, 1], [0, 0, 1]])
    error, distance = bearing(obs)
    np.testing.assert_allclose(error, [0, np.pi / 2, 0, np.pi - 3, 0], atol=1e-12)
    np.testing.assert_allclose(distance, [2, 3, 1.5, 2, 0])


def test_without_a_target_it_is_the_plain_gait_along_x(walk):
    prior, obs = SteerPrior(walk, 0.5, 1.0), standing([0.3], np.full((1, 3), np.nan))
    target, after = prior.look(obs, prior.initial(1))
    same, later = ClipPrior(walk, 0.5, 1.0).look(obs, prior.initial(1))
    assert target.heading == 0
    np.testing.assert_array_equal(target.ctrl, same.ctrl)
    np.testing.assert_array_equal(after.time_s, later.time_s)
    np.testing.assert_array_equal(features(obs, target), features(obs, same))


def test_a_target_at_hand_is_no_direction(walk):
    obs = standing([0.3], [[-0.5, 0.7, 1]])
    target, _ = SteerPrior(walk).look(obs, SteerPrior(walk).initial(1))
    assert target.heading[0] == pytest.approx(0.3)


def test_it_faces_the_target_within_what_it_sees_of_the_error(walk):
    prior = SteerPrior(walk, 0.5, 1.0)
    obs = standing([0.2, 0.2, -2.0], [[2, 1, 1], [-1, -1, 1], [1.1, 0, 1]])
    target, _ = prior.look(obs, prior.initial(3))
    wanted = [np.arctan2(1, 2), 0.2 - HEADING_SEEN, HEADING_SEEN - 2]
    np.testing.assert_allclose(target.heading, wanted)
    seen = features(obs, target)
    np.testing.assert_allclose(np.arctan2(seen[:, 48], seen[:, 49]),
                               [0.2 - np.arctan2(1, 2), HEADING_SEEN, -HEADING_SEEN], atol=1e-6)


def test_its_mirror_image_steers_the_other_way(walk):
    prior, draw = SteerPrior(walk, 0.3, 1.0), np.random.default_rng(1)
    obs = standing(draw.uniform(-1, 1, 5), draw.uniform(-2, 2, (5, 3)))
    there = np.concatenate([mirror_qpos(obs.proprio[:, :26]), mirror_qvel(obs.proprio[:, 26:])],
                           -1)
    other = Obs(there, there, obs.task, obs.target * [1, -1, 1])
    carry = prior.initial(5)
    later = dataclasses.replace(carry, time_s=carry.time_s + walk.duration_s / 2)
    index, sign = mirror_map(prior)
    np.testing.assert_allclose(features(other, prior.look(other, later)[0]),
                               sign * features(obs, prior.look(obs, carry)[0])[:, index], atol=1e-5)


def test_the_shipped_step_gets_to_targets_all_around():
    """Eight targets, 2 m off, to within a metre; those behind take longer than is waited for."""
    expert, angle = load_library(names=("step",)).experts["step"], np.pi / 4 * np.arange(8)
    env = make("walk", 8, 0, 1, auto_reset=False)
    place = np.stack([2 * np.cos(angle), 2 * np.sin(angle), np.ones(8)], -1)
    obs, carry, least = env.reset(0), expert.initial(8), np.full(8, np.inf)
    for _ in range(700):
        action, carry = expert(dataclasses.replace(obs, target=place), carry)
        step = env.step(action)
        obs = step.final_obs
        assert not step.done.any()
        least = np.minimum(least, bearing(dataclasses.replace(obs, target=place))[1])
    assert least[np.cos(angle) > -0.1].max() < AT_HAND


@pytest.mark.parametrize("name", [
    "stand", pytest.param("reach", marks=pytest.mark.slow),
    pytest.param("reach_two_hands", marks=pytest.mark.slow)])
def test_others_can_take_over_from_step_at_any_moment(name):
    """Sixteen moments over two strides and a bit; nobody falls in the three seconds after."""
    library = load_library(names=("step", name))
    step, other = library.experts["step"], library.experts[name]
    moments, env = 2.0 + 0.17 * np.arange(16), make("walk", 16, 1, 1, auto_reset=False)
    obs, going, taking = env.reset(1), step.initial(16), other.initial(16)
    for t in range(round((moments[-1] + 3) / CONTROL_DT)):
        first, going = step(obs, going)
        then, taking = other(obs, taking)
        obs = env.step(np.where((t * CONTROL_DT < moments)[:, None], first, then)).final_obs
    assert obs.proprio[:, 2].min() > 0.9
    assert np.linalg.norm(obs.proprio[:, 26:28], axis=-1).max() < 0.1
    assert np.ptp(obs.proprio[:, 0]) > 0.4  # they were stopped at different places

"""Gaits that turn to targets: where they face, and what their training sends them."""

import dataclasses

import numpy as np
import pytest

from mwx import recipes
from mwx.errors import MwxError
from mwx.experts.assist import assist_wrench
from mwx.experts.errands import AHEAD, DISTANCE, REST_S, THERE, Errands
from mwx.experts.features import features, mirror_map
from mwx.experts.kinematics import along, rotation, yaw
from mwx.experts.prior import ClipPrior
from mwx.experts.steer import HEADING_SEEN, TURN_MAX, SteerPrior, bearing
from mwx.experts.tracking import TrackingEnv
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
                   [[2, 0, 1], [0, 3, 0], [0, 1, 1], [-2, 0, 1], [0, 0, 1]])
    error, distance = bearing(obs)
    np.testing.assert_allclose(error, [0, np.pi / 2, 0, np.pi - 3, 0], atol=1e-12)
    np.testing.assert_allclose(distance, [2, 3, 1, 2, 0])


def test_without_a_target_it_is_the_plain_gait_along_x(walk):
    prior, obs = SteerPrior(walk, 0.5, 1.0), standing([0.3], np.full((1, 3), np.nan))
    target, after = prior.look(obs, prior.initial(1))
    same, later = ClipPrior(walk, 0.5, 1.0).look(obs, prior.initial(1))
    assert (target.heading, target.turn) == (0, 0)
    np.testing.assert_array_equal(target.ctrl, same.ctrl)
    np.testing.assert_array_equal(after.time_s, later.time_s)
    np.testing.assert_array_equal(features(obs, target), features(obs, same))


def test_a_target_underfoot_has_no_direction(walk):
    obs = standing([0.3], [[-0.1, 0.1, 1]])
    target, _ = SteerPrior(walk).look(obs, SteerPrior(walk).initial(1))
    assert (target.heading[0], target.turn[0]) == (pytest.approx(0.3), 0)


def test_it_faces_the_target_within_what_it_sees_of_the_error(walk):
    prior = SteerPrior(walk, 0.5, 1.0)
    obs = standing([0.2, 0.2, -2.0], [[2, 2, 1], [-1, -1, 1], [1, 0, 1]])
    target, _ = prior.look(obs, prior.initial(3))
    wanted = [np.pi / 4, 0.2 - HEADING_SEEN, HEADING_SEEN - 2]
    np.testing.assert_allclose(target.heading, wanted)
    assert np.abs(target.turn).max() == TURN_MAX
    seen = features(obs, target)
    np.testing.assert_allclose(np.arctan2(seen[:, 48], seen[:, 49]),
                               [0.2 - np.pi / 4, HEADING_SEEN, -HEADING_SEEN], atol=1e-6)


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


def test_speeds_along_a_heading():
    velocity = np.array([[1.0, 0], [1, 1], [0, 2]])
    ahead, left = along(velocity, np.array([np.pi / 2, np.pi / 4, 0]))
    np.testing.assert_allclose(ahead, [0, np.sqrt(2), 0], atol=1e-12)
    np.testing.assert_allclose(left, [-1, 0, 2], atol=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(along(velocity, 0.0), velocity.T, strict=True))


def test_the_assist_turns_with_the_heading():
    """A robot and its wish turned together get the same wrench, turned."""
    draw, angle = np.random.default_rng(2), 0.8
    qpos, qvel = np.tile(H1.home_qpos, (3, 1)), draw.normal(0, 0.3, (3, 25))
    qpos[:, 3:7] = rotations.about("z", draw.uniform(-0.3, 0.3, 3))
    force, torque = assist_wrench(qpos, qvel, np.full(3, 1.0), heading=np.zeros(3))
    turn = rotation(rotations.about("z", np.array(angle)))
    turned, spun = qpos.copy(), qvel.copy()
    turned[:, 3:7] = rotations.multiply(rotations.about("z", np.full(3, angle)), qpos[:, 3:7])
    spun[:, :3] = qvel[:, :3] @ turn.T
    other, twist = assist_wrench(turned, spun, np.full(3, 1.0), heading=np.full(3, angle))
    np.testing.assert_allclose(other, force @ turn.T, atol=1e-9)
    np.testing.assert_allclose(twist, torque @ turn.T, atol=1e-9)


# what training sends it to

def test_errands_go_to_a_share_and_lie_where_they_should():
    errands, draw = Errands(0.5, 4000), np.random.default_rng(0)
    place, facing = draw.normal(0, 5, (4000, 3)), draw.uniform(-3, 3, 4000)
    errands.restart(np.arange(4000), place, facing, draw)
    on = errands.running
    assert abs(on.mean() - 0.5) < 0.05
    away = (errands.target - place)[on, :2]
    distance = np.linalg.norm(away, axis=-1)
    assert DISTANCE[0] <= distance.min() and distance.max() <= DISTANCE[1]
    error = np.arctan2(away[:, 1], away[:, 0]) - facing[on]
    error = (error + np.pi) % (2 * np.pi) - np.pi
    behind = (np.abs(error) > np.pi / 2).mean()
    assert abs(behind - (1 - AHEAD) / 2) < 0.04


def test_an_errand_that_is_over_is_followed_by_another():
    errands, draw = Errands(1.0, 3), np.random.default_rng(0)
    errands.restart(np.arange(3), np.zeros((3, 3)), np.zeros(3), draw)
    first, errands.left = errands.target.copy(), np.array([1, 5, 5])
    errands.step(np.zeros((3, 3)), np.zeros(3), draw)
    assert (errands.target != first).any(1).tolist() == [True, False, False]


def test_a_reached_target_is_left_after_a_rest():
    errands, draw = Errands(1.0, 2), np.random.default_rng(0)
    errands.restart(np.arange(2), np.zeros((2, 3)), np.zeros(2), draw)
    errands.left[:] = 400
    place = errands.target + np.array([[THERE - 0.1, 0, 0], [THERE + 0.1, 0, 0]])
    errands.step(place, np.zeros(2), draw)
    assert errands.left.tolist() == [round(REST_S / CONTROL_DT) - 1, 399]


def test_errands_need_a_prior_that_steers(walk):
    config = recipes.expert("step").tracking
    with pytest.raises(MwxError, match="steer"):
        TrackingEnv(make("walk", 2, 0), ClipPrior(walk), config, 0)


def test_who_turns_to_the_target_is_paid_more(walk):
    config = recipes.expert("step").tracking
    env = TrackingEnv(make("walk", 2, 0), SteerPrior(walk, 0.5, 1.0), config, 0)
    obs = standing([0.0, 0.0], [[0, 3, 1], [0, 3, 1]])
    target, _ = env.prior.look(obs, env.prior.initial(2))
    proprio = obs.proprio.copy()
    proprio[0, 31] = TURN_MAX  # [rad/s] about the vertical
    pay = env._root(proprio, target)
    assert pay[0] > 1.2 * pay[1]


def test_training_with_everything_on_continues_bit_for_bit(walk):
    config = dataclasses.replace(recipes.expert("step").tracking, load_spread=40.0, late_share=0.5)
    env, other = (TrackingEnv(make("walk", 4, seed), SteerPrior(walk, 0.5, 1.0), config, seed)
                  for seed in (0, 1))
    draw = np.random.default_rng(3)
    for _ in range(20):
        env.step(draw.uniform(-1, 1, (4, 19)))
    other.set_state(env.get_state())
    for _ in range(40):
        action = draw.uniform(-1, 1, (4, 19))
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one.obs.vector, two.obs.vector)
        assert np.array_equal(one.reward, two.reward)
    assert yaw(one.obs.proprio[:, 3:7]).shape == (4,)

"""Sitting down where the seat is: the motion waits for the robot to stand before it."""

import dataclasses

import numpy as np
import pytest

from mwx import recipes
from mwx.experts.features import SIZE, features, mirror_map
from mwx.experts.seat import SEAT_MIDDLE, WITHIN_X, SeatPrior
from mwx.experts.tracking import TrackingEnv
from mwx.maths import rotations
from mwx.motion import generate
from mwx.motion.reference import mirror_qpos, mirror_qvel
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT
from mwx.sim import make
from mwx.types import Obs


@pytest.fixture(scope="module")
def prior():
    return SeatPrior(generate("sit_down"), 0.5, 0.2)


def before_a_seat(away, yaw=0.0):
    """One robot, `away` (x, y) [m] from where the motion has it before a seat at the origin."""
    proprio = np.concatenate([H1.home_qpos, np.zeros(25)])[None].copy()
    proprio[:, :2] = away
    proprio[:, 3:7] = rotations.about("z", np.array([yaw]))
    start = generate("sit_down").qpos[0, 0]
    seat = np.array([[SEAT_MIDDLE - start, 0.0, 0.475]])
    return Obs(proprio, proprio, np.zeros((1, 0)), seat)


def test_it_stands_where_the_benchmarks_chair_is_behind_it():
    obs = make("sit_simple", 1, 0).observe()
    np.testing.assert_allclose(obs.target[0, :2] - [SEAT_MIDDLE, 0], 0, atol=0.02)


@pytest.mark.parametrize(("away", "yaw", "plays"), [
    ((0, 0), 0, True), ((WITHIN_X + 0.02, 0), 0, False), ((0, 0.15), 0, False),
    ((0, 0), 0.5, False), ((0.05, 0.05), 0.2, True)])
def test_the_motion_waits_for_its_place(prior, away, yaw, plays):
    _, carry = prior.look(before_a_seat(away, yaw), prior.initial(1))
    assert carry.time_s == pytest.approx(0.5 + CONTROL_DT * plays)


def test_once_begun_it_goes_on_wherever_it_is(prior):
    carry = dataclasses.replace(prior.initial(1), time_s=np.array([1.0]))
    target, after = prior.look(before_a_seat((0.5, 0.3)), carry)
    assert after.time_s > 1 and target.extra[0, 2] == pytest.approx(0.5 / 2.5)


def test_without_a_seat_it_sits_down_at_once(prior):
    obs = before_a_seat((0.5, 0))
    _, carry = prior.look(dataclasses.replace(obs, target=np.full((1, 3), np.nan)),
                          prior.initial(1))
    assert carry.time_s > 0.5


def test_the_seat_is_seen_from_the_pelvis_and_mirrors(prior):
    obs, carry = before_a_seat((0.3, 0.2), 0.4), prior.initial(1)
    there = np.concatenate([mirror_qpos(obs.proprio[:, :26]), mirror_qvel(obs.proprio[:, 26:])],
                           -1)
    other = Obs(there, there, obs.task, obs.target * [1, -1, 1])
    index, sign = mirror_map(prior)
    target = prior.look(obs, carry)[0]
    assert target.away == pytest.approx(np.linalg.norm(target.extra[:, :2]) / 2)
    np.testing.assert_allclose(features(other, prior.look(other, carry)[0]),
                               sign * features(obs, target)[:, index], atol=1e-5)
    assert features(obs, target).shape[1] == SIZE + 3


def test_being_away_from_its_place_pays_less(prior):
    env = TrackingEnv(make("sit_hard", 1, 0), prior, recipes.expert("sit_hard").tracking, 0)
    near, far = (prior.look(before_a_seat(p), prior.initial(1))[0] for p in ((0, 0), (0.5, 0)))
    proprio = before_a_seat((0, 0)).proprio
    ratio = env._root(proprio, far) / env._root(proprio, near)
    aside = far.away**2 - near.away**2
    assert far.away == pytest.approx(0.5, abs=1e-2)
    np.testing.assert_allclose(ratio, np.exp(-3 * aside), rtol=1e-6)

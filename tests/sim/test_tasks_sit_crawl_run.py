"""Sit, crawl and run: closed forms of their own terms, and sit_hard's start."""

import numpy as np
import pytest

from mwx.maths import rotations
from mwx.sim import make

LEANS = np.linspace(0, 2.6, 6)  # [rad]


def pitched(env, angles, height=0.7):
    """Put the robot of each row at a pitch, its joints at rest."""
    env.physics.base_pos[:] = [0, 0, height]
    env.physics.base_quat[:] = rotations.about("y", np.asarray(angles))
    env.physics.forward()


def test_run_pays_a_sixth_standing_and_all_at_five_metres_per_second():
    env = make("h1-run", num_envs=4, threads=1)
    for row, speed in enumerate((-1, 0, 2.5, 6)):
        env.physics.qvel[row, 0] = speed
    env.physics.forward()
    move = env.task.reward(env.physics)[1]["move"]
    np.testing.assert_allclose(move, [1 / 6, 1 / 6, (5 * 0.5 + 1) / 6, 1], atol=1e-6)


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_sitting_well_pays_nearly_all(robot):
    env = make(f"{robot}-sit_simple", threads=1)
    env.physics.qvel[:] = 0
    env.physics.base_pos[0] = [-0.2, 0, 0.7]
    env.physics.base_quat[0] = [1, 0, 0, 0]
    env.physics.forward()
    reward, terms = env.task.reward(env.physics)
    assert terms["sit_reward"][0] == pytest.approx(1, abs=1e-6)
    assert reward[0] == pytest.approx(terms["small_control"][0], abs=1e-6)
    assert env.task.progress(env.physics)[0] == pytest.approx(1, abs=1e-6)


def test_sit_terms_in_closed_form():
    env = make("h1-sit_simple", num_envs=3, threads=1)
    env.physics.base_quat[:] = [1, 0, 0, 0]
    env.physics.base_pos[:] = [[-0.25, 0, 0.72], [-0.25 + 0.39, 0, 0.92], [-0.25, 0.1, 0.58]]
    env.physics.forward()
    terms = env.task.reward(env.physics)[1]
    np.testing.assert_allclose(terms["sitting"], [1, 0.1, 0.1 ** 0.25])
    on_chair = np.array([1, 0.1, 0.1])
    expected = (terms["sitting"] + on_chair) / 2 * terms["upright"] * terms["sitting_posture"]
    np.testing.assert_allclose(terms["sit_reward"], expected)


def test_sit_uprightness_is_strict():
    env = make("h1-sit_simple", num_envs=len(LEANS), threads=1)
    env.physics.qpos[:, 7:] = 0
    pitched(env, LEANS)
    expected = np.clip(1 - (0.95 - np.cos(LEANS)) / 0.9, 0, 1)
    terms = env.task.reward(env.physics)[1]
    np.testing.assert_allclose(terms["upright"], expected, atol=1e-9)


def test_sitting_low_ends_an_episode():
    env = make("h1-sit_simple", num_envs=2, threads=1)
    env.physics.base_pos[:, 2] = [0.49, 0.51]
    assert env.task.terminated(env.physics).tolist() == [True, False]


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_sit_hard_starts_before_the_chair_turned_anyhow(robot):
    env = make(f"{robot}-sit_hard", num_envs=100, threads=1)
    physics = env.physics
    x, y, z = physics.base_pos.T
    assert 0.2 <= x.min() < 0.22 and 0.38 < x.max() <= 0.4
    assert -0.15 <= y.min() < -0.12 and 0.12 < y.max() <= 0.15
    assert 0 < np.abs(z - 0.98).max() <= 0.01
    assert -1.8 <= physics.heading.min() < -1.6 and 1.6 < physics.heading.max() <= 1.8
    np.testing.assert_allclose(physics.base_quat[:, 1:3], 0)
    np.testing.assert_allclose(np.linalg.norm(physics.base_quat, axis=1), 1)
    chair = physics.free_position("free_chair") - [-0.25, 0, 0]
    assert 0 < np.abs(chair).max() <= 0.01


def test_sit_hard_measures_from_the_chair():
    env = make("h1-sit_hard", num_envs=2, threads=1)
    physics = env.physics
    for row, y in enumerate((0.0, 1.0)):
        physics.set_free(row, "free_chair", position=np.array([1.0, y, 0.0]))
        physics.base_pos[row] = [1.1, 0, 0.7]
        physics.base_quat[row] = [1, 0, 0, 0]
    physics.forward()
    progress = env.task.progress(physics)
    assert progress[0] == pytest.approx(1, abs=1e-6) and progress[1] < 1e-6
    assert env.task.state(physics)[0, :3] == pytest.approx([-0.1, 0, 0.475 - 0.7], abs=1e-9)


def test_crawl_wants_the_pelvis_pitched_forward_and_knows_the_quaternions_sign():
    env = make("h1-crawl", num_envs=2, threads=1)
    forward = np.array([0.75, 0, 0.65, 0]) / np.hypot(0.75, 0.65)
    env.physics.base_pos[:] = [0, 0, 0.7]
    env.physics.base_quat[:] = [forward, -forward]
    env.physics.forward()
    reward, terms = env.task.reward(env.physics)
    low = np.minimum(terms["crawling"], terms["crawling_head"])
    rest = 0.1 * terms["small_control"] + 0.25 * low + 0.4 * terms["move"]
    away = np.array([1 - np.hypot(0.75, 0.65), 1 + np.hypot(0.75, 0.65)])
    np.testing.assert_allclose(reward - rest, 0.25 * 0.1 ** away**2, atol=1e-9)


def test_crawl_pays_only_inside_the_tunnels_width():
    env = make("h1-crawl", num_envs=3, threads=1)
    env.physics.base_quat[:] = [1, 0, 0, 0]
    env.physics.base_pos[:, 1] = [0, 0.95, 1.1]
    env.physics.forward()
    reward, terms = env.task.reward(env.physics)
    assert terms["in_tunnel"].tolist() == [1, 1, 0]
    assert (reward[:2] > 0).all() and reward[2] == 0


def test_crawl_heights():
    env = make("h1-crawl", num_envs=4, threads=1)
    env.physics.qpos[:, 3:] = env.task.home(env.robot)[3:]
    env.physics.base_pos[:, 2] = 0.98
    env.physics.forward()
    imu = env.physics.imu[0, 2]
    env.physics.base_pos[:, 2] += np.array([0.5, 0.6, 1.0, 1.5]) - imu
    env.physics.forward()
    crawling = env.task.reward(env.physics)[1]["crawling"]
    np.testing.assert_allclose(crawling, [0.1 ** 0.01, 1, 1, 0.1 ** 0.25])
    assert not env.task.terminated(env.physics).any()


def test_crawl_progress_is_the_way_through():
    env = make("h1-crawl", num_envs=3, threads=1)
    env.physics.base_pos[:, 0] = [-1, 9.1, 20]
    np.testing.assert_allclose(env.task.progress(env.physics), [0, 0.5, 1])

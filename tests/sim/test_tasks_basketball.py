"""Basketball: how the ball comes in, when catching becomes throwing, what a basket pays."""

import numpy as np
import pytest
import recorded

from mwx.sim import make
from mwx.sim.tasks.basketball_scene import BALL_RADIUS

HOOP = np.array([5.9, 0, 2.25])
FAR_AWAY = np.array([2.0, 2.0, 1.5])  # touches nothing


def put_ball(env, place, velocity=(0, 0, 0), row=0):
    env.physics.set_free(row, "free_basketball", position=np.array(place, float),
                         velocity=np.array([*velocity, 0, 0, 0], float))
    env.physics.forward()


def ball(env):
    return env.physics.free_position("free_basketball")


def test_the_ball_comes_in_from_all_sides_at_one_speed():
    env = make("h1-basketball", num_envs=64, threads=1)
    away, velocity = ball(env)[:, :2], env.physics.free_velocity("free_basketball")
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 1.5)
    np.testing.assert_allclose(velocity[:, :2], -5 * away)
    assert (velocity[:, 2:] == 0).all()
    np.testing.assert_allclose(ball(env)[:, 2], env.physics.left_hand[:, 2] + 0.3924)
    angle = np.arctan2(away[:, 1], away[:, 0])
    assert np.abs(angle).max() <= 1.45 and angle.min() < -1 and angle.max() > 1
    assert np.ptp(env.physics.free_quat("free_basketball"), axis=0).min() > 0


def test_the_ball_falls_freely_to_the_robots_axis():
    env = make("h1-basketball", threads=1)
    env.physics.qpos[:, 0] = -30  # nothing in the way
    start = ball(env)[0].copy()
    for _ in range(10):
        env.step(np.zeros((1, 19)))
    # Euler's method with 2 ms steps falls g h (n + 1) n / 2 after n steps
    fallen = 9.81 * 0.002**2 * 101 * 100 / 2
    np.testing.assert_allclose(ball(env)[0], [0, 0, start[2] - fallen], atol=1e-9)


def test_recorded_starts_are_possible_here():
    starts = recorded.original("h1-basketball")
    qpos, qvel = starts["smooth_init_qpos"], starts["smooth_init_qvel"]
    env = make("h1-basketball", num_envs=len(qpos), threads=1)
    env.physics.qpos[:] = qpos
    env.physics.forward()
    np.testing.assert_allclose(qpos[:, -5], env.physics.left_hand[:, 2] + 0.3924, atol=1e-9)
    np.testing.assert_allclose(qvel[:, -6:-4], -5 * qpos[:, -7:-5], atol=1e-12)


def test_any_contact_turns_catching_into_throwing_before_that_steps_reward():
    env = make("h1-basketball", num_envs=3, threads=1)
    put_ball(env, (0.05, 0, 1.3), row=0)  # inside the chest
    put_ball(env, (4, 3, BALL_RADIUS - 0.01), row=1)  # on the floor
    put_ball(env, FAR_AWAY, row=2)
    env.task.update(env.physics)
    reward, terms = env.task.reward(env.physics)
    assert terms["success_subtasks"].tolist() == [1, 1, 0]
    stands = terms["stand_reward"] * terms["small_control"]
    near, hoop = terms["reward_hand_proximity"], terms["reward_ball_success"]
    throw, catch = 0.15 * stands + 0.05 * near + 0.8 * hoop, 0.5 * stands + 0.5 * near
    np.testing.assert_allclose(reward, [throw[0], throw[1], catch[2]])
    put_ball(env, FAR_AWAY, row=0)
    env.task.update(env.physics)
    assert env.physics.memory["throwing"].tolist() == [True, True, False]  # for good


def test_the_hand_that_is_further_away_counts():
    env = make("h1-basketball", threads=1)
    left, right = env.physics.left_hand[0].copy(), env.physics.right_hand[0].copy()
    put_ball(env, left)
    apart = np.linalg.norm(left - right)
    near = env.task.reward(env.physics)[1]["reward_hand_proximity"][0]
    assert near == pytest.approx(0.1 ** ((apart - 0.2) ** 2))
    put_ball(env, left + 0.3 * (left - right) / apart)
    near = env.task.reward(env.physics)[1]["reward_hand_proximity"][0]
    assert near == pytest.approx(0.1 ** ((apart + 0.3 - 0.2) ** 2))


def test_nearness_to_the_hoop_is_linear():
    env = make("h1-basketball", threads=1)
    for away, value in ((0, 1), (1, 1 - 0.9 / 7), (7, 0.1), (7.9, 0)):
        put_ball(env, HOOP - [away, 0, 0])
        assert env.task.reward(env.physics)[1]["reward_ball_success"][0] == pytest.approx(value)


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_a_basket_pays_a_thousand_ends_and_the_next_episode_catches_again(robot):
    env = make(f"{robot}-basketball", num_envs=2, threads=1)
    env.physics.memory["throwing"][:] = True
    put_ball(env, HOOP)
    put_ball(env, FAR_AWAY, row=1)
    step = env.step(np.zeros((2, env.act_dim)))
    assert step.terminated.tolist() == [True, False]
    assert step.terms["success"].tolist() == [1, 0]
    assert 1000.7 < step.reward[0] <= 1001 and step.reward[1] < 1
    assert env.physics.memory["throwing"].tolist() == [False, True]


def test_an_episode_ends_with_the_ball_or_the_robot_down():
    env = make("h1-basketball", num_envs=3, threads=1)
    put_ball(env, (3, 3, 0.49), row=0)
    put_ball(env, (3, 3, 0.51), row=1)
    put_ball(env, FAR_AWAY, row=2)
    env.physics.base_pos[2, 2] = 0.49
    assert env.task.terminated(env.physics).tolist() == [True, False, True]


def test_target_and_progress_turn_from_the_ball_to_the_hoop():
    env = make("h1-basketball", threads=1)
    np.testing.assert_allclose(env.task.target(env.physics), ball(env), atol=1e-9)
    waiting = env.task.progress(env.physics)[0]
    assert 0 <= waiting <= 0.5
    env.physics.memory["throwing"][:] = True
    np.testing.assert_allclose(env.task.target(env.physics)[0], HOOP)
    assert 0.5 <= env.task.progress(env.physics)[0] < 1
    put_ball(env, HOOP)
    assert env.task.progress(env.physics)[0] == 1

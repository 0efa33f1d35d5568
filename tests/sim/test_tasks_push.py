"""Push: goals, success, and the start that the original's keyframe has with hands."""

import numpy as np
import pytest
import recorded

from mwx.sim import make


def test_goals_lie_on_the_table_before_the_robot():
    goal = make("h1-push", num_envs=200, threads=1).physics.goal
    assert (goal[:, 2] == 1).all()
    assert 0.7 <= goal[:, 0].min() < 0.72 and 0.98 < goal[:, 0].max() <= 1
    assert -0.5 <= goal[:, 1].min() < -0.45 and 0.45 < goal[:, 1].max() <= 0.5


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_a_box_at_the_goal_pays_a_thousand_and_ends(robot):
    env = make(f"{robot}-push", num_envs=2, threads=1)
    physics = env.physics
    physics.goal[:] = (0.9, 0.2, 1.0)
    for row, away in enumerate((0.03, 0.07)):
        physics.set_free(row, "free_object", position=np.array([0.9, 0.2 - away, 1.0]))
    step = env.step(np.zeros((2, env.act_dim)))
    assert step.terminated.tolist() == [True, False]
    assert step.terms["success"].tolist() == [1, 0]
    expected = (-0.1 * step.terms["hand_dist"] - step.terms["target_dist"]
                + np.array([1000, 0]))
    np.testing.assert_allclose(step.reward, expected)


def test_the_box_rests_on_the_table():
    env = make("h1-push", threads=1)
    for _ in range(50):
        env.step(np.zeros((1, 19)))
    assert env.physics.free_position("free_object")[0, 2] == pytest.approx(1.0, abs=2e-3)


def test_distances_are_of_the_fresh_box_and_progress_follows():
    env = make("h1-push", num_envs=3, threads=1)
    physics = env.physics
    for row, away in enumerate((0.0, 0.3, 0.7)):
        physics.set_free(row, "free_object", position=physics.goal[row] + [0, 0, away])
    np.testing.assert_allclose(env.task.reward(physics)[1]["target_dist"], [0, 0.3, 0.7])
    progress = env.task.progress(physics)
    assert progress[0] == 1 and 0 < progress[1] < 1 and progress[2] == 0


def test_the_target_is_behind_the_box():
    env = make("h1-push", threads=1)
    physics = env.physics
    physics.goal[0] = (1.0, 0.0, 1.0)
    physics.set_free(0, "free_object", position=np.array([0.7, 0.0, 1.0]))
    np.testing.assert_allclose(env.task.target(physics)[0], [0.52, 0, 1.28])  # first from above
    physics.set_free(0, "free_object", position=physics.goal[0])
    assert np.isfinite(env.task.target(physics)).all()


def test_the_right_hand_pushes_to_goals_on_the_left():
    env = make("push", num_envs=2, seed=0)
    env.physics.goal[:] = [[0.7, 0.4, 1.0], [0.7, -0.4, 1.0]]
    right = env.task.right_target(env.physics)
    np.testing.assert_allclose(right[0], [0.7, -0.18, 1.28], atol=0.01)
    assert np.isnan(right[1]).all()
    left = env.task.target(env.physics)
    assert left[0, 1] > 0.3 and left[1, 1] == pytest.approx(0.18, abs=0.01)


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_recorded_starts_lie_within_the_noise_of_ours(robot):
    env = make(f"{robot}-push", threads=1)
    home = np.append(env.task.home(env.robot), env.task.object_qpos)
    assert np.abs(recorded.original(f"{robot}-push")["smooth_init_qpos"] - home).max() <= 0.01


def test_with_hands_the_left_wrist_and_the_right_shoulder_are_turned():
    env = make("h1hand-push", threads=1)
    changed = np.flatnonzero(env.task.home(env.robot) != env.robot.home_qpos)
    assert {env.robot.joint_names[i - 7] for i in changed} \
        == {"left_wrist_yaw", "right_shoulder_pitch"}
    bare = make("h1-push", threads=1)
    np.testing.assert_array_equal(bare.task.home(bare.robot), bare.robot.home_qpos)

"""Package: where things start, success, and the destination that a first observation shows."""

import numpy as np
import pytest
import recorded

from mwx.maths import rotations
from mwx.sim import make

UP = np.array([0, 0, 0.35])


def shown(env):
    """(B, 3) the destination in the observation."""
    start = env.robot.obs_dim
    return env.obs.vector[:, start:start + 3]


def test_box_and_destination_are_drawn_over_the_field():
    physics = make("h1-package", num_envs=200, threads=1).physics
    box = physics.free_position("free_package")
    assert (box[:, 2] == 0.35).all() and (physics.goal[:, 2] == 0).all()
    for places in (box[:, :2], physics.goal[:, :2]):
        assert np.abs(places).max() <= 2 and (np.ptp(places, axis=0) > 3.8).all()
    assert np.ptp(physics.free_quat("free_package"), axis=0).min() > 0
    assert abs(np.corrcoef(box[:, 0], physics.goal[:, 0])[0, 1]) < 0.2


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_a_box_at_its_destination_pays_a_thousand_and_ends(robot):
    env = make(f"{robot}-package", num_envs=2, threads=1)
    physics = env.physics
    for row, away in enumerate((0.08, 0.15)):
        physics.goal[row] = (1.5, 1.5, 0)
        physics.set_free(row, "free_package", position=np.array([1.5, 1.5 - away, 0.35]))
    step = env.step(np.zeros((2, env.act_dim)))
    assert step.terminated.tolist() == [True, False]
    assert step.terms["success"].tolist() == [1, 0]
    t = step.terms
    expected = (t["stand_reward"] * t["small_control"] - 3 * t["dist_package_destination"]
                - 0.1 * (t["dist_hand_package_left"] + t["dist_hand_package_right"])
                + t["package_height"] + np.array([1000, 0]))
    np.testing.assert_allclose(step.reward, expected)


def test_height_pays_up_to_one_metre():
    env = make("h1-package", num_envs=3, threads=1)
    for row, height in enumerate((0.35, 0.9, 1.4)):
        env.physics.set_free(row, "free_package", position=np.array([1.0, 1.0, height]))
    np.testing.assert_allclose(env.task.reward(env.physics)[1]["package_height"], [0.35, 0.9, 1])


def test_the_first_observation_shows_this_episodes_destination():
    env = make("h1-package", num_envs=2, threads=1)
    for _ in range(2):
        np.testing.assert_array_equal(shown(env), env.physics.goal + UP)
        env.reset()
    np.testing.assert_array_equal(env.physics.site_position("left_hand"), env.obs.vector[:, -6:-3])


def test_legacy_shows_the_one_before():
    env = make("h1-package", num_envs=2, threads=1, legacy=True, max_steps=2)
    np.testing.assert_array_equal(shown(env), np.tile(UP, (2, 1)))
    first = env.physics.goal + UP
    env.step(np.zeros((2, 19)))
    np.testing.assert_array_equal(shown(env), first)
    step = env.step(np.zeros((2, 19)))
    assert step.truncated.all() and (env.physics.goal + UP != first)[:, :2].all()
    np.testing.assert_array_equal(shown(env), first)
    env.step(np.zeros((2, 19)))
    np.testing.assert_array_equal(shown(env), env.physics.goal + UP)


@pytest.mark.parametrize("robot", ["h1", "h1hand"])
def test_legacy_shows_what_the_recordings_show(robot):
    file = recorded.original(f"{robot}-package")
    first, places = file["smooth_init_obs"], file["smooth_body_pos_last"][:, 0]
    env = make(f"{robot}-package", threads=1, legacy=True)
    columns = slice(env.robot.obs_dim, env.robot.obs_dim + 3)
    np.testing.assert_allclose(shown(env)[0], first[0, columns], atol=1e-12)
    env.physics.goal[:] = places[0]
    env.step(np.zeros((1, env.act_dim)))
    env.reset()
    np.testing.assert_allclose(shown(env)[0], first[1, columns], atol=1e-12)


def test_target_is_the_box_until_a_hand_is_on_it():
    env = make("h1-package", threads=1)
    physics = env.physics
    physics.set_free(0, "free_package", position=np.array([1.5, 0.0, 0.35]))
    np.testing.assert_array_equal(env.task.target(physics)[0], [1.5, 0, 0.35])
    physics.set_free(0, "free_package", position=physics.left_hand[0] + [0.2, 0, 0])
    np.testing.assert_array_equal(env.task.target(physics), physics.goal + UP)


def test_progress_rises_as_the_box_comes_nearer():
    env = make("h1-package", num_envs=3, threads=1)
    for row, away in enumerate((4.0, 1.0, 0.05)):
        env.physics.set_free(row, "free_package",
                             position=env.physics.goal[row] + UP + [away, 0, 0])
    progress = env.task.progress(env.physics)
    assert progress[0] == 0 and 0 < progress[1] < 1 and progress[2] == 1


def test_state_is_made_of_offsets_in_the_pelvis_heading():
    env = make("h1-package", num_envs=3, threads=1)
    physics = env.physics
    physics.base_quat[:] = rotations.about("z", np.array([0.0, 1.0, -2.5]))
    physics.forward()
    box = physics.free_position("free_package")
    offsets = (box - physics.base_pos, physics.goal + UP - box, box - physics.left_hand,
               box - physics.right_hand)
    expected = np.concatenate([physics.in_heading_frame(offset) for offset in offsets], axis=1)
    np.testing.assert_allclose(env.task.state(physics), expected, atol=1e-12)

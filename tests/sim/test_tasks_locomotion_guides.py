"""What a router reads of courses and tools: state, target, progress; and what they remember."""

import math

import numpy as np
import pytest

from mwx.sim import make
from mwx.sim.tasks.slide import ground_height as slope_height
from mwx.sim.tasks.stair import ground_height as step_height

SPOON, DUMBBELL = "free_spoon", "free_dumbbell"


def env_of(name, num_envs=1, **kwargs):
    return make(name, num_envs=num_envs, threads=1, **{"auto_reset": False, **kwargs})


def idle(env, steps=1):
    return [env.step(np.zeros((env.num_envs, env.act_dim))) for _ in range(steps)][-1]


def place(env, **columns):
    """Put the robot somewhere in its home pose, at rest."""
    qpos = np.tile(env.task.home(env.robot), (env.num_envs, 1))
    for name, value in columns.items():
        qpos[:, "xyz".index(name)] = value
    env.set_robot_state(np.arange(env.num_envs), qpos, np.zeros((env.num_envs, env.robot.nv)))


def turn(env, yaw):
    env.physics.qpos[:, 3:7] = [math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)]
    env.physics.forward()


# state and progress

def test_hurdles_ahead_are_told_one_after_the_other():
    env = env_of("h1-hurdle", num_envs=5)
    place(env, x=np.array([0.0, 6.9, 7.1, 69.9, 80.0]), z=1.0)
    state = env.task.state(env.physics)
    np.testing.assert_allclose(state[:, 0], [7, 0.1, 6.9, 0.1, -10], atol=1e-12)
    np.testing.assert_allclose(state[:, 1:], [[0, 0.375 - 1]] * 5, atol=1e-12)
    np.testing.assert_allclose(env.task.progress(env.physics),
                               [0, 6.9 / 70, 7.1 / 70, 69.9 / 70, 1])
    turn(env, math.pi / 2)
    np.testing.assert_allclose(env.task.state(env.physics)[0, :2], [0, -7], atol=1e-12)


def test_the_nearest_poles_are_told():
    env = env_of("h1-pole", num_envs=2)
    place(env, x=np.array([1.9, 40.5]), y=np.array([0.1, 3.0]))
    np.testing.assert_allclose(env.task.state(env.physics), [
        [0.1, -0.1, -0.9, 0.65], [0.5, -0.75, -0.5, -1.5]], atol=1e-12)


def test_the_maze_s_way_turns_with_the_robot():
    env = env_of("h1-maze")
    env.physics.memory["stage"][:] = 2  # to (3, 6), along +y
    place(env, x=3.0, y=1.0)
    np.testing.assert_allclose(env.task.state(env.physics), [[0, 5, 0, 1, 0.5]], atol=1e-12)
    turn(env, math.pi / 2)
    np.testing.assert_allclose(env.task.state(env.physics), [[5, 0, 1, 0, 0.5]], atol=1e-12)


@pytest.mark.parametrize(("name", "height"), [("h1-stair", step_height),
                                              ("h1-slide", slope_height)])
def test_the_ground_ahead_is_told(name, height):
    env = env_of(name, num_envs=3)
    x = np.array([-1.0, 0.4, 6.05])
    place(env, x=x, z=2.0)
    expected = np.stack([2 - height(x), *(height(x + d) - height(x) for d in (0.3, 0.6, 0.9))], 1)
    np.testing.assert_allclose(env.task.state(env.physics), expected, atol=1e-12)
    np.testing.assert_allclose(env.task.progress(env.physics), np.clip(x / 20, 0, 1))


def test_ground_heights_by_hand():
    np.testing.assert_allclose(step_height([0.49, 0.51, 1.2, 3.2, 5.85, 6.0, 30]),
                               [0, 0.18, 0.36, 0.9, 0.18, 0, 0], atol=1e-12)
    np.testing.assert_allclose(slope_height([0, 0.3, 1.3, 5.3, 9.3, 10.3, 15.3, 91]),
                               [0, 0, 0.35, 1.75, 0.35, 0, 1.75, 0], atol=1e-12)


def test_the_dumbbell_at_two_metres_pays_in_full():
    env = env_of("h1hand-powerlift")
    physics, task = env.physics, env.task
    for height, lifted, progress in ((0.2, 10 ** -(0.85**2), 0), (1.9, 1, 1), (2.1, 1, 1),
                                     (4.1, 0.1, 1)):
        physics.set_free(0, DUMBBELL, position=np.array([3.0, 0, height]))
        physics.forward()
        assert task.reward(physics)[1]["reward_dumbbell_lifted"] == pytest.approx(lifted)
        assert task.progress(physics) == pytest.approx(progress)
        np.testing.assert_allclose(task.target(physics), [[3, 0, height]])


def test_hanging_is_no_progress_and_a_handstand_is_all():
    env = env_of("h1-highbar_simple")
    assert env.task.progress(env.physics)[0] == 0 and env.task.reward(env.physics)[0][0] < 1e-4
    env.physics.qpos[:, :7] = [0.3, 0, 4.0, 0, 0, 1, 0]  # upside down above the bar
    env.physics.forward()
    reward, terms = env.task.reward(env.physics)
    assert terms["upright_reward"] == 1 and terms["feet_reward"] == 1 and reward >= 0.8
    assert env.task.progress(env.physics)[0] == 1


# the spoon

def put_spoon(env, plate):
    """Put the tip of the spoon somewhere, level."""
    position = np.asarray(plate) - [0.1, 0, 0.0035]
    for row in range(env.num_envs):
        env.physics.set_free(row, SPOON, position=position, quat=np.array([1.0, 0, 0, 0]))
    env.physics.forward()


def test_stirring_in_the_cup_pays_and_is_all_the_progress():
    env = env_of("h1hand-spoon")
    put_spoon(env, [0.81, -0.1, 0.95])
    _, terms = env.task.reward(env.physics)
    assert terms["reward_spoon_in_cup"] == 1 and terms["spoon_spinning_reward"] == pytest.approx(1)
    assert env.task.progress(env.physics)[0] >= 2 / 3
    for beside in ([0.86, -0.1, 0.95], [0.81, 0.01, 0.95], [0.81, -0.1, 1.11]):
        put_spoon(env, beside)
        assert env.task.reward(env.physics)[1]["reward_spoon_in_cup"] == 0


def test_the_hand_goes_to_the_handle_then_where_the_handle_must_go():
    env = env_of("h1hand-spoon")
    put_spoon(env, [0.85, 0.4, 1.5])
    np.testing.assert_allclose(env.task.target(env.physics), [[0.75, 0.4, 1.5]], atol=1e-9)
    hand = env.physics.left_hand[0].copy()
    put_spoon(env, hand + np.array([0.1, 0, 0]))
    np.testing.assert_allclose(env.task.target(env.physics), [[0.71, -0.1, 0.95]], atol=1e-9)


def circling(phase):
    angle = np.asarray(phase) * math.tau / 40
    return np.stack([0.75 + 0.06 * np.cos(angle), -0.1 + 0.06 * np.sin(angle)], axis=-1)


def seen(env):
    return env.obs.vector[0, -3:-1]


def test_the_stirring_point_circles_once_in_forty_steps():
    env = env_of("h1hand-spoon", terminate=False)
    np.testing.assert_allclose(seen(env), circling(0))
    for phase in (0, 1, 2, 3):  # the first step still stirs where the start showed it
        idle(env)
        np.testing.assert_allclose(seen(env), circling(phase))
        np.testing.assert_allclose(env.physics.goal[0, :2], circling(phase))
    idle(env, 37)
    np.testing.assert_allclose(seen(env), circling(0), atol=1e-12)


@pytest.mark.parametrize(("legacy", "after"), [(False, 0), (True, 5)])
def test_the_stirring_point_starts_anew_unless_legacy(legacy, after):
    env = env_of("h1hand-spoon", legacy=legacy, terminate=False)
    idle(env, 5)
    env.reset()
    for phase in (after, after + 1):
        np.testing.assert_allclose(seen(env), circling(phase if phase == after else after))
        idle(env)
        np.testing.assert_allclose(seen(env), circling(phase))


# what survives

@pytest.mark.parametrize("name", ["h1-highbar_simple", "h1strong-highbar_hard"])
def test_hanging_starts_still_but_for_the_first_time_of_legacy(name):
    env = env_of(name, num_envs=2)
    home = env.task.home(env.robot)
    np.testing.assert_array_equal(env.physics.qpos, [home, home])
    old = env_of(name, num_envs=2, legacy=True)
    moved = np.abs(old.physics.qpos - home)
    assert 0.005 < moved.max() <= 0.01 and (moved > 0).all() and not np.allclose(*old.physics.qpos)
    old.reset()
    np.testing.assert_array_equal(old.physics.qpos, [home, home])


@pytest.mark.parametrize("name", ["h1-maze", "h1hand-spoon"])
def test_memory_is_part_of_a_saved_state(name):
    env = env_of(name, num_envs=2, terminate=False)
    idle(env, 3)
    saved, first = env.get_state(), idle(env, 2)
    other = env_of(name, num_envs=2, seed=9, terminate=False)
    other.set_state(saved)
    second = idle(other, 2)
    np.testing.assert_array_equal(first.obs.vector, second.obs.vector)
    np.testing.assert_array_equal(first.reward, second.reward)
    np.testing.assert_array_equal(first.obs.task, second.obs.task)

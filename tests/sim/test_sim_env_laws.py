"""Laws that hold for every registered task."""

import json

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.sim import TASKS, make
from mwx.types import Env

pytestmark = pytest.mark.parametrize("name", sorted(TASKS))


def actions(num_envs, steps, seed=0, size=0.4):
    """Random actions whose rows do not depend on how many rows there are."""
    rows = [np.random.default_rng([seed, i]).uniform(-size, size, (steps, 19))
            for i in range(num_envs)]
    return np.stack(rows, axis=1)


def rollout(env, sequence):
    """Vectors, rewards and ends of a sequence of actions."""
    steps = [env.step(action) for action in sequence]
    return (np.stack([s.obs.vector for s in steps]), np.stack([s.reward for s in steps]),
            np.stack([s.terminated for s in steps]))


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_implements_the_protocol(name):
    env = make(name, num_envs=2, threads=1)
    assert isinstance(env, Env)
    assert env.obs.vector.shape == (2, env.obs_dim)
    assert env.obs.proprio.shape == (2, 51)
    assert env.obs.target.shape == (2, 3)


def test_same_seed_same_trajectory(name):
    sequence = actions(2, 90)
    first = rollout(make(name, num_envs=2, seed=3, threads=1), sequence)
    again = make(name, num_envs=2, seed=8, threads=1)
    again.reset(seed=3)
    assert_same(first, rollout(again, sequence))
    assert first[2].any() or TASKS[name].fall_height is None


def test_another_seed_another_trajectory(name):
    one, other = make(name, seed=1, threads=1), make(name, seed=2, threads=1)
    assert not np.array_equal(one.obs.vector, other.obs.vector)


def test_thread_count_does_not_matter(name):
    sequence = actions(5, 40)
    assert_same(rollout(make(name, num_envs=5, threads=1), sequence),
                rollout(make(name, num_envs=5, threads=3), sequence))


def test_adding_environments_changes_nobody_elses_result(name):
    few = rollout(make(name, num_envs=2, threads=1), actions(2, 90))
    many = rollout(make(name, num_envs=5, threads=1), actions(5, 90))
    assert_same(few, [x[:, :2] for x in many])


def test_resets_randomise_every_qpos_entry(name):
    env = make(name, num_envs=3, threads=1)
    first = env.physics.qpos.copy()
    env.reset()
    assert (first != env.physics.qpos).all()
    assert (first[0] != first[1]).all()
    home = env.model.key_qpos[0]
    assert np.abs(first - home).max() <= 0.01
    assert (env.physics.qvel == 0).all() and (env.physics.ctrl == 0).all()


def test_every_number_is_finite_under_wild_actions(name):
    env = make(name, num_envs=4, threads=1)
    for action in actions(4, 120, size=1.0):
        step = env.step(action)
        assert np.isfinite(step.obs.vector).all() and np.isfinite(step.reward).all()
        assert np.isfinite(step.obs.task).all()
        assert all(np.isfinite(v).all() and v.shape == (4,) for v in step.terms.values())
        progress = env.task.progress(env.physics)
        assert ((progress >= 0) & (progress <= 1)).all()


def test_no_observation_is_constant(name):
    env = make(name, num_envs=2, threads=1)
    vectors = rollout(env, actions(2, 30))[0]
    goal = 3 if name == "reach" else 0  # the goal stays for an episode
    assert (np.ptp(vectors[..., :vectors.shape[-1] - goal], axis=0) > 0).all()


def test_final_observation_is_the_last_of_the_old_episode(name):
    env = make(name, num_envs=3, threads=1, max_steps=4)
    alone = make(name, num_envs=3, threads=1, auto_reset=False)
    for t, action in enumerate(actions(3, 8)):
        step = env.step(action)
        if t < 4:
            np.testing.assert_array_equal(step.final_obs.vector, alone.step(action).obs.vector)
        ends = (t + 1) % 4 == 0
        assert step.truncated.all() == step.truncated.any() == ends
        assert not step.terminated.any()
        assert np.array_equal(step.final_obs.vector, step.obs.vector) != ends
    assert (env.step_count == 0).all()


def test_without_termination_episodes_last(name):
    env = make(name, num_envs=2, threads=1, terminate=False, max_steps=100)
    terminated, steps = False, 0
    for action in actions(2, 100):
        step = env.step(action)
        terminated, steps = terminated or step.terminated.any(), steps + 1
    assert not terminated and step.truncated.all()


def test_a_saved_state_continues_bit_for_bit(name):
    sequence = actions(3, 80)
    env = make(name, num_envs=3, seed=4, threads=1, max_steps=30)
    rollout(env, sequence[:25])
    env.physics.apply_wrench(np.full((3, 3), 20.0), np.ones((3, 3)))
    state = env.get_state()
    json.dumps(state["generators"])
    other = make(name, num_envs=3, seed=9, threads=1, max_steps=30)
    other.set_state(state)
    for group in ("vector", "proprio", "task", "target"):
        np.testing.assert_array_equal(getattr(env.obs, group), getattr(other.obs, group))
    assert_same(rollout(env, sequence[25:]), rollout(other, sequence[25:]))


def test_wrong_actions_are_explained(name):
    env = make(name, num_envs=2, threads=1)
    with pytest.raises(MwxError, match=r"\(2, 19\)"):
        env.step(np.zeros((19,)))
    bad = np.zeros((2, 19))
    bad[1, 3] = np.nan
    with pytest.raises(MwxError, match=r"environment 1 .*'left_knee'"):
        env.step(bad)


def test_a_robot_state_can_be_given(name):
    env = make(name, num_envs=4, threads=1)
    qpos, qvel = np.tile(env.physics.robot.home_qpos, (2, 1)), np.zeros((2, 25))
    qpos[:, 0], qvel[:, 0] = [0.1, 0.2], 1.5
    before = env.obs.vector.copy()
    obs = env.set_robot_state(np.array([2, 1]), qpos, qvel)
    np.testing.assert_array_equal(obs.proprio[[2, 1], :26], qpos)
    np.testing.assert_array_equal(obs.vector[[0, 3]], before[[0, 3]])
    np.testing.assert_allclose(env.physics.com_velocity[[1, 2], 0], 1.5, atol=1e-9)
    np.testing.assert_allclose(env.physics.head_height[[1, 2]], 1.68, atol=1e-3)


def test_a_record_does_not_change_afterwards(name):
    env = make(name, num_envs=2, threads=1)
    step = env.step(actions(2, 1)[0])
    kept = [step.reward, *step.terms.values()]
    kept += [getattr(step.obs, group) for group in ("vector", "proprio", "task", "target")]
    copies = [array.copy() for array in kept]
    env.step(actions(2, 1)[0])
    assert_same(kept, copies)


def test_a_robot_state_that_does_not_fit_is_explained(name):
    env = make(name, num_envs=2, threads=1)
    home = env.physics.robot.home_qpos[None]
    with pytest.raises(MwxError, match=r"\(1, 24\), needs \(1, 25\)"):
        env.set_robot_state(np.array([0]), home, np.zeros((1, 24)))
    with pytest.raises(MwxError, match="finite"):
        env.set_robot_state(np.array([0]), home * np.nan, np.zeros((1, 25)))
    with pytest.raises(MwxError, match="environments 0 to 1"):
        env.set_robot_state(np.array([2]), home, np.zeros((1, 25)))


def test_single_environments_can_start_anew(name):
    env, other = (make(name, num_envs=3, seed=6, threads=1) for _ in range(2))
    sequence = actions(3, 6)
    rollout(env, sequence), rollout(other, sequence)
    before = env.obs.vector.copy()
    obs = env.reset_rows(np.array([False, True, False]))
    np.testing.assert_array_equal(obs.vector[[0, 2]], before[[0, 2]])
    assert env.step_count.tolist() == [6, 0, 6]
    np.testing.assert_array_equal(obs.vector, other.reset_rows(np.array([1])).vector)
    np.testing.assert_array_equal(env.reset_rows(np.array([], dtype=int)).vector, obs.vector)

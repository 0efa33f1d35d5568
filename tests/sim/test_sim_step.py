"""One control step: whose command acts, for how long, what ends an episode, what a reset draws."""

import mujoco
import numpy as np

from mwx.sim import make


def test_an_action_acts_in_its_own_step_of_ten_physics_steps():
    env = make("stand", num_envs=2, threads=1)
    data = mujoco.MjData(env.physics.model)
    data.qpos[:], data.qvel[:] = env.physics.qpos[1], env.physics.qvel[1]
    rng = np.random.default_rng(0)
    for _ in range(3):
        action = rng.uniform(-1, 1, (2, 19))
        data.ctrl[:] = env.to_ctrl(action)[1]
        for _ in range(10):
            mujoco.mj_step(env.physics.model, data)
        env.step(action)
        np.testing.assert_allclose(env.physics.qpos[1], data.qpos, atol=1e-9)
        np.testing.assert_allclose(env.physics.qvel[1], data.qvel, atol=1e-7)


def test_noise_at_a_reset_fills_its_range():
    env = make("stand", num_envs=64, threads=1)
    drawn = env.physics.qpos[:, 7:26] - env.task.home(env.robot)[7:26]  # 1,216 numbers
    noise = env.task.reset_noise
    assert noise == 0.01 and -noise <= drawn.min() < -0.98 * noise
    assert 0.98 * noise < drawn.max() <= noise and abs(drawn.mean()) < 0.1 * noise


def test_an_episode_ends_for_one_reason_and_at_its_length():
    env = make("walk", num_envs=3, threads=1, max_steps=2, auto_reset=False)
    first = env.step(np.zeros((3, 19)))
    assert not first.done.any()
    env.physics.qpos[0, 2:7] = [0.15, np.sqrt(0.5), 0, np.sqrt(0.5), 0]  # it lies
    second = env.step(np.zeros((3, 19)))
    assert second.terminated.tolist() == [True, False, False]
    assert second.truncated.tolist() == [False, True, True]
    lasting = make("walk", num_envs=1, threads=1, terminate=False)
    lasting.physics.qpos[:, 2:7] = [0.15, np.sqrt(0.5), 0, np.sqrt(0.5), 0]
    assert not lasting.step(np.zeros((1, 19))).done.any()


def test_a_diverged_simulation_ends_unpaid():
    env = make("stand", num_envs=2, threads=1, terminate=False, auto_reset=False)
    env.physics.qvel[0, 8] = 1e13
    step = env.step(np.zeros((2, 19)))
    assert step.terminated.tolist() == [True, False]
    assert step.reward[0] == 0 and step.reward[1] > 0


def test_a_push_lasts_one_control_step():
    env = make("stand", num_envs=2, threads=1, terminate=False)
    env.physics.qpos[:] = env.physics.qpos[0]
    env.physics.base_height[:] += 5  # in the air nothing else pushes
    env.physics.forward()
    newton, mass = 200.0, env.physics.model.body_mass.sum()
    env.physics.apply_wrench(np.array([[newton, 0, 0], [0, 0, 0]]), np.zeros((2, 3)))
    for _ in range(3):
        env.step(np.zeros((2, 19)))
    gained = env.physics.com_velocity[0] - env.physics.com_velocity[1]
    np.testing.assert_allclose(gained, [newton * 0.02 / mass, 0, 0], atol=2e-3)

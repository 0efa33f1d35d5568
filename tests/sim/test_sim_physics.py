"""Named quantities, the assist wrench, divergence and the door's mechanics."""

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.robot import H1
from mwx.sim import TASKS, Physics, make
from mwx.sim.env import scene


@pytest.fixture(scope="module")
def models():
    return {name: scene(task) for name, task in TASKS.items()}


def test_named_quantities_agree_with_mujoco(models):
    model = models["door"]
    physics = Physics(model, 2, threads=1)
    rng = np.random.default_rng(0)
    physics.qpos[:] = model.key_qpos[0] + rng.uniform(-0.1, 0.1, physics.qpos.shape)
    physics.qvel[:] = rng.normal(size=physics.qvel.shape)
    physics.command(np.tile(H1.home_joints, (2, 1)))
    physics.forward()
    data = mujoco.MjData(model)
    for row in range(2):
        data.qpos[:], data.qvel[:] = physics.qpos[row], physics.qvel[row]
        data.ctrl[:] = H1.home_joints
        mujoco.mj_forward(model, data)
        pairs = {
            "head_height": data.site("head").xpos[2],
            "left_hand": data.site("left_hand").xpos, "right_hand": data.site("right_hand").xpos,
            "imu": data.site("imu").xpos, "com_velocity": data.sensor("pelvis_subtreelinvel").data,
            "upright": data.body("torso_link").xmat[8],
            "pelvis_upright": data.body("pelvis").xmat[8],
            "actuator_force": data.actuator_force, "base_pos": data.qpos[:3],
            "base_height": data.qpos[2], "base_quat": data.qpos[3:7],
        }
        for name, expected in pairs.items():
            np.testing.assert_array_equal(getattr(physics, name)[row], expected, err_msg=name)
        np.testing.assert_array_equal(physics.body_position("door_hatch")[row],
                                      data.body("door_hatch").xpos)
        assert physics.joint_position("door_hinge")[row] == data.joint("door_hinge").qpos[0]
        assert physics.joint_velocity("left_knee")[row] == data.joint("left_knee").qvel[0]


def test_unknown_names_are_explained(models):
    physics = Physics(models["door"], 1, threads=1)
    with pytest.raises(MwxError, match="did you mean 'door_hinge'"):
        physics.joint_position("door_hing")
    with pytest.raises(MwxError, match="unknown body"):
        physics.body_position("window")
    with pytest.raises(MwxError, match="has no goal"):
        _ = physics.goal
    with pytest.raises(MwxError, match="at least one"):
        Physics(models["door"], 0)


def test_derived_quantities_are_one_substep_old(models):
    physics = Physics(models["walk"], 1, threads=1)
    physics.reset_rows(np.array([0]))
    physics.forward()
    physics.step(9)
    before = physics.qpos.copy()
    physics.step(1)
    other = Physics(models["walk"], 1, threads=1)
    other.qpos[:] = before
    other.forward()
    np.testing.assert_array_equal(physics.head_height, other.head_height)


def test_heading_frame_does_not_depend_on_the_quaternions_length(models):
    physics = Physics(models["walk"], 2, threads=1)
    physics.base_quat[:] = [[0.5, 0, 0, 0.5], [np.cos(0.3), 0, 0, np.sin(0.3)]]
    np.testing.assert_allclose(physics.heading, [np.pi / 2, 0.6])
    np.testing.assert_allclose(physics.in_heading_frame(np.tile([0.0, 2.0, 3.0], (2, 1)))[0],
                               [2, 0, 3], atol=1e-12)


def test_a_wrench_acts_for_one_step(models):
    physics = Physics(models["walk"], 2, threads=1)
    physics.reset_rows(np.arange(2))
    physics.qpos[:, 2] += 3  # in free fall nothing but the wrench is left
    physics.command(np.tile(H1.home_joints, (2, 1)))
    weight = models["walk"].body_mass.sum() * 9.81
    physics.apply_wrench(np.array([[0, 0, weight], [0, 0, 0]]), np.zeros((2, 3)))
    physics.step(10)
    physics.forward()
    np.testing.assert_allclose(physics.com_velocity[:, 2], [0, -9.81 * 0.02], atol=2e-4)
    physics.step(10)
    physics.forward()
    np.testing.assert_allclose(physics.com_velocity[:, 2], [-9.81 * 0.02, -9.81 * 0.04], atol=3e-4)


@pytest.mark.parametrize("bad", [1e20, np.nan])
def test_a_diverged_simulation_ends_and_disturbs_nobody(bad):
    env, calm = (make("walk", num_envs=3, seed=5, threads=1) for _ in range(2))
    env.physics.qvel[1, 3] = bad
    step, expected = env.step(np.zeros((3, 19))), calm.step(np.zeros((3, 19)))
    assert step.terminated.tolist() == [False, True, False] and step.reward[1] == 0
    assert np.isfinite(step.obs.vector).all() and np.isfinite(step.final_obs.vector).all()
    np.testing.assert_array_equal(step.obs.vector[[0, 2]], expected.obs.vector[[0, 2]])
    assert env.step_count.tolist() == [1, 0, 1]


def settle_door(physics, hatch):
    """Push the door open with 150 N m while the hatch is held at an angle [rad]."""
    model = physics.model
    hinge, latch = (model.joint(n).id for n in ("door_hinge", "door_hatch_hinge"))
    data = physics.data(0)
    data.qpos[:] = model.key_qpos[0]
    data.qpos[0] = -1.0  # the robot out of the door's way
    for _ in range(1500):
        data.qpos[model.jnt_qposadr[latch]], data.qvel[model.jnt_dofadr[latch]] = hatch, 0
        data.qfrc_applied[model.jnt_dofadr[hinge]] = 150.0
        mujoco.mj_step(model, data)
    return data.qpos[model.jnt_qposadr[hinge]]


def test_the_hatch_latches_the_door(models):
    physics = Physics(models["door"], 1, threads=1)
    assert settle_door(physics, hatch=0.0) <= 0.03
    assert settle_door(physics, hatch=1.3) > 1.3


def test_a_state_of_another_task_is_refused():
    door, walk = make("door", threads=1), make("walk", num_envs=1, threads=1)
    with pytest.raises(MwxError, match="'h1-walk'"):
        door.set_state(walk.get_state())
    with pytest.raises(MwxError, match="another task or number"):
        walk.set_state(make("walk", num_envs=2, threads=1).get_state())


def test_unknown_tasks_are_explained():
    with pytest.raises(MwxError, match="did you mean 'h1-door'"):
        make("h1-dor")
    assert make("h1-stand", threads=1).task.name == "stand"
    with pytest.raises(MwxError, match="max_steps"):
        make("walk", max_steps=0)


@pytest.mark.parametrize(("name", "reward", "steps"), [("stand", 55, 82), ("walk", 10, 85)])
def test_holding_the_home_pose_falls_as_in_the_original(name, reward, steps):
    """The original's mean return and length of an episode at the home commands."""
    env = make(name, num_envs=8, threads=1, auto_reset=False)
    action = np.tile(H1.to_action(H1.home_joints), (8, 1))
    total, length, alive = np.zeros(8), np.zeros(8), np.ones(8, dtype=bool)
    for _ in range(120):
        step = env.step(action)
        total, length = total + step.reward * alive, length + alive
        alive &= ~step.terminated
    assert not alive.any()
    assert length.mean() == pytest.approx(steps, abs=8)
    assert total.mean() == pytest.approx(reward, rel=0.15)

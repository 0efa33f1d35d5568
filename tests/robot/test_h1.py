"""H1 against its sourced numbers, and the laws that hold without them."""

from typing import Any

import mujoco
import numpy as np
import pytest
import recorded

from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT, SUBSTEPS


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return H1.model()


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return recorded.facts("h1")


def at_home(model: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos[:] = H1.home_qpos
    mujoco.mj_forward(model, data)
    return data


def same_rotation(first: Any, second: Any) -> bool:
    return abs(abs(np.dot(first, second)) - 1) < 1e-6


def test_sizes_are_those_of_humanoid_bench(model: mujoco.MjModel) -> None:
    assert (model.nq, model.nv, model.nu) == (26, 25, 19)
    assert (H1.nq, H1.nv, H1.act_dim) == (26, 25, 19)
    assert SUBSTEPS * model.opt.timestep == pytest.approx(CONTROL_DT)


def test_total_mass(model: mujoco.MjModel) -> None:
    assert model.body_mass.sum() == pytest.approx(51.649896, abs=1e-9)


def test_bodies_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    assert model.nbody == len(facts["bodies"]) + 1
    for body in facts["bodies"]:
        ours = model.body(body["name"])
        assert model.body(ours.parentid[0]).name == body["parent"]
        np.testing.assert_allclose(ours.pos, body["pos"], atol=1e-9)
        np.testing.assert_allclose(ours.mass[0], body["mass"], atol=1e-12)
        np.testing.assert_allclose(ours.inertia, body["diaginertia"], atol=1e-12)
        assert same_rotation(ours.quat, body["quat"])
        if body["mass"] > 0:
            np.testing.assert_allclose(ours.ipos, body["inertial_pos"], atol=1e-12)
            assert same_rotation(ours.iquat, body["inertial_quat"])


def test_joints_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    for joint in facts["joints"]:
        ours = model.joint(joint["name"])
        assert ours.qposadr[0] == joint["qpos_index"] and ours.dofadr[0] == joint["qvel_index"]
        assert bool(model.jnt_limited[ours.id]) == joint["limited"]
        np.testing.assert_allclose(ours.range, joint["range"], atol=1e-12)
        np.testing.assert_allclose(ours.axis, joint["axis"], atol=1e-12)
        np.testing.assert_allclose(ours.damping, joint["damping"], atol=1e-12)
        np.testing.assert_allclose(ours.armature, joint["armature"], atol=1e-12)


def test_servos_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    assert [a["name"] for a in facts["actuators"]] == list(H1.joint_names)
    for i, servo in enumerate(facts["actuators"]):
        ours = model.actuator(i)
        assert ours.name == servo["name"]
        assert model.joint(ours.trnid[0]).name == servo["target"]
        assert ours.gainprm[0] == servo["kp"] == H1.kp[i]
        np.testing.assert_allclose(ours.biasprm[:3], servo["bias_prm"], atol=1e-12)
        np.testing.assert_allclose(ours.ctrlrange, servo["ctrlrange"], atol=1e-12)
        np.testing.assert_allclose(ours.forcerange, servo["forcerange"], atol=1e-12)
        assert H1.to_action(H1.home_joints)[i] == pytest.approx(servo["home_action_normalised"],
                                                                abs=1e-6)


def test_sites_and_sensors_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    for site in facts["sites"]:
        ours = model.site(site["name"])
        assert model.body(ours.bodyid[0]).name == site["body"]
        np.testing.assert_allclose(ours.pos, site["pos"], atol=1e-12)
        assert same_rotation(ours.quat, site["quat"])
    assert model.nsensor == len(facts["sensors"])
    for sensor in facts["sensors"]:
        ours = model.sensor(sensor["name"])
        assert ours.adr[0] == sensor["adr"] and ours.dim[0] == sensor["dim"]


def test_home_pose_matches_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    np.testing.assert_allclose(H1.home_qpos, facts["keyframes"][0]["qpos"], atol=1e-12)
    data, derived = at_home(model), facts["keyframe_derived"]
    for site in ("head", "imu", "left_hand", "right_hand", "left_foot", "right_foot"):
        np.testing.assert_allclose(data.site(site).xpos, derived[f"{site}_site"], atol=2e-6)
    np.testing.assert_allclose(data.subtree_com[1], derived["com"], atol=2e-6)


def test_feet_touch_the_floor_in_eight_points_at_home(model: mujoco.MjModel) -> None:
    data = at_home(model)
    assert data.ncon == 8
    floor = model.geom("floor").id
    for contact in data.contact:
        feet = {model.body(model.geom_bodyid[g]).name for g in contact.geom if g != floor}
        assert feet in ({"left_ankle_link"}, {"right_ankle_link"})


def test_mirror_is_an_involution_that_keeps_limits() -> None:
    q = np.random.default_rng(0).uniform(H1.low, H1.high)
    mirrored = H1.mirror_sign * q[H1.mirror_joint]
    np.testing.assert_allclose(H1.mirror_sign * mirrored[H1.mirror_joint], q)
    assert np.all(mirrored >= H1.low - 1e-9) and np.all(mirrored <= H1.high + 1e-9)


def test_mirrored_joints_give_the_mirrored_body(model: mujoco.MjModel) -> None:
    rng, data, other = np.random.default_rng(1), mujoco.MjData(model), mujoco.MjData(model)
    q = rng.uniform(H1.low, H1.high)
    data.qpos[:] = [0, 0, 1, 1, 0, 0, 0, *q]
    other.qpos[:] = [0, 0, 1, 1, 0, 0, 0, *(H1.mirror_sign * q[H1.mirror_joint])]
    mujoco.mj_kinematics(model, data)
    mujoco.mj_kinematics(model, other)
    for site in ("left_hand", "left_foot"):
        twin = site.replace("left", "right")
        np.testing.assert_allclose(data.site(site).xpos * [1, -1, 1], other.site(twin).xpos,
                                   atol=1e-6)


def test_action_and_command_are_inverse_and_clipped() -> None:
    action = np.random.default_rng(2).uniform(-1, 1, (5, H1.act_dim))
    np.testing.assert_allclose(H1.to_action(H1.to_ctrl(action)), action, atol=1e-12)
    np.testing.assert_allclose(H1.to_ctrl(np.ones(H1.act_dim)), H1.high)
    np.testing.assert_allclose(H1.to_ctrl(-np.ones(H1.act_dim)), H1.low)
    assert np.all(H1.to_action(H1.high + 1) == 1)

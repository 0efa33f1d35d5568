"""H1 with hands against its sourced numbers and recordings, and the laws that hold without them."""

import time
from typing import Any

import mujoco
import numpy as np
import pytest
import recorded

from mwx.robot import H1, H1HAND, H1STRONG
from mwx.robot import h1hand_numbers as numbers
from mwx.robot.build import H1_DESCRIPTION
from mwx.robot.h1 import SUBSTEPS
from mwx.robot.h1hand import H1HAND_DESCRIPTION
from mwx.robot.looks import VISUAL_GROUP

FINGERS = ("FF", "MF", "RF", "LF")


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return H1HAND.model()


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return recorded.facts("h1hand")


@pytest.fixture(scope="module")
def recording() -> dict[str, np.ndarray]:
    return recorded.original("h1hand-walk")


def at_home(model: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos[:] = H1HAND.home_qpos
    mujoco.mj_forward(model, data)
    return data


def same_rotation(first: Any, second: Any) -> bool:
    return abs(abs(np.dot(first, second)) - 1) < 1e-8


def test_sizes_and_order_are_those_of_humanoid_bench(model: mujoco.MjModel) -> None:
    assert (model.nq, model.nv, model.nu) == (76, 75, 61)
    assert (H1HAND.nq, H1HAND.nv, H1HAND.act_dim, H1HAND.obs_dim) == (76, 75, 61, 151)
    q = H1HAND.joint_names
    assert q[:15] == H1.joint_names[:15] and q[15] == "left_wrist_yaw" and q[16] == "lh_WRJ2"
    assert q[40:44] == H1.joint_names[15:] and q[44] == "right_wrist_yaw" and q[45] == "rh_WRJ2"
    servos = H1HAND.servo_names
    assert servos[:15] == H1.servo_names[:15] and servos[16:20] == H1.servo_names[15:]
    assert servos[15] == "left_wrist_yaw" and servos[20] == "right_wrist_yaw"
    assert all(s.startswith("lh_") for s in servos[21:41])
    assert all(s.startswith("rh_") for s in servos[41:])
    assert [model.actuator(i).name for i in range(model.nu)] == list(servos)
    assert [model.joint(i + 1).name for i in range(model.njnt - 1)] == list(q)


def test_total_mass(model: mujoco.MjModel) -> None:
    assert model.body_mass.sum() == pytest.approx(numbers.TOTAL_MASS, abs=1e-9)


def test_body_of_h1_is_shared(model: mujoco.MjModel) -> None:
    body = H1.model()
    for i in range(body.nbody):
        name = body.body(i).name
        if not name.endswith("hand"):
            for field in ("pos", "quat", "mass", "inertia", "ipos", "iquat"):
                ours, h1 = getattr(model.body(name), field), getattr(body.body(name), field)
                np.testing.assert_array_equal(ours, h1)
    assert H1HAND_DESCRIPTION.collision[:len(H1_DESCRIPTION.collision)] == H1_DESCRIPTION.collision


def test_a_tendon_measures_and_pulls_both_joints_alike(model: mujoco.MjModel) -> None:
    data = at_home(model)
    for hand in ("lh_", "rh_"):
        for finger in FINGERS:
            first, second = (model.joint(f"{hand}{finger}J{k}") for k in (2, 1))
            data.qpos[first.qposadr[0]], data.qpos[second.qposadr[0]] = 0.3, 0.5
            servo = H1HAND.servo_names.index(f"{hand}{finger}J0")
            data.ctrl[:] = 0
            data.ctrl[servo] = 1.2
            mujoco.mj_forward(model, data)
            assert data.ten_length[model.tendon(f"{hand}{finger}J0").id] == pytest.approx(0.8)
            force = 0.5 * (1.2 - 0.8)  # kp times the error: no damping of its own
            assert data.actuator_force[servo] == pytest.approx(force)
            moved = data.qfrc_actuator[[first.dofadr[0], second.dofadr[0]]]
            np.testing.assert_allclose(moved, force)


def test_commands_hold_the_joints_that_are_asked_for() -> None:
    q = np.random.default_rng(0).uniform(H1HAND.low, H1HAND.high)
    ctrl = H1HAND.commands(q)
    assert np.all(ctrl >= H1HAND.ctrl_low - 1e-12)
    # 3.1415 is a little less than twice 1.5708
    assert np.all(ctrl <= H1HAND.ctrl_high + 1e-3)
    np.testing.assert_allclose(H1HAND.to_ctrl(H1HAND.to_action(ctrl)), ctrl, atol=1e-3)


def test_mirrored_joints_give_the_mirrored_body(model: mujoco.MjModel) -> None:
    rng, data, other = np.random.default_rng(1), mujoco.MjData(model), mujoco.MjData(model)
    twins = {name: name.replace("left", "right").replace("lh_", "rh_")
             for name in (model.body(i).name for i in range(1, model.nbody))
             if name.startswith(("left", "lh_"))}
    assert len(twins) == 5 + 4 + 25
    for _ in range(3):
        q = rng.uniform(H1HAND.low, H1HAND.high)
        mirrored = H1HAND.mirror_sign * q[H1HAND.mirror_joint]
        np.testing.assert_allclose(H1HAND.mirror_sign * mirrored[H1HAND.mirror_joint], q)
        assert np.all(mirrored >= H1HAND.low - 1e-9) and np.all(mirrored <= H1HAND.high + 1e-9)
        data.qpos[:] = [0, 0, 1, 1, 0, 0, 0, *q]
        other.qpos[:] = [0, 0, 1, 1, 0, 0, 0, *mirrored]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_kinematics(model, other)
        for pair in twins.items():
            for here, there in (pair, pair[::-1]):
                np.testing.assert_allclose(data.body(here).xpos * [1, -1, 1],
                                           other.body(there).xpos, atol=1e-7)
                if here[:3] in ("lh_", "rh_"):  # beyond its joint: the last one of a finger counts
                    np.testing.assert_allclose(data.body(here).xipos * [1, -1, 1],
                                               other.body(there).xipos, atol=1e-7)


def test_strong_fingers_differ_in_their_servos_alone() -> None:
    hand, strong = H1HAND.model(), H1STRONG.model()
    changed = {name for i, name in enumerate(H1HAND.servo_names)
               if hand.actuator_gainprm[i, 0] != strong.actuator_gainprm[i, 0]}
    assert changed == {name for name in H1HAND.servo_names[21:] if not name.endswith("WRJ2")}
    weak = np.array([name not in changed for name in H1HAND.servo_names])
    np.testing.assert_array_equal(strong.actuator_gainprm[~weak, 0], 50)
    np.testing.assert_array_equal(strong.actuator_biasprm[~weak, 1], -50)
    np.testing.assert_array_equal(np.abs(strong.actuator_forcerange[~weak]), 50)
    np.testing.assert_array_equal(strong.actuator_gainprm[weak], hand.actuator_gainprm[weak])
    np.testing.assert_array_equal(strong.actuator_forcerange[weak], hand.actuator_forcerange[weak])
    np.testing.assert_array_equal(strong.actuator_ctrlrange, hand.actuator_ctrlrange)
    np.testing.assert_array_equal(strong.dof_damping, hand.dof_damping)
    np.testing.assert_array_equal(strong.geom_pos, hand.geom_pos)
    np.testing.assert_array_equal(H1STRONG.kp, strong.actuator_gainprm[:, 0])


def test_building_is_fast() -> None:
    start = time.process_time()
    H1HAND.model()
    assert time.process_time() - start < 1.0


def test_looks_weigh_nothing_touch_nothing_and_can_be_discarded(model: mujoco.MjModel) -> None:
    drawn = H1HAND.model(drawn=True)
    seen = drawn.geom_group == VISUAL_GROUP
    assert not drawn.geom_contype[seen].any() and not drawn.geom_conaffinity[seen].any()
    assert (~seen).sum() == model.ngeom == len(H1HAND_DESCRIPTION.collision) + 1
    np.testing.assert_array_equal(drawn.body_mass, model.body_mass)
    for i in range(drawn.nbody):
        name = drawn.body(i).name
        if name.startswith(("lh_", "rh_")):
            assert seen[drawn.geom_bodyid == i].any(), f"{name} cannot be seen"
    data = mujoco.MjData(drawn)
    data.qpos[:] = [0, 0, 1, 1, 0, 0, 0, *np.zeros(len(H1HAND.joint_names))]
    mujoco.mj_kinematics(drawn, data)
    places = np.round(data.geom_xpos[seen], 5)
    assert {tuple(p) for p in places * [1, -1, 1] + 0.0} == {tuple(p) for p in places + 0.0}


def test_fingers_close_when_told_and_stay_finite(model: mujoco.MjModel) -> None:
    data = at_home(model)
    start = data.body("rh_ffdistal").xpos - data.body("rh_palm").xpos
    fist = {f"rh_{finger}J{k}": angle for finger in FINGERS for k, angle in ((3, 1.5), (2, 1.2),
                                                                          (1, 1.0))}
    goal = H1HAND.home_joints.copy()
    for name, angle in fist.items():
        goal[H1HAND.joint(name)] = angle
    data.ctrl[:] = H1HAND.commands(goal)
    mujoco.mj_step(model, data, nstep=20 * SUBSTEPS)
    end = data.body("rh_ffdistal").xpos - data.body("rh_palm").xpos
    assert np.linalg.norm(end) < 0.75 * np.linalg.norm(start)
    assert np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all()


def test_holding_home_falls_about_as_late_as_h1(model: mujoco.MjModel) -> None:
    data = at_home(model)
    data.ctrl[:] = H1HAND.commands(H1HAND.home_joints)
    steps = 0
    while data.qpos[2] >= 0.2 and steps < 200:
        mujoco.mj_step(model, data, nstep=SUBSTEPS)
        steps += 1
    assert 75 <= steps <= 100  # H1 about 80


# against the numbers read from the original model

def test_bodies_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    assert [b["name"] for b in facts["bodies"]] == [model.body(i).name
                                                    for i in range(1, model.nbody)]
    for body in facts["bodies"]:
        ours = model.body(body["name"])
        assert model.body(ours.parentid[0]).name == body["parent"]
        np.testing.assert_allclose(ours.pos, body["pos"], atol=1e-12)
        np.testing.assert_allclose(ours.mass[0], body["mass"], atol=1e-12)
        np.testing.assert_allclose(ours.inertia, body["diaginertia"], atol=1e-14)
        np.testing.assert_allclose(ours.ipos, body["inertial_pos"], atol=1e-12)
        assert same_rotation(ours.quat, body["quat"])
        assert same_rotation(ours.iquat, body["inertial_quat"])


def test_joints_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    assert facts["observation_labels"]["qpos"][7:] == list(H1HAND.joint_names)
    assert facts["observation_labels"]["qvel"][6:] == list(H1HAND.joint_names)
    for joint in facts["joints"]:
        ours = model.joint(joint["name"])
        assert ours.qposadr[0] == joint["qpos_index"] and ours.dofadr[0] == joint["qvel_index"]
        assert bool(model.jnt_limited[ours.id]) == joint["limited"]
        np.testing.assert_allclose(ours.range, joint["range"], atol=1e-12)
        np.testing.assert_allclose(ours.axis, joint["axis"], atol=5e-7)
        np.testing.assert_allclose(model.jnt_solref[ours.id], joint["solref_limit"])
        for field in ("damping", "armature", "frictionloss"):
            np.testing.assert_allclose(getattr(ours, field), joint[field], atol=1e-12)


def test_servos_match_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    assert [a["target"] for a in facts["actuators"]] == list(H1HAND.servo_names)
    home = H1HAND.commands(H1HAND.home_joints)
    for i, servo in enumerate(facts["actuators"]):
        ours = model.actuator(i)
        tendon = ours.trntype[0] == mujoco.mjtTrn.mjTRN_TENDON
        assert tendon == (servo["transmission"] == "tendon")
        target = model.tendon(ours.trnid[0]) if tendon else model.joint(ours.trnid[0])
        assert target.name == servo["target"]
        assert ours.gainprm[0] == servo["kp"] == H1HAND.kp[i]
        np.testing.assert_array_equal(ours.biasprm[:3], servo["bias_prm"])
        np.testing.assert_array_equal(ours.ctrlrange, servo["ctrlrange"])
        np.testing.assert_array_equal(ours.forcerange, servo["forcerange"])
        assert home[i] == servo["home_ctrl"]
        assert H1HAND.to_action(home)[i] == pytest.approx(servo["home_action_normalised"],
                                                          abs=1e-6)


def test_rest_of_the_model_matches_the_numbers(model: mujoco.MjModel,
                                               facts: dict[str, Any]) -> None:
    for site in facts["sites"]:
        ours = model.site(site["name"])
        assert model.body(ours.bodyid[0]).name == site["body"]
        np.testing.assert_allclose(ours.pos, site["pos"], atol=1e-12)
        np.testing.assert_allclose(ours.size, site["size"], atol=1e-12)
    for sensor in facts["sensors"]:
        ours = model.sensor(sensor["name"])
        assert ours.adr[0] == sensor["adr"] and ours.dim[0] == sensor["dim"]
    excluded = {frozenset(divmod(int(s), 1 << 16)) for s in model.exclude_signature}
    assert excluded == {frozenset(model.body(name).id for name in pair)
                        for pair in facts["contact_excludes"]}
    data, derived = at_home(model), facts["keyframe_derived"]
    assert data.ncon == derived["contacts"] == 8
    np.testing.assert_allclose(H1HAND.home_qpos, facts["keyframes"][0]["qpos"], atol=1e-12)
    for site in ("head", "imu", "left_hand", "right_hand", "left_foot", "right_foot"):
        np.testing.assert_allclose(data.site(site).xpos, derived[f"{site}_site"], atol=2e-6)
    np.testing.assert_allclose(data.subtree_com[1], derived["com"], atol=2e-6)


def test_hand_collision_matches_the_numbers(model: mujoco.MjModel, facts: dict[str, Any]) -> None:
    expected: dict[str, list[Any]] = {}
    for geom in facts["collision_primitives"]:
        expected.setdefault(geom["body"], []).append(geom)
    seen = 0
    for i in range(model.ngeom):
        body = model.body(model.geom_bodyid[i]).name
        if body.startswith(("lh_", "rh_")):
            row = expected[body].pop(0)
            shape = mujoco.mjtGeom(int(model.geom_type[i])).name.removeprefix("mjGEOM_").lower()
            size = (*row["size"], 0, 0)[:3]
            assert shape == row["type"]
            np.testing.assert_allclose(model.geom_size[i], size, atol=1e-12)
            np.testing.assert_allclose(model.geom_pos[i], row["pos"], atol=1e-12)
            assert same_rotation(model.geom_quat[i], row["quat"] / np.linalg.norm(row["quat"]))
            np.testing.assert_allclose(model.geom_solref[i], row["solref"])
            np.testing.assert_allclose(model.geom_solimp[i], row["solimp"])
            np.testing.assert_allclose(model.geom_friction[i], row["friction"])
            seen += 1
    assert seen == 2 * (13 + 4 * 4 + 6)
    assert not any(rows for body, rows in expected.items() if body.startswith(("lh_", "rh_")))


def test_original_start_at_the_high_bar_is_a_grip() -> None:
    """A pose made for the original hands: ours, too, close round the bar and do not sink in."""
    spec = H1STRONG.spec()
    spec.worldbody.add_geom(name="bar", type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.02, 0, 0],
                            fromto=[0.31, -1.2, 2.8, 0.31, 1.2, 2.8])
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[:] = recorded.facts("highbar_hard")["keyframe_robot_qpos"]
    mujoco.mj_forward(model, data)
    bar = model.geom("bar").id
    touches = {model.body(model.geom_bodyid[contact.geom.sum() - bar]).name: contact.dist
               for contact in data.contact if bar in contact.geom}
    assert min(touches.values()) > -0.006
    for hand in ("lh_", "rh_"):
        assert {hand + finger + "distal" for finger in ("ff", "mf", "rf", "lf", "th")} <= {*touches}


# against the original program's recorded trajectories

@pytest.mark.parametrize("mode", ["smooth", "uniform"])
def test_one_substep_from_every_recorded_state(model: mujoco.MjModel, mode: str,
                                               recording: dict[str, np.ndarray]) -> None:
    data = mujoco.MjData(model)
    for seed, step in np.ndindex(recording[f"{mode}_reward"].shape):
        mujoco.mj_resetData(model, data)
        data.qpos[:] = recording[f"{mode}_qpos_pre"][seed, step]
        data.qvel[:] = recording[f"{mode}_qvel_pre"][seed, step]
        data.ctrl[:] = recorded_ctrl(recording[f"{mode}_action"][seed, step])
        mujoco.mj_forward(model, data)
        for name in ("actuator_force", "sensordata", "site_xpos"):
            np.testing.assert_allclose(getattr(data, name), recording[f"{mode}_{name}"][seed, step],
                                       atol=1e-8, err_msg=f"{name}, seed {seed}, step {step}")


def test_smooth_actions_give_the_recorded_motion(model: mujoco.MjModel,
                                                 recording: dict[str, np.ndarray]) -> None:
    data = mujoco.MjData(model)
    for seed in range(2):
        mujoco.mj_resetData(model, data)
        data.qpos[:] = recording["smooth_init_qpos"][seed]
        data.qvel[:] = recording["smooth_init_qvel"][seed]
        for action, qpos in zip(recording["smooth_replay_action"][seed],
                                recording["smooth_replay_qpos"][seed], strict=True):
            data.ctrl[:] = recorded_ctrl(action)
            mujoco.mj_step(model, data, nstep=SUBSTEPS)
            np.testing.assert_allclose(data.qpos, qpos, atol=1e-6)


def recorded_ctrl(action: np.ndarray) -> np.ndarray:
    """Return what the original program makes of an action: float32 all the way."""
    low, high = H1HAND.ctrl_low.astype(np.float32), H1HAND.ctrl_high.astype(np.float32)
    return (low + (action + 1) / 2 * (high - low)).astype(np.float32)

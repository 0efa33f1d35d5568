"""The compiled door against the numbers read from the original's compiled scene."""

import mujoco
import numpy as np
import pytest
import recorded

from mwx.robot import H1
from mwx.sim import TASKS
from mwx.sim.env import scene

BODIES = ("door", "door_hatch", "door_wall_connects")


@pytest.fixture(scope="module")
def model():
    return scene(TASKS["door"])


@pytest.fixture(scope="module")
def facts():
    return recorded.facts("door")


def test_sizes_and_keyframe(model, facts):
    assert (model.nq, model.nv, model.nu) == (facts["nq"], facts["nv"], facts["nu"])
    expected = facts["keyframe_robot_qpos"] + facts["keyframe_object_qpos"]
    np.testing.assert_array_equal(model.key_qpos[0], expected)
    assert (model.key_ctrl == 0).all()


@pytest.mark.parametrize("name", BODIES)
def test_bodies(model, facts, name):
    expected = next(b for b in facts["bodies"] if b["name"] == name)
    body = model.body(name)
    np.testing.assert_allclose(body.pos, expected["pos"], atol=1e-9)
    if name == "door_wall_connects":
        return  # static: it has no inertia that matters
    np.testing.assert_allclose(body.mass, expected["mass"])
    np.testing.assert_allclose(body.ipos, expected["com"], atol=1e-6)
    np.testing.assert_allclose(body.inertia, expected["diaginertia"])
    np.testing.assert_allclose(body.iquat, expected["inertia_quat"], atol=1e-6)
    assert model.body_gravcomp[body.id] == expected["gravcomp"]


@pytest.mark.parametrize("name", BODIES)
def test_colliding_geoms(model, facts, name):
    expected = next(b for b in facts["bodies"] if b["name"] == name)["geoms"]
    expected = [g for g in expected if g["collides"]]
    ids = np.flatnonzero(model.geom_bodyid == model.body(name).id)
    assert len(ids) == len(expected)
    for i, geom in zip(ids, expected, strict=True):
        shape = mujoco.mjtGeom(model.geom_type[i]).name.removeprefix("mjGEOM_").lower()
        assert shape == geom["type"]
        size = geom["size"]
        np.testing.assert_allclose(model.geom_size[i][:len(size)], size, atol=1e-9)
        np.testing.assert_allclose(model.geom_pos[i], geom["pos"], atol=1e-9)
        np.testing.assert_allclose(model.geom_quat[i], geom["quat"], atol=1e-6)
        assert model.geom_contype[i] == model.geom_conaffinity[i] == 1


@pytest.mark.parametrize("body", BODIES[:2])
def test_joints(model, facts, body):
    expected = next(b for b in facts["bodies"] if b["name"] == body)["joints"][0]
    joint = model.joint(expected["name"])
    assert int(joint.qposadr[0]) == expected["qpos_index"]
    assert int(joint.dofadr[0]) == expected["qvel_index"]
    np.testing.assert_allclose(joint.axis, expected["axis"])
    np.testing.assert_allclose(joint.pos, expected["pos"])
    np.testing.assert_allclose(joint.range, expected["range"])
    assert model.jnt_limited[joint.id] == expected["limited"]
    assert np.ravel(model.jnt_stiffness[joint.id])[0] == expected["stiffness"]
    dof = int(joint.dofadr[0])
    assert np.ravel(model.dof_damping[dof])[0] == expected["damping"]
    assert model.dof_armature[dof] == expected["armature"]


def test_the_robot_keeps_its_place(model):
    assert model.nq == H1.nq + 2
    assert int(model.joint("free_base").qposadr[0]) == 0

"""The manipulation scenes against the numbers read from the original's compiled scenes."""

import mujoco
import numpy as np
import pytest
import recorded

from mwx.robot import H1HAND
from mwx.sim import TASKS
from mwx.sim.env import scene

NAMES = ("cabinet", "cube", "bookshelf_simple", "bookshelf_hard", "window", "room",
         "insert_normal", "insert_small")
CLOSE = 1e-6
OBSERVED = {"cabinet": 213, "cube": 177, "bookshelf_simple": 307, "bookshelf_hard": 307,
            "window": 171, "room": 229, "insert_normal": 190, "insert_small": 190}
# ours for what the original hangs into the world itself
SITES = {"window": 5, "insert_normal": 4, "insert_small": 4}
WORLD = {"cabinet": "cabinet", "room": "walls"}


class Scene:
    """A compiled scene of ours and the facts about the original's."""

    def __init__(self, name):
        self.name, self.task = name, TASKS[name]
        self.model = scene(self.task, robot=H1HAND)
        self.facts = recorded.facts(name)

    def bodies(self):
        """Pairs of our body's id and the fact's record; ghosts and the floor's world apart."""
        for fact in self.facts["bodies"]:
            if fact["name"].endswith("_vision") or fact["name"] == "target_cube":
                continue
            name = WORLD.get(self.name) if fact["name"] == "world" else fact["name"]
            if name is not None:
                yield self.model.body(name).id, fact


@pytest.fixture(scope="module", params=NAMES)
def compiled(request):
    return Scene(request.param)


def close(ours, expected):
    np.testing.assert_allclose(ours, expected, atol=CLOSE, rtol=CLOSE)


def same_turn(ours, expected):
    close(ours * np.sign(np.dot(ours, expected)), expected)


def test_sizes_and_keyframe(compiled):
    model, facts = compiled.model, compiled.facts
    assert (model.nq, model.nv, model.nu) == (facts["nq"], facts["nv"], facts["nu"])
    assert model.nq + model.nv == OBSERVED[compiled.name]
    close(model.key_qpos[0], facts["keyframe_robot_qpos"] + facts["keyframe_object_qpos"])
    assert (model.key_ctrl == 0).all()


def test_every_colliding_geom(compiled):
    model, total = compiled.model, 0
    for body, fact in compiled.bodies():
        expected = [g for g in fact["geoms"] if g["collides"] and g["type"] != "plane"]
        ours = np.flatnonzero(model.geom_bodyid == body)
        assert len(ours) == len(expected), fact["name"]
        total += len(ours)
        for geom, record in zip(ours, expected, strict=True):
            kind = mujoco.mjtGeom(model.geom_type[geom]).name.removeprefix("mjGEOM_").lower()
            assert kind == record["type"]  # a mesh would need a stand-in: there is none
            close(model.geom_size[geom][:len(record["size"])], record["size"])
            close(model.geom_pos[geom], record["pos"])
            same_turn(model.geom_quat[geom], record["quat"])
    alone = H1HAND.model().ngeom  # floor and robot
    assert model.ngeom == alone + total
    ours = slice(alone, None)
    assert (model.geom_contype == 1).sum() == (model.geom_conaffinity == 1).sum()
    assert (model.geom_contype[ours] == 1).all() and (model.geom_condim[ours] == 3).all()
    close(model.geom_friction[ours], np.tile([1, 0.005, 0.0001], (total, 1)))
    close(model.geom_solref[ours], np.tile([0.02, 1], (total, 1)))
    assert (model.geom_margin[ours] == 0).all()


def test_inertia_of_what_moves(compiled):
    model, moving = compiled.model, 0
    for body, fact in compiled.bodies():
        if model.body_weldid[body] == 0:
            continue  # static: its mass acts on nothing
        moving += 1
        assert model.body_gravcomp[body] == fact["gravcomp"]
        close(model.body_mass[body], fact["mass"])
        if fact["mass"] > 0:
            close(model.body_ipos[body], fact["com"])
            close(model.body_inertia[body], fact["diaginertia"])
            same_turn(model.body_iquat[body], fact["inertia_quat"])
    assert moving >= 2


def test_joints_in_the_order_of_qpos(compiled):
    model, count = compiled.model, 0
    for body, fact in compiled.bodies():
        assert model.body_jntnum[body] == len(fact["joints"])
        for i, record in enumerate(fact["joints"]):
            joint, count = model.body_jntadr[body] + i, count + 1
            kind = mujoco.mjtJoint(model.jnt_type[joint]).name.removeprefix("mjJNT_").lower()
            assert kind == record["type"]
            assert record["name"] in ("", model.joint(joint).name)
            assert model.jnt_qposadr[joint] == record["qpos_index"]
            dof = model.jnt_dofadr[joint]
            assert dof == record["qvel_index"]
            assert model.jnt_limited[joint] == record["limited"]
            if kind != "free":
                close(model.jnt_axis[joint], record["axis"])
                close(model.jnt_pos[joint], record["pos"])
            close(model.jnt_range[joint], record["range"])
            close(np.ravel(model.jnt_stiffness[joint])[0], record["stiffness"])
            for name in ("damping", "armature", "frictionloss"):
                close(np.ravel(getattr(model, f"dof_{name}")[dof])[0], record[name])
    assert count == model.njnt - H1HAND.model().njnt


def test_places_and_parents(compiled):
    model = compiled.model
    for body, fact in compiled.bodies():
        if fact["name"] == "world":
            continue
        assert model.body(model.body_parentid[body]).name == fact["parent"]
        if model.body_dofnum[body] < 6:  # a free body starts where the keyframe has it
            close(model.body_pos[body], fact["pos"])
            same_turn(model.body_quat[body], fact["quat"])


def test_sites_that_the_reward_reads(compiled):
    if compiled.name not in SITES:
        return
    found = [(body, site) for body, fact in compiled.bodies() for site in fact["sites"]]
    assert len(found) == SITES[compiled.name]
    for body, record in found:
        site = compiled.model.site(record["name"])
        assert site.bodyid[0] == body
        close(site.pos, record["pos"])


def test_the_window_has_the_originals_sensor():
    model = scene(TASKS["window"], robot=H1HAND)
    sensor = model.sensor("window_wiping_tool_subtreelinvel")
    assert sensor.type[0] == mujoco.mjtSensor.mjSENS_SUBTREELINVEL
    assert model.body(sensor.objid[0]).name == "window_wiping_tool"


def test_the_shelf_lets_convex_shapes_touch_in_several_points():
    for name in ("bookshelf_simple", "bookshelf_hard"):
        flags = scene(TASKS[name], robot=H1HAND).opt.disableflags
        assert not flags & mujoco.mjtDisableBit.mjDSBL_MULTICCD

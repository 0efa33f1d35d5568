"""Courses, boards, bars and tools against the facts of the original's compiled scenes."""

import mujoco
import numpy as np
import pytest
import recorded

from mwx.maths import rotations
from mwx.sim.env import scene
from mwx.sim.tasks import resolve, slide, stair

NAMES = ("h1-hurdle", "h1-maze", "h1-pole", "h1-stair", "h1-slide", "h1-balance_simple",
         "h1-balance_hard", "h1-highbar_simple", "h1strong-highbar_hard", "h1hand-powerlift",
         "h1hand-spoon")
EXACT = 1e-6
DENSITY = 1000.0  # [kg/m^3] of what the original weighs
SIZES = {"box": 3, "cylinder": 2, "sphere": 1}


def compiled(name):
    robot, task = resolve(name)
    return scene(task, robot=robot)


@pytest.fixture(params=NAMES)
def pair(request):
    """The facts of a scene, and ours."""
    facts = recorded.facts(request.param.split("-")[1])
    assert facts["compiled_for"] == request.param.split("-")[0]
    return facts, compiled(request.param)


def facts_geoms(facts):
    """(kind, 3 sizes, place, matrix) of every primitive that collides, in the world's frame."""
    places, bodies = {None: (np.zeros(3), np.array([1.0, 0, 0, 0]))}, facts["bodies"]
    for body in bodies:
        pos, quat = places[body["parent"]]
        places[body["name"]] = (pos + rotations.rotate(quat, np.array(body["pos"])),
                                rotations.multiply(quat, np.array(body["quat"])))
        for geom in body["geoms"]:
            if geom["collides"] and geom["type"] in SIZES:
                pos, quat = places[body["name"]]
                yield row(geom["type"], geom["size"],
                          pos + rotations.rotate(quat, np.array(geom["pos"])),
                          rotations.to_matrix(rotations.multiply(quat, np.array(geom["quat"]))))


def row(kind, size, pos, matrix):
    """One geom as numbers; a sphere has no orientation, a cylinder's is its axis, up to a sign."""
    size = [*size, 0.0, 0.0][:SIZES[kind]] + [0.0] * (3 - SIZES[kind])
    axis = {"sphere": np.zeros(3), "cylinder": np.abs(matrix[:, 2])}.get(kind)
    turn = np.abs(matrix).ravel() if axis is None else np.tile(axis, 3)
    return [float(list(SIZES).index(kind)), *size, *pos, *turn]


def our_geoms(model):
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    robot = [model.body(i).rootid[0] == model.body("pelvis").id for i in range(model.nbody)]
    for i in range(model.ngeom):
        kind = mujoco.mjtGeom(int(model.geom_type[i])).name.removeprefix("mjGEOM_").lower()
        if not robot[model.geom_bodyid[i]] and model.geom_contype[i] and kind in SIZES:
            yield row(kind, model.geom_size[i], data.geom_xpos[i], data.geom_xmat[i].reshape(3, 3))


def in_order(rows):
    rows = np.array(sorted(np.round(row, 5).tolist() + list(row) for row in rows))
    return rows[:, rows.shape[1] // 2:]


def test_every_colliding_primitive_is_where_it_should_be(pair):
    facts, model = pair
    ours, theirs = in_order(our_geoms(model)), in_order(facts_geoms(facts))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=EXACT)
    collide = [i for i in range(model.ngeom) if model.geom_contype[i]]
    np.testing.assert_array_equal(model.geom_friction[collide],
                                  np.broadcast_to([1, 0.005, 0.0001], (len(collide), 3)))


def test_sizes_and_start_are_the_original_s(pair):
    facts, model = pair
    assert (model.nq, model.nv, model.nu) == (facts["nq"], facts["nv"], facts["nu"])
    start = [*facts["keyframe_robot_qpos"], *facts["keyframe_object_qpos"]]
    np.testing.assert_allclose(model.key("home").qpos, start, atol=EXACT)
    assert bool(np.any(model.key("home").ctrl)) == facts["keyframe_ctrl_nonzero"]


def test_free_objects_weigh_what_they_should(pair):
    facts, model = pair
    for body in facts["bodies"]:
        for joint in body["joints"]:
            ours = model.joint(joint["name"])
            assert (int(ours.qposadr[0]), int(ours.dofadr[0])) == (joint["qpos_index"],
                                                                  joint["qvel_index"])
            moved = model.body(int(ours.bodyid[0]))
            np.testing.assert_allclose(moved.mass, body["mass"], atol=EXACT)
            np.testing.assert_allclose(moved.ipos, body["com"], atol=EXACT)
            # to the digits that the facts have: six decimals of an axis, nine of an inertia
            np.testing.assert_allclose(_tensor(moved.inertia, moved.iquat),
                                       _tensor(body["diaginertia"], body["inertia_quat"]),
                                       rtol=1e-6, atol=1e-9)


def _tensor(inertia, axes):
    axes = np.array(axes) / np.linalg.norm(axes)
    matrix = rotations.to_matrix(axes)
    return matrix @ np.diag(inertia) @ matrix.T


def test_the_ridge_is_the_original_s_mesh():
    """Its box, weight, centre and inertia leave no other shape than the symmetric prism."""
    facts = recorded.facts("slide")
    body = next(b for b in facts["bodies"] if b["name"] == "slides")
    ridges = [g for g in body["geoms"] if g["collides"]]
    model = compiled("h1-slide")
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    meshes = np.flatnonzero((model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)
                            & (model.geom_bodyid == model.body("slides").id))
    assert len(meshes) == len(ridges) == slide.RIDGES
    for geom, fact in zip(meshes, ridges, strict=True):
        corners = model.mesh_vert @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        np.testing.assert_allclose(corners.min(axis=0), fact["body_aabb_min"], atol=EXACT)
        np.testing.assert_allclose(corners.max(axis=0), fact["body_aabb_max"], atol=EXACT)
    base, depth, height = slide.PERIOD, 2 * slide.HALF_WIDTH, slide.CREST
    mass = DENSITY * base * depth * height / 2
    centres = slide.FIRST_X + base * (np.arange(slide.RIDGES) + 0.5)
    # drawn and colliding twins: the original weighs the drawn ones alone
    np.testing.assert_allclose(body["mass"], slide.RIDGES * mass, rtol=1e-7)
    np.testing.assert_allclose(body["com"], [centres.mean(), 0, height / 3], atol=EXACT)
    across, along, up = depth**2 / 12, base**2 / 24, height**2 / 18
    spread = slide.RIDGES * mass * centres.var()
    expected = [spread + slide.RIDGES * mass * (along + across),
                spread + slide.RIDGES * mass * (along + up), slide.RIDGES * mass * (across + up)]
    np.testing.assert_allclose(sorted(body["diaginertia"]), sorted(expected), rtol=1e-6)


@pytest.mark.parametrize(("name", "course"), [("h1-stair", stair), ("h1-slide", slide)])
def test_the_ground_s_height_is_what_a_ray_from_above_meets(name, course):
    model = compiled(name)
    data = mujoco.MjData(model)
    data.qpos[:] = model.key("home").qpos
    data.qpos[0] = -50  # the robot out of the way
    mujoco.mj_forward(model, data)
    x = np.linspace(-1.93, 19.83, 97)  # a ray sees no floor beyond 20 m
    hit = np.zeros(1, dtype=np.int32)
    heights = [20 - mujoco.mj_ray(model, data, np.array([at, 0.5, 20.0]), np.array([0, 0, -1.0]),
                                  None, 1, -1, hit) for at in x]
    np.testing.assert_allclose(course.ground_height(x), heights, atol=1e-6)


def test_the_forearms_are_tied_to_the_bar():
    facts = recorded.facts("highbar_simple")
    model = compiled("h1-highbar_simple")
    assert [model.equality(i).type[0] for i in range(model.neq)] == [
        mujoco.mjtEq.mjEQ_CONNECT] * len(facts["equalities"])
    bar = next(b for b in facts["bodies"] if b["name"] == "athletic_high_bar")
    for tie in facts["equalities"]:
        ours = model.equality(tie["name"])
        on_bar, on_arm = model.site(int(ours.obj1id[0])), model.site(int(ours.obj2id[0]))
        np.testing.assert_allclose(on_bar.pos, np.add(tie["data"][:3], bar["pos"]), atol=EXACT)
        np.testing.assert_allclose(on_arm.pos, tie["data"][3:6], atol=EXACT)
        assert model.body(int(on_arm.bodyid[0])).name == tie["obj2"]
    assert model.nexclude == len(facts["contact_excludes"])


def test_the_ties_hold_at_the_start():
    model = compiled("h1-highbar_simple")
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_forward(model, data)
    for side in ("left", "right"):
        gap = data.site(f"{side}_tie_bar").xpos - data.site(f"{side}_tie_arm").xpos
        assert np.linalg.norm(gap) < 0.05
    assert not any(data.body(body).name in ("left_elbow_link", "right_elbow_link")
                   for contact in data.contact for body in model.geom_bodyid[contact.geom])


def test_ties_between_sites_do_what_ties_between_bodies_do():
    """The original ties bodies; a compiler would place the arm's end anew, from another pose."""
    ours, theirs = (compiled("h1-highbar_simple") for _ in range(2))
    for i, side in enumerate(("left", "right")):
        theirs.eq_objtype[i] = mujoco.mjtObj.mjOBJ_BODY
        theirs.eq_obj1id[i] = theirs.body("high_bar").id
        theirs.eq_obj2id[i] = theirs.body(f"{side}_elbow_link").id
        theirs.eq_data[i, :6] = [*theirs.site(f"{side}_tie_bar").pos,
                                 *theirs.site(f"{side}_tie_arm").pos]
    ends = []
    for model in (ours, theirs):
        data = mujoco.MjData(model)
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qvel[4] = 2.0  # a swing
        mujoco.mj_step(model, data, 100)
        ends.append(data.qpos.copy())
    assert np.abs(ends[0] - ours.key("home").qpos).max() > 0.1
    np.testing.assert_allclose(*ends, atol=1e-12)

"""The viewer: shapes against closed forms, a session against a rollout, a server that is driven."""

import sys
import time
import urllib.request

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation.figures import ACCENT, EXPERT_COLOURS, SECOND
from mwx.evaluation.plain_policies import ConstantPolicy, RandomPolicy
from mwx.evaluation.playing import player
from mwx.integrations import viewer as viewer_module
from mwx.integrations import viewer_panel as panel
from mwx.integrations.viewer_scene import body_meshes
from mwx.integrations.viewer_session import Session
from mwx.integrations.viewer_shapes import geom_mesh, solid
from mwx.sim import make
from mwx.sim.rollout import rollout

SHAPE = mujoco.mjtGeom


def volume(mesh):
    """Volume that a closed surface encloses, by the divergence theorem; positive if facing out."""
    a, b, c = (mesh[0][mesh[1][:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(("kind", "size", "exact"), [
    (SHAPE.mjGEOM_BOX, (0.1, 0.2, 0.3), 8 * 0.006),
    (SHAPE.mjGEOM_SPHERE, (0.3, 0, 0), 4 / 3 * np.pi * 0.027),
    (SHAPE.mjGEOM_CYLINDER, (0.3, 0.5, 0), np.pi * 0.09),
    (SHAPE.mjGEOM_CAPSULE, (0.3, 0.5, 0), np.pi * 0.09 + 4 / 3 * np.pi * 0.027),
    (SHAPE.mjGEOM_ELLIPSOID, (0.3, 0.2, 0.1), 4 / 3 * np.pi * 0.006),
])
def test_a_shape_encloses_its_volume_and_faces_outwards(kind, size, exact):
    mesh = solid(int(kind), np.array(size))
    assert mesh[1].max() < len(mesh[0])
    inscribed = 1e-12 if kind == SHAPE.mjGEOM_BOX else 0.03  # corners lie on the true surface
    assert exact * (1 - inscribed) <= volume(mesh) <= exact * (1 + 1e-12)
    low, high = mesh[0].min(0), mesh[0].max(0)
    np.testing.assert_allclose(low, -high, atol=1e-12)


def test_a_mesh_keeps_its_triangles():
    spec = mujoco.MjSpec()
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    spec.add_mesh(name="corner", uservert=corners.ravel(),
                  userface=[0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3])
    spec.worldbody.add_geom(type=SHAPE.mjGEOM_MESH, meshname="corner")
    assert volume(geom_mesh(spec.compile(), 0)) == pytest.approx(1 / 6, rel=1e-5)


def test_every_visible_shape_of_the_door_is_drawn_and_no_collision_shape():
    env = make("door", threads=1)
    model, meshes = env.model, body_meshes(env.model)
    seen = [g for g in range(model.ngeom) if model.geom_group[g] < 3
            and model.geom_type[g] != SHAPE.mjGEOM_PLANE]
    assert set(meshes) >= {int(model.geom_bodyid[g]) for g in seen}
    panel_colour = tuple(round(float(x), 4) for x in model.geom("door_panel").rgba)
    corners = meshes[model.body("door").id][panel_colour][0]
    np.testing.assert_allclose(np.ptp(corners, axis=0), 2 * model.geom("door_panel").size)
    one = body_meshes(model, (0.1, 0.2, 0.3, 0.4))
    assert {colour for colours in one.values() for colour in colours} == {(0.1, 0.2, 0.3, 0.4)}


def test_a_session_plays_what_a_rollout_plays_and_starts_anew():
    env = make("walk", num_envs=2, seed=3, threads=1)
    session = Session(RandomPolicy(19, 5), env)
    while not session.ended:
        session.advance()
    row = next(iter(session.ended))
    played = rollout(RandomPolicy(19, 5), make("walk", num_envs=2, threads=1), seed=3)
    assert session.ended[row].task_return == pytest.approx(float(played.task_return[row]))
    assert session.ended[row].steps == played.length[row] and session.ended[row].terminated
    assert env.step_count[row] == played.length[row]  # the end stays to be seen
    session.advance()
    assert env.step_count[row] == 1 and session.episode[row] == 1
    assert session.task_return[row] == session.step.reward[row]
    session.reset(4)
    assert not session.ended and (session.task_return == 0).all()


def test_the_ghost_stands_where_the_robot_stands_in_the_pose_that_is_imitated():
    policy, env, _ = player("walk", "walk", seed=2)
    session = Session(policy, env)
    for _ in range(30):
        session.advance()
    name, pose = session.reference(0)
    robot = env.physics.robot_qpos[0]
    assert name == "walk" and session.weights(0) is None
    np.testing.assert_array_equal(pose[:2], robot[:2])
    assert abs(pose[2] - robot[2]) < 0.05 and np.abs(pose[7:] - robot[7:]).max() < 0.6
    goal = policy.phase_aligned(*session.before).q[0]
    np.testing.assert_array_equal(pose[7:], goal)
    assert Session(ConstantPolicy(np.zeros(19)), env).reference(0) is None


def test_the_ghost_of_a_robot_with_hands_is_h1():
    policy, env, _ = player("walk", "h1hand-walk", seed=2)
    session = Session(policy, env)
    for _ in range(3):
        session.advance()
    name, pose = session.reference(0)
    assert name == "walk" and pose.shape == (26,)
    np.testing.assert_array_equal(pose[:2], env.physics.robot_qpos[0, :2])


def test_a_script_has_weights_and_a_ghost():
    policy, env, name = player("script", "door", seed=2)
    session = Session(policy, env)
    session.advance()
    assert name == "script" and session.reference(0)[0] == "step"
    assert {k: float(v.sum()) for k, v in session.weights(0).items()}["step"] == 1.0


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the viewer did not get there"
        time.sleep(0.005)


@pytest.fixture
def open_viewer():
    pytest.importorskip("viser")
    opened = []

    def start(policy, env, **more):
        opened.append(viewer_module.Viewer(policy, env, port=18230, **more))
        return opened[-1]
    yield start
    for viewer in opened:
        viewer.close()


def test_the_page_is_served_and_the_controls_work(open_viewer):
    viewer = open_viewer(RandomPolicy(19), make("walk", num_envs=2, threads=1), name="random")
    page = urllib.request.urlopen(viewer.url, timeout=20)
    assert page.status == 200 and b"<html" in page.read().lower()
    wishes, env = viewer.panel.wishes, viewer.session.env
    wait_for(lambda: env.step_count.max() > 3)
    viewer.panel.pause(True)
    time.sleep(0.1)
    before = env.step_count[0]
    time.sleep(0.1)
    assert env.step_count[0] == before and viewer.panel.play.label == "Play"
    viewer.panel.press(panel.SINGLE)
    viewer.panel.press(panel.SINGLE)
    wait_for(lambda: wishes.single == 0)
    wait_for(lambda: env.step_count[0] in (before + 2, 1, 2))  # or a fall came between
    viewer.panel.press(panel.AGAIN)
    wait_for(lambda: viewer.session.seed == 1)
    wait_for(lambda: env.step_count[0] == 0)
    viewer.panel.row.value, viewer.panel.speed.value = 1, 4.0
    viewer.panel.follow.value = False
    wait_for(lambda: (wishes.row, wishes.speed, wishes.follow) == (1, 4.0, False))
    viewer.panel.pause(False)
    wait_for(lambda: env.step_count[1] > 5)
    viewer.close()
    viewer.close()
    assert not viewer.playing


def test_holding_pauses_at_the_end_of_an_episode(open_viewer):
    env = make("walk", threads=1, max_steps=4)
    viewer = open_viewer(RandomPolicy(19), env)
    viewer.panel.wishes.hold = True
    wait_for(lambda: viewer.panel.wishes.paused)
    assert env.step_count[0] == 4 and "time limit" in viewer._last


def test_a_taken_port_gives_the_next_one(open_viewer):
    first = open_viewer(RandomPolicy(19), make("stand", threads=1))
    second = open_viewer(RandomPolicy(61), make("h1hand-push", threads=1))
    assert first.url != second.url
    assert urllib.request.urlopen(second.url, timeout=20).status == 200


def test_a_policy_that_fails_is_reported_where_the_viewer_was_started(open_viewer):
    class Broken(RandomPolicy):
        def __call__(self, obs, carry):
            raise MwxError("diverged")

    viewer = open_viewer(Broken(19), make("stand", threads=1))
    with pytest.raises(MwxError, match="diverged"):
        viewer.wait()


def test_without_viser_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MwxError, match=r"mwx\[viewer\].*--out film.mp4"):
        viewer_module.Viewer(RandomPolicy(19), make("stand", threads=1))


def test_a_port_that_cannot_be_is_explained():
    with pytest.raises(MwxError, match=r"1\.\.65535"):
        viewer_module.free_port("127.0.0.1", 0)
    with pytest.raises(MwxError, match="host"):
        viewer_module.free_port("no such host", 8080)


def test_the_panel_says_what_it_is_told_and_trusts_no_text():
    status = panel.Status(
        step=75, max_steps=1000, reward=-0.0, task_return=12.5, progress=0.4,
        terms={"small_control": 0.9, "cost": -2.0}, real_time=1.0, episode=2, last="fell <b>",
        weights={"walk": np.array([0.75]), "reach": np.array([0.25])}, reference="walk")
    said = panel.episode_html(status)
    assert "1.50 s" in said and "12.50" in said and "40%" in said and "fell &lt;b&gt;" in said
    terms = panel.terms_html(status)
    assert "small control" in terms and "width:90.0%" in terms and "width:100.0%" in terms
    weights = panel.weights_html(status.weights)
    assert "width:75.0%" in weights and "width:25.0%" in weights
    for name in status.weights:  # a skill has the colour that it has in the report
        assert weights.count(f"background:{EXPERT_COLOURS[name]}") == 1
    assert terms.count(ACCENT) == 1 == terms.count(SECOND) and said.count(ACCENT) == 1
    assert "width:0.0%" in panel.bar("broken", float("nan"), "nan", "#000")
    assert "&lt;script&gt;" in panel.heading("<script>", "")

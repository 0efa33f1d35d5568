"""Looks weigh nothing, touch nothing, change no trajectory, and can be repainted."""

import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.robot import H1
from mwx.robot import h1_numbers as numbers
from mwx.robot.looks import FINISH, H1_COLOURS, H1_GHOST, PREFIX, VISUAL_GROUP, repaint
from mwx.robot.meshes import use_meshes


def bare() -> mujoco.MjModel:
    spec = H1.spec()
    for geom in list(spec.geoms):
        if geom.group == VISUAL_GROUP:
            spec.delete(geom)
    return spec.compile()


def test_looks_add_no_mass_and_no_collision() -> None:
    model = H1.model(drawn=True)
    drawn = model.geom_group == VISUAL_GROUP
    assert drawn.sum() > 100
    assert not model.geom_contype[drawn].any() and not model.geom_conaffinity[drawn].any()
    assert (~drawn).sum() == len(numbers.COLLISION) + 1  # and the floor
    np.testing.assert_array_equal(model.body_mass, bare().body_mass)
    np.testing.assert_array_equal(model.body_inertia, bare().body_inertia)


def rollout(model: mujoco.MjModel) -> np.ndarray:
    data = mujoco.MjData(model)
    data.qpos[:] = H1.home_qpos
    data.ctrl[:] = H1.home_joints
    states = []
    for _ in range(10):
        mujoco.mj_step(model, data, nstep=10)
        states.append(np.concatenate([data.qpos, data.qvel]))
    return np.array(states)


def test_looks_change_no_trajectory_and_can_be_discarded() -> None:
    spec = H1.spec()
    spec.compiler.discardvisual = True
    discarded = spec.compile()
    assert discarded.ngeom == len(numbers.COLLISION) + 1
    np.testing.assert_array_equal(rollout(H1.model(drawn=True)), rollout(discarded))
    np.testing.assert_array_equal(rollout(H1.model(drawn=True)), rollout(bare()))


def test_left_and_right_are_mirror_images() -> None:
    model = H1.model(drawn=True)
    data = mujoco.MjData(model)
    data.qpos[:] = [0, 0, 1, 1, 0, 0, 0, *np.zeros(H1.act_dim)]
    mujoco.mj_kinematics(model, data)
    places = np.round(data.geom_xpos[model.geom_group == VISUAL_GROUP], 5)
    mirrored = {tuple(p) for p in places * [1, -1, 1] + 0.0}
    assert mirrored == {tuple(p) for p in places + 0.0}


def test_repaint_makes_a_ghost_and_back() -> None:
    model = H1.model(drawn=True)
    repaint(model, H1_GHOST)
    assert all(0 < model.material(PREFIX + name).rgba[3] < 0.5 for name in FINISH)
    repaint(model, H1_COLOURS)
    np.testing.assert_allclose(model.material(PREFIX + "dark").rgba, H1_COLOURS.dark, atol=1e-6)


def test_meshes_without_the_package_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco_menagerie", None)
    with pytest.raises(MwxError, match=r"mwx\[meshes\]"):
        use_meshes(H1.spec())


def test_meshes_replace_primitives_and_nothing_else(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco_menagerie")
    folder = tmp_path / "unitree_h1"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "pelvis.obj").write_text(
        "v 0 0 0\nv .1 0 0\nv 0 .1 0\nv 0 0 .1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    (folder / "h1.xml").write_text(
        '<mujoco><compiler meshdir="assets"/><asset><mesh name="pelvis" file="pelvis.obj"/></asset>'
        '<worldbody><body name="pelvis"><geom type="mesh" mesh="pelvis" contype="0" '
        'conaffinity="0"/></body></worldbody></mujoco>')
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    spec = H1.spec()
    use_meshes(spec)
    model = spec.compile()
    plain = H1.model(drawn=True)
    looks, before = ([m.body(i).name for i in m.geom_bodyid[m.geom_group == VISUAL_GROUP]]
                     for m in (model, plain))
    assert model.nmesh == 1 and looks.count("pelvis") == 1
    # a body without a mesh, as those of hands, keeps its primitives
    assert sorted(x for x in looks if x != "pelvis") == sorted(x for x in before if x != "pelvis")
    np.testing.assert_array_equal(rollout(model), rollout(H1.model(drawn=True)))


def test_meshes_that_cannot_be_had_name_the_three_variables(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco_menagerie")
    monkeypatch.delenv("MENAGERIE_ROOT", raising=False)
    monkeypatch.setenv("MENAGERIE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("MENAGERIE_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(MwxError, match=r"MENAGERIE_ROOT.*MENAGERIE_BASE_URL.*MENAGERIE_CACHE_DIR"):
        use_meshes(H1.spec())

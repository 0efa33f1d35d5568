"""mwx play and mwx tasks: what they write, and what they say to a mistake."""

import os
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest

from mwx import cli
from mwx.commands.graphics import explained
from mwx.commands.play import play
from mwx.errors import MwxError
from mwx.evaluation.plain_policies import check_fits, plain_policy
from mwx.evaluation.playing import own_task, player
from mwx.robot import meshes
from mwx.sim import make
from mwx.sim.render import gl_backend


@pytest.fixture
def graphics():
    if gl_backend() is None:
        pytest.skip("no GL back end works here")


@pytest.mark.render
def test_a_gif_of_holding_still_is_small_and_as_long_as_asked(tmp_path, graphics):
    path = tmp_path / "push.gif"
    play("home", "h1hand-push", out=path, steps=12, camera="cam_inhand")
    film = iio.imread(path)
    assert film.shape == (4, 300, 400, 3)  # the start, every 80 ms, and the end
    assert path.stat().st_size < 4 * 30_000


@pytest.mark.render
def test_cameras_differ_and_a_seed_repeats(tmp_path, graphics):
    films = {}
    for name, camera, seed in (("a", None, 0), ("b", "cam_hurdle", 0), ("c", None, 0)):
        play("random", "stand", out=tmp_path / f"{name}.mp4", steps=4, camera=camera, seed=seed)
        films[name] = iio.imread(tmp_path / f"{name}.mp4").astype(int)
    np.testing.assert_array_equal(films["a"], films["c"])
    assert np.abs(films["a"] - films["b"]).mean() > 3


@pytest.mark.parametrize(("words", "hint"), [
    (("home", "--task", "dor"), "did you mean 'door'?"),
    (("hom", "--task", "door"), "home, middle, random, script"),
    (("home", "--task", "door", "--camera", "cam_defalt"), "did you mean 'cam_default'?"),
    (("home", "--task", "door", "--out", "film.avi"), ".mp4 or .gif"),
    (("home", "--task", "door", "--steps", "0"), "--steps: expected a number from 1"),
    (("script", "--task", "maze"), "unknown task with a script"),
])
def test_a_mistake_is_explained(words, hint, capsys):
    assert cli.main(["play", *words]) == 2
    assert hint in capsys.readouterr().err


def test_an_expert_knows_its_own_task(tmp_path):
    (tmp_path / "card.json").write_text('{"task": "sit_simple"}')
    assert own_task(tmp_path) == "sit_simple"
    assert own_task("sit") == "sit_simple"  # a shipped one, by its name
    (tmp_path / "run" / "router").mkdir(parents=True)
    (tmp_path / "run" / "router" / "guidance.json").write_text('{"task": "door"}')
    assert own_task(tmp_path / "run") == "door"
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(MwxError, match="--task"):
        own_task(tmp_path)
    with pytest.raises(MwxError, match="no folder"):
        own_task("home")


def test_holding_the_start_pose_asks_for_it():
    for name in ("h1-door", "h1hand-push"):
        env = make(name, threads=1)
        policy = plain_policy("home", env.robot, env.task)
        action, _ = policy(env.obs, policy.initial(1))
        robot = env.robot
        wanted = robot.commands(env.task.home(robot)[7:])
        asked = np.clip(wanted, robot.ctrl_low, robot.ctrl_high)
        np.testing.assert_allclose(env.to_ctrl(action)[0], asked, atol=1e-5)


def test_policies_of_h1_act_on_the_robot_with_hands_and_no_others_do():
    policy, env, _ = player("walk", "h1hand-walk", max_steps=20)
    assert (policy.act_dim, env.act_dim, env.robot.name) == (19, 19, "h1hand")
    action, _ = policy(env.obs, policy.initial(1))
    assert np.isfinite(env.step(action).reward).all()
    with pytest.raises(MwxError, match="made for another robot"):
        check_fits(policy, make("h1hand-walk", threads=1), "walk")


def test_random_actions_depend_on_seed_and_row_only():
    policy, env, _ = player("random", "stand", num_envs=3, seed=4)
    alone, single, _ = player("random", "stand", num_envs=1, seed=4)
    many = policy(env.obs, policy.initial(3))[0]
    np.testing.assert_array_equal(many[:1], alone(single.obs, alone.initial(1))[0])
    assert (many[0] != many[1]).all() and (np.abs(many) <= 1).all()


def test_meshes_are_drawn_and_weigh_nothing(monkeypatch):
    def stand_in(spec):
        for geom in [g for g in spec.geoms if g.material.startswith(meshes.PREFIX)]:
            spec.delete(geom)
        spec.body("pelvis").add_geom(name="shell", size=[0.1, 0, 0], group=2, contype=0,
                                     conaffinity=0, mass=0, density=0)

    monkeypatch.setattr(meshes, "use_meshes", stand_in)
    _, env, _ = player("home", "door", meshes=True)
    assert env.model.geom("shell").bodyid[0] == env.model.body("pelvis").id
    plain = make("door", threads=1).physics.model
    assert env.physics.model.ngeom == plain.ngeom
    np.testing.assert_array_equal(env.physics.model.body_mass, plain.body_mass)


def test_without_the_mesh_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco_menagerie", None)
    with pytest.raises(MwxError, match=r"mwx\[meshes\]"):
        player("home", "door", meshes=True)


def test_tasks_prints_a_line_for_each(capsys):
    assert cli.main(["tasks", "--robot", "h1strong"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].split()[:3] == ["h1strong-highbar_hard", "151", "61"]
    assert cli.main(["tasks", "--robot", "h2"]) == 2


def test_a_bad_graphics_variable_is_explained():
    environment = {**os.environ, "MUJOCO_GL": "opengl"}
    done = subprocess.run([sys.executable, "-m", "mwx", "tasks"], env=environment, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "MUJOCO_GL=opengl" in done.stderr and "unset it" in done.stderr


def test_other_errors_are_not_explained_by_graphics():
    try:
        raise ImportError("nothing to do with it")
    except ImportError as error:
        assert explained(error) is None

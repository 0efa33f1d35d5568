"""Pictures: a real frame where GL exists, clear errors everywhere."""

import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.sim import make, render
from mwx.sim.render import Renderer, gl_backend
from mwx.sim.video import write_video


@pytest.fixture
def asked(monkeypatch):
    """Set MUJOCO_GL for one test, with an empty cache before and after."""
    def ask(value):
        monkeypatch.setenv("MUJOCO_GL", value)
        gl_backend.cache_clear()
    gl_backend.cache_clear()
    yield ask
    gl_backend.cache_clear()


@pytest.fixture(scope="module")
def env():
    gl_backend.cache_clear()
    if gl_backend() is None:
        pytest.skip("no GL back end here")
    return make("door", num_envs=2, threads=1)


@pytest.mark.render
def test_a_frame_shows_the_scene(env):
    with Renderer(env.model, height=120, width=160) as renderer:
        frame = renderer.render(env.physics, 1, env.task.camera)
        assert frame.shape == (120, 160, 3) and frame.dtype == np.uint8
        assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 200
        np.testing.assert_array_equal(frame, renderer.render(env.physics, 1, env.task.camera))
        other = renderer.render(env.physics, 1, "cam_hurdle")
        assert np.abs(frame.astype(int) - other).mean() > 5


@pytest.mark.render
def test_the_picture_follows_the_robot_and_the_state_stays(env):
    before = env.physics.get_state()
    with Renderer(env.model, height=120, width=160) as renderer:
        first = renderer.render(env.physics)
        for name, array in env.physics.get_state().items():
            np.testing.assert_array_equal(array, before[name])
        env.step(np.full((2, 19), 0.5))
        assert (renderer.render(env.physics) != first).any()


@pytest.mark.render
def test_the_goal_of_reach_is_visible():
    if gl_backend() is None:
        pytest.skip("no GL back end here")
    env = make("reach", threads=1)
    with Renderer(env.model, height=120, width=160) as renderer:
        env.physics.goal[:] = [0.4, 0.4, 1.0]
        near = renderer.render(env.physics).astype(int)
        env.physics.goal[:] = [0.0, 0.0, -9.0]
        away = renderer.render(env.physics).astype(int)
    red = (near[..., 0] > near[..., 1] + 60) & (near != away).any(-1)
    assert red.sum() >= 10


@pytest.mark.render
def test_mistakes_are_explained(env):
    with pytest.raises(MwxError, match=r"height must be in 1\.\.960"):
        Renderer(env.model, height=5000, width=100)
    renderer = Renderer(env.model, height=32, width=32)
    with pytest.raises(MwxError, match="did you mean 'cam_default'"):
        renderer.render(env.physics, 0, "cam_defalt")
    with pytest.raises(MwxError, match="row 2"):
        renderer.render(env.physics, 2)
    renderer.close()
    renderer.close()
    with pytest.raises(MwxError, match="closed"):
        renderer.render(env.physics)


@pytest.mark.render
def test_a_renderer_left_open_ends_quietly(env):
    code = ("from mwx.sim import make; from mwx.sim.render import Renderer\n"
            "env = make('stand', threads=1)\n"
            "kept = Renderer(env.model, 32, 32); kept.render(env.physics)\n"
            "Renderer(env.model, 32, 32).render(env.physics)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_without_gl_the_package_to_install_is_named(asked):
    asked("disable")
    assert gl_backend() is None
    with pytest.raises(MwxError, match=r"libegl1.*libosmesa6"):
        Renderer(make("stand", threads=1).model, 32, 32)


def test_a_back_end_that_does_not_start_is_an_error(asked, monkeypatch):
    def broken(name):
        raise AttributeError("'NoneType' object has no attribute 'eglQueryString'")

    asked("egl")
    model = make("stand", threads=1).model
    monkeypatch.setattr(render.importlib, "import_module", broken)
    with pytest.raises(MwxError, match=r"'egl' does not start.*libegl1"):
        Renderer(model, 32, 32)


def test_a_missing_library_is_passed_over(asked, monkeypatch):
    asked("")
    monkeypatch.setattr(render.ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(render.platform, "system", lambda: "Linux")
    assert gl_backend() is None


def frames(count=6, side=(33, 48)):
    return [np.full((*side, 3), 20 * i, dtype=np.uint8) for i in range(count)]


def test_a_film_can_be_read_back(tmp_path):
    path = write_video(tmp_path / "deep" / "film.mp4", frames(), fps=10)
    film = iio.imread(path)
    assert film.shape == (6, 32, 48, 3)  # H.264 wants even sides
    assert np.abs(film[4].astype(int) - 80).mean() < 4
    gif = iio.imread(write_video(tmp_path / "film.gif", frames(), fps=10))
    assert gif.shape[:3] == (6, 33, 48)


def test_a_film_that_fails_leaves_nothing(tmp_path):
    mixed = [*frames(2), np.zeros((5, 5, 3), np.uint8)]
    for ending in ("mp4", "gif"):
        with pytest.raises(MwxError, match="every frame"):
            write_video(tmp_path / f"film.{ending}", mixed)
        with pytest.raises(MwxError, match="at least one frame"):
            write_video(tmp_path / f"film.{ending}", [])
    with pytest.raises(MwxError, match=r"\.mp4 or \.gif"):
        write_video(tmp_path / "film.avi", frames())
    assert list(tmp_path.iterdir()) == []

"""The single environment: gymnasium's and stable-baselines3's checks, and what they do not see."""

import copy
import logging
import pickle
import threading
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import mwx
from mwx.errors import MwxError
from mwx.sim import tasks
from mwx.sim.render import gl_backend

BOUNDS = "Box observation space m..imum value is -?infinity"  # true, and the original's


def new(name="h1-walk", **kwargs):
    return gymnasium.make(f"mwx/{name}-v0", **kwargs)


@pytest.mark.parametrize("name", tasks.ids())
def test_gymnasium_and_stable_baselines3_accept_every_id(name):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = new(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=f".*{BOUNDS}")
        check_env(env.unwrapped, skip_render_check=True)
        checker.check_env(env.unwrapped)
    assert env.spec.max_episode_steps == env.unwrapped.sim.task.max_steps


@pytest.mark.render
def test_gymnasium_accepts_the_pictures():
    if gl_backend() is None:
        pytest.skip("no GL back end here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=f".*{BOUNDS}")
        check_env(new("h1-door", render_mode="rgb_array").unwrapped)


def test_the_same_numbers_as_natively():
    env, native = new("h1-door"), mwx.make("h1-door", seed=5, threads=1)
    obs, info = env.reset(seed=5)
    np.testing.assert_array_equal(obs, native.obs.vector[0])
    assert info == {} and obs.dtype == np.float64
    for action in np.random.default_rng(0).uniform(-0.4, 0.4, (20, 19)).astype(np.float32):
        obs, reward, terminated, truncated, info = env.step(action)
        step = native.step(action[None])
        np.testing.assert_array_equal(obs, step.final_obs.vector[0])
        assert (reward, terminated, truncated) == (step.reward[0], step.terminated[0], False)
        assert info == {name: value[0] for name, value in step.terms.items()}
    assert type(reward) is float and type(terminated) is bool


def test_a_copy_and_a_pickle_go_on_like_the_environment():
    for env, end in ((new("h1-reach", render_mode="rgb_array"), ()),
                     (gymnasium.make_vec("mwx/h1-reach-v0", num_envs=2, threads=1), (2,))):
        env.reset(seed=3)
        action = np.full((*end, 19), 0.2, np.float32)
        env.step(action)
        env.unwrapped._pictures._renderer = threading.Lock()  # a GL context copies as little
        copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
        env.unwrapped._pictures._renderer = None
        expected = env.step(action)[:4], env.reset()[0]
        for other in copies:
            for ours, theirs in zip(expected[0], other.step(action)[:4], strict=True):
                np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(other.reset()[0], expected[1])  # a goal is drawn


def test_seeds_reproduce_and_draws_go_on():
    env, other = new("h1-reach"), new("h1-reach")
    first = [env.reset(seed=3)[0], env.reset()[0]]
    again = [other.reset(seed=3)[0], other.reset()[0]]
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    fresh = [new("h1-reach").reset()[0] for _ in range(2)]  # unseeded: the system's entropy
    assert (fresh[0] != fresh[1]).any()


def test_time_truncates_and_a_fall_terminates():
    env = new("h1-stand", max_episode_steps=4)
    env.reset(seed=0)
    ends = [env.step(env.action_space.sample() * 0)[2:4] for _ in range(4)]
    assert ends == [(False, False)] * 3 + [(False, True)]
    env = new("h1-stand")
    env.reset(seed=0)
    while not (end := env.step(np.zeros(19, np.float32)))[2]:
        assert not end[3]
    env = new("h1-stand", terminate=False)
    env.reset(seed=0)
    assert not any(env.step(np.zeros(19, np.float32))[2] for _ in range(100))


@pytest.mark.parametrize("action, words", [
    (np.zeros((1, 19)), r"\(1, 19\), h1-walk needs \(19,\)"), (np.zeros(18), r"\(18,\)"),
    (np.full(19, np.nan), "'left_hip_yaw' is nan"), (np.full(19, np.inf), "finite")])
def test_wrong_actions_are_explained_and_leave_the_environment_as_it_was(action, words):
    env, other = new(disable_env_checker=True), new()
    env.reset(seed=0), other.reset(seed=0)
    with pytest.raises(MwxError, match=words):
        env.step(action)
    good = np.zeros(19, np.float32)
    np.testing.assert_array_equal(env.step(good)[0], other.step(good)[0])


def test_other_mistakes_are_explained():
    with pytest.raises(MwxError, match="render mode 'depth'"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            new(render_mode="depth")
    with pytest.raises(MwxError, match="did you mean 'h1-walk'"):
        from mwx.integrations.gymnasium_env import GymEnv
        GymEnv("h1-wlak")
    with pytest.raises(MwxError, match="reset option 'seed'"):
        new().reset(options={"seed": 1})
    with pytest.raises(gymnasium.error.NameNotFound, match="h1-walk"):
        new("h1-wlak")


@pytest.mark.render
def test_pictures_come_from_the_tasks_camera_in_the_size_asked_for():
    if gl_backend() is None:
        pytest.skip("no GL back end here")
    env = new("h1-door", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (256, 256, 3) and picture.dtype == np.uint8 and np.ptp(picture) > 50
    env.close()
    small = new("h1-door", render_mode="rgb_array", width=64, height=48, camera="cam_hurdle")
    small.reset(seed=0)
    assert small.render().shape == (48, 64, 3)
    small.close(), small.close()


def test_no_gl_before_the_first_picture(monkeypatch):
    monkeypatch.setattr("mwx.sim.render._open_context", lambda *size: pytest.fail("GL was opened"))
    env = new(render_mode="rgb_array")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.close()


def test_rendering_without_a_mode_warns(caplog):
    env = new()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.unwrapped.render() is None


def test_gymnasiums_wrappers_work():
    from gymnasium.wrappers import ClipAction, NormalizeObservation, RecordEpisodeStatistics
    env = RecordEpisodeStatistics(NormalizeObservation(ClipAction(new(max_episode_steps=5))))
    env.reset(seed=0)
    total = 0.0
    for _ in range(5):
        *_, info = (step := env.step(env.action_space.sample()))
        total += step[1]
    assert info["episode"]["l"] == 5 and info["episode"]["r"] == pytest.approx(total, abs=1e-5)


def test_an_environment_can_be_made_again_from_its_spec():
    env = new("h1-door", max_episode_steps=7, terminate=False)
    again = gymnasium.make(env.spec)
    assert again.spec == env.spec and not again.unwrapped.sim.terminate
    np.testing.assert_array_equal(env.reset(seed=1)[0], again.reset(seed=1)[0])


@pytest.fixture
def quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def test_stable_baselines3_trains(quiet):
    ppo = pytest.importorskip("stable_baselines3").PPO
    env = new("h1-walk")
    model = ppo("MlpPolicy", env, n_steps=128, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(256)
    assert model.num_timesteps == 256 and model.logger.name_to_value is not None
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters(), strict=True))
    obs = env.reset(seed=0)[0]
    action = model.predict(obs, deterministic=True)[0]
    assert action.shape == (19,) and action.dtype == np.float32 and (np.abs(action) <= 1).all()

"""The vector environment: gymnasium's own conventions, held against SyncVectorEnv."""

import time

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import mwx
from mwx.errors import MwxError
from mwx.integrations.gymnasium_vector import GymVectorEnv
from mwx.rng import generators
from mwx.sim import tasks
from mwx.sim.render import gl_backend


def new(name="h1-walk", num_envs=3, **kwargs):
    return gymnasium.make_vec(f"mwx/{name}-v0", num_envs=num_envs, threads=1, **kwargs)


def actions(steps, num_envs=3, size=19):
    return np.random.default_rng(0).uniform(-0.4, 0.4, (steps, num_envs, size)).astype(np.float32)


@pytest.mark.parametrize("name", tasks.ids())
def test_every_id_is_a_batch_by_itself(name):
    env = new(name, 2)
    assert isinstance(env.unwrapped, GymVectorEnv)
    obs, info = env.reset(seed=0)
    assert obs in env.observation_space and info == {}
    obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert obs in env.observation_space and reward.dtype == np.float64
    assert terminated.dtype == truncated.dtype == bool and reward.shape == (2,)
    assert env.sim.max_steps == env.sim.task.max_steps == env.spec.max_episode_steps


def test_the_same_numbers_as_natively():
    env, native = new("h1-door"), mwx.make("h1-door", 3, seed=2, threads=1)
    np.testing.assert_array_equal(env.reset(seed=2)[0], native.obs.vector)
    for action in actions(90):  # far enough for falls
        obs, reward, terminated, truncated, _ = env.step(action)
        step = native.step(action)
        for left, right in ((obs, step.obs.vector), (reward, step.reward),
                            (terminated, step.terminated), (truncated, step.truncated)):
            np.testing.assert_array_equal(left, right)


def shape_of(infos):
    """Keys with types, and masks with their values, of gymnasium's infos."""
    return {key: shape_of(value) if isinstance(value, dict) else
            value.tolist() if key.startswith("_") else value.dtype
            for key, value in infos.items()}


@pytest.mark.parametrize("name", ["h1-walk", "h1-push"])
def test_infos_are_those_of_gymnasiums_own_vector_environment(name):
    env = new(name, max_episode_steps=4)
    sync = SyncVectorEnv([lambda: gymnasium.make(f"mwx/{name}-v0", max_episode_steps=4)] * 3,
                         autoreset_mode=AutoresetMode.SAME_STEP)
    assert env.metadata["autoreset_mode"] == sync.metadata["autoreset_mode"]
    assert env.observation_space == sync.observation_space
    assert env.action_space == sync.action_space
    env.reset(seed=0), sync.reset(seed=0)
    for action in actions(3):
        assert shape_of(env.step(action)[4]) == shape_of(sync.step(action)[4])
    ours, theirs = env.step(actions(1)[0]), sync.step(actions(1)[0])
    assert ours[3].all() and theirs[3].all()
    info = {k: v for k, v in ours[4].items() if k.startswith(("final", "_final"))}
    assert shape_of(info) == shape_of(theirs[4])
    assert [row.shape for row in info["final_obs"]] == [env.single_observation_space.shape] * 3
    assert ("success" in info["final_info"]) == (name == "h1-push")


def test_gymnasiums_own_vector_environments_are_there_on_request():
    for mode in ("sync", "async"):
        env = gymnasium.make_vec("mwx/h1-walk-v0", num_envs=2, vectorization_mode=mode)
        obs = env.reset(seed=0)[0]
        assert type(env.unwrapped) is not GymVectorEnv and obs.shape == (2, 51)
        env.step(env.action_space.sample())
        env.close()


def test_an_ended_row_starts_anew_and_keeps_its_last_observation():
    env, native = new("h1-stand"), mwx.make("h1-stand", 3, seed=0, threads=1)
    env.reset(seed=0)
    sequence = actions(120)
    sequence[:, 1:] = env.sim.robot.to_action(env.sim.robot.home_qpos[7:])
    for action in sequence:
        obs, _, terminated, truncated, info = env.step(action)
        step = native.step(action)
        done = terminated | truncated
        assert ("final_obs" in info) == done.any()
        assert info["_standing"].tolist() == (~done).tolist()
        if done.any():
            break
    row, other = int(np.flatnonzero(done)[0]), int(np.flatnonzero(~done)[0])
    np.testing.assert_array_equal(info["final_obs"][row], step.final_obs.vector[row])
    assert info["final_obs"][other] is None and not info["_final_obs"][other]
    assert info["final_info"]["standing"][row] == step.terms["standing"][row]
    assert info["standing"][row] == 0 and info["standing"][other] == step.terms["standing"][other]
    assert not np.array_equal(obs[row], info["final_obs"][row])


def test_the_next_step_may_be_spent_on_the_reset():
    env = new("h1-stand", autoreset_mode="NextStep", max_episode_steps=70)
    sync = SyncVectorEnv([lambda i=i: GymRow(i) for i in range(3)])
    obs, _ = env.reset(seed=0)
    np.testing.assert_array_equal(obs, sync.reset(seed=0)[0])
    for action in actions(100):  # falls from step 63 on, the time limit at 70
        ours, theirs = env.step(action), sync.step(action)
        for left, right in zip(ours[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(left, right)
        assert shape_of(ours[4]) == shape_of(theirs[4])


class GymRow(gymnasium.Wrapper):
    """A single environment that plays the episodes of one row of a batch."""

    def __init__(self, row):
        super().__init__(gymnasium.make("mwx/h1-stand-v0", max_episode_steps=70))
        self._row = row

    def reset(self, *, seed=None, options=None):
        obs, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            sim = self.unwrapped.sim
            sim._rngs = generators(seed - self._row, "env", 3)[self._row:][:1]
            obs = sim.reset().vector[0]
        return obs, info


def test_without_automatic_reset_ended_rows_wait():
    env = new(autoreset_mode="Disabled", max_episode_steps=2)
    env.reset(seed=0)
    truncated = [env.step(action)[3] for action in actions(2)][-1]
    assert truncated.all()
    with pytest.raises(MwxError, match=r"rows \[0, 1, 2\] have ended"):
        env.step(actions(1)[0])
    env.reset(options={"reset_mask": truncated})
    assert not env.step(actions(1)[0])[3].any()
    with pytest.raises(MwxError, match="did you mean 'NextStep'"):
        new(autoreset_mode="nextstep")


def test_rows_can_be_started_alone():
    env = new()
    env.reset(seed=0)
    before = [env.step(action)[0] for action in actions(3)][-1]
    obs, info = env.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(obs[[0, 2]], before[[0, 2]])
    assert (obs[1] != before[1]).any() and info == {}
    for mask in (np.zeros(3, bool), np.ones(2, bool), np.ones(3)):
        with pytest.raises(MwxError, match="reset_mask"):
            env.reset(options={"reset_mask": mask})
    with pytest.raises(MwxError, match="leave one out"):
        env.reset(seed=1, options={"reset_mask": np.ones(3, bool)})


def test_seeds_reproduce_and_rows_do_not_know_each_other():
    few, many = new(num_envs=2), new(num_envs=5)
    np.testing.assert_array_equal(few.reset(seed=4)[0], many.reset(seed=4)[0][:2])
    np.testing.assert_array_equal(few.reset()[0], many.reset()[0][:2])
    fresh = [new(num_envs=2).reset()[0] for _ in range(2)]
    assert (fresh[0] != fresh[1]).any() and (fresh[0][0] != fresh[0][1]).any()
    with pytest.raises(MwxError, match="one whole number"):
        few.reset(seed=[1, 2])


def test_wrong_actions_are_explained_and_leave_the_environments_as_they_were():
    env, other = new(), new()
    env.reset(seed=0), other.reset(seed=0)
    bad = np.zeros((3, 19), np.float32)
    bad[1, 3] = np.nan
    for action, words in ((np.zeros(19), r"\(3, 19\)"), (np.zeros((2, 19)), r"\(3, 19\)"),
                          (bad, "environment 1 .*'left_knee'")):
        with pytest.raises(MwxError, match=words):
            env.step(action)
    good = actions(1)[0]
    np.testing.assert_array_equal(env.step(good)[0], other.step(good)[0])
    with pytest.raises(MwxError, match="num_envs 0"):
        new(num_envs=0)


def test_gymnasiums_vector_wrappers_work():
    from gymnasium.wrappers.vector import (
        ClipAction,
        DictInfoToList,
        NormalizeObservation,
        RecordEpisodeStatistics,
    )
    for mode in ("SameStep", "NextStep"):
        env = RecordEpisodeStatistics(ClipAction(new(max_episode_steps=4, autoreset_mode=mode)))
        env.reset(seed=0)
        totals = np.zeros(3)
        for action in actions(4):
            _, reward, *_, info = env.step(action)
            totals += reward
        np.testing.assert_allclose(info["episode"]["r"], totals)
        assert info["episode"]["l"].tolist() == [4, 4, 4] and list(env.length_queue) == [4, 4, 4]
    normal = NormalizeObservation(new(autoreset_mode="NextStep"))  # refuses SAME_STEP
    assert normal.reset(seed=0)[0].shape == (3, 51)
    listed = DictInfoToList(new(max_episode_steps=2))
    listed.reset(seed=0)
    infos = [listed.step(action)[4] for action in actions(2)]
    assert len(infos[0]) == 3 and "standing" in infos[0][2] and "final_obs" in infos[1][0]


@pytest.mark.render
def test_every_row_or_a_chosen_one_can_be_drawn():
    if gl_backend() is None:
        pytest.skip("no GL back end here")
    env = new("h1-door", 2, render_mode="rgb_array", width=64, height=48)
    env.reset(seed=0)
    pictures = env.render()
    assert len(pictures) == 2 and pictures[0].shape == (48, 64, 3)
    np.testing.assert_array_equal(env.unwrapped.render_row(1), pictures[1])
    with pytest.raises(MwxError, match="row 2"):
        env.unwrapped.render_row(2)
    env.close()
    assert env.closed


def test_rendering_without_a_mode_warns():
    with pytest.warns(UserWarning, match="render_mode"):
        assert new().render() is None


def test_the_interface_costs_little(monkeypatch):
    env = new(num_envs=64)
    env.reset(seed=0)
    action = np.zeros((64, 19), np.float32)
    step = env.sim.step(action)
    monkeypatch.setattr(env.sim, "step", lambda actions: step)

    def seconds():
        start = time.process_time()  # a busy machine does not change it
        env.step(action)
        return time.process_time() - start

    assert min(seconds() for _ in range(50)) < 0.3e-3  # beside some 20 ms of physics


@pytest.mark.parametrize("vectorised", [False, True])
def test_the_originals_mistakes_can_be_asked_for(vectorised):
    env = new("h1-package", legacy=True) if vectorised else gymnasium.make(
        "mwx/h1-package-v0", legacy=True)
    assert env.unwrapped.sim.task.legacy
    obs = np.atleast_2d(env.reset(seed=0)[0])
    assert (obs[:, 51:54] == [0, 0, 0.35]).all()  # the destination of the episode before
    obs = np.atleast_2d(env.step(env.action_space.sample())[0])
    assert (obs[:, 51:53] != 0).all()

"""Laws that hold for every registered task and robot."""

import copy
import functools
import json
import pickle

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.sim import env as env_module
from mwx.sim import make
from mwx.sim.tasks import ids, resolve
from mwx.types import Env

NAMES = ids()
# numbers of an observation that do not change in the first steps of any episode, at most: the
# height of a goal or of the stirring point; things that lie on the shelf, whose resets add no
# noise, and (simple) which of them is asked for first
CONSTANT = {"push": 1, "package": 1, "spoon": 1, "bookshelf_simple": 7, "bookshelf_hard": 6}
# the benchmark's own resets draw nothing there
ALWAYS_THE_SAME_START = {"bookshelf_simple", "highbar_simple", "highbar_hard"}
pytestmark = pytest.mark.parametrize("name", NAMES)
build_scene = env_module.scene


@functools.cache
def compiled(name):
    robot, task = resolve(name)
    return build_scene(task, robot=robot)


@pytest.fixture(autouse=True)
def scenes_built_once(monkeypatch, name):
    """Compiling a scene takes longer than most laws: each is built once in a process."""
    def cached(task, drawn=False, robot=None):
        return compiled(f"{robot.name}-{task.name}")
    monkeypatch.setattr(env_module, "scene", cached)


def actions(env, steps, seed=0, size=0.4):
    """Random actions whose rows do not depend on how many rows there are."""
    rows = [np.random.default_rng([seed, i]).uniform(-size, size, (steps, env.act_dim))
            for i in range(env.num_envs)]
    return np.stack(rows, axis=1)


def rollout(env, steps, skip=0):
    """Vectors, rewards and ends of the same random actions, after the first `skip` of them."""
    done = [env.step(action) for action in actions(env, skip + steps)[skip:]]
    return (np.stack([s.obs.vector for s in done]), np.stack([s.reward for s in done]),
            np.stack([s.terminated for s in done]))


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_implements_the_protocol(name):
    env = make(name, num_envs=2, threads=1)
    assert isinstance(env, Env) and env.name == name
    assert env.obs.vector.shape == (2, env.obs_dim)
    assert env.obs.proprio.shape == (2, env.robot.obs_dim)
    assert env.obs.target.shape == (2, 3)
    assert env.obs.vector.dtype == np.float64


def test_same_seed_same_trajectory_at_any_number_of_threads(name):
    first = rollout(make(name, num_envs=3, seed=3, threads=1), 40)
    again = make(name, num_envs=3, seed=8, threads=3)
    again.reset(seed=3)
    assert_same(first, rollout(again, 40))


def test_adding_environments_changes_nobody_elses_result(name):
    few = rollout(make(name, num_envs=1, threads=1), 40)
    many = rollout(make(name, num_envs=5, threads=1), 40)
    assert_same(few, [x[:, :1] for x in many])


def test_resets_randomise(name):
    env = make(name, num_envs=2, seed=1, threads=1)
    first, drawn = env.physics.qpos.copy(), _drawn(env)
    env.reset()
    second, noise = env.physics.qpos, env.task.reset_noise
    assert (env.physics.ctrl == env.task.home_ctrl(env.robot)).all()
    if env.task.name in ALWAYS_THE_SAME_START:
        assert noise == 0
        return
    assert not np.array_equal(drawn, _drawn(env)) and not np.array_equal(drawn[0], drawn[1])
    if noise:
        joints = slice(7, env.robot.nq)
        assert (first[:, joints] != second[:, joints]).all()
        home = env.task.home(env.robot)[joints]
        assert np.abs(second[:, joints] - home).max() <= noise


def _drawn(env):
    """Everything that a reset may draw, (B, .): the state and what the task remembers."""
    memory = [x.reshape(env.num_envs, -1).astype(float) for x in env.physics.memory.values()]
    return np.concatenate([env.physics.qpos, *memory], axis=1)


def test_every_number_is_finite_under_wild_actions(name):
    check_wild_actions(make(name, num_envs=4, threads=1), steps=50)


@pytest.mark.slow
def test_every_number_is_finite_under_ten_thousand_wild_actions(name):
    check_wild_actions(make(name, num_envs=50, threads=2), steps=200)


def check_wild_actions(env, steps):
    for action in actions(env, steps, size=10.0):
        step = env.step(action)
        assert np.isfinite(step.obs.vector).all() and np.isfinite(step.reward).all()
        assert np.isfinite(step.obs.task).all()
        for term in step.terms.values():
            assert np.isfinite(term).all() and term.shape == (env.num_envs,)
        progress = env.task.progress(env.physics)
        assert ((progress >= 0) & (progress <= 1)).all()


def test_no_observation_is_constant(name):
    """What a step does not change, an episode does: goals, targets, the object in question."""
    env = make(name, num_envs=4, threads=1)
    vectors = [env.obs.vector, *rollout(env, 20)[0]]
    for seed in range(1, 4):
        vectors.append(env.reset(seed).vector)
    still = np.flatnonzero(np.ptp(np.stack(vectors), axis=(0, 1)) == 0)
    assert len(still) <= CONSTANT.get(env.task.name, 0), still


def test_final_observation_is_the_last_of_the_old_episode(name):
    env = make(name, num_envs=2, threads=1, max_steps=3, terminate=False)
    alone = make(name, num_envs=2, threads=1, auto_reset=False, terminate=False)
    for t, action in enumerate(actions(env, 6)):
        step = env.step(action)
        if t < 3:
            np.testing.assert_array_equal(step.final_obs.vector, alone.step(action).obs.vector)
        ends = (t + 1) % 3 == 0
        assert step.truncated.all() == step.truncated.any() == ends
        assert not step.terminated.any()
        assert np.array_equal(step.final_obs.vector, step.obs.vector) != ends
    assert (env.step_count == 0).all()


def test_a_saved_state_and_a_copy_continue_bit_for_bit(name):
    env = make(name, num_envs=3, seed=4, threads=1, max_steps=20)
    rollout(env, 17)
    env.physics.apply_wrench(np.full((3, 3), 20.0), np.ones((3, 3)))
    state = env.get_state()
    json.dumps(state["generators"])
    other = make(name, num_envs=3, seed=9, threads=1, max_steps=20)
    other.set_state(state)
    for group in ("vector", "proprio", "task", "target"):
        np.testing.assert_array_equal(getattr(env.obs, group), getattr(other.obs, group))
    copies = copy.deepcopy(env), pickle.loads(pickle.dumps(env))
    ahead = rollout(env, 8, skip=17)  # through a reset, so that the draws go on alike too
    for continued in (other, *copies):
        assert_same(ahead, rollout(continued, 8, skip=17))


def test_wrong_actions_are_explained_and_harm_nothing(name):
    env, other = (make(name, num_envs=2, threads=1) for _ in range(2))
    with pytest.raises(MwxError, match=rf"\(2, {env.act_dim}\)"):
        env.step(np.zeros(env.act_dim))
    for value in (np.nan, np.inf):
        bad = np.zeros((2, env.act_dim))
        bad[1, 3] = value
        with pytest.raises(MwxError, match=r"environment 1 .*'left_knee'"):
            env.step(bad)
    assert_same(rollout(env, 2), rollout(other, 2))


def test_a_robot_state_can_be_given(name):
    env = make(name, num_envs=4, threads=1)
    qpos = np.tile(env.task.home(env.robot), (2, 1))
    qvel = np.zeros((2, env.robot.nv))
    qpos[:, 0] += [0.1, 0.2]
    qvel[:, 0] = 1.5
    before = env.obs.vector.copy()
    obs = env.set_robot_state(np.array([2, 1]), qpos, qvel)
    np.testing.assert_array_equal(obs.proprio[[2, 1], :env.robot.nq], qpos)
    np.testing.assert_array_equal(obs.vector[[0, 3]], before[[0, 3]])
    np.testing.assert_allclose(env.physics.com_velocity[[1, 2], 0], 1.5, atol=1e-9)


def test_a_robot_state_that_does_not_fit_is_explained(name):
    env = make(name, num_envs=2, threads=1)
    home, nv = env.robot.home_qpos[None], env.robot.nv
    with pytest.raises(MwxError, match=rf"\(1, {nv - 1}\), needs \(1, {nv}\)"):
        env.set_robot_state(np.array([0]), home, np.zeros((1, nv - 1)))
    with pytest.raises(MwxError, match="finite"):
        env.set_robot_state(np.array([0]), home * np.nan, np.zeros((1, nv)))
    with pytest.raises(MwxError, match="environments 0 to 1"):
        env.set_robot_state(np.array([2]), home, np.zeros((1, nv)))


def test_a_record_does_not_change_afterwards(name):
    env = make(name, num_envs=2, threads=1)
    step = env.step(actions(env, 1)[0])
    kept = [step.reward, *step.terms.values()]
    kept += [getattr(step.obs, group) for group in ("vector", "proprio", "task", "target")]
    copies = [array.copy() for array in kept]
    env.step(actions(env, 2)[1])
    assert_same(kept, copies)


def test_single_environments_can_start_anew(name):
    env, other = (make(name, num_envs=3, seed=6, threads=1, terminate=False) for _ in range(2))
    rollout(env, 3), rollout(other, 3)
    before = env.obs.vector.copy()
    obs = env.reset_rows(np.array([False, True, False]))
    np.testing.assert_array_equal(obs.vector[[0, 2]], before[[0, 2]])
    assert env.step_count.tolist() == [3, 0, 3]
    np.testing.assert_array_equal(obs.vector, other.reset_rows(np.array([1])).vector)
    np.testing.assert_array_equal(env.reset_rows(np.array([], dtype=int)).vector, obs.vector)


def test_memory_starts_anew_with_the_episode(name):
    env = make(name, num_envs=2, threads=1, terminate=False)
    fresh = make(name, num_envs=2, threads=1)
    rollout(env, 3)
    env.reset(0)
    for key, value in fresh.physics.memory.items():
        np.testing.assert_array_equal(env.physics.memory[key], value, err_msg=key)


def test_the_old_behaviour_can_be_asked_for(name):
    robot, task = resolve(name, legacy=True)
    assert task.legacy and set(task.survives) <= set(task.memory)
    env = env_module.TaskEnv(task, 2, threads=1, robot=robot)
    rollout(env, 3)
    env.reset()
    assert np.isfinite(rollout(env, 3)[1]).all()

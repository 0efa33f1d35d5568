"""The adapter to the original package, against a stand-in with its surface."""

import copy
import pickle
import sys

import humanoid_bench_standin as original
import numpy as np
import pytest

from mwx.cli import main
from mwx.errors import MwxError
from mwx.evaluation import evaluate as evaluate_ours
from mwx.evaluation import load_policy
from mwx.integrations import humanoid_bench_rows
from mwx.integrations.humanoid_bench import OriginalEnv, evaluate
from mwx.sim import make, tasks
from mwx.types import Env, Policy

GROUPS = ("vector", "proprio", "task", "target")


class Reacher:
    """Bends with target, task, time and its own joints: reads every group a policy may read."""

    def __init__(self, act_dim=19):
        self.act_dim = act_dim

    def initial(self, num_envs):
        return np.zeros(num_envs)

    def restart(self, carry, rows):
        return np.where(rows, 0, carry)

    def __call__(self, obs, carry):
        size = self.act_dim
        lean = np.nan_to_num(obs.target).sum(1) + obs.task.sum(1) + carry / 50
        return np.tanh(0.1 * lean[:, None] - 0.3 * obs.proprio[:, 7:7 + size]), carry + 1


class Swayer(Reacher):
    """Bends with time and its own joints."""

    def __call__(self, obs, carry):
        joints = obs.proprio[:, 7:7 + self.act_dim]
        return np.tanh(carry[:, None] / 90 - 0.3 * joints), carry + 1


@pytest.fixture
def installed(monkeypatch):
    def install(*names, max_steps=None, seed=1, episodes=3):
        original.install(monkeypatch, names, max_steps)
        starts = make(names[0], episodes, seed, threads=1)
        monkeypatch.setattr(original.HumanoidEnv, "starts", (starts, seed))
    return install


@pytest.mark.parametrize("name, max_steps", [("h1-walk", None), ("h1-door", None),
                                             ("h1hand-stand", 15)])
def test_a_policy_that_reads_the_robot_scores_the_same(installed, name, max_steps):
    installed(name, max_steps=max_steps)

    policy = Swayer(make(name, threads=1).act_dim)
    assert isinstance(policy, Policy)
    theirs = evaluate(policy, name, 3, 1)
    ours = evaluate_ours(policy, name, 3, 1, threads=1, max_steps=max_steps)
    assert theirs.task_return == ours.task_return and theirs.length == ours.length
    if max_steps is None:
        assert 20 < min(ours.length) and max(ours.length) < 1000  # falls ended them
    assert theirs.terms == pytest.approx(ours.terms) and theirs.success_bar == ours.success_bar
    assert (theirs.suite, ours.suite) == ("humanoid_bench", "mwx")
    assert "of humanoid_bench" in str(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("name", tasks.ids())
def test_every_task_scores_the_same(installed, name):
    installed(name, max_steps=6, episodes=2)
    policy = Swayer(make(name, threads=1).act_dim)
    theirs = evaluate(policy, name, 2, 1)
    ours = evaluate_ours(policy, name, 2, 1, threads=1, max_steps=6)
    assert theirs.task_return == ours.task_return and theirs.terms == pytest.approx(ours.terms)


def test_a_policy_that_reads_the_task_scores_nearly_the_same(installed):
    installed("h1-reach", max_steps=60)
    theirs = evaluate(Reacher(), "reach", 3, 1)
    ours = evaluate_ours(Reacher(), "reach", 3, 1, threads=1, max_steps=60)
    assert theirs.length == ours.length == (60, 60, 60)
    assert theirs.task_return == pytest.approx(ours.task_return, rel=0.02)  # 2 ms newer targets


def test_a_shipped_expert_scores_the_same(installed):
    installed("h1-stand", max_steps=60, episodes=2)
    policy = load_policy("stand")
    theirs = evaluate(policy, "stand", 2, 1)
    ours = evaluate_ours(policy, "stand", 2, 1, threads=1, max_steps=60)
    assert theirs.task_return == ours.task_return
    assert theirs.alignment_return == ours.alignment_return


def test_a_policy_of_h1_holds_the_hands_still(installed):
    installed("h1hand-walk", max_steps=10)
    theirs = evaluate(Swayer(19), "h1hand-walk", 3, 1)
    ours = evaluate_ours(Swayer(19), "h1hand-walk", 3, 1, threads=1, max_steps=10)
    assert theirs.task_return == pytest.approx(ours.task_return, rel=1e-5)  # commands rounded twice
    assert theirs.task == ours.task == "h1hand-walk"
    with pytest.raises(MwxError, match="20 actions"):
        evaluate(Swayer(20), "h1hand-walk", 3, 1)


def test_the_command(installed, capsys, tmp_path):
    installed("h1-stand", max_steps=20, episodes=2)
    arguments = ["evaluate", "pretrained/stand", "--task", "stand", "--episodes", "2"]
    assert main([*arguments, "--suite", "humanoid_bench", "--out", str(tmp_path / "s.json")]) == 0
    assert "stand on stand of humanoid_bench" in capsys.readouterr().out
    assert '"suite": "humanoid_bench"' in (tmp_path / "s.json").read_text()


@pytest.mark.parametrize("name", ["h1-walk", "h1-reach", "h1-push", "h1-package", "h1-door"])
def test_every_group_follows_the_original(installed, name):
    installed(name)
    env, ours = OriginalEnv(name, 3, 1), make(name, 3, 1, threads=1)
    assert isinstance(env, Env) and (env.act_dim, env.obs_dim) == (ours.act_dim, ours.obs_dim)
    for group in GROUPS:
        np.testing.assert_array_equal(getattr(env.obs, group), getattr(ours.obs, group))
    rng = np.random.default_rng(0)
    for _ in range(5):
        action = rng.uniform(-0.2, 0.2, (3, ours.act_dim))
        theirs, own = env.step(action), ours.step(action)
        for group in ("vector", "proprio"):
            np.testing.assert_array_equal(getattr(theirs.obs, group), getattr(own.obs, group))
        for group in ("task", "target"):  # ours are 2 ms old
            np.testing.assert_allclose(getattr(theirs.obs, group), getattr(own.obs, group),
                                       atol=0.02)
        assert set(theirs.terms) == set(own.terms)
        np.testing.assert_array_equal(theirs.reward, own.reward)


def test_ended_episodes_start_anew_and_the_last_observation_is_kept(installed):
    installed("h1-stand", max_steps=4)
    env = OriginalEnv("stand", 3, 1)
    steps = [env.step(np.zeros((3, 19))) for _ in range(9)]
    assert [s.truncated.all() for s in steps] == [False] * 3 + [True] + [False] * 3 + [True, False]
    last = steps[3]
    assert not last.terminated.any() and last.terminated.dtype == bool
    assert (last.obs.vector != last.final_obs.vector).any(1).all()
    np.testing.assert_array_equal(steps[2].obs.vector, steps[2].final_obs.vector)
    home = env._mirror.physics.robot.home_qpos
    assert np.abs(last.obs.proprio[:, :26] - home).max() <= 0.01


def test_both_generators_are_seeded_and_the_global_one_is_put_back(installed, monkeypatch):
    installed("h1-reach")
    monkeypatch.setattr(original.HumanoidEnv, "starts", None)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    env, again = OriginalEnv("reach", 2, 5), OriginalEnv("reach", 2, 5)
    goals = [row.env.unwrapped.goal_drawn for row in env._rows]
    np.testing.assert_array_equal(goals[0], np.random.RandomState(5).uniform(-1, 1, 3))
    np.testing.assert_array_equal(goals[1], np.random.RandomState(6).uniform(-1, 1, 3))
    np.testing.assert_array_equal(env.obs.vector, again.obs.vector)
    first, second = env.reset().vector, env.reset().vector
    assert (first != second).any(1).all()  # the generators go on
    again.reset()
    np.testing.assert_array_equal(again.reset().vector, second)
    np.testing.assert_array_equal(env.obs.target[:, :2], env.obs.vector[:, -3:-1])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_an_absent_package_is_explained(capsys):
    if "humanoid_bench" in sys.modules:
        pytest.skip("it is installed here")
    with pytest.raises(MwxError, match=r"not installed: clone .*dm_control jax.*MuJoCo 3\.1\.6"):
        OriginalEnv("walk")
    assert main(["evaluate", "pretrained/stand", "--task", "stand", "--suite",
                 "humanoid_bench"]) == 2
    assert "needs the original package" in capsys.readouterr().err


def test_a_package_that_does_not_import_is_explained(monkeypatch):
    def broken(error):
        def import_module(name):
            raise error
        monkeypatch.setattr(humanoid_bench_rows.importlib, "import_module", import_module)
    broken(ModuleNotFoundError("No module named 'dm_control'", name="dm_control"))
    with pytest.raises(MwxError, match="lacks the module 'dm_control'"):
        OriginalEnv("walk")
    broken(AttributeError("'MjModel' object has no attribute 'bvh'"))
    with pytest.raises(MwxError, match=r"does not import .*bvh"):
        OriginalEnv("walk")


def test_what_does_not_fit_is_explained(installed, monkeypatch):
    installed("h1-stand")
    with pytest.raises(MwxError, match=r"no 'h1-walk-v0'"):
        OriginalEnv("walk")
    with pytest.raises(MwxError, match="unknown task 'wlak'"):
        evaluate(Reacher(), "wlak")
    with pytest.raises(MwxError, match="at least one"):
        evaluate(Reacher(), "stand", 0)
    env = OriginalEnv("stand", 2)
    with pytest.raises(MwxError, match=r"\(2, 19\)"):
        env.step(np.zeros(19))
    for call in (env.get_state, lambda: env.set_state({}), lambda: copy.deepcopy(env),
                 lambda: pickle.dumps(env)):
        with pytest.raises(MwxError, match="cannot be saved"):
            call()


def test_nothing_is_drawn_and_the_table_of_arrays_follows_the_installed_mujoco(installed):
    """A render mode costs a GL context a row; MuJoCo 3.17 lacks arrays that the original names."""
    installed("h1-stand", max_steps=4)
    env = OriginalEnv("stand", 2)
    env.reset()
    rows = [row.env.unwrapped for row in env._rows]
    assert [(row.render_mode, row.contexts) for row in rows] == [(None, 0)] * 2
    kept = {struct: list(names) for struct, names
            in sys.modules[humanoid_bench_rows.SIZES].array_sizes.items()}
    assert kept == {"mjmodel": ["body_mass", "geom_size"], "mjdata": ["qpos", "xpos"]}


@pytest.mark.parametrize("error", [AttributeError("'MjModel' object has no attribute 'nflexold'"),
                                   FileNotFoundError("no scene"), ValueError("XML Error")])
def test_an_original_that_does_not_start_says_why(installed, monkeypatch, error):
    installed("h1-stand")

    def broken(self, *arguments, **words):
        raise error
    monkeypatch.setattr(original.HumanoidEnv, "__init__", broken)
    with pytest.raises(MwxError) as told:
        OriginalEnv("stand")
    assert f"does not start ({type(error).__name__}: {error})" in str(told.value)
    assert "791405f" in str(told.value) and "GL" not in str(told.value)


def test_another_version_of_the_benchmark_is_noticed(installed, monkeypatch):
    installed("h1-stand")
    monkeypatch.setitem(original.gymnasium.registry["h1-stand-v0"].kwargs, "task", "door")
    with pytest.raises(MwxError, match=r"\(28, 27, 19\), ours \(26, 25, 19\)"):
        OriginalEnv("stand")

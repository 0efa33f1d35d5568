"""What holds for every manipulation task: ends, finite numbers, saved memory, random returns."""

import functools

import mujoco
import numpy as np
import pytest

from mwx.robot import H1HAND
from mwx.sim import TASKS as REGISTRY
from mwx.sim import env as env_module
from mwx.sim import make

built = env_module.scene

TASKS = ("cabinet", "cube", "bookshelf_simple", "bookshelf_hard", "window", "room",
         "insert_normal", "insert_small")
FALL = {"cabinet": None, "cube": 0.58, "bookshelf_simple": 0.58, "bookshelf_hard": 0.58,
        "window": 0.58, "room": 0.3, "insert_normal": 0.5, "insert_small": 0.5}
# mean return of uniformly random actions, as published for the original
RANDOM = {"cube": 4.8, "bookshelf_simple": 16.8, "bookshelf_hard": 14.8, "window": 2.7,
          "room": 3.0, "insert_normal": 1.7}


@functools.cache
def compiled(name):
    return built(REGISTRY[name], robot=H1HAND)


@pytest.fixture(autouse=True)
def scenes_built_once(monkeypatch):
    """Compiling a scene takes longer than most of these tests: each is built once a process."""
    monkeypatch.setattr(env_module, "scene", lambda task, robot: compiled(task.name))


def build(name, num_envs=1, **options):
    return make(f"h1hand-{name}", num_envs=num_envs, threads=1, **options)


@pytest.mark.parametrize("name", TASKS)
def test_falls_end_where_the_original_says(name):
    env = build(name, num_envs=2)
    fall = FALL[name] or 0.3
    env.physics.base_height[:] = fall - 0.001, fall + 0.001
    assert env.task.terminated(env.physics).tolist() == [FALL[name] is not None, False]


@pytest.mark.parametrize("name", TASKS)
def test_wild_actions_give_finite_numbers(name):
    env, rng = build(name, num_envs=2), np.random.default_rng(0)
    for _ in range(30):
        step = env.step(rng.uniform(-10, 10, (2, 61)))
        for values in (step.obs.vector, step.obs.task, step.reward, *step.terms.values()):
            assert np.isfinite(values).all()
        progress = env.task.progress(env.physics)
        assert ((progress >= 0) & (progress <= 1)).all()
        assert step.obs.target.shape == (2, 3)


@pytest.mark.parametrize("name", ("cabinet", "bookshelf_hard", "cube", "window"))
def test_memory_belongs_to_a_saved_state(name):
    env, other = build(name, num_envs=2), build(name, num_envs=2, seed=5)
    if name == "cabinet":
        env.physics.joint_position("pull_door_slide")[0] = -0.4
    action = np.zeros((2, 61))
    env.step(action)
    other.set_state(env.get_state())
    for key, value in env.physics.memory.items():
        np.testing.assert_array_equal(value, other.physics.memory[key])
    one, two = env.step(action), other.step(action)
    np.testing.assert_array_equal(one.obs.vector, two.obs.vector)
    np.testing.assert_array_equal(one.reward, two.reward)
    assert name != "cabinet" or env.physics.memory["stage"].tolist() == [2, 1]


@pytest.mark.parametrize("name", RANDOM)
def test_random_actions_earn_about_what_is_published(name):
    env, rng = build(name, num_envs=6, auto_reset=False), np.random.default_rng(2)
    alive, earned = np.ones(6, bool), np.zeros(6)
    while alive.any():
        step = env.step(rng.uniform(-1, 1, (6, 61)))
        earned += step.reward * alive
        alive &= ~step.done
    # six episodes are few: this catches a wrong weight or scale, not a few per cent
    assert 0.4 * RANDOM[name] < earned.mean() < 2.5 * RANDOM[name]


def alone(name):
    """A scene whose robot is out of the way, as one simulation."""
    model = compiled(name)
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    data.qpos[0] = -3.0
    return model, data


def test_nothing_of_the_cabinet_is_stuck():
    model, data = alone("cabinet")
    ends = {"drawer_slide": (0.45, 300), "pull_door_slide": (-0.4, -200),
            "left_door_hinge": (-1.57, -10), "right_door_hinge": (1.57, 10),
            "pullup_door_hinge": (1.57, 40)}  # where it ends, what pulls [N, N m]
    for joint, (_, pull) in ends.items():
        data.qfrc_applied[model.joint(joint).dofadr[0]] = pull
    for _ in range(500):
        mujoco.mj_step(model, data)
    for joint, (end, _) in ends.items():
        assert data.joint(joint).qpos[0] == pytest.approx(end, abs=0.01)


@pytest.mark.parametrize("name", ("bookshelf_simple", "insert_normal", "insert_small"))
def test_objects_rest_where_they_start(name):
    model, data = alone(name)
    start = data.qpos[H1HAND.nq:].copy()
    for _ in range(200):
        mujoco.mj_step(model, data)
    assert np.abs(data.qpos[H1HAND.nq:] - start).max() < 0.005

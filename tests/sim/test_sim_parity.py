"""Rewards, terms, observations and ends against recordings of the original benchmark."""

from pathlib import Path

import numpy as np
import pytest

from mwx.sim import TASKS, Physics, make
from mwx.sim.env import scene

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "parity"
MODES = ("smooth", "uniform")
EXACT = 1e-6
# control steps replayed and how far qpos may part: our soles are the original's outline, so flat
# feet move alike, but a foot on its rim or two links that touch do not (primitives, not meshes)
REPLAY = {"smooth": (10, 1e-6), "uniform": (3, 5e-3)}

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings beside the project")


@pytest.fixture(scope="module", params=[(t, m) for t in TASKS for m in MODES],
                ids=lambda p: f"{p[0]}-{p[1]}")
def recording(request):
    name, mode = request.param
    with np.load(RECORDINGS / f"h1-{name}-v0.npz", allow_pickle=False) as file:
        arrays = {k.removeprefix(f"{mode}_"): file[k] for k in file.files if k.startswith(mode)}
    return TASKS[name], {**arrays, "mode": mode}


def flat(array):
    return array.reshape(-1, *array.shape[2:])  # (seed * step, ...)


def at_recorded_states(task, arrays):
    """All recorded steps at once: derived quantities of the pre state, qpos and qvel after it."""
    pre, post = flat(arrays["qpos_pre"]), flat(arrays["qpos"])
    physics = Physics(scene(task), len(pre), threads=1)
    env = make(task.name, threads=1)
    physics.qpos[:], physics.qvel[:] = pre, flat(arrays["qvel_pre"])
    physics.command(env.to_ctrl(flat(arrays["action"])))
    if task.name == "reach":
        physics.goal[:] = np.repeat(arrays["goal"], arrays["reward"].shape[1], axis=0)
    physics.step(1)
    physics.qpos[:], physics.qvel[:] = post, flat(arrays["qvel"])
    return physics


def test_reward_terms_observation_and_end_agree(recording):
    task, arrays = recording
    physics = at_recorded_states(task, arrays)
    reward, terms = task.reward(physics)
    np.testing.assert_allclose(reward, flat(arrays["reward"]), atol=EXACT, rtol=0)
    named = {k.removeprefix("info_") for k in arrays if k.startswith("info_")}
    assert named - {"per_timestep_reward"} == set(terms)
    for name, values in terms.items():
        np.testing.assert_allclose(values, flat(arrays[f"info_{name}"]), atol=EXACT, rtol=0,
                                   err_msg=name)
    np.testing.assert_allclose(task.vector(physics), flat(arrays["obs"]), atol=EXACT, rtol=0)
    np.testing.assert_array_equal(task.terminated(physics), flat(arrays["terminated"]))


def test_forces_agree(recording):
    task, arrays = recording
    physics = at_recorded_states(task, arrays)
    np.testing.assert_allclose(physics.actuator_force, flat(arrays["actuator_force"]), atol=EXACT,
                               rtol=0)


def test_the_first_observation_agrees(recording):
    task, arrays = recording
    env = make(task.name, num_envs=len(arrays["init_qpos"]), threads=1)
    env.physics.qpos[:], env.physics.qvel[:] = arrays["init_qpos"], arrays["init_qvel"]
    if task.name == "reach":
        env.physics.goal[:] = arrays["goal"]
    env.physics.forward()
    np.testing.assert_allclose(env.observe().vector, arrays["init_obs"], atol=EXACT, rtol=0)


def test_the_first_steps_are_near_the_recorded_ones(recording):
    task, arrays = recording
    env = make(task.name, num_envs=len(arrays["init_qpos"]), threads=1, terminate=False)
    env.physics.qpos[:] = arrays["init_qpos"]
    env.physics.forward()
    steps, near = REPLAY[arrays["mode"]]
    for t in range(steps):
        env.step(arrays["action"][:, t])
        assert np.abs(env.physics.qpos - arrays["qpos"][:, t]).max() < near

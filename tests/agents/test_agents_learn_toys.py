"""The small worlds obey their laws, and the agent must learn them (slow)."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mwx.agents.toys import Pendulum, PlanarMass

sys.path.insert(0, str(Path(__file__).parent))
from optima import optimum, regulator, returns
from toy_learning import learn, score

TOYS = (PlanarMass, Pendulum)


def actions(env, steps, seed=0):
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (steps, env.num_envs, env.act_dim))


@pytest.mark.parametrize("kind", TOYS)
def test_a_toy_continues_from_its_state_bit_for_bit(kind):
    env, other = kind(3, seed=1), kind(3, seed=2)
    sequence = actions(env, 2 * env.max_steps + 7)
    for action in sequence[:9]:
        env.step(action)
    other.set_state(env.get_state())
    for action in sequence[9:]:
        a, b = env.step(action), other.step(action)
        assert np.array_equal(a.obs.vector, b.obs.vector) and np.array_equal(a.reward, b.reward)


@pytest.mark.parametrize("kind", TOYS)
def test_a_world_more_changes_nobody_elses(kind):
    few, many = kind(2, seed=1), kind(5, seed=1)
    for action in actions(many, many.max_steps + 5):
        a, b = few.step(action[:2]), many.step(action)
        assert np.array_equal(a.obs.vector, b.obs.vector[:2])
        assert np.array_equal(a.reward, b.reward[:2])


@pytest.mark.parametrize("kind", TOYS)
def test_episodes_end_by_the_clock_alone_and_keep_their_last_observation(kind):
    env = kind(4, seed=3)
    for count, action in enumerate(actions(env, 2 * env.max_steps), 1):
        step = env.step(action)
        over = count % env.max_steps == 0
        assert (step.truncated == over).all() and not step.terminated.any()
        assert np.array_equal(step.obs.vector, step.final_obs.vector) != over
        assert step.obs.vector.shape == (4, env.obs_dim) and (step.reward <= 1).all()


def test_the_mass_moves_as_a_pushed_mass():
    env = PlanarMass(1, seed=0)
    env.state = np.array([[0.5, -0.2, 0.0, 0.1]])
    for _ in range(10):
        env.step(np.array([[0.25, 0.0]]))
    force, t = 0.25 * PlanarMass.FORCE, 10 * PlanarMass.DT
    assert np.allclose(env.state[0], [0.5 + force * t**2 / 2, -0.2 + 0.1 * t, force * t, 0.1])


def test_the_regulator_costs_what_riccati_says_and_no_other_feedback_costs_less():
    (gain, p), env = regulator(), PlanarMass(64, seed=5)
    start = env.state
    assert np.abs(start @ gain.T).max() < 1
    best = returns(env, lambda x: -x @ gain.T).mean()
    end = start
    for _ in range(env.max_steps):
        end, _ = env.move(end, -end @ gain.T)
    start, end = (np.einsum("bi,ij,bj->b", x, p, x).mean() for x in (start, end))
    assert best == pytest.approx(env.max_steps - start + end, abs=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(8):
        other = gain * (1 + 0.3 * rng.standard_normal(gain.shape))
        assert returns(PlanarMass(64, seed=5), lambda x, k=other: -x @ k.T).mean() < best


def test_an_unforced_rod_keeps_its_energy_and_full_torque_cannot_lift_it():
    env = Pendulum(1, hanging=True)
    env.state = np.array([[2.0, 0.0]])
    energies = []
    for _ in range(400):
        angle, speed = env.state[0]
        energies.append(speed**2 / 6 + env.GRAVITY / 2 * np.cos(angle))
        env.state, _ = env.move(env.state, np.zeros((1, 1)))
    assert np.ptp(energies) < 0.12 * env.GRAVITY
    assert env.TORQUE < env.GRAVITY / 2
    env.state = np.array([[np.pi, 0.0]])
    for _ in range(env.max_steps):
        env.state, _ = env.move(env.state, np.ones((1, 1)))
        assert np.cos(env.state[0, 0]) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("world", ["mass", "pendulum"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_agent_learns(precision, world, seed, tmp_path):
    torch.set_num_threads(1)
    model, loop = learn(world, seed, tmp_path / "run", precision=precision)
    best = optimum(world)  # 45.9 and 97.9; at random -4 and 4
    policy, planned = (score(model, world, how, loop.config) for how in (False, True))
    assert policy > 0.8 * best and planned > 0.85 * best, (policy, planned, best)


@pytest.mark.slow
def test_the_agent_learns_the_mass_acting_by_the_planner(tmp_path):
    torch.set_num_threads(1)
    model, loop = learn("mass", 0, tmp_path / "run", planned=True)
    assert score(model, "mass", True, loop.config) > 0.85 * optimum("mass")

"""What a training robot has to bear: late commands, another weight; and pay for quiet servos."""

import dataclasses

import numpy as np
import pytest

from mwx import recipes
from mwx.experts.disturbances import Disturbances
from mwx.experts.prior import ClipPrior
from mwx.experts.tracking import TrackingEnv
from mwx.motion import generate
from mwx.sim import make

PLAIN = recipes.expert("walk").tracking


@pytest.fixture(scope="module")
def walk():
    return generate("walk", speed=1.1)


def test_late_commands_arrive_a_step_later():
    sent, rows = Disturbances(dataclasses.replace(PLAIN, late_share=1.0), 2, 3), np.arange(2)
    sent.restart(rows, np.random.default_rng(0))
    one, two, three = (np.full((2, 3), float(i)) for i in (1, 2, 3))
    assert np.array_equal(sent.arrived(one), one)  # nothing was sent before
    assert np.array_equal(sent.arrived(two), one)
    sent.restart(rows[:1], np.random.default_rng(0))
    arrived = sent.arrived(three)
    assert np.array_equal(arrived[0], three[0]) and np.array_equal(arrived[1], two[1])


def test_a_load_is_a_weight_on_the_pelvis(walk):
    config = dataclasses.replace(PLAIN, load_spread=50.0)
    env = TrackingEnv(make("walk", 3, 0), ClipPrior(walk), config, 0)
    assert 0 < np.abs(env.disturbances.load).max() <= 50
    env.disturbances.load[:] = [30, -30, 0]
    pushed = []
    env.env.physics.apply_wrench = lambda force, torque: pushed.append((force, torque))
    env._help(env.target)
    np.testing.assert_allclose(pushed[0][0][:, 2], [-30, 30, 0])
    assert not pushed[0][0][:, :2].any() and not pushed[0][1].any()


def test_quiet_servos_are_paid_for_beyond_the_task(walk):
    env, other = (TrackingEnv(make("walk", 4, 0), ClipPrior(walk, 0.5, 1.0),
                              dataclasses.replace(PLAIN, quiet_weight=w), 0) for w in (0.0, 0.5))
    one, two = (e.step(np.zeros((4, 19))) for e in (env, other))
    quiet = env.env.task.reward(env.env.physics)[1]["small_control"]
    kept = ~one.done
    np.testing.assert_allclose((two.reward - one.reward)[kept], 2.5 * (quiet - 0.8)[kept])
    assert (0 <= quiet - 0.8).all()


def test_training_with_everything_on_continues_bit_for_bit(walk):
    config = dataclasses.replace(PLAIN, load_spread=40.0, late_share=0.5, assist=0.3)
    env, other = (TrackingEnv(make("walk", 4, seed), ClipPrior(walk, 0.5, 1.0), config, seed)
                  for seed in (0, 1))
    draw = np.random.default_rng(3)
    for _ in range(20):
        env.step(draw.uniform(-1, 1, (4, 19)))
    other.set_state(env.get_state())
    for _ in range(40):
        action = draw.uniform(-1, 1, (4, 19))
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one.obs.vector, two.obs.vector)
        assert np.array_equal(one.reward, two.reward)


def test_bumps_are_rare_horizontal_and_as_strong_as_told():
    class Robots:
        robot_qpos = np.zeros((4000, 26))
        robot_qvel = np.ones((4000, 25))

        def set_robot(self, rows, qpos, qvel):
            self.rows, self.qvel = rows, qvel

    robots = Robots()
    config = dataclasses.replace(PLAIN, push_interval_s=0.1, push_speed=0.4)
    Disturbances(config, 4000, 3).bump(robots, np.random.default_rng(0))
    assert len(robots.rows) == pytest.approx(4000 * 0.02 / 0.1, rel=0.1)
    added = robots.qvel - 1
    assert not added[:, 2:].any() and np.allclose(added[:, :2].std(0), 0.4, rtol=0.1)
    assert np.abs(added[:, :2].mean(0)).max() < 0.05
    never = Robots()
    Disturbances(dataclasses.replace(config, push_interval_s=0.0), 4000, 3).bump(
        never, np.random.default_rng(0))
    assert not hasattr(never, "rows")

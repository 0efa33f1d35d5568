"""H1's policies on the robot with hands."""

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.robot import H1, H1HAND
from mwx.sim import HeldHands, make, make_for

HOME = H1.to_action(H1.commands(H1.home_joints))


def test_it_looks_like_h1():
    env = make_for(H1.act_dim, "h1hand-reach", num_envs=2, threads=1)
    assert isinstance(env, HeldHands) and env.act_dim == 19
    assert env.obs.proprio.shape == (2, 51) and env.obs.vector.shape == (2, 157)
    felt = env.obs.proprio[0]
    for name in ("left_knee", "torso", "right_elbow"):
        assert felt[7 + H1.joint(name)] == env.physics.joint_position(name)[0]
        assert felt[H1.nq + 6 + H1.joint(name)] == env.physics.joint_velocity(name)[0]


def test_the_body_is_commanded_and_the_hands_hold_still():
    env = make_for(H1.act_dim, "h1hand-stand", threads=1)
    action = np.clip(HOME + 0.1, -1, 1)
    ctrl = dict(zip(H1HAND.servo_names, env.to_ctrl(action[None])[0], strict=True))
    wanted = make("stand", threads=1).to_ctrl(action[None])[0]
    for name, value in zip(H1.servo_names, wanted, strict=True):
        assert ctrl[name] == pytest.approx(value, abs=1e-6)
    hands = [ctrl[name] for name in H1HAND.servo_names if name not in H1.servo_names]
    assert len(hands) == 42 and np.abs(hands).max() < 1e-6


def test_the_same_as_commanding_every_servo():
    env = make_for(H1.act_dim, "h1hand-walk", num_envs=2, threads=1)
    whole = make("h1hand-walk", num_envs=2, threads=1)
    every = H1HAND.to_action(H1HAND.commands(H1HAND.home_joints))
    for _ in range(5):
        few, all_servos = env.step(np.tile(HOME, (2, 1))), whole.step(np.tile(every, (2, 1)))
    np.testing.assert_array_equal(few.obs.vector, all_servos.obs.vector)
    np.testing.assert_array_equal(few.reward, all_servos.reward)


def test_a_saved_state_continues_bit_for_bit():
    env, other = (make_for(H1.act_dim, "h1hand-stand", threads=1, seed=s) for s in (1, 2))
    env.step(HOME[None])
    other.set_state(env.get_state())
    np.testing.assert_array_equal(env.step(HOME[None]).obs.proprio,
                                  other.step(HOME[None]).obs.proprio)


def test_sizes_that_fit_are_left_alone_and_others_explained():
    assert type(make_for(19, "walk", threads=1)).__name__ == "TaskEnv"
    assert make_for(61, "h1hand-walk", threads=1).act_dim == 61
    with pytest.raises(MwxError, match="61 actions, h1-walk needs 19"):
        make_for(61, "h1-walk")
    with pytest.raises(MwxError, match=r"\(1, 19\)"):
        make_for(19, "h1hand-walk", threads=1).step(np.zeros((1, 61)))

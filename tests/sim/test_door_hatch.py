"""The way shown to the hand at the door: up before the bar, over it, down; it turns the hatch."""

import numpy as np

from mwx.experts import load_library
from mwx.robot import H1
from mwx.router.policies import single_expert
from mwx.sim import make
from mwx.sim.tasks.door import ABOVE, BEFORE_THE_BAR, BELOW, HATCH_TURNED, ON_THE_BAR


class Hands:
    """The part of Physics that the target reads."""

    def __init__(self, hand, hatch=0.0, hinge=0.0):
        self.left_hand, self._angles = np.array([hand]), {"door_hinge": np.array([hinge]),
                                                          "door_hatch_hinge": np.array([hatch])}

    def body_position(self, name):
        return np.array([[0.8, 0.4, 1.2]])

    def joint_position(self, name):
        return self._angles[name]


def shown(*given, **angles):
    return make("door").task.target(Hands(*given, **angles))[0] - [0.8, 0.4, 1.2]


def test_the_way_to_the_bar():
    x, y = ON_THE_BAR
    np.testing.assert_allclose(shown((0.5, 0.3, 1.0)), [x - BEFORE_THE_BAR, y, ABOVE])
    np.testing.assert_allclose(shown((0.5, 0.3, 1.3)), [x, y, ABOVE])  # risen, not over it yet
    np.testing.assert_allclose(shown((0.8 + x, 0.4 + y, 1.3)), [x, y, BELOW])
    np.testing.assert_allclose(shown((0.5, 0.3, 1.0), hatch=0.5), [x, y, BELOW])  # it turns: go on


def test_the_bar_is_shown_where_the_door_has_swung():
    x, y = ON_THE_BAR
    seen = shown((0.5, 0.3, 1.3), hinge=np.pi / 2)
    np.testing.assert_allclose(seen, [-y, x, ABOVE], atol=1e-9)


def test_the_reach_expert_turns_the_hatch():
    env = make("door", 2, 0, 1, auto_reset=False)
    obs = env.reset(0)
    qpos = np.tile(H1.home_qpos, (2, 1))
    qpos[:, 0] = [0.22, 0.25]
    obs = env.set_robot_state(np.arange(2), qpos, np.zeros((2, 25)))
    policy = single_expert(load_library(names=["reach"]), "reach")
    carry, most = policy.initial(2), np.zeros(2)
    for _ in range(250):
        action, carry = policy(obs, carry)
        obs = env.step(action).obs
        most = np.maximum(most, env.physics.joint_position("door_hatch_hinge"))
    assert most.max() > HATCH_TURNED

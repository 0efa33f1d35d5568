"""The planner (7) on models whose best plan is known."""

from dataclasses import replace

import pytest
import torch

from mwx.agents.config import PlannerConfig
from mwx.agents.planner import plan, shift, trajectory_score


class Line:
    """z is a position, an action moves it, the reward is -(z - goal)^2; Q is a constant."""

    act_dim = 1

    def __init__(self, goal=0.5, value=3.0, going_on=1.0):
        self.goal, self.value, self.going_on = goal, value, going_on

    def next(self, z, a):
        return z + a

    def reward(self, z, a):
        return -(z + a - self.goal).square()[:, 0], torch.full((len(z),), self.going_on)

    def q(self, z, a, reduce="mean", members=None):
        return torch.full((len(z),), self.value)

    def pi(self, z, noise=None):
        return torch.zeros(len(z), 1), torch.zeros(len(z)), torch.zeros(len(z), 1)


CONFIG = PlannerConfig(samples=256, policy_samples=8, elites=32, iterations=6, std_min=0.01)


@pytest.mark.parametrize("mu", [1.0, 0.2])
def test_score_with_a_terminal_value(mu):
    z, actions = torch.zeros(1, 1), torch.tensor([[[0.5], [0.5]]])
    score = trajectory_score(Line(), z, actions, replace(CONFIG, mu=mu), 0.9, torch.zeros(1, 1))
    assert score.item() == pytest.approx(0 + 0.9 * -(0.5 ** 2) + 0.81 * mu * 3.0)


def test_score_with_a_value_at_every_step_is_equation_7():
    config = replace(CONFIG, value_at="every", mu=0.1)
    z, actions = torch.zeros(1, 1), torch.tensor([[[0.5], [0.5]]])
    score = trajectory_score(Line(), z, actions, config, 0.9, torch.zeros(1, 1))
    assert score.item() == pytest.approx((0 + 0.3) + 0.9 * (-0.25 + 0.3))


def test_predicted_terminations_discount_what_follows():
    z, actions = torch.zeros(1, 1), torch.tensor([[[0.5], [0.0]]])
    score = trajectory_score(Line(going_on=0.5), z, actions, CONFIG, 1.0, torch.zeros(1, 1))
    assert score.item() == pytest.approx(0.25 * 3.0)


@pytest.mark.parametrize("method", ["mppi", "cem"])
def test_the_plan_goes_to_the_goal_from_everywhere(method):
    config = replace(CONFIG, method=method)
    z = torch.tensor([[0.0], [1.0], [-0.3]])
    result = plan(Line(), z, torch.zeros(3, 3, 1), config, 0.99,
                  torch.Generator().manual_seed(0), sample=False)
    assert torch.allclose(z + result.action, torch.full((3, 1), 0.5), atol=0.05)
    assert result.action.abs().max() <= 1


def test_same_generator_same_plan():
    z = torch.zeros(2, 1)
    a, b = (plan(Line(), z, torch.zeros(2, 3, 1), CONFIG, 0.99,
                 torch.Generator().manual_seed(3)).action for _ in range(2))
    assert torch.equal(a, b)


def test_shift_moves_the_plan_on():
    mean = torch.arange(6.0).reshape(1, 3, 2)
    assert shift(mean).tolist() == [[[2, 3], [4, 5], [0, 0]]]

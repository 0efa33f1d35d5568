"""Discrete regression, the TD target (5) and the replay against closed forms."""

import numpy as np
import pytest
import torch

from mwx.agents.losses import value_target
from mwx.agents.replay import Replay
from mwx.maths.two_hot import Support, symexp, symlog


@pytest.mark.parametrize("support", [Support(), Support(-5, 95, 101, symlog=False)])
def test_two_hot_keeps_the_mean_and_sums_to_one(support):
    value = torch.tensor([-3.2, 0.0, 0.37, 4.0, 50.0])
    encoded = support.two_hot(value)
    assert torch.allclose(encoded.sum(-1), torch.ones(5))
    assert (encoded > 0).sum(-1).max() <= 2
    mean = encoded @ support.centres(value)
    mean = symexp(mean) if support.symlog else mean
    assert torch.allclose(mean, value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("support", [Support(), Support(-5, 95, 101, symlog=False)])
def test_cross_entropy_equals_its_dense_form(support):
    logits = torch.randn(6, support.bins, generator=torch.Generator().manual_seed(0))
    value = torch.tensor([-200.0, -1.0, 0.0, 2.5, 60.0, 1e6])
    dense = -(support.two_hot(value) * torch.log_softmax(logits, -1)).sum(-1)
    assert torch.allclose(support.cross_entropy(logits, value), dense, rtol=1e-4, atol=1e-4)


def test_symlog_and_symexp_are_inverse():
    x = torch.linspace(-30, 30, 101)
    assert torch.allclose(symexp(symlog(x)), x, rtol=1e-5, atol=1e-5)


def test_one_step_target_is_equation_5():
    reward, value = torch.rand(3, 4), torch.rand(3, 4) * 10
    ended = torch.zeros(3, 4)
    ended[1, 2] = 1
    target = value_target(reward, ended, torch.ones(3, 4), value, 0.9)
    assert torch.allclose(target, reward + 0.9 * (1 - ended) * value)


def test_lambda_one_is_the_discounted_sum_of_the_window():
    reward, value = torch.rand(3, 5), torch.rand(3, 5)
    target = value_target(reward, torch.zeros(3, 5), torch.ones(3, 5), value, 0.9, 1.0)
    expected = reward[0] + 0.9 * reward[1] + 0.81 * reward[2] + 0.729 * value[2]
    assert torch.allclose(target[0], expected)


def test_time_limits_bootstrap_and_terminations_do_not():
    reward, value = torch.ones(2, 2), torch.full((2, 2), 7.0)
    ended = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    valid = torch.tensor([[1.0, 1.0], [0.0, 0.0]])  # both episodes end with the first step
    target = value_target(reward, ended, valid, value, 0.5, 0.9)
    assert target[0].tolist() == [1.0, 1.0 + 0.5 * 7.0]


def test_windows_end_with_the_episode_and_follow_their_environment():
    replay = Replay(64, 2, 1, 1)
    for t in range(100):  # wraps round; every 5th step ends an episode
        marker = np.array([[t], [1000 + t]], float)
        replay.add(obs=marker, next_obs=marker + 1, action=np.zeros((2, 1)), reward=np.zeros(2),
                   terminated=np.zeros(2), done=np.full(2, t % 5 == 4), advice=np.zeros((2, 1)),
                   advised=np.zeros(2))
    batch = replay.sample(500, 3, np.random.default_rng(0))
    first = batch.obs[:, 0]
    assert first.min() >= 100 - replay.rows and set((first >= 1000).tolist()) == {True, False}
    for k in range(3):
        assert torch.equal(batch.next_obs[k, :, 0], first + k + 1)
        inside = (first % 1000 % 5) + k <= 4
        assert torch.equal(batch.valid[k] == 1, inside)

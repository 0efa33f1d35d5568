"""Laws of routing with the shipped experts: order does not matter, one-hot is that expert."""

import itertools

import numpy as np
import pytest
import torch

from mwx.experts import load_library
from mwx.experts.expert import Expert
from mwx.router import FileGuidance, KeywordRules, compose, optimum, single_expert
from mwx.sim import make
from mwx.sim.tasks import get
from mwx.skills import DESCRIPTIONS

NAMES = tuple(DESCRIPTIONS)
ORDERS = [NAMES[::-1], NAMES[3:] + NAMES[:3]]


@pytest.mark.parametrize("provider", [FileGuidance(), KeywordRules()], ids=["file", "rules"])
@pytest.mark.parametrize("task", ["door", "push", "truck", "package", "basketball"])
@pytest.mark.parametrize("order", ORDERS)
def test_permuting_the_experts_permutes_the_guidance(provider, task, order):
    text = get(task).text
    plain = provider.guide(task, text, DESCRIPTIONS)
    permuted = provider.guide(task, text, {n: DESCRIPTIONS[n] for n in order})
    assert permuted.experts == order
    assert dict(zip(order, permuted.weights, strict=True)) == pytest.approx(
        dict(zip(NAMES, plain.weights, strict=True)), abs=1e-12)
    assert permuted.stages == plain.stages


def test_permuting_the_experts_permutes_the_optimum_and_leaves_the_action():
    rng = np.random.default_rng(0)
    w_v, p_demo = rng.dirichlet(np.ones(5), 8), rng.dirichlet(np.ones(5), 8)
    proposals = rng.uniform(-1, 1, (8, 5, 19))
    best = optimum(w_v, p_demo, 0.7, 0.2)
    for order in itertools.islice(itertools.permutations(range(5)), 0, 120, 17):
        index = list(order)
        np.testing.assert_allclose(optimum(w_v[:, index], p_demo[:, index], 0.7, 0.2),
                                   best[:, index], atol=1e-12)
        np.testing.assert_allclose(compose(best[:, index], proposals[:, index]),
                                   compose(best, proposals), atol=1e-12)


def test_one_hot_weights_are_that_expert_bit_for_bit():
    torch.set_num_threads(1)
    library, env = load_library(), make("door", 2, 0, 1)
    assert library.names == NAMES
    for name in library.names:
        policy, expert = single_expert(library, name), library.experts[name]
        assert isinstance(expert, Expert)
        obs = env.reset(0)
        carry, own = policy.initial(2), expert.initial(2)
        for _ in range(5):
            action, carry = policy(obs, carry)
            expected, own = expert(obs, own)
            assert np.array_equal(action, np.clip(expected, -1, 1)), name
            obs = env.step(action).obs

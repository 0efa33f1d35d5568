"""One update: against a transcription by another road, finite differences, seeds and sizes."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mwx.agents.config import AgentConfig, ComputeConfig, LearnerConfig, WorldModelConfig
from mwx.agents.learner import Learner
from mwx.agents.losses import Draws, model_loss, policy_loss
from mwx.agents.replay import SequenceBatch
from mwx.agents.world_model import WorldModel
from mwx.maths.mish import mish
from mwx.maths.two_hot import Support

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import tdmpc2_reference
from tdmpc2_reference import Reference

SMALL = WorldModelConfig(encoder_dim=32, latent_dim=32, hidden_dim=32, num_q=3,
                         value=Support(bins=21), reward=Support(bins=21))
EXACT = ComputeConfig(precision="float32", compile="off")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def windows(obs=5, act=2, rows=16, steps=3, dtype=torch.float32):
    source = torch.Generator().manual_seed(3)

    def normal(*shape):
        return torch.randn(*shape, generator=source, dtype=dtype)

    terminated, valid = torch.zeros(steps, rows, dtype=dtype), torch.ones(steps, rows, dtype=dtype)
    terminated[0, 0], valid[1:, 0] = 1, 0
    return SequenceBatch(normal(rows, obs), normal(steps, rows, obs),
                         normal(steps, rows, act).tanh(), normal(steps, rows).abs(), terminated,
                         valid, normal(steps, rows, act).tanh(), torch.ones(steps, rows))


def draws(batch, members=(2, 0)):
    return Draws(torch.full_like(batch.action, 0.3), torch.full_like(batch.action, -0.4),
                 torch.tensor(members))


def agent(model=SMALL, compute=EXACT, **learner):
    return AgentConfig(model, LearnerConfig(batch=16, **learner), compute=compute)


@pytest.mark.parametrize("low, high", [(-120, -25), (-25, 25), (25, 1e4)])
def test_mish_and_its_slope_are_torchs_to_float_precision(low, high):
    x = torch.linspace(low, high, 4001, requires_grad=True)
    exact = F.mish(x.double())
    slope = torch.autograd.grad(exact.sum(), x, retain_graph=True)[0]
    ours = mish(x)
    assert torch.allclose(ours.double(), exact, rtol=2e-6, atol=1e-30)
    assert torch.allclose(torch.autograd.grad(ours.sum(), x)[0], slope, rtol=1e-5, atol=3e-7)
    assert torch.equal(mish(x.detach()), ours)  # acting and learning see one function


def perturbed(seed=0, config=SMALL, dtype=torch.float32, obs=5, act=2):
    """A model whose last layers are not zero, so that every gradient is alive."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = WorldModel(obs, act, config)
        for p in model.parameters():
            p.add_(torch.randn(p.shape), alpha=0.1)
    return model.to(dtype)


def slope_error(loss, parameters):
    """Relative error of the gradient along itself against a central difference."""
    grads = torch.autograd.grad(loss(), parameters)
    norm = sum(g.square().sum() for g in grads).sqrt()
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for p, g in zip(parameters, grads, strict=True):
                p.add_(g / norm, alpha=sign * 1e-5)
            values.append(loss().item())
            for p, g in zip(parameters, grads, strict=True):
                p.sub_(g / norm, alpha=sign * 1e-5)
    return abs((values[0] - values[1]) / 2e-5 / norm.item() - 1)


@pytest.mark.parametrize("part", ["dynamics", "reward_head", "q_head"])
def test_model_loss_against_finite_differences(part):
    model, target = (perturbed(seed, dtype=torch.float64) for seed in (0, 1))
    batch = windows(dtype=torch.float64)

    def loss():
        return model_loss(model, target, batch, draws(batch), LearnerConfig())[0]

    assert slope_error(loss, list(getattr(model, part).parameters())) < 1e-6


def test_model_loss_reaches_the_encoder_through_the_roll_out():
    model, batch = perturbed(dtype=torch.float64), windows(dtype=torch.float64)
    config = LearnerConfig(consistency=0.0, discount=0.0)  # what is left has no stopped gradient

    def loss():
        return model_loss(model, model, batch, draws(batch), config, torch.tensor(0.7))[0]

    assert slope_error(loss, list(model.encoder.parameters())) < 1e-6


def test_policy_loss_against_finite_differences():
    model, batch = perturbed(dtype=torch.float64), windows(dtype=torch.float64)
    zs = model.encode(batch.next_obs.flatten(0, 1)).detach().unflatten(0, (3, 16))

    def loss():
        return policy_loss(model, zs, batch, draws(batch), 0.1, torch.tensor(2.0),
                           torch.tensor(0.7), 0.5)[0]

    assert slope_error(loss, list(model.policy.parameters())) < 1e-6
    gone = torch.autograd.grad(loss(), list(model.q_head.parameters()), allow_unused=True)
    assert all(g is None for g in gone)


def test_frozen_values_are_the_values_and_so_is_their_slope_in_the_action():
    model, z = perturbed(), torch.rand(7, 32)
    action = torch.rand(7, 2, requires_grad=True)
    pair = [model.q(z, action, members=torch.tensor([2, 0]), frozen=f) for f in (False, True)]
    slopes = [torch.autograd.grad(q.sum(), action)[0] for q in pair]
    assert torch.allclose(*pair, rtol=1e-5) and torch.allclose(*slopes, rtol=1e-4, atol=1e-6)


def test_chosen_members_are_those_of_the_whole_ensemble():
    model, z, action = perturbed(), torch.rand(7, 32), torch.rand(7, 2)
    every = model.q_logits(z, action)
    assert torch.equal(model.q_logits(z, action, torch.tensor([2, 0])), every[[2, 0]])


def test_losses_are_those_of_the_published_update(monkeypatch):
    """The transcription in benchmarks/ with our weights; one SimNorm group, two Q networks."""
    config = WorldModelConfig(encoder_dim=16, encoder_layers=1, latent_dim=8, hidden_dim=24,
                              num_q=2)
    model, target = (perturbed(seed, config) for seed in (0, 1))
    batch = windows()
    batch = replace(batch, terminated=torch.zeros(3, 16), valid=torch.ones(3, 16))
    plain = Reference(5, 2, latent=8, hidden=24, encoder=16, num_q=2)
    for theirs, ours in ((plain.encoder, model.encoder), (plain.dynamics, model.dynamics),
                         (plain.reward, model.reward_head), (plain.policy, model.policy)):
        for a, b in zip(theirs, ours, strict=True):
            rows = a.out_features  # our reward head has one more: the termination
            a.weight.data, a.bias.data = b.weight.data.T[:rows].clone(), b.bias.data[:rows].clone()
            if b.activation is not None:
                a.norm.weight.data, a.norm.bias.data = b.gain.data.clone(), b.shift.data.clone()
    for theirs, ours in ((plain.q, model.q_head), (plain.q_target, target.q_head)):
        for i, layer in enumerate(ours):
            theirs.weights[i].data = layer.weight.data.clone()
            theirs.biases[i].data = layer.bias.data[:, None].clone()
            if layer.activation is not None:
                theirs.gains[i].data = layer.gain.data[:, None].clone()
                theirs.shifts[i].data = layer.shift.data[:, None].clone()
    plain.q.eval(), plain.q_target.eval()  # our Q networks have no dropout
    monkeypatch.setattr(tdmpc2_reference, "BATCH", 16)
    monkeypatch.setattr(torch, "randn_like", lambda x: torch.full_like(x, 0.3))
    obs = torch.cat([batch.obs[None], batch.next_obs])
    published = plain.update(obs, batch.action, batch.reward)
    _, ours, _ = model_loss(model, target, batch, draws(batch, (0, 1)), LearnerConfig())
    share = (1 + 0.5 + 0.25) / 3  # we divide by the sum of rho^t, the published code by H
    for name in ("consistency", "reward", "value"):
        assert ours[name].item() * share == pytest.approx(published[name], rel=1e-4), name


GOLDEN = {"consistency": 0.0198721, "reward": 4.51722, "value": 4.51799, "termination": 0.669588,
          "policy_q": 0.0108747, "entropy": -11.9107, "gradient_norm": 1.17567,
          "policy_norm": 0.0367505, "encoder.0.weight": 5.27204, "q_head.2.weight": 0.0878537,
          "policy.1.bias": 9.36173e-05}


def test_golden_values_of_a_full_update():
    """Recorded in 32 bits; a change here is a change of the algorithm or of torch's generator."""
    learner = Learner(51, 19, agent(WorldModelConfig()), 0, 100)
    batch = windows(51, 19)
    for _ in range(2):
        terms = learner.update(batch)
    weights = {n: p.detach().double().square().sum().item()
               for n, p in learner.model.named_parameters()}
    found = {k: terms[k] for k in ("consistency", "reward", "value", "termination", "policy_q",
                                   "entropy", "gradient_norm", "policy_norm")}
    found |= {n: weights[n] for n in ("encoder.0.weight", "q_head.2.weight", "policy.1.bias")}
    assert found == pytest.approx(GOLDEN, rel=2e-3)


def test_same_seed_same_weights_after_200_updates():
    config = agent(replace(SMALL, num_q=2), policy_every=2, entropy_target=-1.0, advice=1.0)

    def train():
        learner, batch = Learner(5, 2, config, 0, 200), windows()
        for _ in range(200):
            terms = learner.update(batch)
        assert np.isfinite(list(terms.values())).all()
        return learner.get_state()[0]

    one, two = train(), train()
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_other_sizes_change_the_ends_of_the_networks_and_nothing_else():
    learners = [Learner(o, a, agent(), 0, 10) for o, a in ((51, 19), (151, 61))]
    for learner, (o, a) in zip(learners, ((51, 19), (151, 61)), strict=True):
        before = {k: v.clone() for k, v in learner.model.named_parameters()}
        terms = learner.update(windows(o, a))
        assert np.isfinite(list(terms.values())).all()
        still = [k for k, v in learner.model.named_parameters() if torch.equal(v, before[k])]
        # with last layers that start at zero, what lies before them does not learn at once
        assert not [k for k in still if k.startswith(("encoder", "dynamics", "policy.2"))]
    small, large = (dict(x.model.named_parameters()) for x in learners)
    differ = {k for k in small if small[k].shape != large[k].shape}
    assert differ == {"encoder.0.weight", "dynamics.0.weight", "reward_head.0.weight",
                      "q_head.0.weight", "policy.2.weight", "policy.2.bias"}
    assert learners[0].config == learners[1].config

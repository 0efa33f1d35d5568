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


def test_the_target_network_moves_its_share_of_the_way():
    learner = Learner(5, 2, agent(target_rate=0.1), 0, 10)
    learner.update(windows())  # from here on they differ
    before = [p.clone() for p in learner.target.q_head.parameters()]
    learner.update(windows())
    for old, now, new in zip(before, learner.target.q_head.parameters(),
                             learner.model.q_head.parameters(), strict=True):
        assert torch.allclose(now, 0.9 * old + 0.1 * new, atol=1e-7)
    assert not any(p.requires_grad for p in learner.target.parameters())


def test_the_policy_gains_by_q_in_units_of_its_range_and_by_entropy():
    """Equation (6), each term alone: the loss is -Q / range - tau H."""
    model, batch = perturbed(), windows()
    zs = model.encode(batch.next_obs.flatten(0, 1)).detach().unflatten(0, (3, 16))

    def loss(tau, scale):
        found, terms, q = policy_loss(model, zs, batch, draws(batch), tau, torch.tensor(scale),
                                      None, 0.5)
        return float(found.detach()), {k: float(v) for k, v in terms.items()}, q

    plain, terms, q = loss(0.0, 1.0)
    assert plain == pytest.approx(-terms["policy_q"], rel=1e-5) and abs(plain) > 0.01
    assert loss(0.0, 4.0)[0] == pytest.approx(plain / 4, rel=1e-5)
    assert loss(0.1, 4.0)[0] == pytest.approx(plain / 4 - 0.1 * terms["entropy"], rel=1e-4)
    # Q is the mean of the two networks drawn, the entropy the Gaussian's own after squashing
    z, noise = zs.flatten(0, 1), draws(batch).policy.flatten(0, 1)
    action, log_prob, _ = model.pi(z, noise)
    assert torch.allclose(q, model.config.value.mean(model.q_logits(z, action))[[0, 2]].mean(0),
                          atol=1e-5)
    weight = (batch.valid * 0.5 ** torch.arange(3)[:, None]).flatten()
    entropy = -(log_prob.detach() * weight).sum() / weight.sum()
    assert terms["entropy"] == pytest.approx(float(entropy), rel=1e-4)


def test_the_log_probability_of_the_policy_is_that_of_a_squashed_gaussian():
    model, z = perturbed(), torch.rand(7, 32)
    noise = torch.randn(7, 2, generator=torch.Generator().manual_seed(0))
    action, log_prob, mode = model.pi(z, noise)
    deviation = (torch.atanh(action) - torch.atanh(mode)) / noise
    gaussian = torch.distributions.Normal(torch.atanh(mode), deviation)
    squashed = torch.distributions.TransformedDistribution(
        gaussian, torch.distributions.TanhTransform())
    assert torch.allclose(log_prob, squashed.log_prob(action).sum(-1), atol=1e-2)
    least, most = SMALL.log_std_min, SMALL.log_std_max
    raw = model.policy(z).chunk(2, -1)[1]
    assert torch.allclose(deviation.log(), least + (most - least) * (raw.tanh() + 1) / 2, atol=1e-2)


def test_the_target_of_an_update_is_the_smaller_of_two_target_networks():
    """Equation (5) as an update uses it: y = R + gamma min Q'(z', pi(z'))."""
    model, target = perturbed(0), perturbed(1)
    batch = windows()
    _, terms, _ = model_loss(model, target, batch, draws(batch, (0, 1)),
                             LearnerConfig(discount=0.9))
    goal = model.encode(batch.next_obs.flatten(0, 1))
    action = model.pi(goal, draws(batch).target.flatten(0, 1))[0]
    values = target.config.value.mean(target.q_logits(goal, action))
    least = torch.minimum(values[0], values[1]).unflatten(0, (3, 16))
    wanted = batch.reward + 0.9 * (1 - batch.terminated) * least
    assert float(terms["target"]) == pytest.approx(wanted.mean().item(), rel=1e-5)
    assert float((values.amin(0) - least.flatten()).abs().max()) > 1e-3  # not of all networks


@pytest.mark.parametrize(("wanted", "rises"), [(2.0, True), (-9.0, False)])
def test_the_temperature_rises_while_the_policy_is_too_sure(wanted, rises):
    learner = Learner(5, 2, agent(entropy_target=wanted, entropy=1e-2, entropy_rate=0.01), 0, 10)
    before = learner.log_entropy
    terms = learner.update(windows())
    assert (terms["entropy"] < 2 * wanted) == rises  # per dimension, of two
    assert learner.log_entropy - before == pytest.approx(0.01 if rises else -0.01)
    assert Learner(5, 2, agent(), 0, 10).update(windows())["tau"] == pytest.approx(1e-4)


def test_cloning_halves_in_its_half_life():
    learner, seen = Learner(5, 2, agent(advice=0.8, advice_half_life=3.0), 0, 10), []
    for name in ("model_loss", "policy_loss"):
        plain = getattr(learner, name)

        def watched(*args, plain=plain, place=5 if name == "model_loss" else 6):
            seen.append(float(args[place]))
            return plain(*args)
        setattr(learner, name, watched)
    for _ in range(7):
        learner.update(windows())
    assert seen == pytest.approx(np.repeat(0.8 * 0.5 ** (np.arange(7) / 3), 2))


def test_cloning_draws_the_policy_to_the_advice_where_there_is_advice():
    learner = Learner(5, 2, agent(advice=10.0, advice_half_life=1e9, rate=3e-3), 0, 100)
    batch = windows()
    advised = torch.zeros(3, 16)
    advised[:, :8] = 1
    batch = replace(batch, advised=advised, advice=batch.advice * 0.5)

    def apart():
        with torch.no_grad():
            mode = learner.model.mode(learner.model.encode(batch.obs))
        return (mode - batch.advice[0]).square().mean(-1)
    before = apart()
    for _ in range(40):
        learner.update(batch)
    after = apart()
    assert float(after[:8].mean()) < 0.4 * float(before[:8].mean())
    assert float(after[8:].mean()) > 0.5 * float(before[8:].mean())


def test_the_range_of_q_follows_its_5th_to_95th_percentile_and_is_at_least_one():
    learner = Learner(5, 2, agent(), 0, 10)
    plain, q = learner.policy_loss, torch.full((48,), 1e6)
    q[:16] = torch.linspace(0, 30, 16)  # the first step's alone count
    learner.policy_loss = lambda *args: (*plain(*args)[:2], q)
    learner.update(windows())
    assert float(learner.scale) == pytest.approx(1 + 0.01 * (0.9 * 30 - 1), rel=1e-5)
    learner.policy_loss = lambda *args: (*plain(*args)[:2], torch.zeros(48))
    learner.update(windows())
    assert float(learner.scale) == pytest.approx(1 + 0.99 * 0.01 * 26, rel=1e-5)


def test_the_learning_rate_goes_down_a_cosine_and_the_encoders_is_a_share():
    learner, seen = Learner(5, 2, agent(rate=1e-3, final_rate=0.1), 0, 4), []
    for _ in range(6):
        learner.update(windows())
        seen.append([g["lr"] for g in learner.model_optimiser.param_groups])
    cosine = 0.1 + 0.9 * (1 + np.cos(np.pi * np.minimum(np.arange(6) / 4, 1))) / 2
    assert np.allclose(seen, 1e-3 * cosine[:, None] * [0.3, 1.0])
    assert learner.policy_optimiser.param_groups[0]["lr"] == pytest.approx(1e-4)


def test_the_policy_learns_every_nth_update():
    learner = Learner(5, 2, agent(policy_every=3), 0, 10)
    made = ["policy_q" in learner.update(windows()) for _ in range(7)]
    assert made == [True, False, False, True, False, False, True]


def test_a_gradient_is_cut_to_its_largest_norm():
    learner, seen = Learner(5, 2, agent(gradient_clip=0.01), 0, 10), []
    for optimiser, parameters in ((learner.model_optimiser, learner.model_parameters),
                                  (learner.policy_optimiser, learner.policy_parameters)):
        def watched(step=optimiser.step, parameters=parameters):
            seen.append(float(sum(p.grad.square().sum() for p in parameters).sqrt()))
            step()
        optimiser.step = watched
    terms = learner.update(windows())
    assert terms["gradient_norm"] > 0.1  # what is told is the norm before
    assert seen == pytest.approx([min(0.01, terms[k]) for k in ("gradient_norm", "policy_norm")],
                                 rel=1e-3)

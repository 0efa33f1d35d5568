"""Laws of the learner: equations (5) and (6) term by term, schedules, and what follows what."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_agents_update import SMALL, agent, draws, one_thread, perturbed, windows

from mwx.agents.config import LearnerConfig
from mwx.agents.learner import Learner
from mwx.agents.losses import model_loss, policy_loss

__all__ = ["one_thread"]  # a fixture


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
    near = Learner(5, 2, agent(entropy_target=0.75 * terms["entropy"]), 0, 10)  # per dimension
    before = near.log_entropy
    near.update(windows())
    assert terms["entropy"] < 0 and near.log_entropy < before
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


def test_an_update_learns_from_the_augmented_batch():
    other = replace(windows(), reward=windows().reward + 1, action=-windows().action)
    changed = Learner(5, 2, agent(), 0, 10, augment=lambda batch: other)
    plain, untouched = Learner(5, 2, agent(), 0, 10), Learner(5, 2, agent(), 0, 10)
    found, wanted, without = (changed.update(windows()), plain.update(other),
                              untouched.update(windows()))
    assert found == wanted != without


def test_the_networks_of_an_update_are_drawn_anew():
    learner = Learner(5, 2, agent(), 0, 10)
    pairs = {tuple(sorted(learner._draws(windows()).members.tolist())) for _ in range(40)}
    assert pairs == {(0, 1), (0, 2), (1, 2)}

"""Losses of eqs. (10) to (12) against closed forms and finite differences; the network's laws."""

import numpy as np
import pytest
import torch

from mwx.errors import MwxError
from mwx.router import LossConfig, NetworkConfig, RoutingNetwork, guidance_weight, irm_loss, optimum
from mwx.router.losses import divergence, entropy, eta_to_half_life, half_life_to_eta


def simplex(seed, *shape):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


@pytest.mark.parametrize(("weight", "beta"), [(0, 0), (1, 0.01), (0.3, 0.5), (20, 0.1)])
def test_the_closed_form_minimises_equation_twelve(weight, beta):
    w_v, p_demo = simplex(1, 5), simplex(2, 5)
    best = optimum(w_v, p_demo, weight, beta)
    config = LossConfig(lambda0=weight, half_life=1e12, beta=beta)

    def loss(pi):
        terms = irm_loss(torch.tensor(pi).log()[None, None], torch.tensor(w_v),
                         torch.tensor(p_demo)[None, None], 0, config)
        return float(terms["loss"])

    assert best.sum() == pytest.approx(1)
    rng = np.random.default_rng(0)
    for _ in range(200):  # convex: no step along the simplex may go down
        step = rng.normal(size=5)
        step -= step.mean()
        other = best + 1e-4 * step
        assert loss(other) >= loss(best) - 1e-12
    logits = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-12,
                                  tolerance_change=1e-16)

    def closure():
        optimiser.zero_grad()
        value = irm_loss(logits.log_softmax(-1)[None, None], torch.tensor(w_v),
                         torch.tensor(p_demo)[None, None], 0, config)["loss"]
        value.backward()
        return value

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(logits.detach().softmax(-1), best, atol=1e-6)


def test_limits_of_the_closed_form():
    w_v, p_demo = simplex(3, 4), simplex(4, 4)
    np.testing.assert_allclose(optimum(w_v, p_demo, 0.0, 0.3), p_demo)  # guidance has faded
    np.testing.assert_allclose(optimum(w_v, p_demo, 1e9, 0.0), w_v, atol=1e-7)
    np.testing.assert_allclose(optimum(w_v, w_v, 2.0, 0.0), w_v)
    np.testing.assert_allclose(optimum(w_v, p_demo, 1e6, 1e6), 0.25, atol=1e-4)  # entropy alone


@pytest.mark.parametrize("direction", ["reverse", "forward"])
def test_divergence_is_a_divergence(direction):
    p, q = (torch.tensor(simplex(s, 6, 4)) for s in (5, 6))
    assert (divergence(p.log(), q, direction) > 0).all()
    torch.testing.assert_close(divergence(p.log(), p, direction), torch.zeros(6).double())
    zero = torch.tensor([[1.0, 0, 0, 0]]).double()
    assert torch.isfinite(divergence(p[:1].log(), zero, direction)).all()


def test_the_terms_add_up_and_gradients_are_right():
    w_v, p_demo = torch.tensor(simplex(7, 3)), torch.tensor(simplex(8, 5, 2, 3))
    config = LossConfig(lambda0=0.7, half_life=10, beta=0.2)
    logits = torch.randn(5, 2, 3, dtype=torch.float64,
                         generator=torch.Generator().manual_seed(0), requires_grad=True)
    terms = irm_loss(logits.log_softmax(-1), w_v, p_demo, 10, config)
    terms = {name: value.detach() for name, value in terms.items()}
    assert float(terms["guidance_weight"]) == pytest.approx(0.35)
    assert float(terms["loss_task"]) == pytest.approx(
        float(terms["kl_task"] - 0.2 * terms["entropy"]))
    assert float(terms["loss"]) == pytest.approx(
        float(0.35 * terms["loss_task"] + terms["loss_demo"]))
    assert torch.autograd.gradcheck(
        lambda x: irm_loss(x.log_softmax(-1), w_v, p_demo, 10, config)["loss"], (logits,))
    even = torch.full((3,), 1 / 3).log()
    assert float(entropy(even)) == pytest.approx(np.log(3))


def test_guidance_decays_by_halves():
    config = LossConfig(lambda0=2.0, half_life=100)
    assert [guidance_weight(t, config) for t in (0, 100, 300)] == pytest.approx([2, 1, 0.25])
    assert half_life_to_eta(eta_to_half_life(0.999)) == pytest.approx(0.999)
    assert eta_to_half_life(0.999) == pytest.approx(692.8, abs=0.1)
    for wrong in ({"half_life": 0.0}, {"beta": -1.0}, {"lambda0": -1.0}):
        with pytest.raises(MwxError):
            LossConfig(**wrong)
    with pytest.raises(MwxError, match="eta"):
        eta_to_half_life(1.0)


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_the_network_gives_weights_on_the_simplex(floor):
    network = RoutingNetwork(9, 4, 3, NetworkConfig(hidden=(16,), floor=floor),
                             torch.Generator().manual_seed(0))
    x = 100 * torch.randn(50, 9, generator=torch.Generator().manual_seed(1))
    log_pi, progress = network(x, torch.full((4,), 0.25), torch.rand(50))
    assert log_pi.shape == (50, 3, 4) and progress.shape == (50,)
    torch.testing.assert_close(log_pi.exp().sum(-1), torch.ones(50, 3))
    assert log_pi.exp().min() >= floor / 4 - 1e-6
    assert (log_pi.exp() - 0.25).abs().max() < 0.25  # near uniform before training
    assert ((progress >= 0) & (progress <= 1)).all()


def test_the_normaliser_is_that_of_all_data_at_once():
    parts = [torch.randn(n, 5, generator=torch.Generator().manual_seed(n)) * n + n
             for n in (10, 3, 40)]
    network = RoutingNetwork(5, 2, 1, NetworkConfig(hidden=(4,)))
    for part in parts:
        network.observe(part)
    whole = torch.cat(parts)
    torch.testing.assert_close(network.mean, whole.mean(0))
    torch.testing.assert_close(network.variance, whole.var(0, correction=0))


def test_guidance_is_an_input_of_the_network():
    network = RoutingNetwork(5, 2, 1, NetworkConfig(hidden=(8,)), torch.Generator().manual_seed(0))
    x, p = torch.zeros(1, 5), torch.zeros(1)
    one = network(x, torch.tensor([1.0, 0]), p)[0]
    assert not torch.equal(one, network(x, torch.tensor([0.0, 1]), p)[0])


def test_a_network_needs_a_layer():
    for wrong in ({"hidden": ()}, {"floor": 1.0}):
        with pytest.raises(MwxError):
            NetworkConfig(**wrong)

"""Laws of planning: independence of rows, warm starts, optimality, and the fast evaluation."""

from dataclasses import replace

import pytest
import torch

from mwx.agents.config import PlannerConfig, WorldModelConfig
from mwx.agents.planner import draw_noise, make_score, plan, shift, trajectory_score
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError

SMALL = WorldModelConfig(encoder_dim=16, latent_dim=16, hidden_dim=24, num_q=3)
CONFIG = PlannerConfig(samples=48, policy_samples=8, elites=12, iterations=3)


def world(**changes):
    """A model whose weights are all drawn: a fresh head is zero and predicts nothing."""
    model = WorldModel(5, 3, replace(SMALL, **changes)).requires_grad_(False)
    source = torch.Generator().manual_seed(0)
    for value in model.parameters():
        value.add_(0.1 * torch.randn(value.shape, generator=source))
    return model


def latents(model, count):
    return model.encode(torch.randn(count, 5, generator=torch.Generator().manual_seed(4)))


def planned(model, z, config=CONFIG, seed=0, mean=None, sample=True, rows=None):
    mean = torch.zeros(len(z), config.horizon, 3) if mean is None else mean
    return plan(model, z, mean, config, 0.97, torch.Generator().manual_seed(seed), sample, rows)


@pytest.mark.parametrize("changes", [{}, {"mu": 0.3}, {"value_at": "every", "mu": 0.3},
                                     {"q_reduce": "min"}, {"horizon": 1}, {"horizon": 5}])
@pytest.mark.parametrize("activation", ["mish", "relu"])
@pytest.mark.parametrize("members", [None, [2, 0]])
def test_the_fast_score_is_equation_7(changes, activation, members):
    model, config = world(activation=activation), replace(CONFIG, **changes)
    z, source = latents(model, 3), torch.Generator().manual_seed(2)
    actions = torch.rand(3, 7, config.horizon, 3, generator=source) * 2 - 1
    noise = torch.randn(3, 7, 3, generator=source)
    chosen = None if members is None else torch.tensor(members)
    fast = make_score(model, z, config, 0.97, chosen)(actions, noise)
    plain = trajectory_score(model, z.repeat_interleave(7, 0), actions.flatten(0, 1), config, 0.97,
                             noise.flatten(0, 1), chosen).reshape(3, 7)
    assert plain.std() > 0.01
    assert torch.allclose(fast, plain, rtol=1e-5, atol=1e-5)


def test_many_rows_are_scored_in_parts_to_the_same_numbers(monkeypatch):
    model = world()
    z, actions, noise = latents(model, 3), torch.rand(3, 7, 3, 3), torch.randn(3, 7, 3)
    whole = make_score(model, z, CONFIG, 0.97, None)(actions, noise)
    monkeypatch.setattr("mwx.agents.planner.ROWS", 4)
    parts = make_score(model, z, CONFIG, 0.97, None)(actions, noise)
    assert torch.allclose(whole, parts, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["mppi", "cem"])
@pytest.mark.parametrize("sample", [True, False])
def test_an_environment_more_changes_nobody_elses_plan(method, sample):
    model, config = world(), replace(CONFIG, method=method, q_members=2)
    z = latents(model, 16)
    alone, among = planned(model, z[:1], config, sample=sample), planned(model, z, config,
                                                                         sample=sample)
    for name in ("action", "mean", "std", "score"):
        assert torch.allclose(getattr(alone, name)[0], getattr(among, name)[0], atol=1e-4), name


def test_a_row_keeps_its_noise_wherever_it_stands():
    model, z = world(), latents(world(), 16)
    among = planned(model, z)
    some = planned(model, z[[5, 11]], rows=torch.tensor([5, 11]))
    assert torch.allclose(some.action, among.action[[5, 11]], atol=1e-4)


def test_no_two_rows_share_their_noise_and_a_plan_takes_the_same_from_its_generator():
    device = torch.device("cpu")
    noise = draw_noise(7, torch.arange(64), CONFIG, 3, device)
    assert len(noise.action[:, 0].unique()) == 64 and len(noise.pick.unique()) == 64
    flat = torch.cat([noise.policy.flatten(), noise.search.flatten()])
    assert abs(float(flat.mean())) < 0.01 and float(flat.std()) == pytest.approx(1, abs=0.01)
    across = noise.search.transpose(0, 1).flatten(1)[:, :400]
    apart = torch.corrcoef(across)[~torch.eye(64, dtype=torch.bool)]
    assert float(apart.abs().max()) < 0.25  # five standard deviations of independent rows
    states = []
    for count in (1, 16):
        source = torch.Generator().manual_seed(3)
        plan(world(), latents(world(), count), torch.zeros(count, 3, 3), CONFIG, 0.97, source)
        states.append(source.get_state())
    assert torch.equal(*states)


def test_the_seed_decides_and_nothing_else():
    model, z = world(), latents(world(), 4)
    assert torch.equal(planned(model, z, seed=1).action, planned(model, z, seed=1).action)
    assert not torch.equal(planned(model, z, seed=1).action, planned(model, z, seed=2).action)


def test_a_restarted_row_plans_as_at_a_start_and_the_others_go_on():
    model, z = world(), latents(world(), 3)
    narrow = replace(CONFIG, std_start=0.1)  # the warm start then matters
    warm = shift(planned(model, z, narrow).mean)
    restarted = warm.clone()
    restarted[1] = 0
    fresh, going, mixed = (planned(model, z, narrow, mean=m)
                           for m in (None, warm, restarted))
    assert torch.allclose(mixed.mean[1], fresh.mean[1], atol=1e-5)
    assert torch.allclose(mixed.mean[[0, 2]], going.mean[[0, 2]], atol=1e-5)
    assert not torch.allclose(going.mean[1], fresh.mean[1], atol=1e-3)


def test_std_stays_within_its_bounds_and_actions_within_theirs():
    model, config = world(), replace(CONFIG, std_min=0.2, std_max=0.4)
    result = planned(model, latents(model, 8), config)
    assert result.std.min() >= 0.2 and result.std.max() <= 0.4
    assert result.action.abs().max() <= 1 and result.mean.abs().max() <= 1


class Fixed:
    """One step, no future: J of an action is given by a function of it."""

    act_dim = 1

    def __init__(self, worth, mode=0.0):
        self.worth, self.mode = worth, mode

    def next(self, z, a):
        return z

    def reward(self, z, a):
        return self.worth(a[:, 0]), torch.ones(len(a))

    def q(self, z, a, reduce="mean", members=None):
        return torch.zeros(len(z))

    def pi(self, z, noise=None):
        mode = torch.full((len(z), 1), self.mode)
        return mode, torch.zeros(len(z)), mode


ONE = PlannerConfig(horizon=1, samples=400, policy_samples=0, elites=100, iterations=1,
                    std_max=0.5, std_min=0.001)


def one(worth, config, mode=0.0):
    return plan(Fixed(worth, mode), torch.zeros(1, 1), torch.zeros(1, 1, 1), config, 1.0,
                torch.Generator().manual_seed(0), sample=False)


def test_cem_takes_the_elites_alike():
    noise = draw_noise(int(torch.randint(2**32, (1,), generator=torch.Generator().manual_seed(0))),
                       torch.arange(1), ONE, 1, torch.device("cpu"))
    tried = (0.5 * noise.search[0, 0, :, 0, 0]).clamp(-1, 1)
    best = tried.topk(100).values
    result = one(lambda a: a, replace(ONE, method="cem"))
    assert result.mean.item() == pytest.approx(best.mean().item(), abs=1e-6)
    assert result.std.item() == pytest.approx(best.std(unbiased=False).item(), abs=1e-5)
    assert result.score.item() == pytest.approx(best[0].item())
    weights = torch.softmax(best / 0.05, 0)
    mppi = one(lambda a: a, replace(ONE, temperature=0.05))
    assert mppi.mean.item() == pytest.approx(float(weights @ best), abs=1e-6)


def test_a_cold_plan_takes_the_best_and_a_hot_one_is_cem():
    cold = one(lambda a: -(a - 0.3).square(), replace(ONE, temperature=1e-6))
    assert cold.mean.item() == pytest.approx(0.3, abs=0.01)
    hot, cem = one(lambda a: a, replace(ONE, temperature=1e6)), one(lambda a: a, replace(
        ONE, method="cem"))
    assert hot.mean.item() == pytest.approx(cem.mean.item(), abs=1e-4)


def test_a_plan_may_start_from_the_policy_and_be_held_near_it():
    def up(a):
        return 10 * a

    near = replace(ONE, start="policy", std_start=0.01)
    assert one(up, near, mode=-0.4).mean.item() == pytest.approx(-0.4, abs=0.04)
    held = replace(ONE, prior_weight=1e4, iterations=4)
    assert one(up, held, mode=-0.4).mean.item() == pytest.approx(-0.4, abs=0.02)
    assert one(up, replace(ONE, iterations=4), mode=-0.4).mean.item() > 0.9


class Regulated:
    """A linear system with a quadratic cost and its exact value: the best plan is the regulator's.

    x' = A x + B a, reward -(x'Qx + r a^2), Q(x, a) = reward - x'' P x'' with P of the Riccati
    equation. The policy is useless: it always does nothing.
    """

    act_dim = 1
    a, b = torch.tensor([[1.0, 0.1], [0.0, 1.0]]), torch.tensor([[0.005], [0.1]])
    cost, effort = torch.diag(torch.tensor([1.0, 0.1])), 0.3

    def __init__(self):
        p = self.cost.double()
        a, b = self.a.double(), self.b.double()
        for _ in range(2000):
            self.gain = torch.linalg.solve(self.effort + b.T @ p @ b, b.T @ p @ a)
            p = self.cost + a.T @ p @ (a - b @ self.gain)
        self.p, self.gain = p.float(), self.gain.float()

    def next(self, z, a):
        return z @ self.a.T + a @ self.b.T

    def reward(self, z, a):
        paid = torch.einsum("ri,ij,rj->r", z, self.cost, z) + self.effort * a[:, 0].square()
        return -paid, torch.ones(len(z))

    def q(self, z, a, reduce="mean", members=None):
        after = self.next(z, a)
        return self.reward(z, a)[0] - torch.einsum("ri,ij,rj->r", after, self.p, after)

    def pi(self, z, noise=None):
        best = -z @ self.gain.T  # of the value at the end; the plan itself must find its actions
        return best, torch.zeros(len(z)), torch.zeros(len(z), 1)


@pytest.mark.parametrize("method", ["mppi", "cem"])
def test_the_plan_is_the_optimum_of_a_linear_quadratic_system(method):
    model = Regulated()
    config = PlannerConfig(samples=1500, policy_samples=0, elites=60, iterations=14, std_min=1e-4,
                           temperature=0.02, method=method, std_max=0.6)
    z = torch.tensor([[0.4, 0.0], [-0.3, 0.2], [0.1, -0.5]])
    result = plan(model, z, torch.zeros(3, 3, 1), config, 1.0, torch.Generator().manual_seed(0),
                  sample=False)
    state, best = z, []
    for _ in range(3):
        best.append(-state @ model.gain.T)
        state = model.next(state, best[-1])
    assert torch.stack(best, 1).abs().max() < 1  # the limits bind nowhere
    assert torch.allclose(result.mean, torch.stack(best, 1), atol=0.02)
    value = -torch.einsum("ri,ij,rj->r", z, model.p, z)
    assert torch.allclose(result.score, value, atol=2e-3)


@pytest.mark.parametrize("changes, words", [({"elites": 49}, "elites"),
                                            ({"policy_samples": 49}, "policy_samples"),
                                            ({"q_members": 4}, "q_members"),
                                            ({"iterations": 0}, "iterations")])
def test_impossible_settings_are_explained(changes, words):
    model = world()
    with pytest.raises(MwxError, match=words):
        planned(model, latents(model, 1), replace(CONFIG, **changes))


@pytest.mark.parametrize("policy_samples", [0, 48])
def test_all_or_no_sequences_may_be_the_policys(policy_samples):
    model = world()
    result = planned(model, latents(model, 2), replace(CONFIG, policy_samples=policy_samples))
    assert torch.isfinite(result.action).all() and torch.isfinite(result.score).all()


def test_planning_in_bf16_changes_scores_by_its_rounding():
    model = world()
    z, actions, noise = latents(model, 4), torch.rand(4, 9, 3, 3), torch.randn(4, 9, 3)
    exact = make_score(model, z, CONFIG, 0.97, None)(actions, noise)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        rounded = make_score(model, z, CONFIG, 0.97, None)(actions, noise)
    assert rounded.dtype == torch.float32
    assert 0 < float((exact - rounded).abs().max()) < 0.1 * float(exact.abs().max())


def test_what_acts_while_training_is_an_elite_and_the_plans_noise():
    config = replace(ONE, method="cem", std_max=0.1, elites=1)  # one elite: std is std_min
    found = [plan(Fixed(lambda a: a), torch.zeros(1, 1), torch.zeros(1, 1, 1),
                  replace(config, std_min=s), 1.0, torch.Generator().manual_seed(0)).action.item()
             for s in (0.0, 0.1)]
    key = int(torch.randint(2**32, (1,), generator=torch.Generator().manual_seed(0)))
    noise = draw_noise(key, torch.arange(1), config, 1, torch.device("cpu"))
    assert found[0] == pytest.approx(0.1 * noise.search[0, 0, :, 0, 0].max().item())
    assert found[1] - found[0] == pytest.approx(0.1 * noise.action.item(), abs=1e-6)

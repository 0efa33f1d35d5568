"""PPO: advantages and the clipped loss by hand, and a policy and its value must learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mwx.experts.config import TeacherConfig
from mwx.experts.ppo import (
    AroundPolicy,
    ImitationPolicy,
    Ppo,
    advantages,
    clipped_loss,
    collect,
    improve,
    log_prob,
)
from mwx.runs import Run
from mwx.types import Obs, Step

RATE = 5e-3
SMALL = TeacherConfig(kind="ppo", rollout=16, hidden=16, minibatches=1, rate=RATE, rate_low=RATE,
                      rate_high=RATE, std=0.5)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# advantages: two steps of four environments, discount .5, lambda .25

def columns(*rows):
    return np.array(rows, float)


@pytest.mark.parametrize(("terminated", "done", "wanted"), [
    # nothing ends: deltas 1 + .5 * 4 - 2 = 1 and 3 + .5 * 6 - 4 = 2; 1 + .125 * 2
    ((0, 0), (0, 0), (1.25, 2.0)),
    # the first step ends by its time limit: it is worth what follows, the sum stops
    ((0, 0), (1, 0), (1.0, 2.0)),
    # the first step ends by a fall: 1 - 2, nothing follows
    ((1, 0), (1, 0), (-1.0, 2.0)),
    # the last step falls: 3 - 4 = -1; 1 + .125 * -1
    ((0, 1), (0, 1), (0.875, -1.0))])
def test_advantages_of_two_steps_by_hand(terminated, done, wanted):
    gain = advantages(columns([1], [3]), columns([2], [4]), columns([4], [6]),
                      columns(*([x] for x in terminated)), columns(*([x] for x in done)), 0.5, 0.25)
    assert gain[:, 0].tolist() == list(wanted)


@pytest.mark.parametrize(("ratio", "gain", "loss", "slope"), [
    (1.0, 2.0, -2.0, -2.0),  # as when it was drawn: the plain gradient
    (1.1, 2.0, -2.2, -2.0),
    (1.5, 2.0, -2.4, 0.0),  # likelier already, and good: no more of it
    (0.5, 2.0, -1.0, -2.0),  # good, but made less likely: all the way back
    (0.5, -2.0, 1.6, 0.0),  # rarer already, and bad
    (1.5, -2.0, 3.0, 2.0)])  # bad, but made likelier
def test_the_clipped_loss_by_hand(ratio, gain, loss, slope):
    r = torch.tensor([ratio], requires_grad=True)
    found = clipped_loss(r, torch.tensor([gain]), 0.2)
    assert found.item() == pytest.approx(loss)
    assert torch.autograd.grad(found, r)[0].item() == pytest.approx(slope)


def test_the_log_probability_is_the_gaussians():
    policy, x, a = ImitationPolicy(3, 2, SMALL), torch.randn(5, 3), torch.randn(5, 2)
    wanted = torch.distributions.Normal(policy.mean(x), policy.std()).log_prob(a).sum(-1)
    assert torch.allclose(log_prob(policy, x, a), wanted, atol=1e-6)


class Errand:
    """See a number, say it; saying more than a half of something else pays once and ends it all.

    Observation (2,): what to say, and nothing; action (2,): what is said, and whether to leave.
    A step pays `base` less the squared error, and leaving `bonus`. `luck` is drawn per episode and
    paid at every step, whatever is done; a time limit ends an episode, but not what it is worth.
    """

    obs_dim, act_dim = 2, 2

    def __init__(self, num_envs, seed, limit, base, bonus, luck=0.0):
        self.num_envs, self.limit, self.base, self.bonus = num_envs, limit, base, bonus
        self.rng, self.spread, self.luck = np.random.default_rng(seed), luck, np.zeros(num_envs)
        self.age = self.rng.integers(0, limit, num_envs)
        self.look()

    def look(self):
        x = self.rng.uniform(-1, 1, (self.num_envs, 2)).astype(np.float32)
        self.obs = Obs(x, x, np.zeros((self.num_envs, 0)), np.full((self.num_envs, 3), np.nan))
        return self.obs

    def step(self, action):
        leaves = action[:, 1] > 0.5
        paid = self.base - self.short(action) + self.bonus * leaves + self.luck
        self.age += 1
        late = (self.age >= self.limit) & ~leaves
        self.age[leaves | late] = 0
        drawn = self.spread * self.rng.normal(size=self.num_envs)
        self.luck = np.where(leaves | late, drawn, self.luck)
        final = self.look()  # what is seen next does not depend on the episode
        return Step(final, paid, leaves, late, {"task_return": paid}, final)

    def short(self, action):
        """What the actions cost in this state (B,)."""
        return (action[:, 0] - self.obs.vector[:, 0]) ** 2 + 0.1 * np.maximum(
            np.abs(action[:, 1]) - 1, 0)


def learned(env, config, rollouts, seed):
    """Return what the modes cost after some rollouts, how often they leave, and the mean value."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = ImitationPolicy(2, 2, config)
    optimiser = torch.optim.Adam(policy.parameters(), eps=1e-5)
    noise, obs, rate = torch.Generator().manual_seed(seed), env.obs, config.rate
    for _ in range(rollouts):
        data, obs = collect(env, policy, obs, config, noise)
        rate, _ = improve(policy, optimiser, data, config, rate, noise)
    other = Errand(512, 99, 1, 0, 0)
    with torch.no_grad():
        mode = policy.mean(torch.from_numpy(other.obs.vector)).numpy()
        value = float(policy.value(torch.from_numpy(other.obs.vector)).mean())
    return float(other.short(mode).mean()), float((mode[:, 1] > 0.5).mean()), value


def test_it_learns_to_stay_where_time_limits_end_every_other_step():
    """Staying is worth .4 / (1 - .8) = 2, leaving 1; within two steps it would be .72 at most."""
    config = replace(SMALL, discount=0.8, gae_lambda=0.5, epochs=8)
    short, leaves, value = learned(Errand(32, 0, limit=2, base=0.4, bonus=0.6), config, 25, 0)
    assert short < 0.02 and leaves < 0.02
    assert 1.5 < value < 2.0  # what its noise costs is missing


def test_it_learns_under_luck_that_lasts():
    """Without lambda the luck of a whole episode, without the clip a single rollout leads it."""
    config = replace(SMALL, rollout=32, discount=0.97, gae_lambda=0.0, epochs=14)
    env = Errand(16, 3, limit=32, base=0.4, bonus=-2.0, luck=2.0)
    short, leaves, _ = learned(env, config, 20, 3)
    assert short < 0.035 and leaves == 0


# an update

def rollout(policy, seed=0, shape=(8, 4), **changes):
    """Random steps, each an episode, of the policy's own probabilities: advantage = reward."""
    draw = np.random.default_rng(seed)
    data = {"obs": draw.normal(size=(*shape, 2)), "action": draw.normal(size=(*shape, 2)),
            "reward": draw.normal(size=shape), "value": np.zeros(shape),
            "next_value": np.ones(shape), "terminated": np.ones(shape), "done": np.ones(shape)}
    flat = (torch.from_numpy(data[k].reshape(-1, 2)).float() for k in ("obs", "action"))
    data["logp"] = log_prob(policy, *flat).detach().numpy().reshape(shape)
    return data | changes


def updated(data=None, rate=1e-3, **config):
    """Return a policy after one update, the rate, and the terms."""
    config = replace(TeacherConfig(kind="ppo", hidden=16, epochs=4), **config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        policy = ImitationPolicy(2, 2, config)
    optimiser = torch.optim.Adam(policy.parameters(), eps=1e-5)
    noise = torch.Generator().manual_seed(0)
    changes = {} if data is None else data
    return policy, *improve(policy, optimiser, rollout(policy, **changes), config, rate, noise)


def test_the_scale_and_the_offset_of_advantages_do_not_matter():
    reward, gain = np.random.default_rng(1).normal(size=(2, 8, 4))
    one, other = (updated({"reward": reward, "value": reward - g})[0]
                  for g in (gain, 40 * gain + 7))
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(one.mean(x), updated(epochs=0)[0].mean(x), atol=1e-3)
    assert torch.allclose(one.mean(x), other.mean(x), atol=1e-4)


def test_the_value_function_goes_to_the_returns():
    policy, _, _ = updated({"reward": np.full((8, 4), 3.0)}, rate=2e-2, epochs=25,
                           rate_low=2e-2, rate_high=2e-2, minibatches=1)
    data = rollout(policy)
    value = policy.value(torch.from_numpy(data["obs"].reshape(-1, 2)).float())
    assert float((value - 3).abs().mean()) < 0.6


def test_the_rate_falls_where_the_policy_moves_too_far_and_rises_where_it_hardly_moves():
    _, fast, terms = updated(rate=3e-2, kl=1e-4, rate_low=1e-9, rate_high=1.0)
    assert terms["kl"] > 2e-4 and fast < 3e-2 / 1.5**8
    _, slow, terms = updated(rate=1e-7, kl=0.05, rate_low=1e-9, rate_high=1.0)
    assert 0 <= terms["kl"] < 0.025 and slow == pytest.approx(1e-7 * 1.2**16)
    assert updated(rate=1e-7, rate_low=5e-8, rate_high=1.5e-7)[1] == 1.5e-7


def test_divergence_is_that_of_the_old_policy_from_the_new():
    """Its estimate, the mean of r - 1 - log r, is what a rollout with other probabilities says."""
    policy = updated(epochs=0)[0]
    data = rollout(policy)
    _, _, terms = updated({"logp": data["logp"] + 0.5}, rate=0.0, epochs=1, minibatches=1,
                          rate_low=0.0, rate_high=0.0)
    assert terms["kl"] == pytest.approx(np.exp(-0.5) - 1 + 0.5, abs=1e-5)


# a rollout

class Counting:
    """Observes how many steps there were; every third ends by its limit, every fifth by a fall."""

    obs_dim, act_dim, num_envs = 2, 2, 1

    def __init__(self):
        self.count, self.sent = 0, []
        self.obs = self.see(0.0)

    def see(self, value):
        x = np.full((1, 2), value, np.float32)
        return Obs(x, x, np.zeros((1, 0)), np.full((1, 3), np.nan))

    def step(self, action):
        self.sent.append(action.copy())
        self.count += 1
        fell = np.array([self.count % 5 == 0])
        late = np.array([self.count % 3 == 0]) & ~fell
        final = self.see(self.count / 10)
        self.obs = self.see(-1.0) if (fell | late).any() else final
        paid = np.array([float(self.count)])
        return Step(self.obs, paid, fell, late, {"task_return": -paid}, final)


def test_a_rollout_holds_what_was_seen_done_and_paid():
    config = replace(SMALL, rollout=12)
    policy, env = ImitationPolicy(2, 2, config), Counting()
    torch.nn.init.normal_(policy.actor[-1].weight, std=0.5)
    data, last = collect(env, policy, env.obs, config, torch.Generator().manual_seed(0))
    counts = np.arange(1, 13)
    ends = (counts % 3 == 0) | (counts % 5 == 0)
    assert np.array_equal(data["done"][:, 0], ends)
    assert np.array_equal(data["terminated"][:, 0], counts % 5 == 0)
    assert np.array_equal(data["reward"][:, 0], counts)
    assert np.array_equal(data["task"][:, 0], -counts)
    assert np.array_equal(data["action"], np.array(env.sent, np.float32))
    with torch.no_grad():
        seen, done = (torch.from_numpy(data[k][:, 0]) for k in ("obs", "action"))
        assert np.allclose(data["value"][:, 0], policy.value(seen), atol=1e-6)
        assert np.allclose(data["logp"][:, 0], log_prob(policy, seen, done), atol=1e-5)
        after = torch.from_numpy(np.repeat(counts[:, None] / 10, 2, 1).astype(np.float32))
        assert np.allclose(data["next_value"][:, 0], policy.value(after), atol=1e-6)
        spread = (done - policy.mean(seen)) / policy.std()
    assert np.array_equal(data["obs"][1:, 0, 0], np.where(ends, -1, counts / 10)[:-1]
                          .astype(np.float32))
    assert np.array_equal(last.vector, env.obs.vector)
    assert 0.6 < float(spread.std()) < 1.5 and len(np.unique(spread)) == 24


def test_acting_around_another_policy_adds_to_it():
    policy = AroundPolicy(2, 2, SMALL, lambda x: 10 * x)
    torch.nn.init.normal_(policy.actor[-1].weight, std=0.5)
    x = torch.randn(4, 2)
    assert torch.allclose(policy.mean(x), 10 * x + policy.actor(x))
    assert torch.equal(policy.own(x), policy.actor(x))


def test_the_value_function_learns_alone_for_as_long_as_it_is_told(tmp_path):
    class Watched(Ppo):
        moved = ()

        def _quieten(self):
            self.moved += (not torch.equal(self.policy.actor[0].weight, first),)

        def save(self):
            pass

    config = replace(SMALL, epochs=1, steps=5 * 64, critic_steps=2 * 64)
    loop = Watched(Errand(4, 0, 4, 0.4, 0.6), config, Run.create(
        tmp_path, {}, 0, tensorboard=False), 0)
    first = loop.policy.actor[0].weight.detach().clone()
    loop.train("teacher")
    assert loop.moved == (False, False, False, True, True)

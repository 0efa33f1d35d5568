"""A teacher that starts from a trained expert: it repeats it first, and its critic learns first."""

import dataclasses

import numpy as np
import pytest
import torch

from mwx import recipes
from mwx.errors import MwxError
from mwx.experts import teacher
from mwx.experts.expert import load_expert
from mwx.experts.library import shipped_root
from mwx.experts.ppo import ImitationPolicy, improve, log_prob, rated
from mwx.experts.prior import ClipPrior
from mwx.experts.tracking import TrackingEnv
from mwx.motion import generate
from mwx.sim import make


@pytest.fixture(scope="module")
def env():
    config = dataclasses.replace(recipes.expert("walk").tracking, push_interval_s=0.0)
    return TrackingEnv(make("walk", 8, 0), ClipPrior(generate("walk", speed=1.2), 0.5, 1.0),
                       config, 0)


def test_the_policy_comes_to_repeat_the_expert(env, monkeypatch):
    monkeypatch.setattr(teacher, "REPEATS", 4)
    expert = load_expert(shipped_root() / "walk")
    config = dataclasses.replace(recipes.expert("walk").teacher, hidden=64)
    policy = ImitationPolicy(env.obs_dim, env.act_dim, config)

    def error(vector):
        x = torch.from_numpy(vector)
        with torch.no_grad():
            aim = expert.model.mode(expert.model.encode(x)).clamp(-1, 1)
            return float((policy.mean(x) - aim).square().mean())
    before = error(env.obs.vector)
    critic = [p.clone() for p in policy.critic.parameters()]
    obs = teacher.repeat(policy, env, expert, config, 0)
    assert error(obs.vector) < before / 4
    assert all(torch.equal(a, b) for a, b in zip(critic, policy.critic.parameters(), strict=True))
    assert np.array_equal(obs.vector, env.obs.vector)


def test_an_expert_of_another_kind_is_refused(env):
    config = recipes.expert("walk").teacher
    policy = ImitationPolicy(env.obs_dim, env.act_dim, config)
    with pytest.raises(MwxError, match="same kind"):
        teacher.repeat(policy, env, load_expert(shipped_root() / "reach"), config, 0)
    with pytest.raises(MwxError, match="rad"):
        teacher.repeat(policy, env, load_expert(shipped_root() / "crawl"), config, 0)


def rollout_of_noise(shape=(8, 4)):
    """A rollout (T, B, .) of random numbers, 5 features and 3 actions."""
    draw = np.random.default_rng(0)
    return {"obs": draw.normal(size=(*shape, 5)), "action": draw.normal(size=(*shape, 3)),
            **{k: draw.normal(size=shape) for k in ("logp", "value", "next_value", "reward")},
            "terminated": np.zeros(shape), "done": np.zeros(shape)}


def test_the_value_function_may_learn_alone():
    config = dataclasses.replace(recipes.expert("walk").teacher, hidden=16, epochs=2)
    policy = ImitationPolicy(5, 3, config)
    before = {k: v.clone() for k, v in policy.state_dict().items()}
    optimiser = torch.optim.Adam(policy.parameters(), lr=1e-3)
    rate, _ = improve(policy, optimiser, rollout_of_noise(), config, 1e-3,
                      torch.Generator().manual_seed(0), acts=False)
    assert rate == 1e-3
    changed = {k for k, v in policy.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and all(k.startswith("critic") for k in changed)


@pytest.mark.parametrize("critic_rate", [None, 1e-2])
def test_the_value_function_may_have_a_rate_of_its_own(critic_rate):
    config = dataclasses.replace(recipes.expert("walk").teacher, hidden=16, epochs=1, minibatches=1,
                                 critic_rate=critic_rate)
    policy = ImitationPolicy(5, 3, config)
    before = {k: v.clone() for k, v in policy.state_dict().items()}
    optimiser = torch.optim.Adam(rated(policy, config), lr=1.0, eps=1e-12)  # improve sets it
    improve(policy, optimiser, rollout_of_noise(), config, 1e-4, torch.Generator().manual_seed(0))
    step = {k: float((v - before[k]).abs().max()) for k, v in policy.state_dict().items()}
    # Adam's first step is as long as the rate
    assert step["actor.0.weight"] == pytest.approx(1e-4, rel=0.02)
    assert step["critic.0.weight"] == pytest.approx(critic_rate or 1e-4, rel=0.02)


def test_an_anchor_holds_the_policy_to_what_it_acts_around():
    def distance(anchor):
        config = dataclasses.replace(recipes.expert("walk").teacher, hidden=16, anchor=anchor)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            policy = ImitationPolicy(5, 3, config)
        with torch.no_grad():
            policy.actor[-1].bias.fill_(0.5)
        optimiser = torch.optim.Adam(policy.parameters())
        for _ in range(20):
            data, noise = rollout_of_noise(), torch.Generator().manual_seed(0)
            data["logp"] = log_prob(policy, *(torch.from_numpy(data[k]).float()
                                              for k in ("obs", "action"))).detach().numpy()
            improve(policy, optimiser, data, config, 1e-3, noise)
        return float(policy.own(torch.zeros(1, 5)).detach().square().mean())
    assert distance(1.0) < 0.25 * distance(0.0)


def test_the_recipe_of_a_start():
    plain, config = recipes.expert("walk"), recipes.started(recipes.expert("walk"), "there")
    assert config.teacher.start == "there" and config.teacher.assist == 0
    assert config.teacher.steps == plain.teacher.steps // 2
    assert 0 < config.teacher.critic_steps < config.teacher.steps / 8 + 1
    assert dataclasses.replace(config, teacher=plain.teacher) == plain

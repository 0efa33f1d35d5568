"""What a router is taught and where: relabelled rollouts, pools and shares, temperature, ends."""

import dataclasses

import numpy as np
import pytest
import torch
from router_toy import ToyEnv, at_corner, corner_library

from mwx.robot import H1, H1HAND
from mwx.router import (
    GROUPS,
    CompositePolicy,
    Demonstration,
    DistillConfig,
    KeywordRules,
    LossConfig,
    NetworkConfig,
    PriorConfig,
    RoutingNetwork,
    ScriptStage,
    fit_prior,
    irm_loss,
    joint_groups,
    relabel,
    scripted_demonstrations,
    train_router,
)
from mwx.router import train as train_module
from mwx.router.demos import labels_by_action_error, policy_demonstrations
from mwx.router.features import features
from mwx.router.policies import FixedWeights, ScriptedSwitch, restart_carry, start_carry
from mwx.router.states import StatePool, demo_pool, reset_pool, rollout_pool, sample
from mwx.types import Obs

SCRIPT = (ScriptStage("right", at_corner), ScriptStage("up"))
LIBRARY = corner_library()


@pytest.fixture(scope="module")
def demos():
    torch.set_num_threads(1)
    return scripted_demonstrations(ToyEnv(), LIBRARY, SCRIPT, 3, seed=1)


class Rising:
    """A router whose weights are even and whose progress rises by a twentieth a step."""

    experts = LIBRARY.names

    def weights(self, obs, progress):
        return np.full((len(progress), 1, 3), 1 / 3), progress + 0.05


# rollouts and their labels

def test_a_new_episode_starts_the_script_the_progress_and_the_router_anew(demos):
    env = ToyEnv(num_envs=3, max_steps=10)
    script = ScriptedSwitch(LIBRARY, (ScriptStage("right", seconds=0.09), ScriptStage("up")))
    pool = rollout_pool(CompositePolicy(Rising(), LIBRARY), env, fit_prior(demos, 1, PriorConfig()),
                        25, 0, script, floor=0.03)
    made = np.repeat(np.arange(25) % 10, 3)  # control steps of the episode, before this one
    expected = np.where(made[:, None] < 5, [0.98, 0.01, 0.01], [0.01, 0.98, 0.01])
    np.testing.assert_allclose(pool.prior[:, 0], expected)
    np.testing.assert_allclose(pool.before, 0.05 * made)
    progress = pool.progress.reshape(25, 3)
    inside = np.diff(progress, axis=0)[np.arange(24) % 10 != 9]
    assert (inside >= 0).all() and inside.max() > 0
    position = pool.features[:, -2:] + 1  # the toy's task state is the way to (1, 1)
    first = made == 0
    np.testing.assert_allclose(pool.progress[first], np.clip(position[first], 0, 1).sum(1) / 2,
                               atol=1e-6)


def test_demonstrated_states_know_the_progress_of_the_step_before(demos):
    shaken = [dataclasses.replace(d, progress=np.array([0.1, 0.5, 0.3, 0.9] + [1.0] * (len(d) - 4)))
              for d in demos]
    pool = demo_pool(shaken, fit_prior(shaken, 1, PriorConfig()))
    count = len(demos[0])
    assert pool.progress[:4].tolist() == [0.1, 0.5, 0.5, 0.9]  # it never falls
    assert pool.before[:5].tolist() == [0, 0.1, 0.5, 0.5, 0.9]
    assert pool.before[count] == 0  # of the second demonstration


def test_every_reset_is_another_start(demos):
    pool = reset_pool(ToyEnv(num_envs=2), fit_prior(demos, 1, PriorConfig()), 4, 7)
    assert len(pool) == 8 and len(np.unique(pool.features, axis=0)) == 8
    assert (pool.before == 0).all()


@pytest.mark.parametrize(("present", "shares", "counts"), [
    ((1, 1, 1), (0.5, 0.3, 0.2), (50, 30, 20)), ((1, 0, 1), (0.5, 0.3, 0.2), (71, 0, 29)),
    ((1, 1, 1), (1.0, 0.0, 1.0), (50, 0, 50))])
def test_a_batch_has_its_shares(present, shares, counts):
    pools = [StatePool(*(np.full(shape, i, float) for shape in ((9, 2), 9, 9, (9, 1, 3))))
             if there else None for i, there in enumerate(present)]
    batch = sample(pools, shares, 100, np.random.default_rng(0))
    assert tuple(np.bincount(batch.before.astype(int), minlength=3)) == counts
    assert (batch.features[:, 0] == batch.before).all() and (batch.prior[:, 0, 0]
                                                             == batch.progress).all()


# training

def test_a_router_is_distilled_at_its_temperature_and_taught_where_it_goes(demos, monkeypatch):
    seen = []

    def spy(policy, env, prior, steps, seed, script=None, floor=0.0):
        seen.append((float(policy.router.network.temperature), script is not None, floor, seed))
        return rollout_pool(policy, env, prior, steps, seed, script, floor)

    monkeypatch.setattr(train_module, "rollout_pool", spy)
    config = DistillConfig(rounds=3, updates=2, rollout_steps=5, temperature=0.4, num_envs=4)
    guidance = KeywordRules().guide("corner", "go right", LIBRARY.descriptions)
    router = train_router(ToyEnv(), LIBRARY, guidance, demos, config, script=SCRIPT)
    assert float(router.network.temperature) == pytest.approx(0.4)
    assert [(round(t, 6), script, floor) for t, script, floor, _ in seen] == [
        (0.4, True, config.prior.floor)] * 2
    assert len({seed for *_, seed in seen}) == 2
    states = router.provenance["states"]
    assert states["rollouts"] == 2 * 5 * 4  # what was visited before is kept
    assert router.provenance["updates"] == 6
    known = states["demonstrations"] + states["rollouts"]
    assert float(router.network.count) == known  # the normaliser has seen both


def test_temperature_divides_the_logits_and_a_bias_is_added_to_them():
    network = RoutingNetwork(5, 4, 2, NetworkConfig(hidden=(8,)), torch.Generator().manual_seed(0))
    x = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    told = torch.full((4,), 0.25), torch.zeros(6)

    def apart():
        log_pi = network(x, *told)[0]
        return log_pi - log_pi[..., :1]

    with torch.no_grad():
        plain = apart()
        network.temperature.fill_(0.5)
        torch.testing.assert_close(apart(), 2 * plain)
        network.bias.copy_(torch.arange(8.0).view(2, 4) / 10)
        torch.testing.assert_close(apart(), 2 * (plain + torch.arange(4.0) / 10))


@pytest.mark.parametrize("use", [True, False])
def test_progress_is_read_where_it_is_asked_for(use):
    config = NetworkConfig(hidden=(8,), use_progress=use)
    network = RoutingNetwork(5, 4, 1, config, torch.Generator().manual_seed(0))
    x = torch.zeros(1, 5)
    one, other = (network(x, torch.full((4,), 0.25), torch.full((1,), p))[0] for p in (0.0, 1.0))
    assert torch.equal(one, other) != use


def test_a_feature_far_away_says_no_more_than_five_deviations():
    network = RoutingNetwork(5, 4, 1, NetworkConfig(hidden=(8,)), torch.Generator().manual_seed(0))
    told = torch.full((4,), 0.25), torch.zeros(1)
    far, farther, near = (network(torch.full((1, 5), x), *told)[0] for x in (5.1, 500.0, 4.0))
    assert torch.equal(far, farther) and not torch.equal(far, near)


def test_divergences_by_hand_in_both_directions():
    pi, prior = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.2, 0.2, 0.6])
    log_pi, p_demo = pi.log()[None, None], prior[None, None]
    w_v, log = torch.tensor([0.1, 0.8, 0.1]), np.log
    reverse = 0.5 * log(2.5) + 0.25 * log(1.25) + 0.25 * log(0.25 / 0.6)
    forward = 0.2 * log(0.4) + 0.2 * log(0.8) + 0.6 * log(0.6 / 0.25)
    task = {"reverse": 0.5 * log(5) + 0.25 * log(0.25 / 0.8) + 0.25 * log(2.5),
            "forward": 0.1 * log(0.2) + 0.8 * log(3.2) + 0.1 * log(0.4)}
    spread = -(0.5 * log(0.5) + 0.5 * log(0.25))
    for direction, demo in (("reverse", reverse), ("forward", forward)):
        config = LossConfig(lambda0=3.0, half_life=10, beta=0.3, direction=direction)
        terms = irm_loss(log_pi, w_v, p_demo, 10, config)
        assert float(terms["kl_demo"]) == pytest.approx(demo, abs=1e-6)
        assert float(terms["entropy"]) == pytest.approx(spread, abs=1e-6)
        assert float(terms["loss_task"]) == pytest.approx(task[direction] - 0.3 * spread, abs=1e-6)
        assert float(terms["loss"]) == pytest.approx(  # half of lambda_0 after a half-life
            1.5 * (task[direction] - 0.3 * spread) + demo, abs=1e-6)


# P_demo and labels

def shown(labels, progress, task_state, body) -> Demonstration:
    """A made-up demonstration of T steps."""
    steps = len(labels)
    proprio = np.concatenate([body, np.zeros((steps, 51 - body.shape[1]))], 1)
    proprio[:, 3] = 1.0
    return Demonstration("corner", LIBRARY.names, proprio, task_state, np.full((steps, 3), np.nan),
                         np.full((steps, 3), np.nan), progress, np.eye(3)[labels][:, None],
                         np.zeros((steps, 2)), True, "made up")


def test_usage_has_its_pseudo_counts_and_its_floor():
    demo = shown(np.array([0, 0, 0, 1]), np.zeros(4), np.zeros((4, 1)), np.zeros((4, 3)))
    prior = fit_prior([demo], 1, PriorConfig(kind="constant", alpha=2.0, floor=0.0))
    told = prior(np.zeros((1, 1)), np.zeros(1))[0, 0]
    np.testing.assert_allclose(told, np.array([5, 3, 2]) / 10)
    floored = fit_prior([demo], 1, PriorConfig(kind="constant", alpha=2.0, floor=0.3))
    np.testing.assert_allclose(floored(np.zeros((1, 1)), np.zeros(1))[0, 0], 0.7 * told + 0.1)


def test_a_state_is_told_by_its_progress_and_by_one_number_of_the_task_among_many():
    rng, steps = np.random.default_rng(0), 300
    half = (np.arange(steps) >= steps // 2).astype(int)
    body = np.zeros((steps, 3))
    by_progress = fit_prior([shown(half, np.linspace(0, 1, steps), np.zeros((steps, 1)), body)],
                            1, PriorConfig(kind="state"))
    one = features(Obs(np.zeros((1, 1)), np.eye(51)[3:4], np.zeros((1, 1)),
                       np.full((1, 3), np.nan)))
    told = by_progress(np.repeat(one, 2, 0), np.array([0.1, 0.9]))
    assert told[0, 0, 0] > 0.95 and told[1, 0, 1] > 0.95
    noise = rng.normal(size=(steps, 51))
    stage = rng.integers(0, 2, steps)
    demo = shown(stage, np.zeros(steps), stage[:, None].astype(float), noise)
    by_task = fit_prior([demo], 1, PriorConfig(kind="state"))
    others = shown(stage, np.zeros(steps), stage[:, None].astype(float),
                   rng.normal(size=(steps, 51)))
    told = by_task(features(others.obs), np.zeros(steps))
    assert told[np.arange(steps), 0, stage].mean() > 0.9


def test_a_share_falls_by_e_at_the_temperature():
    shares = labels_by_action_error(np.array([[0.2, 0.2]]), np.array([[[0.0, 0], [1, 1]]]),
                                    temperature=0.6)  # mean squares 0.04 and 0.64
    np.testing.assert_allclose(shares[0, 0], [1 / (1 + np.exp(-1)), 1 / (1 + np.e)])


def test_relabelling_lets_the_experts_clocks_run():
    class Clocks(type(LIBRARY)):
        def __call__(self, obs, carry):
            first = np.stack([carry, 0 * carry], -1) / 10
            return np.stack([first, 0 * first, 1 - first], 1), carry + 1

    demo = shown(np.zeros(8, int), np.zeros(8), np.zeros((8, 1)), np.zeros((8, 3)))
    done = np.stack([np.arange(8), np.zeros(8)], -1) / 10  # what the first one does
    experts = Clocks(LIBRARY.names, np.eye(3)[:, :2])
    labels = relabel(dataclasses.replace(demo, actions=done), experts, 1e-4).labels[:, 0]
    assert labels[0, 0] == pytest.approx(0.5) and (labels[1:, 0] > 0.99).all()


# composites

def test_joints_belong_to_the_groups_that_their_names_say():
    for robot in (H1, H1HAND):
        groups = [GROUPS[i] for i in joint_groups(robot.joint_names)]
        for name, group in zip(robot.joint_names, groups, strict=True):
            leg = any(part in name for part in ("hip", "knee", "ankle"))
            side = "left" if name.startswith(("left", "lh")) else "right"
            assert group == ("legs" if leg else "torso" if name == "torso" else f"{side}_arm")


def test_a_composite_hands_its_progress_on_and_stays_within_the_servos():
    loud = dataclasses.replace(LIBRARY, actions=9 * LIBRARY.actions)
    policy, obs = CompositePolicy(Rising(), loud), ToyEnv(num_envs=2).reset(0)
    action, carry = policy(obs, policy.initial(2))
    action, carry = policy(obs, carry)
    assert carry.progress.tolist() == [0.1, 0.1] and list(carry.experts) == [2, 2]
    np.testing.assert_allclose(action, np.clip(loud.actions.mean(0), -1, 1)[None].repeat(2, 0))
    again = policy.restart(carry, np.array([True, False]))
    assert again.progress.tolist() == [0, 0.1] and list(again.experts) == [0, 2]


def test_a_script_counts_its_seconds_in_each_stage_and_from_the_episodes_start():
    script = ScriptedSwitch(LIBRARY, (ScriptStage("right", seconds=0.05),
                                      ScriptStage("up", seconds=0.05), ScriptStage("stay")))
    obs = ToyEnv(num_envs=2).reset(0)
    stage, seconds, told = np.zeros(2, int), np.zeros(2), []
    for _ in range(9):
        stage, seconds = script.advance(obs, stage, seconds)
        told.append(int(stage[0]))
    assert told == [0, 0, 0, 1, 1, 1, 1, 2, 2]
    carry = dataclasses.replace(start_carry(LIBRARY, 2), stage=np.array([1, 1]),
                                stage_s=np.array([0.04, 0.04]))
    carry = restart_carry(LIBRARY, carry, np.array([True, False]))
    assert carry.stage.tolist() == [0, 1] and carry.stage_s.tolist() == [0, 0.04]


# demonstrations

class EndsApart(ToyEnv):
    """Rows that end after 4 and 9 steps, pay 1 a step for ever and always call it a success."""

    def step(self, action):
        step = super().step(action)
        self.made = getattr(self, "made", 0) + 1
        done = self.made >= np.array([4, 9])
        won = {"success": np.array([self.made > 4, self.made == 9])}
        return dataclasses.replace(step, reward=np.ones(2), terminated=done & (self.made <= 9),
                                   truncated=np.zeros(2, bool), terms=won)

    def reset(self, seed=None):
        self.made = 0
        return super().reset(seed)


def test_a_demonstration_ends_with_its_episode():
    env = EndsApart(num_envs=2)
    policy = CompositePolicy(FixedWeights(LIBRARY.names, np.array([0.5, 0.3, 0.2])), LIBRARY)
    one, other = policy_demonstrations(env, policy, LIBRARY.names, 2, 0)
    assert (len(one), one.task_return, one.success) == (4, 4, True)  # the toy's bar is 1.7
    assert (len(other), other.task_return, other.success) == (9, 9, True)
    env.task.success_bar = 5.0
    one, other = policy_demonstrations(env, policy, LIBRARY.names, 2, 0)
    assert (one.success, other.success) == (False, True)
    env.task.success_bar = 100.0  # won by the task's own word, in the last step
    one, other = policy_demonstrations(env, policy, LIBRARY.names, 2, 0)
    assert (one.success, other.success) == (False, True)
    np.testing.assert_allclose(one.labels, np.broadcast_to([0.5, 0.3, 0.2], (4, 1, 3)))

"""Laws of the environment an expert learns in: what it pays, helps with, and when it ends."""

import dataclasses

import numpy as np
import pytest
import torch

from mwx import recipes
from mwx.agents.replay import SequenceBatch
from mwx.agents.world_model import WorldModel
from mwx.experts import expert as expert_module
from mwx.experts.alignment import AlignmentConfig, alignment_reward
from mwx.experts.assist import (
    FORWARD_GAIN,
    LATERAL_GAIN,
    TILT_DAMPING,
    YAW_DAMPING,
    YAW_STIFFNESS,
    assist_wrench,
)
from mwx.experts.expert import Expert, ExpertCarry
from mwx.experts.features import features
from mwx.experts.lqr import LEGS, BalanceController, LqrConfig, balance_gain
from mwx.experts.prior import ClipPrior
from mwx.experts.reweight import JointWeights, ReweightConfig
from mwx.experts.tracking import TrackingEnv
from mwx.experts.train import _mirrored, mirror_of
from mwx.maths import rotations
from mwx.motion import generate
from mwx.robot import H1
from mwx.sim import make
from mwx.types import Obs

PLAIN = recipes.expert("walk").tracking


@pytest.fixture(scope="module")
def walk():
    return generate("walk", speed=1.1)


@pytest.fixture(scope="module")
def stand():
    return generate("stand")


@pytest.fixture
def tracking(walk):
    def build(rows=4, seed=0, **changes):
        config = dataclasses.replace(PLAIN, **{"push_interval_s": 0.0, **changes})
        return TrackingEnv(make("walk", rows, seed), ClipPrior(walk, 0.5, 1.0), config, seed)
    return build


# equation (4) and Fig. 3

def test_both_terms_of_equation_4_weigh_joints():
    draw = np.random.default_rng(0)
    q, qd, q_ref, qd_ref = draw.normal(0, 0.3, (4, 5, 19))
    weights = draw.uniform(0.2, 2, 19)
    c = AlignmentConfig(weight=2.0, position=1.5, velocity=0.1, velocity_share=0.4)
    wanted = [2 * (np.exp(-1.5 * weights @ apart**2) + 0.4 * np.exp(-0.1 * weights @ faster**2))
              for apart, faster in zip(q - q_ref, qd - qd_ref, strict=True)]
    assert np.allclose(alignment_reward(q, qd, q_ref, qd_ref, weights, c), wanted)


def test_the_running_error_moves_its_share_to_the_mean_of_a_batch():
    weights = JointWeights(np.ones(3), ReweightConfig(rate=0.25, exponent=0.5, low=0.1, high=9))
    weights.update(np.array([[1.0, 2, 0], [3, 0, 0]]), np.zeros((2, 3)))
    assert np.allclose(weights.error, 0.75 + 0.25 * np.array([5, 2, 0]))
    root = np.sqrt([2.0, 1.25, 0.75])
    assert np.allclose(weights.weights, root / root.mean())


def test_joints_are_weighed_anew_by_how_they_were_followed(tracking):
    env = tracking(reweight=ReweightConfig(rate=0.3), arm_importance=0.25)
    arms = np.array(["shoulder" in n or "elbow" in n for n in H1.joint_names])
    first = env.joint_weights.weights
    assert np.allclose(first[arms], 0.25 * first[~arms][0]) and np.ptp(first[~arms]) == 0
    error = np.ones(19)
    for _ in range(5):
        target, weights = env.target, env.joint_weights.weights
        step = env.step(np.full((4, 19), 0.3))
        after = step.final_obs.proprio
        paid = alignment_reward(after[:, 7:26], after[:, 32:51], target.q, target.qd, weights,
                                env.config.alignment)
        assert np.allclose(step.terms["alignment_return"], paid)
        error += 0.3 * (((after[:, 7:26] - target.q) ** 2).mean(0) - error)
        assert np.allclose(env.joint_weights.error, error)
    assert np.abs(env.joint_weights.weights - first).max() > 0.02


# a step

def test_a_step_sends_the_residual_and_pays_the_weighed_parts(tracking):
    env = tracking(task_weight=0.7, root_weight=0.4, effort_weight=0.6, residual=0.2)
    sent, plain = [], env.env.step
    env.env.step = lambda action: sent.append(action) or plain(action)
    target, action = env.target, np.random.default_rng(0).uniform(-1.5, 1.5, (4, 19))
    step = env.step(action)
    bounded = np.clip(action, -1, 1)
    assert np.allclose(sent[0], H1.to_action(target.ctrl + 0.2 * bounded))
    root = env._root(step.final_obs.proprio, target)
    assert ((root > 0) & (root <= 1)).all()
    assert np.allclose(step.reward, 0.7 * step.terms["task_return"]
                       + step.terms["alignment_return"] + 0.4 * root
                       - 0.6 * (bounded ** 2).mean(-1))


def test_the_root_term_falls_with_each_way_to_leave_the_reference(tracking):
    env = tracking()
    target = dataclasses.replace(
        env.target, height=np.full(4, 0.95), up=np.tile([0.0, 0, 1], (4, 1)),
        speed=np.full(4, 1.0))
    good = np.zeros((4, 51))
    good[:, 2], good[:, 3], good[:, 26] = 0.95, 1, 1.0
    assert np.allclose(env._root(good, target), 1)
    for column, by, cost in ((2, 0.1, 40 * 0.01), (26, 0.3, 2 * 0.09), (27, -0.3, 2 * 0.09)):
        other = good.copy()
        other[:, column] += by
        assert np.allclose(env._root(other, target), np.exp(-cost))
    for axis, cost in (("y", 10 * (1 - np.cos(0.3))), ("z", 2 * 0.09)):
        other = good.copy()
        other[:, 3:7] = rotations.about(axis, np.array(0.3))
        assert np.allclose(env._root(other, target), np.exp(-cost))
    assert np.allclose(env._root(good, dataclasses.replace(target, away=0.5)), np.exp(-0.75))
    fast = tracking(speed=2.0)
    assert np.allclose(fast._root(good, dataclasses.replace(target, ramp=np.full(4, 0.5))), 1)


def test_each_bound_ends_an_episode(tracking):
    env = tracking(min_height=0.65, max_tilt=0.6, max_heading=0.9)
    target = dataclasses.replace(env.target, up=np.tile([0.0, 0, 1], (4, 1)))
    bodies = np.zeros((4, 51))
    bodies[:, 2], bodies[:, 3] = 0.9, 1
    assert not env._lost(bodies, target).any()
    bodies[1, 2] = 0.64
    bodies[2, 3:7] = rotations.about("x", np.array(np.arccos(0.59)))
    bodies[3, 3:7] = rotations.about("z", np.array(-0.95))
    assert env._lost(bodies, target).tolist() == [False, True, True, True]


def test_who_falls_at_the_time_limit_has_fallen(tracking):
    env = tracking(min_height=2.0, max_steps=9)
    env.age[:] = [8, 8, 0, 8]
    step = env.step(np.zeros((4, 19)))
    assert step.terminated.all() and not step.truncated.any()
    env = tracking(max_steps=9, assist=1.0, reference_starts=1.0)
    env.age[:] = [8, 7, 0, 8]
    step = env.step(np.zeros((4, 19)))
    assert step.truncated.tolist() == [True, False, False, True] and not step.terminated.any()
    assert env.age.tolist() == [0, 8, 1, 0]
    # what follows is another episode, what was seen last is the one that ended
    assert not np.allclose(step.obs.vector[0], step.final_obs.vector[0])
    assert np.array_equal(step.obs.vector[1], step.final_obs.vector[1])


# the assist

def test_the_assist_is_annealed_as_episodes_last(tracking):
    env = tracking(rows=32, max_steps=4, reference_starts=1.0, assist=1.0, assist_decay=0.5,
                   assist_length=0.6)
    strengths = []
    for _ in range(16):
        assert not env.step(np.zeros((32, 19))).terminated.any()
        strengths.append(env.assist)
    # 32 robots end an episode in four steps: 64 episodes in eight at most, and then 64 new ones
    assert strengths[3] == 1.0 and 0.5 in strengths and strengths[-1] == 0.25
    env.assist = 0.019
    for _ in range(8):
        env.step(np.zeros((32, 19)))
    assert env.assist == 0.0
    falling = tracking(rows=32, max_steps=4, min_height=2.0, assist=1.0)
    for _ in range(4):
        falling.step(np.zeros((32, 19)))
    assert falling.assist == 1.0 and len(falling.lengths) == 64


def test_the_assist_pulls_back_whatever_moves_wrongly():
    qpos, still = np.zeros((1, 26)), np.zeros((1, 25))
    qpos[0, 3] = 1

    def pull(qpos=qpos, speed=0.0, **velocity):
        qvel = still.copy()
        for name, value in velocity.items():
            qvel[0, "x y z wx wy wz".split().index(name)] = value
        return np.concatenate(assist_wrench(qpos, qvel, np.array([speed])), -1)[0]

    assert not pull().any()
    assert np.allclose(pull(x=0.5, speed=1.5), [FORWARD_GAIN, 0, 0, 0, 0, 0])
    assert np.allclose(pull(y=0.5), [0, -LATERAL_GAIN / 2, 0, 0, 0, 0])
    assert np.allclose(pull(wx=1.0, wz=1.0), [0, 0, 0, -TILT_DAMPING, 0, -YAW_DAMPING])
    for axis, place, gain in (("x", 3, None), ("y", 4, None), ("z", 5, YAW_STIFFNESS)):
        turned = qpos.copy()
        turned[0, 3:7] = rotations.about(axis, np.array(0.1))
        torque = pull(turned)
        assert torque[place] < -20 and np.allclose(np.delete(torque, place), 0, atol=1e-9)
        assert gain is None or torque[place] == pytest.approx(-0.1 * gain)


# regulators

def test_the_balance_controller_leaves_the_arms_where_they_are_sent(stand):
    gain = balance_gain(stand, LqrConfig())
    assert not gain[LEGS:].any() and (np.abs(gain[:LEGS]).sum(1) > 0).all()
    assert not gain[:, 5].any()
    arms = np.array(["shoulder" in n or "elbow" in n for n in H1.joint_names])
    assert not arms[:LEGS].any()
    controller, prior = BalanceController(stand), ClipPrior(stand)
    proprio = np.concatenate([stand.qpos[:1], np.zeros((1, 25))], -1)
    obs = Obs(proprio, proprio, np.zeros((1, 0)), np.full((1, 3), np.nan))
    target, _ = prior.look(obs, prior.initial(1))
    leaning = proprio.copy()
    leaning[0, 26], leaning[0, 7:26][arms] = 0.3, leaning[0, 7:26][arms] + 0.4
    sent = controller.command(dataclasses.replace(obs, proprio=leaning), target)
    assert np.array_equal(sent[:, LEGS:], target.ctrl[:, LEGS:])
    assert np.abs(sent[:, :LEGS] - target.ctrl[:, :LEGS]).max() > 0.01


# what an expert reads and how it starts anew

def test_features_are_what_their_docstring_says(walk):
    prior = ClipPrior(walk, 0.2, 1.0)
    draw = np.random.default_rng(0)
    p = np.concatenate([draw.normal(0, 0.2, (3, 26)), draw.normal(0, 1, (3, 25))], -1)
    p[:, 2], turn = 0.9, rotations.about("z", np.array([0.3, -0.5, 2.0]))
    p[:, 3:7] = rotations.multiply(turn, rotations.about("y", np.array([0.2, 0.1, -0.3])))
    obs = Obs(p, p, np.zeros((3, 0)), np.full((3, 3), np.nan))
    target, _ = prior.look(obs, dataclasses.replace(prior.initial(3), age_s=np.full(3, 0.48)))
    target = dataclasses.replace(target, heading=np.full(3, 0.1))
    f = features(obs, target)
    yaw = np.array([0.3, -0.5, 2.0])
    assert np.allclose(f[:, 0], -0.5) and np.allclose(f[:, 2], 0, atol=1e-6)
    assert np.allclose(f[:, [1, 3]], np.stack([np.sin([0.2, 0.1, -0.3]),
                                               -np.cos([0.2, 0.1, -0.3])], 1), atol=1e-6)
    ahead = np.cos(yaw) * p[:, 26] + np.sin(yaw) * p[:, 27]
    left = np.cos(yaw) * p[:, 27] - np.sin(yaw) * p[:, 26]
    assert np.allclose(f[:, 4:7], np.stack([ahead, left, p[:, 28]], 1), atol=1e-6)
    assert np.allclose(f[:, 7:10], 0.3 * p[:, 29:32], atol=1e-6)
    assert np.allclose(f[:, 10:29], p[:, 7:26] - H1.home_joints, atol=1e-6)
    assert np.allclose(f[:, 29:48], 0.1 * p[:, 32:51], atol=1e-6)
    assert np.allclose(f[:, 48:50], np.stack([np.sin(yaw - 0.1), np.cos(yaw - 0.1)], 1), atol=1e-6)
    angle = 2 * np.pi * 0.2 / walk.duration_s
    assert np.allclose(f[:, 50:52], [np.sin(angle), np.cos(angle)], atol=1e-6)
    assert np.allclose(f[:, 52], 0.5) and np.allclose(
        f[:, 53], 0.5 * walk.frame(np.array([0.22])).qvel[0, 0], atol=1e-6)


def test_a_restarted_expert_forgets_its_clock_and_its_plan(walk):
    expert = Expert(recipes.expert("walk", "tiny"), walk, None, planned=True)
    first = expert.initial(3)
    later = ExpertCarry(first.prior.where(np.ones(3, bool), dataclasses.replace(
        first.prior, time_s=first.prior.time_s + 2, age_s=first.prior.age_s + 2)),
        torch.ones_like(first.plan))
    after = expert.restart(later, np.array([False, True, False]))
    for name, value in after.prior.arrays().items():
        assert np.array_equal(value[1], first.prior.arrays()[name][1])
        assert np.array_equal(value[[0, 2]], later.prior.arrays()[name][[0, 2]])
    assert not after.plan[1].any() and (after.plan[[0, 2]] == 1).all()


def test_planning_starts_from_the_plan_before(walk, monkeypatch):
    config, env = recipes.expert("walk", "tiny"), make("walk", 2, 0)
    model = WorldModel(54, 19, config.agent.model)
    expert = Expert(config, walk, model.requires_grad_(False), planned=True)
    given, found, plain = [], [], expert_module.plan

    def watched(*args, **options):
        given.append(args[2].clone())
        found.append(plain(*args, **options))
        return found[-1]
    monkeypatch.setattr(expert_module, "plan", watched)
    action, carry = expert(env.obs, expert.initial(2))
    target = expert.phase_aligned(env.obs, expert.initial(2))
    assert np.allclose(action, H1.to_action(
        target.ctrl + config.tracking.residual * found[0].action.numpy()))
    expert(env.step(action).obs, carry)
    assert not given[0].any()
    assert torch.equal(given[1][:, :-1], found[0].mean[:, 1:]) and not given[1][:, -1].any()


def test_mirrored_windows_show_the_mirrored_robot(walk):
    mirror = mirror_of(ClipPrior(walk))
    f, sign, j, turn = mirror
    batch = SequenceBatch(torch.randn(4, 54), torch.randn(3, 4, 54), torch.randn(3, 4, 19),
                          torch.randn(3, 4), torch.zeros(3, 4), torch.ones(3, 4),
                          torch.randn(3, 4, 19), torch.ones(3, 4))
    found = _mirrored(mirror)(batch)
    for name, index, by in (("obs", f, sign), ("next_obs", f, sign), ("action", j, turn),
                            ("advice", j, turn)):
        one, other = getattr(batch, name), getattr(found, name)
        assert torch.equal(other[..., 0::2, :], one[..., 0::2, :])
        assert torch.allclose(other[..., 1::2, :], one[..., 1::2, :][..., index]
                              * torch.from_numpy(by).float())
    assert found.reward is batch.reward

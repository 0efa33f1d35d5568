"""Parts of an expert against closed forms, MuJoCo's kinematics and the mirror."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mwx import recipes
from mwx.experts.alignment import AlignmentConfig, alignment_reward
from mwx.experts.assist import assist_wrench
from mwx.experts.expert import make_prior
from mwx.experts.features import SIZE, features, mirror_map
from mwx.experts.kinematics import Limb, Limbs, facing, heading_rotation, rotation, yaw
from mwx.experts.prior import ClipPrior, LoadPrior, ReachPrior, is_gait
from mwx.experts.reweight import JointWeights, ReweightConfig
from mwx.experts.tracking import TrackingEnv
from mwx.experts.train import load_reference
from mwx.maths import rotations
from mwx.motion import generate
from mwx.motion.reference import mirror_qpos, mirror_qvel
from mwx.robot import H1
from mwx.sim import make
from mwx.types import Obs

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def walk():
    return generate("walk", speed=1.1)


@pytest.fixture(scope="module")
def stand():
    return generate("stand")


def some_obs(rows=6):
    qpos = np.concatenate([RNG.normal(0, 1, (rows, 3)), RNG.normal(0, 1, (rows, 4)),
                           RNG.uniform(H1.low, H1.high, (rows, 19))], -1)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=-1, keepdims=True)
    proprio = np.concatenate([qpos, RNG.normal(0, 1, (rows, 25))], -1)
    none = np.zeros((rows, 0))
    return Obs(proprio, proprio, none, np.full((rows, 3), np.nan))


def mirrored(obs):
    p = np.concatenate([mirror_qpos(obs.proprio[:, :26]), mirror_qvel(obs.proprio[:, 26:])], -1)
    return Obs(p, p, obs.task, obs.target)


# eq. (4)

def test_perfect_alignment_pays_w_times_one_plus_lambda():
    q = RNG.normal(0, 1, (3, 19))
    c = AlignmentConfig(weight=0.5, velocity_share=0.3)
    assert np.allclose(alignment_reward(q, q, q, q, np.ones(19), c), 0.5 * 1.3)


def test_alignment_is_equation_4():
    c = AlignmentConfig(weight=2.0, position=1.5, velocity=0.1, velocity_share=0.4)
    q, qd, weights = np.zeros((1, 19)), np.zeros((1, 19)), np.ones(19)
    q_ref, qd_ref = np.full((1, 19), 0.1), np.full((1, 19), 0.5)
    expected = 2 * (np.exp(-1.5 * 19 * 0.01) + 0.4 * np.exp(-0.1 * 19 * 0.25))
    assert alignment_reward(q, qd, q_ref, qd_ref, weights, c)[0] == pytest.approx(expected)


def test_alignment_falls_with_every_joint_error():
    q = np.zeros((20, 19))
    q[np.arange(19), np.arange(19)] = 0.2
    r = alignment_reward(q, q * 0, q * 0, q * 0, np.ones(19), AlignmentConfig())
    assert (r[:19] < r[19]).all() and (r > 0).all()


# dynamic reweighting

def test_weights_keep_mean_one_stay_bounded_and_follow_the_error():
    weights = JointWeights(np.ones(19), ReweightConfig(rate=0.1))
    q = np.zeros((8, 19))
    q[:, 4] = 1.0
    for _ in range(200):
        weights.update(q, np.zeros((8, 19)))
    w = weights.weights
    assert w.mean() == pytest.approx(1) and w.argmax() == 4
    assert w.max() / w.min() <= 2.0 / 0.5 + 1e-9


def test_exponent_zero_switches_reweighting_off():
    weights = JointWeights(np.arange(1, 20.0), ReweightConfig(exponent=0.0, rate=0.5))
    before = weights.weights
    weights.update(RNG.normal(0, 1, (4, 19)), np.zeros((4, 19)))
    assert np.allclose(weights.weights, before)


# kinematics

@pytest.mark.parametrize("site", ["left_hand", "right_hand", "left_foot", "right_foot", "head"])
def test_limbs_agree_with_mujoco(site):
    model = H1.model()
    data, limb = mujoco.MjData(model), Limb(site)
    for _ in range(5):
        q = RNG.uniform(H1.low, H1.high)
        data.qpos[:] = [*RNG.normal(0, 1, 3), *RNG.normal(0, 1, 4), *q]
        mujoco.mj_normalizeQuat(model, data.qpos)
        mujoco.mj_forward(model, data)
        tip, jacobian = limb.place(q[None])
        world = data.qpos[:3] + rotation(data.qpos[3:7]) @ tip[0]
        assert np.allclose(world, data.site(site).xpos, atol=1e-7)
        moved = np.stack([limb.place((q + 1e-6 * np.eye(19)[j])[None])[0][0] for j in limb.joints])
        assert np.allclose((moved - tip[0]).T / 1e-6, jacobian[0], atol=1e-5)


def test_heading_is_the_yaw():
    quat = np.array([[np.cos(0.4), 0, 0, np.sin(0.4)]])
    assert yaw(quat)[0] == pytest.approx(0.8)
    assert np.allclose(heading_rotation(quat), rotation(quat))


# priors and features

def test_a_gait_is_told_from_a_pose(walk, stand):
    assert is_gait(walk) and not is_gait(stand)


def test_the_clock_follows_the_reference(walk):
    prior, obs = ClipPrior(walk, start_s=0.2), some_obs(2)
    carry = prior.initial(2)
    for k in range(1, 60):
        target, carry = prior.look(obs, carry)
        assert np.allclose(target.q[0], walk.frame(0.2 + 0.02 * k).qpos[7:])
    assert target.ramp[0] == 1


def test_the_ramp_starts_at_home(walk):
    prior = ClipPrior(walk, ramp_s=0.4)
    target, _ = prior.look(some_obs(1), prior.initial(1))
    assert np.abs(target.q[0] - H1.home_joints).max() < 0.06


def test_halfway_in_a_motion_is_half_the_motion(walk):
    prior, obs = ClipPrior(walk, start_s=0.3, ramp_s=1.0), some_obs(1)
    half, _ = prior.look(obs, dataclasses.replace(prior.initial(1), age_s=np.full(1, 0.48)))
    whole, after = prior.look(obs, dataclasses.replace(prior.initial(1), age_s=np.full(1, 5.0)))
    home = H1.home_joints
    assert np.allclose(half.ramp, 0.5) and np.allclose(whole.ramp, 1)
    assert np.allclose(half.q, (home + whole.q) / 2) and np.allclose(half.qd, whole.qd / 2)
    assert np.allclose(half.ctrl, (home + whole.ctrl) / 2)
    assert np.allclose(half.speed, whole.speed / 2) and whole.speed[0] > 0.5
    assert np.allclose(half.height, (H1.home_qpos[2] + whole.height) / 2)
    assert np.allclose(whole.ctrl, walk.command(np.array([0.31])))
    assert np.allclose(whole.qd, walk.frame(np.array([0.32])).qvel[:, 6:])
    assert np.allclose([after.time_s, after.age_s], [[0.32], [5.02]])


def test_a_commanded_arm_leads_the_measured_one_by_little(stand):
    prior = ReachPrior(stand)
    proprio = np.concatenate([stand.qpos[:1], np.zeros((1, 25))], -1)
    target = np.array([[0.4, 0.3, 1.3]])
    obs, carry = Obs(proprio, proprio, np.zeros((1, 0)), target), prior.initial(1)
    ahead = []
    for _ in range(60):  # held by somebody: it does not move
        wanted, carry = prior.look(obs, carry)
        ahead.append(np.abs(wanted.ctrl[0, prior.arm] - stand.qpos[0, 7:][prior.arm]).max())
    assert np.max(ahead) == pytest.approx(0.2) and np.diff(ahead).max() < 0.06


@pytest.mark.parametrize("motion", ["walk", "stand"])
def test_features_of_the_mirror_are_the_mirrored_features(motion, walk, stand):
    reference = {"walk": walk, "stand": stand}[motion]
    prior, obs = ClipPrior(reference), some_obs()
    index, sign = mirror_map(prior)
    carry = prior.initial(6)
    half = reference.duration_s / 2 if motion == "walk" else 0.0
    later = ClipPrior(reference, start_s=half).initial(6)
    one = features(obs, prior.look(obs, carry)[0])
    other = features(mirrored(obs), prior.look(obs, later)[0])
    assert one.shape == (6, SIZE)
    kept = np.arange(SIZE) != SIZE - 1  # the reference's speed is sampled
    assert np.allclose((sign * one[:, index])[:, kept], other[:, kept], atol=1e-5)


def test_a_load_is_seen_from_the_pelvis_and_mirrors(walk):
    prior, obs = LoadPrior(walk), some_obs()
    turn = rotation(obs.proprio[:, 3:7])
    shift = np.array([0.1, -0.05, 0.02])
    target = obs.proprio[:, :3] + np.einsum("bij,j->bi", turn, prior.place + shift)
    obs = Obs(obs.vector, obs.proprio, obs.task, target)
    carry = prior.initial(6)
    seen = prior.look(obs, carry)[0]
    assert np.allclose(seen.extra, 5 * shift)
    there = mirrored(obs)
    there = Obs(there.vector, there.proprio, there.task, target * [1, -1, 1])
    index, sign = mirror_map(prior)
    other = features(there, prior.look(there, carry)[0])
    assert np.allclose((sign * features(obs, seen)[:, index])[:, SIZE:], other[:, SIZE:], atol=1e-5)
    nothing = Obs(obs.vector, obs.proprio, obs.task, np.full((6, 3), np.nan))
    assert not prior.look(nothing, carry)[0].extra.any()


def test_a_bound_aside_ends_an_episode_and_lowers_the_root_term(walk):
    config = dataclasses.replace(recipes.expert("walk").tracking, max_aside=0.5)
    env = TrackingEnv(make("walk", 2, 0), ClipPrior(walk), config, 0)
    free = TrackingEnv(make("walk", 2, 0), ClipPrior(walk),
                       dataclasses.replace(config, max_aside=None), 0)
    proprio = np.tile(env.obs.proprio[:1], (2, 1))
    proprio[:, 1] = [0.49, -0.51]
    assert list(env._lost(proprio, env.target)) == [False, True]
    assert not free._lost(proprio, free.target).any()
    ratio = env._root(proprio, env.target) / free._root(proprio, env.target)
    np.testing.assert_allclose(ratio, np.exp(-(proprio[:, 1] / 0.5) ** 2))


def test_features_ignore_where_the_robot_is(walk):
    prior, obs = ClipPrior(walk), some_obs()
    moved = obs.proprio.copy()
    moved[:, :2] += 5
    other = Obs(moved, moved, obs.task, obs.target)
    carry = prior.initial(6)
    assert np.array_equal(features(obs, prior.look(obs, carry)[0]),
                          features(other, prior.look(other, carry)[0]))


def test_reaching_takes_the_hand_to_the_target(stand):
    prior, limb = ReachPrior(stand), Limb("left_hand")
    q = np.tile(stand.qpos[0, 7:], (3, 1))
    base = np.array([0.0, 0, 1, 1, 0, 0, 0])
    targets = np.array([[0.4, 0.3, 1.3], [0.3, 0.5, 1.0], [0.1, 0.6, 1.4]])
    carry = prior.initial(3)
    for _ in range(150):
        proprio = np.concatenate([np.tile(base, (3, 1)), q, np.zeros((3, 25))], -1)
        target, carry = prior.look(Obs(proprio, proprio, np.zeros((3, 0)), targets), carry)
        q = np.clip(q + np.clip(target.ctrl - q, -0.05, 0.05), H1.low, H1.high)
    hand = base[:3] + limb.place(q)[0]
    assert np.linalg.norm(hand - targets, axis=-1).max() < 0.03
    assert (target.ctrl >= H1.low).all() and (target.ctrl <= H1.high).all()


def test_without_a_target_the_arm_rests(stand):
    prior, obs = ReachPrior(stand), some_obs(2)
    q = np.tile(stand.qpos[0, 7:], (2, 1))
    proprio = np.concatenate([np.tile([0.0, 0, 1, 1, 0, 0, 0], (2, 1)), q, np.zeros((2, 25))], -1)
    obs = Obs(proprio, proprio, obs.task, obs.target)
    carry = prior.initial(2)
    for _ in range(200):
        target, carry = prior.look(obs, carry)
    index = prior.arm
    assert np.allclose(target.ctrl[:, index], np.clip(stand.ctrl[0, index], -9, 9), atol=0.03)
    assert np.isfinite(features(obs, target)).all()


def test_limbs_that_share_the_waist_are_one_chain() -> None:
    both, one = Limbs(("left_hand", "right_hand")), Limb("left_hand")
    q = np.random.default_rng(3).uniform(H1.low, H1.high, (4, 19))
    places, jacobian = both.place(q)
    place, alone = one.place(q)
    assert len(both.joints) == 9 and np.array_equal(places[:, 0], place)
    columns = [both.joints.tolist().index(joint) for joint in one.joints]
    assert np.array_equal(jacobian[:, :3, columns], alone)
    assert not np.delete(jacobian[:, :3], columns, axis=2).any()
    nudge = np.zeros(19)
    nudge[H1.joint("torso")] = 1e-6
    moved = (both.place(q + nudge)[0] - places).reshape(4, -1) / 1e-6
    assert np.allclose(moved, jacobian[:, :, both.joints.tolist().index(H1.joint("torso"))],
                       atol=1e-5)


def test_two_hands_go_to_their_points_or_to_both_sides_of_one() -> None:
    env = make("reach_two_hands", num_envs=3, seed=0, threads=1)
    prior, obs = ReachPrior(generate("stand"), ("left_hand", "right_hand")), env.reset(0)
    target, _ = prior.look(obs, prior.initial(3))
    assert target.extra.shape == (3, prior.extra_dim) and prior.extra_dim == 15
    one = dataclasses.replace(obs, right_target=np.full((3, 3), np.nan))
    wanted = prior._wanted(one)
    assert np.allclose(wanted[:, 0] - wanted[:, 1], [0, 0.24, 0])
    middle = np.einsum("bji,bj->bi", rotation(obs.proprio[:, 3:7]),
                       obs.target - obs.proprio[:, :3])
    assert np.allclose(wanted.mean(1), middle)


@pytest.mark.parametrize("skill", sorted(recipes.SKILLS))
def test_the_assist_is_nothing_on_the_reference_and_rights_what_leans(skill: str) -> None:
    config = recipes.expert(skill, "tiny")
    prior = make_prior(config, load_reference(config))
    carry = dataclasses.replace(prior.initial(1), time_s=np.full(1, 0.4), age_s=np.full(1, 9.0))
    frame = prior.reference.frame(carry.time_s + 0.02)
    obs = some_obs(1)
    target, _ = prior.look(obs, carry)
    still = np.zeros((1, 25))
    still[:, :3] = [[float(target.speed[0]), 0, 0]]
    qpos = frame.qpos.copy()
    qpos[:, 3:7] = level(qpos[:, 3:7], target.prone)
    force, torque = assist_wrench(qpos, still, target.speed, target.up, target.prone)
    assert np.allclose(force, 0) and np.allclose(torque, 0, atol=1e-6)
    turn = rotations.about("y", np.array(0.2))
    leaning = qpos.copy()
    leaning[:, 3:7] = rotations.multiply(turn, qpos[:, 3:7])
    pull = assist_wrench(leaning, still, target.speed, target.up, target.prone)[1]
    assert pull[0, 1] < -100  # back about y


def level(quat: np.ndarray, prone: bool) -> np.ndarray:
    """Without the heading."""
    half = -yaw(facing(quat, prone)) / 2
    zero = np.zeros_like(half)
    return rotations.multiply(np.stack([np.cos(half), zero, zero, np.sin(half)], -1), quat)

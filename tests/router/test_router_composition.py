"""Composition: convex, per group, smooth, with hysteresis; policies and their carries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from router_toy import ConstantLibrary, ToyEnv, corner_library

from mwx.errors import MwxError
from mwx.robot import H1
from mwx.router import (
    GROUPS,
    CompositePolicy,
    ScriptedSwitch,
    ScriptStage,
    compose,
    fixed_mix,
    joint_groups,
    single_expert,
    uniform_mix,
)
from mwx.router.composition import smoothed, top_choice
from mwx.types import Obs, Policy

H1_GROUPS = joint_groups(H1.joint_names)


def draw(seed, groups, batch=3, experts=4, size=H1.act_dim):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(experts, 0.5), (batch, groups))
    return weights, rng.uniform(-1, 1, (batch, experts, size))


@given(seed=st.integers(0, 10**6), groups=st.sampled_from([1, len(GROUPS)]))
@settings(max_examples=40, deadline=None)
def test_a_mix_stays_within_what_is_proposed(seed, groups):
    weights, proposals = draw(seed, groups)
    action = compose(weights, proposals, H1_GROUPS)
    assert (action <= proposals.max(1) + 1e-12).all()
    assert (action >= proposals.min(1) - 1e-12).all()


def test_equation_nine_term_by_term():
    weights, proposals = draw(0, 1)
    expected = sum(weights[:, 0, i, None] * proposals[:, i] for i in range(4))
    np.testing.assert_allclose(compose(weights[:, 0], proposals), expected, atol=1e-15)
    np.testing.assert_allclose(compose(weights, proposals), expected, atol=1e-15)


def test_groups_weigh_their_own_joints_only():
    weights, proposals = draw(1, len(GROUPS))
    action = compose(weights, proposals, H1_GROUPS)
    for g in range(len(GROUPS)):
        mine = H1_GROUPS == g
        np.testing.assert_allclose(action[:, mine],
                                   compose(weights[:, g], proposals)[:, mine], atol=1e-15)
    assert [int((H1_GROUPS == g).sum()) for g in range(4)] == [10, 1, 4, 4]


def test_equal_groups_are_the_scalar_mix():
    weights, proposals = draw(2, 1)
    np.testing.assert_allclose(compose(np.repeat(weights, 4, 1), proposals, H1_GROUPS),
                               compose(weights, proposals), atol=1e-15)


def test_wrong_shapes_are_refused():
    weights, proposals = draw(3, 4)
    for bad in ((weights[:, :, :3], proposals, H1_GROUPS), (weights[:2], proposals, H1_GROUPS),
                (weights, proposals, None), (weights, proposals, H1_GROUPS[:5])):
        with pytest.raises(ValueError):
            compose(*bad)


def test_smoothing_is_convex_and_skips_the_first_step():
    old, new = draw(4, 2)[0], draw(5, 2)[0]
    started = np.array([True, False, True])
    mixed = smoothed(old, new, started, 0.02, 0.1)
    np.testing.assert_allclose(mixed.sum(-1), 1)
    np.testing.assert_allclose(mixed[1], new[1], atol=1e-15)
    np.testing.assert_allclose(mixed[0], old[0] + (1 - np.exp(-0.2)) * (new[0] - old[0]))
    np.testing.assert_allclose(smoothed(old, new, started, 0.02, 0.0), new, atol=1e-15)


def test_the_top_expert_stays_until_clearly_beaten():
    held = np.array([[[1.0, 0, 0]]])
    yes = np.array([True])
    for lead, winner in ((0.05, 0), (0.2, 1)):
        weights = np.array([[[0.4, 0.4 + lead, 0.2 - lead]]])
        assert top_choice(held, weights, yes, 0.1)[0, 0].argmax() == winner
        assert top_choice(held, weights, ~yes, 0.1)[0, 0].argmax() == 1


def test_fixed_policies_do_what_their_names_say():
    library, obs = corner_library(), ToyEnv().reset(0)
    for name, action in zip(library.names, library.actions, strict=True):
        policy = single_expert(library, name)
        np.testing.assert_allclose(policy(obs, policy.initial(4))[0], np.tile(action, (4, 1)))
    mix = uniform_mix(library)
    np.testing.assert_allclose(mix(obs, mix.initial(4))[0][0], library.actions.mean(0))
    assert isinstance(mix, Policy)


def test_rows_do_not_see_each_other_and_restart_alone():
    library, env = corner_library(), ToyEnv(num_envs=3)
    policy = fixed_mix(library, np.array([0.2, 0.3, 0.5]))
    obs, carry = env.reset(0), policy.initial(3)
    _, carry = policy(obs, carry)
    rows = np.array([False, True, False])
    carry = policy.restart(carry, rows)
    assert list(carry.experts) == [1, 0, 1] and list(carry.started) == [True, False, True]
    np.testing.assert_allclose(carry.weights[1], 1 / 3)
    assert carry.shares.shape == (3, 3)
    one = policy(obs.rows(np.array([1])), policy.initial(1))[0]
    np.testing.assert_array_equal(policy(obs, carry)[0][1:2], one)


def test_a_script_moves_on_and_never_back():
    library = corner_library()
    policy = ScriptedSwitch(library, (ScriptStage("right", lambda o: o.task[:, 0] > 0),
                                      ScriptStage("up")))
    carry = policy.initial(2)
    for xs, leaders in (((-1, -1), (0, 0)), ((1, -1), (1, 0)), ((-1, 1), (1, 1))):
        task = np.array([[x, 0.0] for x in xs])
        _, carry = policy(Obs(np.zeros((2, 1)), np.zeros((2, 51)), task, np.zeros((2, 3))), carry)
        assert tuple(carry.shares.argmax(1)) == leaders
    assert list(policy.restart(carry, np.array([True, False])).stage) == [0, 1]
    with pytest.raises(MwxError, match="unknown expert in a script 'left'"):
        ScriptedSwitch(library, (ScriptStage("left"),))
    with pytest.raises(MwxError, match="H1's actions"):
        ScriptedSwitch(library, (ScriptStage(("right",) * 4),))


def test_a_script_can_give_each_joint_group_its_expert():
    actions = np.stack([np.full(19, -1.0), np.full(19, 1.0)])
    library = ConstantLibrary(("walk", "reach"), actions)
    policy = ScriptedSwitch(library, (ScriptStage(("walk", "walk", "reach", "walk"),
                                                  lambda o: o.task[:, 0] > 0),
                                      ScriptStage("reach")))
    obs = Obs(np.zeros((1, 1)), np.zeros((1, 51)), np.array([[-1.0]]), np.zeros((1, 3)))
    action, carry = policy(obs, policy.initial(1))
    np.testing.assert_array_equal(action[0] > 0, H1_GROUPS == GROUPS.index("left_arm"))
    obs = Obs(obs.vector, obs.proprio, np.array([[1.0]]), obs.target)
    action, carry = policy(obs, carry)
    assert (action == 1).all() and carry.weights.shape == (1, 4, 2)


def test_an_unknown_mode_is_named():
    library = corner_library()
    with pytest.raises(MwxError, match="unknown composition mode 'top'"):
        CompositePolicy(uniform_mix(library).router, library, mode="top")  # pyright: ignore[reportArgumentType]

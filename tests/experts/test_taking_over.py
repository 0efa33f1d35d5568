"""Taking over from another skill: where episodes start, and a teacher around a trained expert."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mwx import recipes
from mwx.errors import MwxError
from mwx.experts import handover
from mwx.experts.expert import load_expert, make_prior
from mwx.experts.handover import states_of
from mwx.experts.library import shipped_root
from mwx.experts.ppo import AroundPolicy, policy_of
from mwx.experts.teacher import base_of
from mwx.experts.tracking import TrackingEnv
from mwx.sim import make

STAND = shipped_root() / "stand"


@pytest.fixture(scope="module", autouse=True)
def short():
    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    patch.setattr(handover, "ROWS", 4)
    patch.setattr(handover, "STEPS", 120)
    yield
    patch.undo()


@pytest.fixture
def env():
    config = recipes.expert("stand_stop")
    expert = load_expert(STAND)
    tracking = replace(config.tracking, taken_over_starts=0.5, reference_starts=0.0,
                       push_interval_s=0.0)
    return TrackingEnv(make("stand", 32, 0, 1), make_prior(config, expert.prior.reference),
                       tracking, 0)


def test_states_are_those_of_a_walk_and_repeat():
    qpos, qvel = states_of("walk", 0)
    assert qpos.shape == (4 * 60, 26) and qvel.shape == (4 * 60, 25)
    assert (qpos[:, :2] == 0).all() and (qpos[:, 2] > 0.85).all()
    assert qvel[:8, 0].max() < 0.5 and 0.9 < qvel[-40:, 0].mean() < 1.5  # from rest to a walk
    again = states_of("walk", 0)
    assert np.array_equal(qpos, again[0]) and np.array_equal(qvel, again[1])


def test_a_share_of_episodes_starts_there(env):
    assert env.found is not None
    proprio = env.obs.proprio
    found = {tuple(row) for row in env.found[0].round(9)}
    there = np.array([tuple(row[:26].round(9)) in found for row in proprio])
    assert 6 <= there.sum() <= 26
    assert np.abs(proprio[~there, 26]).max() < 0.05  # the others are at rest
    first, second = env.reset(0).vector.copy(), env.reset(0).vector
    assert np.array_equal(first, second)


def test_a_teacher_around_an_expert_starts_as_that_expert(env):
    config = replace(recipes.expert("stand_stop").teacher, start=str(STAND), hidden=16)
    policy = policy_of(env.obs_dim, 19, config, base=base_of(config, env))
    assert isinstance(policy, AroundPolicy)
    expert, x = load_expert(STAND), torch.from_numpy(env.obs.vector)
    with torch.no_grad():
        own = expert.model.mode(expert.model.encode(x)).clamp(-1, 1)
        torch.nn.init.zeros_(policy.actor[-1].weight)
        reach = env.config.residual * policy.mean(x)
    assert torch.allclose(reach, expert.config.tracking.residual * own, atol=1e-6)
    assert not any(k.startswith("base") for k in policy.state_dict())


def test_what_is_missing_is_told(env):
    config = recipes.expert("stand_stop").teacher
    with pytest.raises(MwxError, match="--start pretrained/stand"):
        base_of(config, env)
    with pytest.raises(MwxError, match="same kind"):
        base_of(replace(config, start=str(shipped_root() / "reach")), env)
    started = recipes.started(recipes.expert("stand_stop"), "there")
    assert started.teacher == replace(config, start="there")

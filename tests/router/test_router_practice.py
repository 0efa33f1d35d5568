"""The adaptation's teacher: what it is shown and paid, when an episode is cut, continuation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mwx.baselines.adaptation import adaptation
from mwx.errors import MwxError
from mwx.experts import load_library
from mwx.experts.config import TeacherConfig
from mwx.experts.ppo import ImitationPolicy, Ppo
from mwx.router.adapt import adapt, play
from mwx.router.adapt_config import AdaptConfig
from mwx.router.adapt_env import AdaptEnv
from mwx.router.adapted import Adapted, AdaptedCarry, load_adapted
from mwx.router.mixture import Mixture
from mwx.router.policies import single_expert
from mwx.router.practice import (
    LIMIT,
    LYING_STEPS,
    PAID,
    Features,
    PracticeEnv,
    Teacher,
    load_teacher,
)
from mwx.runs import Run, read_json
from mwx.sim import make
from mwx.types import Obs, Step

SMALL = TeacherConfig(kind="ppo", steps=96, num_envs=2, rollout=16, hidden=16)


@pytest.fixture(scope="module")
def library():
    torch.set_num_threads(1)
    return load_library(names=("stand", "walk", "reach"))


@pytest.fixture
def practice(library):
    def build(task="door", who="stand", rows=3, steps=40, **changes):
        config = replace(AdaptConfig(task=f"h1-{task}"), **changes)
        mixture = Mixture(single_expert(library, who), library, config)
        world = AdaptEnv(make(task, rows, 0, 1), mixture, 0)
        return PracticeEnv(world, steps, 0.9, 0)
    return build


def test_features_are_deviations_and_freeze():
    rng, features = np.random.default_rng(0), Features(3)
    rows = rng.normal([1, -2, 5], [0.5, 3, 1], (30_000, 3)).astype(np.float32)
    for part in np.split(rows, 30):
        features.see(part)
    seen = features(rows)
    assert np.abs(seen.mean(0)).max() < 0.03 and np.abs(seen.std(0) - 1).max() < 0.03
    assert np.abs(features(np.full((1, 3), 1e6))).max() == LIMIT
    features.see(rows + 100)
    assert np.array_equal(features(rows), seen)


def test_episodes_are_cut_at_different_times_and_a_cut_is_no_end(practice):
    env = practice(rows=8, steps=40)
    assert len(set(env.age.tolist())) > 3
    cut_at = np.zeros(8, int)
    for t in range(1, 41):
        before = env.env.env.step_count.copy()
        step = env.step(np.zeros((8, 19)))
        assert not step.terminated.any()  # Stand stands
        cut_at[step.truncated] = t
        assert (env.env.env.step_count == np.where(step.truncated, 0, before + 1)).all()
        assert not (env.env.carry.started & step.truncated).any()
    assert (cut_at > 0).all() and len(set(cut_at.tolist())) > 3


def test_who_lies_is_cut_a_second_later_where_the_task_pays_on(practice):
    env = practice("truck", steps=10_000)
    env.age[:] = 0
    task = env.env.env
    qpos = task.physics.robot_qpos.copy()[:1]
    qpos[0, 2], qpos[0, 3:7] = 0.3, [0.7071, 0, 0.7071, 0]
    task.set_robot_state(np.array([0]), qpos, np.zeros((1, 25)))
    env.env._look(task.observe())
    cuts = np.array([env.step(np.zeros((3, 19))).truncated for _ in range(LYING_STEPS)])
    assert cuts[:, 0].tolist() == [False] * (LYING_STEPS - 1) + [True]
    assert not cuts[:, 1:].any()
    assert env.obs.proprio[0, 2] > 0.9 and env.lying[0] == 0


class Scripted:
    """Three environments that end, pay and show what a test says; keeps the rows that were cut."""

    num_envs, act_dim, obs_dim, max_steps = 3, 1, 2, 1_000

    def __init__(self):
        self.ends = {"terminated": np.zeros(3, bool), "truncated": np.zeros(3, bool)}
        self.cuts, self.rng = [], np.random.default_rng(0)

    def reset(self, seed=None):
        vector = self.rng.normal(3, 2, (3, 2)).astype(np.float32)
        return Obs(vector, np.ones((3, 51)), np.zeros((3, 0)), np.full((3, 3), np.nan))

    def step(self, action):
        self.final, self.paid = self.reset(), self.rng.normal(2, 1, 3)
        return Step(self.reset(), self.paid, terms={"task_return": self.paid},
                    final_obs=self.final, **self.ends)

    def cut(self, rows):
        self.cuts.append(rows.tolist())
        return self.reset()


def test_a_fall_at_the_time_of_a_cut_is_a_fall_and_only_own_cuts_start_anew():
    world = Scripted()
    env = PracticeEnv(world, 10, 0.9, 0)
    env.age[:] = 9  # all are due
    world.ends = {"terminated": np.array([True, False, False]),
                  "truncated": np.array([False, True, False])}
    step = env.step(np.zeros((3, 1)))
    assert step.terminated.tolist() == [True, False, False]
    assert step.truncated.tolist() == [False, True, True]
    assert world.cuts == [[False, False, True]] and not env.age.any()


def test_every_step_is_seen_by_the_features_and_every_episode_has_its_own_return():
    world = Scripted()
    env, seen, paid, totals = PracticeEnv(world, 1_000, 0.5, 0), [], np.zeros(3), []
    for t in range(40):
        world.ends["terminated"] = np.array([t % 7 == 6, False, False])
        step = env.step(np.zeros((3, 1)))
        seen.append(world.final.vector)
        rows = np.concatenate(seen)
        assert np.allclose(step.final_obs.vector, np.clip(
            (world.final.vector - rows.mean(0)) / rows.std(0), -LIMIT, LIMIT), atol=1e-3)
        paid = 0.5 * paid + world.paid
        totals.append(paid.copy())
        paid[step.done] = 0
        assert np.allclose(step.reward, world.paid / max(np.std(totals), 0.02), atol=1e-5)


def test_a_restarted_policy_forgets_its_plan_and_nobody_elses():
    class Mixed:
        act_dim = 1

        def restart(self, carry, rows):
            return np.where(rows, 0, carry)

    carry = AdaptedCarry(np.arange(1, 4), torch.ones(3, 2, 1))
    after = Adapted(Mixed(), None, 0, planned=True).restart(carry, np.array([False, True, False]))
    assert after.composite.tolist() == [1, 0, 3]
    assert after.plan[:, :, 0].tolist() == [[1, 1], [0, 0], [1, 1]]


def test_returns_have_unit_deviation_and_a_bonus_does_not_drown_the_rest(practice):
    env, rng = practice(rows=64), np.random.default_rng(0)
    done, totals, total = np.zeros(64, bool), [], np.zeros(64)
    for _ in range(600):
        paid = env._scaled(rng.normal(3, 20, 64), done)
        total = 0.9 * total + paid
        totals.append(total.copy())
    assert np.std(totals[100:]) == pytest.approx(1, abs=0.1)
    assert env._scaled(np.full(64, 1e6), done).max() == PAID


def test_a_saved_state_continues_bit_for_bit(practice):
    env, other, rng = practice(), practice(), np.random.default_rng(1)
    actions = rng.uniform(-0.3, 0.3, (40, 3, 19))
    for action in actions[:20]:
        env.step(action)
    other.set_state(env.get_state())
    for action in actions[20:]:
        one, two = env.step(action), other.step(action)
        assert np.array_equal(one.obs.vector, two.obs.vector)
        assert np.array_equal(one.reward, two.reward)
        assert np.array_equal(one.truncated, two.truncated)


def test_a_teacher_acts_on_what_it_was_trained_on(practice):
    env = practice()
    for _ in range(5):
        env.step(np.zeros((3, 19)))
    policy = ImitationPolicy(env.obs_dim, 19, SMALL)
    torch.nn.init.normal_(policy.actor[-1].weight, std=0.1)
    teacher = Teacher(policy, env.features)
    raw = env.env._look(env.env.env.observe())
    expected = policy.advise(env.obs)
    assert np.abs(expected).max() > 0.01
    assert np.array_equal(teacher.advise(raw), expected)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    config = adaptation("door", "tiny")
    return replace(config, teacher=SMALL, practice_steps=20), tmp_path_factory.mktemp("taught")


def test_a_taught_adaptation_says_so_and_resumes_bit_for_bit(taught):
    """Interrupted inside its teacher's training, a run ends as one that was left alone."""
    config, root = taught
    torch.set_num_threads(1)
    folder = adapt(config, root / "whole", compare=False)
    card = read_json(folder / "card.json")
    assert (card["teacher"], card["teacher_steps"]) == ("ppo", 96)
    assert list(card["compared"]) == ["its teacher"]
    assert read_json(folder / "adapt.json")["step"] >= 96  # of the schedule, the teacher's first
    choice = card["chosen_by"]
    better = "teacher" if choice["teacher"] > choice["planning"] else "planning"
    policy = load_adapted(folder, planned=better == "planning")
    assert card["acts_by"] == better and isinstance(policy.model, Teacher) == (better == "teacher")
    again = play(policy, config, 2, 1)
    assert again.task_return == pytest.approx(card["returns"], abs=1e-6)

    def stop(self):
        save(self)
        if self.step >= 32:
            raise KeyboardInterrupt
    save, Ppo.save = Ppo.save, stop
    often = replace(config.agent, loop=replace(config.agent.loop, checkpoint_minutes=0.0))
    try:
        with pytest.raises(KeyboardInterrupt):
            adapt(replace(config, agent=often), root / "half")
    finally:
        Ppo.save = save
    adapt(config, root / "half", resume=True, compare=False)
    whole, half = (load_teacher(root / name / "teacher.safetensors", config)
                   for name in ("whole", "half"))
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, half.policy.state_dict()[name]), name
    one, two = (Run(root / name).restore()[1] for name in ("whole", "half"))
    assert all(np.array_equal(v, two[k], equal_nan=True) for k, v in one.items())


def test_a_recipe_with_a_teacher_is_quiet_and_its_schedule_longer():
    config = adaptation("door", "cpu", teacher_steps=200_000, steps=50_000)
    assert config.taught_steps == 200_000 and config.steps == 250_000
    assert config.teacher.std <= 0.15 and config.teacher.critic_steps > 0
    assert adaptation("door", "cpu").taught_steps == 0
    with pytest.raises(MwxError, match="at least one rollout"):
        adaptation("door", "cpu", teacher_steps=100)
    with pytest.raises(MwxError, match="variant 'scratch' has none"):
        adaptation("door", "cpu", "scratch", teacher_steps=200_000)

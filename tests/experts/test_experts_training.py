"""Training an expert: aids that can be switched off, exact continuation, cards that hold."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from mwx import config as configs
from mwx import recipes
from mwx.agents.loop import Loop
from mwx.errors import MwxError
from mwx.evaluation import evaluate, load_policy
from mwx.evaluation.run_sources import WITHOUT, method_of
from mwx.experts import load_expert, load_library, ppo, train
from mwx.experts.config import TeacherConfig, TrackingConfig
from mwx.experts.expert import make_prior
from mwx.experts.ppo import ImitationPolicy, Ppo, advantages, log_prob
from mwx.experts.prior import ClipPrior
from mwx.experts.teacher import regulator_advisor
from mwx.experts.tracking import TrackingEnv
from mwx.experts.train import load_reference, mirror_of, train_expert
from mwx.interrupts import Interrupts
from mwx.motion import generate
from mwx.runs import Run, read_json
from mwx.sim import make


def tracking(skill="walk", rows=4, seed=0, **changes):
    config = recipes.expert(skill, "tiny")
    prior = make_prior(config, load_reference(config))
    return TrackingEnv(make(config.task, rows, seed, 1), prior,
                       replace(config.tracking, **changes), seed)


@pytest.mark.parametrize("skill", ["walk", "reach"])
def test_a_saved_state_continues_bit_for_bit(skill):
    one, other = tracking(skill, assist=0.5), tracking(skill, seed=9)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (60, 4, 19)).astype(np.float32)
    for a in actions[:30]:
        one.step(a)
    other.set_state(one.get_state())
    for a in actions[30:]:
        x, y = one.step(a), other.step(a)
        assert np.array_equal(x.obs.vector, y.obs.vector)
        assert np.array_equal(x.reward, y.reward) and np.array_equal(x.done, y.done)


def test_the_reward_is_the_sum_of_its_parts():
    env = tracking(root_weight=0.0, effort_weight=0.0)
    for _ in range(5):
        step = env.step(np.zeros((4, 19)))
        parts = step.terms["task_return"] + step.terms["alignment_return"]
        assert np.allclose(step.reward, parts)


def test_the_assist_holds_the_robot_up_and_can_be_switched_off():
    def falls(strength):
        env = tracking(reference_starts=1.0, assist=strength, assist_length=2.0)
        return sum(env.step(np.zeros((4, 19))).terminated.sum() for _ in range(150))
    assert falls(1.0) == 0 < falls(0.0)


def test_reference_starts_can_be_switched_off():
    env = tracking(reference_starts=0.0)
    assert np.allclose(env.obs.proprio[:, 2], 0.98, atol=0.02)
    assert (env.carry.time_s == env.prior.initial(4).time_s).all()


def test_lost_robots_terminate_and_time_limits_truncate():
    env = tracking(max_steps=6, reference_starts=1.0, assist=1.0)
    ends = [env.step(np.zeros((4, 19))) for _ in range(6)]
    assert np.any([s.truncated for s in ends]) and not np.any([s.terminated for s in ends])
    env = tracking(min_height=2.0)
    assert env.step(np.zeros((4, 19))).terminated.all()


def test_the_balance_controller_stands():
    reference = generate("stand")
    env = TrackingEnv(make("stand", 3, 0, 1), ClipPrior(reference, ramp_s=0.4),
                      TrackingConfig(reference_starts=0.0, max_steps=400), 0)
    advise = regulator_advisor(env, reference)
    env.age[:] = 0
    total = np.zeros(3)
    for _ in range(300):
        step = env.step(advise(env.obs))
        total += step.terms["task_return"]
        assert not step.terminated.any()
    assert total.min() > 0.93 * 300


@pytest.mark.slow  # no recipe uses it
def test_the_gait_controller_walks_from_the_benchmarks_start():
    reference = generate("walk", speed=1.15)
    env = TrackingEnv(make("walk", 2, 3, 1), ClipPrior(reference, start_s=0.5, ramp_s=3.0),
                      TrackingConfig(reference_starts=0.0, max_steps=500, residual=0.5), 3)
    advise = regulator_advisor(env, reference)
    env.age[:] = 0
    for _ in range(400):
        step = env.step(advise(env.obs))
        assert not step.terminated.any()
    assert step.final_obs.proprio[:, 0].min() > 4.0


def test_generalised_advantages_with_lambda_one_are_returns_minus_values():
    reward, value = np.ones((3, 1)), np.full((3, 1), 0.5)
    none = np.zeros((3, 1))
    gain = advantages(reward, value, np.full((3, 1), 0.5), none, none, 0.5, 1.0)
    assert gain[0, 0] == pytest.approx(1 + 0.5 + 0.25 + 0.125 * 0.5 - 0.5)


def test_the_teacher_is_symmetric():
    config = recipes.expert("walk", "tiny")
    mirror = mirror_of(make_prior(config, load_reference(config)))
    policy = ImitationPolicy(54, 19, config.teacher, mirror)
    f, sign, j, turn = mirror
    x = torch.randn(5, 54)
    other = x[:, f] * torch.from_numpy(sign).float()
    assert torch.allclose(policy.mean(other), policy.mean(x)[:, j] * torch.from_numpy(turn).float(),
                          atol=1e-6)
    assert torch.allclose(policy.value(other), policy.value(x), atol=1e-6)
    assert torch.isfinite(log_prob(policy, x, policy.mean(x))).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "stand"
    return train_expert(recipes.expert("stand", "tiny"), path)


def test_the_card_is_reproduced_by_the_command_that_it_names(trained):
    card = read_json(trained / "card.json")
    score = evaluate(load_policy(trained), "stand", 10, 1, threads=1)
    assert card["evaluation"] == (f"mwx evaluate {trained.parent} --task stand --episodes 10 "
                                  "--seed 1")
    # 32-bit sums in another order (threads, the processor's library) part a little
    assert score.task_return == pytest.approx(card["returns"], rel=1e-5)
    assert score.mean() == pytest.approx(card["scores"]["task_return_mean"], rel=1e-5)
    assert score.mean("alignment_return") > 0


def test_planning_acts_too(trained):
    score = evaluate(load_expert(trained, planned=True), "stand", 2, 1, max_steps=5, threads=1)
    assert np.isfinite(score.mean()) and score.length == (5, 5)


def test_an_expert_resumes_bit_for_bit(tmp_path):
    """Cut short before its reference was there, then after a checkpoint, a run ends as one that
    was left alone; what is logged is logged once."""
    config = recipes.expert("stand", "tiny")
    train_expert(config, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "load_reference", lambda config: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="nothing to resume"):
            train_expert(config, tmp_path / "half")
    assert not (tmp_path / "half" / "reference.npz").exists()
    often = replace(config.agent.loop, checkpoint_minutes=0.0)
    stopped = replace(config, agent=replace(config.agent, loop=often))
    with pytest.raises(KeyboardInterrupt, match=r"step 48.*--resume"):
        _interrupted(stopped, tmp_path / "half", at=48)
    train_expert(stopped, tmp_path / "half", resume=True)
    assert names_logged(tmp_path / "half") == names_logged(tmp_path / "whole")
    step, arrays, _ = Run(tmp_path / "whole").restore()
    again, others, _ = Run(tmp_path / "half").restore()
    assert step == again and arrays.keys() == others.keys()
    for name, value in arrays.items():
        assert np.array_equal(value, others[name], equal_nan=True), name


def names_logged(path):
    """Return what was logged when, each once."""
    logged = [(row["step"], name) for row in Run(path).metrics() for name in row
              if name != "step" and not name.startswith("time")]
    assert len(logged) == len(set(logged))
    return logged


def _interrupted(config, path, at, kind=Loop):
    def stop(self):
        save(self)
        if self.step >= at:
            raise KeyboardInterrupt
    save, kind.save = kind.save, stop
    try:
        train_expert(config, path, resume=path.exists())
    finally:
        kind.save = save


def test_a_teacher_resumes_bit_for_bit(tmp_path):
    """Told to stop in its teacher's training, an expert's run ends as one that was left alone."""
    config = recipes.expert("run", "tiny")
    train_expert(config, tmp_path / "whole")
    improve = ppo.improve

    def told(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGTERM)
        return improve(*args, **kwargs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ppo, "LOGGED", 1)
        with patch.context() as inner:
            inner.setattr(ppo, "improve", told)
            with Interrupts(), pytest.raises(KeyboardInterrupt, match="the teacher's step 128"):
                train_expert(config, tmp_path / "half")
        assert not (tmp_path / "half" / "teacher.safetensors").exists()
        with open(tmp_path / "half" / "teacher" / "metrics.jsonl", "a") as file:
            file.write('{"step": 256, "teacher/kl": 1}\n')  # as if killed at the step after
        train_expert(config, tmp_path / "half", resume=True)
    assert names_logged(tmp_path / "half" / "teacher")[-1][0] == 256
    for name in ("teacher.safetensors", "expert/weights.safetensors"):
        assert (tmp_path / "half" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_may_end_early(tmp_path):
    """What is behind is exported, with the card telling how many steps that were."""
    config = recipes.expert("stand", "tiny")
    often = replace(config, agent=replace(config.agent, loop=replace(
        config.agent.loop, checkpoint_minutes=0.0, evaluate_every=40)))
    with pytest.raises(KeyboardInterrupt):
        _interrupted(often, tmp_path / "run", at=40)
    folder = train_expert(often, tmp_path / "run", resume=True, steps=1)
    assert 40 <= read_json(folder / "card.json")["steps"] < config.agent.loop.steps
    assert load_expert(folder).config.skill == "stand"


def test_a_run_in_use_is_not_written_over(trained):
    with pytest.raises(MwxError, match="--resume"):
        train_expert(recipes.expert("stand", "tiny"), trained.parent)


@pytest.mark.parametrize(("skill", "recipe", "hint"), [("wlak", "cpu", "walk"),
                                                       ("walk", "papre", "paper")])
def test_unknown_names_get_the_nearest(skill, recipe, hint):
    with pytest.raises(MwxError, match=hint):
        recipes.expert(skill, recipe)


def test_without_imitation_the_task_alone_is_paid_and_nothing_of_the_motion_is_left():
    config = recipes.expert("walk", "tiny", imitation=False)
    reference = load_reference(config)
    env = TrackingEnv(make("walk", 4, 0, 1), make_prior(config, reference), config.tracking, 0)
    action = np.random.default_rng(0).uniform(-1, 1, (4, 19))
    step = env.step(action)
    assert np.array_equal(step.reward, step.terms["task_return"])
    assert np.ptp(reference.ctrl, axis=0).max() == 0 and not env.target.phase[:, 0].any()
    assert method_of(configs.to_dict(config)) == WITHOUT
    with pytest.raises(MwxError, match="stand, walk, run"):
        recipes.expert("crawl", "tiny", imitation=False)


def test_scheduled_noise_goes_from_first_to_last(tmp_path):
    teacher = TeacherConfig(kind="ppo", steps=512, num_envs=4, rollout=32, hidden=16, std=0.4,
                            std_last=0.1, assist=0.0)
    env = TrackingEnv(make("stand", 4, 0, 1), ClipPrior(generate("stand")), TrackingConfig(), 0)
    seen = []

    class Watched(Ppo):
        def save(self):
            seen.append(float(self.policy.std().detach().mean()))

        def _quieten(self):
            super()._quieten()
            seen.append(float(self.policy.std().detach().mean()))

    Watched(env, teacher, Run.create(tmp_path, {}, 0, tensorboard=False), 0).train("teacher")
    wanted = 0.4 * 0.25 ** (np.arange(4) * 128 / 512)
    np.testing.assert_allclose(seen[:4], wanted, rtol=1e-6)


def test_damaged_and_missing_experts_are_explained(trained, tmp_path):
    with pytest.raises(MwxError, match="not an expert"):
        load_expert(tmp_path)
    for name in ("config.json", "reference.npz", "weights.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    (tmp_path / "weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(MwxError, match="no file of weights"):
        load_expert(tmp_path)
    with pytest.raises(MwxError, match="no such folder"):
        load_library(tmp_path / "nowhere")


def test_every_recipe_is_a_value_that_survives_json():
    from mwx.config import from_dict, to_dict
    from mwx.experts.config import ExpertConfig
    for skill in recipes.SKILLS:
        for recipe in recipes.AGENTS:
            config = recipes.expert(skill, recipe)
            assert from_dict(ExpertConfig, to_dict(config)) == config

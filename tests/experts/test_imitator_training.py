"""Training the imitator: laws of its environment, resume bit for bit, files, the command."""

import dataclasses
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from mwx.commands.imitator import gathered
from mwx.errors import MwxError
from mwx.experts import ppo
from mwx.experts.imitator import train
from mwx.experts.imitator.bank import Bank, prepare
from mwx.experts.imitator.config import ImitatorConfig, JudgeConfig
from mwx.experts.imitator.env import ImitatorEnv
from mwx.experts.imitator.policy import Imitator, features_size, load_imitator, shipped
from mwx.experts.imitator.regulator import RegulatorConfig, Track
from mwx.experts.ppo import ImitationPolicy
from mwx.motion import Reference, generate
from mwx.robot import H1
from mwx.runs import read_json
from mwx.types import Env

TINY = ImitatorConfig(max_steps=12, assist=0.0, regulator=RegulatorConfig(rounds=1, strides=1))
TINY = dataclasses.replace(TINY, checkpoint_s=0.0, ppo=dataclasses.replace(
    TINY.ppo, num_envs=4, rollout=6, hidden=16, epochs=2, minibatches=2, steps=72))


@pytest.fixture(scope="module")
def standing() -> Reference:
    stand = generate("stand")
    few = {n: getattr(stand, n)[:4] for n in ("qpos", "qvel", "ctrl", "contact")}
    return dataclasses.replace(stand, **few)


def servoed(reference: Reference, push: float) -> Track:
    return Track(reference.qpos, reference.qvel, reference.ctrl + push,
                 np.zeros((reference.num_frames, 19, 50)), 0.0, reference.loop, reference.advance)


@pytest.fixture
def env(standing: Reference) -> ImitatorEnv:
    good = prepare("good", standing)
    bad = dataclasses.replace(good, name="bad", track=servoed(standing, 0.8))
    clips = [good, bad]
    return ImitatorEnv(Bank(clips), 8, dataclasses.replace(TINY, max_steps=40))


def test_features_and_protocol(env: ImitatorEnv) -> None:
    assert isinstance(env, Env)
    assert env.obs_dim == features_size() and env.obs.vector.dtype == np.float32
    assert np.isfinite(env.obs.vector).all() and env.obs.vector.std(0).max() > 0


def test_the_clip_that_is_lost_is_drawn_more(env: ImitatorEnv) -> None:
    for _ in range(120):
        step = env.step(np.zeros((8, 19)))
        assert np.isfinite(step.reward).all() and (step.reward <= 1).all()
        assert not (step.terminated & step.truncated).any()
    assert env.failure[1] > env.failure[0]
    drawn = []
    for _ in range(40):
        env._start(np.arange(8))
        drawn.append(env.followers.clip.copy())
    assert np.mean(drawn) > 0.55


def test_following_pays_one_and_less_for_each_way_off(env: ImitatorEnv) -> None:
    f, c, still = env.followers, env.config, np.zeros((8, 19))
    f.place(np.arange(8), f.clip, f.frame, np.zeros((8, 25)), np.zeros((8, 25)))
    exact = f.wanted = f.bank.look(f.clip, f.frame)
    f.distance = np.zeros(8)
    assert np.allclose(env._reward(still), 1)
    assert np.allclose(env._reward(still + 0.5), 1 - c.effort / 4)
    f.distance = np.full(8, 0.25)
    assert np.allclose(env._reward(still), 0.3 * np.exp(-c.position / 16) + 0.4 / 2 + 0.3)
    f.distance, off = np.zeros(8), np.zeros(26)
    off[7:] = 0.2
    f.wanted = dataclasses.replace(exact, qpos=exact.qpos + off)
    assert np.allclose(env._reward(still), 0.8 + 0.2 * np.exp(-c.joints * 19 * 0.04))
    f.wanted = dataclasses.replace(exact, qvel=exact.qvel + 2.0)
    assert np.allclose(env._reward(still), 0.9 + 0.1 * np.exp(-c.speed * 19 * 4))


def test_state_continues_bit_for_bit(env: ImitatorEnv) -> None:
    action = 0.2 * np.random.default_rng(0).normal(size=(60, 8, 19))
    for a in action[:20]:
        env.step(a)
    state = env.get_state()
    first = [env.step(a).obs.vector for a in action[20:]]
    env.set_state(state)
    again = [env.step(a).obs.vector for a in action[20:]]
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    policy = load_imitator(folder).policy
    assert policy is not None
    return policy.state_dict()


def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(
        standing: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "JudgeConfig", lambda: JudgeConfig(starts=2, seconds=0.4))
    given, seldom = {"stand": standing}, dataclasses.replace(TINY, checkpoint_s=99.0)
    whole = train.train_imitator(given, TINY, tmp_path / "whole")
    improve, calls = ppo.improve, []

    def stopping(*args, **options):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)  # it ends this rollout and writes a checkpoint
        return improve(*args, **options)

    monkeypatch.setattr(ppo, "improve", stopping)
    with pytest.raises(KeyboardInterrupt, match=r"step 48.*--resume"):
        train.train_imitator(given, seldom, tmp_path / "cut")
    monkeypatch.setattr(ppo, "improve", improve)
    with pytest.raises(MwxError, match="--resume"):
        train.train_imitator(given, TINY, tmp_path / "cut")
    cut = train.train_imitator({}, TINY, tmp_path / "cut", resume=True)
    first, second = weights(whole), weights(cut)
    assert all(torch.equal(first[k], second[k]) for k in first)
    card = read_json(cut / "card.json")
    assert set(card["clips"]["stand"]) == {"imitator", "feed_forward"}
    assert card["clips"]["stand"]["feed_forward"]["success"] is True


def test_the_assist_leaves_only_the_clip_that_goes_well(standing: Reference) -> None:
    good = prepare("good", standing)
    bad = dataclasses.replace(good, name="bad", track=servoed(standing, 0.8))
    config = dataclasses.replace(TINY, assist=0.1, assist_decay=0.5, assist_failure=1.0,
                                 max_steps=25)
    env = ImitatorEnv(Bank([good, bad]), 8, config)
    assert (env.assist == 0.1).all()
    for _ in range(80):
        env.step(np.zeros((8, 19)))
    assert env.assist[0] == 0.0 and env.assist[1] > env.assist[0]
    again = ImitatorEnv(Bank([good, bad]), 8, config)
    again.set_state(env.get_state())
    assert np.array_equal(again.assist, env.assist)


def test_an_imitator_survives_its_files(tmp_path: Path) -> None:
    policy = ImitationPolicy(features_size(), H1.act_dim, TINY.ppo)
    Imitator(TINY, policy).save(tmp_path)
    loaded = load_imitator(tmp_path)
    x = np.random.default_rng(0).normal(size=(3, features_size())).astype(np.float32)
    assert loaded.config == TINY and loaded.name == "imitator"
    assert np.allclose(loaded.act(x), Imitator(TINY, policy).act(x), atol=1e-3)
    (tmp_path / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(MwxError, match="no file of weights"):
        load_imitator(tmp_path)
    with pytest.raises(MwxError, match="motion imitate"):
        load_imitator(tmp_path / "none")
    assert shipped().name in ("imitator", "regulator")


def test_references_come_from_files_and_none_is_a_mistake(standing: Reference, tmp_path: Path
                                                          ) -> None:
    file = standing.save(tmp_path / "a.npz")
    assert list(gathered((file,))) == ["a"]
    with pytest.raises(MwxError, match="given before"):
        gathered((file, file))
    with pytest.raises(MwxError, match="no reference"):
        gathered(())

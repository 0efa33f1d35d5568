"""The loop: it learns, it resumes bit for bit, a kill costs no more than the last interval."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mwx import recipes
from mwx.agents.loop import Loop
from mwx.agents.state import join_state, split_state
from mwx.errors import MwxError
from mwx.runs import Run

sys.path.insert(0, str(Path(__file__).parent))
from point_mass import PointMass


def config(steps, **loop):
    agent = recipes.tiny_agent()
    learner = replace(agent.learner, batch=64, rate=2e-3, discount=0.9, entropy_target=-1.0)
    values = {"steps": steps, "seed_steps": 64, "updates_per_step": 1 / 8, "log_every": 400,
              "capacity": 8_000, "advised_steps": 0, "checkpoint_minutes": 99.0, **loop}
    return replace(agent, learner=learner, loop=replace(agent.loop, num_envs=8, **values))


def build(path, steps, seed=0, env=None, evaluate=None, **loop):
    run = Run(path) if (path / "config.json").exists() else \
        Run.create(path, {}, seed, tensorboard=False)
    run._tensorboard = False
    return Loop(env or PointMass(), config(steps, **loop), run, seed, evaluate=evaluate)


def play(model, episodes=32):
    env = PointMass(episodes)
    obs, total = env.reset(7), np.zeros(episodes)
    for _ in range(25):
        with torch.no_grad():
            action = model.pi(model.encode(torch.from_numpy(obs.vector)))[2].numpy()
        step = env.step(action)
        total += step.reward
        obs = step.obs
    return total.mean()


def test_it_must_learn_the_point_mass(tmp_path):
    torch.set_num_threads(1)
    loop = build(tmp_path / "a", 8_000)
    before = play(loop.learner.model)
    after = play(loop.train())
    assert after > 20 > before, (before, after)  # 25 is the most; a still mass scores about 15


@pytest.mark.parametrize("planned", [False, True])
def test_train_four_is_train_two_and_resume_two(tmp_path, planned):
    torch.set_num_threads(1)
    whole = build(tmp_path / "whole", 640, planned=planned)
    half = build(tmp_path / "half", 320, planned=planned)
    half.learner.total_updates = whole.learner.total_updates  # one schedule of the learning rate
    whole.train()
    half.train()
    rest = build(tmp_path / "half", 640, planned=planned)
    rest.train(resume=True)
    for name, value in whole.learner.get_state()[0].items():
        assert np.array_equal(value, rest.learner.get_state()[0][name]), name
    for name, value in whole.replay.held().items():
        assert np.array_equal(value, rest.replay.held()[name]), name


def test_a_damaged_checkpoint_is_explained(tmp_path):
    loop = build(tmp_path / "a", 80)
    loop.train()
    file = next((tmp_path / "a" / "checkpoints").glob("*/arrays.safetensors"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(MwxError, match="damaged"):
        build(tmp_path / "a", 160).train(resume=True)


def test_nothing_to_resume_is_explained(tmp_path):
    with pytest.raises(MwxError, match="no checkpoint"):
        build(tmp_path / "a", 80).train(resume=True)


def test_nested_state_survives_the_split():
    state = {"a": {"b": np.arange(3), "c": [1, {"d": 2}]}, "e": "x"}
    arrays, values = split_state(state)
    joined = join_state(arrays, json.loads(json.dumps(values)))
    assert np.array_equal(joined["a"]["b"], state["a"]["b"]) and joined["a"]["c"] == [1, {"d": 2}]

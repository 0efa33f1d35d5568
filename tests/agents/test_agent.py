"""The world model alone on a task, through the same door as everything that acts."""

import numpy as np
import pytest
import torch

from mwx import cli, recipes
from mwx.agents.agent import Agent, TaskAgentConfig, load_agent
from mwx.baselines.world_model import task_agent, train_agent
from mwx.errors import MwxError
from mwx.evaluation import load_policy
from mwx.runs import read_json
from mwx.sim import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "agent"
    return train_agent(task_agent("stand", recipes.agent("tiny")), path)


def test_a_trained_agent_acts_like_the_one_that_was_scored(folder):
    card = read_json(folder / "card.json")
    assert card["task"] == "h1-stand" and card["steps"] == 160
    assert card["acts_by"] == "policy prior"
    from mwx.evaluation import evaluate
    score = evaluate(load_policy(folder.parent), "stand", 10, 1, threads=1)
    # 32-bit sums in another order (threads, the processor's library) differ by 1e-9 here
    assert score.mean() == pytest.approx(card["scores"]["task_return_mean"], rel=1e-5)


@pytest.mark.parametrize("planned", [False, True])
def test_it_is_a_policy_whose_rows_are_independent(folder, planned):
    agent = load_agent(folder, planned)
    env = make("stand", num_envs=3, threads=1)
    many, carry = agent(env.obs, agent.initial(3))
    assert many.shape == (3, 19) and (np.abs(many) <= 1).all()
    again, _ = agent(env.obs, agent.initial(3))
    np.testing.assert_array_equal(many, again)
    alone, _ = agent(env.obs.rows(np.array([0])), agent.initial(1))
    np.testing.assert_allclose(alone[0], many[0], atol=1e-5)
    rows = np.array([True, False, False])
    assert (agent.restart(carry, rows)[0] == 0).all()


def test_a_run_is_not_overwritten_and_a_wrong_folder_is_explained(folder, tmp_path):
    with pytest.raises(MwxError, match="--resume"):
        train_agent(task_agent("stand", recipes.agent("tiny")), folder.parent)
    with pytest.raises(MwxError, match="did you mean 'tdmpc2'"):
        recipes.agent("tdmpc")
    (tmp_path / "agent.json").write_bytes((folder / "agent.json").read_bytes())
    with pytest.raises(MwxError, match=r"weights\.safetensors: no such file"):
        load_agent(tmp_path)


def test_an_agent_of_another_task_is_explained(folder, capsys):
    assert cli.main(["evaluate", str(folder), "--task", "door", "--episodes", "1"]) == 2
    assert "51 numbers" in capsys.readouterr().err


def test_the_baseline_has_the_published_constants():
    agent = recipes.agent("tdmpc2")
    model, learner, planner = agent.model, agent.learner, agent.planner
    assert (model.latent_dim, model.hidden_dim, model.encoder_dim, model.num_q) == (512, 512, 256,
                                                                                    5)
    assert (model.simnorm_dim, model.value.bins, model.value.low, model.value.high) == (8, 101,
                                                                                        -10, 10)
    assert (learner.batch, learner.horizon, learner.rate, learner.encoder_rate_scale) == (
        256, 3, 3e-4, 0.3)
    assert (learner.consistency, learner.reward, learner.value, learner.rho) == (20, 0.1, 0.1, 0.5)
    assert (learner.target_rate, learner.entropy, learner.advice) == (0.01, 1e-4, 0)
    assert (planner.samples, planner.elites, planner.policy_samples, planner.iterations) == (
        512, 64, 24, 6)
    assert (1 / planner.temperature, planner.std_min, planner.std_max) == (0.5, 0.05, 2.0)
    assert planner.q_members == 2
    assert agent.loop.planned and agent.loop.updates_per_step == 1


def test_a_plan_is_forgotten_where_an_episode_starts():
    agent = Agent(TaskAgentConfig("h1-stand", 5, 2), None, planned=True)
    carry = torch.ones_like(agent.initial(3))
    after = agent.restart(carry, np.array([False, True, False]))
    assert not agent.initial(3).any() and not after[1].any() and (after[[0, 2]] == 1).all()

"""Table II: who fell has not succeeded, and earns nothing more though the environment pays on."""

from types import SimpleNamespace

import numpy as np
import pytest

from mwx.evaluation.trials import FALLEN, Trials, play_trials
from mwx.types import Obs, Step


class Paying:
    """A stand-in of TaskEnv that pays 1 a step for ever; pelvis heights are given (T, E)."""

    def __init__(self, heights, ends=None, task="walk", bar=900.0):
        self.heights = np.asarray(heights, float)
        self.max_steps, self.num_envs = self.heights.shape
        self.name = f"h1-{task}"
        self.ends = np.zeros(self.heights.shape, bool) if ends is None else np.asarray(ends)
        self.task = SimpleNamespace(name=task, success_bar=bar, max_steps=1000)
        self.physics, self.made = SimpleNamespace(base_height=self.heights[0]), 0

    def reset(self, seed):
        return self._obs()

    def _obs(self):
        return Obs(*np.zeros((4, self.num_envs, 3)))

    def step(self, action):
        self.physics.base_height, ends = self.heights[self.made], self.ends[self.made]
        self.made += 1
        return Step(self._obs(), np.ones(self.num_envs), ends, np.zeros_like(ends), {},
                    self._obs())


class Still:
    act_dim = 19

    def initial(self, num_envs):
        return None

    def __call__(self, obs, carry):
        return np.zeros((len(obs.proprio), 19)), None


def test_success_needs_the_return_and_no_fall():
    trials = Trials(30.0, 100.0, np.array([np.nan, np.nan, 3.0, 29.9]),
                    np.array([100.0, 99.9, 5000.0, 101.0]))
    assert trials.succeeded.tolist() == [True, False, False, False]
    card = trials.to_json()
    assert (card["trials"], card["no_fall"], card["success"]) == (4, 2, 1)
    assert card["fell_at_s"] == [3.0, 29.9]


def test_a_trial_earns_up_to_its_fall_and_falls_once():
    heights = np.full((10, 3), 0.98)
    heights[3, 0] = FALLEN - 0.01  # it rises again at once, and falls again
    heights[7, 0] = heights[9, 2] = 0.1
    played = play_trials(Still(), Paying(heights))
    assert played.fell_at.tolist() == pytest.approx([0.08, np.nan, 0.2], nan_ok=True)
    assert played.task_return.tolist() == [4, 10, 10]
    assert played.bar == pytest.approx(900 * 10 / 1000)
    assert played.succeeded.tolist() == [False, True, False] and played.seconds == 0.2


def test_the_tasks_own_end_is_a_fall_and_a_low_pelvis_only_where_one_stands():
    low = np.full((4, 2), FALLEN - 0.05)
    ends = np.zeros((4, 2), bool)
    ends[1, 0] = True
    sitting = play_trials(Still(), Paying(low, ends, task="sit_simple"))
    assert sitting.task_return.tolist() == [2, 4] and sitting.stood.tolist() == [False, True]
    assert not play_trials(Still(), Paying(low, task="stand")).stood.any()


def test_play_stops_when_all_have_fallen():
    heights = np.full((9, 2), 0.98)
    heights[2:, 0], heights[4:, 1] = 0.3, 0.3
    env = Paying(heights)
    play_trials(Still(), env)
    assert env.made == 5

"""Episodes: what is summed ends with the episode, row by row, though the environment goes on."""

import numpy as np
import pytest

from mwx.sim.rollout import rollout
from mwx.types import Obs, Step


def obs(rows: int) -> Obs:
    return Obs(*np.zeros((4, rows, 3)))


class EndsApart:
    """Row i pays 10^i a step for ever; its first episode ends after `ends[i]` steps.

    The one that is named falls, the others meet the time limit; what follows ends every step.
    """

    def __init__(self, ends: tuple[int, ...], falls: int):
        self.ends, self.num_envs, self.act_dim, self.max_steps = ends, len(ends), 1, max(ends) + 5
        self.falls, self.actions = falls, []

    def reset(self, seed: int) -> Obs:
        self.made = 0
        return obs(self.num_envs)

    def step(self, action: np.ndarray) -> Step:
        self.made += 1
        self.actions.append(action[:, 0].copy())
        done = self.made >= np.array(self.ends)
        falls = (np.arange(self.num_envs) == self.falls) | (self.made > np.array(self.ends))
        return Step(obs(self.num_envs), 10.0 ** np.arange(self.num_envs), done & falls,
                    done & ~falls, {"ones": np.ones(self.num_envs)}, obs(self.num_envs))


class Counts:
    """Acts by the number of steps that the episode has lasted."""

    act_dim = 1

    def initial(self, num_envs: int) -> np.ndarray:
        return np.zeros(num_envs)

    def restart(self, carry: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.where(rows, 0, carry)

    def __call__(self, obs: Obs, carry: np.ndarray):
        return carry[:, None], carry + 1


@pytest.mark.parametrize(("ends", "falls"), [((2, 5, 3), 0), ((4, 1, 4), 1), ((3,), 0)])
def test_nothing_counts_after_an_episodes_end(ends, falls):
    env, seen = EndsApart(ends, falls), []

    def observe(before, carry, after, step):
        seen.append((carry.copy(), after.copy()))
        return {"carried": carry}

    played = rollout(Counts(), env, 0, observe)
    steps = np.array(ends)
    assert played.task_return.tolist() == (10.0 ** np.arange(len(ends)) * steps).tolist()
    assert played.length.tolist() == list(ends) and len(played) == len(ends)
    assert played.terminated.tolist() == [i == falls for i in range(len(ends))]
    assert played.terms["ones"].tolist() == list(ends)
    assert played.terms["carried"].tolist() == (steps * (steps - 1) / 2).tolist()
    assert len(env.actions) == max(ends)  # and then it stops
    assert all((after == carry + 1).all() for carry, after in seen)
    # who starts anew acts like it
    for made, action in enumerate(env.actions):
        assert action.tolist() == [made if made < end else 0 for end in ends]


def test_an_episode_lasts_no_longer_than_the_environment_says():
    env = EndsApart((50,), 0)
    env.max_steps = 7
    assert rollout(Counts(), env, 0).length.tolist() == [7]

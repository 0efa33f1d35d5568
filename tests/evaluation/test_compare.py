"""A router beside its rivals: who they are, and that all play the same episodes."""

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import compare as module
from mwx.evaluation.compare import ROUTED, compare, rivals
from mwx.evaluation.score import Score
from mwx.experts import load_library
from mwx.router import FileGuidance, NetworkConfig, Router, restrict
from mwx.router.router import Layout
from mwx.sim import make

NAMES = ("stand", "walk", "reach")


@pytest.fixture(scope="module")
def router():
    library = load_library(names=NAMES)
    guidance = restrict(FileGuidance().guide("door", "", library.descriptions),
                        library.descriptions)
    return Router.create(guidance, Layout(51, 7, 1), NetworkConfig(hidden=(8,)), 0)


def test_the_rivals(router):
    library = load_library(names=NAMES)
    found = rivals(router, library)
    assert list(found) == [ROUTED, "stand alone", "walk alone", "reach alone", "uniform mix",
                           "guidance alone", "script"]
    obs = make("door", 1, 0).observe()
    shares = {name: policy(obs, policy.initial(1))[1].shares[0] for name, policy in found.items()
              if name in ("uniform mix", "guidance alone", "script")}
    np.testing.assert_allclose(shares["uniform mix"], 1 / 3)
    np.testing.assert_allclose(shares["guidance alone"], router.guidance.weights)
    assert shares["script"].tolist() == [0, 1, 0]


def test_all_play_the_same_episodes(router, tmp_path, monkeypatch):
    router.save(tmp_path)
    played, said = [], []

    def evaluate(policy, task, episodes, seed, name):
        played.append((task, episodes, seed))
        return Score(task, name, seed, episodes, 600, (1.0, 2.0), (0.5, 0.5), (9, 9),
                     (True, False), {})
    monkeypatch.setattr(module, "evaluate", evaluate)
    scores = compare(tmp_path, episodes=2, seed=7, say=said.append)
    assert set(played) == {("door", 2, 7)} and len(scores) == len(said) == 7
    assert "1 of 2 solved" in said[0] and said[0].split()[0] == ROUTED


def test_no_router_is_explained(tmp_path):
    with pytest.raises(MwxError, match=str(tmp_path)):
        compare(tmp_path / "nothing")

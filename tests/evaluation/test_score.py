"""Scores: the alignment return of one expert and of a mixture, the bar, the deviation."""

from types import SimpleNamespace

import numpy as np
import pytest

from mwx.evaluation import score as s
from mwx.experts.scoring import alignment_term, summary
from mwx.router import CompositePolicy
from mwx.router.adapted import Adapted
from mwx.sim.rollout import Episodes
from mwx.types import Obs, Step


def blank(kind, **values):
    """Return an object of a class with some attributes and nothing else."""
    made = object.__new__(kind)
    made.__dict__.update(values)
    return made


def step_to(proprio):
    """A step that ended an episode: its first observation of the next one is another."""
    last, first = Obs(proprio, proprio, proprio[:, :0], proprio[:, :3]), Obs(*np.ones((4, 1, 51)))
    ended = np.ones(1, bool)
    return Step(first, np.zeros(1), ended, ~ended, {}, last)


def test_alignment_is_held_to_the_state_that_the_step_led_to():
    proprio = np.random.default_rng(0).normal(size=(1, 51))
    target = SimpleNamespace(q=proprio[:, 7:26].copy(), qd=proprio[:, 32:51].copy())
    expert = SimpleNamespace(phase_aligned=lambda obs, carry: target)
    obs = Obs(*np.zeros((4, 1, 51)))
    assert alignment_term(expert, obs, None, step_to(proprio)) == pytest.approx(1, abs=1e-12)
    target.q += 0.3
    off = alignment_term(expert, obs, None, step_to(proprio))[0]
    assert 0 < off < 0.99  # positions weigh
    target.q -= 0.3
    target.qd += 5.0
    assert 0.5 < alignment_term(expert, obs, None, step_to(proprio))[0] < 0.99  # speeds less


def test_a_mixture_is_held_to_its_experts_by_the_weights_just_used(monkeypatch):
    asked = []

    def term(expert, obs, carry, step):
        asked.append((expert, carry))
        return np.array(expert)

    monkeypatch.setattr(s, "alignment_term", term)
    experts = {"walk": (1.0, 0.5), "reach": (0.2, 0.4)}
    library = SimpleNamespace(experts=experts)
    before = SimpleNamespace(experts=("a", "b"), shares=np.array([[1.0, 0], [1, 0]]))
    after = SimpleNamespace(experts=("c", "d"), shares=np.array([[0.25, 0.75], [0.5, 0.5]]))
    observe = s.alignment_observer(blank(CompositePolicy, library=library))
    told = observe(None, before, after, None)["alignment_return"]
    assert told == pytest.approx([0.25 * 1 + 0.75 * 0.2, 0.5 * 0.5 + 0.5 * 0.4])
    assert asked == [((1.0, 0.5), "a"), ((0.2, 0.4), "b")]  # where each expert's clock was
    adapted = blank(Adapted, mixture=SimpleNamespace(library=library))
    told = s.alignment_observer(adapted)(None, SimpleNamespace(composite=before),
                                         SimpleNamespace(composite=after), None)
    assert told["alignment_return"] == pytest.approx([0.4, 0.45])
    assert asked[2:] == asked[:2]
    assert s.alignment_observer(SimpleNamespace()) is None


def test_returns_deviations_and_the_bar(monkeypatch):
    played = Episodes(np.array([700.0, 699.9, 800.0]), np.array([10, 20, 30]), np.zeros(3, bool),
                      {"alignment_return": np.array([1.0, 2, 6]), "move": np.array([3.0, 0, 0])})
    monkeypatch.setattr(s, "rollout", lambda *a: played)
    score = s.evaluate_in(SimpleNamespace(), SimpleNamespace(), "walk", 700.0, 1)
    assert score.success == (True, False, True) and score.terms == {"move": 1.0}
    assert score.mean() == pytest.approx(2199.9 / 3) and score.mean("length") == 20
    assert score.std("alignment_return") == pytest.approx(np.sqrt((4 + 1 + 9) / 2))
    told = summary(played, 700.0)
    assert told["alignment_return_stderr"] == pytest.approx(np.sqrt(7 / 3))
    assert told["success_rate"] == pytest.approx(2 / 3) and told["length_mean"] == 20

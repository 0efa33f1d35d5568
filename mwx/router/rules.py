"""The keyword rule router: the ablation without a VLM, and the offline answer for any task text."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from mwx.router.guidance import Guidance, Provenance, Stage, on_simplex
from mwx.router.vocabulary import PREREQUISITES
from mwx.types import Array

KEYWORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    # word stems: a word counts when it starts with one of them
    "stand": ("stand", "balanc", "upright", "still"),
    "walk": ("walk", "approach", "forward", "stroll", "pass", "through", "stair", "toward"),
    "run": ("run", "sprint", "jog", "fast", "hurdle"),
    "sit": ("sit", "seat", "chair"),
    "carry": ("carry", "carri", "transport", "deliver", "bring", "haul"),
    "reach": ("reach", "touch", "push", "pull", "open", "press", "grasp", "hand", "turn", "door"),
    "reach_two_hands": ("catch", "throw", "lift", "load", "unload", "box", "both", "two-hand"),
    "crawl": ("crawl", "creep", "tunnel"),
    "step": ("step", "slow", "closer", "nearer", "shuffle"),
})
EXCEPTIONS = ("standard", "steppe", "passive", "runtime", "handle")  # not what the stem means
NEGATIONS = ("not", "never", "without", "don't", "avoid", "no")
NEGATION_REACH = 2  # [words] how far a negation carries
SHARE_OF_PREREQUISITE = 0.5  # weight of an implied expert relative to what implies it


class KeywordRules:
    """Guidance by counting word stems, clause by clause."""

    def guide(self, task_id: str, task_text: str, experts: Mapping[str, str],
              image: bytes | None = None) -> Guidance:
        """Return guidance for any text; without a known word it is uniform and `unsupported`."""
        names = tuple(experts)
        counts = keyword_scores(task_text, names)
        unsupported = not counts.any()
        stages = () if unsupported else _stages(task_text, names)
        scores = np.ones(len(names)) if unsupported else with_prerequisites(counts, names)
        notes = ("no known word in the task text: every expert weighs the same",)
        provenance = Provenance("rules", author="mwx keyword rules",
                                notes=notes if unsupported else ())
        return Guidance(task_id, task_text, names, tuple(experts.values()), on_simplex(scores),
                        stages, unsupported, np.zeros(len(names)), provenance)


def keyword_scores(text: str, experts: tuple[str, ...]) -> Array:
    """Return how many words of the text speak for each expert, (K,).

    An expert without keywords of its own is matched by its name's words.
    """
    kept = _said(text)
    return np.array([float(sum(word.startswith(_keywords(name)) for word in kept))
                     for name in experts])


def _keywords(name: str) -> tuple[str, ...]:
    return KEYWORDS.get(name, tuple(name.split("_")))


def _said(text: str) -> list[str]:
    """Return the words of a text that are not negated."""
    words = re.findall(r"[\w'-]+", text.lower())
    kept = [word for i, word in enumerate(words)
            if not set(words[max(0, i - NEGATION_REACH):i]) & set(NEGATIONS)]
    return [word for word in kept if not word.startswith(EXCEPTIONS)]


def with_prerequisites(scores: Array, experts: tuple[str, ...]) -> Array:
    """Return scores (K,) in which an expert also gives weight to what it cannot do without."""
    result = np.array(scores, float)
    for name, needs in PREREQUISITES.items():
        for need in needs:
            if name in experts and need in experts:
                i, j = experts.index(need), experts.index(name)
                result[i] = max(result[i], SHARE_OF_PREREQUISITE * scores[j])
    return result


def _stages(text: str, experts: tuple[str, ...]) -> tuple[Stage, ...]:
    """One stage a clause that names an expert; text gives the order, not the durations."""
    clauses = [clause.strip() for clause in re.split(r"[.;,]|\band\b|\bthen\b", text)]
    named = [(clause, _leader(clause, experts)) for clause in clauses
             if keyword_scores(clause, experts).any()]
    return tuple(Stage(clause, expert, 1 / len(named)) for clause, expert in named)


def _leader(clause: str, experts: tuple[str, ...]) -> str:
    """Return the expert that most words speak for; among equals the one that is named first."""
    scores, words = keyword_scores(clause, experts), _said(clause)
    equals = sorted(n for n, s in zip(experts, scores, strict=True) if s == scores.max())
    return min(equals, key=lambda n: next(i for i, word in enumerate(words)
                                          if word.startswith(_keywords(n))))

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
    "walk": ("walk", "step", "approach", "forward", "stroll", "pass", "through", "stair", "toward"),
    "run": ("run", "sprint", "jog", "fast", "hurdle"),
    "sit": ("sit", "seat", "chair"),
    "carry": ("carry", "carri", "transport", "deliver", "bring", "haul"),
    "reach": ("reach", "touch", "push", "pull", "open", "press", "grasp", "hand", "turn", "door"),
    "reach_two_hands": ("catch", "throw", "lift", "load", "unload", "box", "both", "two-hand"),
    "crawl": ("crawl", "creep", "tunnel"),
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
    words = re.findall(r"[\w'-]+", text.lower())
    kept = [word for i, word in enumerate(words)
            if not set(words[max(0, i - NEGATION_REACH):i]) & set(NEGATIONS)]
    kept = [word for word in kept if not word.startswith(EXCEPTIONS)]
    return np.array([float(sum(word.startswith(KEYWORDS.get(name, tuple(name.split("_"))))
                               for word in kept)) for name in experts])


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
    clauses = re.split(r"[.;,]|\band\b|\bthen\b", text)
    found = [(clause.strip(), keyword_scores(clause, experts)) for clause in clauses]
    named = [(clause, experts[int(s.argmax())]) for clause, s in found if s.any()]
    return tuple(Stage(clause, expert, 1 / len(named)) for clause, expert in named)

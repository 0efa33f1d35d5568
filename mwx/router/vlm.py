"""Guidance from a vision-language model behind an OpenAI-compatible endpoint."""

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mwx.router.asking import Answers, Asker
from mwx.router.cache import AnswerCache
from mwx.router.endpoint import VlmConfig
from mwx.router.guidance import Guidance, Provenance, Stage, on_simplex
from mwx.router.parse import parse_answer
from mwx.router.prompt import PROMPT_VERSION, Question, clean_text, question

log = logging.getLogger(__name__)
LARGE_SPREAD = 0.15  # standard deviation of a weight over samples that is worth a warning

__all__ = ["VlmConfig", "VlmGuidance"]


class VlmGuidance:
    """Asks once per (task, experts, prompt version, model); answers are cached.

    A failure is an error, never a silent substitute: use providers.WithFallback to have one.

    Args:
        config: endpoint and sampling.
        cache: where answers are kept; None asks every time.
    """

    def __init__(self, config: VlmConfig, cache: AnswerCache | None = None):
        self.config = config
        self._asker = Asker(config, cache)

    def guide(self, task_id: str, task_text: str, experts: Mapping[str, str],
              image: bytes | None = None, image_key: str | None = None) -> Guidance:
        """Return the averaged guidance of several answers.

        Args:
            task_id, task_text, experts, image: see GuidanceProvider.
            image_key: what the image shows (environment, seed, camera, size). Renders differ by
                a bit between machines, so this identifies an image better than its pixels do.

        Raises:
            MwxError: no usable answers within the deadline, and why.
        """
        asked = question(task_id, task_text, experts, image)
        request = self._request(asked, task_id, task_text, experts, image_key)
        names = tuple(experts)
        answers = self._asker.answers(asked, request, lambda text: parse_answer(text, names),
                                      self.config.samples)
        return self._guidance(task_id, task_text, experts, answers, asked)

    def _request(self, asked: Question, task_id: str, task_text: str,
                 experts: Mapping[str, str], image_key: str | None) -> dict[str, Any]:
        """What the answers depend on: neither the key nor the address."""
        pixels = hashlib.sha256(asked.image).hexdigest() if asked.image is not None else None
        return {"provider": "openai chat completions", "model": self.config.model,
                "prompt_version": PROMPT_VERSION, "system": asked.system, "task_id": task_id,
                "task_text": clean_text(task_text), "experts": list(map(list, experts.items())),
                "samples": self.config.samples, "temperature": self.config.temperature,
                "schema": asked.schema,
                "image": image_key if image_key is not None and pixels else pixels}

    def _guidance(self, task_id: str, task_text: str, experts: Mapping[str, str],
                  told: Answers, asked: Question) -> Guidance:
        names, notes = tuple(experts), list(told.notes)
        answers = [parse_answer(text, names) for text in told.raw]
        each = np.stack([on_simplex(answer.scores) for answer in answers])  # (n, K)
        spread = each.std(0)
        if spread.max() > LARGE_SPREAD:
            worst = names[int(spread.argmax())]
            notes = [*notes, f"the answers disagree: weight of '{worst}' varies by "
                             f"{spread.max():.2f} (standard deviation)"]
            log.warning("guidance for '%s': %s", task_id, notes[-1])
        weights = on_simplex(np.mean([answer.scores for answer in answers], axis=0))
        stages = answers[_middle(each)].stages
        unsupported = 2 * sum(answer.unsupported for answer in answers) > len(answers)
        provenance = Provenance(
            "vlm", author=self.config.host, date=time.strftime("%Y-%m-%d", time.gmtime()),
            model=self.config.model, prompt_sha256=asked.prompt_sha256, request_sha256=told.key,
            n_samples=len(told.raw), raw_responses=told.raw, notes=tuple(notes))
        return Guidance(task_id, task_text, names, tuple(experts.values()), weights,
                        tuple(Stage(*stage) for stage in stages), unsupported, spread, provenance)


def _middle(weights: np.ndarray) -> int:
    """Return the sample nearest to the mean, whose stages stand for all."""
    return int(np.square(weights - weights.mean(0)).sum(1).argmin())

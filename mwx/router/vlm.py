"""Guidance from a vision-language model behind an OpenAI-compatible endpoint."""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.router.cache import AnswerCache, request_key
from mwx.router.endpoint import LEVELS, Endpoint, VlmConfig
from mwx.router.guidance import Guidance, Provenance, Stage, on_simplex
from mwx.router.parse import InvalidAnswer, parse_answer
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
        self.config, self.cache = config, cache
        self._level = 0  # response format the endpoint is known to take

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
        key, names = request_key(request), tuple(experts)
        notes: list[str] = []
        raw = self._cached(key, names)
        if raw is None:
            raw, notes = self._ask_all(asked, names)
            notes += self._keep(key, request, raw)
        else:
            notes.append("answers from the cache")
        return self._guidance(task_id, task_text, experts, raw, asked, key, notes)

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

    def _cached(self, key: str, names: tuple[str, ...]) -> tuple[str, ...] | None:
        raw = self.cache.get(key) if self.cache is not None else None
        if raw is None:
            return None
        try:
            for text in raw:
                parse_answer(text, names)
            return raw if len(raw) == self.config.samples else None
        except InvalidAnswer as error:
            log.warning("cached answers for %s are not valid and asked for again: %s", key, error)
            return None

    def _keep(self, key: str, request: dict[str, Any], raw: tuple[str, ...]) -> list[str]:
        """Cache valid answers; a full disk must not throw away what was paid for."""
        if self.cache is None:
            return []
        try:
            self.cache.put(key, request, raw)
            return []
        except MwxError as error:
            log.warning("%s", error)
            return ["the answers could not be cached"]

    def _ask_all(self, asked: Question,
                 names: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
        deadline = time.monotonic() + self.config.deadline_s
        if asked.image is not None and not self.config.loopback:
            log.warning("an image of the scene is sent to %s", self.config.host)
        endpoint = Endpoint(self.config, self._level)
        try:
            raw = tuple(_valid_answer(endpoint, asked, names, deadline)
                        for _ in range(self.config.samples))
        finally:
            self._level = endpoint.level
            endpoint.close()
        tokens = endpoint.tokens
        log.info("guidance took %s prompt and %s completion tokens", *tokens.values())
        return raw, [f"asked {self.config.host}, response format {LEVELS[endpoint.level]}, "
                     f"{tokens['prompt']} prompt and {tokens['completion']} completion tokens, "
                     f"{'with' if asked.image is not None else 'without'} an image"]

    def _guidance(self, task_id: str, task_text: str, experts: Mapping[str, str],
                  raw: tuple[str, ...], asked: Question, key: str,
                  notes: list[str]) -> Guidance:
        names = tuple(experts)
        answers = [parse_answer(text, names) for text in raw]
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
            model=self.config.model, prompt_sha256=asked.prompt_sha256, request_sha256=key,
            n_samples=len(raw), raw_responses=raw, notes=tuple(notes))
        return Guidance(task_id, task_text, names, tuple(experts.values()), weights,
                        tuple(Stage(*stage) for stage in stages), unsupported, spread, provenance)


def _valid_answer(endpoint: Endpoint, asked: Question, names: tuple[str, ...],
                  deadline: float) -> str:
    """Return one valid raw answer, after at most one repair turn that quotes the problem."""
    text, problem = _try(endpoint, asked, names, deadline)
    if not problem:
        return text
    log.info("an answer was not valid (%s); asking once more", problem)
    text, again = _try(endpoint, replace(asked, repair=(text, problem)), names, deadline)
    if again:
        raise MwxError(f"{endpoint.config.model} at {endpoint.config.base_url} gave no usable "
                       f"answer: first: {problem}; after being told: {again}. Try another model, "
                       "or configure a fallback")
    return text


def _try(endpoint: Endpoint, asked: Question, names: tuple[str, ...],
         deadline: float) -> tuple[str, str]:
    """Ask once; return the answer and what is wrong with it ("" if nothing)."""
    text = ""
    try:
        text = endpoint.ask(asked, deadline)
        parse_answer(text, names)
    except InvalidAnswer as error:
        return text, str(error)
    return text, ""


def _middle(weights: np.ndarray) -> int:
    """Return the sample nearest to the mean, whose stages stand for all."""
    return int(np.square(weights - weights.mean(0)).sum(1).argmin())

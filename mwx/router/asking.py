"""Valid answers to a question: out of the cache, or asked for within one deadline and kept."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mwx.errors import MwxError
from mwx.router.cache import AnswerCache, request_key
from mwx.router.endpoint import LEVELS, Endpoint, VlmConfig
from mwx.router.parse import InvalidAnswer
from mwx.router.prompt import Question

log = logging.getLogger(__name__)
Check = Callable[[str], Any]  # raises InvalidAnswer


@dataclass(frozen=True)
class Answers:
    """Valid raw answers, the key of their request in the cache, and what a reader must know."""

    raw: tuple[str, ...]
    key: str
    notes: tuple[str, ...]


class Asker:
    """Asks an endpoint once per request; answers are cached as they came, after validation.

    Args:
        config: endpoint and sampling.
        cache: where answers are kept; None asks every time.
    """

    def __init__(self, config: VlmConfig, cache: AnswerCache | None = None):
        self.config, self.cache = config, cache
        self._level = 0  # response format the endpoint is known to take

    def answers(self, asked: Question, request: Mapping[str, Any], check: Check,
                samples: int) -> Answers:
        """Return so many valid answers.

        Args:
            asked: the question.
            request: everything that the answers depend on, neither key nor address.
            check: raises InvalidAnswer where an answer is of no use.
            samples: number of answers.

        Raises:
            MwxError: no usable answers within the deadline, and why.
        """
        key = request_key(request)
        raw = self._cached(key, check, samples)
        if raw is not None:
            return Answers(raw, key, ("answers from the cache",))
        raw, notes = self._ask_all(asked, check, samples)
        return Answers(raw, key, (*notes, *self._keep(key, request, raw)))

    def _cached(self, key: str, check: Check, samples: int) -> tuple[str, ...] | None:
        raw = self.cache.get(key) if self.cache is not None else None
        if raw is None:
            return None
        try:
            for text in raw:
                check(text)
            return raw if len(raw) == samples else None
        except InvalidAnswer as error:
            log.warning("cached answers for %s are not valid and asked for again: %s", key, error)
            return None

    def _keep(self, key: str, request: Mapping[str, Any], raw: tuple[str, ...]) -> list[str]:
        """Cache valid answers; a full disk must not throw away what was paid for."""
        if self.cache is None:
            return []
        try:
            self.cache.put(key, request, raw)
            return []
        except MwxError as error:
            log.warning("%s", error)
            return ["the answers could not be cached"]

    def _ask_all(self, asked: Question, check: Check,
                 samples: int) -> tuple[tuple[str, ...], list[str]]:
        deadline = time.monotonic() + self.config.deadline_s
        if asked.image is not None and not self.config.loopback:
            log.warning("an image of the scene is sent to %s", self.config.host)
        endpoint = Endpoint(self.config, self._level)
        try:
            raw = tuple(_valid_answer(endpoint, asked, check, deadline) for _ in range(samples))
        finally:
            self._level = endpoint.level
            endpoint.close()
        tokens = endpoint.tokens
        log.info("the answers took %s prompt and %s completion tokens", *tokens.values())
        return raw, [f"asked {self.config.host}, response format {LEVELS[endpoint.level]}, "
                     f"{tokens['prompt']} prompt and {tokens['completion']} completion tokens, "
                     f"{'with' if asked.image is not None else 'without'} an image"]


def _valid_answer(endpoint: Endpoint, asked: Question, check: Check, deadline: float) -> str:
    """Return one valid raw answer, after at most one repair turn that quotes the problem."""
    text, problem = _try(endpoint, asked, check, deadline)
    if not problem:
        return text
    log.info("an answer was not valid (%s); asking once more", problem)
    text, again = _try(endpoint, replace(asked, repair=(text, problem)), check, deadline)
    if again:
        raise MwxError(f"{endpoint.config.model} at {endpoint.config.base_url} gave no usable "
                       f"answer: first: {problem}; after being told: {again}. Try another model, "
                       "or a provider that needs none")
    return text


def _try(endpoint: Endpoint, asked: Question, check: Check, deadline: float) -> tuple[str, str]:
    """Ask once; return the answer and what is wrong with it ("" if nothing)."""
    text = ""
    try:
        text = endpoint.ask(asked, deadline)
        check(text)
    except InvalidAnswer as error:
        return text, str(error)
    return text, ""

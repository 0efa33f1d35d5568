"""One bounded, redacted conversation with an OpenAI-compatible endpoint.

The SDK's own timeout is per attempt and its retries honour Retry-After up to two minutes, so
neither bounds the whole; here one deadline bounds everything, in a thread that can be left behind.
Errors are handled outside `except` blocks: the SDK's exceptions keep the request and its key, and
must not hang on ours as context.
"""

import ipaddress
import json
import logging
import os
import queue
import re
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mwx.errors import MwxError
from mwx.router.parse import InvalidAnswer
from mwx.router.prompt import Question

log = logging.getLogger(__name__)
LEVELS = ("json_schema", "json_object", "prompt only")
NO_KEY = "none"  # local servers want no key, the protocol wants a word
FIRST_WAIT_S = 0.5


@dataclass(frozen=True)
class VlmConfig:
    """An endpoint and how to ask it. Holds the *name* of the key's variable, never the key.

    Attributes:
        model: the model's name at the endpoint.
        base_url: address of the OpenAI-compatible API, e.g. http://localhost:11434/v1.
        key_variable: environment variable that holds the key; "" sends none.
        samples: answers averaged.
        temperature: sampling temperature; None leaves it to the server.
        deadline_s: [s] bound on everything: all samples, retries and repairs.
        request_s: [s] bound on one request.
        attempts: tries per request on rate limits, server errors and broken connections.
    """

    model: str
    base_url: str = "https://api.openai.com/v1"
    key_variable: str = "OPENAI_API_KEY"
    samples: int = 5
    temperature: float | None = None
    deadline_s: float = 120.0
    request_s: float = 60.0
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.key_variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}",
                                                  self.key_variable):
            raise MwxError("key_variable must be the name of an environment variable such as "
                           "OPENAI_API_KEY, not the key itself (its value is not shown here)")
        if not self.model or self.samples < 1 or self.attempts < 1 or \
                min(self.deadline_s, self.request_s) <= 0:
            raise MwxError("a VLM needs a model name and positive samples, attempts and times")
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise MwxError("base_url must be an http or https address, for example "
                           "https://api.openai.com/v1")
        if url.username or url.password or url.query:
            raise MwxError("base_url must hold no user, password or query: give a key through "
                           "key_variable")

    @property
    def host(self) -> str:
        """The endpoint's host name."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def loopback(self) -> bool:
        """True when the endpoint is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Endpoint:
    """A client for one question or a few: opened once, asked several times, closed."""

    def __init__(self, config: VlmConfig, level: int = 0):
        self.config, self.level = config, level
        self.tokens = {"prompt": 0, "completion": 0}
        self.sdk = _sdk()
        key = _key(config)
        self._secret = key
        self._client = self.sdk.OpenAI(api_key=key, base_url=config.base_url, max_retries=0)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __repr__(self) -> str:
        return f"Endpoint({self.config.model} at {self.config.base_url})"

    def ask(self, question: Question, deadline: float) -> str:
        """Return the model's answer as text.

        Args:
            deadline: time.monotonic() value by which this must be over.

        Raises:
            InvalidAnswer: the model answered, but not usably (refused, cut short, empty).
            MwxError: the endpoint failed, or there was no time.
        """
        failures, shrunk = 0, False
        while True:
            body, error = self._once(question, deadline)
            if error is None:
                return self._content(body)
            if self._step_down(error):
                continue
            if getattr(error, "status_code", 0) == 413 and question.image and not shrunk:
                question, shrunk = question.smaller(), True
                continue
            failures += 1
            if not self._transient(error) or failures >= self.config.attempts:
                raise MwxError(self._explain(error, failures))
            self._wait(error, failures, deadline)

    def _once(self, question: Question, deadline: float) -> tuple[str, Exception | None]:
        """Make one request in a thread; return (body, None) or ("", error)."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise MwxError(self._late())
        options: dict[str, Any] = {"model": self.config.model, "messages": question.messages(),
                                   "timeout": min(left, self.config.request_s)}
        if self.config.temperature is not None:
            options["temperature"] = self.config.temperature
        if self.level < 2:
            options["response_format"] = _response_format(self.level, question)
        box: queue.SimpleQueue[tuple[str, Exception | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                raw = self._client.chat.completions.with_raw_response.create(**options)
                box.put((raw.http_response.text, None))
            except Exception as error:  # whatever the SDK raises is explained, not lost
                box.put(("", error))

        threading.Thread(target=work, name="mwx-vlm", daemon=True).start()
        try:
            answer = box.get(timeout=left)
        except queue.Empty:
            answer = None
        if answer is None:
            self.close()
            raise MwxError(self._late())
        return answer

    def _content(self, body: str) -> str:
        """Return the text of the first choice."""
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise MwxError(f"{self.config.base_url} answered something else than the OpenAI "
                           f"protocol ({self._clean(body)[:80]!r}): check base_url, which often "
                           "ends in /v1")
        self._count(value.get("usage"))
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        message = first.get("message") if isinstance(first, dict) else None
        if not isinstance(first, dict) or not isinstance(message, dict):
            raise InvalidAnswer("the endpoint returned no answer (empty choices)")
        if message.get("refusal"):
            raise InvalidAnswer(f"the model refused: {self._clean(str(message['refusal']))[:200]}")
        if first.get("finish_reason") in ("length", "content_filter"):
            raise InvalidAnswer(f"the answer was cut short ({first['finish_reason']})")
        content = message.get("content")
        if not isinstance(content, str) or not content.strip():
            raise InvalidAnswer("the answer was empty")
        return self._clean(content)

    def _count(self, usage: Any) -> None:
        for kind in self.tokens:
            count = usage.get(f"{kind}_tokens") if isinstance(usage, dict) else None
            self.tokens[kind] += count if isinstance(count, int) else 0

    def _step_down(self, error: Exception) -> bool:
        """Use a plainer response format if the server does not know this one."""
        named = any(word in str(error) for word in ("response_format", "json_schema",
                                                    "json_object"))
        rejected = getattr(error, "status_code", 0) in (400, 422)
        if not (rejected and named) or self.level >= len(LEVELS) - 1:
            return False
        self.level += 1
        log.info("%s does not take this response format; now: %s", self.config.host,
                 LEVELS[self.level])
        return True

    def _transient(self, error: Exception) -> bool:
        if getattr(error, "code", None) == "insufficient_quota":
            return False
        status = getattr(error, "status_code", None)
        return isinstance(error, self.sdk.APIConnectionError) or status in (408, 409, 429) or \
            (isinstance(status, int) and status >= 500)

    def _wait(self, error: Exception, failures: int, deadline: float) -> None:
        wait = max(FIRST_WAIT_S * 2 ** (failures - 1), _retry_after(error))
        left = deadline - time.monotonic()
        if wait >= left:
            raise MwxError(f"{self._explain(error, failures)}; the next try may come in {wait:.0f} "
                           f"s, but only {max(0, left):.0f} s of the deadline are left")
        time.sleep(wait)

    def _late(self) -> str:
        return (f"no answer from {self.config.model} at {self.config.base_url} within "
                f"{self.config.deadline_s:g} s: raise deadline_s, lower samples, or configure a "
                "fallback")

    def _explain(self, error: Exception, failures: int) -> str:
        status = getattr(error, "status_code", None)
        advice = {401: f"check the key in ${self.config.key_variable}",
                  403: "this key may not use this model", 404: "check the model and base_url",
                  413: "the image is too large", 429: "rate limit or quota"}.get(status or 0, "")
        what = f"HTTP {status}" if status else type(error).__name__
        return (f"{self.config.model} at {self.config.base_url} failed after {failures} "
                f"{'try' if failures == 1 else 'tries'}: {what} "
                f"({self._clean(str(error))[:300]}){'; ' if advice else ''}{advice}")

    def _clean(self, text: str) -> str:
        """Return text without the key, should a server echo it."""
        return text if self._secret == NO_KEY else text.replace(self._secret, "[key]")


def _sdk() -> Any:
    try:
        import openai
    except ImportError:
        openai = None
    if openai is None:
        raise MwxError("asking a vision-language model needs the package 'openai': "
                       "pip install 'mwx[vlm]'")
    return openai


def _key(config: VlmConfig) -> str:
    """Return the key, or the stand-in for none; refuse to send one in the clear."""
    key = os.environ.get(config.key_variable, "").strip() if config.key_variable else ""
    if not key:
        if config.key_variable and not config.loopback:
            raise MwxError(f"the environment variable {config.key_variable} is not set: put the "
                           f"key for {config.host} there, or set key_variable to \"\" if the "
                           "server wants none")
        return NO_KEY
    if not config.loopback and urlsplit(config.base_url).scheme != "https":
        raise MwxError(f"{config.base_url} is not encrypted: the key in {config.key_variable} "
                       "would be readable on the way. Use https, or key_variable \"\"")
    return key


def _response_format(level: int, question: Question) -> dict[str, Any]:
    if level == 1:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "guidance", "strict": True,
                                                   "schema": question.schema}}


def _retry_after(error: Exception) -> float:
    """Return the seconds a server asks to wait; 0 when it does not say in seconds."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        seconds = float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < float("inf") else 0.0

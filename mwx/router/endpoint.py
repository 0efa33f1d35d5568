"""One bounded, redacted conversation with an OpenAI-compatible endpoint.

The SDK's own timeout is per attempt and its retries honour Retry-After up to two minutes, so
neither bounds the whole; here one deadline bounds everything, in a thread that can be left behind.
Errors are handled outside `except` blocks: the SDK's exceptions keep the request and its key, and
must not hang on ours as context.
"""

import ipaddress
import logging
import os
import queue
import re
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from mwx.errors import MwxError
from mwx.router.parse import InvalidAnswer
from mwx.router.prompt import Question
from mwx.router.redact import Redactor
from mwx.router.replies import CAUSES, FORMAT, MAX_WORDS, Failure, failure_of, read_reply

log = logging.getLogger(__name__)
LEVELS = ("json_schema", "json_object with the schema", "json_object", "prompt only")
NO_KEY = "none"  # local servers want no key, the protocol wants a word
FIRST_WAIT_S = 0.5
# names that are shown back; anything else that is no variable may be a key typed by mistake
VARIABLE = re.compile(r"(?=.*(KEY|TOKEN|SECRET|API|PASS|AUTH|CRED))[A-Z]+(_[A-Z0-9]{1,12})*")


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
    deadline_s: float = 300.0
    request_s: float = 120.0
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.key_variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}",
                                                  self.key_variable):
            raise MwxError("key_variable must be the name of an environment variable such as "
                           "OPENAI_API_KEY, not the key itself (its value is not shown here)")
        if not self.model or self.samples < 1 or self.attempts < 1 or \
                min(self.deadline_s, self.request_s) <= 0:
            raise MwxError("a VLM needs a model name and positive samples, attempts and times")
        try:
            url = urlsplit(self.base_url)
            known = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:  # a port or an IPv6 address that is none
            known = False
        if not known or not self.base_url.isprintable() or " " in self.base_url:
            raise MwxError("base_url must be an http or https address, for example "
                           "https://api.openai.com/v1 (what was given is not shown here)")
        if any(sign in self.base_url for sign in "@?#"):
            raise MwxError("base_url must hold no user, password, query or fragment: give a key "
                           "through key_variable")

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
        self._clean = Redactor("" if key == NO_KEY else key)
        try:
            self._client = self.sdk.OpenAI(api_key=key, base_url=config.base_url, max_retries=0)
            return
        except (ImportError, ValueError) as error:
            reason = str(error)
        raise MwxError(self._clean(_unopened(config, reason)))

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
        level, failures, shrunk = self.level, 0, False
        while True:
            body, failure = self._once(question, level, deadline)
            if failure is None:
                answer, problem, failure = self._read(body)
                if failure is None:
                    self.level = level
                    if problem:
                        raise InvalidAnswer(problem)
                    return answer
            advice = _advice(failure, question)
            lower = _plainer(failure, advice, level)
            if lower != level:
                level = lower
                log.info("%s does not take this response format; now: %s", self.config.host,
                         LEVELS[level])
                continue
            if failure.status == 413 and question.image and not shrunk:
                question, shrunk = question.smaller(), True
                continue
            failures += 1
            final = advice or not failure.passing or failures >= self.config.attempts
            if final:
                if question.image is not None and failure.status in (400, 422, 500):
                    advice = advice or "if this model takes no picture, leave it out"
                raise MwxError(self._explain(failure, failures, advice))
            self._wait(failure, failures, deadline)
            if failure.status in (500, 501) and failures == self.config.attempts - 1:
                level = len(LEVELS) - 1  # it may be the format, although nothing says so

    def _once(self, question: Question, level: int,
              deadline: float) -> tuple[str, Failure | None]:
        """Make one request in a thread; return (body, None) or ("", failure)."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise MwxError(self._late())
        options: dict[str, Any] = {"model": self.config.model, "messages": question.messages(),
                                   "timeout": min(left, self.config.request_s)}
        if self.config.temperature is not None:
            options["temperature"] = self.config.temperature
        if level < len(LEVELS) - 1:
            options["response_format"] = _response_format(level, question)
        box: queue.SimpleQueue[tuple[str, Failure | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                raw = self._client.chat.completions.with_raw_response.create(**options)
                box.put((raw.http_response.text, None))
            except Exception as error:  # whatever the SDK raises is explained, not lost
                box.put(("", failure_of(error)))

        threading.Thread(target=work, name="mwx-vlm", daemon=True).start()
        try:
            answer = box.get(timeout=left)
        except queue.Empty:
            answer = None
        if answer is None:
            self.close()
            raise MwxError(self._late())
        return answer

    def _read(self, body: str) -> tuple[str, str, Failure | None]:
        """Return what a body holds: (answer, "", None), ("", problem, None) or a failure."""
        try:
            reply = read_reply(body)
        except InvalidAnswer as error:
            return "", self._clean(str(error)), None
        if isinstance(reply, Failure):
            return "", "", reply
        answer, usage = reply
        for kind in self.tokens:
            count = usage.get(f"{kind}_tokens") if isinstance(usage, dict) else None
            self.tokens[kind] += count if isinstance(count, int) else 0
        return self._clean(answer), "", None

    def _wait(self, failure: Failure, failures: int, deadline: float) -> None:
        wait = max(FIRST_WAIT_S * 2 ** (failures - 1), failure.retry_after)
        left = deadline - time.monotonic()
        if wait >= left:
            raise MwxError(f"{self._explain(failure, failures)}; the next try may come in "
                           f"{wait:.0f} s, but only {max(0, left):.0f} s of the deadline are left")
        time.sleep(wait)

    def _late(self) -> str:
        return self._clean(
            f"no answer from {self.config.model} at {self.config.base_url} within "
            f"{self.config.deadline_s:g} s: raise deadline_s, lower samples, or configure a "
            "fallback")

    def _explain(self, failure: Failure, failures: int, advice: str = "") -> str:
        """Return what failed and what to do; a 401 shows nothing that the server says."""
        key = f"check the key in ${self.config.key_variable}" if self.config.key_variable else \
            "it wants a key: name the variable that holds it, key_variable"
        advice = advice or failure.advice or {
            401: key, 402: "it wants to be paid", 403: "this key may not use this model",
            404: "check the model and base_url", 413: "the image is too large",
            429: "rate limit or quota"}.get(failure.status, "")
        if not failure.status:
            advice += _proxied(self.config)
        words = "" if failure.status == 401 else self._clean(failure.words)
        words = f" ({words[:MAX_WORDS]})" if words else ""
        return self._clean(
            f"{self.config.model} at {self.config.base_url} failed after {failures} "
            f"{'try' if failures == 1 else 'tries'}: {failure.what}") + words + \
            (f"; {advice}" if advice else "")


def _plainer(failure: Failure, advice: str, level: int) -> int:
    """Return the response format to ask for after a failure, the same if it is not to blame.

    A 400 that blames nothing else is taken for a refusal of the format: servers word it anyhow.
    """
    last = len(LEVELS) - 1
    blamed = bool(FORMAT.search(failure.words)) and failure.status not in (0, 401, 402, 403, 429)
    guessed = failure.status in (400, 422) and not advice
    if level == last or not (blamed or guessed):
        return level
    # llama.cpp's Python server and its kin take the schema there
    takes_schema = level == 0 and re.search(r"'text' or 'json_object'", failure.words)
    return 1 if takes_schema else max(level + 1, 2)


def _advice(failure: Failure, question: Question) -> str:
    """Return what to do where the server's words blame something else than the format."""
    if failure.status in (0, 401, 403, 404, 429) or FORMAT.search(failure.words):
        return ""
    for pattern, picture, advice in CAUSES:
        if (question.image is not None or not picture) and pattern.search(failure.words):
            return advice
    return ""


def _proxied(config: VlmConfig) -> str:
    """Return a hint at the proxy that requests go through, "" without one."""
    names = _proxy_variables(urlsplit(config.base_url).scheme)
    if not names or proxy_bypass(config.host):
        return ""
    return f"; requests go through the proxy in {names[0]} (NO_PROXY excepts hosts)"


def _proxy_variables(scheme: str) -> list[str]:
    """Return the environment variables that name a proxy, the one that counts first."""
    return [name for kind in (scheme, "all") for name in (f"{kind}_proxy", f"{kind}_PROXY".upper())
            if os.environ.get(name)]


def _unopened(config: VlmConfig, reason: str) -> str:
    """Return why no client could be made; a proxy's address is not shown, it may hold a key."""
    names = [name for scheme in ("http", "https") for name in _proxy_variables(scheme)]
    odd = [name for name in names if not os.environ[name].startswith(("http://", "https://"))]
    if not (odd or names):
        return f"{config.base_url} cannot be asked: {reason}"
    socks = os.environ[(odd or names)[0]].startswith("socks")
    return (f"the proxy in {(odd or names)[0]} cannot be used: " + (
        "SOCKS needs the package 'socksio' (pip install socksio); or " if socks else
        "it must be an http or https address; or ") +
        "unset the variable, or except hosts with NO_PROXY")


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
    name = config.key_variable
    key = os.environ.get(name, "").strip() if name else ""
    if not key:
        if name and not VARIABLE.fullmatch(name):
            raise MwxError("key_variable names no variable of this environment, and may be the key "
                           "itself (it is not shown here): put the key into a variable such as "
                           "OPENAI_API_KEY and give that name")
        if name and not config.loopback:
            raise MwxError(f"the environment variable {name} is not set: put the "
                           f"key for {config.host} there, or set key_variable to \"\" if the "
                           "server wants none")
        return NO_KEY
    if not (key.isascii() and key.isprintable()):
        raise MwxError(f"the key in {name} holds characters that cannot be sent: copy it again")
    if not config.loopback and urlsplit(config.base_url).scheme != "https":
        raise MwxError(f"{config.base_url} is not encrypted: the key in {name} "
                       "would be readable on the way. Use https, or key_variable \"\"")
    return key


def _response_format(level: int, question: Question) -> dict[str, Any]:
    if level == 0:
        return {"type": "json_schema", "json_schema": {"name": "guidance", "strict": True,
                                                       "schema": question.schema}}
    return {"type": "json_object"} | ({"schema": question.schema} if level == 1 else {})

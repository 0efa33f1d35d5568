"""Reading what a server sent: the answer's text, or why there is none, in the server's words."""

import html
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mwx.router.parse import BLANK, InvalidAnswer

SPOKEN = ("message", "detail", "msg", "raw", "error", "errors", "title", "reason",
          "metadata", "error_description")
MAX_WORDS = 300  # characters shown
MAX_READ = 10_000  # characters of them that are looked at
FORMAT = re.compile(r"response.?format|json.?(schema|object|mode)|schema|grammar|structured|"
                    r"guided|sampler|output.?format|additionalProperties", re.IGNORECASE)
# what else a server may not take: its words (while a picture is shown), and what to do
CAUSES: tuple[tuple[re.Pattern[str], bool, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), picture, advice) for pattern, picture, advice in (
        (r"image|vision|visual|multi-?modal|picture|mmproj", True,
         "this model takes no picture: leave the picture out (no --model.look), or name a model "
         "that sees"),
        (r"system\W+(role|message|prompt|instruction)|role\W+.?system", False,
         "this model takes no system message, which holds the instruction: name another model, or "
         "serve it with a chat template that has one"),
        (r"context.{0,20}(length|window|size|exceed)|exceed.{0,30}(context|token)|too many tokens",
         False, "the question is too long for it: serve the model with a longer context"),
        (r"temperature|top_p", False, "leave temperature to the server"),
        (r"model\b.{0,60}\bnot (be )?(found|exist|available|loaded)|no such model|unknown model|"
         r"model.{0,40}does ?n.t exist", False, "check the model's name"),
        (r"api.?key|credential|unauthori[sz]ed|authenticat", False, "check the key")))
KEYLESS = re.compile(r"api_?key|authenticat|unauthori", re.IGNORECASE)  # in an error's code
PASSING = re.compile(r"rate.?limit|too many requests|overloaded|temporar|unavailable|try again|"
                     r"time.?out|exhausted|capacity", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """Why a request brought no answer.

    Attributes:
        what: in a few words, e.g. "HTTP 400".
        words: the server's own, as it sent them: a key may be in them.
        status: HTTP status, or the code within a body of status 200; 0 for none.
        passing: may be over at the next try.
        retry_after: [s] that the server asks to wait.
        advice: what to do.
    """

    what: str
    words: str = ""
    status: int = 0
    passing: bool = False
    retry_after: float = 0.0
    advice: str = ""


def read_reply(body: str) -> tuple[str, Any] | Failure:
    """Return (text of the answer, token usage), or the failure that the body of a 200 tells.

    Raises:
        InvalidAnswer: the model answered, but not usably (refused, cut short, empty).
    """
    value = _decoded(body)
    if not isinstance(value, dict) or not any(
            key in value for key in ("choices", *SPOKEN)):
        return Failure("not the OpenAI protocol", plain(body)[:80],
                       advice="check base_url, which often ends in /v1")
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    first = first if isinstance(first, dict) else {}
    text, thought = _texts(first)
    error = value.get("error") or first.get("error")
    if (error and (not text or first.get("finish_reason") == "error")) or "choices" not in value:
        return told(error or value, 0)
    _check(first, text, thought)
    return text or thought, value.get("usage")


def _decoded(body: str) -> Any:
    """Return a body's JSON; a stream's deltas are joined, a list of one is its element."""
    body = body.strip(BLANK)
    try:
        value = json.loads(body)
        return value[0] if isinstance(value, list) and len(value) == 1 else value
    except (ValueError, RecursionError):
        pass
    try:
        events = [json.loads(line[5:]) for line in body.splitlines()
                  if line.startswith("data:") and line[5:].strip() != "[DONE]"]
        parts = [event for event in events if event.get("choices")]
        if not parts:
            return events[0] if events else None
        text = "".join(_texts(part["choices"][0])[0] for part in parts)
        last = {**parts[-1]["choices"][0], "message": {"content": text}}
        return {**parts[-1], **events[-1], "choices": [last]}
    except (ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return None


def _texts(choice: dict[str, Any]) -> tuple[str, str]:
    """Return what a choice says and what it thought, each "" if nothing."""
    message = choice.get("message") or choice.get("delta") or {"content": choice.get("text")}
    if not isinstance(message, dict):
        return "", ""
    content, text = message.get("content"), ""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict) and not isinstance(part.get("text"), str):
            if "thinking" in part or "reasoning" in str(part.get("type")):
                continue
            part = json.dumps(part)  # the object itself, not as text
        if isinstance(part, dict) and part.get("type") in ("thinking", "reasoning"):
            continue
        text += part["text"] if isinstance(part, dict) else part if isinstance(part, str) else ""
    thoughts = [message.get(name) for name in ("reasoning_content", "reasoning", "thinking")]
    thought = next((some for some in thoughts if isinstance(some, str) and some), "")
    return text if text.strip(BLANK) else "", thought


def _check(choice: dict[str, Any], text: str, thought: str) -> None:
    """Raise InvalidAnswer for a choice without a whole answer."""
    message = choice.get("message")
    if not choice:
        raise InvalidAnswer("the endpoint returned no answer (empty choices)")
    if isinstance(message, dict) and message.get("refusal"):
        raise InvalidAnswer(f"the model refused: {str(message['refusal'])[:200]}")
    if choice.get("finish_reason") in ("length", "content_filter"):
        raise InvalidAnswer(f"the answer was cut short ({choice['finish_reason']})")
    if not text and "{" not in thought:
        raise InvalidAnswer(f"the answer was empty, after {len(thought)} characters of reasoning"
                            if thought else "the answer was empty")


def told(value: Any, status: int, retry_after: float = 0.0) -> Failure:
    """Return the failure that a parsed body tells.

    Args:
        value: the body, or its "error".
        status: HTTP status; 0 takes the code within the body.
        retry_after: [s] that the headers ask to wait.
    """
    if isinstance(value, list) and value:
        value = value[0]
    inner = value.get("error") if isinstance(value, dict) else None
    inner = inner if isinstance(inner, dict) else value if isinstance(value, dict) else {}
    words = "; ".join(dict.fromkeys(plain(part) for part in _spoken(value) if part.strip()))
    codes = [str(inner.get(name)) for name in ("code", "status", "status_code", "type")]
    within = next((int(code) for code in codes if re.fullmatch("[1-5][0-9][0-9]", code)), 0)
    spent = "insufficient_quota" in codes
    keyless = any(KEYLESS.search(code) for code in codes)  # the words may show the key
    code = 401 if keyless else status or within
    passing = code in (408, 409, 425, 429) or code >= 500 or (
        not code and bool(PASSING.search(" ".join([words, *codes]))))
    what = f"HTTP {status}" if status else f"error {within} within HTTP 200" if within else \
        "an error within HTTP 200"
    return Failure(what, words, code, passing and not spent, retry_after)


def _spoken(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the sentences in an error's body, wherever the server puts them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < 6:
        for part in value[:3]:
            yield from _spoken(part, depth + 1)
    elif isinstance(value, dict) and depth < 6:
        place = value.get("loc")
        if isinstance(place, list) and isinstance(value.get("msg"), str):
            yield f"{'.'.join(map(str, place))}: {value['msg']}"
            return
        for name in SPOKEN:
            yield from _spoken(value.get(name), depth + 1)


def plain(text: str) -> str:
    """Return text without HTML tags and with white space folded."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(
        r"<(script|style).*?</\1>|<[^>]*>", " ", text[:MAX_READ], flags=re.DOTALL))).strip()


def failure_of(error: Exception) -> Failure:
    """Return what an exception of the client library means; it holds the key, this does not."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None)
    if response is None or not isinstance(status, int):
        return _unreached(error)
    value = _decoded(response.text)
    try:
        wait = float(response.headers.get("retry-after", 0))
    except ValueError:
        wait = 0.0
    return told(response.text if value is None else value, status,
                wait if 0 <= wait < float("inf") else 0.0)


def _unreached(error: Exception) -> Failure:
    """Return why no server answered: the reason lies at the end of the chain of causes."""
    chain: list[BaseException] = [error]
    while (after := chain[-1].__cause__ or chain[-1].__context__) and after not in chain:
        chain.append(after)
    names = {type(link).__name__ for link in chain}
    deepest = chain[-1]
    certificate = next((x for x in chain if isinstance(x, ssl.SSLCertVerificationError)), None)
    if certificate is not None or "CERTIFICATE_VERIFY_FAILED" in str(deepest):
        return Failure("the server's certificate is not trusted",
                       getattr(certificate, "verify_message", "") or str(deepest),
                       advice="put the certificate of its authority into SSL_CERT_FILE, or use "
                              "the name that the certificate is for")
    if "ProxyError" in names:
        return Failure("the proxy failed", str(deepest), passing=True)
    if any(isinstance(link, socket.gaierror) for link in chain):
        return Failure("unknown host", advice="check base_url and the network")
    if any(isinstance(link, ConnectionRefusedError) for link in chain) or \
            "refused" in str(deepest).lower():
        return Failure("connection refused", passing=True,
                       advice="start the server, or check base_url's port")
    if any(isinstance(link, ssl.SSLError) for link in chain) or "SSL" in str(deepest):
        return Failure("no TLS connection", str(deepest),
                       advice="check whether base_url should begin with http://")
    if any("Timeout" in name for name in names):
        return Failure("no answer in time", passing=True)
    known = "APIConnectionError" in names
    return Failure("the connection broke" if known else type(error).__name__,
                   str(deepest) or type(deepest).__name__, passing=known)

"""Servers as they are: how they wrap answers, refuse formats, fail, and give keys away."""

import base64
import json
import ssl

import numpy as np
import pytest
from vlm_server import (
    EXPERTS,
    VlmServer,
    answer,
    body,
    completion,
    fails,
    for_format,
    message,
    says,
    send,
    valid,
)

from mwx import cli
from mwx.errors import MwxError
from mwx.router import AnswerCache, KeywordRules, VlmConfig, VlmGuidance, WithFallback
from mwx.router.redact import Redactor
from mwx.router.replies import failure_of

openai = pytest.importorskip("openai")
KEY = "sk-canary-9f3c7d1e5b"
TEXT = "Walk to the door and open it."
GOOD = json.dumps(answer())
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("MWX_TEST_KEY", KEY)
    monkeypatch.setattr("mwx.router.endpoint.FIRST_WAIT_S", 0.01)


def ask(server, image=None, url=None, **changes):
    config = {"model": "m", "base_url": url or server.url, "key_variable": "MWX_TEST_KEY",
              "samples": 1, "deadline_s": 20.0, **changes}
    return VlmGuidance(VlmConfig(**config)).guide("door", TEXT, EXPERTS, image)


def formats(server):
    return [(r.get("response_format") or {}).get("type") for r in server.requests]


FENCE = "```"
STREAM = [{"choices": [{"delta": {"content": part}}]} for part in (GOOD[:9], GOOD[9:])]
WRAPPINGS = {
    "fence": says(f"{FENCE}json\n{GOOD}\n{FENCE}"),
    "upper-case fence": says(f"{FENCE}JSON\r\n{GOOD}\r\n{FENCE}\r\n"),
    "fence of another name": says(f"{FENCE}javascript\n{GOOD}\n{FENCE}"),
    "fence on one line": says(f"{FENCE}json {GOOD} {FENCE}"),
    "bare fence on one line": says(f"{FENCE}{GOOD}{FENCE}"),
    "tildes": says(f"~~~\n{GOOD}\n~~~"),
    "unclosed fence": says(f"{FENCE}json\n{GOOD}"),
    "prose around a fence": says(f"Here you are:\n{FENCE}json\n{GOOD}\n{FENCE}\nHope it helps!"),
    "nested fences": says(f"{FENCE}markdown\n{FENCE}json\n{GOOD}\n{FENCE}\n{FENCE}"),
    "prose with braces": says(f"The plan {{then}} follows, say \"so: {GOOD} and {{that}} is it."),
    "thoughts": says(f"<think>hm {{}} {GOOD.replace('8', '3')}</think>\n{GOOD}"),
    "closing tag only": says(f"First go there, {{then}} open.\n</think>\n\n{GOOD}"),
    "long thoughts": says(f"<think>{'so on ' * 9000}</think>{GOOD}"),
    "thoughts without an end": says(f"<think> well, then\n{GOOD}"),
    "byte-order mark": says(f"\ufeff{GOOD}"),
    "list of one": says(f"[{GOOD}]"),
    "object of one": says(json.dumps({"guidance": answer()})),
    "string of JSON": says(json.dumps(GOOD)),
    "closing commas": says(GOOD.replace("}]", "},]")[:-1] + ",}"),
    "numbers in quotes": says(json.dumps(answer(scores={"stand": "5", "walk": "8.0", "reach": 7}))),
    "twice the same": says(f"{GOOD}\n\n{GOOD}"),
    "parts": message(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "{"}]},
                              {"type": "text", "text": GOOD[:20]},
                              {"type": "text", "text": GOOD[20:]}]),
    "output_text": message(content=[{"type": "output_text", "text": GOOD}]),
    "plain parts": message(content=[GOOD]),
    "a part alone": message(content={"type": "text", "text": GOOD}),
    "content as an object": message(content=answer()),
    "reasoning_content": message(content=None, reasoning_content=GOOD),
    "reasoning": message(content="", reasoning=f"Well. {GOOD}"),
    "no reason to finish": message(finish=None, content=GOOD),
    "null error beside": body(completion(GOOD)[:-1] + ', "error": null}'),
    "list of one body": body(f"[{completion(GOOD)}]"),
    "body with a mark": body("\ufeff" + completion(GOOD)),
    "stream": body("".join(f"data: {json.dumps(event)}\n\n" for event in STREAM)
                   + "data: [DONE]\n\n", "text/event-stream"),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_one_object_counts_however_it_is_wrapped(wrapping):
    with VlmServer(WRAPPINGS[wrapping]) as server:
        guidance = ask(server)
    assert len(server.requests) == 1
    np.testing.assert_allclose(guidance.weights, 0.98 * np.array([5, 8, 7]) / 20 + 0.02 / 3)


def test_two_answers_that_differ_are_asked_for_again():
    other = json.dumps(answer(scores={"stand": 1, "walk": 1, "reach": 9}))
    with VlmServer(says(f"{GOOD} or rather {other}"), valid()) as server:
        ask(server)
    assert "several answers" in server.requests[1]["messages"][-1]["content"]


def test_reasoning_without_an_answer_is_named():
    with VlmServer(message(content=None, reasoning_content="Let me see.")) as server, \
            pytest.raises(MwxError, match="empty, after 11 characters of reasoning"):
        ask(server)


def inside(**error):
    return body(json.dumps({"id": None, "choices": None, "error": error}))


LIMITED = {"message": "Provider returned error", "code": 429,
           "metadata": {"raw": "rate-limited upstream"}}
INSIDE_200 = {
    "rate limit": (inside(**LIMITED), "rate-limited upstream", True),
    "code in words": (inside(message="slow down", code="rate_limit_exceeded"), "slow down", True),
    "overload": (inside(message="busy", code=503), "busy", True),
    "without choices": (body(json.dumps({"error": {"message": "gone wrong", "code": 502}})),
                        "gone wrong", True),
    "within a choice": (body(json.dumps({"choices": [
        {"error": LIMITED, "finish_reason": "error", "message": {"content": "{"}}]})),
        "rate-limited upstream", True),
    "no such model": (inside(message="Model a/b is not available", code=400), "a/b", False),
    "text": (body('{"error": "model broken"}'), "model broken", False),
    "list": (body('[{"error": {"message": "quota is spent", "code": 402}}]'), "quota", False),
    "detail": (body('{"detail": "Not Found"}'), "Not Found", False),
    "quota": (inside(message="pay", code="insufficient_quota"), "pay", False),
}


@pytest.mark.parametrize("error", INSIDE_200)
def test_an_error_inside_a_200_is_the_servers_not_the_models(error):
    reply, words, passing = INSIDE_200[error]
    with VlmServer(reply) as server, pytest.raises(MwxError, match=words):
        ask(server)
    assert len(server.requests) == (3 if passing else 1)
    assert all(len(request["messages"]) == 2 for request in server.requests)  # no repair turn
    if passing:
        with VlmServer(reply, valid()) as server:
            assert ask(server).provenance.model == "m"
        assert formats(server) == ["json_schema"] * 2


def detail(status, text):
    return lambda handler: send(handler, status, text)


REFUSALS = {
    "xgrammar": detail(400, json.dumps({"object": "error", "code": 400, "message":
                       "The provided JSON schema contains features not supported by xgrammar."})),
    "a list": detail(400, '[{"error": {"code": 400, "message": "Invalid JSON payload received. '
                     'Unknown name \\"additionalProperties\\"", "status": "INVALID_ARGUMENT"}}]'),
    "grammar": fails(500, "Failed to initialize samplers: failed to parse grammar"),
    "fields": detail(422, '{"detail": [{"loc": ["body", "response_format", "type"], '
                     '"msg": "unexpected value", "type": "literal_error"}]}'),
    "structured": fails(400, "This model does not support structured outputs."),
    "inside 200": inside(message="response_format is not supported", code=400),
    "not found": fails(404, "No endpoint takes response_format for this model"),
    "vague": fails(400, "Invalid request"),
    "another language": fails(422, "参数错误"),
    "no words": detail(400, ""),
    "html": detail(400, "<html><title>400 Bad Request</title></html>"),
    "not done": fails(501, "json_schema: not implemented"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_schema_steps_down(refusal):
    no = REFUSALS[refusal]
    with VlmServer(for_format({"json_schema": no}, valid())) as server:
        assert "response format json_object," in ask(server).provenance.notes[0]
    assert formats(server) == ["json_schema", "json_object"]
    with VlmServer(for_format({"json_schema": no, "json_object": no}, valid())) as server:
        assert "prompt only" in ask(server).provenance.notes[0]
    assert formats(server) == ["json_schema", "json_object", None]


def test_a_server_that_names_json_object_gets_the_schema_there():
    no = fails(500, "1 validation error: {'loc': ('body', 'response_format', 'type'), 'msg': "
                    "\"Input should be 'text' or 'json_object'\"}")
    with VlmServer(for_format({"json_schema": no}, valid())) as server:
        ask(server)
    assert formats(server) == ["json_schema", "json_object"]
    scores = server.requests[1]["response_format"]["schema"]["properties"]["scores"]
    assert scores["properties"]["walk"]["enum"] == list(range(11))
    with VlmServer(no, fails(422, "schema: extra inputs are not permitted"), valid()) as server:
        ask(server)
    assert formats(server) == ["json_schema", "json_object", "json_object"]
    assert "schema" not in server.requests[2]["response_format"]


def test_a_failure_without_a_reason_is_tried_without_a_format_last():
    broken = fails(500, "internal error")
    with VlmServer(for_format({None: valid()}, broken)) as server:
        ask(server)
    assert formats(server) == ["json_schema", "json_schema", None]
    with VlmServer(broken, valid()) as server:  # it passed: the schema is kept
        ask(server)
    assert formats(server) == ["json_schema"] * 2


UNFIT = {
    "no picture": (fails(400, "At most 0 image(s) may be provided in one prompt."), "picture out"),
    "text only": (fails(400, "messages[1]: unknown variant `image_url`, expected `text`"),
                  "picture out"),
    "no projector": (fails(500, "image input is not supported - hint: provide the mmproj"),
                     "picture out"),
    "no system role": (fails(400, "System role not supported"), "no system message"),
    "too long": (fails(400, "This model's maximum context length is 512 tokens"), "longer context"),
    "no such model": (fails(400, "model 'm' was not found"), "model's name"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_what_a_model_does_not_take_is_named_at_once(fault):
    reply, advice = UNFIT[fault]
    with VlmServer(reply) as server, pytest.raises(MwxError, match=advice):
        ask(server, PNG)
    assert len(server.requests) == 1


def test_an_unexplained_refusal_of_a_picture_says_what_to_try():
    vague = fails(422, "messages.1.content: Input should be a valid string")
    with VlmServer(vague) as server, pytest.raises(MwxError, match="takes no picture, leave it"):
        ask(server, PNG)
    assert formats(server) == ["json_schema", "json_object", None]


ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
SPELLINGS = {
    "plain": KEY, "upper-case": KEY.upper(), "cut": KEY[:14], "end": KEY[-10:],
    "masked": f"{KEY[:6]}********{KEY[-4:]}", "dots": f"{KEY[:5]}...{KEY[-3:]}",
    "base64": base64.b64encode(KEY.encode()).decode(), "hex": KEY.encode().hex(),
    "base64 of a header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "escapes": ESCAPED, "escaped escapes": ESCAPED.replace("\\", "\\\\"),
    "URL": KEY.replace("-", "%2D"), "entities": KEY.replace("-", "&#45;"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_echoed_key_is_taken_out_however_it_is_spelt(spelling, tmp_path):
    text = SPELLINGS[spelling]
    assert Redactor(KEY)(f"it is {text}") in (
        "it is [key]", "it is [key]=", "it is QmVhcmVyIHNr[key]"), Redactor(KEY)(text)
    raw = GOOD.replace("a door", text)
    try:
        json.loads(raw)
    except ValueError:
        raw = GOOD
    stages = GOOD.replace('"go"', f'"{text}"') if "\\\\" not in text else GOOD
    with VlmServer(fails(400, f"context length; key {text}")) as server, \
            pytest.raises(MwxError) as caught:
        ask(server)
    seen = str(caught.value)
    for reply in (says(raw), says(stages)):
        with VlmServer(reply) as server:
            seen += json.dumps(ask(server).to_json())
    assert text not in seen and KEY not in seen and ESCAPED not in seen
    assert json.dumps(ESCAPED)[1:-1] not in seen


def test_a_401_shows_nothing_that_the_server_says():
    odd = f"key {KEY[3:9]} is odd"
    for reply in (fails(401, odd), inside(message=odd, code=401),
                  inside(message=odd, code="invalid_api_key"),
                  fails(400, odd, code="API_KEY_INVALID")):
        with VlmServer(reply) as server, pytest.raises(MwxError, match=r"key in [$]MWX") as told:
            ask(server)
        assert KEY[3:9] not in str(told.value) and len(server.requests) == 1


def test_no_key_means_no_redaction_and_short_words_stay():
    assert Redactor("")("none... of it ***") == "none... of it ***"
    assert Redactor("stand")("understand, stand") == "understand, [key]"
    assert Redactor(KEY)("so ... **bold** walk*** sk- it") == "so ... **bold** walk*** sk- it"


TYPED = ("sk-canary-9f3c7d1e5b", "hf_canaryAbC9f3c7d1e5b", "AKIAIOSFODNN7CANARY9", "gsk_canary7")


@pytest.mark.parametrize("key", TYPED)
@pytest.mark.parametrize("url", ["https://example.invalid/v1", "http://127.0.0.1:9/v1"])
def test_a_key_in_place_of_its_variable_is_not_shown(key, url, capsys):
    words = ["guide", "door", "--provider", "vlm", "--model.name", "m", "--model.base-url", url,
             "--model.key-variable", key]
    assert cli.main(words) == 2
    shown = "".join(capsys.readouterr())
    assert "key_variable" in shown and key not in shown and key[:8] not in shown


@pytest.mark.parametrize("url", [
    f"https://host/v1#{KEY}", f"https://{KEY}@host/v1", f"https://u:{KEY}@host/v1",
    f"https://host/v1?key={KEY}", f"{KEY}@host/v1", f"https://host:{KEY}/v1", f"https://[{KEY}",
    f"https:// {KEY}/v1"])
def test_a_key_in_an_address_is_not_shown(url):
    with pytest.raises(MwxError, match="base_url") as caught:
        VlmConfig("m", base_url=url)
    assert KEY not in str(caught.value) and caught.value.__cause__ is None


def test_a_proxy_of_another_kind_is_named_and_the_fallback_serves(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                 "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    for address in ("socks5://u:secret@127.0.0.1:9", "socks5h://127.0.0.1:9", "gopher://x"):
        monkeypatch.setenv("ALL_PROXY", address)
        with VlmServer(valid()) as server:
            with pytest.raises(MwxError, match="ALL_PROXY") as caught:
                ask(server)
            assert "secret" not in str(caught.value) and caught.value.__context__ is None
            config = VlmConfig("m", server.url, "")
            told = WithFallback(VlmGuidance(config), KeywordRules()).guide("door", TEXT, EXPERTS)
        assert told.provenance.source == "rules" and "ALL_PROXY" in told.provenance.notes[-1]
    monkeypatch.delenv("ALL_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(MwxError, match=r"refused.*proxy in HTTP_PROXY"):
        ask(None, url="http://127.0.0.1:8/v1")


def test_a_connection_that_fails_says_why():
    with pytest.raises(MwxError, match="connection refused"):
        ask(None, url="http://127.0.0.1:9/v1")
    with pytest.raises(MwxError, match="after 1 try: unknown host"):
        ask(None, url="https://nowhere.invalid/v1")
    with VlmServer(valid()) as server, pytest.raises(MwxError, match=r"TLS.*http://"):
        ask(server, url=server.url.replace("http", "https"))
    error = openai.APIConnectionError(request=None)  # pyright: ignore[reportArgumentType]
    error.__cause__ = ConnectionError("all attempts failed")
    error.__cause__.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    told = failure_of(error)
    assert "certificate" in told.what and not told.passing


def test_without_a_home_nothing_is_cached(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    config = VlmConfig("m", key_variable="MWX_TEST_KEY", samples=1)
    with VlmServer(valid()) as server:
        asker = VlmGuidance(VlmConfig("m", server.url, config.key_variable, 1), AnswerCache())
        told = asker.guide("door", TEXT, EXPERTS)
    assert "could not be cached" in told.provenance.notes[-1]


def homeless():
    raise RuntimeError("Could not determine home directory.")

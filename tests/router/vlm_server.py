"""A loopback server that speaks the chat-completions protocol and misbehaves on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]
EXPERTS = {"stand": "keeps balance", "walk": "walks", "reach": "moves a hand"}


def answer(**changes: Any) -> dict[str, Any]:
    """Return a valid answer as a dict, with some keys changed (None removes one)."""
    value = {"reasoning": "a door", "scores": {"stand": 5, "walk": 8, "reach": 7},
             "stages": [{"text": "go", "expert": "walk", "fraction": 0.5},
                        {"text": "open", "expert": "reach", "fraction": 0.5}],
             "unsupported": False, **changes}
    return {k: v for k, v in value.items() if v is not None}


def send(handler: BaseHTTPRequestHandler, status: int, body: str, kind: str = "application/json",
         **headers: str) -> None:
    data = body.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def completion(content: str | None, finish: str = "stop", refusal: str | None = None) -> str:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
                       "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                       "usage": {"prompt_tokens": 100, "completion_tokens": 20,
                                 "total_tokens": 120}})


def says(content: str | None, finish: str = "stop", refusal: str | None = None) -> Reply:
    return lambda handler: send(handler, 200, completion(content, finish, refusal))


def message(finish: str | None = "stop", **fields: Any) -> Reply:
    """Reply with a message of any fields, as servers differ in them."""
    value = json.loads(completion(None))
    value["choices"][0].update(message={"role": "assistant", **fields}, finish_reason=finish)
    return body(json.dumps(value))


def for_format(refusals: dict[str | None, Reply], otherwise: Reply) -> Reply:
    """Reply by the response format that was asked for."""
    def reply(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.asked.get("response_format") or {}  # type: ignore[attr-defined]
        refusals.get(asked.get("type"), otherwise)(handler)
    return reply


def valid(**changes: Any) -> Reply:
    return says(json.dumps(answer(**changes)))


def fails(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}})
    return lambda handler: send(handler, status, body, **headers)


def body(text: str, kind: str = "application/json") -> Reply:
    return lambda handler: send(handler, 200, text, kind)


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """Keep the connection alive with a byte now and then: no read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(30):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.1)


def drop(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


class VlmServer:
    """Answers requests from a list of replies; the last one is repeated."""

    def __init__(self, *replies: Reply):
        self.replies, self.requests, self.keys = list(replies), [], []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                with outer._lock:
                    index = min(len(outer.requests), len(outer.replies) - 1)
                    self.asked = json.loads(data)
                    outer.requests.append(self.asked)
                    outer.keys.append(self.headers["Authorization"])
                try:
                    outer.replies[index](self)
                except OSError:
                    pass

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> "VlmServer":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def texts(self, role: str) -> Iterable[str]:
        return [str(m["content"]) for r in self.requests for m in r["messages"]
                if m["role"] == role]

"""A server on loopback that speaks Gemini's REST protocol: what it answers is scripted, what it was asked is kept."""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "AIza-the-secret-of-these-tests"
MODEL = "gemini-3.8-flash"


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire."""

    path: str
    key: str | None
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        return str(self.body["contents"][0]["parts"][0]["text"])

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.body["generationConfig"]
        return config

    @property
    def schema(self) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = self.config["responseJsonSchema"]
        return schema

    @property
    def most_tokens(self) -> tuple[int, int]:
        """As large as usage can be: every byte of the prompt and of the schema, and all output that is allowed."""
        prompt = len(self.prompt.encode()) + len(json.dumps(self.schema).encode())
        return prompt, int(self.config["maxOutputTokens"])


@dataclass(frozen=True)
class Reply:
    """What goes back. `missing` bytes are promised but never sent; `status` 0 hangs up without a word."""

    body: Mapping[str, Any] | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0


def said(text: str, finish: str = "STOP", usage: Mapping[str, int] | None = None) -> Reply:
    """An answer in the form of the API; its text may be anything."""
    body: dict[str, Any] = {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": finish, "index": 0}],
        "modelVersion": MODEL,
        "responseId": "an-id",
    }
    took = {"promptTokenCount": 100, "candidatesTokenCount": 40, "thoughtsTokenCount": 10, "totalTokenCount": 150}
    return Reply(body | {"usageMetadata": took if usage is None else usage})


def filtered(finish: str) -> Reply:
    """Stopped on the way: a candidate without content."""
    usage = {"promptTokenCount": 100, "totalTokenCount": 100}
    return Reply({"candidates": [{"finishReason": finish, "index": 0}], "usageMetadata": usage})


def blocked(reason: str) -> Reply:
    """The prompt itself was not let through."""
    usage = {"promptTokenCount": 100, "totalTokenCount": 100}
    return Reply({"promptFeedback": {"blockReason": reason}, "usageMetadata": usage})


def failed(
    status: int, name: str, message: str = "", *details: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Reply:
    """An error document of a Google API."""
    error = {"code": status, "message": message or name, "status": name, "details": list(details)}
    return Reply({"error": error}, status, headers or {})


def busy(delay: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Too many requests, with RetryInfo where a delay is given."""
    quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaValue": "10"}]}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    details = (quota, retry) if delay else (quota,)
    return failed(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", *details, headers=headers)


def wrong_key() -> Reply:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    return failed(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", info)


def good(asked: Asked) -> Mapping[str, Any]:
    """What an obliging model would fill in, out of the prompt alone."""
    rows = re.findall(r"^- (.+?)(?: \(so far: .*\))?$", asked.prompt, re.MULTILINE)
    title = asked.schema["title"]
    if title == "DepartmentWords":
        return department(str(re.findall(r"Department: (.+)", asked.prompt)[0]))
    if title == "CrowdWords":
        departments = re.findall(r"Departments: (.+)\.", asked.prompt)[0].split(", ")
        brands = re.findall(r"Brands: (.+)\.", asked.prompt)[0].split(", ")
        words = {"departments": departments[::-1], "brands": brands[:2], "vocabulary": ["shiny {query}"]}
        return {"personas": [{"name": name, **words} for name in rows]}
    if title == "QueryWords":
        return {"kinds": [{"kind": name, "queries": [f"Nice {name}", f"{name} for rain"]} for name in rows]}
    return {"colors": ["red", "blue"]}


def department(name: str, count: int = 4) -> dict[str, Any]:
    """`count` families that can be used."""
    word = name.split()[0]
    families = [
        {
            "name": f"{word} Thing {'ABCDEFGH'[number]}",
            "titles": ["{brand} {style} {name}, {size}", "{brand} {series} {name} - {size}"],
            "slots": [
                {"attribute": "style", "values": ["Plain", "Fancy", "Grand"]},
                {"attribute": "size", "values": ["Small", "Medium", "Large"]},
            ],
            "features": ["a lid", "a long cord", "two wheels"],
            "uses": ["beginners", "travel"],
        }
        for number in range(count)
    ]
    return {"brands": [f"{word}ora", f"{word}ix"], "series": ["Dawn", "Dusk"], "families": families}


class GeminiServer:
    """Answers from `script` first, then by `rule`, then obligingly; `complaints` are what the API would not take."""

    def __init__(self) -> None:
        self.script: deque[Reply] = deque()
        self.rule: Callable[[Asked], Reply | None] = lambda asked: None
        self.asked: list[Asked] = []
        self.complaints: list[str] = []
        self.greedy = False  # usage as large as the request allows
        self.billed = (0, 0)  # prompt and output tokens of all replies that name their usage
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.serve(self, Asked(self.path, self.headers.get("x-goog-api-key"), body))

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def serve(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self.asked.append(asked)
        self.complaints += complaints(asked)
        reply = wrong_key() if asked.key != KEY else None
        if reply is None and self.script:
            reply = self.script.popleft()
        reply = reply or self.rule(asked) or said(json.dumps(good(asked)))
        if self.greedy and isinstance(reply.body, dict) and "usageMetadata" in reply.body:
            prompt, output = asked.most_tokens
            took = {"promptTokenCount": prompt, "candidatesTokenCount": output // 2}
            took |= {"thoughtsTokenCount": output - output // 2, "totalTokenCount": prompt + output}
            self.billed = self.billed[0] + prompt, self.billed[1] + output
            reply = Reply(reply.body | {"usageMetadata": took}, reply.status, reply.headers, reply.missing)
        send(handler, reply)


def send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    if reply.status == 0:
        handler.close_connection = True
        return
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    handler.send_response(reply.status)
    handler.send_header("Content-Type", "application/json; charset=UTF-8")
    handler.send_header("Content-Length", str(len(content) + reply.missing))
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)
    handler.close_connection = bool(reply.missing)


def complaints(asked: Asked) -> list[str]:
    """What the real API, or our own promises, would object to."""
    config = asked.config
    schema = config.get("responseJsonSchema")
    right = {
        f"path {asked.path}": asked.path == f"/v1beta/models/{MODEL}:generateContent",
        "no key": bool(asked.key),
        "mime type": config.get("responseMimeType") == "application/json",
        "schema": isinstance(schema, dict) and schema.get("type") == "object" and bool(schema.get("properties")),
        "maxOutputTokens": isinstance(config.get("maxOutputTokens"), int) and 0 < config["maxOutputTokens"] <= 65_536,
        "thinking": config.get("thinkingConfig") in ({"thinkingLevel": "LOW"}, {"thinking_level": "LOW"}),
        "prompt": bool(asked.prompt.strip()),
    }
    return [what for what, fine in right.items() if not fine]

"""A server of somebody else's: a real one on loopback, that answers as each story needs it, and remembers what it was
asked."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """Where the range that was asked for begins."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])


@dataclass
class Elsewhere:
    """``routes``: path without its query → what answers there, given the handler and the request."""

    routes: dict[str, Callable[[Handler, Request], None]] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> Elsewhere:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Handler,), {"elsewhere": self}))
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.seen if request.path.split("?")[0] == path]

    # What answers

    def says(self, path: str, told: Any, status: int = 200) -> None:
        """JSON at ``path``."""
        body = json.dumps(told).encode()
        self.routes[path] = lambda here, _: here.answer(status, body, {"Content-Type": "application/json"})

    def gives(self, path: str, data: bytes, **manner: Any) -> None:
        """A file at ``path``, in a `Manner`."""
        self.routes[path] = Manner(data, **manner)

    def leads(self, path: str, where: str, status: int = 302) -> None:
        self.routes[path] = lambda here, _: here.answer(status, b"", {"Location": where})


@dataclass
class Manner:
    """How a file is sent. ``breaks``: at which byte each answer breaks off, in order; then none does. ``said``: the
    length that is told. ``pause``: seconds after each 64 KiB. ``extra``: bytes sent beyond the end."""

    data: bytes
    ranges: bool = True
    length: bool = True
    breaks: list[int] = field(default_factory=list)
    said: int | None = None
    pause: float = 0.0
    extra: bytes = b""
    etag: str = '"one"'
    kind: str = "application/octet-stream"
    token: str = ""

    def __call__(self, here: Handler, request: Request) -> None:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            here.answer(
                401, b'{"error":"Unauthorized","message":"Sign in first"}', {"Content-Type": "application/json"}
            )
            return
        asked = request.headers.get("range", "") if self.ranges else ""
        if request.headers.get("if-range", self.etag) != self.etag:
            asked = ""
        start, end = 0, len(self.data)
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(len(self.data), int(last) + 1) if last else len(self.data)
        here.send_response(206 if asked else 200)
        here.send_header("Content-Type", self.kind)
        if self.etag:
            here.send_header("ETag", self.etag)
        total = len(self.data) if self.said is None else self.said
        if asked:
            here.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
        if self.length:
            here.send_header("Content-Length", str(end - start if asked or self.said is None else total))
        here.end_headers()
        stop = min(end, self.breaks.pop(0)) if self.breaks and end - start > 1 else end
        for place in range(start, stop, 65536):
            here.wfile.write(self.data[place : min(stop, place + 65536)])
            time.sleep(self.pause)
        if stop == end == len(self.data):
            here.wfile.write(self.extra)


class Handler(BaseHTTPRequestHandler):
    elsewhere: Elsewhere

    def do_GET(self) -> None:
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()})
        self.elsewhere.seen.append(request)
        answer = self.elsewhere.routes.get(self.path.split("?")[0])
        try:
            if answer is None:
                self.answer(404, b'{"error":"Model not found"}', {"Content-Type": "application/json"})
            else:
                answer(self, request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""

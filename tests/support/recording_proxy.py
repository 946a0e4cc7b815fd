"""A door before the server: tests see what goes through it, and get in the way.

It speaks TLS and asks for a password where that is wanted, which the stock server can't.
"""

from __future__ import annotations

import json
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from tests.support.cluster import Cluster
from tests.support.cluster.fixtures import IndexNames

TIMEOUT = 60.0


@dataclass(frozen=True)
class Request:
    """What came to the door."""

    method: str
    path: str
    headers: dict[str, str]  # their names in lower case
    body: bytes

    @property
    def is_bulk(self) -> bool:
        return urlsplit(self.path).path.endswith("/_bulk")

    @property
    def operations(self) -> list[BulkOperation]:
        """Return what a bulk is to do."""
        lines = iter(self.body.splitlines(keepends=True))
        found = []
        for line in lines:
            ((what, told),) = json.loads(line).items()
            more = next(lines) if what != "delete" else b""
            found.append(BulkOperation(what, told["_index"], told["_id"], line + more))
        return found


@dataclass(frozen=True)
class BulkOperation:
    """One item of a bulk, with its lines as they were sent."""

    what: str
    index: str
    key: str
    lines: bytes


@dataclass(frozen=True)
class Response:
    """What goes back."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def told(self) -> Any:
        return json.loads(self.body)


def json_response(status: int, told: object) -> Response:
    """Return an answer of JSON."""
    return Response(status, json.dumps(told).encode())


Forward = Callable[[Request], Response]
RequestHandler = Callable[[Request, Forward], Response | None]
"""Gives the answer to a request, by itself or by what forwards it; None breaks the connection."""


def forward_all(request: Request, forward: Forward) -> Response:
    return forward(request)


def reject_some(
    request: Request, forward: Forward, refuses: Callable[[BulkOperation], bool], status: int
) -> Response:
    """Forward a bulk without some of its items, and answer for these with ``status``."""
    operations = request.operations
    taken = [each for each in operations if not refuses(each)]
    items: Iterator[Any] = iter(())
    if taken:
        body = b"".join(each.lines for each in taken)
        items = iter(forward(Request(request.method, request.path, {}, body)).told["items"])
    told = [next(items) if each in taken else _rejected(each, status) for each in operations]
    return json_response(200, {"took": 1, "errors": len(taken) < len(told), "items": told})


def _rejected(operation: BulkOperation, status: int) -> dict[str, object]:
    error = {"type": "rejected_execution_exception", "reason": "the door says so"}
    where = {"_index": operation.index.removesuffix(".w"), "_id": operation.key}
    return {operation.what: {**where, "status": status, "error": error}}


@dataclass
class RecordingProxy:
    """The door: what has come through it, and who answers there.

    With ``certificate`` (of key and certificate) it speaks TLS, with ``password``
    (``user:password``) or ``token`` it asks for them.
    """

    names: IndexNames
    certificate: Path | None = None
    password: str | None = None
    token: str | None = None
    doorkeeper: RequestHandler = forward_all
    requests: list[Request] = field(default_factory=list)
    most_bulks_at_once: int = 0
    _bulks: int = 0
    _lock: Lock = field(default_factory=Lock)
    _mishaps: list[BaseException] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return self.names.cluster

    @property
    def bulks(self) -> list[Request]:
        return [each for each in self.requests if each.is_bulk]

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def new(self, options: str = "?replicas=0") -> str:
        """Return the address of an index that isn't there yet, through this door."""
        name = urlsplit(self.names.new()).path
        return (
            f"opensearch{'+https' * bool(self.certificate)}://127.0.0.1:{self.port}{name}{options}"
        )

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _http_handler(self))
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.mishaps = self._mishaps
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        # Who asks may be killed by a test; nothing else may go wrong here.
        wrong = [each for each in self._mishaps if not isinstance(each, OSError)]
        if wrong and error is None:
            raise wrong[0]

    def close(self) -> None:
        """Let nobody in any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(self, request: Request) -> Response | None:
        """Take a request that came to the door."""
        if not self._knows(request.headers.get("authorization", "")):
            error = {"type": "security_exception", "reason": "unknown"}
            return json_response(401, {"error": error, "status": 401})
        with self._lock:
            self.requests.append(request)
            self._bulks += request.is_bulk
            self.most_bulks_at_once = max(self.most_bulks_at_once, self._bulks)
        try:
            return self.doorkeeper(request, self._forward)
        finally:
            with self._lock:
                self._bulks -= request.is_bulk

    def _knows(self, authorization: str) -> bool:
        if self.password is not None:
            return authorization == f"Basic {b64encode(self.password.encode()).decode()}"
        return self.token is None or authorization == f"Bearer {self.token}"

    def _forward(self, request: Request) -> Response:
        where = urlsplit(self.cluster.urls[0])
        connection = HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(request.method, request.path, request.body or None, headers)
            told = connection.getresponse()
            return Response(told.status, told.read())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    mishaps: list[BaseException]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  (its interface)
        mishap = sys.exception()
        assert mishap is not None
        self.mishaps.append(mishap)


def _http_handler(front: RecordingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = front.answer(Request(self.command, self.path, headers, body))
            if told is None:
                self.close_connection = True
                return
            self.send_response(told.status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(told.body)))
            for name, value in told.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def front(
    opensearch: IndexNames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[RecordingProxy]:
    """Give a door before the shared server; nothing of the user's own decides behind it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with RecordingProxy(opensearch) as front:
        yield front

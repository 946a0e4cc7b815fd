"""A proxy before the server, which records requests and can change or drop responses.

It can use TLS and require a password or a token, which the stock server can't.
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
    """A request that has arrived at the proxy."""

    method: str
    path: str
    headers: dict[str, str]  # their names in lower case
    body: bytes

    @property
    def is_bulk(self) -> bool:
        return urlsplit(self.path).path.endswith("/_bulk")

    @property
    def operations(self) -> list[BulkOperation]:
        """Return the operations of a bulk request."""
        lines = iter(self.body.splitlines(keepends=True))
        found = []
        for line in lines:
            ((action, target),) = json.loads(line).items()
            source = next(lines) if action != "delete" else b""
            found.append(BulkOperation(action, target["_index"], target["_id"], line + source))
        return found


@dataclass(frozen=True)
class BulkOperation:
    """One operation of a bulk request, with its lines as they were sent."""

    action: str
    index: str
    key: str
    lines: bytes


@dataclass(frozen=True)
class Response:
    """A response of the proxy."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def json_response(status: int, value: object) -> Response:
    """Return a response with a JSON body."""
    return Response(status, json.dumps(value).encode())


Forward = Callable[[Request], Response]
RequestHandler = Callable[[Request, Forward], Response | None]
"""Returns the response to a request, forwarded or not; None breaks the connection."""


def forward_all(request: Request, forward: Forward) -> Response:
    return forward(request)


def reject_some(
    request: Request, forward: Forward, rejects: Callable[[BulkOperation], bool], status: int
) -> Response:
    """Forward a bulk request without some operations, which fail with ``status``."""
    operations = request.operations
    accepted = [each for each in operations if not rejects(each)]
    items: Iterator[Any] = iter(())
    if accepted:
        body = b"".join(each.lines for each in accepted)
        items = iter(forward(Request(request.method, request.path, {}, body)).json["items"])
    results = [next(items) if each in accepted else _rejected(each, status) for each in operations]
    errors = len(accepted) < len(results)
    return json_response(200, {"took": 1, "errors": errors, "items": results})


def _rejected(operation: BulkOperation, status: int) -> dict[str, object]:
    error = {"type": "rejected_execution_exception", "reason": "rejected by the proxy"}
    where = {"_index": operation.index.removesuffix(".w"), "_id": operation.key}
    return {operation.action: {**where, "status": status, "error": error}}


@dataclass
class RecordingProxy:
    """The proxy, the requests it has received, and the handler that responds to them.

    With ``certificate`` (a file with key and certificate) it uses TLS. With ``password``
    (``user:password``) or ``token`` it requires these credentials.
    """

    names: IndexNames
    certificate: Path | None = None
    password: str | None = None
    token: str | None = None
    handler: RequestHandler = forward_all
    requests: list[Request] = field(default_factory=list)
    max_concurrent_bulks: int = 0
    _bulks: int = 0
    _lock: Lock = field(default_factory=Lock)
    _errors: list[BaseException] = field(default_factory=list)

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
        """Return the address, through this proxy, of an index that does not exist yet."""
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
        self._server.errors = self._errors
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
        # A test may kill a client; there must be no other error.
        errors = [each for each in self._errors if not isinstance(each, OSError)]
        if errors and error is None:
            raise errors[0]

    def close(self) -> None:
        """Accept no more connections."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def respond(self, request: Request) -> Response | None:
        """Record a request and return the response to it."""
        if not self._is_authorized(request.headers.get("authorization", "")):
            error = {"type": "security_exception", "reason": "unknown"}
            return json_response(401, {"error": error, "status": 401})
        with self._lock:
            self.requests.append(request)
            self._bulks += request.is_bulk
            self.max_concurrent_bulks = max(self.max_concurrent_bulks, self._bulks)
        try:
            return self.handler(request, self._forward)
        finally:
            with self._lock:
                self._bulks -= request.is_bulk

    def _is_authorized(self, authorization: str) -> bool:
        if self.password is not None:
            return authorization == f"Basic {b64encode(self.password.encode()).decode()}"
        return self.token is None or authorization == f"Bearer {self.token}"

    def _forward(self, request: Request) -> Response:
        where = urlsplit(self.cluster.urls[0])
        connection = HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            return Response(response.status, response.read())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    errors: list[BaseException]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  (the base class's interface)
        error = sys.exception()
        assert error is not None
        self.errors.append(error)


def _http_handler(proxy: RecordingProxy) -> type[BaseHTTPRequestHandler]:
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
            response = proxy.respond(Request(self.command, self.path, headers, body))
            if response is None:
                self.close_connection = True
                return
            self.send_response(response.status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def proxy(
    opensearch: IndexNames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[RecordingProxy]:
    """Return a proxy before the shared server; the user's own configuration is not used."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with RecordingProxy(opensearch) as proxy:
        yield proxy

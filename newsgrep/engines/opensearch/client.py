"""The client for an OpenSearch server: requests with a total deadline and bounded responses.

The time limits of the standard library, and of the usual client libraries, are for each read: a
server that sends a byte every minute is never too slow. Here one deadline includes connecting,
TLS, sending and the whole response. A response is limited before and after decompression.

Nothing is taken from the environment, neither a proxy nor a password from ``.netrc``, and no
redirect is followed. Only the name of the host is resolved by the system, with its own limits.

Whatever goes wrong becomes :class:`ServerProblem` in :class:`Client` and nowhere else.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import time
import zlib
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn
from urllib.parse import urlencode

from newsgrep.engines.opensearch.address import (
    CA_VARIABLE,
    Credentials,
    OpenSearchAddress,
    load_credentials,
)
from newsgrep.engines.opensearch.problems import (
    JsonObject,
    NotAnObject,
    StatusError,
    describe_failure,
    describe_status,
    parse_object,
)
from newsgrep.engines.registry import DEFAULT_TIMEOUT
from newsgrep.errors import ServerProblem, UsageError
from newsgrep.messages import message

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


MAX_CONNECTIONS: Final = 8
"""Connections that are kept open."""

MAX_RESPONSE_BYTES: Final = 64 << 20
"""More than any single document has: at most half of
:data:`newsgrep.engines.opensearch.loader.MAX_DOCUMENT_BYTES` is stored. A response with several
documents that is longer is requested in smaller parts."""

_CHUNK_BYTES: Final = 1 << 16
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_ENCODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})


class Deadline:
    """A moment after which everything fails, ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left; raises ``TimeoutError`` if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(message("the deadline has passed"))
        return left


class ResponseTooLarge(Exception):
    """A response is longer than :data:`MAX_RESPONSE_BYTES`, or has too many values."""


class ResponseDamaged(Exception):
    """A response can't be decompressed."""


class HttpResponse(NamedTuple):
    """Status and body of a response, and the address that it redirects to."""

    status: int
    body: bytes
    location: str


class ServerConnections:
    """Connections to one server, for any number of threads.

    ``tls`` is ``None`` for a server without TLS. ``headers`` are sent with each request.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, headers: Mapping[str, str]
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._headers = dict(headers)
        self._idle: deque[HTTPConnection] = deque()

    def send(
        self, method: str, target: str, body: bytes | None, deadline: Deadline
    ) -> HttpResponse:
        """Send a request and return the response.

        Raises ``OSError`` (with ``TimeoutError`` and ``ssl.SSLError``), ``HTTPException``,
        :class:`ResponseTooLarge` and :class:`ResponseDamaged`.
        """
        connection = self._take_idle(deadline)
        if connection is not None:
            # The server may close an idle connection at the moment when it is used again.
            with suppress(ConnectionResetError):
                return self._exchange(connection, method, target, body)
        return self._exchange(self._open(deadline), method, target, body)

    def _exchange(
        self, connection: HTTPConnection, method: str, target: str, body: bytes | None
    ) -> HttpResponse:
        """Send a request on ``connection``, and keep or close it."""
        try:
            # A server may respond before it has read the whole request, and close.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body, self._headers)
            response = connection.getresponse()
            data = _read_all(response)
            location = response.headers.get("location", "")
        except BaseException:
            connection.close()
            raise
        if response.will_close or len(self._idle) >= MAX_CONNECTIONS:
            connection.close()
        else:
            self._idle.append(connection)
        return HttpResponse(response.status, data, location)

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self, deadline: Deadline) -> HTTPConnection | None:
        """Return an idle connection that the server has not closed, if there is one."""
        while self._idle:
            with suppress(IndexError):  # another thread has taken the last one
                connection = self._idle.pop()
                sock = connection.sock
                if isinstance(sock, (_PlainSocket, _TlsSocket)) and not _is_readable(sock):
                    sock.deadline = deadline
                    return connection
                connection.close()
        return None

    def _open(self, deadline: Deadline) -> HTTPConnection:
        connection = HTTPConnection(self._host, self._port)
        connection.auto_open = 0
        connection.sock = _connect(self._host, self._port, self._tls, deadline)
        return connection


class _PlainSocket(socket.socket):
    """A socket whose operations end with a deadline."""

    deadline: Deadline

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.deadline.remaining())
        return super().recv_into(*args)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        self.settimeout(self.deadline.remaining())
        super().sendall(data, flags)  # its time limit is for all of it


class _TlsSocket(ssl.SSLSocket):
    """Likewise with TLS."""

    deadline: Deadline

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.deadline.remaining())
        return super().recv_into(*args)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        self.settimeout(self.deadline.remaining())
        return super().send(data, flags)  # ``sendall`` calls it


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies certificates, by default with those of the system.

    Raises ``OSError`` if ``ca_file`` contains no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = _TlsSocket
    context.set_alpn_protocols(["http/1.1"])
    return context


def _connect(
    host: str, port: int, tls: ssl.SSLContext | None, deadline: Deadline
) -> _PlainSocket | _TlsSocket:
    """Connect to the first address of ``host`` that accepts; each has its share of the time."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as exc:  # a part of it is empty or too long
        raise socket.gaierror(message("{host} is not a host name", host=host)) from exc
    failure: OSError = OSError(message("{host} has no address", host=host))
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        plain = _PlainSocket(family, kind, protocol)
        plain.deadline = deadline
        try:
            plain.settimeout(deadline.remaining() / (len(addresses) - number))
            plain.connect(address)
        except OSError as exc:
            plain.close()
            failure = exc
            continue
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return plain
        try:
            plain.settimeout(deadline.remaining())
            secure = tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        assert isinstance(secure, _TlsSocket)  # noqa: S101  (of the context's class)
        secure.deadline = deadline
        return secure
    raise failure


def _is_readable(sock: socket.socket) -> bool:
    """Return whether an idle connection has something to read: its end, or an error."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _read_all(response: HTTPResponse) -> bytes:
    """Return the whole body, decompressed; the server may have a proxy that compresses."""
    encoding = (response.headers.get("content-encoding") or "identity").strip().lower()
    if encoding != "identity" and encoding not in _ENCODINGS:
        raise ResponseDamaged(
            message("the encoding {encoding} was not requested", encoding=encoding[:40])
        )
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _ENCODINGS else None
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        if unpack is not None:
            try:
                chunk = unpack.decompress(chunk, MAX_RESPONSE_BYTES + 1 - len(body))
            except zlib.error as exc:
                raise ResponseDamaged(message("the compressed data is invalid")) from exc
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge
    # Only the length of a chunked response is verified by the library.
    if response.length or (unpack is not None and body and not unpack.eof):
        raise IncompleteRead(b"", response.length)
    return bytes(body)


_MAX_REPEATS: Final = 3
"""How often a request is repeated after the connection broke."""

_SHARD_DELAYS: Final = (0.1, 0.4, 1.0)
"""Seconds before each repetition for a shard that is not available.

A new shard is not allocated at first, and then looks like a lost one.
"""

# Not 503: a server without a cluster manager returns it after waiting for one.
_GATEWAY_ERRORS: Final = frozenset({502, 504})
_SHARD_SECONDS: Final = 5
_SHARDS_READY: Final = {
    "wait_for_no_initializing_shards": "true",
    "timeout": f"{_SHARD_SECONDS}s",
}
_REQUEST_TIMEOUT: Final = 408
_FAILURES: Final = (OSError, HTTPException, ResponseDamaged, ResponseTooLarge, NotAnObject)
"""What a request raises that was not rejected."""

_logger: Final = logging.getLogger(__name__)


class _Request(NamedTuple):
    """A request, and the statuses of errors that are returned like responses."""

    method: str
    target: str
    body: bytes | None = None
    ignored: tuple[int, ...] = ()


def _target(path: str, params: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(params)}" if params else path


class Client:
    """A server; nothing is sent to it before the first request.

    A request fails after ``timeout`` seconds, with all its repetitions. ``has_timed_out`` says
    that one has.
    """

    def __init__(self, address: OpenSearchAddress, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.address = address
        self.timeout = timeout
        self.has_timed_out = False
        self._open_connections: ServerConnections | None = None

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str] | None = None,
        ignored: tuple[int, ...] = (),
    ) -> JsonObject:
        """Send a request that may be repeated without harm, and return the response.

        It is repeated if the connection breaks. A response with a status among ``ignored`` is
        returned as well, with an ``error`` in it. Raises :class:`ServerProblem`.
        """
        from newsgrep._io import encode_json

        data = None if body is None else encode_json(body).encode("utf-8", "surrogatepass")
        return self._send_repeatedly(_Request(method, _target(path, params), data, ignored))

    def request_lines(self, path: str, lines: list[object]) -> JsonObject:
        """Send several JSON values, one a line, and return the response."""
        from newsgrep._io import encode_json

        data = "".join(f"{encode_json(line)}\n" for line in lines)
        return self._send_repeatedly(_Request("POST", path, data.encode("utf-8", "surrogatepass")))

    def write(self, path: str, body: bytes, params: Mapping[str, str]) -> JsonObject:
        """Send a request that changes something, once, and return the response.

        A request without a response may still be running, and overtake the next one. Raises
        :class:`StatusError` for a rejected one, else :class:`ServerProblem`.
        """
        try:
            return self._send(_Request("POST", _target(path, params), body), Deadline(self.timeout))
        except _FAILURES as exc:
            raise self.problem(exc) from exc

    def raise_error(self, response: JsonObject) -> NoReturn:
        """Raise the error in one of several responses."""
        status = response.get("status")
        error = StatusError(status if isinstance(status, int) else 0, response.get("error"))
        raise self.problem(error)

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        if self._open_connections is not None:
            self._open_connections.close()
            self._open_connections = None

    def _send_repeatedly(self, request: _Request) -> JsonObject:
        """Send a request, and repeat it while a shard is being allocated.

        A new year's index has joined the alias a moment before its shards are available. A
        shard without a machine is not waited for any longer.
        """
        deadline = Deadline(self.timeout)
        try:
            for delay in _SHARD_DELAYS:
                try:
                    return self._send_unless_broken(request, deadline)
                except StatusError as exc:
                    if not exc.is_transient or deadline.remaining() < delay + _SHARD_SECONDS:
                        raise
                time.sleep(delay)
                health = _target(f"/_cluster/health/{self.address.name}.*", _SHARDS_READY)
                ready = _Request("GET", health, ignored=(_REQUEST_TIMEOUT,))
                self._send_unless_broken(ready, deadline)
            return self._send_unless_broken(request, deadline)
        except (*_FAILURES, StatusError) as exc:
            raise self.problem(exc) from exc

    def _send_unless_broken(self, request: _Request, deadline: Deadline) -> JsonObject:
        """Send a request, and repeat it if the connection breaks."""
        for _ in range(_MAX_REPEATS):
            try:
                return self._send(request, deadline)
            except TimeoutError:
                raise
            except StatusError as exc:
                if exc.status not in _GATEWAY_ERRORS:
                    raise
            except (OSError, HTTPException) as exc:
                _logger.debug("%s %s: %s", request.method, request.target, type(exc).__name__)
        return self._send(request, deadline)

    def _send(self, request: _Request, deadline: Deadline) -> JsonObject:
        method, target, body, ignored = request
        response = self._connections().send(method, target, body, deadline)
        _logger.debug("%s %s: status %d", method, target, response.status)
        return _parse(response, ignored)

    def _connections(self) -> ServerConnections:
        if self._open_connections is None:
            address, credentials = self.address, load_credentials(self.address)
            tls = None
            if address.tls:
                try:
                    tls = tls_context(credentials.ca)
                except OSError as exc:
                    raise UsageError(
                        "The CA certificate file {ca} can't be used. Set "
                        "{ca_variable} to a file with certificates in PEM format.",
                        ca=credentials.ca,
                        ca_variable=CA_VARIABLE,
                    ) from exc
            headers = {"Content-Type": "application/json", **_authorization(credentials)}
            self._open_connections = ServerConnections(address.host, address.port, tls, headers)
        return self._open_connections

    def problem(self, exc: Exception) -> ServerProblem:
        """Return the error for a request that failed or was rejected, as a sentence."""
        server = message(
            "The server at {host}:{port}", host=self.address.host, port=self.address.port
        )
        if isinstance(exc, StatusError):
            return ServerProblem(f"{server} {describe_status(exc)}")
        if isinstance(exc, TimeoutError):
            self.has_timed_out = True
            return ServerProblem(
                "{server} has not responded within {timeout:g} s. Try again when it is "
                "less busy, or allow more with --timeout.",
                server=server,
                timeout=self.timeout,
            )
        if isinstance(exc, ResponseTooLarge):
            return ResponseOverflow(
                "{server} returned a response that is too large, which is not read. Check that it "
                "is an OpenSearch server.",
                server=server,
            )
        if isinstance(exc, (ResponseDamaged, NotAnObject)):
            return ServerProblem(
                "{server} returned an invalid response ({reason}). Check that it is an OpenSearch "
                "server.",
                server=server,
                reason=exc,
            )
        return ServerProblem(f"{server} {describe_failure(exc)}")


class ResponseOverflow(ServerProblem):
    """A response was too large; perhaps a part of it is not."""


def _parse(response: HttpResponse, ignored: tuple[int, ...]) -> JsonObject:
    """Return the JSON object of a response; raises :class:`StatusError` or ``NotAnObject``."""
    is_success = response.status // 100 == 2
    try:
        value: Any = parse_object(response.body)
    except NotAnObject:
        if is_success:
            raise
        raise StatusError(response.status, None, response.location) from None
    if is_success or response.status in ignored:
        return dict(value)
    raise StatusError(response.status, value.get("error", value), response.location)


def _authorization(credentials: Credentials) -> dict[str, str]:
    if credentials.token:
        return {"Authorization": f"Bearer {credentials.token}"}
    if credentials.user:
        pair = f"{credentials.user}:{credentials.password}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}

"""HTTP connections to one server, with a total deadline and bounded responses.

The time limits of the standard library, and of the usual client libraries, are for each read: a
server that sends a byte every minute is never too slow. Here one deadline includes connecting,
TLS, sending and the whole response. A response is limited before and after decompression.

Nothing is taken from the environment, neither a proxy nor a password from ``.netrc``, and no
redirect is followed. Only the name of the host is resolved by the system, with its own limits.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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

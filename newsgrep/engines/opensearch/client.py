"""The client for an OpenSearch server: requests, repeated attempts and errors.

Requests are sent by :mod:`newsgrep.engines.opensearch.connection`. Whatever goes wrong becomes
:class:`ServerProblem` here and nowhere else.
"""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import urlencode

from newsgrep.engines.opensearch.address import (
    CA_VARIABLE,
    Credentials,
    OpenSearchAddress,
    load_credentials,
)
from newsgrep.engines.opensearch.connection import (
    Deadline,
    HttpResponse,
    ResponseDamaged,
    ResponseTooLarge,
    ServerConnections,
    tls_context,
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

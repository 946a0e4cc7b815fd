"""Responses of a server: errors as sentences with the next step, and values of any type."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from socket import gaierror
from typing import Any, Final

from newsgrep.engines.opensearch.address import CA_VARIABLE, PASSWORD_VARIABLE, USER_VARIABLE
from newsgrep.errors import ServerProblem
from newsgrep.messages import message

MAX_REASON_LENGTH: Final = 300
"""Characters of a server's error message that are repeated."""

UNAVAILABLE: Final = 503
BLOCKED: Final = "cluster_block_exception"
"""The type of the error for an index that is read-only."""

_REDIRECTS: Final = range(300, 400)
_DISK_FULL: Final = "flood-stage watermark"
_LOST_POINT_IN_TIME: Final = "search_context_missing_exception"
_NO_MANAGER: Final = "cluster_manager_not_discovered_exception"
_NODE_GONE: Final = re.compile("node_(not_connected|disconnected|closed)_exception")
"""What servers report, with a misleading status, at the moment when another one disappears."""

_STATUS_MESSAGES: Final[Mapping[int, tuple[str, str]]] = {
    401: (
        message("does not accept the credentials"),
        message(
            "Set {user_variable} and {password_variable}, and check them.",
            user_variable=USER_VARIABLE,
            password_variable=PASSWORD_VARIABLE,
        ),
    ),
    403: (
        message("denies access"),
        message("Ask its administrator for access to the index, or use another user."),
    ),
    404: (message("no longer has what was requested"), message("Try again.")),
    413: (
        message("rejects the request as too large"),
        message("Raise its http.max_content_length, or request less."),
    ),
    429: (message("is overloaded"), message("Try again later.")),
    503: (
        message("has shards that are not available"),
        message("Check its cluster health, and try again."),
    ),
}
"""What a status means, and what to do."""


class StatusError(Exception):
    """A response with the status of an error; ``error`` is its JSON value, or ``None``."""

    def __init__(self, status: int, error: object, location: str = "") -> None:
        super().__init__(
            message("status {status}: {reason}", status=status, reason=error_reason(error))
        )
        self.status = status
        self.error = error
        self.location = location

    @property
    def is_transient(self) -> bool:
        """Whether a shard may soon be available.

        A server without a cluster manager has already waited for one.
        """
        info = str(self.error)
        is_gone = _NODE_GONE.search(info) is not None
        return (self.status == UNAVAILABLE or is_gone) and _NO_MANAGER not in info


def shorten(text: str) -> str:
    """Return ``text`` on one line, cut off after 300 characters."""
    text = " ".join(text[: 4 * MAX_REASON_LENGTH].split())
    return text if len(text) <= MAX_REASON_LENGTH else f"{text[:MAX_REASON_LENGTH]}…"


def error_reason(error: object) -> str:
    """Return the innermost reason in the ``error`` of a response."""
    if not isinstance(error, dict):
        return message("no reason given") if error is None else shorten(str(error))
    causes = error.get("root_cause")
    cause = causes[0] if isinstance(causes, list) and causes else error
    if not isinstance(cause, dict):
        return shorten(str(cause))
    while isinstance(cause.get("caused_by"), dict):
        cause = cause["caused_by"]
    parts = (cause.get("type"), cause.get("reason"))
    return shorten(": ".join(str(part) for part in parts if part)) or message("no reason given")


def is_disk_full(reason: str) -> bool:
    """Return whether a server has made an index read-only, because its disk is almost full."""
    return BLOCKED in reason and _DISK_FULL in reason


def describe_status(exc: StatusError) -> str:
    """Return what the server does, as the end of a sentence that begins with its name."""
    if exc.status in _REDIRECTS:
        where = message(" to {location}", location=shorten(exc.location)) if exc.location else ""
        return message(
            "redirects the request{where}, which newsgrep does not follow. Name the address of "
            "the OpenSearch server itself.",
            where=where,
        )
    if _LOST_POINT_IN_TIME in str(exc.error):
        return message("has discarded the point in time of this search. Try again.")
    reason = error_reason(exc.error)
    if is_disk_full(reason):
        return disk_full(reason)
    if _NO_MANAGER in reason:
        return message(
            "finds no cluster manager ({reason}). Start more than half of the cluster's "
            "servers, and try again.",
            reason=reason,
        )
    status = UNAVAILABLE if _NODE_GONE.match(reason) else exc.status
    if status in _STATUS_MESSAGES:
        problem, remedy = _STATUS_MESSAGES[status]
        return message(
            "{problem} ({reason}). {remedy}", problem=problem, reason=reason, remedy=remedy
        )
    return message(
        "rejects the request with status {status} ({reason}). See its log.",
        status=status,
        reason=reason,
    )


def disk_full(reason: str) -> str:
    """Return the end of a sentence for an index that is read-only for lack of disk space."""
    return message(
        "has made the index read-only, because its disk is almost full ({reason}). Free disk "
        "space on the server; it then accepts changes again within a minute. Then run the "
        "command again.",
        reason=reason,
    )


def describe_failure(exc: Exception) -> str:
    """Return the end of a sentence for a connection that failed."""
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLEOFError):
        return message(
            "can't be trusted ({reason}). Set {ca_variable} to the file of its CA "
            "certificate, or use opensearch+http:// if it has no TLS.",
            reason=_tls_reason(exc),
            ca_variable=CA_VARIABLE,
        )
    if isinstance(exc, HTTPException) and not isinstance(exc, (IncompleteRead, RemoteDisconnected)):
        return message(
            "does not respond as an HTTP server does. Check the address and the port, and whether "
            "it uses TLS (opensearch+https://)."
        )
    return message(
        "can't be reached ({reason}). Check the address, that the server runs, and "
        "whether it uses TLS (opensearch+https://). If it is one of a cluster, name another "
        "server of it.",
        reason=_failure_reason(exc),
    )


def _tls_reason(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return shorten(exc.verify_message)
    return shorten((exc.reason or message("TLS failed")).replace("_", " ").lower())


def _failure_reason(exc: Exception) -> str:
    if isinstance(exc, IncompleteRead):
        return message("it closed the connection in the middle of a response")
    if isinstance(exc, (RemoteDisconnected, ssl.SSLEOFError, ConnectionResetError)):
        return message("it closed the connection")
    if isinstance(exc, gaierror):
        return message("the name of the host is unknown")
    return shorten(getattr(exc, "strerror", None) or str(exc))


# Values, which may be of any type


JsonObject = dict[str, Any]

MAX_VALUES: Final = 2_000_000
"""Values in one response: ten times as many as the largest hits and facets have.

Each takes some hundred bytes of memory, and may take two in a response.
"""

_MISSING: Final = object()


class NotAnObject(ValueError):
    """A response is not a JSON object."""


def parse_object(body: bytes) -> JsonObject:
    """Return the JSON object in ``body``; raises :class:`NotAnObject`.

    Raises :class:`ServerProblem` for more than :data:`MAX_VALUES` values.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ServerProblem(
            "The server returned a response with more than {max_values:,} values, which is not "
            "read. Check that it is an OpenSearch server.",
            max_values=MAX_VALUES,
        )
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise NotAnObject(message("not JSON")) from exc
    if not isinstance(value, dict):
        raise NotAnObject(message("not a JSON object"))
    return value


def integer(value: object, *path: str) -> int:
    """Return an integer."""
    found = _follow(value, path)
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    raise invalid(path, message("a whole number"))


def number(value: object, *path: str) -> float:
    """Return a finite number."""
    found = _follow(value, path)
    if isinstance(found, (int, float)) and abs(found) < float("inf"):
        return found
    raise invalid(path, message("a number"))


def text(value: object, *path: str) -> str:
    """Return a string."""
    found = _follow(value, path)
    if isinstance(found, str):
        return found
    raise invalid(path, message("a string"))


def mapping(value: object, *path: str) -> JsonObject:
    """Return an object."""
    found = _follow(value, path)
    if isinstance(found, dict):
        return found
    raise invalid(path, message("an object"))


def items(value: object, *path: str) -> list[Any]:
    """Return a list."""
    found = _follow(value, path)
    if isinstance(found, list):
        return found
    raise invalid(path, message("a list"))


def objects(value: object, *path: str) -> list[JsonObject]:
    """Return a list of objects."""
    found = items(value, *path)
    if all(isinstance(each, dict) for each in found):
        return found
    raise invalid(path, message("a list of objects"))


def _follow(value: object, path: tuple[str, ...]) -> object:
    for key in path:
        value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def invalid(path: tuple[str, ...], wanted: str) -> ServerProblem:
    """Return the error for a value that is not what is ``wanted``."""
    return ServerProblem(
        "The server returned an invalid response ({path} is not {wanted}). "
        "Check that it is an OpenSearch server.",
        path=".".join(path) or message("a value"),
        wanted=wanted,
    )

"""Bulk requests: operations in requests of bounded size, repeated while a server is busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from threading import Event
from typing import Final, NamedTuple

from newsgrep._io import encode_json
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import write_alias
from newsgrep.engines.opensearch.problems import (
    JsonObject,
    StatusError,
    error_reason,
    integer,
    invalid,
    is_disk_full,
    mapping,
    objects,
)
from newsgrep.errors import ServerProblem
from newsgrep.messages import message

MAX_BULK_DOCUMENTS: Final = 500
MAX_BULK_BYTES: Final = 8 << 20
"""Limits of one request, except for a single document that is longer."""

MAX_DOCUMENT_BYTES: Final = 90 << 20
"""A stock server accepts no request of more than 100 MB."""

_MAX_ATTEMPTS: Final = 3
"""How often the operations for a shard are sent while it is relocated."""

_MAX_SHARD_SECONDS: Final = 20

CONFLICT: Final = 409
"""The status of an operation that fails because the document has another version."""

_UNAVAILABLE: Final = frozenset({502, 503, 504})
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_TOO_MANY_REQUESTS: Final = 429
_TEMPORARY: Final = _UNAVAILABLE | {_TOO_MANY_REQUESTS}


class Version(NamedTuple):
    """The state of a document: the index that it is in, and the number of its last change."""

    target: str
    sequence_number: int
    primary_term: int


class BulkOperation(NamedTuple):
    """One operation of a bulk request: ``action`` is ``index``, ``create`` or ``delete``.

    ``target`` is the index. ``subject`` is for messages: the path of the file, or else the id of
    the article. With ``over``, it fails unless the document has this version.
    """

    action: str
    target: str
    key: str
    subject: str
    line: str | None = None
    over: Version | None = None


class FailedOperation(NamedTuple):
    """An operation that failed, with the status and the reason."""

    operation: BulkOperation
    status: int
    reason: str


class BulkRequests:
    """Sends operations to a server; several threads may do so at once.

    ``done`` is called with each operation that has written a document, and its version. Nothing
    is sent again after ``given_up`` is set.
    """

    def __init__(
        self, client: Client, name: str, done: Callable[[BulkOperation, Version], None]
    ) -> None:
        self.given_up = Event()
        self._client = client
        self._name = name
        self._done = done

    def send(self, operations: list[BulkOperation]) -> list[FailedOperation]:
        """Send operations, repeatedly while the server is busy; return the rejected ones.

        Raises :class:`ServerProblem` if a shard is not available, or the server too busy or its
        disk full: none of these is the fault of a document.
        """
        rejected: list[FailedOperation] = []
        waited = 0.0
        for attempt in count():
            again: list[FailedOperation] = []
            for failed in self._send_once(operations):
                if is_disk_full(failed.reason):
                    raise self._client.problem(StatusError(failed.status, failed.reason))
                if failed.status in _TEMPORARY:
                    again.append(failed)
                else:
                    rejected.append(failed)
            if not again:
                break
            operations = [failed.operation for failed in again]
            unavailable = [failed for failed in again if failed.status in _UNAVAILABLE]
            is_last = waited >= self._client.timeout
            if unavailable:
                is_last = attempt + 1 >= _MAX_ATTEMPTS
            if is_last or self.given_up.wait(2.0**attempt):
                raise self._refusal((unavailable or again)[0])
            waited += 2.0**attempt
        return rejected

    def _refusal(self, failed: FailedOperation) -> ServerProblem:
        if failed.status == _TOO_MANY_REQUESTS:
            return self._client.problem(StatusError(failed.status, failed.reason))
        return ServerProblem(
            "A shard of the index {name} accepts no articles ({reason}). Check "
            "the health of the server's cluster, and run the command again to complete it.",
            name=self._name,
            reason=failed.reason,
        )

    def _send_once(self, operations: list[BulkOperation]) -> Iterator[FailedOperation]:
        """Send operations; yield those that failed."""
        sent = []
        for each in operations:
            if each.line is not None and len(each.line) > MAX_DOCUMENT_BYTES:
                reason: str = message(
                    "longer than a server accepts ({count:,} characters)", count=len(each.line)
                )
                yield FailedOperation(each, _TOO_LARGE, reason)
            else:
                sent.append(each)
        options = {"require_alias": "true", "timeout": self._shard_timeout}
        for part, body in _split_request(sent):
            try:
                response = self._client.write("/_bulk", body, options)
            except StatusError as exc:
                if exc.status != _TOO_MANY_REQUESTS:
                    raise self._client.problem(exc) from exc
                reason = error_reason(exc.error)
                yield from (FailedOperation(each, exc.status, reason) for each in part)
            else:
                for result in _results(part, response):
                    if isinstance(result, FailedOperation):
                        yield result
                    elif result.operation.action != "delete":
                        self._done(*result)

    @property
    def _shard_timeout(self) -> str:
        """How long a server waits for a shard; less than we wait for the server."""
        return f"{max(1, min(_MAX_SHARD_SECONDS, int(self._client.timeout / 3)))}s"


def _split_request(
    operations: list[BulkOperation],
) -> Iterator[tuple[list[BulkOperation], bytes]]:
    """Yield operations in parts that are small enough for a request, with its body."""
    part: list[BulkOperation] = []
    body = bytearray()
    for each in operations:
        lines = _bulk_lines(each)
        if part and (len(part) >= MAX_BULK_DOCUMENTS or len(body) + len(lines) > MAX_BULK_BYTES):
            yield part, bytes(body)
            part, body = [], bytearray()
        part.append(each)
        body += lines
    if part:
        yield part, bytes(body)


def _bulk_lines(operation: BulkOperation) -> bytes:
    target: dict[str, object] = {"_index": write_alias(operation.target), "_id": operation.key}
    if operation.over:
        target["if_seq_no"] = operation.over.sequence_number
        target["if_primary_term"] = operation.over.primary_term
    line = "" if operation.line is None else f"{operation.line}\n"
    return f"{encode_json({operation.action: target})}\n{line}".encode()


class _Done(NamedTuple):
    operation: BulkOperation
    version: Version


def _results(
    operations: list[BulkOperation], response: JsonObject
) -> Iterator[FailedOperation | _Done]:
    """Yield the result of each operation of one request; raises :class:`ServerProblem`."""
    results = objects(response, "items")
    if len(results) != len(operations):
        raise invalid(("items",), message("one for each operation"))
    for operation, result in zip(operations, results, strict=True):
        outcome = mapping(result, operation.action)
        status = integer(outcome, "status")
        is_success = status // 100 == 2
        is_absent = operation.action == "delete" and status == _NOT_FOUND
        if "error" in outcome or not (is_success or is_absent):
            yield FailedOperation(operation, status, error_reason(outcome.get("error")))
        elif is_success:
            number, term = integer(outcome, "_seq_no"), integer(outcome, "_primary_term")
            yield _Done(operation, Version(operation.target, number, term))

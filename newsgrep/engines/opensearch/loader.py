"""Writing to an index on a server: bounded requests in a few threads, and no lost changes.

An article is one document, which contains its file record. It is written as a whole or not at
all. Changes of one article are never in progress at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain, count
from threading import Event
from typing import Any, Final, NamedTuple

from newsgrep._io import encode_json
from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.engine_query.fields import ID
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    PACKED_FILE_RECORD,
    article_json,
    file_record_json,
    file_record_key,
    publication_year,
    stored_file_record,
)
from newsgrep.engines.opensearch.indices import IndexGeneration, refresh
from newsgrep.engines.opensearch.names import IndexNames, write_alias
from newsgrep.engines.opensearch.problems import StatusError, error_reason, is_disk_full
from newsgrep.engines.opensearch.query import chunks
from newsgrep.engines.opensearch.responses import (
    JsonObject,
    integer,
    invalid,
    mapping,
    objects,
    text,
)
from newsgrep.engines.opensearch.settings import bulk_loading
from newsgrep.errors import ChangesRejected, ServerProblem
from newsgrep.models import FileRecord

LOADER_THREADS: Final = 4
"""Requests in progress at once."""

MAX_BULK_DOCUMENTS: Final = 500
MAX_BULK_BYTES: Final = 8 << 20
"""Limits of one request, except for a single document that is longer."""

MAX_DOCUMENT_BYTES: Final = 90 << 20
"""A stock server accepts no request of more than 100 MB."""

_MAX_ATTEMPTS: Final = 3
"""How often the operations for a shard are sent while it is relocated."""

_MAX_SHARD_SECONDS: Final = 20

_MAX_BATCH_BYTES: Final = 2 << 20
"""Packed size of the articles of a batch; as documents they are several times larger."""

_MAX_REMEMBERED: Final = 100_000
"""Articles after which everything is refreshed, so that their indices can be forgotten."""

_IDS_PER_REQUEST: Final = 2_000
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_TOO_MANY_REQUESTS: Final = 429
_TEMPORARY: Final = _UNAVAILABLE | {_TOO_MANY_REQUESTS}


class BulkOperation(NamedTuple):
    """One operation of a bulk request: ``action`` is ``index`` or ``delete``.

    ``target`` is the index. ``subject`` is for messages: the path of the file, or else the id of
    the article.
    """

    action: str
    target: str
    key: str
    subject: str
    line: str | None = None


class FailedOperation(NamedTuple):
    """An operation that failed, with the status and the reason."""

    operation: BulkOperation
    status: int
    reason: str


class LoadBatch:
    """Changes that are sent together; of several changes of one article the last one counts."""

    def __init__(self) -> None:
        self.articles: dict[str, PutArticle | DeleteArticle] = {}
        self.file_records: dict[str, PutFileRecord | DropFileRecord] = {}
        self._size = 0

    def add(self, change: Change) -> None:
        """Add one change."""
        match change:
            case PutArticle(article):
                self.articles[article.article_id] = change
                self._size += len(article.folded) + len(article.rest)
            case DeleteArticle(article_id):
                self.articles[article_id] = change
            case PutFileRecord(record):
                self.file_records[record.path] = change
            case DropFileRecord(path):
                self.file_records[path] = change

    @property
    def is_full(self) -> bool:
        """Whether the batch should be sent."""
        count = len(self.articles) + len(self.file_records)
        return count >= MAX_BULK_DOCUMENTS or self._size >= _MAX_BATCH_BYTES

    def years(self) -> set[str]:
        """Return the years whose indices must exist."""
        puts = (each for each in self.articles.values() if isinstance(each, PutArticle))
        return {publication_year(each.document) for each in puts}

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """What must not be changed by another batch at the same time."""
        articles = (("article", key) for key in self.articles)
        file_records = (("note", path) for path in self.file_records)
        return frozenset((*articles, *file_records))


Rejected = list[tuple[str, str]]
"""Subjects of the changes that the server has rejected, with its reasons."""


class Loader:
    """Applies changes to one generation of an index."""

    def __init__(self, generation: IndexGeneration) -> None:
        self._client: Client = generation.client
        self._names: IndexNames = generation.names
        self._generation = generation
        self._rejected: Rejected = []
        self._given_up = Event()
        # The index of each article of this run that searches may not see yet; None if deleted.
        self._written: dict[str, str | None] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply all changes.

        Raises :class:`ChangesRejected` at the end if the server has rejected some of them, and
        :class:`ServerProblem` if it can't be reached.
        """
        refresh(self._client, self._names)  # other processes may have written
        try:
            self._apply(iter_batches(changes))
        except ServerProblem:
            # A server that accepts no articles refreshes none either, and needs a minute to
            # report it.
            raise
        except BaseException:
            refresh(self._client, self._names)
            raise
        refresh(self._client, self._names)
        self._remove_duplicates()
        if self._rejected:
            raise ChangesRejected(self._client.address.name, tuple(self._rejected))

    def _apply(self, batches: Iterator[LoadBatch]) -> None:
        first = next(batches, None)
        second = next(batches, None)
        if first is not None:
            self._rejected += self._load(first)
        if second is None:  # a single batch is not worth changing the settings
            return
        with bulk_loading(self._client, self._names), _thread_pool() as pool:
            running: dict[Future[Rejected], frozenset[tuple[str, str]]] = {}
            for batch in chain((second,), batches):
                keys = batch.keys
                while len(running) > LOADER_THREADS or any(
                    map(keys.intersection, running.values())
                ):
                    self._await_one(running)
                if len(self._written) >= _MAX_REMEMBERED:
                    while running:
                        self._await_one(running)
                    refresh(self._client, self._names)
                    self._remove_duplicates()
                running[pool.submit(self._load, batch)] = keys
            while running:
                self._await_one(running)

    def _await_one(self, running: dict[Future[Rejected], Any]) -> None:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            del running[future]
            if future.exception():
                self._given_up.set()
            self._rejected += future.result()

    def _load(self, batch: LoadBatch) -> Rejected:
        """Send one batch to the server, and return what it rejects."""
        current = self._current_indices(tuple(batch.articles))
        self._generation.ensure_years(batch.years())
        deletes: list[BulkOperation] = []
        puts: list[BulkOperation] = []
        written: dict[str, str | None] = {}
        for key, change in batch.articles.items():
            match change:
                case PutArticle(article):
                    index, path = (
                        self._names.of_year(publication_year(article)),
                        article.file_record.path,
                    )
                    puts.append(BulkOperation("index", index, key, path, article_json(article)))
                    written[key] = index
                case DeleteArticle():
                    written[key] = None
            others = current.get(key, set()) - {written[key]}
            subject = puts[-1].subject if written[key] else key
            deletes += [BulkOperation("delete", index, key, subject) for index in sorted(others)]
        target = self._names.file_records
        for path, file_change in batch.file_records.items():
            key = file_record_key(path)
            match file_change:
                case PutFileRecord(record):
                    line = file_record_json(record)
                    puts.append(BulkOperation("index", target, key, path, line))
                case DropFileRecord():
                    deletes.append(BulkOperation("delete", target, key, path))
        # An article that moves to another index is first deleted from the old one. So it never
        # exists twice, and if the run ends in between, the missing record has its file read
        # again.
        rejected = self._bulk(deletes)
        stuck = {each.key for each, _ in rejected}
        rejected += self._bulk([each for each in puts if each.key not in stuck])
        failed = {each.key for each, _ in rejected}
        self._written.update({key: at for key, at in written.items() if key not in failed})
        return [(each.subject, reason) for each, reason in rejected]

    def _current_indices(self, ids: tuple[str, ...]) -> dict[str, set[str]]:
        """Return the indices in which these articles are now."""
        found: dict[str, set[str]] = {}
        for index, key in self._search(tuple(key for key in ids if key not in self._written)):
            found.setdefault(key, set()).add(index)
        for key in ids:
            if (written := self._written.get(key)) is not None:
                found[key] = {written}
        return found

    def _search(self, ids: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return index and id of these articles as searches see them."""
        if not ids:
            return []
        response = self._client.request(
            "POST",
            f"/{self._names.articles}/_search",
            {
                "query": {"terms": {ID: ids}},
                "size": 10_000,
                "_source": False,
                "track_total_hits": False,
            },
            {"allow_partial_search_results": "false"},
        )
        return [
            (text(hit, "_index"), text(hit, "_id")) for hit in objects(response, "hits", "hits")
        ]

    def _bulk(self, operations: list[BulkOperation]) -> list[tuple[BulkOperation, str]]:
        """Send operations, repeatedly while the server is busy; return the rejected ones.

        Raises :class:`ServerProblem` if a shard is not available, or the server too busy or its
        disk full: none of these is the fault of a document.
        """
        rejected: list[tuple[BulkOperation, str]] = []
        waited = 0.0
        for attempt in count():
            again: list[FailedOperation] = []
            for failed in self._bulk_once(operations):
                if is_disk_full(failed.reason):
                    raise self._client.problem(StatusError(failed.status, failed.reason))
                if failed.status in _TEMPORARY:
                    again.append(failed)
                else:
                    rejected.append((failed.operation, failed.reason))
            if not again:
                break
            operations = [failed.operation for failed in again]
            unavailable = [failed for failed in again if failed.status in _UNAVAILABLE]
            is_last = waited >= self._client.timeout
            if unavailable:
                is_last = attempt + 1 >= _MAX_ATTEMPTS
            if is_last or self._given_up.wait(2.0**attempt):
                raise self._refusal((unavailable or again)[0])
            waited += 2.0**attempt
        return rejected

    def _refusal(self, failed: FailedOperation) -> ServerProblem:
        if failed.status == _TOO_MANY_REQUESTS:
            return self._client.problem(StatusError(failed.status, failed.reason))
        return ServerProblem(
            f"A shard of the index {self._names.name} accepts no articles ({failed.reason}). Check "
            "the health of the server's cluster, and run the command again to complete it."
        )

    def _bulk_once(self, operations: list[BulkOperation]) -> Iterator[FailedOperation]:
        """Send operations; yield those that failed."""
        sent = []
        for each in operations:
            if each.line is not None and len(each.line) > MAX_DOCUMENT_BYTES:
                reason = f"longer than a server accepts ({len(each.line):,} characters)"
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
                yield from _failed_operations(part, response)

    @property
    def _shard_timeout(self) -> str:
        """How long a server waits for a shard; less than we wait for the server."""
        return f"{max(1, min(_MAX_SHARD_SECONDS, int(self._client.timeout / 3)))}s"

    def _remove_duplicates(self) -> None:
        """Delete the losing version of each article that another loader has put elsewhere."""
        keys = tuple(key for key, index in self._written.items() if index is not None)
        self._written.clear()
        losing = losing_versions(self._client, self._names, keys)
        operations = [BulkOperation("delete", index, key, key) for index, key in losing]
        self._rejected += [(each.subject, reason) for each, reason in self._bulk(operations)]
        if operations:
            refresh(self._client, self._names)


def iter_batches(changes: Iterable[Change]) -> Iterator[LoadBatch]:
    """Yield changes in batches."""
    batch = LoadBatch()
    for change in changes:
        batch.add(change)
        if batch.is_full:
            yield batch
            batch = LoadBatch()
    if batch.keys:
        yield batch


@contextmanager
def _thread_pool() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(LOADER_THREADS, thread_name_prefix="newsgrep-load")
    try:
        yield pool
    finally:
        # Wait for running requests, so that nothing is sent after this.
        pool.shutdown(wait=True, cancel_futures=True)


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
    target = {"_index": write_alias(operation.target), "_id": operation.key}
    line = "" if operation.line is None else f"{operation.line}\n"
    return f"{encode_json({operation.action: target})}\n{line}".encode()


def _failed_operations(
    operations: list[BulkOperation], response: JsonObject
) -> Iterator[FailedOperation]:
    """Yield the operations of one request that failed; raises :class:`ServerProblem`."""
    results = objects(response, "items")
    if len(results) != len(operations):
        raise invalid(("items",), "one for each operation")
    for operation, result in zip(operations, results, strict=True):
        outcome = mapping(result, operation.action)
        status = integer(outcome, "status")
        is_success = status // 100 == 2
        is_absent = operation.action == "delete" and status == _NOT_FOUND
        if "error" in outcome or not (is_success or is_absent):
            yield FailedOperation(operation, status, error_reason(outcome.get("error")))


def losing_versions(
    client: Client, names: IndexNames, ids: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Return index and id of the documents to delete, so that each article exists once.

    Two loaders may put an article into two indices at the same time. The version is kept that
    a single loader would have kept, so that all loaders decide alike.
    """
    losing: list[tuple[str, str]] = []
    for part in chunks(ids, _IDS_PER_REQUEST):
        response = client.request(
            "POST",
            f"/{names.articles}/_search",
            {
                "query": {"terms": {ID: part}},
                "size": 10_000,
                "_source": False,
                "stored_fields": [PACKED_FILE_RECORD],
                "track_total_hits": False,
            },
            {"allow_partial_search_results": "false"},
        )
        versions: dict[str, list[tuple[FileRecord, str]]] = {}
        for hit in objects(response, "hits", "hits"):
            version = (stored_file_record(hit), text(hit, "_index"))
            versions.setdefault(text(hit, "_id"), []).append(version)
        for key, each in versions.items():
            # By path ascending, then by version descending, where equal ones keep their order.
            by_path = sorted(each, key=lambda version: (version[0].path, version[1]))
            best = sorted(by_path, key=lambda version: version[0].version_key, reverse=True)
            losing += [(index, key) for _, index in best[1:]]
    return losing

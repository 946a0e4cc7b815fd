"""Writing to an index on a server: bounded requests in a few threads, and no lost changes.

An article is one document, which contains its file record. It is written as a whole or not at
all. Changes of one article are never in progress at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain
from threading import Event
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.engine_query.fields import ID
from newsgrep.engines.opensearch.client import TIMEOUT_SECONDS, Client, error_reason
from newsgrep.engines.opensearch.documents import (
    PACKED_FILE_RECORD,
    article_json,
    file_record_json,
    file_record_key,
    publication_year,
    stored_file_record,
)
from newsgrep.engines.opensearch.indices import (
    IndexGeneration,
    IndexNames,
    bulk_loading,
    refresh,
    write_alias,
)
from newsgrep.engines.opensearch.query import chunks
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

_SHARD_TIMEOUT: Final = "20s"
"""How long a server waits for a shard; less than we wait for the server."""

_MAX_BATCH_BYTES: Final = 2 << 20
"""Packed size of the articles of a batch; as documents they are several times larger."""

_MAX_REMEMBERED: Final = 100_000
"""Articles after which everything is refreshed, so that their indices can be forgotten."""

_IDS_PER_REQUEST: Final = 2_000
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_NOT_FOUND: Final = 404


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
        return [(hit["_index"], hit["_id"]) for hit in response["hits"]["hits"]]

    def _bulk(self, operations: list[BulkOperation]) -> list[tuple[BulkOperation, str]]:
        """Send operations, repeatedly for a shard that is relocated; return the rejected ones.

        Raises :class:`ServerProblem` if a shard is not available, since that is not the fault
        of a document.
        """
        rejected: list[tuple[BulkOperation, str]] = []
        for attempt in range(_MAX_ATTEMPTS):
            unavailable: list[tuple[BulkOperation, str]] = []
            for operation, status, reason in self._bulk_once(operations):
                failed = unavailable if status in _UNAVAILABLE else rejected
                failed.append((operation, reason))
            if not unavailable:
                return rejected
            operations = [operation for operation, _ in unavailable]
            if self._given_up.wait(2**attempt):
                break
        raise ServerProblem(
            f"A shard of the index {self._names.name} accepts no articles ({unavailable[0][1]}). "
            "Check the health of the server's cluster, and run the command again to complete it."
        )

    def _bulk_once(
        self, operations: list[BulkOperation]
    ) -> Iterator[tuple[BulkOperation, int, str]]:
        """Send operations; yield those that failed, with the status and the reason."""
        from opensearchpy.helpers import streaming_bulk

        by_key = {(each.target, each.key): each for each in operations}
        sent = []
        for each in operations:
            if each.line is not None and len(each.line) > MAX_DOCUMENT_BYTES:
                yield each, 413, f"longer than a server accepts ({len(each.line):,} characters)"
            else:
                sent.append(each)
        if not sent:
            return
        with self._client.translate_errors():
            results = streaming_bulk(
                self._client.bulk_client,
                sent,
                chunk_size=MAX_BULK_DOCUMENTS,
                max_chunk_bytes=MAX_BULK_BYTES,
                raise_on_error=False,
                expand_action_callback=_bulk_action,
                max_retries=8,
                initial_backoff=1,
                max_backoff=60,
                yield_ok=False,
                require_alias=True,
                timeout=_SHARD_TIMEOUT,
                # Without it the client library takes ``timeout`` for its own.
                request_timeout=TIMEOUT_SECONDS,
            )
            for _, result in results:
                ((action, item),) = result.items()
                if action == "delete" and item["status"] == _NOT_FOUND and "error" not in item:
                    continue
                index = str(item["_index"]).removesuffix(write_alias(""))
                reason = error_reason(item.get("error"))
                yield by_key[index, item["_id"]], item["status"], reason

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


def _bulk_action(operation: BulkOperation) -> tuple[dict[str, object], str | None]:
    action: dict[str, object] = {
        operation.action: {"_index": write_alias(operation.target), "_id": operation.key}
    }
    return action, operation.line


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
        for hit in response["hits"]["hits"]:
            version = (stored_file_record(hit), hit["_index"])
            versions.setdefault(hit["_id"], []).append(version)
        for key, each in versions.items():
            # By path ascending, then by version descending, where equal ones keep their order.
            by_path = sorted(each, key=lambda version: (version[0].path, version[1]))
            best = sorted(by_path, key=lambda version: version[0].version_key, reverse=True)
            losing += [(index, key) for _, index in best[1:]]
    return losing

"""Writing to an index on a server: bounded threads of requests, and nothing lost on the way.

An article is one document, which is in whole, with the stamp of its file, or not at all.
Changes of one article are never under way at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Change, DeleteArticle, DropFileRecord, PutArticle, PutFileRecord
from newsgrep.engines.engine_query.fields import ID
from newsgrep.engines.opensearch.client import TIMEOUT_SECONDS, Client, error_reason
from newsgrep.engines.opensearch.documents import (
    article_json,
    file_record_json,
    file_record_key,
    publication_year,
    stored_file_record,
)
from newsgrep.engines.opensearch.indices import (
    PACKED_FILE_RECORD,
    IndexGeneration,
    IndexNames,
    bulk_loading,
    refresh,
    write_alias,
)
from newsgrep.engines.opensearch.query import chunks
from newsgrep.errors import ChangesRejected, ServerProblem
from newsgrep.models import FileRecord

THREADS: Final = 4
"""Requests under way at once."""

MAX_BULK_DOCUMENTS: Final = 500
MAX_BULK_BYTES: Final = 8 << 20
"""What one request has at most, but for one document that is longer by itself."""

LONGEST_DOCUMENT: Final = 90 << 20
"""Bytes of one document: a stock server takes no request of more than 100 MB."""

_MAX_ATTEMPTS: Final = 3
"""How often what a part of the index did not take is sent, while it moves elsewhere."""

_SHARD_TIMEOUT: Final = "20s"
"""How long a server waits for a part of the index; less than we wait for the server."""

_MAX_BATCH_BYTES: Final = 2 << 20
"""Bytes of packed articles that are taken together: as documents they are several times that."""

_MAX_REMEMBERED: Final = 100_000
"""Articles after which all is made visible, so that one need not remember where they are."""

_UNAVAILABLE: Final = frozenset({502, 503, 504})
_NOT_FOUND: Final = 404


class BulkOperation(NamedTuple):
    """One line of work for the server: ``what`` is ``index`` or ``delete``.

    ``home`` is the index that it is for; ``subject`` is for people: the path of the file, or
    else the id of the article.
    """

    what: str
    home: str
    key: str
    subject: str
    line: str | None = None


class LoadBatch:
    """Changes that are sent together; of several of one article the last one counts."""

    def __init__(self) -> None:
        self.articles: dict[str, PutArticle | DeleteArticle] = {}
        self.notes: dict[str, PutFileRecord | DropFileRecord] = {}
        self._size = 0

    def add(self, change: Change) -> None:
        """Take one more change."""
        match change:
            case PutArticle(entry):
                self.articles[entry.article_id] = change
                self._size += len(entry.folded) + len(entry.rest)
            case DeleteArticle(article_id):
                self.articles[article_id] = change
            case PutFileRecord(stamp):
                self.notes[stamp.path] = change
            case DropFileRecord(path):
                self.notes[path] = change

    @property
    def is_full(self) -> bool:
        """Whether it is time to send it."""
        many = len(self.articles) + len(self.notes) >= MAX_BULK_DOCUMENTS
        return many or self._size >= _MAX_BATCH_BYTES

    def years(self) -> set[str]:
        """Return the years whose indexes are needed."""
        upserts = (each for each in self.articles.values() if isinstance(each, PutArticle))
        return {publication_year(each.entry) for each in upserts}

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """What must not be changed elsewhere meanwhile."""
        notes = (("note", path) for path in self.notes)
        return frozenset((*(("article", key) for key in self.articles), *notes))


class Loader:
    """Applies changes to one generation of an index."""

    def __init__(self, connection: Client, made: IndexGeneration) -> None:
        self._connection = connection
        self._made = made
        self._refused: list[tuple[str, str]] = []
        self._given_up = Event()
        # Where the articles are that this run has written, which searches may not see yet.
        self._placed: dict[str, str | None] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply all changes; raises :class:`Refused` at the end for what was not taken."""
        refresh(self._connection, self._made.names)  # others may have written
        try:
            self._apply(iter_batches(changes))
        except ServerProblem:
            # What takes no articles shows none either, and needs a minute to say so.
            raise
        except BaseException:
            refresh(self._connection, self._made.names)
            raise
        refresh(self._connection, self._made.names)
        self._part_doubles()
        if self._refused:
            raise ChangesRejected(self._connection.address.name, tuple(self._refused))

    def _apply(self, batches: Iterator[LoadBatch]) -> None:
        first = next(batches, None)
        second = next(batches, None)
        if first is not None:
            self._take(self._load(first))
        if second is None:  # so few are not worth the change of settings
            return
        with bulk_loading(self._connection, self._made.names), _thread_pool() as pool:
            under_way: dict[Future[list[tuple[str, str]]], frozenset[tuple[str, str]]] = {}
            for batch in _chain(second, batches):
                keys = batch.keys
                while len(under_way) > THREADS or any(map(keys.intersection, under_way.values())):
                    self._await_one(under_way)
                if len(self._placed) >= _MAX_REMEMBERED:
                    while under_way:
                        self._await_one(under_way)
                    refresh(self._connection, self._made.names)
                    self._part_doubles()
                under_way[pool.submit(self._load, batch)] = keys
            while under_way:
                self._await_one(under_way)

    def _await_one(self, under_way: dict[Future[list[tuple[str, str]]], Any]) -> None:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            del under_way[future]
            if future.exception():
                self._given_up.set()
            self._take(future.result())

    def _take(self, refused: list[tuple[str, str]]) -> None:
        self._refused += refused

    def _load(self, batch: LoadBatch) -> list[tuple[str, str]]:
        """Bring one batch to the server; return what it refuses."""
        places = self._places(tuple(batch.articles))
        self._made.make_years(batch.years())
        deletes: list[BulkOperation] = []
        puts: list[BulkOperation] = []
        placed: dict[str, str | None] = {}
        for key, change in batch.articles.items():
            match change:
                case PutArticle(entry):
                    index = self._made.names.of_year(publication_year(entry))
                    puts.append(
                        BulkOperation("index", index, key, entry.stamp.path, article_json(entry))
                    )
                    placed[key] = index
                case DeleteArticle():
                    placed[key] = None
            others = places.get(key, set()) - {placed[key]}
            subject = puts[-1].subject if placed[key] else key
            deletes += [BulkOperation("delete", index, key, subject) for index in sorted(others)]
        notes = self._made.names.notes
        for path, note in batch.notes.items():
            match note:
                case PutFileRecord(stamp):
                    puts.append(
                        BulkOperation(
                            "index", notes, file_record_key(path), path, file_record_json(stamp)
                        )
                    )
                case DropFileRecord():
                    deletes.append(BulkOperation("delete", notes, file_record_key(path), path))
        # An article that moves to another index is taken out of the one first: there are never
        # two of it, and the stamp that is missing meanwhile has its file read again.
        refused = self._bulk(deletes)
        stuck = {each.key for each, _ in refused}
        refused += self._bulk([each for each in puts if each.key not in stuck])
        failed = {each.key for each, _ in refused}
        self._placed.update({key: at for key, at in placed.items() if key not in failed})
        return [(each.subject, why) for each, why in refused]

    def _places(self, ids: tuple[str, ...]) -> dict[str, set[str]]:
        """Return the indexes in which these articles are now."""
        found: dict[str, set[str]] = {}
        for index, key in self._seen(tuple(key for key in ids if key not in self._placed)):
            found.setdefault(key, set()).add(index)
        for key in ids:
            if (at := self._placed.get(key)) is not None:
                found[key] = {at}
        return found

    def _seen(self, ids: tuple[str, ...]) -> list[tuple[str, str]]:
        if not ids:
            return []
        answer = self._connection.ask(
            "POST",
            f"/{self._made.names.articles}/_search",
            {
                "query": {"terms": {ID: ids}},
                "size": 10_000,
                "_source": False,
                "track_total_hits": False,
            },
            {"allow_partial_search_results": "false"},
        )
        return [(hit["_index"], hit["_id"]) for hit in answer["hits"]["hits"]]

    def _bulk(self, operations: list[BulkOperation]) -> list[tuple[BulkOperation, str]]:
        """Send operations, again and again where a part of the index is between two machines.

        Raises :class:`ServerProblem` where it is nowhere: that is no fault of a document.
        """
        refused: list[tuple[BulkOperation, str]] = []
        for attempt in range(_MAX_ATTEMPTS):
            elsewhere: list[tuple[BulkOperation, str]] = []
            for operation, status, why in self._bulk_once(operations):
                failed = elsewhere if status in _UNAVAILABLE else refused
                failed.append((operation, why))
            if not elsewhere:
                return refused
            operations = [operation for operation, _ in elsewhere]
            if self._given_up.wait(2**attempt):
                break
        raise ServerProblem(
            f"A part of the index {self._made.names.name} takes no articles ({elsewhere[0][1]}): "
            "see the health of the server's cluster, and run the command again, which completes it."
        )

    def _bulk_once(
        self, operations: list[BulkOperation]
    ) -> Iterator[tuple[BulkOperation, int, str]]:
        """Send operations; yield those that failed, with the status and the reason."""
        from opensearchpy.helpers import streaming_bulk

        by_key = {(each.home, each.key): each for each in operations}
        known = []
        for each in operations:
            if each.line is not None and len(each.line) > LONGEST_DOCUMENT:
                yield each, 413, f"longer than a server takes ({len(each.line):,} characters)"
            else:
                known.append(each)
        if not known:
            return
        with self._connection.problems_named():
            results = streaming_bulk(
                self._connection.writer,
                known,
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
                # without it the client takes the other for its own
                request_timeout=TIMEOUT_SECONDS,
            )
            for _, told in results:
                ((what, item),) = told.items()
                if what == "delete" and item["status"] == _NOT_FOUND and "error" not in item:
                    continue
                index = str(item["_index"]).removesuffix(write_alias(""))
                yield by_key[index, item["_id"]], item["status"], error_reason(item.get("error"))

    def _part_doubles(self) -> None:
        """Take out the worse one of each article that another loader has put elsewhere."""
        keys = tuple(key for key, at in self._placed.items() if at is not None)
        self._placed.clear()
        worse = losing_versions(self._connection, self._made.names, keys)
        operations = [BulkOperation("delete", index, key, key) for index, key in worse]
        self._refused += [(each.subject, why) for each, why in self._bulk(operations)]
        if operations:
            refresh(self._connection, self._made.names)


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


def _chain(first: LoadBatch, others: Iterator[LoadBatch]) -> Iterator[LoadBatch]:
    yield first
    yield from others


@contextmanager
def _thread_pool() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="newsgrep-load")
    try:
        yield pool
    finally:
        # What is under way comes to its end, so that nothing is sent after this.
        pool.shutdown(wait=True, cancel_futures=True)


def _bulk_action(operation: BulkOperation) -> tuple[dict[str, object], str | None]:
    action: dict[str, object] = {
        operation.what: {"_index": write_alias(operation.home), "_id": operation.key}
    }
    return action, operation.line


_IDS_PER_REQUEST = 2_000


def losing_versions(
    connection: Client, names: IndexNames, ids: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Return index and id of what is to go, so that each of these articles is there once.

    Of two versions the one is kept that indexing both by one loader would have kept, so
    that all loaders decide alike.
    """
    worse: list[tuple[str, str]] = []
    for some in chunks(ids, _IDS_PER_REQUEST):
        answer = connection.ask(
            "POST",
            f"/{names.articles}/_search",
            {
                "query": {"terms": {ID: some}},
                "size": 10_000,
                "_source": False,
                "stored_fields": [PACKED_FILE_RECORD],
                "track_total_hits": False,
            },
            {"allow_partial_search_results": "false"},
        )
        versions: dict[str, list[tuple[FileRecord, str]]] = {}
        for hit in answer["hits"]["hits"]:
            versions.setdefault(hit["_id"], []).append((stored_file_record(hit), hit["_index"]))
        for key, each in versions.items():
            # By path upwards, then by rank downwards, which leaves equal ones as they are.
            best = sorted(sorted(each, key=_version_path), key=_version_key, reverse=True)
            worse += [(index, key) for _, index in best[1:]]
    return worse


def _version_path(version: tuple[FileRecord, str]) -> tuple[str, str]:
    return version[0].path, version[1]


def _version_key(version: tuple[FileRecord, str]) -> tuple[str, int]:
    return version[0].rank

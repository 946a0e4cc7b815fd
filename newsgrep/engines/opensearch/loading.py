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

from newsgrep.engines.base import Change, Forget, Note, Remove, Upsert
from newsgrep.engines.clauses.fields import ID
from newsgrep.engines.opensearch.connection import SECONDS, Connection, reason
from newsgrep.engines.opensearch.documents import article_line, note_key, note_line, year_of
from newsgrep.engines.opensearch.making import Made
from newsgrep.engines.opensearch.mapping import to_write
from newsgrep.engines.opensearch.tuning import loading, refresh
from newsgrep.errors import Refused, ServerProblem

THREADS: Final = 4
"""Requests under way at once."""

MOST_DOCUMENTS: Final = 500
MOST_BYTES: Final = 8 << 20
"""What one request has at most, but for one document that is longer by itself."""

LONGEST_DOCUMENT: Final = 90 << 20
"""Bytes of one document: a stock server takes no request of more than 100 MB."""

_PATIENCE: Final = 3
"""How often what a part of the index did not take is sent, while it moves elsewhere."""

_WAITING: Final = "20s"
"""How long a server waits for a part of the index; less than we wait for the server."""

_MOST_PACKED: Final = 2 << 20
"""Bytes of packed articles that are taken together: as documents they are several times that."""

_REMEMBERED: Final = 100_000
"""Articles after which all is made visible, so that one need not remember where they are."""

_ELSEWHERE: Final = frozenset({502, 503, 504})
_NOT_FOUND: Final = 404


class Operation(NamedTuple):
    """One line of work for the server: ``what`` is ``index`` or ``delete``.

    ``home`` is the index that it is for; ``subject`` is for people: the path of the file, or
    else the id of the article.
    """

    what: str
    home: str
    key: str
    subject: str
    line: str | None = None


class Batch:
    """Changes that are sent together; of several of one article the last one counts."""

    def __init__(self) -> None:
        self.articles: dict[str, Upsert | Remove] = {}
        self.notes: dict[str, Note | Forget] = {}
        self._size = 0

    def add(self, change: Change) -> None:
        """Take one more change."""
        match change:
            case Upsert(entry):
                self.articles[entry.article_id] = change
                self._size += len(entry.folded) + len(entry.rest)
            case Remove(article_id):
                self.articles[article_id] = change
            case Note(stamp):
                self.notes[stamp.path] = change
            case Forget(path):
                self.notes[path] = change

    @property
    def is_full(self) -> bool:
        """Whether it is time to send it."""
        many = len(self.articles) + len(self.notes) >= MOST_DOCUMENTS
        return many or self._size >= _MOST_PACKED

    def years(self) -> set[str]:
        """Return the years whose indexes are needed."""
        upserts = (each for each in self.articles.values() if isinstance(each, Upsert))
        return {year_of(each.entry) for each in upserts}

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """What must not be changed elsewhere meanwhile."""
        notes = (("note", path) for path in self.notes)
        return frozenset((*(("article", key) for key in self.articles), *notes))


class Loader:
    """Applies changes to one generation of an index."""

    def __init__(self, connection: Connection, made: Made) -> None:
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
            self._apply(batches(changes))
        except ServerProblem:
            # What takes no articles shows none either, and needs a minute to say so.
            raise
        except BaseException:
            refresh(self._connection, self._made.names)
            raise
        refresh(self._connection, self._made.names)
        self._part_doubles()
        if self._refused:
            raise Refused(self._connection.address.name, tuple(self._refused))

    def _apply(self, batches: Iterator[Batch]) -> None:
        first = next(batches, None)
        second = next(batches, None)
        if first is not None:
            self._take(self._load(first))
        if second is None:  # so few are not worth the change of settings
            return
        with loading(self._connection, self._made.names), _threads() as pool:
            under_way: dict[Future[list[tuple[str, str]]], frozenset[tuple[str, str]]] = {}
            for batch in _chained(second, batches):
                keys = batch.keys
                while len(under_way) > THREADS or any(map(keys.intersection, under_way.values())):
                    self._await_one(under_way)
                if len(self._placed) >= _REMEMBERED:
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

    def _load(self, batch: Batch) -> list[tuple[str, str]]:
        """Bring one batch to the server; return what it refuses."""
        places = self._places(tuple(batch.articles))
        self._made.make_years(batch.years())
        deletes: list[Operation] = []
        puts: list[Operation] = []
        placed: dict[str, str | None] = {}
        for key, change in batch.articles.items():
            match change:
                case Upsert(entry):
                    index = self._made.names.of_year(year_of(entry))
                    puts.append(
                        Operation("index", index, key, entry.stamp.path, article_line(entry))
                    )
                    placed[key] = index
                case Remove():
                    placed[key] = None
            others = places.get(key, set()) - {placed[key]}
            subject = puts[-1].subject if placed[key] else key
            deletes += [Operation("delete", index, key, subject) for index in sorted(others)]
        notes = self._made.names.notes
        for path, note in batch.notes.items():
            match note:
                case Note(stamp):
                    puts.append(Operation("index", notes, note_key(path), path, note_line(stamp)))
                case Forget():
                    deletes.append(Operation("delete", notes, note_key(path), path))
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

    def _bulk(self, operations: list[Operation]) -> list[tuple[Operation, str]]:
        """Send operations, again and again where a part of the index is between two machines.

        Raises :class:`ServerProblem` where it is nowhere: that is no fault of a document.
        """
        refused: list[tuple[Operation, str]] = []
        for attempt in range(_PATIENCE):
            elsewhere: list[tuple[Operation, str]] = []
            for operation, status, why in self._bulk_once(operations):
                failed = elsewhere if status in _ELSEWHERE else refused
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

    def _bulk_once(self, operations: list[Operation]) -> Iterator[tuple[Operation, int, str]]:
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
                chunk_size=MOST_DOCUMENTS,
                max_chunk_bytes=MOST_BYTES,
                raise_on_error=False,
                expand_action_callback=_expanded,
                max_retries=8,
                initial_backoff=1,
                max_backoff=60,
                yield_ok=False,
                require_alias=True,
                timeout=_WAITING,
                request_timeout=SECONDS,  # without it the client takes the other for its own
            )
            for _, told in results:
                ((what, item),) = told.items()
                if what == "delete" and item["status"] == _NOT_FOUND and "error" not in item:
                    continue
                index = str(item["_index"]).removesuffix(to_write(""))
                yield by_key[index, item["_id"]], item["status"], reason(item.get("error"))

    def _part_doubles(self) -> None:
        """Take out the worse one of each article that another loader has put elsewhere."""
        from newsgrep.engines.opensearch.doubles import worse_ones

        keys = tuple(key for key, at in self._placed.items() if at is not None)
        self._placed.clear()
        worse = worse_ones(self._connection, self._made.names, keys)
        operations = [Operation("delete", index, key, key) for index, key in worse]
        self._refused += [(each.subject, why) for each, why in self._bulk(operations)]
        if operations:
            refresh(self._connection, self._made.names)


def batches(changes: Iterable[Change]) -> Iterator[Batch]:
    """Yield changes in batches."""
    batch = Batch()
    for change in changes:
        batch.add(change)
        if batch.is_full:
            yield batch
            batch = Batch()
    if batch.keys:
        yield batch


def _chained(first: Batch, others: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from others


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="newsgrep-load")
    try:
        yield pool
    finally:
        # What is under way comes to its end, so that nothing is sent after this.
        pool.shutdown(wait=True, cancel_futures=True)


def _expanded(operation: Operation) -> tuple[dict[str, object], str | None]:
    action: dict[str, object] = {
        operation.what: {"_index": to_write(operation.home), "_id": operation.key}
    }
    return action, operation.line

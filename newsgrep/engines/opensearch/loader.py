"""Writing to an index on a server: bounded requests in a few threads, and no lost changes.

An article is one document, which contains its file record. It is written as a whole or not at
all. Changes of one article are never in progress at the same time.

Several processes may write at once. A change for which a run states what it expects is made only
if the document is still the one that was compared with that (``if_seq_no``). A number made of the
order of versions (``version_type=external_gte``) would not do: a path does not fit into one, a
file that was edited may have a shorter text than before, and the file record of the version that
is replaced would be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.engines.base import (
    Change,
    Conflict,
    DeleteArticle,
    DropFileRecord,
    Expected,
    PutArticle,
    PutFileRecord,
    is_expected,
)
from newsgrep.engines.engine_query.fields import ID
from newsgrep.engines.opensearch.bulk import (
    CONFLICT,
    MAX_BULK_DOCUMENTS,
    BulkOperation,
    BulkRequests,
    FailedOperation,
    Version,
)
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    ADDRESS_ID,
    PACKED_ARTICLE_FIELDS,
    PACKED_FILE_RECORD,
    IndexNames,
    article_json,
    file_record_json,
    file_record_key,
    publication_year,
    stored_article,
    stored_file_record,
)
from newsgrep.engines.opensearch.indices import IndexGeneration, bulk_loading, refresh
from newsgrep.engines.opensearch.problems import (
    JsonObject,
    integer,
    objects,
    text,
)
from newsgrep.engines.opensearch.query import chunks
from newsgrep.errors import ChangesRejected, ServerProblem
from newsgrep.models import FileRecord

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

LOADER_THREADS: Final = 4
"""Requests in progress at once."""

_MAX_ROUNDS: Final = 20
"""How often documents are compared again because another process has changed them meanwhile."""

_MAX_BATCH_BYTES: Final = 2 << 20
"""Packed size of the articles of a batch; as documents they are several times larger."""

_MAX_REMEMBERED: Final = 100_000
"""Articles after which everything is refreshed, so that their indices can be forgotten."""

_IDS_PER_REQUEST: Final = 2_000
_ARTICLES_PER_REQUEST: Final = 100


class StoredVersion(NamedTuple):
    """A document as searches see it, and its file record."""

    version: Version
    file_record: FileRecord


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
                self._add(article.article_id, change)
                self._size += len(article.folded) + len(article.rest)
            case DeleteArticle(article_id):
                self._add(article_id, change)
            case PutFileRecord(record):
                self.file_records[record.path] = change
            case DropFileRecord(path):
                self.file_records[path] = change

    def _add(self, key: str, change: PutArticle | DeleteArticle) -> None:
        before = self.articles.get(key)
        if before and before.expected and change.expected:
            # What the earlier change would have stored is never stored.
            change = change._replace(expected=before.expected)
        self.articles[key] = change

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


Rejected = list[FailedOperation]
"""Operations that the server has rejected."""


class Loader:
    """Applies changes to one generation of an index, whose user's dictionary is ``user``."""

    def __init__(self, generation: IndexGeneration, user: UserDictionary | None = None) -> None:
        self._client: Client = generation.client
        self._names: IndexNames = generation.names
        self._generation = generation
        self._user = user
        self._rejected: Rejected = []
        # The articles of this run as it has left them; None if deleted. Searches may see others.
        self._written: dict[str, Version | None] = {}
        # The addresses of articles that were compared with what was expected, and the run.
        self._addresses: set[str] = set()
        self._expected: Expected | None = None
        self._requests = BulkRequests(self._client, self._names.name, self._note_written)

    def _note_written(self, operation: BulkOperation, version: Version) -> None:
        if operation.target != self._names.file_records:
            self._written[operation.key] = version

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
        self._settle()
        if self._rejected:
            items = tuple((each.operation.subject, each.reason) for each in self._rejected)
            raise ChangesRejected(self._client.address.name, items)

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
                    self._settle()
                running[pool.submit(self._load, batch)] = keys
            while running:
                self._await_one(running)

    def _await_one(self, running: dict[Future[Rejected], Any]) -> None:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            del running[future]
            if future.exception():
                self._requests.given_up.set()
            self._rejected += future.result()

    def _load(self, batch: LoadBatch) -> Rejected:
        """Send one batch to the server, and return what it rejects."""
        self._generation.ensure_years(batch.years())
        articles = batch.articles
        rejected = self._write_file_records(batch.file_records, DropFileRecord)
        for _ in range(_MAX_ROUNDS):
            failed = self._write_articles(articles)
            changed = {each.operation.key for each in failed if each.status == CONFLICT}
            rejected += [each for each in failed if each.operation.key not in changed]
            if not changed:
                break
            articles = {key: articles[key] for key in changed}
            for key in changed:
                self._written.pop(key, None)
            refresh(self._client, self._names)  # so that searches see what others have written
        else:
            rejected += [each for each in failed if each.status == CONFLICT]
        return rejected + self._write_file_records(batch.file_records, PutFileRecord)

    def _write_articles(self, articles: Mapping[str, PutArticle | DeleteArticle]) -> Rejected:
        """Make the changes that are expected, and report the others; return what failed."""
        found = self._search(tuple(key for key in articles if key not in self._written))
        deletes: list[BulkOperation] = []
        puts: list[BulkOperation] = []
        for key, change in articles.items():
            there = [each.version for each in found.get(key, ())]
            if (written := self._written.get(key)) is not None:
                there = [written]
            elif self._is_refused(change, found.get(key, ())):
                continue
            index, subject = "", key
            if isinstance(change, PutArticle):
                index = self._names.of_year(publication_year(change.document))
                subject = change.document.file_record.path
                puts.append(self._put(change, index, there))
            is_checked = change.expected is not None
            deletes += [
                BulkOperation(
                    "delete", each.target, key, subject, over=each if is_checked else None
                )
                for each in sorted(there)
                if each.target != index
            ]
            if isinstance(change, DeleteArticle):
                self._written[key] = None
        # An article that moves to another index is first deleted from the old one. So it never
        # exists twice, and if the run ends in between, the missing record has its file read
        # again.
        failed = self._requests.send(deletes)
        stuck = {each.operation.key for each in failed}
        return failed + self._requests.send([each for each in puts if each.key not in stuck])

    def _put(self, change: PutArticle, index: str, there: Iterable[Version]) -> BulkOperation:
        document = change.document
        action, over = "index", None
        if change.expected:
            over = next((each for each in there if each.target == index), None)
            action = "index" if over else "create"
            self._expected = change.expected
            self._addresses.add(document.file_record.address or document.article_id)
        path = document.file_record.path
        line = article_json(document)
        return BulkOperation(action, index, document.article_id, path, line, over)

    def _is_refused(
        self, change: PutArticle | DeleteArticle, found: Iterable[StoredVersion]
    ) -> bool:
        """Return whether something else is stored than a change expects; report it to the run."""
        others = [each.file_record for each in found if not is_expected(change, each.file_record)]
        if others and change.expected and isinstance(change, PutArticle):
            change.expected.report(Conflict(change.document, best_version(others)))
        return bool(others)

    def _write_file_records(
        self,
        changes: Mapping[str, PutFileRecord | DropFileRecord],
        kind: type[PutFileRecord | DropFileRecord],
    ) -> Rejected:
        target = self._names.file_records
        operations = []
        for path, change in changes.items():
            key = file_record_key(path)
            match change:
                case PutFileRecord(record) if kind is PutFileRecord:
                    line = file_record_json(record)
                    operations.append(BulkOperation("index", target, key, path, line))
                case DropFileRecord() if kind is DropFileRecord:
                    operations.append(BulkOperation("delete", target, key, path))
        return self._requests.send(operations)

    def _search(self, ids: tuple[str, ...]) -> dict[str, list[StoredVersion]]:
        """Return the documents with these ids as searches see them."""
        found: dict[str, list[StoredVersion]] = {}
        for part in chunks(ids, _IDS_PER_REQUEST):
            for hit in self._hits({"terms": {ID: part}}, (PACKED_FILE_RECORD,)):
                found.setdefault(text(hit, "_id"), []).append(_stored_version(hit))
        return found

    def _hits(self, query: object, fields: tuple[str, ...]) -> list[JsonObject]:
        response = self._client.request(
            "POST",
            f"/{self._names.articles}/_search",
            {
                "query": query,
                "size": 10_000,
                "_source": False,
                "stored_fields": fields,
                "seq_no_primary_term": True,
                "track_total_hits": False,
            },
            {"allow_partial_search_results": "false"},
        )
        return list(objects(response, "hits", "hits"))

    def _settle(self) -> None:
        """Leave one version of each article that another loader has put elsewhere.

        Two loaders may put an article into two indices at the same time. The best version stays,
        so that all loaders decide alike, and the run decides about the other one. It also decides
        about other articles at the addresses of those that were written.
        """
        keys = [key for key, version in self._written.items() if version is not None]
        self._written.clear()
        for _ in range(_MAX_ROUNDS):
            keys = self._remove_duplicates(keys)
            if not keys:
                break
            refresh(self._client, self._names)
        if self._expected:
            addresses, self._addresses = tuple(self._addresses), set()
            for part in chunks(addresses, _IDS_PER_REQUEST):
                self._report_others(part, self._expected)

    def _remove_duplicates(self, keys: Sequence[str]) -> list[str]:
        """Delete all but the best version of articles; return the ids of those that were there."""
        operations = []
        losing: dict[str, FileRecord] = {}
        for key, versions in self._search(tuple(keys)).items():
            if len(versions) > 1:
                best = best_version([each.file_record for each in versions])
                worse = sorted(versions, key=lambda each: each.file_record is best)[:-1]
                losing[key] = best
                operations += [
                    BulkOperation("delete", each.version.target, key, key, over=each.version)
                    for each in worse
                ]
        articles = self._stored_articles(operations) if self._expected and operations else []
        failed = self._requests.send(operations)
        changed = {each.operation for each in failed if each.status == CONFLICT}
        self._rejected += [each for each in failed if each.status != CONFLICT]
        for operation, conflict in articles:
            if self._expected and operation not in changed:
                self._expected.report(Conflict(conflict, losing[operation.key]))
        return list(losing)

    def _stored_articles(
        self, operations: Iterable[BulkOperation]
    ) -> list[tuple[BulkOperation, IndexDocument]]:
        """Return the stored documents that these operations delete."""
        by_place = {(each.target, each.key): each for each in operations}
        found = []
        for part in chunks(tuple({key for _, key in by_place}), _ARTICLES_PER_REQUEST):
            for hit in self._hits({"terms": {ID: part}}, PACKED_ARTICLE_FIELDS):
                if operation := by_place.get((text(hit, "_index"), text(hit, "_id"))):
                    record = stored_file_record(hit)
                    document = make_document(stored_article(hit), record, user=self._user)
                    found.append((operation, document))
        return found

    def _report_others(self, addresses: Sequence[str], expected: Expected) -> None:
        """Report further articles at some addresses, and the first one if there are any."""
        hits = self._hits({"terms": {ADDRESS_ID: addresses}}, (PACKED_FILE_RECORD,))
        records = [stored_file_record(hit) for hit in hits]
        first = self._search(tuple({each.address for each in records}))
        records += [each.file_record for versions in first.values() for each in versions]
        for record in records:
            expected.report(Conflict(None, record))


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


def _stored_version(hit: JsonObject) -> StoredVersion:
    version = Version(text(hit, "_index"), integer(hit, "_seq_no"), integer(hit, "_primary_term"))
    return StoredVersion(version, stored_file_record(hit))


def best_version(records: Iterable[FileRecord]) -> FileRecord:
    """Return the version that a single loader would have kept, so that all decide alike."""
    # By path ascending, then by version descending, where equal ones keep their order.
    by_path = sorted(records, key=lambda record: (record.path, record.digest))
    return max(by_path, key=lambda record: record.version_key)

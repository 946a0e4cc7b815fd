"""The engine for an OpenSearch server: it matches, scores, sorts and counts on the server.

Texts are indexed as our own tokens (:mod:`newsgrep.engines.engine_query.fields`), one for each
Han character and each punctuation mark, with the analyzer that only splits at spaces. So the
server finds a quoted string with its punctuation exactly, and needs no analyzer of its own. No
text is read for it, unless a pattern requires that.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from newsgrep.analysis.packed_texts import DamagedData, unpack_folded
from newsgrep.engines.base import Change, EngineRequest, Order, Problem, ResultPage, RolledBack
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, TERMS, term_token
from newsgrep.engines.engine_query.lower import lower, score_clauses
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    MAX_BYTES_PER_ARTICLE,
    MAX_UNPACKED_BYTES,
    PACKED_ARTICLE_FIELDS,
    PACKED_FILE_RECORD,
    PACKED_FILE_RECORD_IN_FORMAT_4,
    PACKED_TEXTS,
    ServerHit,
    stored_article,
    stored_bytes,
    stored_file_record,
    text_length,
)
from newsgrep.engines.opensearch.indices import IndexGeneration, commit_number, find_index
from newsgrep.engines.opensearch.pages import (
    HitPages,
    PointInTime,
    facet_aggregations,
    facet_counts,
    total_hits,
)
from newsgrep.engines.opensearch.problems import invalid, text
from newsgrep.engines.opensearch.query import (
    MAX_CLAUSES,
    chunks,
    count_score_clauses,
    scored_query,
    to_dsl,
)
from newsgrep.engines.opensearch.reader import ServerReader
from newsgrep.engines.opensearch.settings import restore_settings
from newsgrep.errors import IndexDamaged, IndexMissing, UsageError
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Node, scoring_terms

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

NO_ROLLBACK: Final = message(
    "There is no commit to roll back to: a server keeps only the current state. Restore a snapshot "
    "of the server, or index the files again."
)

_ARTICLES_PER_REQUEST: Final = 100


class OpenSearchEngine:
    """One index on a server; it answers from the point in time of the first search.

    Unlike other engines it writes article by article: :meth:`write` is not one commit, but
    each article is written with its file record or not at all, and repeating an interrupted
    write completes it.
    """

    user_dictionary: UserDictionary | None = None

    def __init__(self, client: Client, generation: IndexGeneration) -> None:
        self._client = client
        self._generation = generation
        self._names = generation.names
        self._point_in_time: PointInTime | None = None
        self._commit = 0
        self._counts: dict[ir.Clause, int] = {}
        self._found_ids: set[str] = set()

    def _open(self) -> PointInTime:
        if self._point_in_time is None:
            # Before the point in time is fixed: at worst the number is of an earlier state.
            self._commit = commit_number(self._client, self._names)
            self._point_in_time = PointInTime(self._client, self._names.articles)
        return self._point_in_time

    def _release(self) -> None:
        self._counts.clear()
        self._found_ids.clear()
        if self._point_in_time is not None:
            point_in_time, self._point_in_time = self._point_in_time, None
            point_in_time.close()

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes, those of one article in order; searches see them at the end.

        Raises :class:`ChangesRejected` for documents that the server does not accept, after
        writing the others. An exception from ``changes`` leaves what was sent before.
        """
        # Writing needs thread pools, a search does not.
        from newsgrep.engines.opensearch.loader import Loader

        self._release()
        try:
            with self._translate_errors():
                Loader(self._generation, self.user_dictionary).apply(changes)
        finally:
            self._release()  # where ``changes`` has read articles meanwhile, their state is fixed

    def commit(self) -> int:
        """Return a number made of the last change of each shard."""
        self._open()
        return self._commit

    def refresh(self) -> None:
        """Release the point in time, and find the generation that the alias refers to now."""
        self._release()
        found = find_index(self._client)
        if found is None:
            raise IndexMissing(
                "The index {name} is no longer on the server. Create one with: newsgrep index PATH",
                name=self._names.name,
            )
        self._generation, self._names = found, found.names

    def rollback(self) -> RolledBack:
        """Raise :class:`UsageError`: a server keeps only the current state."""
        raise UsageError(NO_ROLLBACK)

    def search(self, request: EngineRequest) -> ResultPage:
        """Let the server match, score, sort and count."""
        query, order, limit, offset, facets, recency, after, statistics = request
        point_in_time = self._open()
        reader = ServerReader(point_in_time)
        with self._translate_errors():
            clause = lower(reader, query)
        ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
        terms = scoring_terms(query) if ranks else []
        scores = score_clauses(terms, self._count_all, statistics) if terms else []
        if not scores and (after is None or after.score == 0) and order is Order.RELEVANCE:
            order = Order.NEWEST  # the same order, and faster
        clause = reader.fit(clause, MAX_CLAUSES - count_score_clauses(scores))
        matching = to_dsl(clause)
        dsl = scored_query(matching, scores, recency) if order is Order.RELEVANCE else matching
        pages = HitPages(point_in_time, dsl, order)
        response, candidates = pages.page(limit, offset, after, facet_aggregations(facets))
        self._found_ids.update(each.id for each in candidates)
        total = total_hits(response)
        passed = pages.count_up_to(after) if after is not None else 0
        return ResultPage(
            total=total,
            candidates=tuple(candidates),
            facets=facet_counts(point_in_time, matching, facets, response),
            before=min(passed + offset, total),
        )

    def _count_all(self, clauses: Sequence[ir.Clause]) -> list[int]:
        new = [clause for clause in dict.fromkeys(clauses) if clause not in self._counts]
        self._counts.update(zip(new, self._open().count_all(new), strict=True))
        return [self._counts[clause] for clause in clauses]

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids, unpacked."""
        wanted = tuple(ids)
        found: dict[str, Article] = {}
        left = MAX_UNPACKED_BYTES + len(wanted) * MAX_BYTES_PER_ARTICLE
        with self._translate_errors():
            for hit in self._hits(wanted, *PACKED_ARTICLE_FIELDS):
                article = found[text(hit, "_id")] = stored_article(hit, left)
                left = max(1, left - text_length(article))
        self._require_found(wanted, found)
        return [found[each] for each in wanted if each in found]

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return the folded titles and bodies of the articles with these ids."""
        wanted = tuple(ids)
        found: dict[str, tuple[str, str]] = {}
        left = MAX_UNPACKED_BYTES + len(wanted) * MAX_BYTES_PER_ARTICLE
        with self._translate_errors():
            for hit in self._hits(wanted, PACKED_TEXTS):
                title, body, captions = unpack_folded(stored_bytes(hit, PACKED_TEXTS), left)
                found[text(hit, "_id")] = title, body
                left = max(1, left - len(title) - len(body) - len(captions))
        self._require_found(wanted, found)
        return [found[each] for each in wanted if each in found]

    def _require_found(self, wanted: Iterable[str], found: Container[str]) -> None:
        """Raise :class:`ServerProblem` if an article is missing that a search has found."""
        if any(each in self._found_ids and each not in found for each in wanted):
            raise invalid(("hits",), "complete")

    def _hits(self, ids: tuple[str, ...], *fields: str) -> Iterator[ServerHit]:
        for part in chunks(tuple(dict.fromkeys(ids)), _ARTICLES_PER_REQUEST):
            yield from self._open().hits(ir.AnyTerm(ID, tuple(part)), {"stored_fields": fields})

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Return how many articles contain each term, of all or of those that match ``within``."""
        wanted = list(dict.fromkeys(terms))
        reader = ServerReader(self._open())
        with self._translate_errors():
            condition = None if within is None else reader.fit(lower(reader, within))
        clauses = [ir.Term(TERMS, term_token(term)) for term in wanted]
        return dict(zip(wanted, reader.frequencies(clauses, condition), strict=True))

    def file_records(self) -> Iterator[FileRecord]:
        """Yield all file records."""
        # Not needed for a search.
        from newsgrep.engines.opensearch.maintenance import file_record_hits

        for hit in file_record_hits(self._client, self._names):
            with self._translate_errors():
                record = stored_file_record(hit)
            yield record

    def find_file_records(self, ids: Iterable[str]) -> list[FileRecord]:
        """Return the file records of the articles with these ids."""
        wanted = tuple(ids)
        with self._translate_errors():
            hits = self._hits(wanted, PACKED_FILE_RECORD, PACKED_FILE_RECORD_IN_FORMAT_4)
            found = {text(hit, "_id"): stored_file_record(hit) for hit in hits}
        return [found[each] for each in wanted if each in found]

    def verify(self, *, deep: bool = False) -> list[Problem]:
        """Check that all shards are available, and read all documents."""
        from newsgrep.engines.opensearch.maintenance import find_problems

        return list(find_problems(self._client, self._names, deep=deep, user=self.user_dictionary))

    def remove_leftovers(self) -> list[str]:
        """Restore the settings that interrupted loads have changed, and name these indices."""
        return restore_settings(self._client, self._names)

    def close(self) -> None:
        """Delete the point in time on the server, and close all connections."""
        try:
            self._release()
        finally:
            self._client.close()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except DamagedData as exc:
            raise IndexDamaged(
                "The index {name} on the server is damaged ({reason}): newsgrep doctor "
                "--fix saves what can be read, or restore a snapshot of the server.",
                name=self._names.name,
                reason=exc,
            ) from exc

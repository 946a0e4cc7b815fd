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
from newsgrep.analysis.versions import pack_earlier
from newsgrep.engines.base import Change, EngineRequest, Order, Problem, ResultPage, RolledBack
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, MAX_TOKEN_LENGTH, TERMS, term_token
from newsgrep.engines.engine_query.lower import lower, score_clauses, values_of
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    LATIN_TERMS,
    MAX_BYTES_PER_ARTICLE,
    MAX_UNPACKED_BYTES,
    PACKED_ARTICLE_FIELDS,
    PACKED_FILE_RECORD,
    PACKED_FILE_RECORD_IN_FORMAT_4,
    PACKED_LEFT_OUT,
    PACKED_REST,
    PACKED_TEXTS,
    PACKED_VERSIONS,
    ServerHit,
    is_latin_term,
    stored_article,
    stored_bytes,
    stored_file_record,
    text_length,
)
from newsgrep.engines.opensearch.indices import (
    IndexGeneration,
    commit_number,
    find_index,
    restore_settings,
)
from newsgrep.engines.opensearch.pages import (
    HitPages,
    PointInTime,
    advance_key,
    facet_aggregations,
    facet_counts,
    total_hits,
)
from newsgrep.engines.opensearch.problems import (
    integer,
    invalid,
    items,
    mapping,
    objects,
    text,
)
from newsgrep.engines.opensearch.query import (
    MAX_CLAUSES,
    MAX_NESTING,
    QueryDsl,
    chunks,
    count_clauses,
    count_score_clauses,
    nesting_depth,
    scored_query,
    to_dsl,
)
from newsgrep.errors import IndexDamaged, IndexMissing, UsageError
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Field, LocationField, NameField, Node, scoring_terms

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


_FREQUENCIES_PER_REQUEST: Final = 500

_TEXTS_PER_REQUEST: Final = 200

_TERMS_PER_REQUEST: Final = 10_000


class ServerReader:
    """A point in time as the ``IndexReader`` of :mod:`newsgrep.engines.engine_query.lower`.

    Clauses of any size are split up so that each request fits.
    """

    def __init__(self, point_in_time: PointInTime) -> None:
        self._point_in_time = point_in_time

    def terms(self, prefix: str, field: Field) -> Iterable[str]:  # noqa: ARG002  (never captions)
        """Return the terms of titles and bodies that are letters and digits, by ``prefix``."""
        if len(prefix) > MAX_TOKEN_LENGTH:
            return []
        found = []
        query: QueryDsl = {"prefix": {TERMS: prefix}} if prefix else {"match_all": {}}
        source = [{"term": {"terms": {"field": LATIN_TERMS}}}]
        pages: QueryDsl = {"size": _TERMS_PER_REQUEST, "sources": source}
        if prefix:
            # A page begins after a term; the prefix may be a term itself.
            pages["after"] = {"term": prefix}
            is_term = self.count(ir.Term(TERMS, prefix)) and is_latin_term(prefix)
            found += [prefix] if is_term else []
        while True:
            body = {"query": query, "size": 0, "track_total_hits": False}
            response = self._point_in_time.search({**body, "aggs": {"terms": {"composite": pages}}})
            page = mapping(response, "aggregations", "terms")
            terms = [text(bucket, "key", "term") for bucket in objects(page, "buckets")]
            found += [term for term in terms if term.startswith(prefix)]
            if len(terms) < _TERMS_PER_REQUEST or not terms[-1].startswith(prefix):
                return found
            pages["after"] = advance_key(pages.get("after"), mapping(page, "after_key"))

    def texts(self, clause: ir.Clause, field: Field) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed texts of every article that matches ``clause``."""
        if field is Field.EARLIER:
            names = (PACKED_TEXTS, PACKED_REST, PACKED_VERSIONS)
            for hit in self._stored(clause, *names):
                packed = (stored_bytes(hit, name) for name in names)
                yield text(hit, "_id"), pack_earlier(*packed)
            return
        name = PACKED_LEFT_OUT if field is Field.LEFT_OUT else PACKED_TEXTS
        for hit in self._stored(clause, name):
            yield text(hit, "_id"), stored_bytes(hit, name)

    def values(
        self, clause: ir.Clause, kind: NameField | LocationField
    ) -> Iterator[tuple[str, str]]:
        """Yield id and value for each name, or the address, of the articles that match."""
        for hit in self._stored(clause, *PACKED_ARTICLE_FIELDS):
            for value in values_of(stored_article(hit), kind):
                yield text(hit, "_id"), value

    def count(self, clause: ir.Clause) -> int:
        """Return how many articles match ``clause``."""
        return self._point_in_time.count_all([self.fit(clause)])[0]

    def frequencies(self, clauses: Sequence[ir.Clause], within: ir.Clause | None) -> list[int]:
        """Return how many articles match each clause, of all or of those that match ``within``."""
        query = to_dsl(ir.Must(()) if within is None else within)
        found: list[int] = []
        for first in range(0, len(clauses), _FREQUENCIES_PER_REQUEST):
            part = clauses[first : first + _FREQUENCIES_PER_REQUEST]
            filters = {str(nth): to_dsl(each) for nth, each in enumerate(part)}
            response = self._point_in_time.search(
                {
                    "query": query,
                    "size": 0,
                    "track_total_hits": False,
                    "aggs": {"each": {"filters": {"filters": filters}}},
                }
            )
            buckets = mapping(response, "aggregations", "each", "buckets")
            found += [integer(buckets, nth, "doc_count") for nth in filters]
        return found

    def _ids(self, clause: ir.Clause) -> ir.AnyTerm:
        """Return a clause over the ids of the articles that match ``clause``, which fits."""
        fields = {"stored_fields": "_none_", "docvalue_fields": [ID]}
        hits = self._point_in_time.hits(clause, fields)
        return ir.AnyTerm(ID, tuple(_stored_id(hit) for hit in hits))

    def _stored(self, clause: ir.Clause, *fields: str) -> Iterator[ServerHit]:
        wanted = {"stored_fields": list(fields)}
        return self._point_in_time.hits(self.fit(clause), wanted, _TEXTS_PER_REQUEST)

    def fit(self, clause: ir.Clause, max_clauses: int = MAX_CLAUSES) -> ir.Clause:
        """Return a clause that matches the same articles and fits into one request.

        A part that has too many clauses, or is nested too deep, is searched first and
        replaced by a clause over the ids of its articles.
        """
        clause = self._flatten(clause)
        if count_clauses(clause) > max_clauses:
            clause = self._resolve(clause)
        return clause

    def _flatten(self, clause: ir.Clause) -> ir.Clause:
        """Resolve what is nested too deep."""
        match clause:
            case ir.Must(clauses):
                return self._resolve_deep(ir.Must(tuple(map(self._flatten, clauses))))
            case ir.Should(clauses):
                return self._resolve_deep(ir.Should(tuple(map(self._flatten, clauses))))
            case ir.MustNot(inner):
                return ir.MustNot(self._flatten(inner))
            case _:
                return clause

    def _resolve_deep(self, clause: ir.Clause) -> ir.Clause:
        return self._resolve(clause) if nesting_depth(clause) > MAX_NESTING else clause

    def _resolve(self, clause: ir.Clause) -> ir.Clause:
        """Replace a clause by the ids of the articles that match it."""
        match clause:
            case ir.Must(clauses):
                found: ir.AnyTerm | None = None
                for part in self._parts(clauses):
                    found = self._ids(ir.all_of(found, ir.Must(part)))
                return found or clause
            case ir.Should(clauses):
                ids = [
                    article_id
                    for part in self._parts(clauses)
                    for article_id in self._ids(ir.Should(part)).tokens
                ]
                return ir.AnyTerm(ID, tuple(dict.fromkeys(ids)))
            case ir.MustNot(inner):
                return ir.MustNot(self._resolve(inner))
            case _:
                return self._ids(clause)

    def _parts(self, clauses: tuple[ir.Clause, ...]) -> Iterator[tuple[ir.Clause, ...]]:
        """Yield groups of clauses that each fit into a request, with room for some ids."""
        max_clauses = MAX_CLAUSES // 2
        part: list[ir.Clause] = []
        size = 0
        for clause in (self.fit(each, max_clauses) for each in clauses):
            more = count_clauses(clause)
            if part and size + more > max_clauses:
                yield tuple(part)
                part, size = [], 0
            part.append(clause)
            size += more
        if part:
            yield tuple(part)


def _stored_id(hit: ServerHit) -> str:
    values = items(hit, "fields", ID)
    return text(values[0] if values else None)

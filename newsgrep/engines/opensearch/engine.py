"""Asking an index on a server: queries become its own, and its numbers become pages.

Texts are kept as our tokens (:mod:`newsgrep.engines.engine_query.fields`), one for every Han
character and every mark, with the analyser that only splits at spaces. So the server itself
finds a quoted string with its punctuation, exactly, and needs no analyser of its own to agree
with ours; no text is read for it, unless a pattern wants that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from newsgrep.analysis.codec import DamagedData, unpack_folded
from newsgrep.engines.base import Change, EngineRequest, Order, Problem, ResultPage
from newsgrep.engines.engine_query.fields import ID, TERMS, term_token
from newsgrep.engines.engine_query.ir import AnyTerm, Clause, Term
from newsgrep.engines.engine_query.lower import lower, score_clauses
from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import (
    ServerHit,
    stored_article,
    stored_bytes,
    stored_file_record,
)
from newsgrep.engines.opensearch.indices import (
    NO_ROLLBACK,
    PACKED_FILE_RECORD,
    PACKED_REST,
    PACKED_TEXTS,
    PACKED_URL,
    IndexGeneration,
    commit_number,
    find_index,
)
from newsgrep.engines.opensearch.query import (
    MAX_CLAUSES,
    chunks,
    count_score_clauses,
    scored_query,
    to_dsl,
)
from newsgrep.engines.opensearch.reader import (
    HitPages,
    PointInTime,
    ServerReader,
    facet_aggregations,
    facet_counts,
)
from newsgrep.errors import IndexDamaged, IndexMissing, UsageError
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Node, scoring_terms

_ARTICLES_PER_REQUEST: Final = 100
"""Packed articles that come at once."""


class OpenSearchEngine:
    """One index on a server; questions are answered from its state at the first of them.

    Unlike others it is written to article by article: :meth:`write` is no one commit, but
    each article is in with its stamp or not at all, and repeating what was cut short
    completes it.
    """

    def __init__(self, connection: Client, made: IndexGeneration) -> None:
        self._connection = connection
        self._made = made
        self._view: PointInTime | None = None
        self._commit = 0
        self._counted: dict[Clause, int] = {}

    def _opened(self) -> PointInTime:
        if self._view is None:
            # Before the state is fixed: at worst the number is that of an earlier one.
            self._commit = commit_number(self._connection, self._made.names)
            self._view = PointInTime(self._connection, self._made.names.articles)
        return self._view

    def _let_go(self) -> None:
        self._counted.clear()
        if self._view is not None:
            view, self._view = self._view, None
            view.close()

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes, of one article in order; they are seen when all are in.

        Raises :class:`newsgrep.errors.Refused` for documents that the server does not take;
        the others are in. An exception out of ``changes`` leaves what was sent before.
        """
        from newsgrep.engines.opensearch.loader import Loader

        self._let_go()
        Loader(self._connection, self._made).apply(changes)

    def commit(self) -> int:
        """Return a number made of how much was ever written to each part of the index."""
        self._opened()
        return self._commit

    def refresh(self) -> None:
        """Let go of the state, and find the generation that the alias means now."""
        self._let_go()
        found = find_index(self._connection)
        if found is None:
            raise IndexMissing(
                f"The index {self._made.names.name} is not on the server any more: create it again "
                "with newsgrep index."
            )
        self._made = found

    def rollback(self) -> None:
        """Refuse: a server keeps no state before the last."""
        raise UsageError(NO_ROLLBACK)

    def search(self, request: EngineRequest) -> ResultPage:
        """Have the server match, score, order and count."""
        query, order, limit, offset, facets, recency, after = request
        view = self._opened()
        reader = ServerReader(view)
        with _translate_errors(self._made.names.name):
            clause = lower(reader, query)
        ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
        added = score_clauses(scoring_terms(query), self._counts) if ranks else []
        if not added and (after is None or after.score == 0) and order is Order.RELEVANCE:
            order = Order.NEWEST  # the same, and sooner found
        clause = reader.fitted(clause, MAX_CLAUSES - count_score_clauses(added))
        matching = to_dsl(clause)
        asked = scored_query(matching, added, recency) if order is Order.RELEVANCE else matching
        pages = HitPages(view, asked, order)
        answer, candidates = pages.page(limit, offset, after, facet_aggregations(facets))
        total = answer["hits"]["total"]["value"]
        passed = pages.up_to(after) if after is not None else 0
        return ResultPage(
            total=total,
            candidates=tuple(candidates),
            facets=facet_counts(view, matching, facets, answer),
            before=min(passed + offset, total),
        )

    def _counts(self, clauses: Sequence[Clause]) -> list[int]:
        new = [clause for clause in dict.fromkeys(clauses) if clause not in self._counted]
        self._counted.update(zip(new, self._opened().counts(new), strict=True))
        return [self._counted[clause] for clause in clauses]

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        wanted = tuple(ids)
        with _translate_errors(self._made.names.name):
            found = {
                hit["_id"]: stored_article(hit)
                for hit in self._hits(
                    wanted, PACKED_TEXTS, PACKED_REST, PACKED_FILE_RECORD, PACKED_URL
                )
            }
        return [found[each] for each in wanted if each in found]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Unpack the folded texts of these articles."""
        wanted = tuple(ids)
        with _translate_errors(self._made.names.name):
            found = {
                hit["_id"]: unpack_folded(stored_bytes(hit, PACKED_TEXTS))[:2]
                for hit in self._hits(wanted, PACKED_TEXTS)
            }
        return [found[each] for each in wanted if each in found]

    def _hits(self, ids: tuple[str, ...], *fields: str) -> Iterator[ServerHit]:
        for some in chunks(tuple(dict.fromkeys(ids)), _ARTICLES_PER_REQUEST):
            clause = AnyTerm(ID, tuple(some))
            yield from self._opened().hits(clause, {"stored_fields": fields})

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Count the articles that have each term, all of them or those that match ``within``."""
        wanted = list(dict.fromkeys(terms))
        reader = ServerReader(self._opened())
        with _translate_errors(self._made.names.name):
            clause = None if within is None else reader.fitted(lower(reader, within))
        having = [Term(TERMS, term_token(term)) for term in wanted]
        counts = reader.frequencies(having, clause)
        return dict(zip(wanted, counts, strict=True))

    def stamps(self) -> Iterator[FileRecord]:
        """Yield every stamp."""
        from newsgrep.engines.opensearch.maintenance import file_record_hits

        for hit in file_record_hits(self._connection, self._made.names):
            with _translate_errors(self._made.names.name):
                stamp = stored_file_record(hit)
            yield stamp

    def check(self, *, deep: bool = False) -> list[Problem]:
        """See that all parts are there, and read everything back."""
        from newsgrep.engines.opensearch.maintenance import find_problems

        return list(find_problems(self._connection, self._made.names, deep=deep))

    def tidy(self) -> list[str]:
        """Bring back the settings of loads that were cut short, and name these indexes."""
        from newsgrep.engines.opensearch.indices import restore_settings

        return restore_settings(self._connection, self._made.names)

    def close(self) -> None:
        """Have the server let go of the state, and close all connections."""
        try:
            self._let_go()
        finally:
            self._connection.close()


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    try:
        yield
    except DamagedData as exc:
        raise IndexDamaged(
            f"The index {name} on the server is damaged ({exc}): newsgrep doctor --fix saves what "
            "can be read, or bring back a snapshot of the server."
        ) from exc

"""Asking an index on a server: queries become its own, and its numbers become pages.

Texts are kept as our tokens (:mod:`newsgrep.engines.clauses.tokens`), one for every Han
character and every mark, with the analyser that only splits at spaces. So the server itself
finds a quoted string with its punctuation, exactly, and needs no analyser of its own to agree
with ours; no text is read for it, unless a pattern wants that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from newsgrep.engines.base import Candidate, Change, Order, Page, Problem
from newsgrep.engines.clauses.clause import Clause, Has, HasOneOf
from newsgrep.engines.clauses.fields import ID, WORDS
from newsgrep.engines.clauses.plan import plan
from newsgrep.engines.clauses.ranking import addends
from newsgrep.engines.clauses.tokens import word_token
from newsgrep.engines.opensearch.asking import (
    MOST_LEAVES,
    cut,
    query_of,
    ranked,
    ranking_leaves,
)
from newsgrep.engines.opensearch.connection import Connection
from newsgrep.engines.opensearch.documents import Hit, article_of, stamp_of, stored
from newsgrep.engines.opensearch.facets import facet_answers, facet_questions
from newsgrep.engines.opensearch.making import Made
from newsgrep.engines.opensearch.mapping import LINK, PACKED, REST, STAMP
from newsgrep.engines.opensearch.paging import Pages
from newsgrep.engines.opensearch.reader import Reader
from newsgrep.engines.opensearch.state import NO_COPY_KEPT, commit_of
from newsgrep.engines.opensearch.view import View
from newsgrep.engines.packing import Damaged, unpack_folded
from newsgrep.engines.recency import Recency
from newsgrep.errors import IndexDamaged, UsageError
from newsgrep.models import Article, Stamp
from newsgrep.query.tree import Node, scoring_terms

_ARTICLES: Final = 100
"""Packed articles that come at once."""


class OpenSearchEngine:
    """One index on a server; questions are answered from its state at the first of them.

    Unlike others it is written to article by article: :meth:`write` is no one commit, but
    each article is in with its stamp or not at all, and repeating what was cut short
    completes it.
    """

    def __init__(self, connection: Connection, made: Made) -> None:
        self._connection = connection
        self._made = made
        self._view: View | None = None
        self._commit = 0
        self._counted: dict[Clause, int] = {}

    def _opened(self) -> View:
        if self._view is None:
            # Before the state is fixed: at worst the number is that of an earlier one.
            self._commit = commit_of(self._connection, self._made.names)
            self._view = View(self._connection, self._made.names.articles)
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
        from newsgrep.engines.opensearch.loading import Loader

        self._let_go()
        Loader(self._connection, self._made).apply(changes)

    def commit(self) -> int:
        """Return a number made of how much was ever written to each part of the index."""
        self._opened()
        return self._commit

    def go_back(self) -> None:
        """Refuse: a server keeps no state before the last."""
        raise UsageError(NO_COPY_KEPT)

    def search(
        self,
        query: Node,
        order: Order = Order.RELEVANCE,
        limit: int = 10,
        offset: int = 0,
        facets: Sequence[str] = (),
        recency: Recency | None = None,
        after: Candidate | None = None,
    ) -> Page:
        """Have the server match, score, order and count."""
        view = self._opened()
        reader = Reader(view)
        with _damage_named(self._made.names.name):
            clause = plan(reader, query)
        ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
        added = addends(scoring_terms(query), self._counts) if ranks else []
        if not added and (after is None or after.score == 0) and order is Order.RELEVANCE:
            order = Order.NEWEST  # the same, and sooner found
        clause = reader.fitted(clause, MOST_LEAVES - ranking_leaves(added))
        matching = query_of(clause)
        asked = ranked(matching, added, recency) if order is Order.RELEVANCE else matching
        pages = Pages(view, asked, order)
        answer, candidates = pages.page(limit, offset, after, facet_questions(facets))
        total = answer["hits"]["total"]["value"]
        passed = pages.up_to(after) if after is not None else 0
        return Page(
            total=total,
            candidates=tuple(candidates),
            facets=facet_answers(view, matching, facets, answer),
            before=min(passed + offset, total),
        )

    def _counts(self, clauses: Sequence[Clause]) -> list[int]:
        new = [clause for clause in dict.fromkeys(clauses) if clause not in self._counted]
        self._counted.update(zip(new, self._opened().counts(new), strict=True))
        return [self._counted[clause] for clause in clauses]

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        wanted = tuple(ids)
        with _damage_named(self._made.names.name):
            found = {
                hit["_id"]: article_of(hit) for hit in self._hits(wanted, PACKED, REST, STAMP, LINK)
            }
        return [found[each] for each in wanted if each in found]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Unpack the folded texts of these articles."""
        wanted = tuple(ids)
        with _damage_named(self._made.names.name):
            found = {
                hit["_id"]: unpack_folded(stored(hit, PACKED))[:2]
                for hit in self._hits(wanted, PACKED)
            }
        return [found[each] for each in wanted if each in found]

    def _hits(self, ids: tuple[str, ...], *fields: str) -> Iterator[Hit]:
        for some in cut(tuple(dict.fromkeys(ids)), _ARTICLES):
            clause = HasOneOf(ID, tuple(some))
            yield from self._opened().hits(clause, {"stored_fields": fields})

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Count the articles that have each term, all of them or those that match ``within``."""
        wanted = list(dict.fromkeys(terms))
        reader = Reader(self._opened())
        with _damage_named(self._made.names.name):
            clause = None if within is None else reader.fitted(plan(reader, within))
        having = [Has(WORDS, word_token(term)) for term in wanted]
        counts = reader.frequencies(having, clause)
        return dict(zip(wanted, counts, strict=True))

    def stamps(self) -> Iterator[Stamp]:
        """Yield every stamp."""
        from newsgrep.engines.opensearch.kept import stamp_hits

        for hit in stamp_hits(self._connection, self._made.names):
            with _damage_named(self._made.names.name):
                stamp = stamp_of(hit)
            yield stamp

    def check(self, *, deep: bool = False) -> list[Problem]:
        """See that all parts are there, and read everything back."""
        from newsgrep.engines.opensearch.check import problems

        return list(problems(self._connection, self._made.names, deep=deep))

    def tidy(self) -> list[str]:
        """Bring back the settings of loads that were cut short, and name these indexes."""
        from newsgrep.engines.opensearch.tuning import restore

        return restore(self._connection, self._made.names)

    def close(self) -> None:
        """Have the server let go of the state, and close all connections."""
        try:
            self._let_go()
        finally:
            self._connection.close()


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    try:
        yield
    except Damaged as exc:
        raise IndexDamaged(
            f"The index {name} on the server is damaged ({exc}): newsgrep doctor --fix saves what "
            "can be read, or bring back a snapshot of the server."
        ) from exc

"""Writing to and asking a tantivy index; what tantivy raises becomes an error of ours here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tantivy import DocAddress, Document, Index, Query, Searcher

from newsgrep.analysis.characters import CharKind, kind_of
from newsgrep.analysis.codec import unpack_folded
from newsgrep.engines.base import Change, EngineRequest, Order, Problem, ResultPage, ScoredDoc
from newsgrep.engines.engine_query.fields import FACET_FIELDS, ID, TERMS
from newsgrep.engines.engine_query.ir import AnyTerm, Clause, all_of, score_clauses
from newsgrep.engines.engine_query.lower import lower, term_clause, values_of
from newsgrep.engines.tantivy.commits import (
    REMEDY,
    commit_number,
    leftovers,
    missing_files,
    promote_retained,
    read_meta,
    rollback,
)
from newsgrep.engines.tantivy.query import QueryBuilder, SortedDoc, TopDocs, top_docs_by_recency
from newsgrep.engines.tantivy.schema import (
    PACKED_TEXTS,
    create_schema,
    stored_article,
    stored_bytes,
    stored_file_record,
)
from newsgrep.errors import IndexDamaged, IndexMissing
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Field, LocationField, NameField, Node, scoring_terms

_MOST_BUCKETS: Final = 60_000
"""Values that tantivy counts at once; it refuses more than 65,000."""

_FIRST: Final = 4096
"""Documents whose places are listed before those of all."""

_DAMAGE_ERRORS: Final = (ValueError, OSError, LookupError, TypeError)
"""The binding raises ValueError and OSError; unpacking what is damaged, the others."""


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Turn what tantivy raises on files it can't make sense of into our own error."""
    try:
        yield
    except _DAMAGE_ERRORS as exc:
        what = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(f"The index in {folder} is damaged ({what}): {REMEDY}.") from exc
    except BaseException as exc:
        # Bytes that make no sense may also end in a panic, whose class can't be imported.
        if type(exc).__name__ != "PanicException":
            raise
        raise IndexDamaged(f"The index in {folder} is damaged ({exc}): {REMEDY}.") from exc


class TantivyEngine:
    """One tantivy index; every question is answered from the commit that was last when opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commit = 0
        self._searcher: Searcher
        self._asking: QueryBuilder
        self._open()

    def _open(self) -> None:
        with translate_errors(self._folder):
            while True:
                before = read_meta(self._folder)
                if lost := missing_files(self._folder):
                    if read_meta(self._folder) != before:
                        continue
                    raise FileNotFoundError(f"{lost[0]} is missing")
                index = Index.open(str(self._folder))
                self._searcher, self._asking = index.searcher(), QueryBuilder(index.schema)
                self._commit = commit_number(self._folder)
                # Somebody may have written meanwhile; then the number is of another commit.
                if read_meta(self._folder) == before:
                    break
        self._addresses: dict[str, DocAddress] = {}

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit of tantivy's."""
        from newsgrep.engines.tantivy.writing import (
            apply_changes,  # not needed by those who only ask
        )

        apply_changes(self._folder, changes)
        self._open()

    def commit(self) -> int:
        """Return tantivy's number of the last change, and a sum of the segments' names."""
        return self._commit

    def rollback(self) -> None:
        """Drop the last commit; the one before it was kept."""
        rollback(self._folder)
        self._open()

    def search(self, request: EngineRequest) -> ResultPage:
        """Let tantivy match, score and count; order what it leaves equal."""
        query, order, limit, offset, facets, recency, after = request
        with translate_errors(self._folder):
            clause = lower(self, query)
            total, before, shown = self.count(clause), min(offset, 10**18), list[SortedDoc]()
            ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
            adding = score_clauses(scoring_terms(query), self._counts) if ranks else []
            if ranks and not adding:
                order = Order.NEWEST  # the same, and sooner found
            if limit > 0 or after is not None:
                if recency and adding:
                    shown = top_docs_by_recency(
                        self._searcher, self._asking, clause, adding, recency, offset + limit
                    )[offset:]
                else:
                    scored = self._asking.ranked(clause, adding) if adding else self._query(clause)
                    ordered = TopDocs(self._searcher, scored, order)
                    if after is None:
                        shown = ordered.best(offset + limit)[offset:]
                    else:
                        found, passed = ordered.beyond(after, offset + limit)
                        shown, before = found[offset:], passed + offset
            return ResultPage(
                total=total,
                candidates=tuple(map(self._candidate, shown[:limit])),
                facets={name: self._facet(name, clause, total) for name in facets},
                before=min(before, total),
            )

    def _candidate(self, found: SortedDoc) -> ScoredDoc:
        article_id = str(self._searcher.doc(found.address).get_first(ID))
        self._addresses[article_id] = found.address  # it will be asked for
        return ScoredDoc(article_id, found.score, found.moment)

    def _query(self, clause: Clause) -> Query:
        return self._asking.query(all_of(clause))

    def count(self, clause: Clause) -> int:
        """Return of how many articles ``clause`` is true."""
        found = self._searcher.search(self._query(clause), 1, True)
        return int(found.count)  # type: ignore[attr-defined]  # left out of the binding's stubs

    def _counts(self, clauses: Sequence[Clause]) -> list[int]:
        return list(map(self.count, clauses))

    def _facet(self, name: str, clause: Clause, total: int) -> tuple[tuple[str, int], ...]:
        if not total:
            return ()
        if name not in FACET_FIELDS:
            raise KeyError(name)
        query = self._query(clause)
        asked = {name: {"terms": {"field": name, "size": _MOST_BUCKETS}}}
        try:
            told = self._searcher.aggregate(query, asked)[name]
            counts = {bucket["key"]: bucket["doc_count"] for bucket in told["buckets"]}
            is_whole = not told["sum_other_doc_count"]
        except ValueError:  # too many values
            is_whole = False
        if not is_whole:
            counts = dict(self._searcher.terms_with_prefix(name, "", query))
        there = ((value, count) for value, count in counts.items() if count)
        return tuple(sorted(there, key=lambda item: (-item[1], item[0])))

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        with translate_errors(self._folder):
            return [stored_article(document) for document in self._documents(ids)]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Unpack the folded texts of these articles."""
        with translate_errors(self._folder):
            packed = (stored_bytes(document, PACKED_TEXTS) for document in self._documents(ids))
            return [unpack_folded(each)[:2] for each in packed]

    def _documents(self, ids: Iterable[str]) -> Iterator[Document]:
        wanted = list(ids)
        missing = tuple({each for each in wanted if each not in self._addresses})
        if missing:
            query = self._query(AnyTerm(ID, missing))
            for _, address in self._searcher.search(query, len(missing), False).hits:
                known = str(self._searcher.doc(address).get_first(ID))
                self._addresses[known] = address
        for each in wanted:
            if each in self._addresses:
                yield self.at(self._addresses[each])

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Count the articles that have each term."""
        with translate_errors(self._folder):
            narrow = None if within is None else lower(self, within)
            return {term: self.count(all_of(term_clause(term), narrow)) for term in terms}

    def stamps(self) -> Iterator[FileRecord]:
        """Unpack every stamp."""
        with translate_errors(self._folder):
            yield from map(stored_file_record, map(self.at, self._soon()))

    def _soon(self) -> Iterator[DocAddress]:
        """Yield where everything lies; who soon has enough need not wait for the whole list."""
        first = self.everywhere(most=_FIRST)
        yield from first
        if len(first) == _FIRST:
            had = {(each.segment_ord, each.doc) for each in first}
            yield from (
                each for each in self.everywhere() if (each.segment_ord, each.doc) not in had
            )

    def documents(self, clause: Clause | None = None) -> Iterator[Document]:
        """Yield the stored part of the articles of which ``clause`` is true, or of everything."""
        return map(self.at, self.everywhere(clause))

    def everywhere(self, clause: Clause | None = None, most: int = 0) -> list[DocAddress]:
        """Return where the articles lie of which ``clause`` is true, or everything.

        No more than ``most`` of them, if that is not 0.
        """
        query = Query.all_query() if clause is None else self._query(clause)
        with translate_errors(self._folder):
            limit = most or max(self._searcher.num_docs, 1)
            hits = self._searcher.search(query, limit, False).hits
        # Those that lie beside each other are unpacked together.
        ordered = sorted((each.segment_ord, each.doc) for _, each in hits)
        return [DocAddress(segment, number) for segment, number in ordered]

    def at(self, address: DocAddress) -> Document:
        """Return the stored part of what lies there."""
        return self._searcher.doc(address)

    def texts(self, clause: Clause) -> Iterator[tuple[str, bytes]]:
        """Yield id and packed folded texts of every article of which ``clause`` is true."""
        for document in self.documents(clause):
            yield str(document.get_first(ID)), stored_bytes(document, PACKED_TEXTS)

    def values(self, clause: Clause, kind: NameField | LocationField) -> Iterator[tuple[str, str]]:
        """Yield each name or the address of every article of which ``clause`` is true."""
        for document in self.documents(clause):
            article = stored_article(document)
            for value in values_of(article, kind):
                yield article.id, value

    def terms(self, prefix: str, field: Field) -> Iterator[str]:  # noqa: ARG002  (captions are read)
        """Return the runs of letters and digits in titles and bodies that begin with ``prefix``."""
        for token, _ in self._searcher.terms_with_prefix(TERMS, prefix):
            if kind_of(token[0]) is CharKind.WORD:
                yield token

    def check(self, *, deep: bool = False) -> list[Problem]:
        """Compare all files with the sums in them and read everything back."""
        from newsgrep.engines.tantivy.recovery import find_problems

        found: list[Problem] = []
        try:
            with translate_errors(self._folder):
                found.extend(
                    map(Problem, find_problems(self._folder, self, self._searcher, deep=deep))
                )
        except IndexDamaged as exc:
            found.append(Problem(str(exc)))
        return found

    def tidy(self) -> list[str]:
        """Delete what neither of the two commits has."""
        from newsgrep.engines.tantivy.writing import remove_leftovers

        with translate_errors(self._folder):
            names = leftovers(self._folder)
        if names:
            remove_leftovers(self._folder, promote_retained)
        return names

    def close(self) -> None:
        """Let go of the searcher, and with it of all files."""
        self._addresses.clear()
        del self._searcher


def open_engine(folder: Path, create: bool) -> TantivyEngine:
    """Open the tantivy index in ``folder``; with ``create`` make an empty one there first."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
        with translate_errors(folder):
            Index(create_schema(), path=str(folder), reuse=False)
    if not folder.is_dir():
        raise IndexMissing(f"There is no index in {folder}: make one with newsgrep index PATH.")
    return TantivyEngine(folder)

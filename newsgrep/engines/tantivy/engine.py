"""The engine for tantivy: one index in a folder, searched and written through its commits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsgrep.analysis.packed_texts import unpack_folded
from newsgrep.engines.base import (
    Change,
    EngineRequest,
    Order,
    Problem,
    ResultPage,
    RolledBack,
    ScoredDoc,
)
from newsgrep.engines.commits import CommitFolder
from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.lower import lower, score_clauses
from newsgrep.engines.tantivy.files import ENGINE, OWN_FILES, translate_errors
from newsgrep.engines.tantivy.query import (
    SortedDoc,
    TopDocs,
    top_docs_by_impact,
    top_docs_by_recency,
)
from newsgrep.engines.tantivy.reader import open_last
from newsgrep.engines.tantivy.schema import (
    PACKED_TEXTS,
    stored_article,
    stored_bytes,
)
from newsgrep.errors import IndexDamaged, IndexMissing
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Node, scoring_terms

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

MANY_MATCHES: Final = 10_000
"""Matches of one word of which the best are found by their impacts: fewer are scored as fast."""

_MAX_BY_IMPACT: Final = 1_000
"""The last hit of a page that is found by impacts."""

_MAX_OFFSET: Final = 10**18
"""Larger offsets do not fit into tantivy's numbers."""


class TantivyEngine:
    """One tantivy index; it answers from the commit that was the last one when opened."""

    user_dictionary: UserDictionary | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commits = CommitFolder(folder, ENGINE, OWN_FILES)
        self._commit, self.reader = open_last(self._commits)

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit, and answer from it."""
        from newsgrep.engines.tantivy.writer import apply_changes  # a search does not need it

        apply_changes(self._folder, changes)
        self._commit, self.reader = open_last(self._commits)

    def commit(self) -> int:
        """Return the mark of the commit."""
        return self.reader.commit

    def refresh(self) -> None:
        """Open the last commit if it is another one."""
        if self._commits.last_number() != self._commit.number:
            self._commit, self.reader = open_last(self._commits)

    def rollback(self) -> RolledBack:
        """Drop the last commit, and answer from the previous one."""
        done = rollback(self._folder)
        self._commit, self.reader = open_last(self._commits)
        return done

    def search(self, request: EngineRequest) -> ResultPage:
        """Let tantivy match, score and count; ties are broken here."""
        reader = self.reader
        with translate_errors(self._folder):
            clause = lower(reader, request.query)
            before, docs, counted = self._page(request, clause)
            total = reader.count(clause) if counted is None else counted
            facets = {name: reader.facet(name, clause) if total else () for name in request.facets}
            return ResultPage(
                total=total,
                candidates=tuple(
                    ScoredDoc(reader.id_at(doc.address), doc.score, doc.timestamp) for doc in docs
                ),
                facets=facets,
                before=min(before, total),
            )

    def _page(
        self, request: EngineRequest, clause: ir.Clause
    ) -> tuple[int, list[SortedDoc], int | None]:
        """Return how many matches come before the page, the page, and the total if counted."""
        query, order, limit, _, _, recency, after, statistics = request
        offset = min(request.offset, _MAX_OFFSET)
        if limit <= 0 and after is None:
            return offset, [], None
        reader, scores = self.reader, list[ir.ScoreClause]()
        if order is Order.RELEVANCE:
            scores = score_clauses(scoring_terms(query), reader.count_all, statistics)
            if not scores:
                order = Order.NEWEST  # the same order, and faster
        last = offset + limit
        if scores and recency:
            docs = top_docs_by_recency(
                reader.searcher, reader.builder, clause, scores, recency, last
            )
            return offset, docs[offset:last], None
        builder = reader.builder
        if len(scores) == 1 and not scores[0].source and after is None and last <= _MAX_BY_IMPACT:
            total = reader.count(clause)
            if total >= MANY_MATCHES:
                impacts = scores[0].impacts
                docs = top_docs_by_impact(reader.searcher, builder, clause, impacts, last)
                if len(docs) >= last:
                    return offset, docs[offset:last], total
        scored = builder.scored_query(clause, scores) if scores else reader.query(clause)
        hits = TopDocs(reader.searcher, scored, order)
        if after is None:
            return offset, hits.first(last)[offset:last], hits.total
        following, passed = hits.after(after, last)
        return passed + offset, following[offset:last], hits.total

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids, unpacked."""
        with translate_errors(self._folder):
            return [stored_article(each) for each in self.reader.documents_by_id(ids)]

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return the folded titles and bodies of the articles with these ids."""
        with translate_errors(self._folder):
            packed = (stored_bytes(each, PACKED_TEXTS) for each in self.reader.documents_by_id(ids))
            return [unpack_folded(each)[:2] for each in packed]

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Return how many articles contain each term."""
        reader = self.reader
        with translate_errors(self._folder):
            if within is None:
                return reader.frequencies(terms)
            return reader.frequencies_within(terms, lower(reader, within))

    def file_records(self) -> Iterator[FileRecord]:
        """Yield all file records."""
        with translate_errors(self._folder):
            yield from self.reader.file_records()

    def find_file_records(self, ids: Iterable[str]) -> list[FileRecord]:
        """Return the file records that are stored with these articles."""
        with translate_errors(self._folder):
            wanted = list(ids)
            found = self.reader.find_file_records(wanted)
            return [found[each] for each in wanted if each in found]

    def verify(self, *, deep: bool = False) -> list[Problem]:
        """Compare all files with their checksums, and read all documents."""
        # Only ``newsgrep doctor`` needs it, not a search.
        from newsgrep.engines.tantivy.recovery import find_problems

        problems: list[Problem] = []
        try:
            with translate_errors(self._folder):
                found = find_problems(
                    self._commits,
                    self._commit,
                    self.reader,
                    deep=deep,
                    user=self.user_dictionary,
                )
                problems.extend(map(Problem, found))
        except IndexDamaged as exc:
            problems.append(Problem(str(exc)))
        return problems

    def remove_leftovers(self) -> list[str]:
        """Delete files that no commit has, and return their names."""
        from newsgrep.engines.tantivy.writer import commit_writer

        if not self._commits.leftovers():
            return []
        commits = commit_writer(self._folder)
        with commits.lock():
            return commits.remove_leftovers()

    def close(self) -> None:
        """Release the searcher, and with it all files."""
        del self.reader


def open_engine(folder: Path, create: bool) -> TantivyEngine:
    """Open the tantivy index in ``folder``; with ``create``, first create an empty one.

    Raises :class:`IndexMissing` if there is no folder, :class:`IndexDamaged` if it can't be
    read.
    """
    if create:
        from newsgrep.engines.tantivy.writer import create_index

        folder.mkdir(parents=True, exist_ok=True)
        create_index(folder)
    if not folder.is_dir():
        raise IndexMissing(
            "No index in {folder}. Create one with: newsgrep index PATH", folder=folder
        )
    return TantivyEngine(folder)


def rollback(folder: Path) -> RolledBack:
    """Drop the last commit of the index in ``folder``, readable or not.

    Raises :class:`UsageError` if there is no previous commit, and :class:`IndexLocked` if another
    process is writing.
    """
    from newsgrep.engines.tantivy.writer import commit_writer

    commits = commit_writer(folder)
    with commits.lock():
        return commits.rollback()

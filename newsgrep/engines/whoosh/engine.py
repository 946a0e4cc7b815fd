"""The Whoosh engine: one index in a folder. What Whoosh raises is translated here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from newsgrep.analysis.packed_texts import DamagedData, unpack_folded
from newsgrep.engines.base import (
    Change,
    EngineRequest,
    Order,
    Problem,
    ResultPage,
    RolledBack,
    ScoredDoc,
)
from newsgrep.engines.commits import Commit, CommitFolder
from newsgrep.engines.postings_query import count_facet, match_documents
from newsgrep.engines.ranking import (
    after_cursor,
    apply_recency,
    best_scores,
    score_documents,
    select_page,
)
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import ENGINE, OWN_FILE, CorruptFile, describe_segments
from newsgrep.errors import IndexDamaged, IndexMissing
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import MatchAll, Node, scoring_terms

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary
    from newsgrep.engines.commit_writer import CommitWriter


_DAMAGE_ERRORS = (struct.error, zlib.error, LookupError, ValueError)
"""Raised for bytes that somebody has made up: pages have checksums."""


@contextmanager
def _translate_errors(commits: CommitFolder) -> Iterator[None]:
    """Raise :class:`IndexDamaged` for damaged bytes."""
    try:
        yield
    except FileNotFoundError as exc:
        raise commits.damaged(
            message("the file {name} is missing", name=Path(exc.filename or "").name)
        ) from exc
    except (CorruptFile, DamagedData) as exc:
        raise commits.damaged(str(exc)) from exc
    except _DAMAGE_ERRORS as exc:
        raise commits.damaged(message("a file contains invalid data")) from exc


class WhooshEngine:
    """One Whoosh index, read as of the last commit when it was opened or refreshed."""

    user_dictionary: UserDictionary | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commits = CommitFolder(folder, ENGINE, OWN_FILE)
        self._reader = self._open_last_commit()

    def _open_last_commit(self) -> WhooshReader:
        return self._commits.open_last(self._open_commit)

    def _open_commit(self, commit: Commit) -> WhooshReader:
        with _translate_errors(self._commits):
            return WhooshReader(self._folder, commit)

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit."""
        commits = _commit_writer(self._folder)
        with commits.lock():
            commits.remove_leftovers()
            try:
                self._write(changes, commits)
            except BaseException:
                with suppress(OSError, IndexDamaged):
                    commits.remove_leftovers()
                raise
        self._reopen()

    def _write(self, changes: Iterable[Change], commits: CommitWriter) -> None:
        from newsgrep.engines.whoosh.writer import ChangeWriter  # a search needs no writer

        with self._open_last_commit() as committed:
            with ChangeWriter(self._folder) as writer:
                for change in changes:  # errors that this raises are not damage
                    with _translate_errors(self._commits):
                        writer.apply(change, committed)
                with _translate_errors(self._commits):
                    files, segments = writer.finish(committed)
            commits.publish(files, describe_segments(segments))

    def _reopen(self) -> None:
        before, self._reader = self._reader, self._open_last_commit()
        before.close()

    def commit(self) -> int:
        """Return the mark of the open commit, see :class:`Commit`."""
        return self._reader.commit.mark

    def refresh(self) -> None:
        """Open the last commit if it is another one."""
        if self._commits.last_number() != self._reader.commit.number:
            self._reopen()

    def forget_matches(self) -> None:
        """Forget which articles earlier phrases and patterns match, for measurements."""
        self._reader.forget_matches()

    def rollback(self) -> RolledBack:
        """Drop the last commit and open the one before it."""
        done = rollback(self._folder)
        self._reopen()
        return done

    def search(self, request: EngineRequest) -> ResultPage:
        """Match, score and order over postings."""
        query, order, limit, offset, facets, recency, after, statistics = request
        reader = self._reader
        if isinstance(query, MatchAll) and limit <= 0 and after is None and not facets:
            with _translate_errors(self._commits):
                total = reader.document_count()
            return ResultPage(total, (), before=min(offset, total))
        with _translate_errors(self._commits):
            matched = match_documents(reader, query)
            ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
            terms = scoring_terms(query) if ranks else []
            if ranks and after is None and not recency:
                scores = best_scores(reader, terms, matched, offset + limit, statistics)
            else:
                scores = score_documents(reader, terms, matched, statistics)
            if recency:
                scores = apply_recency(reader, scores, recency)
            if ranks and not terms:
                order = Order.NEWEST  # the same order, found faster
            beyond = scores if after is None else after_cursor(reader, scores, order, after)
            shown = select_page(reader, beyond, order, offset, limit) if limit > 0 else []
            timestamps = reader.timestamps() if shown else ()
            return ResultPage(
                total=len(matched),
                candidates=tuple(
                    ScoredDoc(reader.article_id(d), scores[d], timestamps[d]) for d in shown
                ),
                facets={name: count_facet(reader, name, matched) for name in facets},
                before=len(matched) - max(len(matched if after is None else beyond) - offset, 0),
            )

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Read the articles with these ids."""
        reader = self._reader
        with _translate_errors(self._commits):
            numbers = map(reader.find_article, ids)
            return [reader.article(number) for number in numbers if number is not None]

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Read the folded texts of these articles."""
        reader = self._reader
        with _translate_errors(self._commits):
            numbers = map(reader.find_article, ids)
            return [unpack_folded(reader.folded_text(n))[:2] for n in numbers if n is not None]

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Read the frequency that is stored with each term, or count postings."""
        reader = self._reader
        with _translate_errors(self._commits):
            if within is None:
                return {term: reader.document_frequency(term) for term in terms}
            return reader.count_among(match_documents(reader, within), terms)

    def file_records(self) -> Iterator[FileRecord]:
        """Read all file records."""
        with _translate_errors(self._commits):
            yield from self._reader.file_records()

    def find_file_records(self, ids: Iterable[str]) -> list[FileRecord]:
        """Read the file records that are stored with these articles."""
        reader = self._reader
        with _translate_errors(self._commits):
            numbers = map(reader.find_article, ids)
            return [reader.file_record(number) for number in numbers if number is not None]

    def verify(self, *, deep: bool = False) -> list[Problem]:
        """Compare all files with their checksums and read everything."""
        from newsgrep.engines.whoosh.recovery import find_problems

        found: list[Problem] = []
        try:
            with _translate_errors(self._commits):
                problems = find_problems(
                    self._commits, self._reader, deep=deep, user=self.user_dictionary
                )
                found.extend(map(Problem, problems))
        except IndexDamaged as exc:
            found.append(Problem(str(exc)))
        return found

    def remove_leftovers(self) -> list[str]:
        """Delete the files that neither of the two commits contains."""
        if not self._commits.leftovers():
            return []
        commits = _commit_writer(self._folder)
        with commits.lock():
            return commits.remove_leftovers()

    def close(self) -> None:
        """Close all files."""
        self._reader.close()


def open_engine(folder: Path, create: bool) -> WhooshEngine:
    """Open the Whoosh index in ``folder``; with ``create`` create an empty one there first."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
        commits = _commit_writer(folder)
        with commits.lock():
            commits.create({}, describe_segments(()))
    if not folder.is_dir():
        raise IndexMissing(
            "There is no index in {folder}: make one with newsgrep index PATH.", folder=folder
        )
    return WhooshEngine(folder)


def rollback(folder: Path) -> RolledBack:
    """Drop the last commit of the index in ``folder``, even if it is unreadable."""
    commits = _commit_writer(folder)
    with commits.lock():
        return commits.rollback()


def _commit_writer(folder: Path) -> CommitWriter:
    from newsgrep.engines.commit_writer import CommitWriter  # a search needs no writer

    return CommitWriter(folder, ENGINE, OWN_FILE)

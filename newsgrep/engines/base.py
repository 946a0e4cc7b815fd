"""The seam between what is asked and what answers: typed values in, complete values out.

An engine keeps entries, answers query trees, and knows the stamps of all files it was
told of. It never parses a query, never segments a text, and constructing one never writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from newsgrep.analysis.scoring import Recency
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import Node

if TYPE_CHECKING:
    from newsgrep.analysis.document import IndexDocument


class Order(StrEnum):
    """How hits are ordered; equal ones by newest first, then by id."""

    RELEVANCE = "relevance"
    OLDEST = "date"
    NEWEST = "-date"


class ScoredDoc(NamedTuple):
    """The id of an article that matches, its score, and its time of publication.

    ``score`` is 0 if the query does not rank. ``timestamp`` is in seconds since the epoch, -inf
    without a date. Together they are a position in the order of results, at which a later
    request continues (:attr:`EngineRequest.after`), even if the article is gone by then.
    """

    id: str
    score: float
    timestamp: float = float("-inf")


class ResultPage(NamedTuple):
    """Part of an answer: the exact total, the candidates from offset to limit, the facets.

    A facet is a list of values and how many of all matches have them, most frequent
    first, then by value; ``""`` counts those without a value. ``before`` is how many
    matches stand before the page.
    """

    total: int
    candidates: tuple[ScoredDoc, ...]
    facets: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType({})
    before: int = 0


FACETS = ("source", "month", "day", "author", "tag")
"""What can be counted: names, and ``YYYY-MM-DD`` or ``YYYY-MM`` of publication.

A date that is known less precisely counts as what is known (``2024-05``, ``2024``). An
article with several authors or tags counts for each.
"""


class EngineRequest(NamedTuple):
    """What to search for, and which part of the matches to return in which order.

    ``limit`` candidates are returned at most, after skipping ``offset`` of them. With
    ``after``, a candidate of an earlier page, only those that follow it in ``order`` are
    skipped and returned. ``recency`` multiplies each score by a weight for the article's date.
    ``facets`` are names from :data:`FACETS` to count over all matches::

        engine.search(EngineRequest(parse("渔业").root, Order.NEWEST, limit=20))
    """

    query: Node
    order: Order = Order.RELEVANCE
    limit: int = 10
    offset: int = 0
    facets: Sequence[str] = ()
    recency: Recency | None = None
    after: ScoredDoc | None = None


class PutArticle(NamedTuple):
    """Put this entry in the place of any with the same id."""

    entry: IndexDocument


class DeleteArticle(NamedTuple):
    """Take out the article with this id, and the stamp of the file it came from."""

    article_id: str


class PutFileRecord(NamedTuple):
    """Remember a file that is not shown: a duplicate, or one without an article."""

    stamp: FileRecord


class DropFileRecord(NamedTuple):
    """Forget the note on this path."""

    path: str


Change = PutArticle | DeleteArticle | PutFileRecord | DropFileRecord


class Problem(NamedTuple):
    """What is wrong with an index, and whether making it anew from its articles can help."""

    sentence: str
    in_data: bool = True


class Engine(Protocol):
    """What every engine does. All answers are complete and stay good after ``close``."""

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes in order as one atomic commit, or none of them.

        Raises :class:`IndexLocked` where another writer is at work. An exception out of
        ``changes`` itself leaves the index as it was.
        """

    def commit(self) -> int:
        """Return a number that tells the commit that is open from all others; 0 when made."""

    def refresh(self) -> None:
        """Answer from the last commit from now on, if others have written since."""

    def rollback(self) -> None:
        """Make the commit before the last the last one.

        Raises :class:`UsageError` where there is none: a commit is kept until the second
        one after it. Raises :class:`IndexLocked` where a writer is at work.
        """

    def search(self, request: EngineRequest) -> ResultPage:
        """Return the page of matches that ``request`` describes, with the total and the facets."""

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids in this order; unknown ids are left out."""

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return the folded titles and bodies of the articles with these ids, in this order."""

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Return in how many articles each term stands, in title or body.

        Counted are all articles, or those that match ``within``. Terms are folded, as
        :func:`newsgrep.analysis.segment.query_terms` gives them.
        """

    def stamps(self) -> Iterator[FileRecord]:
        """Yield what is known of every file, in no order."""

    def check(self, *, deep: bool = False) -> list[Problem]:
        """Return what is wrong with the stored data, and with where it is; empty if nothing.

        With ``deep`` every term is compared with what the stored articles say.
        """

    def tidy(self) -> list[str]:
        """Delete the files that an interrupted writer left behind, and return their names."""

    def close(self) -> None:
        """Let go of files and locks."""


class Stored(NamedTuple):
    """A stored article with its stamp, or the stamp of a note."""

    article: Article | None
    stamp: FileRecord


class Unreadable(NamedTuple):
    """Something stored that can't be read any more, with its path where that can be read."""

    path: str | None

"""The interface of an engine: typed values in, complete values out.

An engine stores articles and the records of all files, and evaluates query trees. It never
parses a query string and never segments a text, and opening one writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from newsgrep.analysis.scoring import Recency
from newsgrep.errors import UsageError
from newsgrep.messages import message
from newsgrep.models import Article, FileRecord
from newsgrep.query.ast import MatchAll, Node
from newsgrep.terminal import one_line, truncate

if TYPE_CHECKING:
    from newsgrep.analysis.document import IndexDocument
    from newsgrep.analysis.user_dictionary import UserDictionary


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


def sort_key(candidate: ScoredDoc, order: Order) -> tuple[float, float, str]:
    """Return the key by which ``candidate`` has its place in ``order``."""
    article_id, score, timestamp = candidate
    match order:
        case Order.RELEVANCE:
            return -score, -timestamp, article_id
        case Order.NEWEST:
            return -timestamp, 0, article_id
        case Order.OLDEST:
            undated_last = timestamp if timestamp != float("-inf") else float("inf")
            return undated_last, 0, article_id


class ResultPage(NamedTuple):
    """One page of matches, with the exact total and the facets of all matches.

    A facet is a list of values with the number of matches that have them, most frequent first,
    then by value; ``""`` counts the matches without a value. ``before`` is the number of
    matches before the page.
    """

    total: int
    candidates: tuple[ScoredDoc, ...]
    facets: Mapping[str, FacetCounts] = MappingProxyType({})
    before: int = 0


FacetCounts = tuple[tuple[str, int], ...]
"""Values with the number of matches that have each, most frequent first, then by value."""


def by_frequency(counts: Mapping[str, int]) -> FacetCounts:
    """Return the counts of a facet in their order."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


FACET_FIELDS = ("source", "month", "day", "author", "tag")
"""The facets for which an engine has values of each article; years are the months added up."""

FACETS = ("source", "year", "month", "day", "author", "tag")
"""What can be counted: names, and the year, month or day of publication.

Days are ``YYYY-MM-DD``, months ``YYYY-MM`` and years ``YYYY``. A less precise date counts as what
is known of it (``2024-05``, ``2024``). An article with several authors or tags counts for each.
"""


def count_years(months: Iterable[tuple[str, int]]) -> FacetCounts:
    """Return the counts of years from those of months.

    >>> count_years([("2024-05", 3), ("2024", 1), ("", 2)])
    (('2024', 4), ('', 2))
    """
    counts: dict[str, int] = {}
    for month, count in months:
        counts[month[:4]] = counts.get(month[:4], 0) + count
    return by_frequency(counts)


def check_facets(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of facets, each once; raises :class:`UsageError` for an unknown one."""
    found = tuple(dict.fromkeys(names))
    for name in found:
        if name not in FACETS:
            shown = truncate(one_line(name), 40)
            raise UsageError(
                "Unknown facet “{shown}”. Choose from {known}.",
                shown=shown,
                known=", ".join(FACETS),
            )
    return found


DAMAGE_REMEDY = message(
    "newsgrep doctor --fix saves what can be read, newsgrep doctor --rollback goes back to the "
    "commit before, or delete the folder and index again"
)
"""What a user can do about a damaged index in a folder: the end of an error's message."""


class TermStatistics(NamedTuple):
    """How rare terms are: the number of all ``documents``, and of those ``having`` each term.

    A document has a term in its title or body, or as the whole name of its source.
    """

    documents: int
    having: Mapping[str, int]


class EngineRequest(NamedTuple):
    """What to search for, and which part of the matches to return in which order.

    ``limit`` candidates are returned at most, after skipping ``offset`` of them. With
    ``after``, a candidate of an earlier page, only those that follow it in ``order`` are
    skipped and returned. ``recency`` multiplies each score by a weight for the article's date.
    ``statistics`` of all scoring terms replace those of the engine, which is one of several.
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
    statistics: TermStatistics | None = None


class Conflict(NamedTuple):
    """What another process has ``stored``, and the version that is not stored because of it.

    Without a ``document``, ``stored`` is another article at the address of one that was written.
    """

    document: IndexDocument | None
    stored: FileRecord


class Expected(NamedTuple):
    """What is stored for an article, as far as a run knows: a file record, or ``None`` if nothing.

    It is for engines to which several processes write at once. If the version of another file is
    stored, such an engine does not make the change, and calls ``report`` with the version that is
    not stored; it also reports other articles at the same address. The run decides about them.
    """

    file_record: FileRecord | None
    report: Callable[[Conflict], None]


class PutArticle(NamedTuple):
    """Add this article, or replace the one with the same id."""

    document: IndexDocument
    expected: Expected | None = None


class DeleteArticle(NamedTuple):
    """Delete the article with this id, and the record of its file.

    If something else than ``expected`` is stored, it stays, and nothing is reported.
    """

    article_id: str
    expected: Expected | None = None


def is_expected(change: PutArticle | DeleteArticle, stored: FileRecord) -> bool:
    """Return whether ``change`` may replace or delete what is ``stored`` for its article."""
    if change.expected is None:
        return True
    if isinstance(change, PutArticle) and change.document.file_record.path == stored.path:
        return True
    known = change.expected.file_record
    return known is not None and (known.path, known.digest) == (stored.path, stored.digest)


class PutFileRecord(NamedTuple):
    """Add or replace the record of a file that has no article of its own.

    The file is a duplicate, or contains no article.
    """

    file_record: FileRecord


class DropFileRecord(NamedTuple):
    """Delete the record of a file that has no article of its own."""

    path: str


Change = PutArticle | DeleteArticle | PutFileRecord | DropFileRecord


class Problem(NamedTuple):
    """What is wrong with an index, and whether a rebuild from its stored articles can help."""

    sentence: str
    in_data: bool = True


class RolledBack(NamedTuple):
    """What a rollback has done: the commit that was restored, and the one that was dropped.

    ``number`` and ``time`` (``YYYY-MM-DDTHH:MM:SSZ``) are those of the commit when it was made.
    ``is_repeated`` says that an earlier run had already rolled back, so that nothing changed.
    """

    number: int
    time: str
    dropped: int
    is_repeated: bool = False


class Engine(Protocol):
    """An open index. All results are complete, and stay valid after :meth:`close`."""

    user_dictionary: UserDictionary | None
    """The user's dictionary of the index, ``None`` if there is none. Who opens an engine sets it;
    articles are written with the terms that it gives them, and queries should be cut with it."""

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes in order as one atomic commit, or none of them.

        Raises :class:`IndexLocked` if another process is writing. An exception raised by
        ``changes`` itself leaves the index unchanged.
        """

    def commit(self) -> int:
        """Return a number that identifies the open commit; 0 for a new index."""

    def refresh(self) -> None:
        """Answer from the last commit from now on, if there is a newer one."""

    def rollback(self) -> RolledBack:
        """Drop the last commit, so that the previous one is the last; return what was done.

        Raises :class:`UsageError` if there is no previous commit: only one is kept. Raises
        :class:`IndexLocked` if another process is writing.
        """

    def search(self, request: EngineRequest) -> ResultPage:
        """Return the page of matches that ``request`` describes, with the total and the facets."""

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids in this order; unknown ids are left out."""

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return folded title and body of the articles with these ids, in this order.

        Unknown ids are left out.
        """

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Return how many articles contain each term in title or body.

        All articles are counted, or those that match ``within``. Terms are folded, as
        :func:`newsgrep.analysis.segment.query_terms` returns them.
        """

    def file_records(self) -> Iterator[FileRecord]:
        """Yield the record of every file; those of files without an article come first."""

    def find_file_records(self, ids: Iterable[str]) -> list[FileRecord]:
        """Return the file records of the articles with these ids, in this order.

        Unknown ids are left out.
        """

    def verify(self, *, deep: bool = False) -> list[Problem]:
        """Return what is wrong with the stored data; an empty list if it is intact.

        With ``deep``, every term is compared with the stored articles' texts.
        """

    def remove_leftovers(self) -> list[str]:
        """Delete files that an interrupted writer has left, and return their names.

        On a server, restore the settings that it has changed, and return the indices' names.
        """

    def close(self) -> None:
        """Release all files, locks and connections."""


def count_matches(engine: Engine, query: Node | None = None) -> int:
    """Return how many articles match ``query``, or how many there are."""
    return engine.search(EngineRequest(MatchAll() if query is None else query, limit=0)).total


def first_match(engine: Engine, query: Node, order: Order) -> Article | None:
    """Return the first article that matches ``query``, ``None`` if there is none."""
    candidates = engine.search(EngineRequest(query, order, limit=1)).candidates
    return next(iter(engine.get(each.id for each in candidates)), None)


class Stored(NamedTuple):
    """A stored article with its file record, or the record of a file without an article."""

    article: Article | None
    file_record: FileRecord


class Unreadable(NamedTuple):
    """Something stored that can't be read, with its path if that can be read."""

    path: str | None

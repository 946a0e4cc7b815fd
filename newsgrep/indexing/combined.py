"""Several indexes that are searched as one: ``--index a --index b``.

Totals, scores, facets and orders are those of one index of all their articles: the engines receive
how rare the words of the query are in all indexes. An article that is in several of the indexes
counts once, as it is in the first of them. Nothing is written.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from newsgrep.engines.base import (
    Change,
    Engine,
    EngineRequest,
    Order,
    Problem,
    ResultPage,
    RolledBack,
    TermStatistics,
    by_frequency,
    count_matches,
    sort_key,
)
from newsgrep.errors import UsageError
from newsgrep.indexing.store import Index
from newsgrep.messages import conjunction
from newsgrep.models import Article, FileRecord, Value
from newsgrep.query.ast import (
    And,
    IdIn,
    MatchAll,
    NameContains,
    NameField,
    Node,
    Not,
    Or,
    Terms,
    scoring_terms,
)

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_Found = TypeVar("_Found")

_NO_LIMIT = 2**62


def combine_indexes(indexes: Sequence[Index]) -> Index:
    """Return one index for ``indexes``, each of which counts once."""
    different = tuple({index.identity: index for index in reversed(indexes)}.values())[::-1]
    return different[0] if len(different) == 1 else CombinedIndex(different)


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise UsageError("This works on one index only. Name a single --index.")


class CombinedIndex(Value, Index):
    """Several different indexes. Only what reads articles works."""

    members: tuple[Index, ...]

    is_local = False
    has_commits = False

    def __str__(self) -> str:
        return ", ".join(map(str, self.members))

    @property
    def parts(self) -> tuple[Index, ...]:
        """Return the indexes, in the order in which they were named."""
        return self.members

    @property
    def where(self) -> str:
        """Return where each of them is."""
        first, *others = (part.where for part in self.members)
        return reduce(conjunction, others, first)

    @property
    def identity(self) -> tuple[str, str]:
        """Return what is the same for the same indexes in the same order."""
        return "combined", "\n".join("\t".join(part.identity) for part in self.members)

    @property
    def has_local_files(self) -> bool:
        """Return whether that is so for all of them."""
        return all(part.has_local_files for part in self.members)

    @property
    def as_options(self) -> str:
        """Return the options that name all of them."""
        return " ".join(part.as_options for part in self.members)

    @property
    def personal_folder(self) -> Path:
        """Raise :class:`UsageError`: saved queries, collections and notes belong to one index."""
        _refuse()

    def exists(self) -> bool:
        """Return whether all of them exist."""
        return all(part.exists() for part in self.members)

    def user_dictionary(self) -> UserDictionary | None:
        """Return the words that the dictionaries of all of them have."""
        return _common_words(each.user_dictionary() for each in self.members)

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """Open all of them; closes the engines on leaving."""
        with ExitStack() as stack:
            yield CombinedEngine([stack.enter_context(part.open()) for part in self.members])

    choose_engine = _refuse
    read_manifest = _refuse
    manifest_version = _refuse
    try_open = _refuse
    missing = _refuse
    iter_stored = _refuse
    size = _refuse
    prepare = _refuse
    lock = _refuse
    freeze = _refuse
    create = _refuse
    confirm = _refuse
    replace = _refuse
    rollback = _refuse
    restore_manifest = _refuse
    remove_leftovers = _refuse
    clean_up = _refuse
    describe_leftovers = _refuse


class CombinedEngine:
    """The engines of several indexes, which the caller closes; of equal ids the first counts."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = engines
        self.user_dictionary = _common_words(each.user_dictionary for each in engines)
        self._hidden: list[tuple[str, ...]] | None = None
        self._owners: dict[str, int] = {}
        self._having: dict[str, int] = {}
        self._documents: int | None = None

    def commit(self) -> int:
        """Return a number that changes with every commit of one of them."""
        number = 0
        for engine in self._engines:
            number = (number * 1_000_003 + engine.commit() + 1) & (2**63 - 1)
        return number

    def refresh(self) -> None:
        """Answer from the last commit of each."""
        for engine in self._engines:
            engine.refresh()
        self._hidden = self._documents = None
        self._owners.clear()
        self._having.clear()

    def search(self, request: EngineRequest) -> ResultPage:
        """Merge the results of all engines."""
        limit = request.offset + request.limit
        if request.order is Order.RELEVANCE and (request.limit > 0 or request.after):
            terms = scoring_terms(request.query)
            request = request._replace(statistics=self._statistics(terms))
        pages = [
            engine.search(request._replace(query=query, offset=0, limit=limit))
            for engine, query in self._queries(request.query)
        ]
        for number, page in enumerate(pages):
            self._owners.update((each.id, number) for each in page.candidates)
        merged = heapq.merge(
            *(page.candidates for page in pages), key=lambda each: sort_key(each, request.order)
        )
        total = sum(page.total for page in pages)
        return ResultPage(
            total,
            tuple(islice(merged, request.offset, limit)),
            {name: _sum(page.facets[name] for page in pages) for name in request.facets},
            min(sum(page.before for page in pages) + request.offset, total),
        )

    def _statistics(self, terms: Sequence[str]) -> TermStatistics:
        """Return how many articles of all engines have each of ``terms``."""
        for term in terms:
            if term not in self._having:
                named = NameContains(NameField.SOURCE, term, whole=True)
                self._having[term] = self._count(Or((Terms(term, (term,)), named)))
        if self._documents is None:
            self._documents = self._count(MatchAll())
        return TermStatistics(self._documents, self._having)

    def _count(self, query: Node) -> int:
        return sum(count_matches(engine, within) for engine, within in self._queries(query))

    def _queries(self, query: Node) -> Iterator[tuple[Engine, Node]]:
        """Yield each engine with ``query``, without what an earlier engine has."""
        for engine, hidden in zip(self._engines, self._hidden_ids(), strict=True):
            yield engine, And((query, Not(IdIn("", hidden)))) if hidden else query

    def _hidden_ids(self) -> list[tuple[str, ...]]:
        """Return for each engine the ids that an earlier one has, too."""
        if self._hidden is None:
            everything = EngineRequest(MatchAll(), Order.NEWEST, limit=_NO_LIMIT)
            seen: set[str] = set()
            self._hidden = []
            for engine in self._engines:
                ids = {each.id for each in engine.search(everything).candidates}
                self._hidden.append(tuple(sorted(ids & seen)))
                seen |= ids
        return self._hidden

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Return the articles with these ids in this order."""
        return self._collect(ids, lambda engine, own: engine.get(own))

    def folded_texts(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Return folded titles and bodies in this order."""
        return self._collect(ids, lambda engine, own: engine.folded_texts(own))

    def find_file_records(self, ids: Iterable[str]) -> list[FileRecord]:
        """Return the file records of the articles with these ids in this order."""
        return self._collect(ids, lambda engine, own: engine.find_file_records(own))

    def _collect(
        self, ids: Iterable[str], read: Callable[[Engine, list[str]], list[_Found]]
    ) -> list[_Found]:
        """Return what ``read`` returns for the ids of each engine, in the order of ``ids``."""
        wanted = list(ids)
        self._find_owners(wanted)
        found: dict[str, _Found] = {}
        for number, engine in enumerate(self._engines):
            own = [each for each in wanted if self._owners.get(each) == number]
            if own:
                found.update(zip(own, read(engine, own), strict=True))
        return [found[each] for each in wanted if each in found]

    def _find_owners(self, ids: Sequence[str]) -> None:
        for number, engine in enumerate(self._engines):
            unknown = [each for each in ids if each not in self._owners]
            for record in engine.find_file_records(unknown) if unknown else ():
                if record.article_id:
                    self._owners[record.article_id] = number

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Return how many articles contain each term in title or body."""
        wanted = list(terms)
        counts: Counter[str] = Counter(dict.fromkeys(wanted, 0))
        for engine, query in self._queries(within or MatchAll()):
            limited = None if within is None and isinstance(query, MatchAll) else query
            counts.update(engine.document_frequencies(wanted, limited))
        return dict(counts)

    def file_records(self) -> Iterator[FileRecord]:
        """Yield the record of every file of each index, without those of hidden articles."""
        for engine, hidden in zip(self._engines, map(frozenset, self._hidden_ids()), strict=True):
            for record in engine.file_records():
                if record.article_id not in hidden:
                    yield record

    def write(self, changes: Iterable[Change]) -> None:
        """Raise :class:`UsageError`."""
        _refuse(changes)

    def rollback(self) -> RolledBack:
        """Raise :class:`UsageError`."""
        _refuse()

    def verify(self, *, deep: bool = False) -> list[Problem]:
        """Return what is wrong with one of them."""
        return [problem for engine in self._engines for problem in engine.verify(deep=deep)]

    def remove_leftovers(self) -> list[str]:
        """Raise :class:`UsageError`."""
        _refuse()

    def close(self) -> None:
        """Do nothing: :meth:`CombinedIndex.open` closes the engines."""


def _common_words(dictionaries: Iterable[UserDictionary | None]) -> UserDictionary | None:
    found = list(dictionaries)
    if None in found:  # most indexes have no dictionary
        return None
    from newsgrep.analysis.user_dictionary import common_words

    return common_words(found)


def _sum(facets: Iterable[Iterable[tuple[str, int]]]) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    for facet in facets:
        counts.update(dict(facet))
    return by_frequency(counts)

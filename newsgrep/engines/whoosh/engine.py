"""Writing to and asking a Whoosh index; what Whoosh raises becomes an error of ours here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from whoosh.filedb.filetables import FileFormatError
from whoosh.index import EmptyIndexError, FileIndex, LockError
from whoosh.index import IndexError as WhooshIndexError
from whoosh.reading import CorruptIndexError

from newsgrep.engines.base import Candidate, Change, Kept, Lost, Order, Page, Problem
from newsgrep.engines.evaluate import match
from newsgrep.engines.facets import facet
from newsgrep.engines.packing import unpack_folded
from newsgrep.engines.ranking import arrange, following, score, weighed
from newsgrep.engines.recency import Recency
from newsgrep.engines.whoosh.schema import (
    INDEX_NAME,
    make_schema,
)
from newsgrep.engines.whoosh.storage import Folder
from newsgrep.engines.whoosh.store import Store
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing, UsageError
from newsgrep.models import Article, Stamp
from newsgrep.query.tree import Node, scoring_terms

# Whoosh, pickle, struct and zlib say with these that bytes are not what they should be;
# damaged pickles and lengths come out as nearly any of the general ones.
_SIGNS_OF_DAMAGE = (
    CorruptIndexError,
    FileFormatError,
    WhooshIndexError,
    UnpicklingError,
    struct.error,
    zlib.error,
    EOFError,
    FileNotFoundError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)


_CURE = (
    "newsgrep doctor --fix saves what can be read, newsgrep doctor --rollback goes back to the "
    "commit before, or delete the folder and index again"
)


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    """Turn what Whoosh raises on files it can't make sense of into our own error."""
    try:
        yield
    except LockError as exc:
        raise IndexLocked(
            f"Another process is writing to the index in {folder}: wait for it and try again."
        ) from exc
    except EmptyIndexError as exc:
        raise IndexDamaged(
            f"The index in {folder} has lost its table of contents: {_CURE}."
        ) from exc
    except _SIGNS_OF_DAMAGE as exc:
        what = " ".join(str(exc).split()) or type(exc).__name__
        raise IndexDamaged(f"The index in {folder} is damaged ({what}): {_CURE}.") from exc


class WhooshEngine:
    """One Whoosh index; every question is answered from the commit that was last when opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = Folder(str(folder))
        self._store = self._last_commit()

    def _last_commit(self) -> Store:
        with _damage_named(self._folder):
            while True:
                last = self._storage.mark()
                try:
                    return Store(Folder(str(self._folder)))
                except (FileNotFoundError, CorruptIndexError):
                    # Where writers have made two more commits meanwhile, files are gone.
                    if self._storage.mark() == last:
                        raise

    def write(self, changes: Iterable[Change]) -> None:
        """Apply all changes as one commit of Whoosh's."""
        # Not needed, and not imported, by those who only ask.
        from newsgrep.engines.whoosh.batch import Batch

        with _damage_named(self._folder):
            batch = Batch(self._storage)
        # Outside of the nets: what goes wrong here is not the index.
        batch.apply(changes)
        self._store.close()
        self._store = self._last_commit()

    def commit(self) -> int:
        """Return Whoosh's number of the generation, and a sum of its segments' names."""
        return self._store.commit

    def go_back(self) -> None:
        """Drop the last commit; the one before it was kept."""
        go_back(self._folder)
        self._store.close()
        self._store = self._last_commit()

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
        """Match, score and arrange over postings."""
        store = self._store
        with _damage_named(self._folder):
            matched = match(store, query)
            ranks = order is Order.RELEVANCE and (limit > 0 or after is not None)
            terms = scoring_terms(query) if ranks else []
            scores = score(store, terms, matched)
            if recency:
                scores = weighed(store, scores, recency)
            if ranks and not terms:
                order = Order.NEWEST  # the same, and sooner found
            beyond = scores if after is None else following(store, scores, order, after)
            shown = arrange(store, beyond, order, offset, limit) if limit > 0 else []
            moments = store.moments() if shown else ()
            return Page(
                total=len(matched),
                candidates=tuple(
                    Candidate(store.identifier(d), scores[d], moments[d]) for d in shown
                ),
                facets={name: facet(store, name, matched) for name in facets},
                before=len(scores) - max(len(beyond) - offset, 0),
            )

    def get(self, ids: Iterable[str]) -> list[Article]:
        """Unpack the articles with these ids."""
        with _damage_named(self._folder):
            numbers = map(self._store.find, ids)
            return [self._store.article(number) for number in numbers if number is not None]

    def folded(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Unpack the folded texts of these articles."""
        with _damage_named(self._folder):
            numbers = map(self._store.find, ids)
            return [unpack_folded(self._store.folded(n))[:2] for n in numbers if n is not None]

    def document_frequencies(
        self, terms: Iterable[str], within: Node | None = None
    ) -> dict[str, int]:
        """Ask for what is kept with each term, or count postings."""
        store = self._store
        with _damage_named(self._folder):
            if within is None:
                return {term: store.frequency(term) for term in terms}
            matched = match(store, within)
            return {term: len(matched.intersection(store.postings(term)[0])) for term in terms}

    def stamps(self) -> Iterator[Stamp]:
        """Unpack every stamp."""
        with _damage_named(self._folder):
            yield from self._store.stamps()

    def check(self, *, deep: bool = False) -> list[Problem]:
        """Compare all files with their sums and read everything back."""
        from newsgrep.engines.whoosh.check import problems

        found: list[Problem] = []
        try:
            with _damage_named(self._folder):
                found.extend(map(Problem, problems(self._storage, self._store, deep=deep)))
        except IndexDamaged as exc:
            found.append(Problem(str(exc)))
        return found

    def tidy(self) -> list[str]:
        """Delete what neither of the two commits names."""
        from newsgrep.engines.whoosh.batch import locked

        with _damage_named(self._folder):
            if not self._storage.leftovers():
                return []
            with locked(self._storage):
                names = self._storage.leftovers()
                self._storage.tidy()
        return names

    def close(self) -> None:
        """Close all files."""
        self._store.close()


def open_engine(folder: Path, create: bool) -> WhooshEngine:
    """Open the Whoosh index in ``folder``; with ``create`` make an empty one there first."""
    if create:
        folder.mkdir(parents=True, exist_ok=True)
        FileIndex.create(Folder(str(folder)), make_schema(), indexname=INDEX_NAME)
    if not folder.is_dir():
        raise IndexMissing(f"There is no index in {folder}: make one with newsgrep index PATH.")
    return WhooshEngine(folder)


def everything_kept(folder: Path) -> Iterator[Kept | Lost]:
    """Yield what can still be read of the index in ``folder``, and what is lost."""
    from newsgrep.engines.whoosh.salvage import kept_in

    storage = Folder(str(folder))
    try:
        yield from kept_in(storage)
    finally:
        storage.let_go()


def go_back(folder: Path) -> None:
    """Drop the last commit of the index in ``folder``, whether it can be read or not."""
    from newsgrep.engines.whoosh.batch import locked

    storage = Folder(str(folder))
    with _damage_named(folder), locked(storage):
        if storage.before() is None:
            raise UsageError(
                f"The index in {folder} has no commit to go back to: only one is kept."
            )
        storage.go_back()

"""An index that is open for reading by several threads, and arguments of its methods."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from enum import StrEnum
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from newsgrep.analysis.scoring import Recency, parse_half_life, recency_from_today
from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.query.ast import Versions
from newsgrep.query.parser import Query
from newsgrep.search.search import build_query

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary
    from newsgrep.indexing.store import Index

_Choice = TypeVar("_Choice", bound=StrEnum)

MAX_IDLE: Final = 300.0
"""Seconds without a call, after which an archive on a server is opened again.

A server keeps the state that a search has seen for ten minutes after the last one.
"""


class _Reading:
    """An open engine, and how many calls use it; the last one closes it once it is retired."""

    __slots__ = ("_stack", "engine", "is_retired", "used", "users", "version")

    def __init__(self, index: Index) -> None:
        self._stack = ExitStack()
        self.version = _version(index)
        self.engine: Engine = self._stack.enter_context(index.open())
        self.users = 0
        self.used = time.monotonic()
        try:
            self.engine.commit()  # a server fixes the state that it answers from
        except BaseException:
            self.close()
            raise
        self.is_retired = False

    def close(self) -> None:
        self._stack.close()


def _version(index: Index) -> list[object]:
    return [part.manifest_version() for part in index.parts]


class OpenArchive:
    """The base of :class:`newsgrep.Archive`: opening, closing, and reading queries.

    A call uses the engine that is open when it begins; a newer one takes its place for the calls
    that follow, and the last call that uses the older one closes it.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = Lock()
        self._current: _Reading | None = _Reading(index)

    # Opening and closing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"newsgrep.open({', '.join(repr(str(part)) for part in self._index.parts)})"

    @property
    def location(self) -> str:
        """The folder or URL of the index; several are separated by commas."""
        return str(self._index)

    @property
    def commit(self) -> int:
        """A number that identifies the commit; another one means other articles."""
        with self.reading() as engine:
            return engine.commit()

    def close(self) -> None:
        """Close all files and connections once the calls in other threads have returned."""
        self._replace(None)

    def refresh(self) -> bool:
        """Answer from the last commit from now on; return whether there is a newer one.

        Calls that are running in other threads end with the commit with which they began.
        """
        opened = _Reading(self._index)
        with self.reading() as engine:
            current = self._current
            is_newer = current is None or (
                (opened.version, opened.engine.commit()) != (current.version, engine.commit())
            )
        if is_newer:
            self._replace(opened)
        else:
            opened.close()
        return is_newer

    def _replace(self, reading: _Reading | None) -> None:
        with self._lock:
            before, self._current = self._current, reading
            if before is not None:
                before.is_retired = True
            is_unused = before is not None and not before.users
        if before is not None and is_unused:
            before.close()

    @contextmanager
    def reading(self) -> Iterator[Engine]:
        """Keep the engine of this archive open; for packages of newsgrep itself."""
        if self._is_forgotten():
            self._replace(_Reading(self._index))
        with self._lock:
            current = self._current
            if current is None:
                raise UsageError("The archive is closed. Open it with newsgrep.open().")
            current.users += 1
            current.used = time.monotonic()
        try:
            yield current.engine
        finally:
            with self._lock:
                current.users -= 1
                is_unused = current.is_retired and not current.users
            if is_unused:
                current.close()

    def _is_forgotten(self) -> bool:
        """Return whether a server may have forgotten the state that this archive answers from."""
        current = self._current
        is_idle = current is not None and time.monotonic() - current.used > MAX_IDLE
        return is_idle and any(not part.is_local for part in self._index.parts)

    # Queries

    def parse(
        self,
        text: str,
        *,
        any_word: bool = False,
        regex: bool = False,
        literal: bool = False,
        scan: bool = False,
        everything: bool = False,
        versions: Literal["newest", "all"] = "newest",
        variants: Literal["off", "words", "all"] = "off",
        sources: Iterable[str] = (),
        since: str = "",
        until: str = "",
        zone: str = "",
    ) -> Query:
        """Return ``text`` as a query with options, which every method accepts.

        ``any_word``: one of the words is enough. ``regex`` and ``literal``: the text is one regular
        expression or string; ``scan`` allows an expression for which all articles are read.
        ``everything`` also searches captions and left-out text, ``versions="all"`` earlier
        versions. ``variants`` adds regional spellings to words, or also to quoted strings.
        ``sources`` are parts of names of sources, ``since`` and ``until`` dates such as
        ``2024-05`` in the time zone ``zone``, by default that of China.

        >>> query = archive.parse("渔业 大桥", any_word=True, since="2024")
        >>> archive.count(query)
        3
        """
        calendar = None
        if zone:
            from newsgrep.query.dates import calendar_in

            calendar = calendar_in(zone)
        return build_query(
            text,
            any_word=any_word,
            regex=regex,
            literal=literal,
            scan=scan,
            everything=everything,
            versions=choose(Versions, versions, "versions"),
            variants=variants,
            sources=sources,
            since=since,
            until=until,
            calendar=calendar,
            saved=self.saved_queries,
            collections=self._collections,
            user=self._user_dictionary(),
        )

    def _query(self, query: str | Query | None) -> Query:
        if isinstance(query, Query):
            return query
        return build_query(
            query,
            saved=self.saved_queries,
            collections=self._collections,
            user=self._user_dictionary(),
        )

    def _user_dictionary(self) -> UserDictionary | None:
        with self.reading() as engine:
            return engine.user_dictionary

    def saved_queries(self) -> Mapping[str, str]:
        """Return the text of each saved query by its name."""
        from newsgrep.indexing.user_state import read_saved

        return read_saved(self._index)

    def _collections(self) -> Mapping[str, tuple[str, ...]]:
        from newsgrep.indexing.annotations import read_collections

        return read_collections(self._index)


def choose(choices: type[_Choice], value: str, name: str) -> _Choice:
    """Return ``value`` as a choice; raises :class:`UsageError` for another one."""
    try:
        return choices(value)
    except ValueError as exc:
        known = ", ".join(choices)
        raise UsageError(
            "Unknown {name} “{value}”. Choose from {known}.", name=name, value=value, known=known
        ) from exc


def at_least(least: int, name: str, value: int) -> int:
    """Return ``value``; raises :class:`UsageError` if it is less than ``least``."""
    if value < least:
        raise UsageError(
            "{name} is {value}, less than {least}.", name=name, value=value, least=least
        )
    return value


def make_recency(half_life: str | timedelta | None, sort: str) -> Recency | None:
    """Return the recency for a half-life; raises :class:`UsageError`, also for another order."""
    if half_life is None:
        return None
    if sort != Order.RELEVANCE:
        raise UsageError("recency changes the order by relevance. Leave it out, or sort.")
    if isinstance(half_life, timedelta):
        return recency_from_today(half_life.total_seconds())
    return recency_from_today(parse_half_life(half_life))

"""What the server and its workers exchange, and the parameters of an address as typed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode

from newsgrep.analysis.characters import fold
from newsgrep.analysis.scoring import Recency, parse_half_life, recency_from_today
from newsgrep.engines.base import Engine
from newsgrep.errors import NewsgrepError, UsageError
from newsgrep.indexing.annotations import read_collections
from newsgrep.indexing.store import Index
from newsgrep.indexing.user_state import read_saved
from newsgrep.query.ast import NameContains, NameField, Node, Not, Or, Versions
from newsgrep.query.dates import calendar_in
from newsgrep.query.parser import Query
from newsgrep.query.variants import Variants
from newsgrep.search.search import build_query, with_filters
from newsgrep.terminal import one_line, truncate
from newsgrep.web.html import render

_Choice = TypeVar("_Choice", bound=StrEnum)

QUERY_PARAMETERS: Final = (
    *("q", "any", "regex", "literal", "scan", "everything", "versions", "variants"),
    *("source", "source_is", "author_is", "tag_is", "since", "until", "tz"),
)
"""The parameters that say which articles are meant; every page passes them on."""

MAX_OFFSET: Final = 100_000
"""The last hit that a page shows; downloads contain all."""

_YES: Final = frozenset(("1", "true", "yes", "on"))
_NO: Final = frozenset(("", "0", "false", "no", "off"))
_MAX_SHOWN: Final = 40


class Call(NamedTuple):
    """A request for a worker: the name of a route, the part of the path that varies, parameters.

    ``etag`` is what the client has (``If-None-Match``), ``language`` the catalogue for its pages.
    """

    route: str
    target: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    etag: str = ""
    language: str = ""


class Answer(NamedTuple):
    """An answer: the status of HTTP, the type, and the body whole or in parts.

    ``problem`` is what the owner of the server should know, for the log.
    """

    status: int
    media_type: str
    body: bytes | Iterator[bytes]
    headers: Mapping[str, str] = {}
    problem: str = ""


class NotFound(NewsgrepError):
    """There is nothing at this address."""


class Parameters:
    """The parameters of an address, read as typed values, and addresses with others.

    >>> at = Parameters([("q", "渔业"), ("limit", "20")])
    >>> at.number("limit", 10, most=100), at.flag("any"), at.address("/kwic", sort="left")
    (20, False, '/kwic?q=%E6%B8%94%E4%B8%9A&sort=left')
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = tuple((name, value) for name, value in pairs if value or name.endswith("_is"))

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of a parameter."""
        return next((value for key, value in reversed(self.pairs) if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter, each once."""
        return tuple(dict.fromkeys(value for key, value in self.pairs if key == name))

    def flag(self, name: str) -> bool:
        """Return whether a parameter is set: ``1`` or ``true``."""
        value = self.get(name).lower()
        if value not in _YES | _NO:
            raise UsageError(
                "{name}={value} is neither true nor false. Write {name}=1.",
                name=name,
                value=_shown(value),
            )
        return value in _YES

    def number(self, name: str, default: int, *, least: int = 0, most: int) -> int:
        """Return a parameter as a number from ``least`` to ``most``."""
        text = self.get(name)
        if not text:
            return default
        value = int(text) if text.isdecimal() and len(text) < 10 else -1
        if not least <= value <= most:
            raise UsageError(
                "{name}={value} is not a number from {least:,} to {most:,}. Change it.",
                name=name,
                value=_shown(text),
                least=least,
                most=most,
            )
        return value

    def choice(self, name: str, kind: type[_Choice], default: _Choice) -> _Choice:
        """Return a parameter as a member of ``kind``."""
        return self.optional_choice(name, kind) or default

    def optional_choice(self, name: str, kind: type[_Choice]) -> _Choice | None:
        """Return a parameter as a member of ``kind``, ``None`` if it is not given."""
        text = self.get(name)
        if not text:
            return None
        try:
            return kind(text)
        except ValueError:
            raise UsageError(
                "{name}={value} is unknown. Choose from {known}.",
                name=name,
                value=_shown(text),
                known=", ".join(kind),
            ) from None

    def refuse_unknown(self, known: Sequence[str]) -> None:
        """Raise :class:`UsageError` for a parameter that is not ``known``."""
        for name, _ in self.pairs:
            if name not in known:
                raise UsageError(
                    "Unknown parameter “{name}”. Choose from {known}.",
                    name=_shown(name),
                    known=", ".join(known),
                )

    # Addresses

    def address(self, path: str, *keep: str, **changes: object) -> str:
        """Return the address of ``path`` for the same query, with ``changes``.

        ``keep`` are further parameters to pass on. A change to ``None`` or an empty value drops a
        parameter.
        """
        names = {*QUERY_PARAMETERS, *keep} - changes.keys()
        pairs = [pair for pair in self.pairs if pair[0] in names]
        pairs += [(name, str(value)) for name, value in changes.items() if value not in {None, ""}]
        return _join(path, pairs)

    def toggled(self, path: str, name: str, value: str, *keep: str) -> str:
        """Return the address with ``value`` added to a parameter, or without it if it is there."""
        pair = (name, value)
        names = {*QUERY_PARAMETERS, *keep}
        pairs = [each for each in self.pairs if each[0] in names and each != pair]
        return _join(path, pairs if pair in self.pairs else [*pairs, pair])

    def hidden(self, *shown: str) -> tuple[tuple[str, str], ...]:
        """Return the parameters of the query that a form without fields for them passes on."""
        names = set(QUERY_PARAMETERS) - set(shown)
        return tuple(pair for pair in self.pairs if pair[0] in names)


def _join(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _shown(text: str) -> str:
    return truncate(one_line(text), _MAX_SHOWN)


# Queries


def read_query(at: Parameters, index: Index, engine: Engine, text: str) -> Query:
    """Return ``text`` as a query with the options and filters of an address.

    Every article matches an empty text. Raises :class:`UsageError`, also for a wrong date.
    """
    query = build_query(
        text if text.strip() else "*",
        any_word=at.flag("any"),
        regex=at.flag("regex") and bool(text.strip()),
        literal=at.flag("literal") and bool(text.strip()),
        scan=at.flag("scan"),
        everything=at.flag("everything"),
        versions=at.choice("versions", Versions, Versions.NEWEST),
        variants=at.choice("variants", Variants, Variants.OFF).value,
        sources=at.all("source"),
        since=at.get("since"),
        until=at.get("until"),
        calendar=calendar_in(zone) if (zone := at.get("tz")) else None,
        saved=partial(read_saved, index),
        collections=partial(read_collections, index),
        user=engine.user_dictionary,
    )
    return with_filters(query, _exact_filters(at))


def _exact_filters(at: Parameters) -> Iterator[Node]:
    """Yield the filters for names as a whole, which facets link to; an empty name is none."""
    for kind in NameField:
        nodes = tuple(
            NameContains(kind, fold(name), whole=True) if name else Not(NameContains(kind, ""))
            for name in at.all(f"{kind.value}_is")
        )
        if nodes:
            yield Or(nodes) if len(nodes) > 1 else nodes[0]


def read_recency(text: str) -> Recency | None:
    """Return the recency for a half-life such as ``30d``, ``None`` for an empty text."""
    return recency_from_today(parse_half_life(text)) if text else None


# Visits


@dataclass(frozen=True, slots=True)
class Visit:
    """One request as a page sees it: the open index, and the parameters of the address.

    ``shows_paths`` says whether whole paths of files may be shown.
    """

    engine: Engine
    index: Index
    at: Parameters
    target: str = ""
    shows_paths: bool = False
    name: str = "newsgrep"

    def query(self, text: str | None = None) -> Query:
        """Return the query of the address, or another one with the same options and filters."""
        shown = self.at.get("q") if text is None else text
        return read_query(self.at, self.index, self.engine, shown)

    def page(self, template: str, path: str, *, status: int = 200, **values: Any) -> Answer:
        """Return a page of HTML with what all templates need."""
        common = {"at": self.at, "path": path, "archive": self.name, "warnings": ()}
        return Answer(status, "text/html", render(template, **{**common, **values}))

"""Outlet rules: which files belong to an outlet, and what on its pages is not article text.

The rules are data: ``outlets.toml`` beside this module, and a file of the same form that the
user may have. To add an outlet, add a table there, and a page with its expected fields to
``tests/fixtures/outlets``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from newsgrep.errors import UsageError
from newsgrep.extraction.page.dom import Element, Tree
from newsgrep.messages import message, system_reason


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet: its name, how to recognise its files, and what to do with them.

    ``body``, ``drop``, ``keep``, ``captions``, ``credits``, ``byline`` and ``date`` are CSS
    selectors; ``drop_lines`` are regular expressions for whole paragraphs. The comment at the
    top of ``outlets.toml`` explains every key.
    """

    name: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    body: str = ""
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    byline: str = ""
    date: str = ""
    title_suffixes: tuple[str, ...] = ()
    zone: str = ""
    roles: tuple[str, ...] = ()
    drop_lines: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Return the outlet's name and its aliases."""
        return frozenset((self.name, *self.aliases))

    @property
    def selectors(self) -> tuple[str, ...]:
        """Return all CSS selectors of the rules."""
        each = (self.body, *self.drop, *self.keep, *self.captions, *self.credits)
        return tuple(filter(None, (*each, self.byline, self.date)))

    def timezone(self) -> tzinfo | None:
        """Return the time zone of times without an offset, or None if no rule names one."""
        return parse_zone(self.zone) if self.zone else None

    def drops_line(self, text: str) -> bool:
        """Return whether ``text``, a whole paragraph, is not article text in this outlet."""
        pattern = _line_pattern(self.drop_lines)
        return pattern is not None and pattern.fullmatch(text) is not None


@lru_cache(maxsize=64)
def _line_pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.DOTALL) if patterns else None


_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")

# For machines without a time zone database; these zones have had no summer time since 1991.
_FIXED_OFFSETS: Final = {
    "UTC": 0, "Asia/Shanghai": 8, "Asia/Hong_Kong": 8, "Asia/Taipei": 8, "Asia/Singapore": 8,
}  # fmt: skip


@lru_cache(maxsize=64)
def parse_zone(name: str) -> tzinfo:
    """Return the time zone ``name``, an offset or an IANA name: ``+08:00``, ``Asia/Shanghai``.

    Raises ``ValueError`` or ``OSError`` if this machine has no such zone.
    """
    if name in _FIXED_OFFSETS:
        return timezone(timedelta(hours=_FIXED_OFFSETS[name]))
    match = _OFFSET.fullmatch(name)
    if match:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except KeyError as exc:  # ZoneInfoNotFoundError
        raise ValueError(message("no time zone called {name!r}", name=name)) from exc


class Outlets:
    """All known outlets, to look up by address, by name, or by a marker in the text."""

    def __init__(self, outlets: tuple[Outlet, ...]) -> None:
        self.all = outlets
        self._by_host: dict[str, list[Outlet]] = {}
        self._markers: list[tuple[str, str, Outlet]] = []
        self._by_name: dict[str, Outlet] = {}
        for outlet in outlets:
            for host in outlet.hosts:
                self._by_host.setdefault(host.lower().removeprefix("www."), []).append(outlet)
            self._markers += [(_rare_character(mark), mark, outlet) for mark in outlet.markers]
            for name in (outlet.name, *outlet.aliases):
                self._by_name.setdefault(name.casefold(), outlet)

    def for_url(self, url: str | None) -> Outlet | None:
        """Return the outlet whose host and path match ``url``; the longest host wins."""
        try:
            parts = urlsplit(url or "")
            host = (parts.hostname or "").lower()
        except ValueError:
            return None
        while host:
            for outlet in self._by_host.get(host, ()):
                if not outlet.paths or any(parts.path.startswith(path) for path in outlet.paths):
                    return outlet
            host = host.partition(".")[2]
        return None

    def for_text(self, text: str) -> Outlet | None:
        """Return the outlet whose marker occurs in ``text``."""
        for character, marker, outlet in self._markers:
            if character in text and marker in text:
                return outlet
        return None

    def find(self, name: str) -> Outlet | None:
        """Return the outlet with the name or alias ``name``."""
        return self._by_name.get(name.strip().casefold())


def _rare_character(marker: str) -> str:
    """Return a character of ``marker`` that is found fast where there is none.

    Python searches for one byte of a character, so it should not be that of a Latin letter.
    """
    return next((each for each in marker if ord(each) & 0x80), marker[0])


_LIST_KEYS: Final = frozenset(f.name for f in fields(Outlet) if f.type != "str")
_KEYS: Final = frozenset(f.name for f in fields(Outlet))
_SELECTOR_KEYS: Final = ("drop", "keep", "captions", "credits", "body", "byline", "date")


def load_outlets(user_file: Path | None = None) -> Outlets:
    """Return the outlets that newsgrep ships, extended by ``user_file`` if it exists.

    A table there with the name of a shipped outlet replaces the keys that it contains.
    Raises :class:`~newsgrep.errors.UsageError` with file, table, and what to change.
    """
    shipped = (files("newsgrep.extraction") / "outlets.toml").read_text(encoding="utf-8")
    known = _read_tables(tomllib.loads(shipped), "outlets.toml", {})
    if user_file is None or not user_file.exists():
        return Outlets(tuple(known.values()))
    name = str(user_file)
    tables = _load_tables(user_file)
    own = _read_tables(tables, name, known)
    # The user's outlets come first, so that they win where a shipped outlet has the same host.
    return Outlets(tuple((own | {k: v for k, v in known.items() if k not in own}).values()))


def _load_tables(path: Path) -> Mapping[str, Any]:
    """Return the tables of a file of the user; raises :class:`UsageError`."""
    try:
        if not path.is_file():
            raise UsageError(
                "{path} is not a regular file. Delete it, or name another file.", path=path
            )
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as exc:
        raise UsageError(
            "Cannot read {path} ({reason}). Make it readable, or name another file.",
            path=path,
            reason=system_reason(exc),
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        problem, cause = message("is not valid TOML: {reason}", reason=exc), exc
    except UnicodeDecodeError:
        problem, cause = message("is not in UTF-8"), None
    except (ValueError, RecursionError):
        problem, cause = (
            message("contains a number that is too long, or is nested too deeply"),
            None,
        )
    raise UsageError(
        "{path} {problem}. Correct it, or move it to another folder.", path=path, problem=problem
    ) from cause


def _read_tables(
    tables: Mapping[str, Any], name: str, known: Mapping[str, Outlet]
) -> dict[str, Outlet]:
    entries = tables.get("outlet", [])
    extra = set(tables) - {"outlet"}
    if extra or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        wrong = f"[{min(extra)}]" if extra else "[outlet]"
        raise UsageError(
            "{name}: unexpected {wrong}. Write a [[outlet]] table for each outlet.",
            name=name,
            wrong=wrong,
        )
    found: dict[str, Outlet] = {}
    for number, table in enumerate(entries, 1):
        outlet = _read_outlet(table, f"{name}: [[outlet]] number {number}", known)
        found[outlet.name] = outlet
    return found


def _read_outlet(table: Mapping[str, Any], where: str, known: Mapping[str, Outlet]) -> Outlet:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UsageError('{where} has no name. Add name = "the outlet\'s name".', where=where)
    where = f"{where} ({name})"
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            keys = ", ".join(sorted(_KEYS))
            raise UsageError(
                "{where}: unknown key {key!r}. Keys are: {keys}.", where=where, key=key, keys=keys
            )
        if key in _LIST_KEYS:
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, list) or not all(isinstance(i, str) for i in items):
                raise UsageError(
                    '{where}: {key} must be a list of strings: {key} = ["…"]', where=where, key=key
                )
            values[key] = tuple(item for item in items if item)
        elif not isinstance(value, str):
            raise UsageError('{where}: {key} must be a string: {key} = "…"', where=where, key=key)
        else:
            values[key] = value
    if not known:  # the shipped rules; a test checks them
        return Outlet(**values)
    outlet = replace(known[name], **values) if name in known else Outlet(**values)
    _check_outlet(outlet, where)
    return outlet


def _check_outlet(outlet: Outlet, where: str) -> None:
    if outlet.selectors:
        from newsgrep.extraction.page.selectors import syntax_error  # loads Beautiful Soup

        for key in _SELECTOR_KEYS:
            value = getattr(outlet, key)
            for selector in (value,) if isinstance(value, str) else value:
                if selector and (problem := syntax_error(selector)):
                    raise UsageError(
                        "{where}: invalid CSS selector {selector!r} in {key} ({problem}). "
                        "Write one such as div.article",
                        where=where,
                        selector=selector,
                        key=key,
                        problem=problem,
                    )
    for pattern in outlet.drop_lines:
        try:
            re.compile(pattern)
        except re.error as exc:
            raise UsageError(
                "{where}: invalid regular expression {pattern!r} in drop_lines: {reason}. "
                "Write \\\\ for a backslash, or use 'single quotes'.",
                where=where,
                pattern=pattern,
                reason=exc,
            ) from exc
    if outlet.zone:
        try:
            parse_zone(outlet.zone)
        except (ValueError, OSError) as exc:
            raise UsageError(
                '{where}: unknown time zone {zone!r}. Write an offset: zone = "+08:00"',
                where=where,
                zone=outlet.zone,
            ) from exc


_NO_ELEMENTS: Final[frozenset[Element]] = frozenset()
_MAX_STATED: Final = 5
"""Elements read as byline or date; more of them belong to a list of articles."""


@dataclass(frozen=True, slots=True)
class SelectedElements:
    """The elements of a page that the rules of its outlet select.

    ``complete`` is False if the page is too large for its selectors to be evaluated.
    """

    dropped: frozenset[Element] = _NO_ELEMENTS
    captions: frozenset[Element] = _NO_ELEMENTS
    credits: frozenset[Element] = _NO_ELEMENTS
    kept: frozenset[Element] = _NO_ELEMENTS
    body: Element | None = None
    authors: tuple[Element, ...] = ()
    dates: tuple[Element, ...] = ()
    complete: bool = True

    @classmethod
    def on_page(cls, tree: Tree, outlet: Outlet | None) -> SelectedElements:
        """Return what the rules of ``outlet`` select on the page ``tree``."""
        if outlet is None or not outlet.selectors:
            return cls()
        from newsgrep.extraction.page.selectors import SelectorMatcher  # loads Beautiful Soup

        matcher = SelectorMatcher(tree, outlet.selectors)
        select = matcher.select
        return cls(
            frozenset(select(*outlet.drop, outlet.byline, outlet.date)),
            frozenset(select(*outlet.captions)),
            frozenset(select(*outlet.credits)),
            frozenset(select(*outlet.keep)),
            next(iter(select(outlet.body)), None),
            tuple(select(outlet.byline)[:_MAX_STATED]),
            tuple(select(outlet.date)[:_MAX_STATED]),
            complete=not matcher.too_large,
        )


def url_host(url: str | None) -> str | None:
    """Return the host of ``url`` without ``www.``, or None."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None

"""Rules per outlet, as data: which file is whose, and what of it is no article text.

They come from ``outlets.toml`` beside this module and from a file of the same form that
users may keep; a mistake there is told with its table and the cure.
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
from newsgrep.extract.dom import Element, Page, compiled


@dataclass(frozen=True, slots=True)
class Outlet:
    """One outlet: its name, how its files are known, and what to do with them.

    ``drop``, ``keep``, ``captions``, ``credits``, ``body``, ``byline`` and ``date`` are CSS
    selectors; ``drop_lines`` are regular expressions for whole paragraphs. The keys are
    explained at the head of ``outlets.toml``.
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

    def timezone(self) -> tzinfo | None:
        """Return the time zone of times without one, or None if the rules name none."""
        return parse_zone(self.zone) if self.zone else None

    def drops_line(self, text: str) -> bool:
        """Tell whether ``text``, a whole paragraph, is no article text here."""
        pattern = _line_pattern(self.drop_lines)
        return pattern is not None and pattern.fullmatch(text) is not None


@lru_cache(maxsize=64)
def _line_pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.DOTALL) if patterns else None


_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


@lru_cache(maxsize=64)
def parse_zone(name: str) -> tzinfo:
    """Return the zone called ``name`` (``+08:00`` or ``Asia/Shanghai``).

    Raises ``ValueError`` or ``OSError`` if there is no such zone on this machine.
    """
    if name in _FIXED_OFFSETS:
        return timezone(timedelta(hours=_FIXED_OFFSETS[name]))
    match = _OFFSET.fullmatch(name)
    if match:
        span = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-span if match[1] == "-" else span)
    try:
        return ZoneInfo(name)
    except KeyError as exc:  # ZoneInfoNotFoundError
        raise ValueError(f"no time zone called {name!r}") from exc


# Machines without a time zone database still read Chinese news; none of these has had
# summer time since 1991.
_FIXED_OFFSETS: Final = {
    "UTC": 0, "Asia/Shanghai": 8, "Asia/Hong_Kong": 8, "Asia/Taipei": 8, "Asia/Singapore": 8,
}  # fmt: skip


class Outlets:
    """All outlets known, looked up by address or by a marker in the text."""

    def __init__(self, outlets: tuple[Outlet, ...]) -> None:
        self.all = outlets
        self._by_host: dict[str, list[Outlet]] = {}
        self._markers: list[tuple[str, Outlet]] = []
        self._by_name: dict[str, Outlet] = {}
        for site in outlets:
            for host in site.hosts:
                self._by_host.setdefault(host.lower().removeprefix("www."), []).append(site)
            self._markers += [(marker, site) for marker in site.markers]
            for name in (site.name, *site.aliases):
                self._by_name.setdefault(name.casefold(), site)

    def for_url(self, url: str | None) -> Outlet | None:
        """Return the outlet at ``url``, the longest host first."""
        try:
            parts = urlsplit(url or "")
            host = (parts.hostname or "").lower()
        except ValueError:
            return None
        while host:
            for site in self._by_host.get(host, ()):
                if not site.paths or any(parts.path.startswith(path) for path in site.paths):
                    return site
            host = host.partition(".")[2]
        return None

    def for_text(self, text: str) -> Outlet | None:
        """Return the outlet whose marker stands in ``text``."""
        return next((site for marker, site in self._markers if marker in text), None)

    def named(self, name: str) -> Outlet | None:
        """Return the outlet that is called ``name``, or has it as an alias."""
        return self._by_name.get(name.strip().casefold())


_SELECTOR_KEYS: Final = ("drop", "keep", "captions", "credits", "body", "byline", "date")
_LIST_KEYS: Final = frozenset(f.name for f in fields(Outlet) if f.type != "str")
_KEYS: Final = frozenset(f.name for f in fields(Outlet))


def load_outlets(user_file: Path | None = None) -> Outlets:
    """Return the outlets that newsgrep ships, extended by ``user_file`` if it exists.

    A table there with the name of a shipped outlet replaces only the keys that it has.
    Raises ``UsageError`` naming the file, the table and the cure.
    """
    shipped = (files("newsgrep.extract") / "outlets.toml").read_text(encoding="utf-8")
    known = _read_tables(tomllib.loads(shipped), "outlets.toml", {})
    if user_file is not None and user_file.exists():
        name = str(user_file)
        try:
            tables = tomllib.loads(user_file.read_bytes().decode("utf-8-sig"))
        except OSError as exc:
            raise UsageError(
                f"{name} can't be read: {exc.strerror}; check who may read it"
            ) from exc
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise UsageError(f"{name} is not valid TOML: {exc}; mend it or move it away") from exc
        known = _read_tables(tables, name, known)
    return Outlets(tuple(known.values()))


def _read_tables(
    tables: Mapping[str, Any], name: str, known: dict[str, Outlet]
) -> dict[str, Outlet]:
    entries = tables.get("outlet", [])
    extra = set(tables) - {"outlet"}
    if extra or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        wrong = f"[{min(extra)}]" if extra else "[outlet]"
        raise UsageError(f"{name}: {wrong} is not known there; each outlet is a [[outlet]] table")
    own: dict[str, Outlet] = {}
    for number, table in enumerate(entries, 1):
        site = _read_outlet(table, f"{name}: [[outlet]] number {number}", known)
        own[site.name] = site
    # A user's own outlets are asked first, so that they win over a shipped host.
    return own | {key: site for key, site in known.items() if key not in own}


def _read_outlet(table: Mapping[str, Any], where: str, known: Mapping[str, Outlet]) -> Outlet:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f'{where} has no name; add name = "the outlet\'s name"')
    where = f"{where} ({name})"
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(_KEYS))}")
        if key in _LIST_KEYS:
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, list) or not all(isinstance(i, str) for i in items):
                raise UsageError(f'{where}: {key} must be a list of strings, as in {key} = ["…"]')
            values[key] = tuple(item for item in items if item)
        elif not isinstance(value, str):
            raise UsageError(f'{where}: {key} must be a string, as in {key} = "…"')
        else:
            values[key] = value
    site = replace(known[name], **values) if name in known else Outlet(**values)
    _check_outlet(site, where)
    return site


def _check_outlet(site: Outlet, where: str) -> None:
    for key in _SELECTOR_KEYS:
        value = getattr(site, key)
        for selector in (value,) if isinstance(value, str) else value:
            if not selector or compiled(selector) is not None:
                continue
            import soupsieve  # seldom needed, and long to load

            try:
                soupsieve.compile(selector)
            except soupsieve.SelectorSyntaxError as exc:
                problem = str(exc).splitlines()[0]
                raise UsageError(
                    f"{where}: {key} has {selector!r}, which is no CSS selector ({problem})"
                ) from exc
    for pattern in site.drop_lines:
        try:
            re.compile(pattern)
        except re.error as exc:
            raise UsageError(
                f"{where}: drop_lines has {pattern!r}, which is no regular expression ({exc}); "
                "write \\\\ for a backslash or use 'single quotes'"
            ) from exc
    if site.zone:
        try:
            parse_zone(site.zone)
        except (ValueError, OSError) as exc:
            raise UsageError(
                f"{where}: no time zone {site.zone!r} on this machine; "
                'write an offset, as in zone = "+08:00"'
            ) from exc


_NO_ELEMENTS: Final[frozenset[Element]] = frozenset()


@dataclass(frozen=True, slots=True)
class SelectedElements:
    """Elements that an outlet's selectors name."""

    dropped: frozenset[Element] = _NO_ELEMENTS
    captions: frozenset[Element] = _NO_ELEMENTS
    credits: frozenset[Element] = _NO_ELEMENTS
    kept: frozenset[Element] = _NO_ELEMENTS
    body: Element | None = None
    authors: tuple[Element, ...] = ()
    dates: tuple[Element, ...] = ()

    @classmethod
    def by(cls, site: Outlet | None, page: Page) -> SelectedElements:
        """Return what the rules of ``site`` mark on ``page``."""
        if site is None:
            return cls()
        body = page.select(site.body)
        return cls(
            frozenset(page.select(*site.drop, site.byline, site.date)),
            frozenset(page.select(*site.captions)),
            frozenset(page.select(*site.credits)),
            frozenset(page.select(*site.keep)),
            body[0] if body else None,
            tuple(page.select(site.byline)[:5]),
            tuple(page.select(site.date)[:5]),
        )

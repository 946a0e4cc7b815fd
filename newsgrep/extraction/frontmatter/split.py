"""What scrapers and clippers write above an article: front matter, a fetch time, a title link.

:mod:`newsgrep.extraction.frontmatter.dialects` reads the dialects of front matter; this module
finds where they begin and end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from newsgrep.analysis.characters import fold, strip_invisible
from newsgrep.extraction.frontmatter.dialects import (
    Fields,
    key_line,
    parse_json,
    parse_lines,
    parse_simple,
    parse_toml,
    parse_toml_lines,
    parse_yaml,
)
from newsgrep.extraction.frontmatter.savers import read_clipper
from newsgrep.extraction.whitespace import collapse_whitespace, unescape_html
from newsgrep.messages import mark, message

_MAX_LENGTH: Final = 50_000
"""Characters of front matter that are read; the rest is removed from the text unread."""
_MAX_FETCH_YEAR: Final = 2200
"""Later fetch times are mistakes. (Days are added to a fetch time; calendars end in 9999.)"""
_NOTE: Final = mark("front matter is long or not valid {dialect}: read line by line")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What is above the article. ``fields`` has the keys that :func:`squashed` returns.

    ``title`` and ``url`` are from a link line; ``fetched`` is from a comment.
    """

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str | None = None
    url: str | None = None
    fetched: datetime | None = None
    notes: tuple[str, ...] = ()

    def first(self, *keys: str) -> str | None:
        """Return the first value of the first of ``keys`` that has a value, or None."""
        return next(iter(self.values(*keys)), None)

    def values(self, *keys: str) -> tuple[str, ...]:
        """Return all values of ``keys``, in order, each once."""
        fields = self.fields
        stated = [values for key in _squashed_all(keys) if (values := fields.get(key))]
        return tuple(dict.fromkeys(each for values in stated for each in values if each))


@lru_cache(maxsize=256)
def _squashed_all(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(squashed, keys))


@lru_cache(maxsize=1024)
def squashed(key: str) -> str:
    """Return ``key`` in lower case and without separators: writers spell keys in many ways.

    >>> squashed("datePublished") == squashed("date_published")
    True
    """
    return fold(key).translate(_SEPARATORS)


_SEPARATORS: Final = {ord(sign): None for sign in "_- ."}

_START = re.compile(r"\s*---[ \t]*\n")
_END = re.compile(r"^(?:---|\.\.\.)[ \t]*$\n?", re.MULTILINE)
_TOML_START = re.compile(r"\s*\+\+\+[ \t]*\n")
_TOML_END = re.compile(r"^\+\+\+[ \t]*$\n?", re.MULTILINE)
_JSON_START = re.compile(r'\s*(?:;;;\s*)?(?=\{\s*"|"[\w-]{1,40}"\s*:)')
_JSON_END = re.compile(r"^;;;[ \t]*$\n?", re.MULTILINE)
_COMMENT = re.compile(r"\s*<!--\s*+(\d{9,16}|NaN|null|undefined)?\s*+-->")
_LINK_LINE = re.compile(
    r"\s*\[([^\n]{1,1000})\]\((\S{1,4000}|)\)[ \t]*+\n\s*+[-=]{3,}+[ \t]*+(?:\n|$)"
)
_KEY_LINE = re.compile(r"[A-Za-z_][\w-]{0,40}:(?: |\n)")


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """Return the front matter of ``text`` and the text after it; lines must end in newlines."""
    fields: Fields = {}
    notes: tuple[str, ...] = ()
    for dialect in _dialects(text):
        if found := dialect(text):
            fields, text, notes = found
            break
    fields, text = read_clipper(fields, text)
    fetched = None
    comment = _COMMENT.match(text)
    if comment:
        text = text[comment.end() :]
        fetched = _parse_epoch(comment[1])
    title = url = None
    link = _LINK_LINE.match(text)
    if link:
        title, url = (
            collapse_whitespace(strip_invisible(unescape_html(link[1]))) or None,
            link[2].strip() or None,
        )
        text = text[link.end() :]
    stated = {squashed(key): values for key, values in fields.items()}
    return FrontMatter(stated, title, url, fetched, notes), text


_Found = tuple[Fields, str, tuple[str, ...]]
_Dialect = Callable[[str], _Found | None]


def _dialects(text: str) -> tuple[_Dialect, ...]:
    """Return what front matter at the start of ``text`` may be, by its first sign."""
    first = text[:200].lstrip()[:1]
    if first == "-":
        return (_between_dashes,)
    if first == "+":
        return (_between_pluses,)
    if first in ("{", '"', ";"):
        return (_json,)
    return (_unopened,) if first.isalpha() else ()


def _between_dashes(text: str) -> _Found | None:
    """Read YAML between two lines of dashes."""
    start = _START.match(text)
    end = _END.search(text, start.end()) if start else None
    if start is None or end is None:
        return None
    length = end.start() - start.end()
    if length > _MAX_LENGTH and not _KEY_LINE.match(text, start.end()):
        return None
    return _read_keys(text[start.end() : end.start()], text[end.end() :])


def _read_keys(block: str, rest: str) -> _Found | None:
    parsed = None
    notes: tuple[str, ...] = ()
    if len(block) <= _MAX_LENGTH:
        parsed = parse_simple(block)
        if parsed is None:
            parsed = parse_yaml(block)
    if parsed is None:
        parsed = parse_lines(block[:_MAX_LENGTH])
        if parsed:
            notes = (message(_NOTE, dialect="YAML"),)
    return None if parsed is None else (parsed, rest, notes)


def _between_pluses(text: str) -> _Found | None:
    """Read TOML between two lines of plus signs, as Hugo and Zola write it."""
    start = _TOML_START.match(text)
    end = _TOML_END.search(text, start.end()) if start else None
    if start is None or end is None:
        return None
    block, rest = text[start.end() : end.start()], text[end.end() :]
    if len(block) <= _MAX_LENGTH and (parsed := parse_toml(block)) is not None:
        return parsed, rest, ()
    parsed = parse_toml_lines(block[:_MAX_LENGTH])
    return (parsed, rest, (message(_NOTE, dialect="TOML"),)) if parsed else None


def _json(text: str) -> _Found | None:
    """Read a JSON object, or the inside of one before ``;;;`` as Hexo writes it."""
    start = _JSON_START.match(text)
    if start is None:
        return None
    if text[start.end()] == "{":
        parsed = parse_json(text[start.end() : start.end() + _MAX_LENGTH])
        if parsed is None or not _names_article(parsed[0]):
            return None
        rest = text[start.end() + parsed[1] :]
        closing = _JSON_END.match(rest.lstrip())
        return parsed[0], rest.lstrip()[closing.end() :] if closing else rest, ()
    end = _JSON_END.search(text, start.end(), start.end() + _MAX_LENGTH)
    block = text[start.end() : end.start()].strip().rstrip(",") if end else ""
    parsed = parse_json("{" + block + "}")
    if end is None or parsed is None or not _names_article(parsed[0]):
        return None
    return parsed[0], text[end.end() :], ()


def _names_article(fields: Fields) -> bool:
    return not {"title", "date"}.isdisjoint(fields)


_MAX_UNOPENED: Final = 60
"""Lines of front matter without a line of dashes above it."""


def _unopened(text: str) -> _Found | None:
    """Read lines of keys above a line of dashes, as Hexo writes them without the first dashes."""
    if key_line(text[:200].lstrip().partition("\n")[0]) is None:
        return None
    end = _END.search(text, 0, _MAX_LENGTH)
    if end is None:
        return None
    block = text[: end.start()].strip("\n")
    lines = [
        line
        for line in block.split("\n")
        if line.strip() and not line.startswith((" ", "\t", "- ", "#"))
    ]
    keys = [found[0] for line in lines if (found := key_line(line))]
    if not 2 <= len(keys) == len(lines) <= _MAX_UNOPENED:
        return None
    if not _names_article(dict.fromkeys(keys, ())):
        return None
    return _read_keys(block + "\n", text[end.end() :])


def _parse_epoch(digits: str | None) -> datetime | None:
    if not digits or not digits.isdigit():
        return None
    number = int(digits)
    try:
        moment = datetime.fromtimestamp(number / 1000 if number > 10**11 else number, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment if moment.year < _MAX_FETCH_YEAR else None

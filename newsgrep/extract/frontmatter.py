"""What scrapers write above an article: front matter, a fetch time, a link with the title.

Real front matter is often not valid YAML, because of colons and quotes in titles. Such a block
is read line by line, so no article is lost because of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

import yaml

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract.whitespace import collapse_whitespace, unescape_html

_MAX_LENGTH: Final = 50_000
"""Characters of front matter that are read; the rest is removed from the text unread."""
_MAX_FETCH_YEAR: Final = 2200
"""Later fetch times are mistakes. (Days are added to a fetch time; calendars end in 9999.)"""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What is above the article. ``fields`` has keys in lower case and texts as values.

    ``title`` and ``url`` are from a link line; ``fetched`` is from a comment.
    """

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str | None = None
    url: str | None = None
    fetched: datetime | None = None
    notes: tuple[str, ...] = ()

    def first(self, *keys: str) -> str | None:
        """Return the first value of the first of ``keys`` that has a value, or None."""
        return next((v for key in keys for v in self.fields.get(key, ()) if v), None)

    def values(self, *keys: str) -> tuple[str, ...]:
        """Return all values of ``keys``, in order, each once."""
        return tuple(dict.fromkeys(v for key in keys for v in self.fields.get(key, ()) if v))


_START = re.compile(r"\s*---[ \t]*\n")
_END = re.compile(r"^(?:---|\.\.\.)[ \t]*$\n?", re.MULTILINE)
_COMMENT = re.compile(r"\s*<!--\s*+(\d{9,16}|NaN|null|undefined)?\s*+-->")
_LINK_LINE = re.compile(
    r"\s*\[([^\n]{1,1000})\]\((\S{1,4000}|)\)[ \t]*+\n\s*+[-=]{3,}+[ \t]*+(?:\n|$)"
)
_KEY_LINE = re.compile(r"[A-Za-z_][\w-]{0,40}:(?: |\n)")
_KEY = re.compile(r"([A-Za-z_][\w .-]{0,40}?)\s*:(?:\s+(.*)|)$")


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """Return the front matter of ``text`` and the text after it; lines must end in newlines."""
    fields: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    start = _START.match(text)
    if start:
        end = _END.search(text, start.end())
        if end and (end.start() - start.end() <= _MAX_LENGTH or _KEY_LINE.match(text, start.end())):
            block = text[start.end() : end.start()]
            parsed = None
            if len(block) <= _MAX_LENGTH:
                parsed = parse_simple(block)
                if parsed is None:
                    parsed = parse_yaml(block)
            block = block[:_MAX_LENGTH]
            if parsed is None:
                parsed = _parse_lines(block)
                if parsed:
                    notes.append("front matter is long or not valid YAML: read line by line")
            if parsed is not None:
                fields = parsed
                text = text[end.end() :]
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
    return FrontMatter(fields, title, url, fetched, tuple(notes)), text


def _parse_epoch(digits: str | None) -> datetime | None:
    if not digits or not digits.isdigit():
        return None
    number = int(digits)
    try:
        moment = datetime.fromtimestamp(number / 1000 if number > 10**11 else number, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment if moment.year < _MAX_FETCH_YEAR else None


class _TextLoader(yaml.CSafeLoader):
    """Safe YAML in which every value is text, a list or a mapping, whatever its tag.

    Without implicit tags there are no merge keys, which could grow without limit; aliases share
    a value and do not copy it. Explicit tags are ignored: the library raises errors of many
    kinds for values such as ``!!bool x``, and cannot print numbers of many digits.
    """

    def any_value(self, node: yaml.Node) -> object:
        """Return the value of ``node``, by its shape only."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_yaml_map(node)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_yaml_seq(node)
        return node.value


_TextLoader.yaml_implicit_resolvers = {}
_TextLoader.yaml_constructors = {None: _TextLoader.any_value}
_DEEP_NESTING = re.compile(r"(?:[\[{][^\[\]{}]*){40}|(?:[-?:]\s+){40}")


_WORDS: Final = r"[^\W_][\w.]*(?:[ +/-][^\W_][\w.]*)*"
_SIMPLE_LINE = re.compile(
    rf"""
    ([a-z_]+):[ ](?:
        "([^"\\]*)"
      | ({_WORDS}(?::[\w./%?&=+:-]*[\w/])?)  # a time or an address continues after the colon
      | \[[ ]?({_WORDS}(?:,[ ]?{_WORDS})*)[ ]?\]
    )
    """,
    re.VERBOSE,
)


def parse_simple(block: str) -> dict[str, tuple[str, ...]] | None:
    """Return the fields of front matter that needs no YAML parser, else None.

    Every line must be a key with a plain value, a quoted value or a list of plain values. This
    is the form of most front matter.
    """
    fields: dict[str, tuple[str, ...]] = {}
    for line in block.removesuffix("\n").split("\n"):
        match = _SIMPLE_LINE.fullmatch(line)
        if match is None or not line.isprintable():
            return None
        key, quoted, plain, items = match.groups()
        values = items.split(",") if items else [quoted or plain or ""]
        fields[key] = tuple(filter(None, map(_plain_value, values)))
    return fields


def parse_yaml(block: str) -> dict[str, tuple[str, ...]] | None:
    """Return the fields of front matter in YAML; None if it is invalid or nested too deeply."""
    if _DEEP_NESTING.search(block):
        return None
    try:
        loaded = yaml.load(block, Loader=_TextLoader)  # noqa: S506 - a safe loader, see above
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        return None
    if loaded is None or loaded == "":
        return {}
    if not isinstance(loaded, dict):
        return None
    fields: dict[str, tuple[str, ...]] = {}
    for key, value in loaded.items():
        items = value if isinstance(value, list) else [value]
        texts = [_plain_value(item) for item in items]
        fields.setdefault(str(key).strip().lower(), tuple(t for t in texts if t))
    return fields


def _plain_value(value: object) -> str:
    if value is None or isinstance(value, dict | list | set | tuple):
        if isinstance(value, dict):  # author: {name: …}
            inner = value.get("name") or value.get("title")
            return "" if isinstance(inner, dict) else _plain_value(inner)  # it may contain itself
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return collapse_whitespace(strip_invisible(unescape_html(str(value))))


def _parse_lines(block: str) -> dict[str, tuple[str, ...]] | None:
    fields: dict[str, list[str]] = {}
    key = None
    for line in block.split("\n"):
        match = _KEY.match(line)
        if match and not line.startswith((" ", "\t")):
            key = match[1].strip().lower()
            fields[key] = _parse_inline(match[2] or "")
        elif key and line.lstrip().startswith("- "):
            fields[key] += _parse_inline(line.lstrip()[2:])
        elif key is None and line.strip() and not line.lstrip().startswith("#"):
            return None
    return {k: tuple(v) for k, v in fields.items()} if fields else None


def _parse_inline(value: str) -> list[str]:
    value = value.strip()
    if value.startswith("[") and value.endswith("]") and len(value) > 1:
        parts = value[1:-1].split(",")
    else:
        parts = [value]
    found = []
    for part in parts:
        item = part.strip()
        if len(item) > 1 and item[0] == item[-1] and item[0] in "\"'":
            item = item[1:-1].replace('\\"', '"')
        item = _plain_value(item)
        if item:
            found.append(item)
    return found

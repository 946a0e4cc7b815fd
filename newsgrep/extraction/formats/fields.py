"""A record of a dump: a JSON object whose fields are those of an article, under many names.

The names that programs use are a table in :mod:`newsgrep.extraction.formats.field_names`. A text
field may contain HTML, also a whole page, or plain text; times may be numbers since the epoch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import MAX_CHARACTERS, check_limit, decode
from newsgrep.extraction.formats.base import DecodedFile, Format, RawArticle, RawFile
from newsgrep.extraction.formats.field_names import choose_names, may_have_text, squash
from newsgrep.extraction.formats.html import extract_html, looks_like_html
from newsgrep.extraction.formats.text import extract_plain_text
from newsgrep.extraction.frontmatter.savers import Saved
from newsgrep.extraction.frontmatter.split import FrontMatter
from newsgrep.extraction.whitespace import collapse_whitespace, unescape_html
from newsgrep.messages import message

_FALLBACK: Final = "summary"
"""What is the body if there is no other."""

_MAX_DEPTH: Final = 8
_MAX_VALUES: Final = 100_000
_MAX_LISTED: Final = 20
_MAX_NAME: Final = 40
"""Characters of a name in a list of fields; the first row of CSV may have values."""


def read_fields(raw: RawFile, identity: str | None = None) -> RawArticle:
    """Return the article in a JSON object; ``raw.fields`` has the user's names of its fields.

    ``identity`` is the field that identifies the article if it has no address.
    """
    names = raw.fields
    parsed = parse_object(raw.data)
    keys = set(map(squash, parsed))
    values = _flatten(parsed)
    by_name: dict[str, tuple[Any, ...]] = {}
    for name, each in values.items():
        by_name.setdefault(squash(name), each)
    wanted = choose_names(keys, names)
    chosen = {field: _choose(each, by_name) for field, each in wanted.items()}
    stated = {
        field: value for field, value in chosen.items() if field in _FRONT_MATTER_KEYS and value
    }
    # Some programs write the address of the article as its source.
    if chosen["site"] and all("://" in str(each) for each in stated.get("source", ())):
        stated.setdefault("url", stated.get("source", ()))
        stated["source"] = chosen["site"]
    body = chosen["body"] or chosen[_FALLBACK]
    # A record with an empty text may be a headline.
    if not body and not (stated.get("title") and may_have_text(keys, wanted)):
        listed = ", ".join(name[:_MAX_NAME] for name in list(values)[:_MAX_LISTED])
        raise NoArticle(
            "no field has the text of an article; name one with --map body=FIELD. Fields: {listed}",
            listed=listed,
        )
    fields = {_FRONT_MATTER_KEYS[field]: _texts(field, value) for field, value in stated.items()}
    front_matter = FrontMatter(fields, fetched=_moment(chosen["fetched"]))
    text = _JOINED.sub("\n\n", "\n\n".join(map(str, body)))
    check_limit(len(text), MAX_CHARACTERS, "characters of text")
    outlets = raw.outlets
    url = raw.url or next(iter(fields.get("url", ())), None)
    file = DecodedFile(
        replace(raw, data=text.encode("utf-8", "replace")),
        front_matter,
        text,
        "utf-8",
        outlets.for_url(url) or outlets.for_text(text),
        (),
        Saved(),
        url,
    )
    found = extract_html(file, text) if looks_like_html(text) else extract_plain_text(file)
    key = str(next(iter(values.get(identity, ())), "")) if identity else ""
    return replace(found, identity=key.encode("utf-8", "replace").decode())


def record_key(data: bytes, names: Mapping[str, str]) -> str:
    """Return the address that a JSON object states, else its id; empty if it has neither.

    ``names`` has the user's names of its fields. Raises :class:`NoArticle` for other data.
    """
    parsed = parse_object(data)
    by_name: dict[str, tuple[Any, ...]] = {}
    for name, each in _flatten(parsed).items():
        by_name.setdefault(squash(name), each)
    wanted = choose_names(set(map(squash, parsed)), names)["url"]
    found = _choose(wanted, by_name) or _choose(_IDS, by_name)
    return str(found[0]).strip().encode("utf-8", "replace").decode() if found else ""


_IDS: Final = tuple(map(squash, ("id", "guid", "uuid", "article_id", "news_id")))

_JOINED = re.compile(r"(?<=[。！？”]),(?=[^\s,])")
"""A comma with which Scrapy joins paragraphs in CSV."""


_FRONT_MATTER_KEYS: Final = {
    "title": "title",
    "url": "url",
    "published": "published",
    "authors": "authors",
    "source": "source",
    "tags": "tags",
}


_MAYBE_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
"""Half a surrogate pair, which is not a character, or a whole one."""


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in ``data``; raises :class:`~newsgrep.errors.NoArticle`."""
    try:
        try:
            value = json.loads(data)
        except UnicodeDecodeError:
            value = json.loads(decode(data).text)
        if _MAYBE_HALF.search(data):
            text = json.dumps(value, ensure_ascii=False)
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            value = json.loads(whole)
    except (ValueError, RecursionError) as exc:
        what: str = (
            message("nested too deeply")
            if isinstance(exc, RecursionError)
            else message("a number is too long")
        )
        what = exc.msg if isinstance(exc, json.JSONDecodeError) else what
        raise NoArticle("not valid JSON ({what})", what=what) from exc
    if not isinstance(value, dict):
        raise NoArticle("not a JSON object")
    return value


def _flatten(value: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the values in an object by name; those of inner objects have names with dots."""
    found: dict[str, list[Any]] = {}
    left = _MAX_VALUES
    for name, each in _walk(value, "", _MAX_DEPTH):
        left -= 1
        if left < 0:
            break
        found.setdefault(name, []).append(each)
    return {name: tuple(values) for name, values in found.items()}


def _walk(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        if (plain := _plain(value)) is not None:
            yield name, plain
        elif depth:
            for key, inner in value.items():
                yield from _walk(inner, f"{name}.{key}" if name else str(key), depth - 1)
    elif isinstance(value, list):
        for inner in value if depth else ():
            yield from _walk(inner, name, depth - 1)
    elif value is not None and value != "":
        yield name, value


_WRAPPERS: Final = ("$date", "$numberLong", "$oid")
"""Keys of objects with one value, as mongoexport writes them."""


def _plain(value: Mapping[str, Any]) -> Any:
    """Return the value that an object stands for: a date, or what MongoDB wraps; or None."""
    if len(value) == 1 and (key := next(iter(value))) in _WRAPPERS:
        inner = value[key]
        return _plain(inner) if isinstance(inner, Mapping) else inner
    return _day(value)


def _day(value: Mapping[str, Any]) -> str | None:
    """Return the date of an object with year, month and day, as precisely as it is known."""
    parts = []
    for key, width in (("year", 4), ("month", 2), ("day", 2)):
        part = value.get(key)
        if not isinstance(part, int) or not 0 < part < 10_000:
            break
        parts.append(f"{part:0{width}}")
    return "-".join(parts) or None


def _choose(names: tuple[str, ...], values: Mapping[str, tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the values of the first of ``names`` that has any."""
    for name in names:
        if each := values.get(name):
            found = tuple(value for value in each if str(value).strip() not in _NOTHING)
            if found:
                return found
    return ()


_NOTHING: Final = frozenset(("", "None", "none", "null", "NULL", "nan", "NaN", "NaT", "undefined"))
"""How programs write that there is no value."""


_LISTS: Final = frozenset(("authors", "tags"))
_SEPARATORS = re.compile(r"\s*[,，;；、|]\s*")


def _texts(field: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    """Return ``values`` as front matter states them."""
    if field == "published":
        moments = map(_epoch, values)
        return tuple(
            moment.isoformat() if moment else str(each)
            for each, moment in zip(values, moments, strict=True)
        )
    if field in _LISTS and len(values) == 1:
        values = _split(str(values[0]), tags=field == "tags")
    if field == "tags":
        values = tuple(each for each in values if not _NO_TAG.match(str(each)))
    return tuple(filter(None, (collapse_whitespace(unescape_html(str(each))) for each in values)))


_NO_TAG = re.compile(r"user/|https?://", re.IGNORECASE)
"""Begins what is among the tags but is not one: states of feed readers, addresses of schemes."""


def _split(text: str, *, tags: bool) -> tuple[Any, ...]:
    """Return the items of a list that is written as one text, as in CSV."""
    if text.startswith("[") and text.endswith("]"):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            items = [item.strip(" '\"") for item in text[1:-1].split(",")]
        return tuple(each for each in items if isinstance(each, str))
    return tuple(_SEPARATORS.split(text)) if tags else (text,)


_EPOCH = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?|-[0-9]{6,11}(?:\.[0-9]{1,9})?")
_COMPACT = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-2][0-9](?:[0-5][0-9]){1,2}"
)
_DOTNET = re.compile(r"/Date\((-?[0-9]{1,17})(?:[+-][0-9]{4})?\)/")
_FIRST_EPOCH: Final = 10**8
_UNITS: Final = ((10**17, 1e9), (10**14, 1e6), (10**11, 1e3))
"""From which number on a time is in nanoseconds, microseconds or milliseconds."""


def _moment(values: tuple[Any, ...]) -> datetime | None:
    """Return the first time in ``values``, None if there is none.

    A time is a number of seconds, milliseconds, microseconds or nanoseconds since the epoch, or
    one in ISO 8601, which is in UTC if it states no zone.
    """
    for value in values:
        if (found := _epoch(value)) is not None:
            return found
        try:
            stated = datetime.fromisoformat(str(value).strip().replace("/", "-"))
        except ValueError:
            continue
        return stated if stated.tzinfo else stated.replace(tzinfo=UTC)
    return None


def _epoch(value: Any) -> datetime | None:
    """Return the time that a number states, None if it is not such a number.

    >>> _epoch("1715914243000").isoformat()
    '2024-05-17T02:50:43+00:00'
    """
    text = str(value).strip()
    if dotnet := _DOTNET.fullmatch(text):
        return _at(int(dotnet[1]) / 1e3)
    # Years, days and minutes are also written as one number.
    if not _EPOCH.fullmatch(text) or _COMPACT.fullmatch(text):
        return None
    seconds = float(text)
    for least, unit in _UNITS:
        if seconds >= least:
            seconds /= unit
            break
    return _at(seconds) if seconds < 0 or seconds >= _FIRST_EPOCH else None


_EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _at(seconds: float) -> datetime | None:
    try:
        return _EPOCH_START + timedelta(seconds=int(seconds))
    except OverflowError:
        return None


FORMAT = Format("fields", read_fields)

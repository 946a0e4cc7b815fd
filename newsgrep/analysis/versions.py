"""Earlier versions of an article: their stored form, their texts, and what has changed when.

Versions are stored as differences to the article's newest text. Titles and paragraphs that occur
in several versions are stored once, and those of the newest text not at all; a new paragraph is
compressed with those that it may have replaced as the dictionary. A version takes about 80 bytes
and what has been edited.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from operator import add
from typing import Any, Final, NamedTuple, overload

from newsgrep._io import encode_json
from newsgrep.analysis.characters import fold
from newsgrep.analysis.codec import unpack_article
from newsgrep.analysis.packed_texts import (
    MAX_TEXT_BYTES,
    TEXT_SEPARATOR,
    DamagedData,
    decode_folded,
    deflate,
    encode,
    inflate,
    new_compressor,
    text_dictionary,
)
from newsgrep.analysis.sketch import letters
from newsgrep.models import ARCHIVE_ZONE, PARAGRAPH_BREAK, Article, Version, month_index, month_span

_LENGTH_SIZE: Final = 4
MAX_HEAD_BYTES: Final = 1 << 24
"""Bytes that describe an article's versions, without their texts: some 100 for each."""

_WINDOW: Final = 1 << 15
"""Bytes of a preset dictionary that deflate can refer to."""

# The stored form


def pack_versions(article: Article) -> bytes:
    """Return the earlier versions of ``article`` packed; ``b""`` if it has none.

    Of tens of thousands of versions, whose description would exceed :data:`MAX_HEAD_BYTES`, only
    the later ones are packed.
    """
    if not article.versions:
        return b""
    newest = _texts_of(article.title, article.body)
    numbers: dict[str, int] = {}
    for text in newest:
        numbers.setdefault(text, len(numbers))
    table = list(numbers)  # a paragraph that occurs twice has one number
    rows = []
    for version in article.versions:
        texts = _texts_of(version.title, version.body)
        for text in texts:
            numbers.setdefault(text, len(numbers))
        runs = _runs([numbers[text] for text in texts])
        rows.append([version.captured, version.path, version.digest, runs])
    added = list(numbers)[len(table) :]
    described = encode_json([len(added), rows]).encode("utf-8", "surrogatepass")
    if len(described) > MAX_HEAD_BYTES:
        later = article.versions[len(article.versions) // 2 + 1 :]
        return pack_versions(article._replace(versions=later))
    head = deflate(new_compressor(text_dictionary()), (described,))
    parts = [len(head).to_bytes(_LENGTH_SIZE, "big"), head]
    if added:
        packer = new_compressor(_dictionary(table, rows))
        parts.append(deflate(packer, (encode(TEXT_SEPARATOR.join(added)),)))
    return b"".join(parts)


def unpack_versions(
    packed: bytes, newest: Article, limit: int = MAX_TEXT_BYTES
) -> Sequence[Version]:
    """Return the versions in ``packed``, given the article that they are versions of.

    All of it is checked here, and each version's text is joined when it is read. A text has at
    most ``limit`` characters. Raises :class:`DamagedData`.
    """
    if not packed:
        return ()
    end = _LENGTH_SIZE + int.from_bytes(packed[:_LENGTH_SIZE], "big")
    if end > len(packed):
        raise DamagedData("the stored versions are cut off")
    head = inflate(packed[_LENGTH_SIZE:end], text_dictionary(), MAX_HEAD_BYTES)
    table = list(dict.fromkeys(_texts_of(newest.title, newest.body)))
    try:
        count, rows = json.loads(head.decode("utf-8", "surrogatepass"))
        if type(count) is not int or (count > 0) != (end < len(packed)):
            raise DamagedData("an article's earlier texts are missing")
        _check_rows(rows, len(table) + count)
        added: list[str] = []
        if count:
            data = inflate(packed[end:], _dictionary(table, rows), limit)
            added = decode_folded(data).split(TEXT_SEPARATOR)
        if len(added) != count:
            raise DamagedData("an article's earlier texts are incomplete")
        table += added
        _check_lengths(rows, table, limit)
    except DamagedData:
        raise
    except (ValueError, TypeError, LookupError, RecursionError) as exc:
        raise DamagedData("the stored versions are invalid") from exc
    return _StoredVersions(rows, table)


def _texts_of(title: str, body: str) -> list[str]:
    return [title, *body.split(PARAGRAPH_BREAK)]


def _runs(numbers: Iterable[int]) -> list[int]:
    """Return consecutive numbers as pairs of the first one and their count, in one list."""
    runs: list[int] = []
    for number in numbers:
        if runs and number == runs[-2] + runs[-1]:
            runs[-1] += 1
        else:
            runs += (number, 1)
    return runs


def _dictionary(table: Sequence[str], rows: Iterable[Any]) -> bytes:
    """Return the dictionary for new texts: those of the newest version that others do not have."""
    size = len(table)
    steps = [0] * (size + 1)  # by how much more versions have a text than the one before it
    for *_, runs in rows:
        for first, count in _pairs(runs):
            if first < size:
                steps[first] += 1
                steps[min(size, first + count)] -= 1
    users = accumulate(steps)
    replaced = (text for text, used in zip(table, users, strict=False) if not used)
    return (text_dictionary() + encode(TEXT_SEPARATOR.join(replaced)))[-_WINDOW:]


def _pairs(runs: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(runs[::2], runs[1::2], strict=True)


def _check_rows(rows: Any, texts: int) -> None:
    """Raise :class:`DamagedData` unless each row describes a version with some of the texts."""
    if not isinstance(rows, list):
        raise DamagedData("the versions are not listed")
    for captured, path, digest, runs in rows:
        if {*map(type, (captured, path, digest))} != {str} or type(runs) is not list:
            raise DamagedData("a version is not described")
        if {*map(type, runs)} != {int} or len(runs) % 2:
            raise DamagedData("the texts of a version are not numbered")
        firsts, counts = runs[::2], runs[1::2]
        if min(firsts) < 0 or min(counts) < 1 or max(map(add, firsts, counts)) > texts:
            raise DamagedData("a version has a text that is not stored")


def _check_lengths(rows: Iterable[Any], table: Sequence[str], limit: int) -> None:
    ends = [0, *accumulate(len(text) + len(PARAGRAPH_BREAK) for text in table)]
    for *_, runs in rows:
        firsts, counts = runs[::2], runs[1::2]
        reached = sum(map(ends.__getitem__, map(add, firsts, counts)))
        if reached - sum(map(ends.__getitem__, firsts)) > limit:
            raise DamagedData("a version is too long")


def stored_length(versions: Sequence[Version]) -> int:
    """Return the number of characters that versions take in memory."""
    if isinstance(versions, _StoredVersions):
        return versions.stored_length
    return sum(len(each.title) + len(each.body) for each in versions)


class _StoredVersions(Sequence[Version]):
    """Versions whose texts are joined when they are read: an article may have hundreds."""

    def __init__(self, rows: Sequence[Any], table: Sequence[str]) -> None:
        self._rows = rows
        self._table = table
        self.stored_length = sum(map(len, table))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Version: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Version]: ...
    def __getitem__(self, index: int | slice) -> Version | Sequence[Version]:
        if isinstance(index, slice):
            return tuple(map(self._version, self._rows[index]))
        return self._version(self._rows[index])

    def _version(self, row: Sequence[Any]) -> Version:
        captured, path, digest, runs = row
        title, *body = (
            text for first, count in _pairs(runs) for text in self._table[first : first + count]
        )
        return Version(captured, title, PARAGRAPH_BREAK.join(body), path, digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


# Texts


def insert_version(versions: Sequence[Version], version: Version) -> tuple[Version, ...]:
    """Return ``versions`` with another one, after those that were not captured later."""
    at = bisect_right(versions, version.captured, key=lambda each: each.captured)
    return (*versions[:at], version, *versions[at:])


def all_versions(article: Article) -> list[Version]:
    """Return the versions of an article and its present text, in the order of capture.

    The present text is the only one without a digest. It is not the last one if its file is older
    than another one with a shorter text, and none states when it was taken from the web.
    """
    present = Version(article.captured, article.title, article.body, article.path, "")
    if present.captured:
        return list(insert_version(article.versions, present))
    return [*article.versions, present]


def earlier_texts(versions: Iterable[Version]) -> list[str]:
    """Return the titles and paragraphs of earlier versions, each once and without empty ones."""
    texts = (text for each in versions for text in _texts_of(each.title, each.body))
    return list(filter(None, dict.fromkeys(texts)))


def pack_earlier(folded: bytes, rest: bytes, versions: bytes) -> bytes:
    """Return the packed parts of an article from which :func:`unpack_earlier` reads versions."""
    if not versions:
        return b""
    sizes = (len(part).to_bytes(_LENGTH_SIZE, "big") for part in (folded, rest))
    return b"".join((*sizes, folded, rest, versions))


def unpack_earlier(packed: bytes) -> Sequence[Version]:
    """Return the earlier versions in what :func:`pack_earlier` has packed.

    Raises :class:`DamagedData`.
    """
    if not packed:
        return ()
    folded, rest = (
        int.from_bytes(packed[at : at + _LENGTH_SIZE], "big") for at in (0, _LENGTH_SIZE)
    )
    at = 2 * _LENGTH_SIZE
    article = unpack_article(packed[at : at + folded], packed[at + folded :][:rest], "")
    return unpack_versions(packed[at + folded + rest :], article)


# Changes

IN_TITLE: Final = "title"
IN_BODY: Final = "body"
IN_TEXT: Final = "text"
"""The keywords of an article with a change in its title, in its body, or in either of them."""


class TextChange(NamedTuple):
    """A difference between two texts of an article that were captured one after the other.

    ``captured`` is when the newer text was captured, as :attr:`Version.captured`.
    """

    captured: str
    in_title: bool
    in_body: bool


def text_changes(article: Article) -> Iterator[TextChange]:
    """Yield the changes of an article's text, oldest first.

    Only letters and digits are compared, folded: another script or other punctuation is no change.
    """
    texts = (
        (each.captured, letters(fold(each.title)), letters(fold(each.body)))
        for each in all_versions(article)
    )
    for (_, title, body), (captured, new_title, new_body) in pairwise(texts):
        if title != new_title or body != new_body:
            yield TextChange(captured, title != new_title, body != new_body)


def capture_day(captured: str) -> date | None:
    """Return the day of a capture in the archive's time zone, ``None`` if it is not known."""
    try:
        moment = datetime.fromisoformat(captured)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(ARCHIVE_ZONE).date()
    except (ValueError, OverflowError):
        return None


def change_keywords(article: Article) -> tuple[str, ...]:
    """Return the keywords by which the changes of an article are found, sorted.

    They are what has changed (:data:`IN_TITLE` …), and the days, months, years, decades and
    centuries of the changes: ``2024-05-17``, ``2024-05``, ``2024``, ``202`` and ``20``.
    """
    found: set[str] = set()
    for change in text_changes(article) if article.versions else ():
        found.add(IN_TEXT)
        found |= {IN_TITLE} if change.in_title else set()
        found |= {IN_BODY} if change.in_body else set()
        if day := capture_day(change.captured):
            iso = day.isoformat()
            found.update(iso[:length] for length in _KEYWORD_LENGTHS)
    return tuple(sorted(found))


_KEYWORD_LENGTHS: Final = (2, 3, 4, 7, 10)
"""Characters of a day in ISO 8601 that are its century, decade, year, month and itself."""


def keywords_between(first: date | None, last: date | None) -> tuple[str, ...]:
    """Return the fewest keywords that the changes on the days from ``first`` to ``last`` have.

    Both days are included, and ``None`` is open. There are at most some 150 keywords.

    >>> keywords_between(date(2024, 1, 1), date(2024, 3, 1))
    ('2024-01', '2024-02', '2024-03-01')
    """
    day, end = first or date.min, last or date.max
    found = []
    while day <= end:
        keyword, reached = next(
            (keyword, reached) for keyword, reached in _periods_from(day) if reached <= end
        )
        found.append(keyword)
        if reached == date.max:
            break
        day = reached + timedelta(days=1)
    return tuple(found)


def _periods_from(day: date) -> Iterator[tuple[str, date]]:
    """Yield the keyword and the last day of each period that begins on ``day``, longest first."""
    iso = day.isoformat()
    if (day.month, day.day) == (1, 1):
        for length, years in ((2, 100), (3, 10), (4, 1)):
            begins = day.year - day.year % years
            if day.year == max(begins, 1):
                yield iso[:length], date(begins + years - 1, 12, 31)
    if day.day == 1:
        yield iso[:7], month_span(month_index(day))[1]
    yield iso, day

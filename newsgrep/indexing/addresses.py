"""Several files at one address: which have the same article, and which another text.

A careless page names the home page as its address, or a list, or another article. Files of one
address are versions of one article only if their texts agree: the best version is the leader,
and the files whose texts agree with it are its duplicates. A text that agrees with no leader is
an article of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import count
from typing import Final

from newsgrep.analysis.sketch import LEVELS, NO_LEVEL, Sketch, unpack_sketch
from newsgrep.extraction.identity import other_text_id
from newsgrep.models import FileRecord

_sketch = lru_cache(maxsize=32_768)(unpack_sketch)


def address_of(record: FileRecord) -> str:
    """Return the id that the URL of the file's article gives; without a URL, the article's id."""
    return record.address or record.article_id or ""


def texts_agree(record: FileRecord, other: FileRecord) -> bool:
    """Return whether the texts of two files at one address are versions of one article.

    Texts without a sketch, as in an index that an older newsgrep created, agree with all.
    """
    one, two = _sketch(record.sketch), _sketch(other.sketch)
    return one is None or two is None or one.agrees(two)


def is_better(record: FileRecord, other: FileRecord) -> bool:
    """Return whether the version of an article in one file is to be preferred to another's.

    Later captures are preferred, then longer ones, then the first path.
    """
    if record.version_key != other.version_key:
        return record.version_key > other.version_key
    return record.path < other.path


def best_first(records: Iterable[FileRecord]) -> list[FileRecord]:
    """Return versions in the order of preference."""
    by_path = sorted(records, key=lambda record: record.path)
    return sorted(by_path, key=lambda record: record.version_key, reverse=True)


class Leaders:
    """The best versions of all texts at one address.

    A text is compared only with those that may agree with it, even if ten thousand files have
    one address and one title.
    """

    def __init__(self, records: Iterable[FileRecord] = ()) -> None:
        self._all: dict[str, FileRecord] = {}
        self._by_key: dict[_Key, dict[str, FileRecord]] = {}
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, record: FileRecord) -> None:
        """Add a leader."""
        self._all[record.path] = record
        for key in _keys(_sketch(record.sketch)):
            self._by_key.setdefault(key, {})[record.path] = record

    def remove(self, record: FileRecord) -> None:
        """Remove a leader."""
        del self._all[record.path]
        for key in _keys(_sketch(record.sketch)):
            del self._by_key[key][record.path]

    def agreeing(self, record: FileRecord) -> list[FileRecord]:
        """Return the leaders whose texts agree with that of ``record``, the best first."""
        found = self._all
        if len(found) > _FEW and (sketch := _sketch(record.sketch)):
            found = {}
            for key in _search_keys(sketch):
                found |= self._by_key.get(key, {})
        return best_first(each for each in found.values() if texts_agree(record, each))


_FEW: Final = 8
"""Leaders with all of which a text is compared."""

_Key = tuple[str, int, int]
_UNKNOWN: Final[_Key] = ("unknown", 0, 0)


def _keys(sketch: Sketch | None) -> Iterator[_Key]:
    """Yield the keys under which a leader is found."""
    if sketch is None:
        yield _UNKNOWN
        return
    yield "text", sketch.text, 0
    for part, checksum in _beginnings(sketch):
        yield f"{part} range", checksum, _range(sketch.level, sketch.highest_level)
        for sample in sketch.samples:
            yield part, checksum, sample


def _search_keys(sketch: Sketch) -> Iterator[_Key]:
    """Yield keys of all leaders that may agree: they share a sample, or have none to compare."""
    yield _UNKNOWN
    yield "text", sketch.text, 0
    levels = range(LEVELS)
    apart = [
        _range(level, highest)
        for level in levels
        for highest in (*levels, NO_LEVEL)
        if highest < sketch.level or sketch.highest_level < level
    ]
    for part, checksum in _beginnings(sketch):
        for each in apart:
            yield f"{part} range", checksum, each
        for sample in sketch.samples:
            yield part, checksum, sample


def _beginnings(sketch: Sketch) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what is the same in agreeing texts, if not all letters are: one of these."""
    return ("title", sketch.title), ("head", sketch.head)


def _range(level: int, highest: int) -> int:
    return (level << 4) + highest + 1


def find_leaders(records: Iterable[FileRecord]) -> dict[str, FileRecord]:
    """Return the leader of each file at one address, by path; leaders lead themselves.

    It does not depend on the order of ``records``.
    """
    leaders = Leaders()
    found: dict[str, FileRecord] = {}
    for record in best_first(records):
        agreeing = leaders.agreeing(record)
        found[record.path] = agreeing[0] if agreeing else record
        if not agreeing:
            leaders.add(record)
    return found


def ids_of_texts(address: str, record: FileRecord, title: str) -> Iterator[str]:
    """Yield ids for another text at an ``address``, the preferred ones first.

    The first depends on its folded ``title``, the next ones on its text and its path. So it is
    the same in an index that is created again, and for files in another folder.
    """
    sketch = _sketch(record.sketch)
    yield other_text_id(address, title)
    if sketch:
        yield other_text_id(address, f"{title}\0{sketch.text}")
    for number in count():
        yield other_text_id(address, f"{title}\0{record.path}\0{number}")

"""The indexes on a server that make up one of ours: their names, fields and settings.

There is one for each year of publication and one of undated articles, behind an alias, so that
what grows is cut up, and one of notes, which no search is to look into. All of one making are a
generation; making anew puts the next one beside it and then switches the alias. A dot parts the
names, which no name of an index of ours has, so that no two of them get into each other's way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from newsgrep.engines.clauses.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    FACETS,
    FIRST_DAY,
    FOLDED,
    ID,
    LAST_DAY,
    LEVELS,
    MOMENT,
    PLACE,
    TIMED,
    TITLE,
    WORDS,
)

UNDATED_YEAR: Final = "undated"

MANIFEST: Final = "newsgrep"
"""What stands with every index."""

LATIN: Final = "latin"
"""The terms that are runs of letters and digits, each once; to be listed, not to be found."""

DIGIT: Final = -3
"""Where the digit of a level token begins (:func:`newsgrep.engines.clauses.tokens.level_tokens`).

There is a field for each digit, called after it, with the words that have it.
"""

PACKED: Final = "packed"
"""The folded texts (:mod:`newsgrep.engines.packing`)."""

REST: Final = "rest"
"""The rest of the packed article."""

STAMP: Final = "stamp"
LINK: Final = "link"
"""The article's URL as it is, in UTF-8."""

READABLE: Final = "article"
"""The article for other programs: newsgrep itself gives back the packed one."""

NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Names:
    """What the indexes of one generation of one index of ours are called."""

    name: str
    generation: int

    @property
    def articles(self) -> str:
        """The alias of all indexes with articles of this generation."""
        return f"{self.name}.g{self.generation}"

    @property
    def notes(self) -> str:
        """The index of notes."""
        return f"{self.articles}.notes"

    @property
    def everything(self) -> str:
        """All indexes of this generation, as requests name several."""
        return f"{self.articles},{self.notes}"

    def of_year(self, year: str) -> str:
        """Return the index of articles of one year, or undated ones."""
        return f"{self.articles}.{year}"


def to_write(index: str) -> str:
    """Return the alias by which an index is written to.

    A server makes an index that is written to and not there, as it thinks best; told that
    the name must be an alias, it refuses.
    """
    return f"{index}.w"


def generation_of(index: str, name: str) -> int | None:
    """Return the generation that an index with articles is of, ``None`` if it is none of ours."""
    found = re.fullmatch(rf"{re.escape(name)}\.g([0-9]{{1,9}})\.({UNDATED_YEAR}|[0-9]{{4}})", index)
    return int(found[1]) if found else None


def index_body(
    index: str,
    aliases: Iterable[str],
    manifest: Mapping[str, object],
    properties: Mapping[str, object],
    shards: int,
    settings: Mapping[str, object],
) -> dict[str, Any]:
    """Return the body of the request that makes an index."""
    return {
        "aliases": {alias: {} for alias in (to_write(index), *aliases)},
        "settings": {
            "number_of_shards": shards,
            # Readable texts are what is largest on disk, and newsgrep never reads them.
            "codec": "best_compression",
            # How long what a document came as is kept for copies that miss it: a server drops
            # it when it merges, and not at all where nothing is merged later. It is more than
            # half of an index.
            "soft_deletes.retention_lease.period": "2m",
            **settings,
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {MANIFEST: manifest},
            "_source": {"includes": [READABLE, NOTE]},
            "properties": properties,
        },
    }


def _text(*, places: bool) -> dict[str, object]:
    return {
        "type": "text",
        "analyzer": "whitespace",
        "norms": False,
        "index_options": "positions" if places else "docs",
    }


_LISTED: Final = {"type": "keyword"}
_FOUND: Final = {"type": "keyword", "doc_values": False}
_BYTES: Final = {"type": "binary", "store": True}
_NUMBER: Final = {"type": "integer", "doc_values": False}
_UNPARSED: Final = {"type": "object", "enabled": False}

ARTICLES: Final[Mapping[str, object]] = {
    **{name: _text(places=True) for name in (TITLE, BODY, CAPTION)},
    WORDS: _text(places=False),
    **{
        f"{LEVELS}_{half}{digit}": {**_text(places=False), "copy_to": WORDS}
        for half in "hl"
        for digit in range(1, 8)
    },
    **dict.fromkeys((ID, *FACETS, *FOLDED.values()), _LISTED),
    **dict.fromkeys(ADDRESSES.values(), _FOUND),
    LATIN: {"type": "keyword", "index": False},
    **dict.fromkeys((FIRST_DAY, LAST_DAY, TIMED), _NUMBER),
    MOMENT: {"type": "double"},
    PLACE: {"type": "long"},
    **dict.fromkeys((PACKED, REST, STAMP, LINK), _BYTES),
    # For charts by other programs; ours count months and days.
    "published": {
        "type": "date",
        "format": "strict_date_optional_time",
        "ignore_malformed": True,
    },
    READABLE: _UNPARSED,
}

NOTES: Final[Mapping[str, object]] = {
    ID: _LISTED,
    PLACE: {"type": "long"},
    STAMP: _BYTES,
    NOTE: _UNPARSED,
}

"""The fields that every engine of clauses keeps of an entry or a note, by the same names.

An engine adds what it has to give back: the packed article, its stamp.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from newsgrep.engines.clauses.tokens import (
    CAPTION_END,
    LONG_WORD,
    LONGEST,
    level_tokens,
    tokens,
    word_token,
)
from newsgrep.engines.entry import Entry, day_of, month_of
from newsgrep.engines.packing import CAPTION_BREAK, unpack_folded
from newsgrep.models import ARCHIVE_ZONE, Precision
from newsgrep.query.tree import Address, Name
from newsgrep.text.fold import fold

ID: Final = "id"

TITLE: Final = "title"
BODY: Final = "body"
CAPTION: Final = "caption"
"""Tokens in their order, with positions."""

WORDS: Final = "words"
"""Every term of title and body once."""

LEVELS: Final = "levels"
"""How much each term counts (:func:`newsgrep.engines.clauses.tokens.level_tokens`)."""

FOLDED: Final = {kind: f"{kind.value}_folded" for kind in Name}
"""Whole names, folded; nothing where there is none."""

FACETS: Final = ("source", "month", "day", "author", "tag")
"""Whole values as they are counted; ``""`` where there is none."""

ADDRESSES: Final = {Address.URL: "url", Address.PATH: "path"}
"""Whole addresses, folded, but for what is beyond :data:`LONGEST_ADDRESS`."""

FIRST_DAY: Final = "first_day"
LAST_DAY: Final = "last_day"
"""Days of publication in the archive's zone, as proleptic ordinals; 0 where no date is known."""

TIMED: Final = "timed"
"""1 where a time of day is known, else 0."""

MOMENT: Final = "moment"
"""Seconds since the epoch, or :data:`UNDATED`."""

PLACE: Final = "place"
"""The first eight bytes of the id as a number: in the order of ids, as far as these tell."""

UNDATED: Final = -1e18
"""In the place of -inf, which JSON does not have."""

LONGEST_ADDRESS: Final = 8000
"""Characters of an address that are kept: Lucene takes no value above 32,766 bytes."""

FAR_ADDRESS: Final = "_far"
"""Among the words of an article that has a longer one."""


_HALVES: Final = re.compile("[\ud800-\udfff]")


class Fields(NamedTuple):
    """``texts`` are tokens between spaces, ``values`` whole strings, ``numbers`` one of each."""

    texts: dict[str, str]
    values: dict[str, tuple[str, ...]]
    numbers: dict[str, float]


def fields_of(entry: Entry) -> Fields:
    """Return what is kept of an article to be found by."""
    title, body, captions = unpack_folded(entry.folded)
    levels = entry.levels()
    words = list(levels)
    if len(max(levels, key=len, default="")) > LONGEST:
        words = [*map(word_token, levels), LONG_WORD]
    addresses = {Address.URL: entry.url or "", Address.PATH: entry.stamp.path}
    # Bytes of a path that are no text become what no query holds (characters.tidy).
    folded = {kind: _HALVES.sub("\ufffb", fold(each)) for kind, each in addresses.items()}
    if any(len(address) > LONGEST_ADDRESS for address in folded.values()):
        words.append(FAR_ADDRESS)
    in_captions = [
        token
        for caption in captions.split(CAPTION_BREAK)
        if caption
        for token in (*tokens(caption), CAPTION_END)
    ]
    names = {
        Name.SOURCE: (entry.source,) if entry.source else (),
        Name.AUTHOR: tuple(sorted(set(entry.authors))),
        Name.TAG: tuple(sorted(set(entry.tags))),
    }
    values = {FOLDED[kind]: tuple(map(fold, each)) for kind, each in names.items()}
    values |= {kind.value: each or ("",) for kind, each in names.items()}
    values |= {ADDRESSES[kind]: (each[:LONGEST_ADDRESS],) for kind, each in folded.items()}
    values |= {
        ID: (entry.article_id,),
        "month": (month_of(entry.published),),
        "day": (day_of(entry.published),),
    }
    first_day = last_day = timed = 0
    moment = UNDATED
    if entry.published:
        first, last = entry.published.days(ARCHIVE_ZONE)
        first_day, last_day = first.toordinal(), last.toordinal()
        timed = int(entry.published.precision in {Precision.MINUTE, Precision.SECOND})
        moment = entry.published.sort_key()
    return Fields(
        texts={
            TITLE: " ".join(tokens(title)),
            BODY: " ".join(tokens(body)),
            CAPTION: " ".join(in_captions),
            WORDS: " ".join(words),
            LEVELS: " ".join(level_tokens(levels)),
        },
        values=values,
        numbers={
            FIRST_DAY: first_day,
            LAST_DAY: last_day,
            TIMED: timed,
            MOMENT: moment,
            PLACE: place_of(entry.article_id),
        },
    )


def place_of(article_id: str) -> int:
    """Return :data:`PLACE` of an id."""
    return int.from_bytes(article_id.encode("utf-8", "replace")[:8].ljust(8, b"\0"), "big")

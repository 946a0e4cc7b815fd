"""The fields that every engine of clauses keeps of an entry or a note, by the same names.

An engine adds what it has to give back: the packed article, its stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from newsgrep.analysis.characters import SOLO
from newsgrep.analysis.codec import CAPTION_BREAK, unpack_folded
from newsgrep.analysis.document import IndexDocument, publication_day, publication_month
from newsgrep.analysis.fold import fold
from newsgrep.analysis.scoring import MAX_IMPACT
from newsgrep.models import ARCHIVE_ZONE, Precision
from newsgrep.query.ast import LocationField, NameField

ID: Final = "id"

TITLE: Final = "title"
BODY: Final = "body"
CAPTION: Final = "caption"
"""Tokens in their order, with positions."""

TERMS: Final = "words"
"""Every term of title and body once."""

IMPACTS: Final = "levels"
"""How much each term counts (:func:`newsgrep.engines.engine_query.fields.impact_tokens`)."""

FOLDED_NAMES: Final = {kind: f"{kind.value}_folded" for kind in NameField}
"""Whole names, folded; nothing where there is none."""

FACET_FIELDS: Final = ("source", "month", "day", "author", "tag")
"""Whole values as they are counted; ``""`` where there is none."""

ADDRESSES: Final = {LocationField.URL: "url", LocationField.PATH: "path"}
"""Whole addresses, folded, but for what is beyond :data:`MAX_ADDRESS_LENGTH`."""

FIRST_DAY: Final = "first_day"
LAST_DAY: Final = "last_day"
"""Days of publication in the archive's zone, as proleptic ordinals; 0 where no date is known."""

HAS_TIME: Final = "timed"
"""1 where a time of day is known, else 0."""

TIMESTAMP: Final = "moment"
"""Seconds since the epoch, or :data:`UNDATED`."""

ID_PREFIX: Final = "place"
"""The first eight bytes of the id as a number: in the order of ids, as far as these tell."""

UNDATED: Final = -1e18
"""In the place of -inf, which JSON does not have."""

MAX_ADDRESS_LENGTH: Final = 8000
"""Characters of an address that are kept: Lucene takes no value above 32,766 bytes."""

LONG_ADDRESS: Final = "_far"
"""Among the words of an article that has a longer one."""


_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class IndexFields(NamedTuple):
    """``texts`` are tokens between spaces, ``values`` whole strings, ``numbers`` one of each."""

    texts: dict[str, str]
    values: dict[str, tuple[str, ...]]
    numbers: dict[str, float]


def index_fields(entry: IndexDocument) -> IndexFields:
    """Return what is kept of an article to be found by."""
    title, body, captions = unpack_folded(entry.folded)
    levels = entry.impacts()
    words = list(levels)
    if len(max(levels, key=len, default="")) > MAX_TOKEN_LENGTH:
        words = [*map(term_token, levels), LONG_TERM]
    addresses = {LocationField.URL: entry.url or "", LocationField.PATH: entry.stamp.path}
    # Bytes of a path that are no text become what no query holds (characters.tidy).
    folded = {kind: _SURROGATES.sub("\ufffb", fold(each)) for kind, each in addresses.items()}
    if any(len(address) > MAX_ADDRESS_LENGTH for address in folded.values()):
        words.append(LONG_ADDRESS)
    in_captions = [
        token
        for caption in captions.split(CAPTION_BREAK)
        if caption
        for token in (*tokenize(caption), CAPTION_END)
    ]
    names = {
        NameField.SOURCE: (entry.source,) if entry.source else (),
        NameField.AUTHOR: tuple(sorted(set(entry.authors))),
        NameField.TAG: tuple(sorted(set(entry.tags))),
    }
    values = {FOLDED_NAMES[kind]: tuple(map(fold, each)) for kind, each in names.items()}
    values |= {kind.value: each or ("",) for kind, each in names.items()}
    values |= {ADDRESSES[kind]: (each[:MAX_ADDRESS_LENGTH],) for kind, each in folded.items()}
    values |= {
        ID: (entry.article_id,),
        "month": (publication_month(entry.published),),
        "day": (publication_day(entry.published),),
    }
    first_day = last_day = timed = 0
    moment = UNDATED
    if entry.published:
        first, last = entry.published.days(ARCHIVE_ZONE)
        first_day, last_day = first.toordinal(), last.toordinal()
        timed = int(entry.published.precision in {Precision.MINUTE, Precision.SECOND})
        moment = entry.published.sort_key()
    return IndexFields(
        texts={
            TITLE: " ".join(tokenize(title)),
            BODY: " ".join(tokenize(body)),
            CAPTION: " ".join(in_captions),
            TERMS: " ".join(words),
            IMPACTS: " ".join(impact_tokens(levels)),
        },
        values=values,
        numbers={
            FIRST_DAY: first_day,
            LAST_DAY: last_day,
            HAS_TIME: timed,
            TIMESTAMP: moment,
            ID_PREFIX: id_prefix(entry.article_id),
        },
    )


def id_prefix(article_id: str) -> int:
    """Return :data:`ID_PREFIX` of an id."""
    return int.from_bytes(article_id.encode("utf-8", "replace")[:8].ljust(8, b"\0"), "big")


MAX_TOKEN_LENGTH: Final = 100
"""Characters of a token; of longer ones a digest is kept. Lucene cuts them up at 255."""

CAPTION_END: Final = "_|"
"""The token behind every caption: no literal goes from one into the next."""

LONG_TERM: Final = "_long"
"""Among the words of an article that has one longer than :data:`MAX_TOKEN_LENGTH`."""

# An underscore is no part of a run of letters, so tokens that begin with one are ours.
_TOKEN: Final = re.compile(rf"[^\W_{SOLO}]+|.", re.DOTALL)
_SPACE: Final = re.compile(r"\s")


def tokenize(folded: str) -> list[str]:
    """Return the tokens of a folded text in their order; none of them holds white space."""
    found: list[str] = _TOKEN.findall(folded)
    if _SPACE.search(folded):
        found = [f"_{ord(token):x}" if token.isspace() else token for token in found]
    if len(max(found, key=len, default="")) > MAX_TOKEN_LENGTH:
        found = list(map(term_token, found))
    return found


def term_token(term: str) -> str:
    """Return the token of a term, as :mod:`newsgrep.analysis.segment` gives it."""
    return term if len(term) <= MAX_TOKEN_LENGTH else f"_x{sha256(term.encode()).hexdigest()}"


def impact_tokens(levels: Mapping[str, int]) -> Iterator[str]:
    """Yield a token for each octal digit of each term's level that is not zero."""
    for term, level in levels.items():
        token = term if len(term) <= MAX_TOKEN_LENGTH else term_token(term)
        for digit in _SUFFIXES[level]:
            yield token + digit


def _octal_suffixes(level: int) -> tuple[str, ...]:
    high, low = divmod(level, 8)
    return (*((f"_h{high}",) if high else ()), *((f"_l{low}",) if low else ()))


_SUFFIXES: Final = tuple(map(_octal_suffixes, range(MAX_IMPACT)))

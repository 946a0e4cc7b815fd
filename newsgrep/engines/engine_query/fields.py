"""The indexed fields of an article, shared by all engines that evaluate whole queries.

An engine adds what it returns: the packed article and the packed file record.

Texts are indexed as our own tokens. A run of letters and digits is one token, and every other
character is one token, white space and punctuation included. Tokens are separated by spaces,
so an engine needs no analyser but one that splits at spaces, and a literal string occurs in a
text exactly where its tokens occur as a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from newsgrep.analysis.characters import SOLO, fold
from newsgrep.analysis.codec import unpack_left_out
from newsgrep.analysis.document import IndexDocument, publication_day, publication_month
from newsgrep.analysis.packed_texts import CAPTION_BREAK, unpack_folded
from newsgrep.analysis.scoring import MAX_IMPACT
from newsgrep.models import ARCHIVE_ZONE, Precision
from newsgrep.query.ast import LocationField, NameField

ID: Final = "id"

TITLE: Final = "title"
BODY: Final = "body"
CAPTION: Final = "caption"
LEFT_OUT: Final = "left_out"
EARLIER: Final = "earlier"
"""Tokens in order, with positions."""

CHANGES: Final = "changes"
"""The keywords of changes (:func:`newsgrep.analysis.versions.change_keywords`), or no value."""

TERMS: Final = "terms"
"""Every term of title and body once."""

IMPACTS: Final = "impacts"
"""The impact of each term, encoded as tokens (:func:`impact_tokens`)."""

FOLDED_NAMES: Final = {kind: f"{kind.value}_folded" for kind in NameField}
"""Whole names, folded; no value if there is no name."""

ADDRESSES: Final = {LocationField.URL: "url", LocationField.PATH: "path"}
"""Addresses, folded, cut off after :data:`MAX_ADDRESS_LENGTH` characters."""

FIRST_DAY: Final = "first_day"
LAST_DAY: Final = "last_day"
"""First and last possible day of publication in the archive's time zone.

Proleptic Gregorian ordinals; 0 if no date is known.
"""

HAS_TIME: Final = "has_time"
"""1 if the time of day is known, else 0."""

TIMESTAMP: Final = "timestamp"
"""Publication in seconds since the epoch, or :data:`UNDATED_TIMESTAMP`."""

ID_PREFIX: Final = "id_prefix"
"""The first eight bytes of the id as a number, which sorts as ids do except for ties."""

UNDATED_TIMESTAMP: Final = -1e18
"""Timestamp of an undated article. JSON has no -inf."""

MAX_ADDRESS_LENGTH: Final = 8000
"""Indexed characters of an address: Lucene accepts no value above 32,766 bytes."""

LONG_ADDRESS: Final = "_far"
"""Marker among the terms of an article whose address is longer than that."""

MAX_TOKEN_LENGTH: Final = 100
"""Characters of a token; a longer one is replaced by a digest. Lucene splits at 255."""

LONG_TERM: Final = "_long"
"""Marker among the terms of an article with a term longer than that."""

EVEN: Final = "_even"
"""Marker among the terms of an article whose texts are even (:func:`is_even`)."""

_PER_WORD: Final = 2
_MAX_EXCESS: Final = 10
"""Tokens of an even text that are not words: 98 % of the articles of two archives are even."""

PASSAGE_END: Final = "_|"
"""Token after every caption, passage of left-out text and paragraph of earlier versions.

So no phrase spans two of them.
"""

# An underscore is not part of a run of letters, so tokens that begin with one are our own.
_TOKEN: Final = re.compile(rf"[^\W_{SOLO}]+|.", re.DOTALL)
_SPACE: Final = re.compile(r"\s")
SURROGATES: Final = re.compile("[\ud800-\udfff]")


class IndexFields(NamedTuple):
    """The indexed content of an article by field name.

    ``texts`` are tokens separated by spaces, ``values`` are indexed whole, ``numbers`` have
    one value each.
    """

    texts: dict[str, str]
    values: dict[str, tuple[str, ...]]
    numbers: dict[str, float]


def index_fields(document: IndexDocument) -> IndexFields:
    """Return everything by which an article can be found."""
    addresses = _folded_addresses(document)
    return IndexFields(
        _texts(document, addresses), _values(document, addresses), _numbers(document)
    )


def _folded_addresses(document: IndexDocument) -> dict[LocationField, str]:
    addresses = {
        LocationField.URL: document.url or "",
        LocationField.PATH: document.file_record.path,
    }
    # Undecodable bytes of a path become a character that no query contains.
    return {kind: SURROGATES.sub("\ufffb", fold(each)) for kind, each in addresses.items()}


def _texts(document: IndexDocument, addresses: Mapping[LocationField, str]) -> dict[str, str]:
    title, body, captions = unpack_folded(document.folded)
    impacts = document.impacts()
    terms = [*impacts]
    if len(max(impacts, key=len, default="")) > MAX_TOKEN_LENGTH:
        terms = [*map(term_token, impacts), LONG_TERM]
    if any(len(address) > MAX_ADDRESS_LENGTH for address in addresses.values()):
        terms.append(LONG_ADDRESS)
    left_out = (fold(passage.text) for passage in unpack_left_out(document.left_out))
    title_tokens, body_tokens = index_tokens(title), index_tokens(body)
    if is_even(title_tokens) and is_even(body_tokens):
        terms.append(EVEN)
    return {
        TITLE: " ".join(title_tokens),
        BODY: " ".join(body_tokens),
        CAPTION: _passage_tokens(captions.split(CAPTION_BREAK)),
        LEFT_OUT: _passage_tokens(left_out),
        EARLIER: _passage_tokens(map(fold, document.earlier_texts())),
        TERMS: " ".join(terms),
        IMPACTS: " ".join(impact_tokens(impacts)),
    }


def is_even(tokens: Iterable[str]) -> bool:
    r"""Return whether in every part of a text few tokens are neither characters nor words.

    At most 10 are, and 2 more for each word: so in an even text, at most :func:`most_tokens` are
    between two words that are near each other.

    >>> is_even(index_tokens("声明说:“同意。”\n\n“同意。”"))
    True
    >>> is_even(index_tokens("声明……………………………同意"))
    False
    """
    excess = 0
    for token in tokens:
        if token.isalnum():
            excess = excess - _PER_WORD if excess > _PER_WORD else 0
        else:
            excess += 1
            if excess > _MAX_EXCESS:
                return False
    return True


def most_tokens(words: int) -> int:
    """Return how many tokens ``words`` characters and words are among at most, in an even text."""
    return words + _MAX_EXCESS + _PER_WORD * words


def _passage_tokens(passages: Iterable[str]) -> str:
    return " ".join(
        token for passage in passages if passage for token in (*index_tokens(passage), PASSAGE_END)
    )


def _values(
    document: IndexDocument, addresses: Mapping[LocationField, str]
) -> dict[str, tuple[str, ...]]:
    names = {
        NameField.SOURCE: (document.source,) if document.source else (),
        NameField.AUTHOR: tuple(sorted(set(document.authors))),
        NameField.TAG: tuple(sorted(set(document.tags))),
    }
    return {
        **{FOLDED_NAMES[kind]: tuple(map(fold, each)) for kind, each in names.items()},
        **{kind.value: each or ("",) for kind, each in names.items()},
        **{ADDRESSES[kind]: (each[:MAX_ADDRESS_LENGTH],) for kind, each in addresses.items()},
        ID: (document.article_id,),
        CHANGES: document.changes,
        "month": (publication_month(document.published),),
        "day": (publication_day(document.published),),
    }


def _numbers(document: IndexDocument) -> dict[str, float]:
    first_day = last_day = has_time = 0
    timestamp = UNDATED_TIMESTAMP
    if published := document.published:
        first, last = published.days(ARCHIVE_ZONE)
        first_day, last_day = first.toordinal(), last.toordinal()
        has_time = int(published.precision in {Precision.MINUTE, Precision.SECOND})
        timestamp = published.sort_key()
    return {
        FIRST_DAY: first_day,
        LAST_DAY: last_day,
        HAS_TIME: has_time,
        TIMESTAMP: timestamp,
        ID_PREFIX: id_prefix(document.article_id),
    }


def id_prefix(article_id: str) -> int:
    """Return the first eight bytes of an id as an unsigned number (:data:`ID_PREFIX`)."""
    return int.from_bytes(article_id.encode("utf-8", "replace")[:8].ljust(8, b"\0"), "big")


def index_tokens(folded: str) -> list[str]:
    """Return the tokens of a folded text in order; none contains white space.

    >>> index_tokens("gpt 4:发布")
    ['gpt', '_20', '4', ':', '发', '布']
    """
    found: list[str] = _TOKEN.findall(folded)
    if _SPACE.search(folded):
        found = [f"_{ord(token):x}" if token.isspace() else token for token in found]
    if len(max(found, key=len, default="")) > MAX_TOKEN_LENGTH:
        found = list(map(term_token, found))
    return found


def term_token(term: str) -> str:
    """Return the token for a term of :mod:`newsgrep.analysis.segment`: itself, or a digest."""
    return term if len(term) <= MAX_TOKEN_LENGTH else f"_x{sha256(term.encode()).hexdigest()}"


def impact_tokens(impacts: Mapping[str, int]) -> Iterator[str]:
    """Yield one token for each non-zero octal digit of each term's impact.

    Their values add up to the impact, so an engine scores with constants and stays exact.

    >>> list(impact_tokens({"发布": 10}))
    ['发布_h1', '发布_l2']
    """
    for term, impact in impacts.items():
        token = term if len(term) <= MAX_TOKEN_LENGTH else term_token(term)
        for suffix in _SUFFIXES[impact]:
            yield token + suffix


def _octal_suffixes(impact: int) -> tuple[str, ...]:
    high, low = divmod(impact, 8)
    return (*((f"_h{high}",) if high else ()), *((f"_l{low}",) if low else ()))


_SUFFIXES: Final = tuple(map(_octal_suffixes, range(MAX_IMPACT)))
"""The suffixes of the tokens for each impact."""

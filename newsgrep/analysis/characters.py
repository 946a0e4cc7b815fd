"""What kind of character stands where: the classes that words and literals are built on.

One character at a time, for queries and for a few words of a text; compiling the patterns
of :mod:`newsgrep.analysis.characters`, which are for whole texts, takes longer than a search.
Also :func:`strip_invisible`, which takes out what no reader can see, from articles and queries
alike.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum
from itertools import groupby
from typing import Final

SOLO: Final = (
    "\u0e00-\u0eff"  # Thai, Lao: no spaces between words
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer: likewise
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul: particles cling to words
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b"  # radicals, 々〆〇, numerals
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3100-\u312f\u31a0-\u31bf"  # bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"  # historic kana, rare Han
)
"""Inside of a character class: characters that are each a term (Han and its like)."""

# Where these begin and where they end, in turn.
_BOUNDS: Final = sorted(ord(bound) + at % 2 for at, bound in enumerate(SOLO.replace("-", "")))


class CharKind(Enum):
    """What a character is to words."""

    HAN = 1
    """What jieba takes for Han; it never makes a word across or outside of these."""
    SOLO = 2
    """Another one that is a term by itself."""
    WORD = 3
    """A letter or digit of scripts that put spaces between words."""
    OTHER = 4


class _KindTable(dict[str, CharKind]):
    """Fills itself: most texts use few of all characters."""

    def __missing__(self, character: str) -> CharKind:
        if "\u4e00" <= character <= "\u9fd5":
            kind = CharKind.HAN
        elif bisect_right(_BOUNDS, ord(character)) % 2:
            kind = CharKind.SOLO
        else:
            kind = CharKind.WORD if character.isalnum() else CharKind.OTHER
        self[character] = kind
        return kind


_KINDS: Final = _KindTable()


def kind_of(character: str) -> CharKind:
    """Return what ``character`` is to words."""
    return _KINDS[character]


def runs(text: str) -> Iterator[tuple[CharKind, int, int]]:
    """Yield the longest runs of one kind in ``text``, each with its start and end."""
    at = 0
    for kind, characters in groupby(text, _KINDS.__getitem__):
        end = at + len(list(characters))
        yield kind, at, end
        at = end


# U+FE00..FE0F and U+E0100..E01EF choose a glyph, the others join, split or turn text:
# none of them is seen, all of them would hide a word from its reader's query.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def strip_invisible(text: str) -> str:
    """Return ``text`` in NFC without control, zero-width, direction and half characters.

    Tabs, line ends, form feeds and NEL stay: they are white space, for the caller to
    lay out. Offsets into the result are offsets into what newsgrep stores and shows.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _MARKS.sub(_limit_marks, text))


_MARKS = re.compile(r"[^\w\x00-\x7f]{31,}")
"""Where more than 30 marks may be set on one character, which is all that Unicode's stream-safe
text has and far more than anyone writes; putting them in order takes the square of their number.
"""


def _limit_marks(match: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in match.group():
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= 30:  # see above
            kept.append(character)
    return "".join(kept)


WORD_RUN: Final = re.compile(rf"[^\W_{SOLO}]+")
"""A maximal run of letters, digits and marks of scripts that put spaces between words."""

HAN_RUN: Final = re.compile("[\u4e00-\u9fd5]+")
"""A run of what jieba takes for Han; it never makes a word across or outside of these."""

SOLO_CHARACTER: Final = re.compile(rf"[{SOLO}]")
OTHER_SOLO_CHARACTER: Final = re.compile(rf"(?![\u4e00-\u9fd5])[{SOLO}]")
"""One that is in no :data:`HAN_RUN`."""

"""Classes of characters, on which terms and word boundaries are built, and invisible characters.

:func:`kind_of` and :func:`runs` classify one character at a time, for queries and short texts;
the compiled patterns at the end are for whole texts. :func:`strip_invisible` is applied to
articles and queries alike.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum
from functools import cache
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
"""The inside of a regular expression's character class: characters that are each a term (Han and
others of scripts without spaces between words)."""

# The first character of each range and the one after its last, alternating.
_BOUNDS: Final = sorted(ord(bound) + at % 2 for at, bound in enumerate(SOLO.replace("-", "")))


class CharKind(Enum):
    """The role of a character in words."""

    HAN = 1
    """Han as jieba defines it: its words contain no other characters."""
    SOLO = 2
    """Another character that is a term by itself."""
    WORD = 3
    """A letter or digit of a script with spaces between words."""
    OTHER = 4


SOLO_KINDS: Final = frozenset((CharKind.HAN, CharKind.SOLO))
"""Kinds of characters that are terms by themselves."""


class _KindTable(dict[str, CharKind]):
    """Filled on demand: most texts use few of all characters."""

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
    """Return the role of ``character`` in words."""
    return _KINDS[character]


def runs(text: str) -> Iterator[tuple[CharKind, int, int]]:
    """Yield the maximal runs of one kind in ``text``: kind, start and end in characters.

    >>> [(kind.name, start, end) for kind, start, end in runs("gpt模型")]
    [('WORD', 0, 3), ('HAN', 3, 5)]
    """
    at = 0
    for kind, characters in groupby(text, _KINDS.__getitem__):
        end = at + len(list(characters))
        yield kind, at, end
        at = end


# U+FE00..FE0F and U+E0100..E01EF choose a glyph; the others join, split or redirect text.
# None of them is visible, and each would hide a word from the query of someone who reads it.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def strip_invisible(text: str) -> str:
    """Return ``text`` in NFC without control, zero-width, direction and surrogate characters.

    Tabs, line ends, form feeds and NEL stay: they are white space, which the caller lays out.
    Offsets into the result are offsets into the text that newsgrep stores and shows.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _MARKS.sub(_limit_marks, text))


_MARKS = re.compile(r"[^\w\x00-\x7f]{31,}")
"""A run that may have more than 30 combining marks on one character.

Unicode's stream-safe text format allows 30, far more than anyone writes. Normalisation sorts
them in quadratic time, so the rest is dropped.
"""


def _limit_marks(match: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in match.group():
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= 30:  # see above
            kept.append(character)
    return "".join(kept)


# Compiling the three patterns takes longer than a cold search and is needed for whole texts only.


@cache
def word_run() -> re.Pattern[str]:
    """Return the pattern of a run of letters, digits and marks of scripts with spaces."""
    return re.compile(rf"[^\W_{SOLO}]+")


@cache
def han_run() -> re.Pattern[str]:
    """Return the pattern of a run of :attr:`CharKind.HAN`, which is its group."""
    return re.compile("([\u4e00-\u9fd5]+)")


@cache
def solo_character() -> re.Pattern[str]:
    """Return the pattern of a character that is a term by itself."""
    return re.compile(rf"[{SOLO}]")

"""Names of months in the languages of news (``months.txt``), and their numbers."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

from newsgrep._io import table_lines

_ABBREVIATION: Final = 3
"""Letters of the shortest abbreviation."""
_LIMIT: Final = 14
"""Letters of the longest name."""
_AMBIGUOUS: Final = 0
_LETTERS = re.compile(r"[^\W\d_]+")


def month_number(word: str) -> int | None:
    """Return the number of the month that ``word`` names in any known language, or None.

    Accents and capitals do not matter. An abbreviation is the beginning of names that all mean
    one month.

    >>> [month_number(word) for word in ("September", "févr", "мая", "Mai", "today")]
    [9, 2, 5, 5, None]
    """
    if not _ABBREVIATION <= len(word) <= _LIMIT or not _LETTERS.fullmatch(word):
        return None
    return _numbers().get(_plain(word)) or None


_WORDS = re.compile(r"[^\W\d_\u2e80-\uffff]{3,}")
_DAY_SUFFIXES: Final = ("st", "nd", "rd", "th", "er", "re")
"""What a day may end with, and the month after it without a space."""


def names_month(text: str) -> bool:
    """Return whether ``text`` contains the name of a month; most words are none."""
    for word in _WORDS.findall(text):
        if _is_month(word) or (word.startswith(_DAY_SUFFIXES) and _is_month(word[2:])):
            return True
    return False


@lru_cache(maxsize=2000)
def _is_month(word: str) -> bool:
    return word.lower() == "tháng" or month_number(word) is not None


@cache
def _numbers() -> dict[str, int]:
    names: dict[str, int] = {}
    beginnings: dict[str, int] = {}
    for language in table_lines(__file__, "months.txt"):
        for number, forms in enumerate(language.split(), 1):
            for name in map(_plain, forms.split("/")):
                names.setdefault(name, number)
                for end in range(_ABBREVIATION, len(name)):
                    if beginnings.setdefault(name[:end], number) != number:
                        beginnings[name[:end]] = _AMBIGUOUS
    return beginnings | names


def _plain(word: str) -> str:
    lowered = word.replace("İ", "i").casefold().replace("ı", "i")
    if lowered.isascii():
        return lowered
    decomposed = unicodedata.normalize("NFD", lowered)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))

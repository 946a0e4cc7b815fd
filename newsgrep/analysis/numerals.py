"""Numbers in Arabic or Chinese numerals, for dates in queries and in articles."""

from __future__ import annotations

from typing import Final

HAN_DIGITS: Final = "〇零○一二三四五六七八九"
"""Digits, three forms of zero first; for the inside of a regular expression's character class."""

_DIGITS: Final = dict(zip(HAN_DIGITS, (0, 0, *range(10)), strict=True)) | {"两": 2}
_UNITS: Final = {"十": 10, "百": 100}


def parse_number(text: str) -> int:
    """Return the number that ``text`` is; raises ``ValueError`` for any other text.

    Chinese numerals may have units up to 百 or be digits in a row, as in years. ``text`` is
    simplified, and not empty.

    >>> [parse_number(text) for text in ("365", "三百六十五", "一百零一", "二〇二四", "廿一")]
    [365, 365, 101, 2024, 21]
    """
    if text.isdecimal() or text.isascii():
        return int(text)
    total = number = 0
    for character in text.replace("廿", "二十").replace("卅", "三十"):
        if character in _UNITS:
            total += (number or 1) * _UNITS[character]
            number = 0
        elif character in _DIGITS:
            number = number * 10 + _DIGITS[character]
        else:
            raise ValueError(f"not a number: {text!r}")
    return total + number

"""How much a decoded text looks like writing: the likelihood of its characters.

The bytes of one encoding are often valid in another. Only the right one gives frequent
characters: each character of a text has a probability, by its rank in the dictionary of
:mod:`newsgrep.analysis.segment` for Han, by its script and its neighbour for others. The
encoding under which the bytes are most probable is the best guess.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from newsgrep._io import table_lines
from newsgrep.analysis.characters import fold, han_run
from newsgrep.analysis.segment import installed_dictionary

_RANKS: Final = (
    (100, -5.6),
    (200, -6.5),
    (500, -7.2),
    (1000, -8.1),
    (1500, -9.0),
    (2000, -9.7),
    (3000, -10.6),
    (4000, -11.7),
    (5000, -12.6),
    (6500, -13.5),
    (8000, -14.2),
)
"""Natural logarithm of the probability of a Han character up to each rank, in running text."""
_RARE_HAN: Final = -16.0
_ERROR: Final = -25.0
"""An invalid byte, a control character, or a character for private use."""
_PUNCTUATION: Final = dict.fromkeys("，。、“”：；！？《》（）「」『』—…‘’·　〈〉【】", -5.0)
_LATIN: Final = frozenset("éèàçüöäßñóíáãõôêâúåæøëïîûùòìœğışčřžěýšłąęćśńżźőűțșăđươ")
_QUOTES: Final = frozenset("‘’“”‚„–—…•€‹›«»©®°·§¿¡´№")
_FREQUENT_LETTERS: Final = frozenset("оеаинтсрвлкмдпуαοιετσνηυρπκςάίόέ")
_HANGUL: Final = frozenset(
    "이다는을의에가고하지로기은도리사한를인시어나자들아서수대그라부일정해과있보상원장안전성주제여국"
    "만스적경선동당구조회연게세개방치공위실소문신관물생진중거우무오트유미드비아마모년월민화내계할된"
    "했으면지용학된것며까터더법명운재단산체본영업출입통러르니와되결간했습니까요네여말했다북남한총등"
)


@cache
def _han() -> dict[str, float]:
    ranked = "".join(table_lines(__file__, "frequent_characters.txt"))
    values: dict[str, float] = {}
    start = 0
    for end, value in _RANKS:
        values.update(dict.fromkeys(ranked[start:end], value))
        start = end
    return values


def repair(line: bytes, encoding: str) -> str:
    """Return the likeliest text of a line in GB18030 or Big5 that has bytes too many or too few.

    A lost byte shifts all pairs of bytes after it. Bytes that belong to no character are U+FFFD.
    """
    han = _han()
    size = len(line)
    best = [0.0] * (size + 1)
    lengths = [1] * size
    for at in range(size - 1, -1, -1):
        if line[at] < 0x80:
            best[at] = best[at + 1] - 4.0
            continue
        best[at] = best[at + 1] - 14.0
        for length in (2, 4) if encoding == "gb18030" else (2,):
            try:
                text = line[at : at + length].decode(encoding)
            except UnicodeDecodeError:
                continue
            if len(text) > 1 or at + length > size:
                continue
            value = best[at + length] + han.get(fold(text), _PUNCTUATION.get(text, -13.0))
            if value > best[at]:
                best[at], lengths[at] = value, length
    parts = []
    at = 0
    while at < size:
        parts.append(line[at : at + lengths[at]].decode(encoding, "replace"))
        at += lengths[at]
    return "".join(parts)


class Likelihood(NamedTuple):
    """Natural logarithms of the probability of a text.

    ``total`` counts all characters, so readings of the same bytes can be compared; the right
    and the wrong reading of a usual text differ by 5 for each character. ``other`` counts the
    ``characters`` that are not ASCII, ``kana`` is how many of these are Japanese.
    """

    total: float
    other: float
    characters: int
    kana: int

    @property
    def mean(self) -> float:
        """The mean logarithm for each non-ASCII character."""
        return self.other / max(self.characters, 1)


def likelihood(text: str) -> Likelihood:
    """Return how likely the characters of ``text`` are."""
    han = _han()
    ascii_total = total = 0.0
    characters = kana = 0
    previous = " "
    for character, original in zip(fold(text), text, strict=True):
        if original < "\x80":
            if character.isalpha():
                ascii_total += _latin(previous)
            elif character >= " " or character in "\n\r\t\x0c\x1b":
                ascii_total -= 3.2
            else:
                ascii_total += _ERROR
        else:
            characters += 1
            value = han.get(character)
            if value is None:
                value = _PUNCTUATION.get(original) or _other(original, previous)
                kana += "\u3041" <= original <= "\u30fa"
            elif previous.isascii() and previous.isalpha():
                value -= 4.0
            total += value
        previous = original
    return Likelihood(ascii_total + total, total, characters, kana)


_WORDS_UP_TO: Final = 200
"""Han characters of a text in which words are searched for."""


def word_likelihood(text: str) -> float:
    """Return what the words of Han at the beginning of ``text`` add to its likelihood.

    Wrong readings have hardly any, and lists of rare things are full of them: 蝙蝠, 茉莉.
    """
    dictionary = installed_dictionary()
    if dictionary is None:
        return 0.0
    words: set[str] = set()
    seen = 0
    for run in han_run().finditer(fold(text)):
        words.update(dictionary.words(run[0][: _WORDS_UP_TO - seen]))
        seen += len(run[0])
        if seen >= _WORDS_UP_TO:
            break
    return _WORD_GAIN * len(words)


_WORD_GAIN: Final = 6.0
"""Added to the logarithm for each word: its characters depend on each other."""


def _latin(previous: str) -> float:
    """Return the logarithm for an ASCII letter."""
    if previous < "\u0370":
        return -3.0
    # Letters stick to Han in names of products, and to other alphabets in wrong readings.
    return -5.0 if previous >= "\u1100" or not previous.isalpha() else -9.0


def _other(character: str, previous: str) -> float:
    """Return the logarithm for a character that is no frequent Han."""
    code = ord(character)
    if 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x3400 <= code <= 0x4DBF:
        return _RARE_HAN
    if 0x3041 <= code <= 0x30FF:
        return -4.5 if "\u3041" <= previous <= "\u30ff" else -8.0
    if 0xAC00 <= code <= 0xD7A3:
        value = -5.0 if character in _HANGUL else -9.0
        return value if previous < "\u2e80" or "\uac00" <= previous <= "\ud7a3" else value - 4.0
    if code < 0xA0 or code == 0xFFFD or 0xE000 <= code <= 0xF8FF or code >= 0x20000:
        return _ERROR
    if code < 0x530 or 0x1E00 <= code <= 0x1FFF:
        return _alphabetic(character, previous)
    if code < 0x0E80:
        # Scripts without case: the vowel signs of Thai follow a letter of it.
        same = 0 <= ord(previous) - (code & ~0x7F) < 0x80
        return -3.8 if same else (-14.0 if code in _THAI_MARKS else -6.0)
    if character in _QUOTES:
        return -5.5
    if 0xFF61 <= code <= 0xFF9F:
        return -9.0
    if 0xFF01 <= code <= 0xFF5E:
        return -7.0
    return -9.0 if 0x2010 <= code <= 0x303F else -13.0


_THAI_MARKS: Final = frozenset((0xE31, *range(0xE34, 0xE3B), *range(0xE47, 0xE4F)))


def _alphabetic(character: str, previous: str) -> float:
    """Return the logarithm for a Latin, Greek or Cyrillic letter, or a sign of Latin-1."""
    if character in _QUOTES:
        return -5.5
    if not character.isalpha():
        return -8.0 if not previous.isalpha() else -11.0
    after_letter = previous.isalpha() and previous < "\u2e80"
    if character.isupper():
        if not after_letter:
            return -6.0
        return -5.0 if previous.isupper() else -14.0
    if character < "\u0250":
        if character in _LATIN:
            return -5.0 if after_letter or previous in " \n\"'(" else -8.0
        return -8.0 if after_letter else -10.0
    if character < "\u0370":
        return -12.0
    value = -3.0 if character in _FREQUENT_LETTERS else -4.3
    if not after_letter:
        return value - 4.0
    return value if previous >= "\u0250" else value - 8.0

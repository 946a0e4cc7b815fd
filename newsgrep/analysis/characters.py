"""Characters: one spelling for all scripts, and classes on which terms and word boundaries rest.

:func:`fold` returns lower case, half width and simplified characters. Character *i* of the folded
text is character *i* of the original, and a part of a text folds to the same part of the folded
text. So a literal can be searched for by folding both, and offsets are valid in both.

:func:`kind_of` and :func:`runs` classify one character at a time, for queries and short texts;
the compiled patterns are for whole texts. :func:`strip_invisible` is applied to articles and
queries alike. :func:`parse_number` reads numerals, for dates in both.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum
from functools import cache, lru_cache
from itertools import groupby
from typing import Final

from newsgrep._io import table_lines

FOLD_VERSION: Final = 2
"""Incremented when any character folds differently: an index records it."""

TABLES_EDITION: Final = "9b07f7527a8b"
"""The edition of the tables from which ``simplified.txt`` was generated; an index records it.

It is the beginning of the SHA-256 of every 64th Han character, folded.
"""

# OpenCC converts phrases: 乾 stays in 乾坤 and becomes 干 elsewhere. Folding a part of a text would
# then differ from the part of the folded text, and whether a quoted string is found would depend
# on its context. So every character was converted by itself, and variants that only phrases or
# regional tables would unify are listed here. The most frequent one is 著, which Taiwan writes for
# 着 (隨著, 看著). Pairs that are two everyday words in simplified text (象 像, 坐 座, 画 划, 复 覆,
# 具 俱, 沉 沈) stay distinct.
_VARIANTS: Final = "著瞭藉彷伕甦揹暱逕迳薰锺馀钜谘镟鲇腭濬澂讬麹侭鎗燄斲拏甯缐睪蘗唚痺簷苧薴幺"
_COMMON_FORMS: Final = "着了借仿夫苏背昵径径熏钟余巨咨旋鲶颚浚澄托曲尽枪焰斫拿宁线睾檗吣痹檐苎苎么"

# Text copied from a PDF has radicals for the characters that look like them. NFKC converts those
# of Kangxi (U+2F00 to U+2FD5), but only two of the supplement (U+2E80 to U+2EF3).
_RADICALS: Final = (
    "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺟⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺶⺷⺸⺹⺺⺻"
    "⺼⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳"
)
_RADICAL_FORMS: Final = (
    "厂乛乚乙亻冂几刀刂卜㔾小小兀尣尢尣巳幺彑彐忄㣺扌攵旡日月歺母民氵氺灬爫爫丬牛犭王疋罒示礻竹糹纟罓罒㓁冗羊羊羊耂肀聿"
    "肉臼艹艹艹虎衤覀西见角角讠贝足车辶辶辶阝钅長镸长门阜阝雨青韦页风飞食飠飠饣首马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)

# Signs for which keyboards, encodings and regions have several characters: the dot in names
# (乔·拜登, 喬‧拜登), the dash, the apostrophe, the hyphen that does not break, the ellipsis, the
# tilde, the circle for zero in 二○二四年, and the space. The quotation marks “ ” stay distinct
# from ", for the articles of an index would take more space.
_SIGNS: Final = "・‧•∙⋅―─⸺‘’ʼ‐‑−⋯〜∥○◯\xa0\u2002\u2003\u2005\u2009\u200a\u202f"
_COMMON_SIGNS: Final = "·····———'''---…~‖〇〇       "

_BY_HAND: Final = dict(
    zip(
        _VARIANTS + _RADICALS + _SIGNS,
        _COMMON_FORMS + _RADICAL_FORMS + _COMMON_SIGNS,
        strict=True,
    )
)


@cache
def _simplified() -> dict[int, int]:
    """Return OpenCC's simplified form of each character that has one, by code points."""
    # Loading OpenCC itself takes longer than a cold search.
    pairs = "".join(table_lines(__file__, "simplified.txt"))
    return str.maketrans(pairs[::2], pairs[1::2])


_COMPATIBILITY: Final = (
    range(0xB2, 0xBA),  # superscript ² ³ ¹
    range(0x2070, 0x209D),  # and others, as in CO₂
    range(0x2F00, 0x2FE0),  # Kangxi radicals
    range(0xF900, 0xFB00),  # ideographs of Korean and other standards
    range(0xFE10, 0xFE6C),  # punctuation of vertical text, small punctuation of Big5
    range(0xFF61, 0xFFEF),  # half-width punctuation, kana and Hangul; full-width signs
    range(0x1D400, 0x1D800),  # letters of mathematics, which posts use as bold print
    range(0x2F800, 0x2FA20),  # ideographs of CNS 11643
)
"""Characters that become what NFKC makes of them, if that is one character."""


def _fold_character(character: str) -> str:
    code = ord(character)
    if 0xFF01 <= code <= 0xFF5E:
        character = chr(code - 0xFEE0)
    elif code == 0x3000:
        return " "
    elif any(code in characters for characters in _COMPATIBILITY):
        normal = unicodedata.normalize("NFKC", character)
        character = normal if len(normal) == 1 else character
    character = _BY_HAND.get(character, character)
    if character >= "\u2e80":
        character = character.translate(_simplified())
        return _BY_HAND.get(character, character)
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    # A character that casefolds to several (ß, İ) becomes its plain lower case if that is one
    # character, else the first of them, without the combining marks.
    lowered = character.lower()
    return lowered if len(lowered) == 1 else lowered[0]


class _Table(dict[int, int]):
    """A translation table that is filled on demand: most texts use few of all characters."""

    def __missing__(self, code: int) -> int:
        folded = ord(_fold_character(chr(code)))
        self[code] = folded
        return folded


_TABLE: Final = _Table()
_MAX_REMEMBERED: Final = 400
"""Characters; extraction folds the lines of an article more than once."""


def fold(text: str) -> str:
    """Return ``text`` in lower case, half width and simplified, with the same length.

    Offsets into the result are offsets into ``text``. For all i and j,
    ``fold(text)[i:j] == fold(text[i:j])``.

    >>> fold("聯合聲明，ＢＢＣ")
    '联合声明,bbc'
    """
    return text.translate(_TABLE) if len(text) > _MAX_REMEMBERED else _fold_line(text)


@lru_cache(maxsize=500)
def _fold_line(text: str) -> str:
    return text.translate(_TABLE)


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


# Numbers in Arabic or Chinese numerals, for dates in queries and in articles.

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

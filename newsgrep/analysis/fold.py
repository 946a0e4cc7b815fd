"""One spelling for all scripts: lower case, half width, simplified, and of the same length.

Character *i* of the folded text is character *i* of the original, and a part of a text folds to
the same part of the folded text. So a literal can be searched for by folding both, and offsets
are valid in both.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from newsgrep._io import table_lines

FOLD_VERSION: Final = 1
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
_BY_HAND: Final = dict(zip(_VARIANTS, _COMMON_FORMS, strict=True))


@cache
def _simplified() -> dict[int, int]:
    """Return OpenCC's simplified form of each character that has one, by code points."""
    # Loading OpenCC itself takes longer than a cold search.
    pairs = "".join(table_lines(__file__, "simplified.txt"))
    return str.maketrans(pairs[::2], pairs[1::2])


def _fold_character(character: str) -> str:
    code = ord(character)
    if 0xFF01 <= code <= 0xFF5E:
        character = chr(code - 0xFEE0)
    elif code == 0x3000:
        return " "
    elif 0xFF66 <= code <= 0xFFE6 or 0xF900 <= code <= 0xFAFF or 0x2F00 <= code <= 0x2FDF:
        wide = unicodedata.normalize("NFKC", character)
        character = wide if len(wide) == 1 else character
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


def fold(text: str) -> str:
    """Return ``text`` in lower case, half width and simplified, with the same length.

    Offsets into the result are offsets into ``text``. For all i and j,
    ``fold(text)[i:j] == fold(text[i:j])``.

    >>> fold("聯合聲明，ＢＢＣ")
    '联合声明,bbc'
    """
    return text.translate(_TABLE)

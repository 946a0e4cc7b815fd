"""Folded texts as tokens between spaces, so that a literal is there if its tokens are in a row.

A run of letters and digits is one token, every other character is one by itself, white
space and punctuation too; any engine that splits at spaces can keep them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

from newsgrep.engines.bm25 import FULL
from newsgrep.text.characters import SOLO

LONGEST: Final = 100
"""Characters of a token; of longer ones a digest is kept. Lucene cuts them up at 255."""

CAPTION_END: Final = "_|"
"""The token behind every caption: no literal goes from one into the next."""

LONG_WORD: Final = "_long"
"""Among the words of an article that has one longer than :data:`LONGEST`."""

# An underscore is no part of a run of letters, so tokens that begin with one are ours.
_TOKEN: Final = re.compile(rf"[^\W_{SOLO}]+|.", re.DOTALL)
_SPACE: Final = re.compile(r"\s")


def tokens(folded: str) -> list[str]:
    """Return the tokens of a folded text in their order; none of them holds white space."""
    found: list[str] = _TOKEN.findall(folded)
    if _SPACE.search(folded):
        found = [f"_{ord(token):x}" if token.isspace() else token for token in found]
    if len(max(found, key=len, default="")) > LONGEST:
        found = list(map(word_token, found))
    return found


def word_token(term: str) -> str:
    """Return the token of a term, as :mod:`newsgrep.text.segment` gives it."""
    return term if len(term) <= LONGEST else f"_x{sha256(term.encode()).hexdigest()}"


def level_tokens(levels: Mapping[str, int]) -> Iterator[str]:
    """Yield a token for each octal digit of each term's level that is not zero."""
    for term, level in levels.items():
        token = term if len(term) <= LONGEST else word_token(term)
        for digit in _DIGITS[level]:
            yield token + digit


def _digits(level: int) -> tuple[str, ...]:
    high, low = divmod(level, 8)
    return (*((f"_h{high}",) if high else ()), *((f"_l{low}",) if low else ()))


_DIGITS: Final = tuple(map(_digits, range(FULL)))

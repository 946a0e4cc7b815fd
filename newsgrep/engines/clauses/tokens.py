"""Folded texts as tokens between spaces, so that a literal is there if its tokens are in a row.

A run of letters and digits is one token, every other character is one by itself, white
space and punctuation too; any engine that splits at spaces can keep them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

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


def level_tokens(term: str, level: int) -> Iterator[str]:
    """Yield tokens for the two octal digits of a term's level that are not zero."""
    token = word_token(term)
    high, low = divmod(level, 8)
    if high:
        yield f"{token}_h{high}"
    if low:
        yield f"{token}_l{low}"

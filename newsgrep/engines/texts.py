"""Parts of a query that stand at certain places: which texts may hold them, and which do.

Postings narrow down which texts are read, and the texts decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from newsgrep.engines.packing import CAPTION_BREAK, unpack_folded
from newsgrep.errors import UsageError
from newsgrep.query.fuzzy import is_like
from newsgrep.query.spots import holds
from newsgrep.query.tree import Field, Fuzzy, Near, Phrase, Regex, Spot, Wildcard
from newsgrep.query.wildcard import find_wildcard, latin_prefix, sure_terms

LONGEST: Final = 60.0
"""Seconds that a regular expression may look through texts, if it is not to scan them all."""

_LOOKS: Final = 256

Document = TypeVar("Document", int, str)


class Lexicon(Protocol):
    """What is asked of a store to know the words of an index."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of title and body, or of captions, that begin with ``prefix``."""


def words_like(store: Lexicon, spot: Spot) -> list[str] | None:
    """Return the words of the index that a pattern of one word or a near word stands for.

    A document matches if it has one of them, without a look at its text. ``None`` is
    returned for everything else.
    """
    match spot:
        case Wildcard(pattern, _, field):
            prefix = latin_prefix(pattern)
            if prefix is None:
                return None
            known = store.terms(prefix, field)
            return [term for term in known if _is_whole(term, pattern)]
        case Fuzzy(word, edits, field):
            return [term for term in store.terms(word[0], field) if is_like(word, term, edits)]
        case _:
            return None


def _is_whole(term: str, pattern: str) -> bool:
    return next(find_wildcard(term, pattern), None) == (0, len(term))


def groups_needed(store: Lexicon, spot: Spot) -> Iterator[Sequence[tuple[str, ...]]]:
    """Yield what every text with ``spot`` has: of each group, all terms of one of its members."""
    if (words := words_like(store, spot)) is not None:
        yield [(word,) for word in words]
        return
    match spot:
        case Near(left, right):
            yield from groups_needed(store, left)
            yield from groups_needed(store, right)
        case Regex(_, needs):
            for texts in needs:
                yield [sure_terms(text, open_before=True, open_after=True) for text in texts]
        case Phrase(_, terms, _, inside):
            yield from ([(term,)] for term in (*terms, *inside))
        case _:
            yield from ([(term,)] for term in spot.terms)


def holding(spot: Spot, texts: Iterable[tuple[Document, bytes]], total: int) -> set[Document]:
    """Return which of the ``total`` documents of ``texts`` hold ``spot`` in its field.

    ``texts`` are documents, however they are called, with their packed folded texts. Raises
    :class:`UsageError` where a regular expression takes too long.
    """
    limit = time.monotonic() + LONGEST if _is_limited(spot) else float("inf")
    found: set[Document] = set()
    for number, (document, packed) in enumerate(texts):
        if number % _LOOKS == 0 and time.monotonic() > limit:
            raise UsageError(
                f"This regular expression has looked through {number:,} of {total:,} "
                f"articles in {LONGEST:.0f} seconds: add a word that narrows them down, or say "
                "--scan to read on."
            )
        if any(holds(text, spot) for text in _texts(packed, spot.field)):
            found.add(document)
    return found


def _is_limited(spot: Spot) -> bool:
    match spot:
        case Regex():
            return not spot.scan
        case Near(left, right):
            return _is_limited(left) or _is_limited(right)
        case _:
            return False


def _texts(packed: bytes, field: Field) -> list[str]:
    title, body, captions = unpack_folded(packed)
    match field:
        case Field.TITLE:
            return [title]
        case Field.BODY:
            return [body]
        case Field.CAPTION:
            return captions.split(CAPTION_BREAK)
        case Field.TEXT:
            return [title, body]

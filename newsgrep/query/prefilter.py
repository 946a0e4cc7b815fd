"""Which characters stand how near behind each other in every text that holds a pattern.

An engine that keeps positions narrows down with that which texts are read; they decide.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from newsgrep.analysis.characters import SOLO
from newsgrep.analysis.codec import CAPTION_BREAK, unpack_folded
from newsgrep.errors import UsageError
from newsgrep.query.ast import Field, Fuzzy, Near, Phrase, Regex, TextPattern, Wildcard
from newsgrep.query.match import contains_pattern
from newsgrep.query.patterns import (
    find_wildcard,
    is_similar_word,
    parse_regex,
    required_terms,
    word_prefix,
)

MAX_GAP: Final = 100
"""Characters between two; farther apart they narrow nothing down."""

_MAX_GAPS: Final = 8
"""Pairs of one pattern; the first ones do."""

_SOLO_CHARACTER: Final = re.compile(f"[{SOLO}]")

_GapStep = str | int | None
"""A character, up to so many others, or any number of them."""


class CharGap(NamedTuple):
    """A character of Han or its like and one behind it, ``between`` others at most between."""

    first: str
    second: str
    between: int


def required_gaps(spot: TextPattern) -> tuple[CharGap, ...]:
    """Return pairs of characters that every text which holds ``spot`` has, in that order."""
    return tuple(islice(dict.fromkeys(_iter_gaps(spot)), _MAX_GAPS))


def _iter_gaps(spot: TextPattern) -> Iterator[CharGap]:
    match spot:
        case Near(left, right):
            yield from _iter_gaps(left)
            yield from _iter_gaps(right)
        case Phrase(literal):
            yield from _gaps_between(literal)
        case Wildcard(pattern):
            yield from _gaps_between(
                None if character == "*" else character for character in pattern
            )
        case Regex(pattern) if "{," not in pattern:  # characters to look for, to RE2
            yield from _gaps_between(_regex_steps(parse_regex(pattern)))
        case _:
            pass


def _gaps_between(steps: Iterable[_GapStep]) -> Iterator[CharGap]:
    """Yield each character that is a token by itself with the next one, where that is near."""
    last, between = "", 0
    for step in steps:
        match step:
            case str() if _SOLO_CHARACTER.match(step):
                if last:
                    yield CharGap(last, step, between)
                last, between = step, 0
            case None:
                last = ""
            case _:
                between += step if isinstance(step, int) else 1
                if between > MAX_GAP:
                    last = ""


def _regex_steps(tree: Any) -> Iterator[_GapStep]:
    """Yield what every match of an expression has, in its order."""
    for number, (code, value) in enumerate(tree):
        match str(code):
            case "LITERAL":
                yield chr(value)
            case "SUBPATTERN":
                yield from _regex_steps(value[-1])
            case _:
                _, widest = tree[number : number + 1].getwidth()
                yield int(widest) if widest <= MAX_GAP else None


MAX_REGEX_SECONDS: Final = 60.0
"""Seconds that a regular expression may look through texts, if it is not to scan them all."""

_CHECK_INTERVAL: Final = 256

Document = TypeVar("Document", int, str)


class TermDictionary(Protocol):
    """What is asked of a store to know the words of an index."""

    def terms(self, prefix: str, field: Field) -> Iterable[str]:
        """Return the terms of title and body, or of captions, that begin with ``prefix``."""


def matching_words(store: TermDictionary, spot: TextPattern) -> list[str] | None:
    """Return the words of the index that a pattern of one word or a near word stands for.

    A document matches if it has one of them, without a look at its text. ``None`` is
    returned for everything else.
    """
    match spot:
        case Wildcard(pattern, _, field):
            prefix = word_prefix(pattern)
            if prefix is None:
                return None
            known = store.terms(prefix, field)
            return [term for term in known if _matches_whole_word(term, pattern)]
        case Fuzzy(word, edits, field):
            return [
                term for term in store.terms(word[0], field) if is_similar_word(word, term, edits)
            ]
        case _:
            return None


def _matches_whole_word(term: str, pattern: str) -> bool:
    return next(find_wildcard(term, pattern), None) == (0, len(term))


def required_groups(
    store: TermDictionary, spot: TextPattern
) -> Iterator[Sequence[tuple[str, ...]]]:
    """Yield what every text with ``spot`` has: of each group, all terms of one of its members."""
    if (words := matching_words(store, spot)) is not None:
        yield [(word,) for word in words]
        return
    match spot:
        case Near(left, right):
            yield from required_groups(store, left)
            yield from required_groups(store, right)
        case Regex(_, needs):
            for texts in needs:
                yield [required_terms(text, open_before=True, open_after=True) for text in texts]
        case Phrase(_, terms, _, inside):
            yield from ([(term,)] for term in (*terms, *inside))
        case _:
            yield from ([(term,)] for term in spot.terms)


def matching_documents(
    spot: TextPattern, texts: Iterable[tuple[Document, bytes]], total: int
) -> set[Document]:
    """Return which of the ``total`` documents of ``texts`` hold ``spot`` in its field.

    ``texts`` are documents, however they are called, with their packed folded texts. Raises
    :class:`UsageError` where a regular expression takes too long.
    """
    limit = time.monotonic() + MAX_REGEX_SECONDS if _is_limited(spot) else float("inf")
    found: set[Document] = set()
    for number, (document, packed) in enumerate(texts):
        if number % _CHECK_INTERVAL == 0 and time.monotonic() > limit:
            raise UsageError(
                f"This regular expression has looked through {number:,} of {total:,} "
                f"articles in {MAX_REGEX_SECONDS:.0f} seconds: add a word that narrows them "
                "down, or say "
                "--scan to read on."
            )
        if any(contains_pattern(text, spot) for text in _texts(packed, spot.field)):
            found.add(document)
    return found


def _is_limited(spot: TextPattern) -> bool:
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

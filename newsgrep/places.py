"""Where in a text stands what a query asks for: for highlighting, and for every place of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from newsgrep.models import Span
from newsgrep.query.describe import describe
from newsgrep.query.spots import find
from newsgrep.query.tree import Field, Near, Phrase, Spot, Text, Words
from newsgrep.text.fold import fold
from newsgrep.text.matching import MOST_PLACES, Match, Needle, find_matches, merged_spans


def matched_spans(text: str, wanted: Iterable[Text], field: Field) -> tuple[Span, ...]:
    """Return what of ``text``, a title, body or caption as ``field`` says, is asked for."""
    return merged_spans(matches_in(fold(text), wanted, field))


def matches_in(
    folded: str, wanted: Iterable[Text], field: Field, *, most: int | None = MOST_PLACES
) -> list[Match]:
    """Return where in a folded text wanted texts stand; ``field`` says what the text is.

    By start; they may overlap. Of each text at most ``most`` places are given.
    """
    allowed = {field, Field.TEXT} if field is not Field.CAPTION else {Field.CAPTION}
    here = [text for text in wanted if text.field in allowed]
    needles = [
        Needle(text.literal, text.terms if isinstance(text, Words) else ())
        for text in here
        if isinstance(text, Words | Phrase)
    ]
    found = find_matches(folded, needles, most=most)
    for spot in here:
        if not isinstance(spot, Words | Phrase):
            found += _places_of(folded, spot, most)
    return sorted(found, key=lambda match: (match.start, -match.end))


def _places_of(folded: str, spot: Spot, most: int | None) -> list[Match]:
    """Return the places of a pattern; of what is near, those of its sides."""
    if isinstance(spot, Near):
        spans = list(islice(find(folded, spot), most))
        sides = (
            match for side in (spot.left, spot.right) for match in _places_of(folded, side, most)
        )
        return [m for m in sides if any(start <= m.start and m.end <= end for start, end in spans)]
    spans = list(islice(find(folded, spot), most))
    return [Match(start, end, describe(spot), 4.0) for start, end in spans]


def all_spans(folded: str, wanted: Iterable[Text], field: Field) -> list[Span]:
    """Return every place of what is asked for in ``folded``, each apart, by start.

    A string counts each time, also where it follows itself. Words that do not stand
    together as typed count by runs of their terms, as they are highlighted. What lies
    inside of another place is no place of its own.
    """
    # Everything but a word stands as a whole where it stands.
    wholes = {
        text.literal if isinstance(text, Words | Phrase) else describe(text) for text in wanted
    }
    whole: list[Span] = []
    parts = []
    for match in matches_in(folded, wanted, field, most=None):
        if match.text in wholes:
            whole.append(Span(match.start, match.end))
        else:
            parts.append(match)
    kept: list[Span] = []
    reached = 0
    for span in sorted((*whole, *merged_spans(parts)), key=lambda span: (span.start, -span.end)):
        if span.end > reached:
            kept.append(span)
            reached = span.end
    return kept

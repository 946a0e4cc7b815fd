"""The second look: the best hundred are ordered anew by what their texts say where.

The engine knows how often words stand in an article; only the text knows which stand together
and how early. Each feature is a share from 0 to 1, and more of it never lowers an article.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from newsgrep.engines.base import Candidate
from newsgrep.query.tree import Field, Phrase, Text, Words
from newsgrep.text.characters import Kind, runs
from newsgrep.text.literal import holds_literal

Folded = tuple[str, str]
"""Title and body of an article, folded."""

MOST: Final = 100
"""How many of the best are looked at again, whatever page is shown."""

_MOST_PARTS: Final = 100
"""Parts of a query that are looked for: more make it slower, and tell no more."""

_FAR: Final = 4000
"""Characters of a body that are looked at: what stands later would count a twentieth."""

_HALF: Final = 200
"""Characters of body after which a part counts half as early."""

_EARLY: Final = 1.5
_WHOLE: Final = 0.5
_NEAR: Final = 0.3
_SPAN: Final = 50


class Look(NamedTuple):
    """What the second look saw in one article, as shares from 0 to 1.

    ``early`` is how much of the query stands how early, the title first; ``near`` how much of
    it stands within a few words of the body; ``whole`` how much of it stands as it was typed.
    """

    early: float
    near: float
    whole: float

    @property
    def factor(self) -> float:
        """Return what the engine's score is multiplied by."""
        return 1 + _EARLY * self.early + _NEAR * self.near + _WHOLE * self.whole


class Looked(NamedTuple):
    """A candidate with its score as it is now, and why."""

    candidate: Candidate
    look: Look


def worth_a_look(wanted: Iterable[Text]) -> bool:
    """Return whether texts can say more than the engine knows: not of a single term."""
    return len({term for text in wanted if isinstance(text, Words) for term in text.terms}) > 1


def second_look(
    candidates: Sequence[Candidate], texts: Sequence[Folded], wanted: Sequence[Text]
) -> list[Looked]:
    """Return ``candidates`` in their new order, given their texts and what is asked for.

    Equal ones stay in the order that they had.
    """
    parts = dict(islice(_parts(wanted), _MOST_PARTS))
    places = [_places(parts, title, body) for title, body in texts]
    weights = _weights(parts, places)
    wholes = [text for text in wanted if isinstance(text, Words) and len(text.terms) > 1]
    looked = []
    for candidate, text, found in zip(candidates, texts, places, strict=True):
        look = Look(_early(found, weights), _near(found, weights), _whole(text, wholes))
        again = Candidate(candidate.id, candidate.score * look.factor)
        looked.append(Looked(again, look))
    return sorted(looked, key=lambda each: -each.candidate.score)


def _parts(wanted: Iterable[Text]) -> Iterable[tuple[str, Field]]:
    """Yield what a query is made of: pairs of neighbouring characters, and words of letters.

    A pair that spans two words stands only where these stand together.
    """
    for text in wanted:
        if text.field is Field.CAPTION:
            continue
        # Of patterns only what is sure of them is known.
        literal = text.literal if isinstance(text, Words | Phrase) else " ".join(text.terms)
        for kind, start, end in runs(literal):
            if kind is Kind.WORD or (end - start == 1 and kind is not Kind.OTHER):
                yield literal[start:end], text.field
            elif kind is not Kind.OTHER:
                for at in range(start, end - 1):
                    yield literal[at : at + 2], text.field


def _places(parts: dict[str, Field], title: str, body: str) -> dict[str, int]:
    """Return where each part stands first: from 0 in the body, -1 in the title."""
    found: dict[str, int] = {}
    for part, field in parts.items():
        if field is not Field.BODY and part in title:
            found[part] = -1
        elif field is not Field.TITLE and (at := body.find(part, 0, _FAR)) >= 0:
            found[part] = at
    return found


def _weights(parts: Iterable[str], places: Sequence[dict[str, int]]) -> dict[str, float]:
    """Return how telling each part is among these articles; together they are 1.

    What nearly all of them have says little, even where it is rare in the archive.
    """
    having = Counter(part for found in places for part in found)
    count = len(places)
    telling = {
        part: math.log(1 + (count - having[part] + 0.5) / (having[part] + 0.5)) for part in parts
    }
    total = sum(telling.values()) or 1.0
    return {part: weight / total for part, weight in telling.items()}


def _early(found: dict[str, int], weights: dict[str, float]) -> float:
    return sum(weights[part] * _HALF / (_HALF + max(at, 0)) for part, at in found.items())


def _near(found: dict[str, int], weights: dict[str, float]) -> float:
    """Return the greatest share of the parts that stand within a span of the body."""
    begins = sorted((at, part) for part, at in found.items() if at >= 0)
    best = now = 0.0
    low = 0
    for at, part in begins:
        now += weights[part]
        while begins[low][0] < at - _SPAN:
            now -= weights[begins[low][1]]
            low += 1
        best = max(best, now)
    return best


def _whole(text: Folded, wholes: Sequence[Words]) -> float:
    """Return how many of the strings stand as they were typed; in a body they count half."""
    if not wholes:
        return 0.0
    title, body = text
    held = 0.0
    for words in wholes:
        if words.field is not Field.BODY and holds_literal(title, words.literal):
            held += 1.0
        elif words.field is not Field.TITLE and holds_literal(body, words.literal):
            held += 0.5
    return held / len(wholes)

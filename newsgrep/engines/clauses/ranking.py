"""What ranks the articles that match, as sums that an engine adds up by itself.

The same numbers as in :mod:`newsgrep.engines.ranking`, which tells what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from newsgrep.engines.bm25 import FULL, ranking_weights
from newsgrep.engines.clauses.clause import AllOf, Clause, Has, any_of
from newsgrep.engines.clauses.fields import FOLDED, LEVELS, WORDS
from newsgrep.engines.clauses.tokens import level_tokens, word_token
from newsgrep.query.tree import Name

_DIGITS: Final = tuple(8 * digit for digit in range(1, 8)) + tuple(range(1, 8))


class Addend(NamedTuple):
    """What one term adds to the score of an article: the greater one of two.

    ``full`` where a source is called so, if there is one; else the sum of what the tokens
    that it has in :data:`LEVELS` stand for.
    """

    levels: tuple[tuple[Has, float], ...]
    full: tuple[Has, float] | None


def addends(terms: Iterable[str], counts: Callable[[Sequence[Clause]], list[int]]) -> list[Addend]:
    """Return what each term that ranks adds.

    ``counts`` tells of how many articles each of some clauses is true.
    """
    each = list(terms)
    called = [Has(FOLDED[Name.SOURCE], term) for term in each]
    words = [Has(WORDS, word_token(term)) for term in each]
    # All at once, for a question to a server takes its time.
    told = counts([AllOf(()), *called, *map(any_of, zip(words, called, strict=True))])
    documents, of_sources, having = told[0], told[1 : len(each) + 1], told[len(each) + 1 :]
    weights = ranking_weights(each, documents, dict(zip(each, having, strict=True)))
    sources = dict(zip(each, zip(called, of_sources, strict=True), strict=True))
    found = []
    for term, weight in weights.items():
        source, many = sources[term]
        levels = [
            (Has(LEVELS, token), value * weight)
            for value in _DIGITS
            for token in level_tokens({term: value})
        ]
        found.append(Addend(tuple(levels), (source, FULL * weight) if many else None))
    return found

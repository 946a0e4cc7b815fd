"""One query in several sources: how often and when each writes of it, and with which words.

Words are told apart by keyness: each source's articles on the query against those of the
other sources named, and nothing else of the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.leaves import named
from newsgrep.query.tree import And, Dates, Name, Node, scoring_terms
from newsgrep.views.keyness import CHANCE, signed_g2
from newsgrep.views.keywords import (
    READ,
    SPELLINGS,
    Keyword,
    foremost,
    frequencies,
    holding,
    in_spelling,
    is_asked,
)
from newsgrep.views.words import Text


class Side(NamedTuple):
    """What one name stands for, and what its sources have on the query.

    ``sources`` are all whose name holds ``asked``, with the number of their articles on
    the query; ``total`` counts those on anything. ``months`` has the number of articles
    for each month (``YYYY-MM``) that has any; ``undated`` ones are known to the year at
    most. In ``words``, ``elsewhere`` counts the other sides' articles.
    """

    asked: str
    sources: tuple[tuple[str, int], ...]
    articles: int
    total: int
    first: Article | None
    last: Article | None
    months: dict[str, int]
    undated: int
    words: tuple[Keyword, ...] = ()


def compare(engine: Engine, root: Node, asked: Sequence[str], limit: int) -> tuple[Side, ...]:
    """Return a side for each name asked for, with at most ``limit`` words each.

    Raises :class:`UsageError` where a name holds for no source, or one source for two.
    """
    whole = [named(Name.SOURCE, name) for name in asked]
    known = _sources(engine, asked, whole)
    nodes = [And((root, node)) for node in whole]
    sides = [
        _side(engine, name, node, sources)
        for name, node, sources in zip(asked, nodes, known, strict=True)
    ]
    found = _words(engine, root, nodes, [side.articles for side in sides])
    return tuple(
        side._replace(words=_best(engine, node, words, limit))
        for side, node, words in zip(sides, nodes, found, strict=True)
    )


def _sources(engine: Engine, asked: Sequence[str], nodes: Sequence[Node]) -> list[dict[str, int]]:
    """Return the sources that each name stands for, with all of their articles."""
    taken: dict[str, str] = {}
    known = []
    for name, node in zip(asked, nodes, strict=True):
        sources = dict(engine.search(node, limit=0, facets=("source",)).facets["source"])
        if not sources:
            raise UsageError(
                f"No source's name holds “{name}”: newsgrep stats --json lists all sources."
            )
        for source in sources:
            if source in taken:
                raise UsageError(
                    f"“{taken[source]}” and “{name}” both stand for the source “{source}”: "
                    "write more of their names."
                )
            taken[source] = name
        known.append(sources)
    return known


def _side(engine: Engine, asked: str, node: Node, known: dict[str, int]) -> Side:
    page = engine.search(node, limit=0, facets=("source", "month"))
    on_query = dict(page.facets["source"])
    months = {month: count for month, count in page.facets["month"] if len(month) > len("2024")}
    ends = [_one(engine, And((node, Dates(None, None))), o) for o in (Order.OLDEST, Order.NEWEST)]
    return Side(
        asked=asked,
        sources=tuple((source, on_query.get(source, 0)) for source in known),
        articles=page.total,
        total=sum(known.values()),
        first=ends[0],
        last=ends[1],
        months=dict(sorted(months.items())),
        undated=page.total - sum(months.values()),
    )


def _one(engine: Engine, node: Node, order: Order) -> Article | None:
    candidates = engine.search(node, order, limit=1).candidates
    return next(iter(engine.get(each.id for each in candidates)), None)


def _words(
    engine: Engine, root: Node, nodes: Sequence[Node], sizes: Sequence[int]
) -> list[list[Keyword]]:
    """Return for each side the words that it uses more than the others do."""
    asked = frozenset(scoring_terms(root))
    counts: list[dict[str, int]] = []
    for node in nodes:
        page = engine.search(node, limit=READ // len(nodes) + 1)
        ids = [candidate.id for candidate in page.candidates]
        texts = [Text(title, body) for title, body in engine.folded(ids)]
        counts.append(frequencies(engine, texts, node))
    words = sorted(set[str]().union(*counts))
    for having, node in zip(counts, nodes, strict=True):
        missing = [word for word in words if word not in having]
        terms = engine.document_frequencies(missing)
        having |= engine.document_frequencies([w for w in missing if terms[w]], node)
        having |= {word: holding(engine, word, node) for word in missing if not terms[word]}
    found = []
    for having, size in zip(counts, sizes, strict=True):
        others = sum(sizes) - size
        side = []
        for word in words:
            elsewhere = sum(other[word] for other in counts) - having[word]
            score = signed_g2(having[word], size, elsewhere, others)
            if score >= CHANCE and not is_asked(word, asked):
                side.append(Keyword(word, having[word], elsewhere, score))
        found.append(side)
    return found


def _best(engine: Engine, node: Node, words: Sequence[Keyword], limit: int) -> tuple[Keyword, ...]:
    page = engine.search(node, limit=SPELLINGS)
    articles = engine.get(candidate.id for candidate in page.candidates)
    return in_spelling(foremost(words, limit), articles)

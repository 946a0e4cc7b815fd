"""The sources of an answer, each asked for alone, though a name may stand inside of another.

A query for a source takes every name that holds it (日报 is in 雾港日报), so those with
more around it are excluded. Spellings of one name that fold alike are one source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from newsgrep.query.tree import And, Name, Named, Node, Not, Or
from newsgrep.text.fold import fold


class Source(NamedTuple):
    """A source: its most frequent spelling (empty: none is known), all of them, its articles."""

    name: str
    spellings: tuple[str, ...]
    articles: int


def grouped(facet: Iterable[tuple[str, int]]) -> list[Source]:
    """Return the sources in a facet, the most frequent first, then by name."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, count in facet:
        found.setdefault(fold(name), []).append((name, count))
    sources = []
    for spellings in found.values():
        spellings.sort(key=lambda item: (-item[1], item[0]))
        names = tuple(name for name, _ in spellings)
        sources.append(Source(names[0], names, sum(count for _, count in spellings)))
    return sorted(sources, key=lambda source: (-source.articles, source.name))


def only(source: Source, names: Sequence[str]) -> Node:
    """Return the query for the articles of ``source`` and no other, where ``names`` are all."""
    wanted = fold(source.name)
    if not wanted:
        return Not(Named(Name.SOURCE, ""))  # every name holds the empty one
    # Distinct, and not by hash, so that one question is always the same.
    others = dict.fromkeys(map(fold, names))
    longer = [name for name in others if wanted in name and name != wanted]
    # What holds a longer name is excluded by the shortest that it holds.
    least = [name for name in longer if not any(o in name and o != name for o in longer)]
    here = Named(Name.SOURCE, wanted)
    if not least:
        return here
    return And((here, Not(Or(tuple(Named(Name.SOURCE, name) for name in least)))))

"""Why nothing was found: which words no article has, which filter emptied the answer.

No hit never stands alone; everything said here was asked of the same index.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.query.ast import And, Field, MatchAll, Node, Terms, describe, positive_texts

MAX_TERMS: Final = 20
"""Terms that are counted; a query of thousands would be explained at great length."""


@dataclass(frozen=True, slots=True)
class PartCount:
    """A part of the query, spelled out, and how many articles match it."""

    part: str
    articles: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a query has no hits.

    ``articles`` is how many the index holds. ``terms`` counts each word and phrase by
    itself, ``omitted_terms`` how many more there are. ``without`` says what would match if one
    filter or exclusion were dropped, ``any_word`` if one word were enough, ``captions``
    how many articles have it in a caption, filters kept. ``newer_files`` is how many of
    the files beside the indexed ones are new, changed or gone; without ``all_files_checked``
    there may be more.
    """

    articles: int
    terms: tuple[PartCount, ...]
    omitted_terms: int
    without: tuple[PartCount, ...]
    any_word: int
    captions: int
    newer_files: int
    all_files_checked: bool


def diagnose(
    engine: Engine, root: Node, newer_files: int = 0, *, all_files_checked: bool = False
) -> Diagnosis:
    """Return why ``root`` matches nothing in ``engine``; what is known of files is passed on."""

    def total(node: Node) -> int:
        return engine.search(EngineRequest(node, limit=0)).total

    single = list(dict.fromkeys(_single_terms(root)))
    parts = single[:MAX_TERMS]
    wanted = positive_texts(root)
    return Diagnosis(
        articles=total(MatchAll()),
        terms=tuple(PartCount(describe(part), total(part)) for part in parts),
        omitted_terms=len(single) - len(parts),
        without=tuple(
            PartCount(describe(condition), total(rest)) for condition, rest in _each_dropped(root)
        ),
        any_word=total(_any_of(root)) if len(single) > 1 else 0,
        captions=total(_in_captions(root)) if wanted else 0,
        newer_files=newer_files,
        all_files_checked=all_files_checked,
    )


def _single_terms(root: Node) -> Iterable[Node]:
    for text in positive_texts(root):
        if isinstance(text, Terms):
            yield from (Terms(term, (term,), text.field) for term in text.terms)
        else:
            yield text


def _each_dropped(root: Node) -> list[tuple[Node, Node]]:
    """Return each condition of the query with what remains of the query without it."""
    conditions = _conditions(root)
    found: list[tuple[Node, Node]] = []
    for index, condition in enumerate(conditions):
        if _is_filter(condition):
            rest = tuple(conditions[:index] + conditions[index + 1 :])
            if rest:
                found.append((condition, And(rest)))
    return found


def _filters(root: Node) -> list[Node]:
    return [condition for condition in _conditions(root) if _is_filter(condition)]


def _is_filter(condition: Node) -> bool:
    """Return whether ``condition`` narrows without asking for any text."""
    return not positive_texts(condition) and not isinstance(condition, MatchAll)


def _conditions(node: Node) -> list[Node]:
    if isinstance(node, And):
        return [condition for child in node.children for condition in _conditions(child)]
    return [node]


def _any_of(root: Node) -> Node:
    """Return the query with its words made alternatives, filters and exclusions kept."""
    terms = [term for text in positive_texts(root) for term in text.terms]
    return And((Terms("", tuple(dict.fromkeys(terms)), any_term=True), *_filters(root)))


def _in_captions(root: Node) -> Node:
    """Return the query with its words wanted in captions, filters and exclusions kept."""
    texts = (replace(text, field=Field.CAPTION) for text in positive_texts(root))
    return And((*texts, *_filters(root)))

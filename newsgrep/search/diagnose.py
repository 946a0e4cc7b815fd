"""Diagnosis of empty results: which words do not occur, and which filter excludes everything.

Every number is the total of another search in the same index.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from newsgrep.engines.base import Engine, count_matches
from newsgrep.query.ast import (
    And,
    Field,
    MatchAll,
    Node,
    Operator,
    Or,
    Terms,
    TextNode,
    conditions,
    describe,
    everywhere,
    in_all_versions,
    in_field,
    is_filter,
    positive_texts,
)
from newsgrep.search.undated import count_undated

MAX_COUNTED_TERMS: Final = 20
"""Terms that are counted: each costs one search, and a query may have thousands."""


@dataclass(frozen=True, slots=True)
class PartCount:
    """A part of the query, described as in the parsed query, and a number of articles."""

    part: str
    articles: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a query has no hits.

    * ``articles``: articles in the index.
    * ``terms``: each word and phrase, with the articles that contain it; ``omitted_terms`` more
      were not counted.
    * ``without``: each filter and exclusion, with the articles that match without it.
    * ``any_word``: articles that contain any of the words and pass the filters.
    * ``captions``: articles with the words in a caption that pass the filters.
    * ``left_out``: articles that the query matches if it searches everything, and that have one of
      its words in left-out text.
    * ``earlier``: articles that the query matches if it searches earlier versions, too.
    * ``undated``: articles without a date that match without the filters by date.
    * ``newer_files``: files that are new, changed or gone since they were indexed. Unless
      ``all_files_checked``, there may be more.
    """

    articles: int
    terms: tuple[PartCount, ...]
    omitted_terms: int
    without: tuple[PartCount, ...]
    any_word: int
    captions: int
    left_out: int
    earlier: int
    undated: int
    newer_files: int
    all_files_checked: bool


def diagnose(
    engine: Engine, root: Node, newer_files: int = 0, *, all_files_checked: bool = False
) -> Diagnosis:
    """Return why ``root`` matches nothing in ``engine``.

    ``newer_files`` and ``all_files_checked`` are the result of the freshness check.
    """

    def total(node: Node) -> int:
        return count_matches(engine, node)

    terms = list(dict.fromkeys(_single_terms(root)))
    texts = [text for text in positive_texts(root) if text.field in {Field.TEXT, Field.ANY_VERSION}]
    in_versions = in_all_versions(root)
    counted = terms[:MAX_COUNTED_TERMS]
    return Diagnosis(
        articles=total(MatchAll()),
        terms=tuple(PartCount(describe(term), total(term)) for term in counted),
        omitted_terms=len(terms) - len(counted),
        without=tuple(
            PartCount(describe(condition), total(rest))
            for condition, rest in _without_each_filter(root)
        ),
        any_word=total(_with_any_word(root)) if len(terms) > 1 else 0,
        captions=total(_in_captions(root)) if positive_texts(root) else 0,
        left_out=total(And((_in_left_out(texts), everywhere(root)))) if texts else 0,
        earlier=total(in_versions) if in_versions != root else 0,
        undated=count_undated(engine, root) or 0,
        newer_files=newer_files,
        all_files_checked=all_files_checked,
    )


def _single_terms(root: Node) -> Iterable[Node]:
    for text in positive_texts(root):
        if isinstance(text, Terms):
            yield from (Terms(term, (term,), text.field) for term in text.terms)
        else:
            yield text


def _without_each_filter(root: Node) -> list[tuple[Node, Node]]:
    """Return each filter of the query with the rest of the query."""
    parts = conditions(root)
    found: list[tuple[Node, Node]] = []
    for index, part in enumerate(parts):
        if _is_dropped(part):
            rest = tuple(parts[:index] + parts[index + 1 :])
            if rest:
                found.append((part, And(rest)))
    return found


def _filters(root: Node) -> list[Node]:
    return [part for part in conditions(root) if _is_dropped(part)]


def _is_dropped(part: Node) -> bool:
    return is_filter(part) and not isinstance(part, MatchAll)


def _with_any_word(root: Node) -> Node:
    """Return the query with its words as alternatives; filters and exclusions stay."""
    terms = [term for text in positive_texts(root) for term in text.terms]
    return And((Terms("", tuple(dict.fromkeys(terms)), operator=Operator.OR), *_filters(root)))


def _in_captions(root: Node) -> Node:
    """Return the query for its words in captions; filters and exclusions stay."""
    texts = (in_field(text, Field.CAPTION) for text in positive_texts(root))
    return And((*texts, *_filters(root)))


def _in_left_out(texts: Iterable[TextNode]) -> Node:
    """Return the query for one of the words in left-out text."""
    left_out = (in_field(text, Field.LEFT_OUT) for text in texts)
    return Or(
        tuple(
            replace(text, operator=Operator.OR) if isinstance(text, Terms) else text
            for text in left_out
        )
    )

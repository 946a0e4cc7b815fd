"""Why a result is what it is: the diagnosis of an empty one, and the explanation of scores.

The diagnosis says which words do not occur, and which filter excludes everything. Every number is
the total of another search in the same index. The closest articles are those that rank best for any
of the words, each with the words that it lacks.

The explanation (``search --explain``) is what each term adds to a score, and each factor. All
numbers come from the engine that ranked the hits, so that they are the ones of the ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order, count_matches
from newsgrep.indexing.store import Index
from newsgrep.models import Hit
from newsgrep.query.ast import (
    And,
    Field,
    IdIn,
    IdIs,
    MatchAll,
    Near,
    Node,
    Operator,
    Or,
    Phrase,
    Terms,
    TextNode,
    conditions,
    describe,
    everywhere,
    in_all_versions,
    in_field,
    is_filter,
    positive_texts,
    scoring_terms,
)
from newsgrep.query.parser import Query
from newsgrep.search.bins import count_undated
from newsgrep.search.rerank import RerankFeatures
from newsgrep.search.search import SearchRequest, SearchResult, search

MAX_COUNTED_TERMS: Final = 20
"""Terms that are counted: each costs one search, and a query may have thousands."""

MAX_CLOSEST: Final = 5
"""Closest articles: with titles as queries, nine of ten that are among ten are among these."""

_MAX_CLOSEST_PARTS: Final = 200
"""Words and quoted strings of a query for which closest articles are searched: one search each."""


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
        # In this order, fewer left-out texts are read: few articles have all words anywhere.
        left_out=total(And((everywhere(root), _in_left_out(texts)))) if texts else 0,
        earlier=total(in_versions) if in_versions != root else 0,
        undated=count_undated(engine, root) or 0,
        newer_files=newer_files,
        all_files_checked=all_files_checked,
    )


def diagnose_in(engine: Engine, root: Node, index: Index) -> Diagnosis:
    """Return :func:`diagnose` of the open ``index``, whose files are checked if they are here."""
    if not index.has_local_files:  # the files of an index on a server may be on other machines
        return diagnose(engine, root)
    from newsgrep.indexing.freshness import check_index

    newer, all_seen = check_index(engine, index)
    return diagnose(engine, root, newer, all_files_checked=all_seen)


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
            text._replace(operator=Operator.OR) if isinstance(text, Terms) else text
            for text in left_out
        )
    )


# Closest articles


class ClosestArticle(NamedTuple):
    """An article that does not match, with the parts of the query that it lacks.

    ``hit`` is its place among the closest ones. ``lacks`` are words, quoted strings and
    alternatives, described as in the parsed query.
    """

    hit: Hit
    lacks: tuple[str, ...]


def find_closest(engine: Engine, request: SearchRequest) -> tuple[ClosestArticle, ...]:
    """Return the articles that come closest to a query without matches, the best one first.

    They contain one of its words at least, and its filters and exclusions apply to them. They are
    at most :data:`MAX_CLOSEST`, and at most ``request.limit``. There are none if the query is a
    single word, or has more than 200 of them.
    """
    root = request.query.root
    parts = list(dict.fromkeys(_parts(root)))
    texts = positive_texts(root)
    limit = min(request.limit, MAX_CLOSEST)
    if not 1 < len(parts) <= _MAX_CLOSEST_PARTS or not texts or not limit:
        return ()
    either = Or(tuple(_any_of(text) for text in texts))
    query = Query(request.query.text, And((either, *_filters(root))))
    best = SearchRequest(query, limit=limit, snippet_width=request.snippet_width, max_snippets=1)
    hits = search(engine, best).hits
    shown = IdIn("", tuple(hit.article.id for hit in hits))

    def matching_ids(part: Node) -> set[str]:  # in an order for which no scores are computed
        page = engine.search(EngineRequest(And((shown, part)), Order.NEWEST, limit))
        return {each.id for each in page.candidates}

    matching = {part: matching_ids(part) for part in (parts if hits else ())}
    found = (
        ClosestArticle(hit, tuple(dict.fromkeys(_lacking(root, hit.article.id, matching))))
        for hit in hits
    )
    return tuple(each for each in found if each.lacks)


def _parts(node: Node) -> Iterable[Node]:
    """Yield what an article may lack: single words, patterns, filters and exclusions."""
    if isinstance(node, And | Or):
        for child in node.children:
            yield from _parts(child)
    elif not isinstance(node, Terms):
        yield node
    if isinstance(node, Terms | Phrase):
        yield from _words(node)


def _words(text: Terms | Phrase) -> tuple[Terms, ...]:
    return tuple(Terms(term, (term,), text.field) for term in text.terms)


def _any_of(text: TextNode) -> Node:
    """Return the node for texts that contain one word of ``text``, or match its pattern."""
    if isinstance(text, Near):
        return Or((_any_of(text.left), _any_of(text.right)))
    if isinstance(text, Terms | Phrase) and text.terms:
        return Terms(text.literal, text.terms, text.field, Operator.OR)
    return text


def _lacking(node: Node, article_id: str, matching: Mapping[Node, set[str]]) -> tuple[str, ...]:
    """Return the parts of ``node`` that the article does not match.

    ``matching`` are the ids of the articles that match each of :func:`_parts`.
    """

    def missing(parts: Iterable[Node]) -> tuple[str, ...]:
        return tuple(describe(part) for part in parts if article_id not in matching[part])

    match node:
        case And(children):
            return tuple(
                part for child in children for part in _lacking(child, article_id, matching)
            )
        case Or(children):
            fewest = min((_lacking(child, article_id, matching) for child in children), key=len)
            alike = all(len(scoring_terms(child)) <= 1 for child in children)
            return (describe(node),) if fewest and alike else fewest
        case Terms(operator=Operator.OR):
            lacked = missing(_words(node))
            return (describe(node),) if len(lacked) == len(node.terms) else ()
        case Terms():
            return missing(_words(node))
        case Phrase() if missing((node,)):
            return missing(_words(node)) or missing((node,))
        case _:
            return missing((node,))


MAX_EXPLAINED_TERMS: Final = 50
"""Terms that are explained separately: each costs one search, and a query may have thousands."""

_UNKNOWN_DATE: Final = float("-inf")


class HitExplanation(NamedTuple):
    """The parts of one score: the sum of ``terms`` × ``recency`` × ``features.factor``.

    ``terms`` is the BM25F score of each term, ``recency`` the weight of the article's age (1
    without ``--recency``). ``features`` is ``None`` if the hit was not reranked.
    """

    terms: Mapping[str, float]
    recency: float
    features: RerankFeatures | None


class Explanation(NamedTuple):
    """The scoring terms with their document frequencies, and each hit by article id."""

    terms: tuple[tuple[str, int], ...]
    hits: Mapping[str, HitExplanation]


def explain(engine: Engine, result: SearchResult) -> Explanation:
    """Return the explanation of the hits of ``result``, which ``engine`` returned."""
    terms = scoring_terms(result.request.query.root)[:MAX_EXPLAINED_TERMS]
    shown = Or(tuple(IdIs(hit.article.id) for hit in result.hits))
    scores: dict[str, dict[str, float]] = {hit.article.id: {} for hit in result.hits}
    for term in terms:
        # The same articles, scored by this term alone.
        alone = And((shown, Or((MatchAll(), Terms(term, (term,))))))
        for candidate in engine.search(EngineRequest(alone, limit=len(result.hits))).candidates:
            if candidate.score:
                scores[candidate.id][term] = candidate.score
    return Explanation(
        tuple(engine.document_frequencies(terms).items()),
        {hit.article.id: _explain_hit(hit, scores[hit.article.id], result) for hit in result.hits},
    )


def _explain_hit(hit: Hit, terms: Mapping[str, float], result: SearchResult) -> HitExplanation:
    recency, published = result.request.recency, hit.article.published
    timestamp = published.sort_key() if published else _UNKNOWN_DATE
    weight = recency.weight(timestamp) if recency else 1.0
    return HitExplanation(terms, weight, result.features.get(hit.article.id))

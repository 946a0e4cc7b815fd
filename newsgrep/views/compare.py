"""Comparison of sources: how often and when each writes about a query, and with which words.

Words are compared by keyness: each source's articles on the query against those of the other
named sources, not against the rest of the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order, first_match
from newsgrep.errors import UsageError
from newsgrep.messages import _
from newsgrep.models import Article, month_index, month_span
from newsgrep.query.ast import And, DateRange, NameField, Node, scoring_terms
from newsgrep.query.parser import Query, name_contains
from newsgrep.terminal import Screen, StyledLine, StyledText, one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import display_date
from newsgrep.views.keywords import (
    KEYNESS_STATISTIC,
    MAX_READ,
    MAX_SPELLING_ARTICLES,
    MAX_WORDS,
    SIGNIFICANT_G2,
    Keyword,
    best_keywords,
    count_containing,
    is_query_word,
    keyword_object,
    read_spellings,
    read_texts,
    restore_spelling,
    signed_g2,
    word_document_counts,
)

MAX_NAMES: Final = 50
"""Sources to compare: a name takes a dozen searches, and a column of counts for all words."""


class SourceComparison(NamedTuple):
    """The articles on the query in the sources that one name matches.

    ``matching_sources`` are the sources whose name contains ``name``, with the number of their
    articles on the query; ``articles`` is the sum and ``total`` counts their articles on any
    subject. ``months`` counts articles by month (``YYYY-MM``); ``undated`` articles are dated
    to the year or not at all. In ``words``, ``elsewhere`` counts articles of the other names.
    """

    name: str
    matching_sources: tuple[tuple[str, int], ...]
    articles: int
    total: int
    first: Article | None
    last: Article | None
    months: dict[str, int]
    undated: int
    words: tuple[Keyword, ...] = ()

    @property
    def share(self) -> float:
        """The share of articles on the query, from 0 to 1."""
        return self.articles / self.total if self.total else 0.0


class Comparison(NamedTuple):
    """What several sources write about ``query``; ``statistic`` says what words' scores are."""

    query: str
    statistic: str
    sources: tuple[SourceComparison, ...]


def compare_sources(engine: Engine, query: Query, names: Sequence[str], limit: int) -> Comparison:
    """Return the comparison of the sources that each name matches, with ``limit`` words each.

    Raises :class:`UsageError` for more than :data:`MAX_NAMES`, if a name matches no source, and
    if two names match the same one.
    """
    if len(names) > MAX_NAMES:
        raise UsageError(
            "{count:,} sources, more than {max_names}. Compare fewer.",
            count=len(names),
            max_names=MAX_NAMES,
        )
    filters = [name_contains(NameField.SOURCE, name) for name in names]
    matching = _matching_sources(engine, names, filters)
    nodes = [And((query.root, node)) for node in filters]
    compared = [
        _compare_source(engine, name, node, sources)
        for name, node, sources in zip(names, nodes, matching, strict=True)
    ]
    words = _distinctive_words(engine, query.root, nodes, [each.articles for each in compared])
    sources = tuple(
        each._replace(words=_best_words(engine, node, found, limit))
        for each, node, found in zip(compared, nodes, words, strict=True)
    )
    return Comparison(query.text, KEYNESS_STATISTIC, sources)


def _matching_sources(
    engine: Engine, names: Sequence[str], filters: Sequence[Node]
) -> list[dict[str, int]]:
    """Return the sources that each name matches, with the number of all their articles."""
    taken: dict[str, str] = {}
    matching = []
    for name, node in zip(names, filters, strict=True):
        page = engine.search(EngineRequest(node, limit=0, facets=("source",)))
        sources = dict(page.facets["source"])
        if not sources:
            raise UsageError(
                "No source name contains “{name}”. newsgrep stats --json lists all sources.",
                name=name,
            )
        for source in sources:
            if source in taken:
                raise UsageError(
                    "“{taken}” and “{name}” both match the source “{source}”. Use longer names.",
                    taken=taken[source],
                    name=name,
                    source=source,
                )
            taken[source] = name
        matching.append(sources)
    return matching


def _compare_source(
    engine: Engine, name: str, node: Node, matching: dict[str, int]
) -> SourceComparison:
    page = engine.search(EngineRequest(node, limit=0, facets=("source", "month")))
    on_query = dict(page.facets["source"])
    months = {month: count for month, count in page.facets["month"] if len(month) > len("2024")}
    dated = And((node, DateRange(None, None)))
    return SourceComparison(
        name=name,
        matching_sources=tuple((source, on_query.get(source, 0)) for source in matching),
        articles=page.total,
        total=sum(matching.values()),
        first=first_match(engine, dated, Order.OLDEST),
        last=first_match(engine, dated, Order.NEWEST),
        months=dict(sorted(months.items())),
        undated=page.total - sum(months.values()),
    )


def _distinctive_words(
    engine: Engine, root: Node, nodes: Sequence[Node], sizes: Sequence[int]
) -> list[list[Keyword]]:
    """Return for each source the words in significantly more of its articles."""
    query_words = frozenset(scoring_terms(root))
    # Each word is counted in the articles of each name.
    most = min(MAX_WORDS, 2 * MAX_WORDS // len(nodes))
    counts: list[dict[str, int]] = []
    for node in nodes:
        page = engine.search(EngineRequest(node, limit=MAX_READ // len(nodes) + 1))
        ids = [candidate.id for candidate in page.candidates]
        counts.append(word_document_counts(engine, read_texts(engine, ids), node, most))
    words = sorted(set[str]().union(*counts))
    for containing, node in zip(counts, nodes, strict=True):
        missing = [word for word in words if word not in containing]
        terms = engine.document_frequencies(missing)
        containing |= engine.document_frequencies([w for w in missing if terms[w]], node)
        containing |= {
            word: count_containing(engine, word, node) for word in missing if not terms[word]
        }
    found = []
    for containing, size in zip(counts, sizes, strict=True):
        others = sum(sizes) - size
        distinctive = []
        for word in words:
            elsewhere = sum(other[word] for other in counts) - containing[word]
            score = signed_g2(containing[word], size, elsewhere, others)
            if score >= SIGNIFICANT_G2 and not is_query_word(word, query_words):
                distinctive.append(Keyword(word, containing[word], elsewhere, score))
        found.append(distinctive)
    return found


def _best_words(
    engine: Engine, node: Node, words: Sequence[Keyword], limit: int
) -> tuple[Keyword, ...]:
    page = engine.search(EngineRequest(node, limit=MAX_SPELLING_ARTICLES))
    originals = read_spellings(engine, [candidate.id for candidate in page.candidates])
    return restore_spelling(best_keywords(words, limit), originals)


# Forms

_LABEL_WIDTH: Final = 12
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_MAX_SPARKS: Final = 60


def to_text(comparison: Comparison, _screen: Screen) -> Iterator[StyledLine]:
    """Yield a paragraph for each source, and a line on the words' scores."""
    periods = _periods(comparison.sources)
    for source in comparison.sources:
        yield StyledLine([StyledText(one_line(source.name), "title")])
        for label, text in _rows(source, periods):
            yield StyledLine([StyledText(text)], _LABEL_WIDTH, f"  {label}")
        yield StyledLine()
    note = _(
        "words: {statistic}, each source against the others; (here:there)",
        statistic=_(comparison.statistic),
    )
    yield StyledLine([StyledText(note, "dim")])


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as a complete object."""
    return {
        "version": SCHEMA_VERSION,
        "query": comparison.query,
        "statistic": comparison.statistic,
        "sources": [
            {
                "name": source.name,
                "matching_sources": dict(source.matching_sources),
                "articles": source.articles,
                "total": source.total,
                "share": round(source.share, 6),
                "first": _published(source.first),
                "last": _published(source.last),
                "months": source.months,
                "undated": source.undated,
                "words": [keyword_object(word) for word in source.words],
            }
            for source in comparison.sources
        ],
    }


def to_csv(comparison: Comparison) -> Iterator[Sequence[object]]:
    """Yield a row for each source."""
    yield ("name", "matching_sources", "articles", "total", "share", "first", "last", "words")
    for source in comparison.sources:
        yield (
            source.name,
            "; ".join(name for name, _ in source.matching_sources),
            source.articles,
            source.total,
            round(source.share, 6),
            _published(source.first) or "",
            _published(source.last) or "",
            "; ".join(word.word for word in source.words),
        )


def _published(article: Article | None) -> str | None:
    return article.published.iso if article and article.published else None


def _rows(source: SourceComparison, periods: Sequence[str]) -> Iterator[tuple[str, str]]:
    matching = source.matching_sources
    if len(matching) > 1 or matching[0][0] != source.name:
        yield _("sources"), ", ".join(f"{one_line(name)} {count:,}" for name, count in matching)
    yield (
        _("articles"),
        _(
            "{articles:,} of {total:,} ({share:.1%})",
            articles=source.articles,
            total=source.total,
            share=source.share,
        ),
    )
    if source.first and source.last:
        yield (
            _("published"),
            _(
                "{first} to {last}",
                first=display_date(source.first),
                last=display_date(source.last),
            ),
        )
    if source.months:
        busiest = max(source.months, key=lambda month: source.months[month])
        sparks = _sparkline([_count_in(source, period) for period in periods])
        span = _(
            "{first} to {last}, most in {busiest}: {months:,}",
            first=periods[0],
            last=periods[-1],
            busiest=busiest,
            months=source.months[busiest],
        )
        yield _("months"), f"{sparks}  {span}"
    if source.undated:
        yield _("undated"), _("{count:,} without a month", count=source.undated)
    words = (f"{one_line(w.word)} ({w.articles:,}:{w.elsewhere:,})" for w in source.words)
    yield _("words"), ", ".join(words) or _("none used significantly more than by the others")


def _periods(sources: Sequence[SourceComparison]) -> list[str]:
    """Return the periods of a sparkline: all months from first to last, or years if too many."""
    months = sorted({month for source in sources for month in source.months})
    if not months:
        return []
    first, last = (date.fromisoformat(f"{month}-01") for month in (months[0], months[-1]))
    numbers = range(month_index(first), month_index(last) + 1)
    if len(numbers) <= _MAX_SPARKS:
        return [month_span(number)[0].isoformat()[: len("2024-05")] for number in numbers]
    return [f"{year:04}" for year in range(first.year, last.year + 1)][-_MAX_SPARKS:]


def _count_in(source: SourceComparison, period: str) -> int:
    return sum(count for month, count in source.months.items() if month.startswith(period))


def _sparkline(counts: Iterable[int]) -> str:
    counts = list(counts)
    most = max(counts, default=0) or 1
    return "".join(_SPARKS[(count * 8 - 1) // most] if count else "·" for count in counts)

"""One query in several sources: how often and when each writes of it, and with which words.

Words are told apart by keyness: each source's articles on the query against those of the
other sources named, and nothing else of the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.errors import UsageError
from newsgrep.models import Article
from newsgrep.query.ast import And, DateRange, NameField, Node, scoring_terms
from newsgrep.query.parser import name_contains
from newsgrep.terminal import StyledLine, StyledText, one_line, pad
from newsgrep.views.hits import SCHEMA_VERSION, csv_row, shown_date
from newsgrep.views.keywords import (
    MAX_READ,
    MAX_SPELLING_ARTICLES,
    SIGNIFICANT_G2,
    Keyword,
    SegmentedText,
    best_keywords,
    count_containing,
    is_query_word,
    restore_spelling,
    signed_g2,
    word_document_counts,
)

if TYPE_CHECKING:
    from newsgrep.views.keywords import Keyword, Keywords


class SourceComparison(NamedTuple):
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


def compare_sources(
    engine: Engine, root: Node, asked: Sequence[str], limit: int
) -> tuple[SourceComparison, ...]:
    """Return a side for each name asked for, with at most ``limit`` words each.

    Raises :class:`UsageError` where a name holds for no source, or one source for two.
    """
    whole = [name_contains(NameField.SOURCE, name) for name in asked]
    known = _matching_sources(engine, asked, whole)
    nodes = [And((root, node)) for node in whole]
    sides = [
        _compare_source(engine, name, node, sources)
        for name, node, sources in zip(asked, nodes, known, strict=True)
    ]
    found = _distinctive_words(engine, root, nodes, [side.articles for side in sides])
    return tuple(
        side._replace(words=_best_words(engine, node, words, limit))
        for side, node, words in zip(sides, nodes, found, strict=True)
    )


def _matching_sources(
    engine: Engine, asked: Sequence[str], nodes: Sequence[Node]
) -> list[dict[str, int]]:
    """Return the sources that each name stands for, with all of their articles."""
    taken: dict[str, str] = {}
    known = []
    for name, node in zip(asked, nodes, strict=True):
        sources = dict(
            engine.search(EngineRequest(node, limit=0, facets=("source",))).facets["source"]
        )
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


def _compare_source(
    engine: Engine, asked: str, node: Node, known: dict[str, int]
) -> SourceComparison:
    page = engine.search(EngineRequest(node, limit=0, facets=("source", "month")))
    on_query = dict(page.facets["source"])
    months = {month: count for month, count in page.facets["month"] if len(month) > len("2024")}
    ends = [
        _first_article(engine, And((node, DateRange(None, None))), o)
        for o in (Order.OLDEST, Order.NEWEST)
    ]
    return SourceComparison(
        asked=asked,
        sources=tuple((source, on_query.get(source, 0)) for source in known),
        articles=page.total,
        total=sum(known.values()),
        first=ends[0],
        last=ends[1],
        months=dict(sorted(months.items())),
        undated=page.total - sum(months.values()),
    )


def _first_article(engine: Engine, node: Node, order: Order) -> Article | None:
    candidates = engine.search(EngineRequest(node, order, limit=1)).candidates
    return next(iter(engine.get(each.id for each in candidates)), None)


def _distinctive_words(
    engine: Engine, root: Node, nodes: Sequence[Node], sizes: Sequence[int]
) -> list[list[Keyword]]:
    """Return for each side the words that it uses more than the others do."""
    asked = frozenset(scoring_terms(root))
    counts: list[dict[str, int]] = []
    for node in nodes:
        page = engine.search(EngineRequest(node, limit=MAX_READ // len(nodes) + 1))
        ids = [candidate.id for candidate in page.candidates]
        texts = [SegmentedText(title, body) for title, body in engine.folded(ids)]
        counts.append(word_document_counts(engine, texts, node))
    words = sorted(set[str]().union(*counts))
    for having, node in zip(counts, nodes, strict=True):
        missing = [word for word in words if word not in having]
        terms = engine.document_frequencies(missing)
        having |= engine.document_frequencies([w for w in missing if terms[w]], node)
        having |= {
            word: count_containing(engine, word, node) for word in missing if not terms[word]
        }
    found = []
    for having, size in zip(counts, sizes, strict=True):
        others = sum(sizes) - size
        side = []
        for word in words:
            elsewhere = sum(other[word] for other in counts) - having[word]
            score = signed_g2(having[word], size, elsewhere, others)
            if score >= SIGNIFICANT_G2 and not is_query_word(word, asked):
                side.append(Keyword(word, having[word], elsewhere, score))
        found.append(side)
    return found


def _best_words(
    engine: Engine, node: Node, words: Sequence[Keyword], limit: int
) -> tuple[Keyword, ...]:
    page = engine.search(EngineRequest(node, limit=MAX_SPELLING_ARTICLES))
    articles = engine.get(candidate.id for candidate in page.candidates)
    return restore_spelling(best_keywords(words, limit), articles)


_SPARKS: Final = "▁▂▃▄▅▆▇█"
_MAX_SPARKS: Final = 60
_WORD_WIDTH: Final = 16


def keywords_to_text(found: Keywords) -> Iterator[StyledLine]:
    """Yield a line for each word, and a last one that says what was compared."""
    by_times = bool(found.words) and found.words[0].times is not None
    unit = "times" if by_times else "articles"
    yield StyledLine(
        [StyledText(f"{pad('word', _WORD_WIDTH)}{unit:>9}{'elsewhere':>11}{'score':>9}", "dim")]
    )
    for word in found.words:
        count = word.articles if word.times is None else word.times
        numbers = f"{count:>9,}{word.elsewhere:>11,}{word.score:>9.1f}"
        yield StyledLine(
            [StyledText(pad(one_line(word.word), _WORD_WIDTH), "title"), StyledText(numbers)]
        )
    articles = "1 article" if found.articles == 1 else f"{found.articles:,} articles"
    read = f", words from the best {found.read:,}" if found.read < found.articles else ""
    told = f"{found.statistic}: {articles} against {found.others:,} others{read}"
    yield StyledLine()
    yield StyledLine([StyledText(told, "dim")])


def keywords_to_json(found: Keywords, asked: str) -> dict[str, Any]:
    """Return telling words as one object."""
    return {
        "version": SCHEMA_VERSION,
        "query": asked,
        "statistic": found.statistic,
        "articles": found.articles,
        "read": found.read,
        "others": found.others,
        "words": list(map(_keyword_object, found.words)),
    }


def _keyword_object(word: Keyword) -> dict[str, Any]:
    told: dict[str, Any] = {
        "word": word.word,
        "articles": word.articles,
        "elsewhere": word.elsewhere,
        "score": round(word.score, 4),
    }
    return told if word.times is None else {**told, "occurrences": word.times}


def comparison_to_text(sides: Sequence[SourceComparison], statistic: str) -> Iterator[StyledLine]:
    """Yield a paragraph for each side, and what the words' scores are."""
    axis = _periods(sides)
    for side in sides:
        yield StyledLine([StyledText(one_line(side.asked), "title")])
        for name, text in _comparison_rows(side, axis):
            yield StyledLine([StyledText(text)], 12, f"  {name}")
        yield StyledLine()
    yield StyledLine(
        [StyledText(f"words: {statistic}, each source against the others; (here:there)", "dim")]
    )


def _comparison_rows(side: SourceComparison, axis: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(side.sources) > 1 or side.sources[0][0] != side.asked:
        yield "sources", ", ".join(f"{one_line(name)} {count:,}" for name, count in side.sources)
    yield "articles", f"{side.articles:,} of {side.total:,} ({_share(side):.1%})"
    if side.first and side.last:
        yield "published", f"{shown_date(side.first)} to {shown_date(side.last)}"
    if side.months:
        busiest = max(side.months, key=lambda month: side.months[month])
        bars = _sparkline([_count_in(side, period) for period in axis])
        span = f"{axis[0]} to {axis[-1]}, most in {busiest}: {side.months[busiest]:,}"
        yield "months", f"{bars}  {span}"
    if side.undated:
        yield "undated", f"{side.undated:,} without a month"
    words = (f"{one_line(w.word)} ({w.articles:,}:{w.elsewhere:,})" for w in side.words)
    yield "words", ", ".join(words) or "none that the others do not use as much"


def _share(side: SourceComparison) -> float:
    return side.articles / side.total if side.total else 0.0


def _periods(sides: Sequence[SourceComparison]) -> list[str]:
    """Return the periods of all bars: every month from first to last, or years if too many."""
    months = sorted({month for side in sides for month in side.months})
    if not months:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (months[0], months[-1]))
    if last - first < _MAX_SPARKS:
        return [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(first, last + 1)]
    return [f"{year:04}" for year in range(first // 12, last // 12 + 1)][-_MAX_SPARKS:]


def _count_in(side: SourceComparison, period: str) -> int:
    return sum(count for month, count in side.months.items() if month.startswith(period))


def _sparkline(counts: Iterable[int]) -> str:
    counts = list(counts)
    most = max(counts, default=0) or 1
    return "".join(_SPARKS[(count * 8 - 1) // most] if count else "·" for count in counts)


def comparison_to_json(
    sides: Sequence[SourceComparison], asked: str, statistic: str
) -> dict[str, Any]:
    """Return the sides as one object."""
    return {
        "version": SCHEMA_VERSION,
        "query": asked,
        "statistic": statistic,
        "sources": [
            {
                "name": side.asked,
                "matching_sources": dict(side.sources),
                "articles": side.articles,
                "total": side.total,
                "share": round(_share(side), 6),
                "first": _published(side.first),
                "last": _published(side.last),
                "months": side.months,
                "undated": side.undated,
                "words": list(map(_keyword_object, side.words)),
            }
            for side in sides
        ],
    }


def _published(article: Article | None) -> str | None:
    return article.published.iso if article and article.published else None


def comparison_to_csv(sides: Sequence[SourceComparison]) -> Iterator[str]:
    """Yield CSV: a heading, and a row for each side."""
    yield csv_row(
        ("name", "matching_sources", "articles", "total", "share", "first", "last", "words")
    )
    for side in sides:
        yield csv_row(
            (
                side.asked,
                "; ".join(source for source, _ in side.sources),
                side.articles,
                side.total,
                round(_share(side), 6),
                _published(side.first) or "",
                _published(side.last) or "",
                "; ".join(word.word for word in side.words),
            )
        )

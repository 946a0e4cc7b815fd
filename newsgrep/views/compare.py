"""Comparison of groups of articles: how many there are, when, and with which words.

The groups are the articles on a query in several sources or periods, those of several queries, or
those of a query and the rest. Words are compared by keyness: the articles of each group against
those of the others, not against the rest of the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.engines.base import Engine, EngineRequest, Order, count_matches, first_match
from newsgrep.errors import QueryError, UsageError
from newsgrep.messages import _, mark
from newsgrep.models import Article, month_index, month_span
from newsgrep.query.ast import (
    And,
    DateRange,
    MatchAll,
    NameField,
    Node,
    Not,
    Or,
    describe,
    scoring_terms,
)
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
from newsgrep.views.table import Table
from newsgrep.views.timeline import filters_only

if TYPE_CHECKING:
    from newsgrep.query.dates import Calendar

MAX_NAMES: Final = 50
"""Groups to compare: a group takes a dozen searches, and a column of counts for all words."""

REST: Final = "rest"
"""The name of the group of articles that do not match the query."""


class Kind(StrEnum):
    """What distinguishes the groups of a comparison."""

    SOURCES = "sources"
    PERIODS = "periods"
    QUERIES = "queries"
    REST = "rest"


class ComparedGroup(NamedTuple):
    """One group of articles.

    ``name`` is that of sources, a period or a query as typed, and ``parsed`` the query for its
    articles. ``matching_sources`` are the sources whose name contains ``name``, with the number of
    their articles in the group; they are empty unless sources are compared. There are ``articles``
    of ``total``: those that pass the same filters on any subject. ``months`` counts articles by
    month (``YYYY-MM``); ``undated`` articles are dated to the year or not at all. In ``words``,
    ``elsewhere`` counts the articles of the other groups that are not in this one.
    """

    name: str
    parsed: str
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
        """The share of articles in the group, from 0 to 1."""
        return self.articles / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Table[ComparedGroup]):
    """Groups of articles; ``kind`` says what distinguishes them, ``statistic`` what scores are.

    ``query`` is the first query as typed, ``parsed`` as it was understood. If the groups
    ``overlap``, some articles are in several of them.
    """

    query: str
    parsed: str
    kind: Kind
    statistic: str
    overlap: bool
    groups: tuple[ComparedGroup, ...]

    @property
    def items(self) -> Sequence[ComparedGroup]:
        """The groups."""
        return self.groups

    def to_dict(self) -> dict[str, Any]:
        """Return :func:`to_json`."""
        return to_json(self)

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield :func:`to_csv`."""
        return to_csv(self)


class _Group(NamedTuple):
    """A group before it is compared: ``root`` matches its articles, ``base`` those of its total."""

    name: str
    root: Node
    base: Node
    sources: tuple[str, ...] = ()


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
    base = filters_only(query.root)
    groups = [
        _Group(name, And((query.root, node)), _both(base, node), tuple(sources))
        for name, node, sources in zip(names, filters, matching, strict=True)
    ]
    return _compare(engine, [query], Kind.SOURCES, groups, limit)


def compare_periods(
    engine: Engine,
    query: Query,
    periods: Sequence[str],
    limit: int,
    calendar: Calendar | None = None,
) -> Comparison:
    """Return the comparison of periods, such as ``2023``, ``2024-05`` or ``2023..2024-06``.

    Raises :class:`UsageError` for more than :data:`MAX_NAMES` and for an invalid period.
    """
    from newsgrep.query.dates import calendar_in, date_field_filter  # other kinds need no dates

    _check_number(periods)
    calendar = calendar or calendar_in()
    base = filters_only(query.root)
    groups = []
    for period in periods:
        try:
            days = date_field_filter("date", period, calendar)
        except QueryError as exc:
            raise UsageError(
                "Invalid period “{period}”: {reason}", period=one_line(period), reason=exc
            ) from exc
        groups.append(_Group(period, _both(query.root, days), _both(base, days)))
    return _compare(engine, [query], Kind.PERIODS, groups, limit)


def compare_queries(engine: Engine, queries: Sequence[Query], limit: int) -> Comparison:
    """Return the comparison of the articles of several queries, at least two.

    Raises :class:`UsageError` for more than :data:`MAX_NAMES`.
    """
    _check_number(queries)
    groups = [_Group(each.text, each.root, filters_only(each.root)) for each in queries]
    return _compare(engine, queries, Kind.QUERIES, groups, limit)


def compare_rest(engine: Engine, query: Query, limit: int) -> Comparison:
    """Return the comparison of the articles of ``query`` with all others that pass its filters.

    Raises :class:`UsageError` if every one of them matches.
    """
    base = filters_only(query.root)
    rest = _both(base, Not(query.root))
    if not count_matches(engine, rest):
        raise UsageError(
            "Every article matches the query, so there is nothing to compare with. Add a word, or "
            "name --sources, --periods or another query."
        )
    groups = [_Group(query.text, query.root, base), _Group(REST, rest, base)]
    return _compare(engine, [query], Kind.REST, groups, limit)


def _check_number(items: Sequence[object]) -> None:
    if len(items) > MAX_NAMES:
        raise UsageError(
            "{count:,} groups, more than {most}. Compare fewer.", count=len(items), most=MAX_NAMES
        )


def _both(one: Node, other: Node) -> Node:
    if isinstance(one, MatchAll):
        return other
    return And((one, other))


def _compare(
    engine: Engine, queries: Sequence[Query], kind: Kind, groups: Sequence[_Group], limit: int
) -> Comparison:
    compared = [_describe_group(engine, group) for group in groups]
    nodes, sizes = [group.root for group in groups], [each.articles for each in compared]
    overlap = sum(sizes) > count_matches(engine, Or(tuple(nodes)))
    query_words = frozenset(word for query in queries for word in scoring_terms(query.root))
    found = _distinctive_words(engine, query_words, nodes, sizes, overlap=overlap)
    return Comparison(
        query=queries[0].text,
        parsed=describe(queries[0].root),
        kind=kind,
        statistic=KEYNESS_STATISTIC,
        overlap=overlap,
        groups=tuple(
            each._replace(words=_best_words(engine, node, words, limit))
            for each, node, words in zip(compared, nodes, found, strict=True)
        ),
    )


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


def _describe_group(engine: Engine, group: _Group) -> ComparedGroup:
    page = engine.search(EngineRequest(group.root, limit=0, facets=("source", "month")))
    in_source = dict(page.facets["source"])
    months = {month: count for month, count in page.facets["month"] if len(month) > len("2024")}
    dated = And((group.root, DateRange(None, None)))
    return ComparedGroup(
        name=group.name,
        parsed=describe(group.root),
        matching_sources=tuple((source, in_source.get(source, 0)) for source in group.sources),
        articles=page.total,
        total=count_matches(engine, group.base),
        first=first_match(engine, dated, Order.OLDEST),
        last=first_match(engine, dated, Order.NEWEST),
        months=dict(sorted(months.items())),
        undated=page.total - sum(months.values()),
    )


def _distinctive_words(
    engine: Engine,
    query_words: frozenset[str],
    nodes: Sequence[Node],
    sizes: Sequence[int],
    *,
    overlap: bool,
) -> list[list[Keyword]]:
    """Return for each group the words in significantly more of its articles."""
    # Each word is counted in the articles of each group.
    most = min(MAX_WORDS, 2 * MAX_WORDS // len(nodes))
    counts: list[dict[str, int]] = []
    for node in nodes:
        page = engine.search(EngineRequest(node, limit=MAX_READ // len(nodes) + 1))
        ids = [candidate.id for candidate in page.candidates]
        counts.append(word_document_counts(engine, read_texts(engine, ids), node, most))
    words = sorted(set[str]().union(*counts))
    for containing, node in zip(counts, nodes, strict=True):
        _count_missing(engine, words, containing, node)
    found = []
    for at, (containing, size) in enumerate(zip(counts, sizes, strict=True)):
        if overlap:
            # The articles of the other groups that are not in this one.
            outside = And((Or((*nodes[:at], *nodes[at + 1 :])), Not(nodes[at])))
            others, elsewhere = count_matches(engine, outside), dict[str, int]()
            _count_missing(engine, words, elsewhere, outside)
        else:
            others = sum(sizes) - size
            elsewhere = {w: sum(each[w] for each in counts) - containing[w] for w in words}
        scored = (
            Keyword(
                word,
                containing[word],
                elsewhere[word],
                signed_g2(containing[word], size, elsewhere[word], others),
            )
            for word in words
            if not is_query_word(word, query_words)
        )
        found.append([each for each in scored if each.score >= SIGNIFICANT_G2])
    return found


def _count_missing(
    engine: Engine, words: Sequence[str], containing: dict[str, int], node: Node
) -> None:
    """Count the articles of ``node`` that contain each of ``words`` without a count."""
    missing = [word for word in words if word not in containing]
    terms = engine.document_frequencies(missing)
    containing |= engine.document_frequencies([w for w in missing if terms[w]], node)
    containing |= {
        word: count_containing(engine, word, node) for word in missing if not terms[word]
    }


def _best_words(
    engine: Engine, node: Node, words: Sequence[Keyword], limit: int
) -> tuple[Keyword, ...]:
    page = engine.search(EngineRequest(node, limit=MAX_SPELLING_ARTICLES))
    originals = read_spellings(engine, [candidate.id for candidate in page.candidates])
    return restore_spelling(best_keywords(words, limit), originals)


# Forms

_NAMES: Final = {REST: mark("other articles")}
_LABEL_WIDTH: Final = 12
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_MAX_SPARKS: Final = 60


def to_text(comparison: Comparison, _screen: Screen) -> Iterator[StyledLine]:
    """Yield a paragraph for each group, and a line on the words' scores."""
    periods = _periods(comparison.groups)
    for group in comparison.groups:
        name = _NAMES[group.name] if comparison.kind is Kind.REST and group.name == REST else ""
        name = _(name) if name else one_line(group.name)
        yield StyledLine([StyledText(name, "title")])
        for label, text in _rows(group, periods):
            yield StyledLine([StyledText(text)], _LABEL_WIDTH, f"  {label}")
        yield StyledLine()
    note = _(
        "words: {statistic}, each group against the others; (here:there)",
        statistic=_(comparison.statistic),
    )
    yield StyledLine([StyledText(note, "dim")])
    if comparison.overlap:
        note = _("Articles in several groups count in each, and not among its others.")
        yield StyledLine([StyledText(note, "dim")])


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as a complete object."""
    return {
        "version": SCHEMA_VERSION,
        "query": comparison.query,
        "parsed": comparison.parsed,
        "kind": comparison.kind.value,
        "statistic": comparison.statistic,
        "overlap": comparison.overlap,
        "groups": [
            {
                "name": group.name,
                "parsed": group.parsed,
                "matching_sources": dict(group.matching_sources),
                "articles": group.articles,
                "total": group.total,
                "share": round(group.share, 6),
                "first": _published(group.first),
                "last": _published(group.last),
                "months": group.months,
                "undated": group.undated,
                "words": [keyword_object(word) for word in group.words],
            }
            for group in comparison.groups
        ],
    }


def to_csv(comparison: Comparison) -> Iterator[Sequence[object]]:
    """Yield a row for each group."""
    yield ("name", "matching_sources", "articles", "total", "share", "first", "last", "words")
    for group in comparison.groups:
        yield (
            group.name,
            "; ".join(name for name, _ in group.matching_sources),
            group.articles,
            group.total,
            round(group.share, 6),
            _published(group.first) or "",
            _published(group.last) or "",
            "; ".join(word.word for word in group.words),
        )


def _published(article: Article | None) -> str | None:
    return article.published.iso if article and article.published else None


def _rows(group: ComparedGroup, periods: Sequence[str]) -> Iterator[tuple[str, str]]:
    matching = group.matching_sources
    if len(matching) > 1 or (matching and matching[0][0] != group.name):
        yield _("sources"), ", ".join(f"{one_line(name)} {count:,}" for name, count in matching)
    yield (
        _("articles"),
        _(
            "{articles:,} of {total:,} ({share:.1%})",
            articles=group.articles,
            total=group.total,
            share=group.share,
        ),
    )
    if group.first and group.last:
        yield (
            _("published"),
            _(
                "{first} to {last}",
                first=display_date(group.first),
                last=display_date(group.last),
            ),
        )
    if group.months:
        busiest = max(group.months, key=lambda month: group.months[month])
        sparks = _sparkline([_count_in(group, period) for period in periods])
        span = _(
            "{first} to {last}, most in {busiest}: {months:,}",
            first=periods[0],
            last=periods[-1],
            busiest=busiest,
            months=group.months[busiest],
        )
        label = _("years") if len(periods[0]) == len("2024") else _("months")
        yield label, f"{sparks}  {span}"
    if group.undated:
        yield _("undated"), _("{count:,} without a month", count=group.undated)
    words = (f"{one_line(w.word)} ({w.articles:,}:{w.elsewhere:,})" for w in group.words)
    yield _("words"), ", ".join(words) or _("none used significantly more than by the others")


def _periods(groups: Sequence[ComparedGroup]) -> list[str]:
    """Return the periods of a sparkline: all months from first to last, or years if too many."""
    months = sorted({month for group in groups for month in group.months})
    if not months:
        return []
    first, last = (date.fromisoformat(f"{month}-01") for month in (months[0], months[-1]))
    numbers = range(month_index(first), month_index(last) + 1)
    if len(numbers) <= _MAX_SPARKS:
        return [month_span(number)[0].isoformat()[: len("2024-05")] for number in numbers]
    return [f"{year:04}" for year in range(first.year, last.year + 1)][-_MAX_SPARKS:]


def _count_in(group: ComparedGroup, period: str) -> int:
    return sum(count for month, count in group.months.items() if month.startswith(period))


def _sparkline(counts: Iterable[int]) -> str:
    counts = list(counts)
    most = max(counts, default=0) or 1
    return "".join(_SPARKS[(count * 8 - 1) // most] if count else "·" for count in counts)

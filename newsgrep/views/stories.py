"""Collapsed search results: reprints of one text are one hit, with the other versions listed.

Two articles are one story if their texts are equal except for small edits, another title or a
cut end. Folded texts are compared, so that a traditional text equals its simplified version.
The comparison is exact: it counts shared clauses, without sketches, samples or chance.

Stories are formed among the best hits of the whole result, whatever page is shown, so that
pages neither repeat nor skip hits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime, time
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.engines.base import Engine
from newsgrep.messages import _, localize, message
from newsgrep.models import ARCHIVE_ZONE, Article, Precision
from newsgrep.query.ast import describe
from newsgrep.search.search import SearchRequest, SearchResult, fetch_page, make_hits
from newsgrep.terminal import Screen, StyledLine, StyledText, count_noun, one_line
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import display_date
from newsgrep.views.hits import (
    CSV_COLUMNS,
    csv_cells,
    hit_lines,
    rank_range,
    result_object,
)

if TYPE_CHECKING:
    from newsgrep.models import Hit

COLLAPSE_WINDOW: Final = 300
"""Number of hits that are compared, from the first of the result; later ones are not."""

_MAX_NAMED: Final = 5
"""Other versions that a line of text names."""


class Story(NamedTuple):
    """The other versions of the article that a hit shows.

    ``others`` are ordered by date, those without a date last. ``first`` is the id of the
    version, shown or other, that was published first; ``None`` if the dates do not say.
    """

    others: tuple[Article, ...]
    first: str | None


class CollapsedPage(NamedTuple):
    """A page of stories.

    ``result.hits`` contains the best-ranked article of each story and ``stories[n]`` the other
    versions of ``result.hits[n]``. Ranks count stories; ``result.total`` counts articles.
    ``compared`` is the number of articles compared, ``distinct`` of stories among them.
    """

    result: SearchResult
    stories: tuple[Story, ...]
    compared: int
    distinct: int


def search_collapsed(engine: Engine, request: SearchRequest) -> CollapsedPage:
    """Return the page of stories for ``request``, whose offset and limit count stories."""
    started = perf_counter()
    window, folded, features, _ = fetch_page(
        engine, request._replace(offset=0, limit=COLLAPSE_WINDOW)
    )
    ids = [candidate.id for candidate in window.candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    folded |= zip(missing, engine.folded_texts(missing), strict=True)
    articles = engine.get(ids)
    groups = group_stories([story_features(*folded[each.id], each.source) for each in articles])
    end = request.offset + request.limit
    shown = groups[request.offset : end]
    candidates = [window.candidates[group[0]] for group in shown]
    stories = [_make_story([articles[number] for number in group]) for group in shown]
    if end > len(groups) and window.total > len(ids):
        # After the stories of the window, every hit is a story of one article.
        start = max(request.offset - len(groups), 0)
        rest = request._replace(
            offset=COLLAPSE_WINDOW + start, limit=end - max(len(groups), request.offset), facets=()
        )
        beyond = fetch_page(engine, rest).page
        candidates += beyond.candidates
        stories += [Story((), None)] * len(beyond.candidates)
    result = SearchResult(
        request=request,
        parsed=describe(request.query.root),
        total=window.total,
        hits=make_hits(engine, candidates, request, request.offset + 1, folded),
        took_ms=(perf_counter() - started) * 1000,
        facets=window.facets,
        features=features,
        offset=request.offset,
    )
    return CollapsedPage(result, tuple(stories), len(ids), len(groups))


# Forms


def to_text(
    page: CollapsedPage, _: Screen, *, next_step: str = "", gone: Container[str] = ()
) -> Iterator[StyledLine]:
    """Yield all hits, each with a line on its other versions, and a last line with totals.

    ``next_step`` and ``gone`` are those of :func:`newsgrep.views.hits.to_text`.
    """
    hits = page.result.hits
    indent = len(str(hits[-1].rank)) + 2 if hits else 0
    for hit, story in zip(hits, page.stories, strict=True):
        note = story_note(hit.article, story)
        notes = [StyledLine([StyledText(note)], indent)] if note else []
        yield from hit_lines(hit, indent, notes, gone=hit.article.id in gone)
        yield StyledLine()
    step = f" · {next_step}" if next_step else ""
    yield StyledLine([StyledText(_summary(page) + step, "dim")])


def to_json(page: CollapsedPage) -> dict[str, Any]:
    """Return a complete result with its stories; docs/search.schema.json describes it."""
    return {
        "version": SCHEMA_VERSION,
        **result_object(page.result),
        "stories": {"compared": page.compared, "distinct": page.distinct},
        "hits": list(_hit_objects(page)),
    }


def to_jsonl(page: CollapsedPage) -> Iterator[dict[str, Any]]:
    """Yield an object for each hit, with its story."""
    for hit in _hit_objects(page):
        yield {"version": SCHEMA_VERSION, **hit}


def to_csv(page: CollapsedPage) -> Iterator[Sequence[object]]:
    """Yield a row for each hit, with three more columns.

    They are the number of other versions, their sources and dates, and those of the first.
    """
    yield (*CSV_COLUMNS, "more", "more_from", "first")
    for hit, story in zip(page.result.hits, page.stories, strict=True):
        others = "; ".join(_source_and_date(other) for other in story.others)
        yield (*csv_cells(hit), len(story.others), others, _first_version(hit, story))


def story_note(shown: Article, story: Story) -> str:
    """Return which sources have the article as well, and which was first; or nothing."""
    if not story.others:
        return ""
    named = [
        _("{source} (first)", source=_source_and_date(other))
        if other.id == story.first
        else localize(_source_and_date(other))
        for other in story.others[:_MAX_NAMED]
    ]
    if len(story.others) > _MAX_NAMED:
        named.append("…")
    note = _("and {count:,} more: {named}", count=len(story.others), named=", ".join(named))
    if story.first == shown.id:
        return _("{note}; this one was first", note=note)
    return note if story.first else _("{note}; which was first is not known", note=note)


def _source_and_date(article: Article) -> str:
    source = one_line(article.source) if article.source else message("unknown source")
    return message("{source} {date}", source=source, date=display_date(article))


def _first_version(hit: Hit, story: Story) -> str:
    versions = (hit.article, *story.others)
    return next((_source_and_date(each) for each in versions if each.id == story.first), "")


def _summary(page: CollapsedPage) -> str:
    result, shown = page.result, len(page.result.hits)
    whole = page.compared == result.total
    stories = count_noun(page.distinct, "story", "stories")
    articles = _(
        "{articles} in {ms:.0f} ms",
        articles=count_noun(result.total, "article"),
        ms=result.took_ms,
    )
    all_shown = whole and shown == page.distinct
    ranks = rank_range(result.hits) if shown and not all_shown else ""
    if whole:
        if not ranks:
            return _("{stories}, {articles}", stories=stories, articles=articles)
        return _(
            "{ranks} of {stories}, {articles}", ranks=ranks, stories=stories, articles=articles
        )
    compared = _("the first {compared:,} are {stories}", compared=page.compared, stories=stories)
    if not ranks:
        return _("{articles}; {compared}", articles=articles, compared=compared)
    return _(
        "hits {ranks}; {articles}; {compared}", ranks=ranks, articles=articles, compared=compared
    )


def _hit_objects(page: CollapsedPage) -> Iterator[dict[str, Any]]:
    for hit, story in zip(page.result.hits, page.stories, strict=True):
        yield {**hit.to_dict(), "story": _story_object(story)}


def _story_object(story: Story) -> dict[str, Any]:
    return {
        "articles": 1 + len(story.others),
        "first": story.first,
        "others": [
            {
                "id": other.id,
                "title": other.title,
                "source": other.source,
                "url": other.url,
                "published": other.published.iso if other.published else None,
                "precision": other.published.precision.value if other.published else None,
                "path": other.path,
            }
            for other in story.others
        ],
    }


# Which version was first

_MIN_DATED: Final = 2
_UNKNOWN_SPAN: Final = (float("inf"), float("inf"))
_PRECISION_SECONDS: Final = {Precision.SECOND: 1.0, Precision.MINUTE: 60.0}
_DAY_SECONDS: Final = 86_400.0


def _make_story(articles: list[Article]) -> Story:
    others = articles[1:]
    others.sort(key=lambda article: (_publication_span(article) or _UNKNOWN_SPAN, article.id))
    return Story(tuple(others), first_published(articles))


def first_published(articles: Iterable[Article]) -> str | None:
    """Return the id of the article that was certainly published before all others.

    A date known to the day may be any time of that day, so it is not before a time on the
    same day. Articles without a date are ignored. Returns
    ``None`` if fewer than two are left, or if their order is not certain.
    """
    spans = {article.id: span for article in articles if (span := _publication_span(article))}
    if len(spans) < _MIN_DATED:
        return None
    earliest = min(spans, key=lambda each: spans[each][1])
    end = spans[earliest][1]
    starts = (start for each, (start, _) in spans.items() if each != earliest)
    return earliest if all(end <= start for start in starts) else None


def _publication_span(article: Article) -> tuple[float, float] | None:
    """Return the earliest and the latest possible time of publication, in epoch seconds."""
    published = article.published
    if published is None:
        return None
    if seconds := _PRECISION_SECONDS.get(published.precision):
        start = published.sort_key()
        return start, start + seconds
    first, last = (
        datetime.combine(day, time.min, ARCHIVE_ZONE).timestamp()
        for day in published.days(ARCHIVE_ZONE)
    )
    return first, last + _DAY_SECONDS


# Comparing texts

MIN_OVERLAP: Final = 0.95
"""Share of the shorter text that the other must contain for two texts to be one story."""

MIN_EDITED_OVERLAP: Final = 0.75
"""The share that is enough if something else also indicates a reprint."""

LONG_OVERLAP: Final = 2_000
"""Shared characters that indicate a reprint: the frame of a bulletin is never so long."""

MIN_CHARACTERS: Final = 60
"""Shared characters below which two texts are one story only if they are equal."""

_MIN_LENGTH_RATIO: Final = 0.5
"""Less than half of a text is an excerpt, and a digest contains many of those."""

_MIN_EQUAL_CHARACTERS: Final = 20
_MAX_OTHER_NUMBERS: Final = 0.1

_CLAUSE_END: Final = re.compile(r"[。！？；，、：…!?;,:|\n]+|\.(?!\d)")
_NOISE: Final = re.compile(r"[\W_]+")
_NOISE_INSIDE: Final = re.compile(r"(?:[^\w。！？；，、：…!?;,:|\n.]|_)+")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*|[〇零一二三四五六七八九十百千万亿两]{2,}")


class StoryFeatures(NamedTuple):
    """What is compared of an article.

    ``clauses`` are the clauses of the body, reduced to letters, digits and Han; ``size`` is
    the number of their characters, each clause counted once. ``numbers`` are those in the body.
    """

    title: str
    clauses: frozenset[str]
    size: int
    numbers: frozenset[str]
    source: str | None


def story_features(title: str, body: str, source: str | None) -> StoryFeatures:
    """Return what is compared of an article with this folded title and folded body."""
    parts = _CLAUSE_END.split(_NOISE_INSIDE.sub("", body))
    clauses = frozenset(part for part in parts if len(part) > 1)
    size = sum(map(len, clauses))
    numbers = frozenset(_NUMBER.findall(body))
    return StoryFeatures(_NOISE.sub("", title), clauses, size, numbers, source)


def _overlaps_enough(one: StoryFeatures, other: StoryFeatures, common: int) -> bool:
    """Return whether two articles are one story; ``common`` counts shared characters."""
    shorter, longer = sorted((one, other), key=lambda each: (each.size, len(each.numbers)))
    if common < MIN_EDITED_OVERLAP * shorter.size or shorter.size < _MIN_LENGTH_RATIO * longer.size:
        return False
    if common < MIN_CHARACTERS:
        equal = one.clauses == other.clauses and one.numbers == other.numbers
        return equal and one.title == other.title and common >= _MIN_EQUAL_CHARACTERS
    # Bulletins of two days share a frame and differ in their numbers. Two notices of one outlet
    # in nearly the same words are two stories, but the same words in two outlets are one.
    two_sources = one.source != other.source and bool(one.source and other.source)
    missing = len(shorter.numbers - longer.numbers)
    if missing > (_MAX_OTHER_NUMBERS * len(shorter.numbers) if two_sources else 0):
        return False
    return common >= MIN_OVERLAP * shorter.size or common >= LONG_OVERLAP or two_sources


def group_stories(articles: Sequence[StoryFeatures]) -> list[list[int]]:
    """Return the numbers of the articles of each story, stories in the order of their first.

    Every article of a story is similar to its first one, not just to another one, so that a
    chain of small differences does not collapse. Of several stories, an article belongs to the
    first one with which it shares most.
    """
    containing = Counter(clause for article in articles for clause in article.clauses)
    firsts: dict[str, list[int]] = {clause: [] for clause, n in containing.items() if n > 1}
    stories: dict[int, list[int]] = {}
    for number, article in enumerate(articles):
        common: Counter[int] = Counter()
        shared = article.clauses & firsts.keys()
        for clause in shared:
            for first in firsts[clause]:
                common[first] += len(clause)
        similar = [
            (-characters, first)
            for first, characters in common.items()
            if _overlaps_enough(article, articles[first], characters)
        ]
        if similar:
            stories[min(similar)[1]].append(number)
            continue
        stories[number] = [number]
        for clause in shared:
            firsts[clause].append(number)
    return list(stories.values())

"""Hits folded into stories: reprints of one text are one hit that tells who else has it.

Stories are made among the best hits of the whole answer, whatever page is shown, so that
pages neither repeat nor skip.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsgrep.engines.base import Engine
from newsgrep.models import ARCHIVE_ZONE, GUESSED_DATES, Article, Precision
from newsgrep.query.ast import describe
from newsgrep.search.search import SearchRequest, SearchResult, fetch_page, make_hits
from newsgrep.terminal import StyledLine, StyledText, one_line
from newsgrep.views.hits import CSV_COLUMNS, csv_cells, csv_row, hit_lines, hit_to_json, shown_date

if TYPE_CHECKING:
    from newsgrep.models import Hit


COLLAPSE_WINDOW: Final = 300
"""How many of the first hits, in the order asked for, are compared; later ones stand alone."""


class Story(NamedTuple):
    """Who else has the article that is shown.

    ``others`` are in the order of their dates, those without one last. ``first`` is the
    id of the article, shown or other, that was published before all others; ``None``
    where their dates do not tell.
    """

    others: tuple[Article, ...]
    first: str | None


class CollapsedPage(NamedTuple):
    """A page of stories.

    ``result.hits`` shows the best-ranked article of each, ranks count stories, and
    ``result.total`` still counts articles. ``stories[n]`` belongs to the hit n.
    ``compared`` is how many articles were compared, ``distinct`` how many stories they are.
    """

    result: SearchResult
    stories: tuple[Story, ...]
    compared: int
    distinct: int


def search_collapsed(engine: Engine, request: SearchRequest) -> CollapsedPage:
    """Return the page of stories that ``request`` asks for; its offset counts stories."""
    started = perf_counter()
    window, folded, features, _ = fetch_page(
        engine, request._replace(offset=0, limit=COLLAPSE_WINDOW)
    )
    ids = [candidate.id for candidate in window.candidates]
    missing = [article_id for article_id in ids if article_id not in folded]
    folded |= zip(missing, engine.folded(missing), strict=True)
    articles = engine.get(ids)
    groups = group_stories([story_features(*folded[each.id], each.source) for each in articles])
    end = request.offset + request.limit
    shown = groups[request.offset : end]
    candidates = [window.candidates[group[0]] for group in shown]
    told = [_make_story([articles[place] for place in group]) for group in shown]
    if end > len(groups) and window.total > len(ids):
        # What lies beyond the window follows its stories, one article each.
        start = max(request.offset - len(groups), 0)
        rest = request._replace(
            offset=COLLAPSE_WINDOW + start, limit=end - max(len(groups), request.offset), facets=()
        )
        beyond = fetch_page(engine, rest).page
        candidates += beyond.candidates
        told += [Story((), None)] * len(beyond.candidates)
    hits = make_hits(engine, candidates, request, request.offset + 1, folded)
    took = (perf_counter() - started) * 1000
    parsed = describe(request.query.root)
    result = SearchResult(request, parsed, window.total, hits, took, window.facets, features)
    return CollapsedPage(result, tuple(told), len(ids), len(groups))


def _make_story(articles: list[Article]) -> Story:
    others = articles[1:]
    others.sort(key=lambda article: (_publication_span(article) or _UNKNOWN_SPAN, article.id))
    return Story(tuple(others), first_published(articles))


def first_published(articles: Iterable[Article]) -> str | None:
    """Return the id of the article that was certainly published before all others.

    A date known to the day is any moment of that day, so it is not before a time on the
    same day. Articles without a date, or with that of their file only, are passed over;
    ``None`` where that leaves fewer than two, or their order is not known.
    """
    spans = {article.id: span for article in articles if (span := _publication_span(article))}
    if len(spans) < _MIN_DATED:
        return None
    earliest = min(spans, key=lambda each: spans[each][1])
    before = spans[earliest][1]
    later = (begins for each, (begins, _) in spans.items() if each != earliest)
    return earliest if all(before <= begins for begins in later) else None


_MIN_DATED: Final = 2
_UNKNOWN_SPAN: Final = (float("inf"), float("inf"))
_PRECISION_SECONDS: Final = {Precision.SECOND: 1.0, Precision.MINUTE: 60.0}
_DAY_SECONDS: Final = 86_400.0


def _publication_span(article: Article) -> tuple[float, float] | None:
    """Return the seconds from which and before which an article must have been published."""
    published = article.published
    if published is None or article.provenance.get("published") in GUESSED_DATES:
        return None
    if seconds := _PRECISION_SECONDS.get(published.precision):
        begins = published.sort_key()
        return begins, begins + seconds
    first, last = (
        datetime.combine(day, time.min, ARCHIVE_ZONE).timestamp()
        for day in published.days(ARCHIVE_ZONE)
    )
    return first, last + _DAY_SECONDS


MIN_OVERLAP: Final = 0.95
"""Share of the shorter text that is in the other, from which two texts are one story."""

MIN_EDITED_OVERLAP: Final = 0.75
"""The share that is enough where something else speaks for a reprint, too."""

LONG_OVERLAP: Final = 2_000
"""Characters in common that speak for a reprint: no frame of a bulletin is so long."""

MIN_CHARACTERS: Final = 60
"""Characters in common below which two texts are one story only if they are equal."""

_MIN_LENGTH_RATIO: Final = (
    0.5  # less than half of a text is an excerpt, and a digest holds many of those
)
_MIN_EQUAL_CHARACTERS: Final = 20
_MAX_OTHER_FIGURES: Final = 0.1

_CLAUSE_END: Final = re.compile(r"[。！？；，、：…!?;,:|\n]+|\.(?!\d)")
_NOISE: Final = re.compile(r"[\W_]+")
_NOISE_INSIDE: Final = re.compile(r"(?:[^\w。！？；，、：…!?;,:|\n.]|_)+")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*|[〇零一二三四五六七八九十百千万亿两]{2,}")


class StoryFeatures(NamedTuple):
    """What is compared of an article.

    ``clauses`` are the body's, without anything but letters, digits and Han; ``size``
    counts their characters, each clause once. ``figures`` are the numbers in the body.
    """

    title: str
    clauses: frozenset[str]
    size: int
    figures: frozenset[str]
    source: str | None


def story_features(title: str, body: str, source: str | None) -> StoryFeatures:
    """Return what is compared of an article with this folded title and body."""
    parts = _CLAUSE_END.split(_NOISE_INSIDE.sub("", body))
    clauses = frozenset(part for part in parts if len(part) > 1)
    size = sum(map(len, clauses))
    figures = frozenset(_NUMBER.findall(body))
    return StoryFeatures(_NOISE.sub("", title), clauses, size, figures, source)


def is_same_story(one: StoryFeatures, other: StoryFeatures) -> bool:
    """Return whether two articles are versions of one story."""
    return _overlaps_enough(one, other, sum(map(len, one.clauses & other.clauses)))


def _overlaps_enough(one: StoryFeatures, other: StoryFeatures, common: int) -> bool:
    """Decide it, given how many characters of clauses they have in common."""
    shorter, longer = sorted((one, other), key=lambda each: (each.size, len(each.figures)))
    if common < MIN_EDITED_OVERLAP * shorter.size or shorter.size < _MIN_LENGTH_RATIO * longer.size:
        return False
    if common < MIN_CHARACTERS:
        equal = one.clauses == other.clauses and one.figures == other.figures
        return equal and one.title == other.title and common >= _MIN_EQUAL_CHARACTERS
    # Bulletins of two days have a frame in common, and differ in their figures; what an
    # outlet announces twice in nearly the same words are two things, but what two outlets
    # tell in nearly the same words is one.
    from_two = one.source != other.source and bool(one.source and other.source)
    missing = len(shorter.figures - longer.figures)
    if missing > (_MAX_OTHER_FIGURES * len(shorter.figures) if from_two else 0):
        return False
    return common >= MIN_OVERLAP * shorter.size or common >= LONG_OVERLAP or from_two


def group_stories(articles: Sequence[StoryFeatures]) -> list[list[int]]:
    """Return which articles are one story: their places, the first of each story in order.

    Every article in a story is like its first one, not only like another of them: a
    chain of small differences folds nothing. Among several it goes to the first story
    that has most in common with it.
    """
    having = Counter(clause for article in articles for clause in article.clauses)
    leaders: dict[str, list[int]] = {clause: [] for clause, count in having.items() if count > 1}
    found: dict[int, list[int]] = {}
    for place, article in enumerate(articles):
        common: Counter[int] = Counter()
        shared = article.clauses & leaders.keys()
        for clause in shared:
            for leader in leaders[clause]:
                common[leader] += len(clause)
        alike = [
            (-characters, leader)
            for leader, characters in common.items()
            if _overlaps_enough(article, articles[leader], characters)
        ]
        if alike:
            found[min(alike)[1]].append(place)
            continue
        found[place] = [place]
        for clause in shared:
            leaders[clause].append(place)
    return list(found.values())


_MAX_NAMED: Final = 5
"""How many of the others a line names."""


def stories_to_text(folded: CollapsedPage) -> Iterator[StyledLine]:
    """Yield the lines of all hits with who else has each, and a last one with totals."""
    hits = folded.result.hits
    indent = len(str(hits[-1].rank)) + 2 if hits else 0
    for hit, story in zip(hits, folded.stories, strict=True):
        more = story_note(hit.article, story)
        yield from hit_lines(hit, indent, [StyledLine([StyledText(more)], indent)] if more else [])
        yield StyledLine()
    yield StyledLine([StyledText(_summary(folded), "dim")])


def story_note(shown: Article, story: Story) -> str:
    """Return who else has the article that is shown, and who published it first; or nothing."""
    if not story.others:
        return ""
    named = [
        _source_and_date(other) + (" (first)" if other.id == story.first else "")
        for other in story.others[:_MAX_NAMED]
    ]
    if len(story.others) > _MAX_NAMED:
        named.append("…")
    note = f"and {len(story.others):,} more: {', '.join(named)}"
    if story.first == shown.id:
        return f"{note}; this one was first"
    return note if story.first else f"{note}; which was first is not known"


def _source_and_date(article: Article) -> str:
    source = one_line(article.source) if article.source else "unknown source"
    return f"{source} {shown_date(article)}".rstrip()


def _summary(folded: CollapsedPage) -> str:
    result, shown = folded.result, len(folded.result.hits)
    whole = folded.compared == result.total
    stories = _counted(folded.distinct, "story", "stories")
    articles = _counted(result.total, "article", "articles")
    time = f"{result.took_ms:.0f} ms"
    ranks = ""
    if shown and not (whole and shown == folded.distinct):
        first, last = result.hits[0].rank, result.hits[-1].rank
        ranks = f"{first:,}–{last:,}" if first < last else f"{first:,}"
    if whole:
        return f"{ranks} of {stories}, {articles} in {time}".removeprefix(" of ")
    compared = f"the first {folded.compared:,} are {stories}"
    return f"hits {ranks}; {articles} in {time}; {compared}".removeprefix("hits ; ")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def stories_to_json(told: dict[str, Any], folded: CollapsedPage) -> dict[str, Any]:
    """Return ``told``, a result as an object, with what is known of stories."""
    told["stories"] = {"compared": folded.compared, "distinct": folded.distinct}
    told["hits"] = story_objects(folded)
    return told


def story_objects(folded: CollapsedPage) -> list[dict[str, Any]]:
    """Return each hit with its story."""
    return [
        {**hit_to_json(hit), "story": _story_object(story)}
        for hit, story in zip(folded.result.hits, folded.stories, strict=True)
    ]


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


def stories_to_csv(folded: CollapsedPage) -> Iterator[str]:
    """Yield CSV of hits with three more columns: how many more, from whom, who was first."""
    yield csv_row((*CSV_COLUMNS, "more", "more_from", "first"))
    for hit, story in zip(folded.result.hits, folded.stories, strict=True):
        others = "; ".join(_source_and_date(other) for other in story.others)
        yield csv_row((*csv_cells(hit), len(story.others), others, _first_source(hit, story)))


def _first_source(hit: Hit, story: Story) -> str:
    known = (hit.article, *story.others)
    return next((_source_and_date(each) for each in known if each.id == story.first), "")

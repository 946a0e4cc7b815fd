"""Stories for people and for scripts: what a folded hit says of the articles behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from newsgrep.models import Article
from newsgrep.output.human import hit_lines, shown_date
from newsgrep.output.machine import hit_object
from newsgrep.output.safe import one_line
from newsgrep.output.styled import Line, Piece
from newsgrep.output.table import COLUMNS, cells, csv_row

if TYPE_CHECKING:
    from newsgrep.models import Hit
    from newsgrep.views.stories import Folded, Story

_NAMED: Final = 5
"""How many of the others a line names."""


def story_lines(folded: Folded) -> Iterator[Line]:
    """Yield the lines of all hits with who else has each, and a last one with totals."""
    hits = folded.result.hits
    indent = len(str(hits[-1].rank)) + 2 if hits else 0
    for hit, story in zip(hits, folded.stories, strict=True):
        more = story_note(hit.article, story)
        yield from hit_lines(hit, indent, [Line([Piece(more)], indent)] if more else [])
        yield Line()
    yield Line([Piece(_totals(folded), "dim")])


def story_note(shown: Article, story: Story) -> str:
    """Return who else has the article that is shown, and who published it first; or nothing."""
    if not story.others:
        return ""
    named = [
        _who(other) + (" (first)" if other.id == story.first else "")
        for other in story.others[:_NAMED]
    ]
    if len(story.others) > _NAMED:
        named.append("…")
    note = f"and {len(story.others):,} more: {', '.join(named)}"
    if story.first == shown.id:
        return f"{note}; this one was first"
    return note if story.first else f"{note}; which was first is not known"


def _who(article: Article) -> str:
    source = one_line(article.source) if article.source else "unknown source"
    return f"{source} {shown_date(article)}".rstrip()


def _totals(folded: Folded) -> str:
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


def folded_object(told: dict[str, Any], folded: Folded) -> dict[str, Any]:
    """Return ``told``, a result as an object, with what is known of stories."""
    told["stories"] = {"compared": folded.compared, "distinct": folded.distinct}
    told["hits"] = story_objects(folded)
    return told


def story_objects(folded: Folded) -> list[dict[str, Any]]:
    """Return each hit with its story."""
    return [
        {**hit_object(hit), "story": _story(story)}
        for hit, story in zip(folded.result.hits, folded.stories, strict=True)
    ]


def _story(story: Story) -> dict[str, Any]:
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


def story_rows(folded: Folded) -> Iterator[str]:
    """Yield CSV of hits with three more columns: how many more, from whom, who was first."""
    yield csv_row((*COLUMNS, "more", "more_from", "first"))
    for hit, story in zip(folded.result.hits, folded.stories, strict=True):
        others = "; ".join(_who(other) for other in story.others)
        yield csv_row((*cells(hit), len(story.others), others, _first(hit, story)))


def _first(hit: Hit, story: Story) -> str:
    known = (hit.article, *story.others)
    return next((_who(each) for each in known if each.id == story.first), "")

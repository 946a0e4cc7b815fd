"""Telling words and compared sources: lines for people, objects and tables for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from newsgrep.output.cells import padded
from newsgrep.output.human import shown_date
from newsgrep.output.machine import VERSION
from newsgrep.output.safe import one_line
from newsgrep.output.styled import Line, Piece
from newsgrep.output.table import csv_row

if TYPE_CHECKING:
    from newsgrep.models import Article
    from newsgrep.views.compare import Side
    from newsgrep.views.keywords import Keyword, Keywords

_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_BARS: Final = 60
_WORD_WIDTH: Final = 16


def keyword_lines(found: Keywords) -> Iterator[Line]:
    """Yield a line for each word, and a last one that says what was compared."""
    by_times = bool(found.words) and found.words[0].times is not None
    unit = "times" if by_times else "articles"
    yield Line(
        [Piece(f"{padded('word', _WORD_WIDTH)}{unit:>9}{'elsewhere':>11}{'score':>9}", "dim")]
    )
    for word in found.words:
        count = word.articles if word.times is None else word.times
        numbers = f"{count:>9,}{word.elsewhere:>11,}{word.score:>9.1f}"
        yield Line([Piece(padded(one_line(word.word), _WORD_WIDTH), "title"), Piece(numbers)])
    articles = "1 article" if found.articles == 1 else f"{found.articles:,} articles"
    read = f", words from the best {found.read:,}" if found.read < found.articles else ""
    told = f"{found.statistic}: {articles} against {found.others:,} others{read}"
    yield Line()
    yield Line([Piece(told, "dim")])


def keywords_object(found: Keywords, asked: str) -> dict[str, Any]:
    """Return telling words as one object."""
    return {
        "version": VERSION,
        "asked": asked,
        "statistic": found.statistic,
        "articles": found.articles,
        "read": found.read,
        "others": found.others,
        "words": list(map(_word, found.words)),
    }


def _word(word: Keyword) -> dict[str, Any]:
    told: dict[str, Any] = {
        "word": word.word,
        "articles": word.articles,
        "elsewhere": word.elsewhere,
        "score": round(word.score, 4),
    }
    return told if word.times is None else {**told, "times": word.times}


def compare_lines(sides: Sequence[Side], statistic: str) -> Iterator[Line]:
    """Yield a paragraph for each side, and what the words' scores are."""
    axis = _axis(sides)
    for side in sides:
        yield Line([Piece(one_line(side.asked), "title")])
        for name, text in _facts(side, axis):
            yield Line([Piece(text)], 12, f"  {name}")
        yield Line()
    yield Line([Piece(f"words: {statistic}, each source against the others; (here:there)", "dim")])


def _facts(side: Side, axis: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(side.sources) > 1 or side.sources[0][0] != side.asked:
        yield "sources", ", ".join(f"{one_line(name)} {count:,}" for name, count in side.sources)
    yield "articles", f"{side.articles:,} of {side.total:,} ({_share(side):.1%})"
    if side.first and side.last:
        yield "published", f"{shown_date(side.first)} to {shown_date(side.last)}"
    if side.months:
        busiest = max(side.months, key=lambda month: side.months[month])
        bars = _sparkline([_count(side, period) for period in axis])
        span = f"{axis[0]} to {axis[-1]}, most in {busiest}: {side.months[busiest]:,}"
        yield "months", f"{bars}  {span}"
    if side.undated:
        yield "undated", f"{side.undated:,} without a month"
    words = (f"{one_line(w.word)} ({w.articles:,}:{w.elsewhere:,})" for w in side.words)
    yield "words", ", ".join(words) or "none that the others do not use as much"


def _share(side: Side) -> float:
    return side.articles / side.total if side.total else 0.0


def _axis(sides: Sequence[Side]) -> list[str]:
    """Return the periods of all bars: every month from first to last, or years if too many."""
    months = sorted({month for side in sides for month in side.months})
    if not months:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:7]) - 1 for month in (months[0], months[-1]))
    if last - first < _MOST_BARS:
        return [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(first, last + 1)]
    return [f"{year:04}" for year in range(first // 12, last // 12 + 1)][-_MOST_BARS:]


def _count(side: Side, period: str) -> int:
    return sum(count for month, count in side.months.items() if month.startswith(period))


def _sparkline(counts: Iterable[int]) -> str:
    counts = list(counts)
    most = max(counts, default=0) or 1
    return "".join(_BARS[(count * 8 - 1) // most] if count else "·" for count in counts)


def compare_object(sides: Sequence[Side], asked: str, statistic: str) -> dict[str, Any]:
    """Return the sides as one object."""
    return {
        "version": VERSION,
        "query": asked,
        "statistic": statistic,
        "sides": [
            {
                "asked": side.asked,
                "sources": dict(side.sources),
                "articles": side.articles,
                "total": side.total,
                "share": round(_share(side), 6),
                "first": _published(side.first),
                "last": _published(side.last),
                "months": side.months,
                "undated": side.undated,
                "words": list(map(_word, side.words)),
            }
            for side in sides
        ],
    }


def _published(article: Article | None) -> str | None:
    return article.published.iso if article and article.published else None


def compare_rows(sides: Sequence[Side]) -> Iterator[str]:
    """Yield CSV: a heading, and a row for each side."""
    yield csv_row(("asked", "sources", "articles", "total", "share", "first", "last", "words"))
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

"""A timeline as lines for a person, and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from newsgrep.output.cells import padded, shortened
from newsgrep.output.chart import bar, columns
from newsgrep.output.safe import one_line, safe
from newsgrep.output.styled import Line, Piece
from newsgrep.output.table import csv_row
from newsgrep.views.bins import Bin
from newsgrep.views.sources import Source
from newsgrep.views.timeline import Series, Timeline

_CSV_COLUMNS: Final = ("bin", "first", "last", "source", "count", "all", "share")
_WIDEST_BAR: Final = 60
_LABELS: Final = 26
_HEIGHT: Final = 3
_REST_NAMED: Final = 5
_UNNAMED: Final = "(none)"


def timeline_lines(line: Timeline, width: int, *, blocks: bool) -> Iterator[Line]:
    """Yield the chart, no wider than ``width`` cells, and what it leaves out.

    ``blocks`` says whether it may be made of blocks.
    """
    if line.bins:
        draw = _charts if line.per_source else _rows
        yield from draw(line, width, blocks)
    yield from (Line([Piece(note, "dim")]) for note in notes(line))


def notes(line: Timeline) -> Iterator[str]:
    """Yield what there is in all, of what shares are, and what has no place in the chart."""
    yield f"{_articles(line.total)} by {line.by}" + (
        f", {line.bins[0].name} to {line.bins[-1].name}" if line.bins else ""
    )
    if line.among is not None:
        which = "" if line.among == "*" else f" that match {safe(line.among)}"
        whose = " of the source" if line.per_source else ""
        yield f"per cent of all articles{whose}{which}, {line.by} by {line.by}"
    for count, what in ((line.by_year, "year"), (line.by_month, "month")):
        if count:
            verb = "is" if count == 1 else "are"
            yield f"{_articles(count)} {verb} known to the {what} only and in no {line.by}"
    if line.undated:
        yield f"{_articles(line.undated)} without a date"
    if line.rest:
        named = ", ".join(f"{name_of(s)} {s.articles:,}" for s in line.rest[:_REST_NAMED])
        more = len(line.rest) - _REST_NAMED
        rest = f" and {more:,} more" if more > 0 else ""
        yield f"not shown: {named}{rest}: --top shows more sources"


def csv_lines(line: Timeline) -> Iterator[str]:
    """Yield a heading and one row for each bin of each series."""
    yield csv_row(_CSV_COLUMNS)
    for series in line.series:
        source = series.source.name if series.source else ""
        for at, each in enumerate(line.bins):
            share = series.share(at)
            yield csv_row(
                (
                    *each,
                    source,
                    series.counts[at],
                    "" if series.all is None else series.all[at],
                    "" if share is None else round(share, 4),
                )
            )


def _rows(line: Timeline, width: int, blocks: bool) -> Iterator[Line]:
    """Yield a row with a bar for each bin."""
    (series,) = line.series
    values, texts = values_of(series), _texts(series)
    label = max(len(each.name) for each in line.bins)
    number = max(map(len, texts))
    room = max(min(width - label - number - 5, _WIDEST_BAR), 5)
    for each, value, text in zip(line.bins, values, texts, strict=True):
        drawn = bar(value, max(values), room, blocks=blocks)
        yield Line([Piece(f"{each.name:{label}}  {text:>{number}}  "), Piece(drawn, "source")])
    yield Line()


def _charts(line: Timeline, width: int, blocks: bool) -> Iterator[Line]:
    """Yield a small chart for each source, its name beside it, all with one scale."""
    room = max(width - _LABELS - 1, 10)
    joined = ceil(len(line.bins) / room)
    each_wide = max(min(room // ceil(len(line.bins) / joined), 4), 1)
    drawn = [_joined(series, joined) for series in line.series]
    most = max(max(map(values_of, drawn), key=max))
    for series, small in zip(line.series, drawn, strict=True):
        values = [value for value in values_of(small) for _ in range(each_wide)]
        labels = _labels(series, line.bins)
        rows = columns(values, most, _HEIGHT, blocks=blocks)
        for number, (label, row) in enumerate(zip(labels, rows, strict=True)):
            style = "dim" if number else "title"
            text = padded(shortened(label, _LABELS - 2), _LABELS)
            yield Line([Piece(text, style), Piece(row.rstrip(), "source")])
        yield Line()
    first, last = line.bins[0].name, line.bins[-1].name
    wide = ceil(len(line.bins) / joined) * each_wide
    axis = f"{first}{last:>{max(wide - len(first), len(last) + 1)}}"
    yield Line([Piece(axis, "dim")], indent=_LABELS)
    yield Line()
    per = f", a column for {joined} {line.by}s" if joined > 1 else ""
    text = f"{most:.2f} %" if line.among is not None else f"{most:,.0f}"
    yield Line([Piece(f"full height: {text}{per}", "dim")])


def _labels(series: Series, bins: Sequence[Bin]) -> list[str]:
    texts, values = _texts(series), values_of(series)
    at = max(range(len(values)), key=values.__getitem__)
    most = f"most {texts[at].strip()} in {bins[at].name}" if values[at] else ""
    return [name_of(series.source), _articles(series.total), most]


def _joined(series: Series, joined: int) -> Series:
    """Return the series with so many bins in one."""
    starts = range(0, len(series.counts), joined)
    return series._replace(
        counts=tuple(sum(series.counts[at : at + joined]) for at in starts),
        all=series.all and tuple(sum(series.all[at : at + joined]) for at in starts),
    )


def values_of(series: Series) -> list[float]:
    """Return what is drawn of each bin: its per cent where shares were asked for, or its count."""
    if series.all is None:
        return list(series.counts)
    return [series.share(at) or 0 for at in range(len(series.counts))]


def _texts(series: Series) -> list[str]:
    if series.all is None:
        return [f"{count:,}" for count in series.counts]
    shares = [series.share(at) for at in range(len(series.counts))]
    return ["–" if share is None else f"{share:.2f} %" for share in shares]


def name_of(source: Source | None) -> str:
    """Return a source's name on one line, made harmless."""
    return one_line(source.name) if source and source.name else _UNNAMED


def _articles(count: int) -> str:
    return "1 article" if count == 1 else f"{count:,} articles"

"""Hits, articles and explanations as lines for a person to read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from newsgrep.errors import QueryError
from newsgrep.models import GUESSED_DATES, Article, Hit, Precision, Snippet, Span
from newsgrep.terminal import (
    StyledLine,
    StyledText,
    bar,
    display_width,
    highlight,
    one_line,
    pad,
    sanitize,
    truncate,
)

if TYPE_CHECKING:
    from newsgrep.index.plan import UpdateSummary
    from newsgrep.search.batch import BatchAnswer
    from newsgrep.search.diagnose import Diagnosis
    from newsgrep.search.search import SearchResult
    from newsgrep.views.kwic import KwicLine
    from newsgrep.views.timeline import Series, Timeline


_SEPARATOR = " · "


def result_to_text(
    result: SearchResult,
    *,
    blocks: bool = False,
    notes: Mapping[str, list[StyledText]] | None = None,
) -> Iterator[StyledLine]:
    """Yield the lines of all hits, the facets, and a last one with total and time.

    ``blocks`` says whether bars may be made of blocks; ``notes`` has a remark on some hits, by
    their article's id.
    """
    widest = len(str(result.hits[-1].rank)) if result.hits else 0
    for hit in result.hits:
        note = (notes or {}).get(hit.article.id)
        yield from hit_lines(hit, widest + 2, [StyledLine(note, widest + 2)] if note else ())
        yield StyledLine()
    yield from facet_lines(result.facets, blocks=blocks)
    yield StyledLine([StyledText(_summary(result), "dim")])


def _summary(result: SearchResult) -> str:
    shown, total = len(result.hits), result.total
    articles = "article" if total == 1 else "articles"
    time = f"{result.took_ms:.0f} ms"
    if not shown:
        beyond = result.request.limit and result.request.offset
        none = f", none of them beyond --offset {result.request.offset:,}" if beyond else ""
        return f"{total:,} {articles} in {time}{none}"
    first, last = result.hits[0].rank, result.hits[-1].rank
    if shown == total:
        return f"{total:,} {articles} in {time}"
    part = f"{first:,}–{last:,}" if first < last else f"{first:,}"
    return f"{part} of {total:,} {articles} in {time}"


def hit_lines(hit: Hit, indent: int, notes: Iterable[StyledLine] = ()) -> Iterator[StyledLine]:
    """Yield the lines of a hit, with ``notes`` on it before the path."""
    article = hit.article
    number = f"{hit.rank}".rjust(indent - 2)
    link = web_link(article.url)
    yield StyledLine(highlight(article.title, hit.title_spans, "title", link), indent, number)
    if about := about_pieces(article):
        yield StyledLine(about, indent)
    for snippet in hit.snippets:
        yield StyledLine(_snippet_pieces(snippet), indent)
    yield from notes
    yield StyledLine([StyledText(shown_path(article.path), "dim")], indent)


def web_link(url: str | None) -> str | None:
    """Return ``url`` as a terminal may open it: of the web, and in plain ASCII; else none."""
    if not url or not url.startswith(("http://", "https://")):
        return None
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~", errors="replace")


def about_pieces(article: Article) -> list[StyledText]:
    """Return source, date and authors of an article, as far as they are known."""
    parts = [
        StyledText(one_line(article.source), "source") if article.source else None,
        StyledText(shown_date(article)) if article.published else None,
        StyledText(one_line("、".join(article.authors))) if article.authors else None,
    ]
    pieces: list[StyledText] = []
    for part in parts:
        if part is not None:
            pieces += [StyledText(_SEPARATOR, "dim"), part] if pieces else [part]
    return pieces


def _snippet_pieces(snippet: Snippet) -> list[StyledText]:
    pieces = highlight(snippet.text, snippet.spans)
    if snippet.field == "caption":
        pieces.insert(0, StyledText("caption: ", "dim"))
    if snippet.cut_before:
        pieces.insert(0, StyledText("…"))
    if snippet.cut_after:
        pieces.append(StyledText("…"))
    return pieces


def shown_date(article: Article) -> str:
    """Return when an article was published, no more precisely than is known."""
    published = article.published
    if published is None:
        return ""
    text = published.iso
    if published.precision in {Precision.MINUTE, Precision.SECOND}:
        offset = text[-6:]
        text = f"{text[:16].replace('T', ' ')} {'UTC' if offset == '+00:00' else offset}"
    where = article.provenance.get("published")
    return f"{text} ({where})" if where in GUESSED_DATES else text


def shown_path(path: str) -> str:
    """Return ``path`` relative to the current folder where it lies under it, made safe."""
    here = os.getcwd()  # noqa: PTH109  (paths in an index are strings of any bytes)
    prefix = here.rstrip(os.sep) + os.sep
    return one_line(path.removeprefix(prefix))


def article_to_text(
    article: Article, spans: Sequence[Span] = (), title_spans: Iterable[Span] = ()
) -> Iterator[StyledLine]:
    """Yield a whole article; ``spans`` count characters of its body."""
    yield StyledLine(highlight(article.title, title_spans, "title", web_link(article.url)))
    if about := about_pieces(article):
        yield StyledLine(about)
    for label, value in (
        ("url", article.url),
        ("tags", "、".join(article.tags)),
        ("path", shown_path(article.path)),
        ("id", article.id),
        ("notes", "; ".join(article.notes)),
    ):
        if value:
            yield StyledLine([StyledText(f"{label}: ", "dim"), StyledText(one_line(value))])
    yield StyledLine()
    offset = 0
    for line in article.body.split("\n"):
        inside = [
            Span(max(span.start, offset) - offset, min(span.end, offset + len(line)) - offset)
            for span in spans
            if span.start < offset + len(line) and span.end > offset
        ]
        yield StyledLine(highlight(line, inside))
        offset += len(line) + 1
    if article.captions:
        yield StyledLine()
        for caption in article.captions:
            yield StyledLine([StyledText("caption: ", "dim"), StyledText(one_line(caption))])


def diagnosis_to_text(explanation: Diagnosis, understood: str, where: str) -> Iterator[str]:
    """Yield why nothing was found, and what would help, one sentence or list item a line.

    ``where`` is where the index is, in a sentence.
    """
    if not explanation.articles:
        yield f"No article matches: the index {where} is empty. Fill it: newsgrep index PATH"
        return
    yield f"No article matches {sanitize(understood)}"
    for counted in explanation.terms:
        yield f"  {_article_count(counted.articles)} with {sanitize(counted.part)}"
    if explanation.omitted_terms:
        yield f"  … and {explanation.omitted_terms:,} more words"
    for counted in explanation.without:
        yield f"  {_article_count(counted.articles)} if {sanitize(counted.part)} is left out"
    if explanation.any_word:
        yield f"  {_article_count(explanation.any_word)} with one of the words: add --any"
    if explanation.captions:
        yield f"  {_article_count(explanation.captions)} with it in a caption: write caption:…"
    if newer := explanation.newer_files:
        files = "file is" if newer == 1 else "files are"
        least = "" if explanation.all_files_checked else "at least "
        yield f"  {least}{newer:,} {files} new, changed or gone since: run newsgrep index again"


def _article_count(articles: int) -> str:
    if not articles:
        return "no article"
    return "1 article" if articles == 1 else f"{articles:,} articles"


_MAX_FACET_VALUES: Final = 10
_MAX_FACET_LABEL: Final = 30
_FACET_BAR: Final = 30

FacetValues = Sequence[tuple[str, int]]


def facet_lines(facets: Mapping[str, FacetValues], *, blocks: bool) -> Iterator[StyledLine]:
    """Yield each facet's most frequent values, and how many more there are.

    ``blocks`` says whether bars may be made of blocks; values are made harmless here.
    """
    for name, values in facets.items():
        yield StyledLine([StyledText(name, "title")])
        shown = [(_facet_label(value), count) for value, count in values[:_MAX_FACET_VALUES]]
        wide = max((display_width(label) for label, _ in shown), default=0)
        digits = max((len(f"{count:,}") for _, count in shown), default=0)
        most = max((count for _, count in shown), default=0)
        for label, count in shown:
            number = f"{count:>{digits},}"
            drawn = bar(count, most, _FACET_BAR, blocks=blocks)
            yield StyledLine(
                [
                    StyledText(pad(label, wide)),
                    StyledText(f"  {number}  "),
                    StyledText(drawn, "source"),
                ],
                indent=2,
            )
        if (more := len(values) - _MAX_FACET_VALUES) > 0:
            noun = "value" if more == 1 else "values"
            yield StyledLine(
                [StyledText(f"… and {more:,} more {noun}: --json lists all", "dim")], indent=2
            )
        yield StyledLine()


def _facet_label(value: str) -> str:
    return truncate(one_line(value), _MAX_FACET_LABEL) or "(none)"


SCHEMA_VERSION: Final = 1


def result_to_json(
    result: SearchResult, explanation: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a search's answer as one object; ``explanation`` is why there is none."""
    told = {"version": SCHEMA_VERSION, **_result_object(result)}
    if explanation is not None:
        told["diagnosis"] = explanation
    return told


def _result_object(result: SearchResult) -> dict[str, Any]:
    request = result.request
    told: dict[str, Any] = {
        "query": request.query.text,
        "parsed": result.parsed,
        "warnings": request.query.warnings,
        "sort": request.order.value,
        "offset": result.offset,
        "total": result.total,
        "took_ms": round(result.took_ms, 1),
        "hits": [hit_to_json(hit) for hit in result.hits],
    }
    if request.facets:
        told["facets"] = {
            name: [{"value": value or None, "count": count} for value, count in values]
            for name, values in result.facets.items()
        }
    if result.next is not None:
        told["next"] = result.next
    return told


def batch_answer_to_json(answer: BatchAnswer, *, hits: bool = True) -> dict[str, Any]:
    """Return what came of one line of a batch, with its hits or without."""
    told: dict[str, Any] = {"version": SCHEMA_VERSION, "line": answer.line}
    if answer.has_id:
        told["id"] = answer.given
    if answer.result is not None:
        told |= _result_object(answer.result)
        if not hits:
            del told["hits"]
    else:
        # A date beside the query may be wrong as well; its place is none in the query.
        error = answer.error
        position = None
        if isinstance(error, QueryError) and error.query == answer.query:
            position = error.position
        told["query"] = answer.query
        told["error"] = {"message": str(answer.error), "position": position}
    return told


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """Return one hit; spans are pairs of start and end in characters of the text beside them."""
    article = article_to_json(hit.article)
    del article["body"], article["captions"]
    return {
        "rank": hit.rank,
        "score": round(hit.score, 4),
        **article,
        "title_spans": _pairs(hit.title_spans),
        "snippets": [
            {
                "text": snippet.text,
                "spans": _pairs(snippet.spans),
                "field": snippet.field,
                "offset": snippet.offset,
                "cut_before": snippet.cut_before,
                "cut_after": snippet.cut_after,
            }
            for snippet in hit.snippets
        ],
    }


def new_article_to_json(name: str, hit: Hit) -> dict[str, Any]:
    """Return an article that is new for the saved query ``name``."""
    told = hit_to_json(hit)
    del told["score"]
    return {"version": SCHEMA_VERSION, "saved": name, **told}


def article_to_json(article: Article) -> dict[str, Any]:
    """Return all of an article."""
    published = article.published
    return {
        "id": article.id,
        "title": article.title,
        "source": article.source,
        "url": article.url,
        "authors": list(article.authors),
        "published": published.iso if published else None,
        "precision": published.precision.value if published else None,
        "fetched": article.fetched,
        "tags": list(article.tags),
        "path": article.path,
        "provenance": dict(article.provenance),
        "notes": list(article.notes),
        "body": article.body,
        "captions": list(article.captions),
    }


def timeline_to_json(line: Timeline, query: str) -> dict[str, Any]:
    """Return an answer over time; docs/timeline.schema.json describes it."""
    return {
        "version": SCHEMA_VERSION,
        "query": query,
        "parsed": line.parsed,
        "by": line.by.value,
        "share_of": line.among,
        "total": line.total,
        "known_to_year": line.by_year,
        "known_to_month": line.by_month,
        "undated": line.undated,
        "series": [_series_object(line, series) for series in line.series],
        "other_sources": [
            {"source": source.name or None, "articles": source.articles} for source in line.rest
        ],
    }


def _series_object(line: Timeline, series: Series) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if series.source is not None:
        told["source"] = series.source.name or None
        told["spellings"] = [name for name in series.source.spellings if name]
    told["articles"] = series.total
    told["bins"] = []
    for at, each in enumerate(line.bins):
        counted: dict[str, Any] = {
            "bin": each.name,
            "first": each.first.isoformat(),
            "last": each.last.isoformat(),
            "count": series.counts[at],
        }
        if series.all is not None:
            share = series.share(at)
            counted["all"] = series.all[at]
            counted["share"] = None if share is None else round(share, 4)
        told["bins"].append(counted)
    return told


def kwic_line_to_json(place: KwicLine) -> dict[str, Any]:
    """Return a keyword in its context; docs/kwic.schema.json describes it."""
    return {"version": SCHEMA_VERSION, **place._asdict()}


def _pairs(spans: Iterable[Span]) -> list[list[int]]:
    return [[span.start, span.end] for span in spans]


def summary_to_json(summary: UpdateSummary) -> dict[str, Any]:
    """Return what an indexing run did; the counts of outcomes add up to ``seen``."""
    from newsgrep.index.plan import Outcome

    return {
        "version": SCHEMA_VERSION,
        **({"shard": summary.shard} if summary.shard else {}),
        "seen": summary.seen,
        **{outcome.value: summary.counts[outcome] for outcome in Outcome},
        "removed": summary.removed,
        "articles": summary.articles,
        "seconds": round(summary.seconds, 2),
        "files": {
            outcome.value: [asdict(listed) for listed in items]
            for outcome, items in summary.listed.items()
        },
        "skipped": {
            kind: [asdict(listed) for listed in items] for kind, items in summary.skipped.items()
        },
    }


CSV_COLUMNS: Final = (
    "rank",
    "id",
    "score",
    "title",
    "source",
    "published",
    "precision",
    "authors",
    "url",
    "path",
    "snippet",
)
"""Of a hit; they change only with a new version of the formats."""


def hits_to_csv(hits: Iterable[Hit]) -> Iterator[str]:
    """Yield a heading and one row a hit; several authors or snippets stand in one cell."""
    yield csv_row(CSV_COLUMNS)
    for hit in hits:
        yield csv_row(csv_cells(hit))


def csv_cells(hit: Hit) -> tuple[object, ...]:
    """Return what stands under each of the :data:`CSV_COLUMNS`."""
    article, published = hit.article, hit.article.published
    return (
        hit.rank,
        article.id,
        round(hit.score, 4),
        article.title,
        article.source or "",
        published.iso if published else "",
        published.precision.value if published else "",
        "; ".join(article.authors),
        article.url or "",
        os.fsencode(article.path).decode("utf-8", "replace"),
        " … ".join(snippet.text.replace("\n", " ") for snippet in hit.snippets),
    )


def csv_row(values: Iterable[object]) -> str:
    """Return one line of CSV, without its end."""
    import csv  # a search that prints text has no use for it
    import io

    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()

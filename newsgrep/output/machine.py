"""Results for scripts as objects, for JSON and JSON Lines.

They change only with a new version number; docs/search.schema.json describes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from newsgrep.errors import QueryError
from newsgrep.models import Article, Hit, Span

if TYPE_CHECKING:
    from newsgrep.archive.summary import Summary
    from newsgrep.batch import Answer
    from newsgrep.search import Result
    from newsgrep.views.kwic import Place
    from newsgrep.views.timeline import Series, Timeline

VERSION: Final = 1


def result_object(result: Result, explanation: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a search's answer as one object; ``explanation`` is why there is none."""
    told = {"version": VERSION, **_result(result)}
    if explanation is not None:
        told["explanation"] = explanation
    return told


def _result(result: Result) -> dict[str, Any]:
    request = result.request
    told: dict[str, Any] = {
        "query": request.query.text,
        "understood": result.understood,
        "doubts": request.query.doubts,
        "sort": request.order.value,
        "offset": result.offset,
        "total": result.total,
        "took_ms": round(result.took_ms, 1),
        "hits": [hit_object(hit) for hit in result.hits],
    }
    if request.facets:
        told["facets"] = {
            name: [{"value": value or None, "count": count} for value, count in values]
            for name, values in result.facets.items()
        }
    if result.next is not None:
        told["next"] = result.next
    return told


def answer_object(answer: Answer, *, hits: bool = True) -> dict[str, Any]:
    """Return what came of one line of a batch, with its hits or without."""
    told: dict[str, Any] = {"version": VERSION, "line": answer.line}
    if answer.has_id:
        told["id"] = answer.given
    if answer.result is not None:
        told |= _result(answer.result)
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


def hit_object(hit: Hit) -> dict[str, Any]:
    """Return one hit; spans are pairs of start and end in characters of the text beside them."""
    article = article_object(hit.article)
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
                "zone": snippet.zone,
                "offset": snippet.offset,
                "cut_before": snippet.cut_before,
                "cut_after": snippet.cut_after,
            }
            for snippet in hit.snippets
        ],
    }


def new_object(name: str, hit: Hit) -> dict[str, Any]:
    """Return an article that is new for the saved query ``name``."""
    told = hit_object(hit)
    del told["score"]
    return {"version": VERSION, "saved": name, **told}


def article_object(article: Article) -> dict[str, Any]:
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
        "found": dict(article.found),
        "notes": list(article.notes),
        "body": article.body,
        "captions": list(article.captions),
    }


def timeline_object(line: Timeline, query: str) -> dict[str, Any]:
    """Return an answer over time; docs/timeline.schema.json describes it."""
    return {
        "version": VERSION,
        "query": query,
        "understood": line.understood,
        "by": line.by.value,
        "among": line.among,
        "total": line.total,
        "known_to_year": line.by_year,
        "known_to_month": line.by_month,
        "undated": line.undated,
        "series": [_series_object(line, series) for series in line.series],
        "rest": [
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


def place_object(place: Place) -> dict[str, Any]:
    """Return a keyword in its context; docs/kwic.schema.json describes it."""
    return {"version": VERSION, **place._asdict()}


def _pairs(spans: Iterable[Span]) -> list[list[int]]:
    return [[span.start, span.end] for span in spans]


def summary_object(summary: Summary) -> dict[str, Any]:
    """Return what an indexing run did; the counts of outcomes add up to ``seen``."""
    from newsgrep.archive.summary import Outcome

    return {
        "version": VERSION,
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

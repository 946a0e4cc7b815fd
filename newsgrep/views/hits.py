"""The result of a search: hits, facets, explanation, and the diagnosis if nothing matches.

The value is a :class:`~newsgrep.search.search.SearchResult`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from newsgrep.messages import Message, _, localize, mark, message, plural
from newsgrep.models import SCHEMA_VERSION, Hit, Snippet
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    bar,
    count_noun,
    display_width,
    highlight,
    one_line,
    pad,
    sanitize,
    truncate,
)
from newsgrep.views import FilePath
from newsgrep.views.article import byline_pieces, id_and_path_line, web_link

if TYPE_CHECKING:
    from newsgrep.query.parser import Query
    from newsgrep.search.diagnose import ClosestArticle, Diagnosis, Explanation, HitExplanation
    from newsgrep.search.search import SearchResult

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
"""Columns of a hit. They change only with a new schema version."""

_MAX_FACET_VALUES: Final = 10
_MAX_FACET_LABEL: Final = 30
_FACET_BAR: Final = 30


def to_text(
    result: SearchResult, screen: Screen, *, next_step: str = "", gone: Container[str] = ()
) -> Iterator[StyledLine]:
    """Yield all hits, the facets, and a last line with total, time and the ``next_step``.

    ``gone`` are ids of the articles whose files were not found. With an explanation, the parsed
    query comes first, and each hit has a line on its score. Without matches there are no lines;
    :func:`diagnosis_lines` says why.
    """
    if not result.total:
        return
    explanation = result.explanation
    if explanation:
        yield from _explanation_lines(result, explanation)
    indent = len(str(result.hits[-1].rank)) + 2 if result.hits else 0
    for hit in result.hits:
        notes = []
        if explanation:
            pieces = [_score_text(hit.score, explanation.hits[hit.article.id])]
            notes.append(StyledLine(pieces, indent))
        yield from hit_lines(hit, indent, notes, gone=hit.article.id in gone)
        yield StyledLine()
    yield from _facet_lines(result.facets, screen)
    step = f" · {next_step}" if next_step else ""
    yield StyledLine([StyledText(_summary(result) + step, "dim")])
    if result.undated:
        text = plural(
            "{count:,} article without a date matches otherwise",
            "{count:,} articles without a date match otherwise",
            result.undated,
        )
        yield StyledLine([StyledText(text, "dim")])


def to_json(result: SearchResult) -> dict[str, Any]:
    """Return a complete result; docs/search.schema.json describes it."""
    return {"version": SCHEMA_VERSION, **result_object(result)}


def to_jsonl(result: SearchResult) -> Iterator[dict[str, Any]]:
    """Yield an object for each hit."""
    return to_lines(result.hits)


def to_csv(result: SearchResult) -> Iterator[Sequence[object]]:
    """Yield a row for each hit; several authors or snippets are in one cell."""
    yield CSV_COLUMNS
    for hit in result.hits:
        yield csv_cells(hit)


# Parts that other views use


def to_lines(hits: Iterable[Hit]) -> Iterator[dict[str, Any]]:
    """Yield a complete object for each hit, as soon as it is known."""
    for hit in hits:
        yield {"version": SCHEMA_VERSION, **hit.to_dict()}


def hit_lines(
    hit: Hit, indent: int, notes: Iterable[StyledLine] = (), *, gone: bool = False
) -> Iterator[StyledLine]:
    """Yield the lines of a hit: title, byline, snippets, ``notes``, and its short id with path.

    The path is marked if the file is ``gone``.
    """
    article = hit.article
    number = f"{hit.rank}".rjust(indent - 2)
    link = web_link(article.url)
    yield StyledLine(highlight(article.title, hit.title_spans, "title", link), indent, number)
    if byline := byline_pieces(article):
        yield StyledLine(byline, indent)
    for snippet in hit.snippets:
        yield StyledLine(_snippet_pieces(snippet), indent)
    yield from notes
    yield id_and_path_line(article, indent, _("file not found") if gone else "")


def result_object(result: SearchResult) -> dict[str, Any]:
    """Return a result without the schema version."""
    request = result.request
    answer: dict[str, Any] = {
        "query": request.query.text,
        "parsed": result.parsed,
        "warnings": request.query.warnings,
        **_variants_object(request.query),
        "sort": request.order.value,
        "offset": result.offset,
        "total": result.total,
        **({} if result.undated is None else {"undated": result.undated}),
        "took_ms": round(result.took_ms, 1),
        "hits": [hit.to_dict() for hit in result.hits],
    }
    if request.facets:
        answer["facets"] = {
            name: [{"value": value or None, "count": count} for value, count in values]
            for name, values in result.facets.items()
        }
    if result.next is not None:
        answer["next"] = result.next
    if result.explanation:
        answer["terms"] = [
            {"term": term, "articles": articles} for term, articles in result.explanation.terms
        ]
        for hit in answer["hits"]:
            hit["explanation"] = _explanation_object(result.explanation.hits[hit["id"]])
    if result.diagnosis:
        from dataclasses import asdict  # most searches find something

        answer["diagnosis"] = asdict(result.diagnosis)
        answer["closest"] = [
            {**each.hit.to_dict(), "lacks": list(each.lacks)} for each in result.closest
        ]
    return answer


def _variants_object(query: Query) -> dict[str, Any]:
    if not query.variants:
        return {}
    return {"variants": {word: list(others) for word, others in query.variants}}


def csv_cells(hit: Hit) -> tuple[object, ...]:
    """Return the cells of a hit for :data:`CSV_COLUMNS`."""
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
        FilePath(article.path),
        " … ".join(snippet.text.replace("\n", " ") for snippet in hit.snippets),
    )


def _snippet_pieces(snippet: Snippet) -> list[StyledText]:
    pieces = highlight(snippet.text, snippet.spans)
    if snippet.cut_before:
        pieces.insert(0, StyledText("…"))
    if snippet.field != "body":
        pieces.insert(0, StyledText(_("{label}: ", label=_field_label(snippet)), "dim"))
    if snippet.cut_after:
        pieces.append(StyledText("…"))
    return pieces


def _field_label(snippet: Snippet) -> str:
    if not snippet.captured:
        return _(snippet.field)
    from newsgrep.analysis.versions import capture_day  # few snippets are of earlier versions

    day = capture_day(snippet.captured)
    return _("version of {day}", day=day) if day else _(snippet.field)


def _summary(result: SearchResult) -> str:
    shown, total = len(result.hits), result.total
    in_all = _(
        "{articles} in {ms:.0f} ms",
        articles=count_noun(total, "article"),
        ms=result.took_ms,
    )
    if not shown:
        if result.request.limit and result.request.offset:
            return _(
                "{found}, none of them beyond --offset {offset:,}",
                found=in_all,
                offset=result.request.offset,
            )
        return in_all
    if shown == total:
        return in_all
    return _("{ranks} of {found}", ranks=rank_range(result.hits), found=in_all)


def rank_range(hits: Sequence[Hit]) -> str:
    """Return the ranks of ``hits``: ``11–20``, or ``11`` for a single one."""
    first, last = hits[0].rank, hits[-1].rank
    return f"{first:,}–{last:,}" if first < last else f"{first:,}"


def _facet_lines(
    facets: Mapping[str, Sequence[tuple[str, int]]], screen: Screen
) -> Iterator[StyledLine]:
    """Yield each facet's most frequent values with bars, and the number of further values."""
    for name, values in facets.items():
        yield StyledLine([StyledText(_(name), "title")])
        shown = [(_facet_label(value), count) for value, count in values[:_MAX_FACET_VALUES]]
        label_width = max((display_width(label) for label, _ in shown), default=0)
        digits = max((len(f"{count:,}") for _, count in shown), default=0)
        most = max((count for _, count in shown), default=0)
        for label, count in shown:
            drawn = bar(count, most, _FACET_BAR, blocks=screen.blocks)
            yield StyledLine(
                [
                    StyledText(pad(label, label_width)),
                    StyledText(f"  {count:>{digits},}  "),
                    StyledText(drawn, "source"),
                ],
                indent=2,
            )
        if (more := len(values) - _MAX_FACET_VALUES) > 0:
            text = plural(
                "… and {count:,} more value: --json lists all",
                "… and {count:,} more values: --json lists all",
                more,
            )
            yield StyledLine([StyledText(text, "dim")], indent=2)
        yield StyledLine()


def _facet_label(value: str) -> str:
    return truncate(one_line(value), _MAX_FACET_LABEL) or _("(none)")


# Explanation of scores


def _explanation_lines(result: SearchResult, explanation: Explanation) -> Iterator[StyledLine]:
    yield StyledLine([StyledText(_("parsed") + "  ", "dim"), StyledText(one_line(result.parsed))])
    for word, others in result.request.query.variants:
        also = _("{word} is also {others}", word=word, others=_(", ").join(others))
        yield StyledLine([StyledText(f"  {_('added')} ", "dim"), StyledText(one_line(also))])
    for term, articles in explanation.terms:
        with_term = _(
            "  {articles} with {part}",
            articles=count_noun(articles, "article"),
            part=one_line(term),
        )
        yield StyledLine([StyledText(with_term, "dim")])
    yield StyledLine()


def _score_text(score: float, explanation: HitExplanation) -> StyledText:
    """Return how ``score`` is computed: ``score 7.10 = (渔业 2.84) × 2.50 (proximity …)``."""
    terms = " + ".join(f"{one_line(term)} {part:.2f}" for term, part in explanation.terms.items())
    text = _("score {score:.2f} = ({terms})", score=score, terms=terms or "0")
    if explanation.recency < 1:
        text += _(" × {recency:.3f} for its age", recency=explanation.recency)
    if features := explanation.features:
        named = (f"{_(name.replace('_', ' '))} {n:.2f}" for name, n in features._asdict().items())
        text += f" × {features.factor:.2f} ({', '.join(named)})"
    return StyledText(text, "dim")


def _explanation_object(explanation: HitExplanation) -> dict[str, Any]:
    features = explanation.features
    return {
        "terms": {term: round(part, 4) for term, part in explanation.terms.items()},
        "recency": round(explanation.recency, 6),
        "rerank": {**features._asdict(), "factor": features.factor} if features else None,
    }


# Diagnosis of empty results


def diagnosis_lines(diagnosis: Diagnosis, parsed: str, index: str) -> Iterator[str]:
    """Yield why nothing matches and what would help, one line each, for standard error.

    ``index`` says where the index is, in a sentence.
    """
    if not diagnosis.articles:
        yield _(
            "No article matches: the index {index} is empty. Fill it: newsgrep index PATH",
            index=index,
        )
        return
    yield _("No article matches {parsed}", parsed=sanitize(parsed))
    for count in diagnosis.terms:
        yield _(
            "  {articles} with {part}",
            articles=_articles(count.articles),
            part=sanitize(count.part),
        )
    if diagnosis.omitted_terms:
        yield _("  … and {count:,} more words", count=diagnosis.omitted_terms)
    for count in diagnosis.without:
        yield _(
            "  {articles} if {part} is left out",
            articles=_articles(count.articles),
            part=sanitize(count.part),
        )
    for number, template in (
        (diagnosis.any_word, mark("  {articles} with one of the words: add --any")),
        (diagnosis.captions, mark("  {articles} with it in a caption: write caption:…")),
        (
            diagnosis.left_out,
            mark("  {articles} with it in text that was left out: add --everything"),
        ),
        (diagnosis.earlier, mark("  {articles} in an earlier version: add --versions all")),
        (diagnosis.undated, mark("  {articles} without a date of publication otherwise")),
    ):
        if number:
            yield _(template, articles=_articles(number))
    if diagnosis.newer_files:
        yield localize(_changed_files(diagnosis.newer_files, diagnosis.all_files_checked))


def _changed_files(count: int, all_checked: bool) -> Message:
    if all_checked:
        return plural(
            "  {count:,} file is new, changed or gone since: run newsgrep index again",
            "  {count:,} files are new, changed or gone since: run newsgrep index again",
            count,
        )
    return plural(
        "  at least {count:,} file is new, changed or gone since: run newsgrep index again",
        "  at least {count:,} files are new, changed or gone since: run newsgrep index again",
        count,
    )


def _articles(number: int) -> str:
    return count_noun(number, "article") if number else message("no article")


def closest_lines(closest: Sequence[ClosestArticle]) -> Iterator[StyledLine]:
    """Yield the articles that come closest to a query without matches, with what each lacks."""
    if not closest:
        return
    yield StyledLine()
    yield StyledLine([StyledText(_("Closest articles, with what each lacks:"), "title")])
    indent = len(str(len(closest))) + 2
    for hit, lacks in closest:
        yield StyledLine()
        lacking = StyledText(_("lacks {lacks}", lacks=one_line(_(", ").join(lacks))))
        yield from hit_lines(hit, indent, [StyledLine([lacking], indent)])

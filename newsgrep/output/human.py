"""Hits, articles and explanations as lines for a person to read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsgrep.models import GUESSED_DATES, Article, Hit, Precision, Snippet, Span
from newsgrep.output.facets import facet_lines
from newsgrep.output.safe import one_line, safe
from newsgrep.output.styled import Line, Piece, marked

if TYPE_CHECKING:
    from newsgrep.explain import Explanation
    from newsgrep.search import Result

_SEPARATOR = " · "


def result_lines(
    result: Result, *, blocks: bool = False, notes: Mapping[str, list[Piece]] | None = None
) -> Iterator[Line]:
    """Yield the lines of all hits, the facets, and a last one with total and time.

    ``blocks`` says whether bars may be made of blocks; ``notes`` has a remark on some hits, by
    their article's id.
    """
    widest = len(str(result.hits[-1].rank)) if result.hits else 0
    for hit in result.hits:
        note = (notes or {}).get(hit.article.id)
        yield from hit_lines(hit, widest + 2, [Line(note, widest + 2)] if note else ())
        yield Line()
    yield from facet_lines(result.facets, blocks=blocks)
    yield Line([Piece(_totals(result), "dim")])


def _totals(result: Result) -> str:
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


def hit_lines(hit: Hit, indent: int, notes: Iterable[Line] = ()) -> Iterator[Line]:
    """Yield the lines of a hit, with ``notes`` on it before the path."""
    article = hit.article
    number = f"{hit.rank}".rjust(indent - 2)
    link = web_link(article.url)
    yield Line(marked(article.title, hit.title_spans, "title", link), indent, number)
    if about := about_pieces(article):
        yield Line(about, indent)
    for snippet in hit.snippets:
        yield Line(_snippet(snippet), indent)
    yield from notes
    yield Line([Piece(shown_path(article.path), "dim")], indent)


def web_link(url: str | None) -> str | None:
    """Return ``url`` as a terminal may open it: of the web, and in plain ASCII; else none."""
    if not url or not url.startswith(("http://", "https://")):
        return None
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~", errors="replace")


def about_pieces(article: Article) -> list[Piece]:
    """Return source, date and authors of an article, as far as they are known."""
    parts = [
        Piece(one_line(article.source), "source") if article.source else None,
        Piece(shown_date(article)) if article.published else None,
        Piece(one_line("、".join(article.authors))) if article.authors else None,
    ]
    pieces: list[Piece] = []
    for part in parts:
        if part is not None:
            pieces += [Piece(_SEPARATOR, "dim"), part] if pieces else [part]
    return pieces


def _snippet(snippet: Snippet) -> list[Piece]:
    pieces = marked(snippet.text, snippet.spans)
    if snippet.zone == "caption":
        pieces.insert(0, Piece("caption: ", "dim"))
    if snippet.cut_before:
        pieces.insert(0, Piece("…"))
    if snippet.cut_after:
        pieces.append(Piece("…"))
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
    where = article.found.get("published", "")
    return f"{text} ({where})" if where in GUESSED_DATES else text


def shown_path(path: str) -> str:
    """Return ``path`` relative to the current folder where it lies under it, made safe."""
    here = os.getcwd()  # noqa: PTH109  (paths in an index are strings of any bytes)
    prefix = here.rstrip(os.sep) + os.sep
    return one_line(path.removeprefix(prefix))


def article_lines(
    article: Article, spans: Sequence[Span] = (), title_spans: Iterable[Span] = ()
) -> Iterator[Line]:
    """Yield a whole article; ``spans`` count characters of its body."""
    yield Line(marked(article.title, title_spans, "title", web_link(article.url)))
    if about := about_pieces(article):
        yield Line(about)
    for label, value in (
        ("url", article.url),
        ("tags", "、".join(article.tags)),
        ("path", shown_path(article.path)),
        ("id", article.id),
        ("notes", "; ".join(article.notes)),
    ):
        if value:
            yield Line([Piece(f"{label}: ", "dim"), Piece(one_line(value))])
    yield Line()
    offset = 0
    for line in article.body.split("\n"):
        inside = [
            Span(max(span.start, offset) - offset, min(span.end, offset + len(line)) - offset)
            for span in spans
            if span.start < offset + len(line) and span.end > offset
        ]
        yield Line(marked(line, inside))
        offset += len(line) + 1
    if article.captions:
        yield Line()
        for caption in article.captions:
            yield Line([Piece("caption: ", "dim"), Piece(one_line(caption))])


def explanation_lines(explanation: Explanation, understood: str, where: str) -> Iterator[str]:
    """Yield why nothing was found, and what would help, one sentence or list item a line.

    ``where`` is where the index is, in a sentence.
    """
    if not explanation.articles:
        yield f"No article matches: the index {where} is empty. Fill it: newsgrep index PATH"
        return
    yield f"No article matches {safe(understood)}"
    for counted in explanation.terms:
        yield f"  {_number(counted.articles)} with {safe(counted.part)}"
    if explanation.left_out:
        yield f"  … and {explanation.left_out:,} more words"
    for counted in explanation.without:
        yield f"  {_number(counted.articles)} if {safe(counted.part)} is left out"
    if explanation.any_word:
        yield f"  {_number(explanation.any_word)} with one of the words: add --any"
    if explanation.captions:
        yield f"  {_number(explanation.captions)} with it in a caption: write caption:…"
    if newer := explanation.newer_files:
        files = "file is" if newer == 1 else "files are"
        least = "" if explanation.all_files_seen else "at least "
        yield f"  {least}{newer:,} {files} new, changed or gone since: run newsgrep index again"


def _number(articles: int) -> str:
    if not articles:
        return "no article"
    return "1 article" if articles == 1 else f"{articles:,} articles"

"""An article as text and as JSON, and the parts of it that other views show."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from newsgrep.messages import _, localize_stored, message
from newsgrep.models import SHORT_ID, Article, Precision, Span
from newsgrep.terminal import StyledLine, StyledText, count_noun, highlight, one_line, quote_path

_SEPARATOR: Final = " · "


def to_text(
    article: Article,
    spans: Sequence[Span] = (),
    title_spans: Iterable[Span] = (),
    *,
    left_out: bool = False,
    added: Iterable[tuple[str, str]] = (),
) -> Iterator[StyledLine]:
    """Yield the lines of a whole article, and with ``left_out`` of the text that was left out.

    ``spans`` and ``title_spans`` are highlighted; they count characters of body and title.
    ``added`` are labels and texts that the user has added.
    """
    yield StyledLine(highlight(article.title, title_spans, "title", web_link(article.url)))
    if byline := byline_pieces(article):
        yield StyledLine(byline)
    for label, value in (
        (_("url"), article.url and readable_url(article.url)),
        (_("tags"), "、".join(article.tags)),
        (_("path"), display_path(article.path)),
        (_("id"), article.id),
        (_("notes"), "; ".join(map(localize_stored, article.notes))),
        *added,
    ):
        if value:
            yield StyledLine(
                [StyledText(_("{label}: ", label=label), "dim"), StyledText(one_line(value))]
            )
    yield StyledLine()
    offset = 0
    for line in article.body.split("\n"):
        end = offset + len(line)
        inside = [
            Span(max(span.start, offset) - offset, min(span.end, end) - offset)
            for span in spans
            if span.start < end and span.end > offset
        ]
        yield StyledLine(highlight(line, inside))
        offset = end + 1
    if article.captions:
        yield StyledLine()
        for caption in article.captions:
            yield StyledLine(
                [
                    StyledText(_("{label}: ", label=_("caption")), "dim"),
                    StyledText(one_line(caption)),
                ]
            )
    if left_out:
        yield from _left_out_lines(article)


def _left_out_lines(article: Article) -> Iterator[StyledLine]:
    """Yield the left-out passages in document order, each run of one reason under its reason."""
    yield StyledLine()
    count = len(article.left_out)
    summary = (
        _("left out: {passages}", passages=count_noun(count, "passage"))
        if count
        else _("left out: nothing")
    )
    yield StyledLine([StyledText(summary, "title")])
    for reason, passages in groupby(article.left_out, key=lambda passage: passage.reason):
        yield StyledLine(
            [StyledText(_("{heading}:", heading=one_line(localize_stored(reason))), "dim")],
            indent=2,
        )
        for passage in passages:
            for line in filter(None, passage.text.split("\n")):
                yield StyledLine([StyledText(one_line(line))], indent=4)


def to_json(article: Article, *, left_out: bool = False) -> dict[str, Any]:
    """Return a whole article as a complete object, with ``left_out`` if that is requested."""
    return article.to_dict(left_out=left_out)


def byline_pieces(article: Article) -> list[StyledText]:
    """Return source, date and authors of an article, as far as they are known."""
    parts = [
        StyledText(one_line(article.source), "source") if article.source else None,
        StyledText(display_date(article), "" if article.published else "dim"),
        StyledText(one_line("、".join(article.authors))) if article.authors else None,
    ]
    pieces: list[StyledText] = []
    for part in parts:
        if part is not None:
            pieces += [StyledText(_SEPARATOR, "dim"), part] if pieces else [part]
    return pieces


def display_date(article: Article) -> str:
    """Return the publication date as precisely as it is known, or that there is none.

    ``2024-05-17``, ``2024-05-17 10:50 +08:00``, ``undated``, ``undated (fetched 2024-05-17)``,
    ``undated (file of 2024-05-17)``
    """
    published = article.published
    if published is None:
        file_date = display_file_date(article)
        return (
            message("undated ({file_date})", file_date=file_date)
            if file_date
            else message("undated")
        )
    text = published.iso
    if published.precision in {Precision.MINUTE, Precision.SECOND}:
        offset = text[-6:]
        text = f"{text[:16].replace('T', ' ')} {'UTC' if offset == '+00:00' else offset}"
    return text


def display_file_date(article: Article) -> str:
    """Return when the file was taken from the web or written: it is no date of publication.

    ``fetched 2024-05-17``, ``file of 2024-05-17``, or an empty string.
    """
    if article.fetched:
        return message("fetched {day}", day=article.fetched[:10])
    return message("file of {day}", day=article.file_time[:10]) if article.file_time else ""


def id_and_path_line(article: Article, indent: int, mark: str = "") -> StyledLine:
    """Return the start of the id, by which commands accept the article, the path and a ``mark``."""
    pieces = [
        StyledText(f"{article.id[:SHORT_ID]}  ", "dim"),
        StyledText(display_path(article.path), "dim"),
    ]
    if mark:
        pieces.append(StyledText(f"  {mark}", "mark"))
    return StyledLine(pieces, indent, path=1)


def display_path(path: str) -> str:
    """Return ``path`` relative to the current folder if it is inside of it, quoted if needed."""
    here = os.getcwd()  # noqa: PTH109  (paths in an index are strings of any bytes)
    prefix = here.rstrip(os.sep) + os.sep
    return quote_path(path.removeprefix(prefix))


_ESCAPES: Final = re.compile("(?:%[0-9A-Fa-f]{2})+")


def readable_url(url: str) -> str:
    """Return ``url`` as people read it: escaped characters of other scripts are decoded.

    What is ASCII stays escaped, so that the address remains the same one, and so does what is
    invisible or not UTF-8.

    >>> readable_url("https://news.example/%E6%B8%A1%E8%BD%AE?a=%26b")
    'https://news.example/渡轮?a=%26b'
    """
    return _ESCAPES.sub(_decode_escapes, url)


def _decode_escapes(found: re.Match[str]) -> str:
    decoded = unquote_to_bytes(found[0]).decode("utf-8", "surrogateescape")
    return "".join(
        character if character.isprintable() and not character.isascii() else _escape(character)
        for character in decoded
    )


def _escape(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode("utf-8", "surrogateescape"))


def web_link(url: str | None) -> str | None:
    """Return ``url`` as a terminal may open it: http or https, in ASCII; otherwise ``None``."""
    if not url or not url.startswith(("http://", "https://")):
        return None
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~", errors="replace")

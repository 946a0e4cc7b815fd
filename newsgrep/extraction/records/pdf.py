"""PDF: the text layer of its pages, without what is repeated at their edges, and the metadata."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import MAX_CHARACTERS, check_limit
from newsgrep.extraction.formats import DOCUMENT_FORMAT
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    MissingPackage,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
    is_stated,
)
from newsgrep.extraction.records.pdf_text import Line, join_paragraphs, page_lines
from newsgrep.messages import message

if TYPE_CHECKING:
    import pypdfium2


_WHAT: Final = message("a PDF document")
_MAX_OFFSET: Final = 1024
"""Bytes that may be before the signature."""


def recognises(head: bytes) -> bool:
    """Return whether a file begins like a PDF document."""
    return head.startswith(b"%PDF-") or b"\n%PDF-" in head[:_MAX_OFFSET]


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (there are no fields)
    """Yield the document; pages without text are in its notes."""
    with source.open_stream() as stream:
        pages, fields, notes = _read_document(_seekable(stream))
    empty = [number for number, lines in enumerate(pages, 1) if not lines]
    if len(empty) == len(pages):
        raise NoArticle(
            "{what} without text: its {count:,} pages are pictures, which are not read",
            what=_WHAT,
            count=len(pages),
        )
    if empty:
        notes.append(message("no text on {empty}, which may be scanned", empty=_list_pages(empty)))
    repeated = _repeated_lines(pages)
    edges = [line for line in repeated.values() if not _PAGE_NUMBER.fullmatch(line)]
    if edges:
        notes.append(
            message(
                "left out at the edges of pages: {edges}",
                edges="; ".join(edges[:_MAX_LISTED])[:200],
            )
        )
        fields["published"], fields["source"] = _date_in(edges), _outlet_in(edges)
    kept = (_without(lines, repeated) for lines in pages)
    fields["text"] = "\n\n".join(join_paragraphs(kept))
    stated = {key: value for key, value in fields.items() if value}
    data = json.dumps(stated, ensure_ascii=False).encode("utf-8", "replace")
    yield Record("", data, DOCUMENT_FORMAT, source.name, notes=tuple(notes))


def _seekable(stream: BinaryIO) -> BinaryIO:
    if stream.seekable():
        return stream
    data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("{what} of more than 64M inside of another file", what=_WHAT)
    return io.BytesIO(data)


def _read_document(stream: BinaryIO) -> tuple[list[list[Line]], dict[str, str], list[str]]:
    """Return the lines of each page, the metadata by keys of front matter, and notes."""
    try:
        import pypdfium2  # loads a large library
    except ImportError as exc:
        raise MissingPackage(_WHAT, "pdf") from exc
    try:
        document = pypdfium2.PdfDocument(stream)
    except pypdfium2.PdfiumError as exc:
        if "password" in str(exc):
            raise NoArticle("{what} that needs a password", what=_WHAT) from exc
        raise NoArticle("{what} that is damaged or cut off", what=_WHAT) from exc
    try:
        metadata = _metadata(document.get_metadata_dict(skip_empty=True))
        pages: list[list[Line]] = []
        unread: list[int] = []
        length = 0
        check_limit(len(document), _MAX_PAGES, "pages")
        for number in range(len(document)):
            try:
                lines = _page(document, number)
            except pypdfium2.PdfiumError:
                unread.append(number + 1)
                lines = []
            length += sum(len(line.text) for line in lines)
            check_limit(length, MAX_CHARACTERS, "characters of text")
            pages.append(lines)
    finally:
        document.close()
    return (
        pages,
        metadata,
        [message("damaged: {unread}", unread=_list_pages(unread))] if unread else [],
    )


_MAX_PAGES: Final = 20_000


def _page(document: pypdfium2.PdfDocument, number: int) -> list[Line]:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            return page_lines(text_page)
        finally:
            text_page.close()
    finally:
        page.close()


_TIME = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-]\d\d)'?(\d\d)?|Z)?")


def _metadata(stated: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, name in (("Title", "title"), ("Author", "author"), ("Keywords", "keywords")):
        if is_stated(text := stated.get(key, "").strip("\0 ")):
            found[name] = text
    if match := _TIME.match(stated.get("CreationDate", "")):
        year, month, day, hour, minute, second, zone, minutes = match.groups()
        found["created"] = f"{year}-{month or '01'}-{day or '01'}"
        if hour and minute:
            offset = f"{zone}:{minutes or '00'}" if zone else ""
            found["created"] += f"T{hour}:{minute}:{second or '00'}{offset}"
    return found


_EDGE_LINES: Final = 3
_MAX_EDGE_LINE: Final = 80
_SENTENCE_ENDS: Final = ("。", "！", "？", "，", "、", "；")
_MIN_SHARE: Final = 0.3
"""Of the pages on which a line must be repeated; those of left and right pages differ."""
_MAX_LISTED: Final = 4
_DIGITS = re.compile(r"[0-9０-９]+|[一二三四五六七八九十百零〇]+")
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:第|page|p\.?)?\s*[0-9０-９一二三四五六七八九十百]{1,5}\s*(?:页|頁|版)?"
    r"(?:\s*(?:/|of|共)\s*[0-9]{1,5}\s*(?:页|頁)?)?[\W_]*",
    re.IGNORECASE,
)


def _edge_lines(lines: list[Line]) -> Iterator[tuple[str, str]]:
    """Yield the first and last lines of a page, and what of each is equal on other pages."""
    for line in dict.fromkeys(each.text for each in (*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:])):
        if len(line) <= _MAX_EDGE_LINE and not line.endswith(_SENTENCE_ENDS):
            yield _DIGITS.sub("#", line), line


def _repeated_lines(pages: list[list[Line]]) -> dict[str, str]:
    """Return the lines at the edges of pages that are repeated, by what is equal of them."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for lines in pages:
        for key, line in dict(_edge_lines(lines)).items():
            counts[key] += 1
            first.setdefault(key, line)
    shown = sum(map(bool, pages))
    least = max(2 if shown == 2 else 3, int(shown * _MIN_SHARE))
    return {
        key: first[key]
        for key, count in counts.items()
        if count >= least or (shown > 1 and _PAGE_NUMBER.fullmatch(first[key]))
    }


def _without(lines: list[Line], repeated: dict[str, str]) -> list[Line]:
    """Return the lines of a page without those that are repeated at its edges."""
    start, end = 0, len(lines)
    while start < min(end, _EDGE_LINES) and _DIGITS.sub("#", lines[start].text) in repeated:
        start += 1
    while end > max(start, len(lines) - _EDGE_LINES) and (
        _DIGITS.sub("#", lines[end - 1].text) in repeated
    ):
        end -= 1
    return lines[start:end]


def _date_in(lines: Iterable[str]) -> str:
    """Return the day that the edge of the first page states, or an empty string."""
    from newsgrep.extraction.dates.forms import find_dates

    days = {str(found.stated.day) for line in lines for found in find_dates(line)}
    return days.pop() if len(days) == 1 else ""


def _outlet_in(lines: Iterable[str]) -> str:
    """Return the name of an outlet that the edges of pages state, or an empty string."""
    from newsgrep.extraction.sources import sounds_like_outlet

    parts = (part for line in lines for part in _BETWEEN_PARTS.split(line))
    return next((part for part in parts if part and sounds_like_outlet(part)), "")


_BETWEEN_PARTS = re.compile(r"\s+|[|｜·—–-]+|第?[0-9]{1,6}[版页期年月日号]?")


def _list_pages(numbers: list[int]) -> str:
    listed = ", ".join(f"{number:,}" for number in numbers[:_MAX_PAGES_LISTED])
    more = len(numbers) - _MAX_PAGES_LISTED
    if more > 0:
        return message("pages {pages} and {more:,} more", pages=listed, more=more)
    if len(numbers) == 1:
        return message("page {pages}", pages=listed)
    return message("pages {pages}", pages=listed)


_MAX_PAGES_LISTED: Final = 10

FORMAT = RecordFormat("pdf", read, recognises)

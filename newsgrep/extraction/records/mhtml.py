"""MHTML: a page that a browser saved with its pictures in one file (.mhtml, .mht)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from newsgrep import messages as texts
from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)

if TYPE_CHECKING:
    from email.message import Message

_SIGNS: Final = (b"multipart/related", b"snapshot-content-location", b"<saved by ")
_MAX_HEAD: Final = 4096
_MAX_BLANK: Final = 64
_PAGE_TYPES: Final = ("text/html", "application/xhtml+xml")


def recognises(head: bytes) -> bool:
    """Return whether a file begins with the headers of a saved page."""
    if not head[:_MAX_BLANK].lstrip()[:1].isalpha():
        return False
    begins = head[:_MAX_HEAD].lower()
    if b"mime-version" not in begins or not any(sign in begins for sign in _SIGNS):
        return False
    # Loads the package for mail, which other files do not need.
    from newsgrep.extraction.records.messages import header_names

    names = header_names(head[:_MAX_HEAD].lstrip())
    if "mime-version" not in names or "content-type" not in names:
        return False
    # A mail with pictures is also multipart/related, but is sent to somebody.
    return "snapshot-content-location" in names or (
        b"<saved by " in begins or names.isdisjoint(("to", "received", "message-id"))
    )


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (there are no fields)
    """Yield the page, with its address and the time of saving."""
    from newsgrep.extraction.records.messages import (
        header_time,
        header_url,
        is_cut_off,
        parse_message,
        part_bytes,
        part_charset,
        parts,
    )

    with source.open_stream() as stream:
        data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("a saved page of more than 64M with its pictures")
    message = parse_message(data.lstrip())
    page = _page(message)
    if page is None:
        kinds = texts.message("cut off") if is_cut_off(message) else texts.message("without a page")
        raise NoArticle("a file in MHTML that is {kinds}", kinds=kinds)
    is_last = list(parts(message))[-1] is page
    notes = (texts.message("the page is cut off"),) if is_last and is_cut_off(message) else ()
    yield Record(
        "",
        part_bytes(page),
        "html",
        source.name,
        header_url(message, "snapshot-content-location")
        or header_url(page, "content-location")
        or header_url(message, "content-location", "content-base"),
        header_time(message),
        part_charset(page),
        notes=notes,
    )


def _page(message: Message) -> Message | None:
    """Return the part that is the page: the one that the message names, or the first."""
    from newsgrep.extraction.records.messages import header, part_type, parts

    start = str(message.get_param("start") or "").strip()
    pages = [each for each in parts(message) if part_type(each) in _PAGE_TYPES]
    named = (each for each in pages if start and header(each, "content-id") == start)
    return next(named, pages[0] if pages else None)


FORMAT = RecordFormat("mhtml", read, recognises)

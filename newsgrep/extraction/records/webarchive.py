"""Safari's .webarchive: a property list with a page and what it shows."""

from __future__ import annotations

from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)

_MAIN: Final = "WebMainResource"
_MAX_HEAD: Final = 4096
_PAGE_TYPES: Final = ("text/html", "application/xhtml+xml", "text/plain")


def recognises(head: bytes) -> bool:
    """Return whether a file begins like a property list with a page."""
    begins = head[:_MAX_HEAD]
    is_list = begins.startswith(b"bplist0") or (begins[:1] == b"<" and b"<plist" in begins)
    return is_list and _MAIN.encode() in begins


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (there are no fields)
    """Yield the page, with its address and its encoding."""
    import plistlib  # loads a parser for XML, which other files do not need
    from xml.parsers.expat import ExpatError

    with source.open_stream() as stream:
        data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("a web archive of more than 64M with its pictures")
    try:
        found: Any = plistlib.loads(data)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ExpatError) as exc:
        raise NoArticle("a .webarchive that is damaged or cut off") from exc
    page = found.get(_MAIN) if isinstance(found, dict) else None
    content = page.get("WebResourceData") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(content, bytes):
        raise NoArticle("a .webarchive without a page")
    kind = page.get("WebResourceMIMEType", "text/html")
    if kind not in _PAGE_TYPES:
        raise NoArticle("a .webarchive of {kind}, not of a page", kind=str(kind)[:80])
    url, charset = page.get("WebResourceURL"), page.get("WebResourceTextEncodingName")
    yield Record(
        "",
        content,
        "text" if kind == "text/plain" else "html",
        source.name,
        url if isinstance(url, str) and url.startswith(("http://", "https://")) else None,
        charset=charset if isinstance(charset, str) else None,
    )


FORMAT = RecordFormat("webarchive", read, recognises)

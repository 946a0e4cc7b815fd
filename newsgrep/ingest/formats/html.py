"""HTML: saved pages and fragments, with or without a scraper's header above them."""

from __future__ import annotations

from newsgrep.ingest.formats.base import Format, from_html, opened
from newsgrep.ingest.raw import RawArticle
from newsgrep.ingest.sites import Sites


def _read(data: bytes, sites: Sites) -> RawArticle:
    file = opened(data, sites)
    return from_html(file, file.text)


FORMAT = Format("html", _read)

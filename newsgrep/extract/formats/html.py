"""HTML: saved pages and fragments, with or without a scraper's header above them."""

from __future__ import annotations

from newsgrep.extract.claims import RawArticle
from newsgrep.extract.formats.base import Format, decode_file, extract_html
from newsgrep.extract.outlets import Outlets


def _read(data: bytes, outlets: Outlets) -> RawArticle:
    file = decode_file(data, outlets)
    return extract_html(file, file.text)


FORMAT = Format("html", _read)

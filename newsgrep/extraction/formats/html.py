"""HTML: saved pages and fragments, with or without a scraper's front matter.

The other formats use :func:`extract_html` for files that contain HTML.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from newsgrep.extraction.formats.base import (
    DecodedFile,
    Format,
    RawArticle,
    RawFile,
    decode_file,
    raw_article,
)
from newsgrep.extraction.outlets import SelectedElements
from newsgrep.extraction.page.clean import Cleaner
from newsgrep.extraction.page.content import Selection
from newsgrep.extraction.page.dom import parse_html
from newsgrep.extraction.page.source_lines import SIGN_CHARACTER, SIGNS
from newsgrep.messages import message

_BLOCK_TAG: Final = (
    r"(?:!doctype|\?xml|html|head|body|div|article|section|main|p|h[1-6]|figure|table|ul|ol|dl|blockquote|"
    r"img|header|address|time|span|br|hr|a|b|strong|em|i|font|center|pre|picture|small|aside|link|meta|style|script|"
    r"nav|form|footer|noscript|svg|video|audio|iframe|button|template|title)"
)
_STARTS_AS_HTML = re.compile(
    rf"\s*(?:<!--(?:(?!-->).){{0,2000}}-->\s*)*+<{_BLOCK_TAG}\b[^>]*>", re.IGNORECASE | re.DOTALL
)
_CLOSING = re.compile(
    r"</(?:p|div|article|section|main|body|html|li|h[1-6]|figure)\s*>|<br\s*/?>", re.IGNORECASE
)
_PAGE = re.compile(r"<(?:html|head|body)\b", re.IGNORECASE)


def looks_like_html(text: str) -> bool:
    """Return whether ``text`` is HTML, and not text or Markdown that contains a few tags."""
    if "<" not in text:
        return False
    closing = sum(1 for _ in _CLOSING.finditer(text))
    if _STARTS_AS_HTML.match(text) and (text.rstrip().endswith(">") or closing > 1):
        return True
    return closing * 400 > len(text) and closing > 2  # a few tags may be quoted


# Ends where the next instruction begins; otherwise each of many beginnings would be long to match.
_INSTRUCTION = re.compile(r"<\?(?:(?!<\?)[^>]){0,1000}>")


_MAX_UNCOLLECTED: Final = 1_000_000


@contextmanager
def _collector_paused(length: int) -> Iterator[None]:
    """Pause the garbage collector, which would visit each element of a page several times.

    It finds nothing there: a tree is freed when it is released. In a very long page, of ``length``
    characters, nested elements may leave much else meanwhile.
    """
    was_enabled = gc.isenabled() and length <= _MAX_UNCOLLECTED
    if was_enabled:
        gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_page(markup: str) -> bool:
    """Return whether ``markup`` is a whole page."""
    return _PAGE.search(markup) is not None


def extract_html(file: DecodedFile, markup: str) -> RawArticle:
    """Return the article in ``markup``, a page or a part of one."""
    with _collector_paused(len(markup)):
        return _extract(file, markup)


def _extract(file: DecodedFile, markup: str) -> RawArticle:
    # Processing instructions and NULs mean nothing in HTML, and end the work of some parsers.
    utf8 = file.utf8 if markup is file.text else None
    if utf8 is None or b"\0" in utf8:
        markup = markup.replace("\0", "")
    if "<?" in markup:
        markup = _INSTRUCTION.sub("", markup)
    markup = markup.replace("<![CDATA[", "").replace("]]>", "")
    tree = parse_html(utf8 if utf8 is not None and markup is file.text else markup)
    selected = SelectedElements.on_page(tree, file.outlet)
    if not selected.complete:
        file = _with_note(
            file, message("a very large page: the outlet's selectors were not applied")
        )
    cleaner = Cleaner(tree, selected, file.url)
    cleaner.run()
    whole_page = _is_page(markup)
    selection = Selection(
        cleaner.passages,
        cleaner.regions.all,
        cleaner.suspects,
        cleaner.metadata.titles(),
        whole_page=whole_page,
    )
    selection.run(cleaner.regions.of(selected.body), cleaner.metadata.article_body())
    cleaner.read_claims(selection.root)
    if not selected.dates:
        cleaner.metadata.read_dates(tree)
    if file.front_matter.title is None and file.front_matter.first("title") is None:
        cleaner.metadata.read_page(
            tree,
            selection.root.element if selection.root else None,
            source_lines=SIGN_CHARACTER in markup and any(sign in markup for sign in SIGNS),
        )
    trace = file.raw.trace
    blocks = selection.traced_blocks(trace) if trace.full else selection.blocks()
    tree.release()
    return raw_article(file, tuple(blocks), cleaner.metadata.claims(), page=whole_page)


def _with_note(file: DecodedFile, note: str) -> DecodedFile:
    return replace(file, notes=(*file.notes, note))


def _read(raw: RawFile) -> RawArticle:
    file = decode_file(raw)
    return extract_html(file, file.text)


FORMAT = Format("html", _read)

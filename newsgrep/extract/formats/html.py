"""HTML: saved pages and fragments, with or without a scraper's front matter.

The other formats use :func:`extract_html` for files that contain HTML.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from newsgrep.extract.claims import Block, BlockKind
from newsgrep.extract.clean import Cleaner, find_main_content
from newsgrep.extract.dom import parse_html
from newsgrep.extract.formats.base import (
    DecodedFile,
    Format,
    RawArticle,
    RawFile,
    decode_file,
    raw_article,
)
from newsgrep.extract.outlets import SelectedElements
from newsgrep.extract.source_lines import SIGNS

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
_PROLOG = re.compile(r"<\?(?:(?!<\?)[^>]){0,1000}>|<!\[CDATA\[|\]\]>")
_MIN_TEXT: Final = 120
"""Characters; with less text than this, classes and ids may have been misleading."""
_MUCH_TEXT: Final = 600


def extract_html(file: DecodedFile, markup: str) -> RawArticle:
    """Return the article in ``markup``, a page or a part of one."""
    # Processing instructions and NULs mean nothing in HTML, and end the work of some parsers.
    markup = markup.replace("\0", "")
    if any(sign in markup for sign in ("<?", "<![", "]]>")):
        markup = _PROLOG.sub("", markup)
    tree = parse_html(markup)
    root = find_main_content(tree) if _PAGE.search(markup) else None
    selected = SelectedElements.on_page(tree, file.outlet)
    if not selected.complete:
        file = _with_note(file, "a very large page: the outlet's selectors were not applied")
    cleaner = Cleaner(tree, selected, file.url)
    cleaner.run(root)
    length = _text_length(cleaner.blocks)
    if length < _MIN_TEXT:
        # Some boilerplate is better than no article.
        lenient = Cleaner(tree, selected, file.url)
        lenient.run(None if root is None else tree.body, careful=False)
        if _text_length(lenient.blocks) > max(_MUCH_TEXT, 5 * length):
            cleaner = lenient
            file = _with_note(file, "most text looked like boilerplate: all text was kept")
    if not selected.dates:
        cleaner.metadata.read_dates(tree)
    if file.front_matter.title is None and file.front_matter.first("title") is None:
        cleaner.metadata.read_page(tree, source_lines=any(sign in markup for sign in SIGNS))
    tree.release()
    return raw_article(file, tuple(cleaner.blocks), cleaner.metadata.claims())


def _text_length(blocks: list[Block]) -> int:
    return sum(len(block.text) for block in blocks if block.kind is not BlockKind.CAPTION)


def _with_note(file: DecodedFile, note: str) -> DecodedFile:
    return replace(file, notes=(*file.notes, note))


def _read(raw: RawFile) -> RawArticle:
    file = decode_file(raw)
    return extract_html(file, file.text)


FORMAT = Format("html", _read)

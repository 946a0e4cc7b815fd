"""Markdown: rendered by a parser and then read as HTML; posts that are HTML inside as such."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from newsgrep.ingest.formats.base import Format, from_html, is_html, opened
from newsgrep.ingest.formats.commonmark import render
from newsgrep.ingest.formats.text import from_plain
from newsgrep.ingest.raw import RawArticle
from newsgrep.ingest.sites import Sites

_LONGEST: Final = 500_000
"""Characters: the parser takes up to six seconds and 500 MB for so many, if they are meant to."""
_STARS = re.compile(r"\*{2,}")


def _read(data: bytes, sites: Sites) -> RawArticle:
    file = opened(data, sites)
    if is_html(file.text):
        return from_html(file, file.text)
    if len(file.text) > _LONGEST:
        file = replace(file, notes=(*file.notes, "a very long file: read as plain text"))
        return from_plain(file)
    raw = from_html(file, render(_with_notes(file.text)))
    # CommonMark leaves stars that stand between a Chinese character and a full-width sign.
    if any("**" in block.text for block in raw.blocks):
        blocks = (replace(block, text=_STARS.sub("", block.text).strip()) for block in raw.blocks)
        raw = replace(raw, blocks=tuple(block for block in blocks if block.text))
    return raw


_NOTE = re.compile(r"^ {0,3}\[\^[^\]\s]{1,40}\]:[ \t]*", re.MULTILINE)
_NOTE_MARK = re.compile(r"\[\^[^\]\s]{1,40}\]")


def _with_notes(text: str) -> str:
    """Make footnotes paragraphs: CommonMark takes them for addresses of links and drops them."""
    return _NOTE_MARK.sub("", _NOTE.sub("\n", text)) if "[^" in text else text


FORMAT = Format("markdown", _read)

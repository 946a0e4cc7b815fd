"""Markdown: rendered by a parser and then read as HTML; posts that are HTML inside as such."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from markdown_it import MarkdownIt

from newsgrep.ingest.formats.base import Format, from_html, is_html, opened
from newsgrep.ingest.raw import RawArticle
from newsgrep.ingest.sites import Sites

_STARS = re.compile(r"\*{2,}")


@cache
def _parser() -> MarkdownIt:
    # Archives indent paragraphs as books do: four spaces are no code there.
    return MarkdownIt("commonmark", {"html": True}).enable("table").disable("code")


def _read(data: bytes, sites: Sites) -> RawArticle:
    file = opened(data, sites)
    if is_html(file.text):
        return from_html(file, file.text)
    raw = from_html(file, _parser().render(file.text))
    # CommonMark leaves stars that stand between a Chinese character and a full-width sign.
    blocks = (replace(block, text=_STARS.sub("", block.text).strip()) for block in raw.blocks)
    return replace(raw, blocks=tuple(block for block in blocks if block.text))


FORMAT = Format("markdown", (".md", ".markdown"), _read)

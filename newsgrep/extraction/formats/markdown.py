"""Markdown, rendered by a parser and then read as HTML.

Bulletins are a few lines of text with a bold word at the start. For those the HTML is made
without the parser, which would take a third of the time of reading them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

from newsgrep.extraction.claims import Block, Rule
from newsgrep.extraction.formats.base import Format, RawArticle, RawFile, decode_file
from newsgrep.extraction.formats.html import extract_html, looks_like_html
from newsgrep.extraction.formats.marks import plain_marks, wide_emphasis
from newsgrep.extraction.formats.mixed import split_html
from newsgrep.extraction.formats.text import extract_plain_text, normal_lines
from newsgrep.extraction.whitespace import clean_line
from newsgrep.messages import message

_MAX_CHARACTERS: Final = 500_000
"""A text of so many characters can be written so that the parser takes six seconds and 500 MB."""
_STARS = re.compile(r"\*\*[ \u3000]*+([^*\n]{1,300}?)[ \u3000]*\*\*")
_HTML_BLOCK = re.compile(r"^[ \t]*<(?:!--|!doctype\b|/?[a-z])", re.IGNORECASE | re.MULTILINE)


def _read(raw: RawFile) -> RawArticle:
    file = decode_file(raw)
    text = file.text
    if len(text) > _MAX_CHARACTERS and not looks_like_html(text):
        file = replace(file, notes=(*file.notes, message("a very long file: read as plain text")))
        return extract_plain_text(file)
    comments: list[str] = []
    markup = _to_html(normal_lines(text), comments)
    article = extract_html(file, markup)
    # Stars inside HTML, or with spaces inside them, are no marks of CommonMark.
    if any("**" in block.text for block in article.blocks):
        blocks = (replace(block, text=_STARS.sub(r"\1", block.text)) for block in article.blocks)
        article = replace(article, blocks=tuple(blocks))
    if comments:
        hidden = tuple(Block(clean_line(text), rule=Rule.HIDDEN) for text in comments)
        article = replace(article, blocks=article.blocks + hidden)
    return article


def _to_html(text: str, comments: list[str]) -> str:
    """Return a text of Markdown, HTML or both as HTML, and add hidden comments to ``comments``."""
    if "<" not in text or not _HTML_BLOCK.search(text):
        return _render_marks(text, comments)
    parts = split_html(text)
    if not any(part.html for part in parts):
        return _render_marks(text, comments)
    return "\n".join(
        part.text if part.html else _render_marks(part.text, comments) for part in parts
    )


def _render_marks(text: str, comments: list[str]) -> str:
    plain, found = plain_marks(text)
    comments += found
    return render(plain)


def render(text: str) -> str:
    """Return the Markdown ``text`` as HTML; lines must end in newlines."""
    simple = paragraphs_only(text)
    return commonmark_parser().render(text) if simple is None else simple


@cache
def commonmark_parser() -> MarkdownIt:
    """Return the parser, changed in the few ways that archives need."""
    # Archives indent paragraphs as books do: four spaces do not begin code there.
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("emphasis", "product", _keep_product_star)
    parser.inline.ruler.before("emphasis", "wide_emphasis", wide_emphasis)
    parser.core.ruler.after("inline", "references", _limit_references)
    return parser.disable("code")


def _limit_references(state: StateCore) -> None:
    """Drop the addresses of links once their total length is ten times that of the text.

    A hundred thousand links may refer to one definition with a long address. A Chinese
    character in an address becomes nine ASCII characters, hence ten times.
    """
    left = 10 * len(state.src)
    for block in state.tokens:
        for token in block.children or ():
            if token.attrs:
                left -= sum(len(str(value)) for value in token.attrs.values())
                if left < 0:
                    token.attrs = {}


def _keep_product_star(state: StateInline, silent: bool) -> bool:
    """Keep the stars of ``2*3*4``: between ASCII letters and digits a star is not emphasis."""
    pos, text = state.pos, state.src
    if text[pos] != "*" or not 0 < pos < state.posMax - 1:
        return False
    before, after = text[pos - 1], text[pos + 1]
    if not (before.isascii() and before.isalnum() and after.isascii() and after.isalnum()):
        return False
    if not silent:
        state.pending += "*"
    state.pos += 1
    return True


_CHAR: Final = r"[^\\`*_\[<&~\x00-\x1f\x7f]"
"""A character without a meaning in Markdown, whatever its neighbours are."""
_PARAGRAPH = re.compile(
    # No heading, list, quote, rule, table or definition begins with these characters. Bold text
    # certainly ends at stars that follow a letter or a digit or that end the line.
    r"(?![0-9]{1,9}[.)])(?:(?=[^\s!-/:-@\[-`{-~])"
    rf"|\*\*(?P<bold>(?=\S){_CHAR}+)(?:(?<=\S)\*\*$|(?<=[^\W_])\*\*))(?P<rest>{_CHAR}*)"
)
_HTML_COMMENT = re.compile(r"<!--[^<>]*-->")


def paragraphs_only(text: str) -> str | None:
    """Return ``text`` as HTML if it is single lines with empty lines between them, else None."""
    found: list[str] = []
    may_begin = True
    for whole in text.split("\n"):
        line = whole.strip(" ")
        if not line:
            may_begin = True
        elif may_begin and not line[-1].isspace() and (match := _PARAGRAPH.fullmatch(line)):
            rest = match["rest"].replace(">", "&gt;").replace('"', "&quot;")
            if bold := match["bold"]:
                bold = bold.replace(">", "&gt;").replace('"', "&quot;")
                rest = f"<strong>{bold}</strong>{rest}"
            found.append(f"<p>{rest}</p>\n")
            may_begin = False
        elif _HTML_COMMENT.fullmatch(whole):
            found.append(line + "\n")
            may_begin = True
        else:
            return None
    return "".join(found)


FORMAT = Format("markdown", _read)

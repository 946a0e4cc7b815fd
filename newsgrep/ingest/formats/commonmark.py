"""Markdown becomes HTML: by a parser, or at once where a text is nothing but paragraphs.

Bulletins are a few lines of text with a bold word at the start; a parser takes a third of
the time of reading one to find that out.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline


def render(text: str) -> str:
    """Return ``text``, whose line ends are newlines, as HTML."""
    simple = paragraphs_only(text)
    return parser().render(text) if simple is None else simple


@cache
def parser() -> MarkdownIt:
    """Return the parser, with the few things changed that archives need."""
    # Archives indent paragraphs as books do: four spaces are no code there.
    made = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    made.inline.ruler.before("emphasis", "product", _product)
    made.core.ruler.after("inline", "references", _few_references)
    return made.disable("code")


def _few_references(state: StateCore) -> None:
    """Drop addresses once they are ten times as long together as the text itself.

    One definition with a long address may be referred to a hundred thousand times. (Ten times,
    for a Chinese character in an address becomes nine of ASCII.)
    """
    left = 10 * len(state.src)
    for block in state.tokens:
        for token in block.children or ():
            if token.attrs:
                left -= sum(len(str(value)) for value in token.attrs.values())
                if left < 0:
                    token.attrs = {}


def _product(state: StateInline, silent: bool) -> bool:
    """Keep the star of ``2*3*4``: between ASCII letters and digits nobody means emphasis."""
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
"""A character that is only itself, whatever stands beside it."""
_PARAGRAPH = re.compile(
    # No heading, list, quote, rule, table or definition begins with what may stand here; a
    # bold start ends for certain at the end of the line and behind a letter or a digit.
    r"(?![0-9]{1,9}[.)])(?:(?=[^\s!-/:-@\[-`{-~])"
    rf"|\*\*(?P<bold>(?=\S){_CHAR}+)(?:(?<=\S)\*\*$|(?<=[^\W_])\*\*))(?P<rest>{_CHAR}*)"
)
_COMMENT = re.compile(r"<!--[^<>]*-->")


def paragraphs_only(text: str) -> str | None:
    """Return ``text`` as HTML if it is lines of text with empty lines between, else None."""
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
        elif _COMMENT.fullmatch(whole):
            found.append(line + "\n")
            may_begin = True
        else:
            return None
    return "".join(found)

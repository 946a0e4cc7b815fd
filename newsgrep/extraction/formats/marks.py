"""Marks that Markdown dialects add to CommonMark, and headings without a blank.

``==…==`` highlights, ``[[…]]`` links notes, ``%%…%%`` hides a comment. CommonMark also leaves the
stars of ``他读的*《某书》*`` in the text, because it has no rule for text without spaces.
"""

from __future__ import annotations

import re
from typing import Final

from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

from newsgrep.extraction.whitespace import IS_WIDE

_NOTE = re.compile(r"^ {0,3}\[\^[^\]\s]{1,40}\]:[ \t]*", re.MULTILINE)
_NOTE_MARK = re.compile(r"\[\^[^\]\s]{1,40}\]")
_HIGHLIGHT = re.compile(
    r"(?<![=a-zA-Z0-9\"'/])==(?=[^\s=])([^=\n]{1,300})(?<=[^\s=])==(?![=a-zA-Z0-9])"
)
_EMBEDDED = re.compile(r"!\[\[[^\[\]\n]{1,300}\]\]")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]\n|]{1,300}\|)?([^\[\]\n|]{1,300})\]\](?!\()")
_HEADING = re.compile(r"( {0,3})(#{1,6})(?=[^\s#!])")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MAX_COMMENT: Final = 4000


def plain_marks(text: str) -> tuple[str, list[str]]:
    """Return ``text`` with the marks of CommonMark only, and the comments that were in it."""
    comments: list[str] = []
    if "[^" in text:  # footnotes, which CommonMark drops as addresses of links
        text = _NOTE_MARK.sub("", _NOTE.sub("\n", text))
    if "%%" in text:
        text = _take_comments(text, comments)
    if "#" in text or "==" in text or "[[" in text:
        text = "\n".join(_plain_lines(text.split("\n")))
    return text, comments


def _take_comments(text: str, comments: list[str]) -> str:
    parts = text.split("%%")
    if len(parts) % 2 == 0 or any(len(part) > _MAX_COMMENT for part in parts[1::2]):
        return text
    comments += [part.strip() for part in parts[1::2] if part.strip()]
    return "".join(parts[::2])


def _plain_lines(lines: list[str]) -> list[str]:
    found: list[str] = []
    fence = ""
    last = max((at for at, line in enumerate(lines) if line.strip()), default=0)
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence:
            line = plain_links(line)
            if "#" in line and (heading := _HEADING.match(line)):
                near = (lines[at - 1] if at else "", lines[at + 1] if at + 1 < len(lines) else "")
                if len(heading[2]) > 1 or not _is_tag(line.strip(), near, last=at == last):
                    line = f"{heading[1]}{heading[2]} {line[heading.end() :]}"
        found.append(line)
    return found


def plain_links(line: str) -> str:
    """Return ``line`` without the marks of highlights and of links between notes.

    >>> plain_links("==三尺水==，见[[水闸|闸门记录]]")
    '三尺水，见闸门记录'
    """
    if "==" in line:
        line = _HIGHLIGHT.sub(r"\1", line)
    if "[[" in line:
        line = _WIKI_LINK.sub(r"\1", _EMBEDDED.sub("", line))
    return line


def _is_tag(line: str, near: tuple[str, str], *, last: bool) -> bool:
    """Return whether ``#…`` is a tag: one of several, or alone on the last line."""
    if "#" in line[1:]:
        return True
    if " " in line or "\u3000" in line:
        return False
    return last or any(_HEADING.match(each) and " " not in each.strip() for each in near)


def wide_emphasis(state: StateInline, silent: bool) -> bool:
    """Find the marks of emphasis next to Chinese text, in which no spaces separate words.

    A rule of the Markdown parser. A mark opens before any text and closes after any text, except
    that none opens between text and a closing sign, or closes between an opening sign and text.
    """
    start, text = state.pos, state.src
    marker = text[start]
    if silent or marker not in "*_":
        return False
    end = start
    while end < state.posMax and text[end] == marker:
        end += 1
    before = text[start - 1] if start else " "
    after = text[end] if end < state.posMax else " "
    if not (IS_WIDE.match(before) or IS_WIDE.match(after)):
        return False
    opens = not after.isspace() and (after not in _CLOSING or before.isspace())
    closes = not before.isspace() and (before not in _OPENING or after.isspace())
    if marker == "_":
        opens = opens and not (before.isascii() and before.isalnum())
        closes = closes and not (after.isascii() and after.isalnum())
    for _ in range(end - start):
        token = state.push("text", "", 0)
        token.content = marker
        state.delimiters.append(
            Delimiter(ord(marker), end - start, len(state.tokens) - 1, -1, opens, closes)
        )
    state.pos = end
    return True


_OPENING: Final = frozenset("（「『《〈【〔［｛“‘([{")
_CLOSING: Final = frozenset("，。、；：！？）」』》〉】〕］｝”’,.;:!?)]}")

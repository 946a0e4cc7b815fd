"""Plain text, with the few marks of Markdown that scrapers leave in it.

A ``.txt`` file that contains HTML below front matter is read as HTML. Stars, underscores and
number signs inside lines are text and are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from newsgrep.extract.claims import Block, BlockKind
from newsgrep.extract.dates.lines import parse_date_line
from newsgrep.extract.decode import MAX_CHARACTERS, check_limit
from newsgrep.extract.formats.base import (
    DecodedFile,
    Format,
    RawArticle,
    RawFile,
    decode_file,
    raw_article,
)
from newsgrep.extract.formats.html import extract_html, looks_like_html
from newsgrep.extract.formats.marks import plain_links
from newsgrep.extract.formats.posts import split_post
from newsgrep.extract.formats.wrapped import paragraph_lines
from newsgrep.extract.labels import read_labels
from newsgrep.extract.whitespace import split_paragraphs

# An address ends where the next image begins; otherwise "![](" repeated would cost 2,000 steps
# for every four characters.
_IMAGE = re.compile(r"!\[([^\]\n]{0,300})\]\((?:(?!!\[)[^)\s]){0,2000}+(?:\s\"[^\"\n]{0,200}\")?\)")
_LINK = re.compile(
    r"\[([^\[\]\n]{0,300})\]\((?:#|https?://|/|mailto:)?[^()\s]{0,2000}+(?:\s\"[^\"\n]{0,200}\")?\)"
)
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]{1,300})(?<=\S)\*\*")
_STAR = re.compile(
    r"(?<![*a-zA-Z0-9])\*(?=[^\s*])([^*\n，。、；]{1,60})(?<=[^\s*])\*(?![*a-zA-Z0-9])"
)
"""Emphasis next to Chinese text; stars of footnotes are further apart."""
_HEADING = re.compile(r"(#{1,6})[ \t]*([^\s#].*?)[ \t]*#*$")
# Unbounded repetition of a group is possessive: positions to backtrack to would take a hundred
# times the memory of the line.
_RULE = re.compile(r"[ \t]*+(?:[-=_*][ \t]*+){3}[-=_* \t]*+$")
_MAX_HEADING_LINE: Final = 200
_LINE_END = re.compile("[\x0b\x85\u2028]")
_PARAGRAPH_END = re.compile("[\x0c\u2029]")
_MAX_HEAD_LINES: Final = 20
"""Lines at the top that may have labels."""
_MAX_LABEL_LINE: Final = 200


def normal_lines(text: str) -> str:
    """Return ``text`` with newlines for the separators of lines and of paragraphs in Unicode."""
    if any(sign in text for sign in "\x0b\x85\u2028"):
        text = _LINE_END.sub("\n", text)
    if "\x0c" in text or "\u2029" in text:
        text = _PARAGRAPH_END.sub("\n\n", text)
    return text


def _read(raw: RawFile) -> RawArticle:
    file = decode_file(raw)
    if looks_like_html(file.text):
        return extract_html(file, file.text)
    return extract_plain_text(file)


def extract_plain_text(file: DecodedFile) -> RawArticle:
    """Return the article in plain text."""
    check_limit(len(file.text), MAX_CHARACTERS, "characters of text")
    text = normal_lines(file.text.replace("\0", ""))
    post = split_post([_strip_markup(line) for line in text.split("\n")])
    blocks: list[Block] = []
    for lines in paragraph_lines(_apart(post.lines)):
        for kind, part in _split_headings(lines, first=not blocks):
            blocks += [Block(text, kind) for text in split_paragraphs(part)]
    return raw_article(file, (*blocks, *post.blocks), post.claims)


def _apart(lines: Sequence[str]) -> list[str]:
    """Return ``lines`` with empty lines around those at the top that have labels or only a date."""
    found: list[str] = []
    seen = 0
    for line in lines:
        text = line.strip()
        if text and seen < _MAX_HEAD_LINES:
            seen += 1
            labelled = len(text) <= _MAX_LABEL_LINE and (
                read_labels(text) is not None or parse_date_line(text) is not None
            )
            if labelled:
                found += ["", line, ""]
                continue
        found.append(line)
    return found


def _strip_markup(line: str) -> str:
    if "](" in line:
        line = _IMAGE.sub(r"\1", line)
        line = _LINK.sub(r"\1", line)
    if "*" in line:
        line = _STAR.sub(r"\1", _BOLD.sub(r"\1", line))
    return plain_links(line)


def _split_headings(group: list[str], *, first: bool) -> list[tuple[BlockKind, list[str]]]:
    """Return the parts of a paragraph: headings, and lines of text.

    ``#标题`` is a heading at the very beginning of a text; elsewhere it is a tag.
    """
    parts: list[tuple[BlockKind, list[str]]] = []
    for line in group:
        heading = _HEADING.match(line) if len(line) < _MAX_HEADING_LINE else None
        if heading and (is_heading(line, heading[1]) or (first and "#" not in heading[2])):
            parts.append((BlockKind.HEADING, [heading[2]]))
        elif _RULE.match(line):
            if parts and len(parts[-1][1]) == 1 and parts[-1][0] is BlockKind.TEXT:
                parts[-1] = (BlockKind.HEADING, parts[-1][1])
        elif parts and parts[-1][0] is BlockKind.TEXT:
            parts[-1][1].append(line)
        else:
            parts.append((BlockKind.TEXT, [line]))
        first = False
    return parts


def is_heading(line: str, marks: str) -> bool:
    """Return whether ``line``, which begins with the number signs ``marks``, is a heading."""
    return len(marks) > 1 or line[len(marks) : len(marks) + 1] in (" ", "\t")


FORMAT = Format("text", _read)

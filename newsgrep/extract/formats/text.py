"""Plain text, with the few marks of Markdown that scrapers leave in it.

A ``.txt`` file that contains HTML below front matter is read as HTML. Stars, underscores and
number signs inside lines are text and are kept.
"""

from __future__ import annotations

import re
from typing import Final

from newsgrep.extract.claims import Block, BlockKind, Claims
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
from newsgrep.extract.whitespace import split_paragraphs

# An address ends where the next image begins; otherwise "![](" repeated would cost 2,000 steps
# for every four characters.
_IMAGE = re.compile(r"!\[([^\]\n]{0,300})\]\((?:(?!!\[)[^)\s]){0,2000}+(?:\s\"[^\"\n]{0,200}\")?\)")
_LINK = re.compile(
    r"\[([^\[\]\n]{0,300})\]\((?:#|https?://|/|mailto:)?[^()\s]{0,2000}+(?:\s\"[^\"\n]{0,200}\")?\)"
)
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]{1,300})(?<=\S)\*\*")
_HEADING = re.compile(r"#{1,6}[ \t]+(\S.*?)[ \t]*#*$")
# Unbounded repetition of a group is possessive: positions to backtrack to would take a hundred
# times the memory of the line.
_RULE = re.compile(r"[ \t]*+(?:[-=_*][ \t]*+){3}[-=_* \t]*+$")
_MAX_WRAP_WIDTH: Final = 100
"""Terminal cells; wider lines were not wrapped by a mail program or typewriter."""
_MIN_WRAP_WIDTH: Final = 50
"""Terminal cells; narrower lines are verse."""
_MAX_HEADING_LINE: Final = 200


def _read(raw: RawFile) -> RawArticle:
    file = decode_file(raw)
    if looks_like_html(file.text):
        return extract_html(file, file.text)
    return extract_plain_text(file)


def extract_plain_text(file: DecodedFile) -> RawArticle:
    """Return the article in plain text."""
    check_limit(len(file.text), MAX_CHARACTERS, "characters of text")
    blocks: list[Block] = []
    for group in _group_lines(file.text.replace("\0", "")):
        for kind, lines in _split_headings(group):
            blocks += [Block(text, kind) for text in split_paragraphs(_join_wrapped(lines))]
    return raw_article(file, tuple(blocks), Claims())


def _group_lines(text: str) -> list[list[str]]:
    """Return the lines of each paragraph: separated by empty lines, or each line by itself."""
    lines = [_strip_markup(line) for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    blank = sum(1 for line in lines if not line.strip())
    filled = len(lines) - blank
    if blank * 10 < filled and not _is_wrapped([line for line in lines if line.strip()]):
        return [[line] for line in lines]
    groups: list[list[str]] = [[]]
    wrapped = _is_wrapped([line for line in lines if line.strip()][1:])
    for line in lines:
        if line.strip():
            groups[-1].append(line)
        elif groups[-1]:
            groups.append([])
    if not wrapped and len(groups) > 1:
        # Headline, date and byline are often single lines at the top.
        groups[:1] = [[line] for line in groups[0]]
    return groups


def _strip_markup(line: str) -> str:
    if "](" in line:
        line = _IMAGE.sub(r"\1", line)
        line = _LINK.sub(r"\1", line)
    if "**" in line:
        line = _BOLD.sub(r"\1", line)
    return line


def _split_headings(group: list[str]) -> list[tuple[BlockKind, list[str]]]:
    parts: list[tuple[BlockKind, list[str]]] = []
    for line in group:
        heading = _HEADING.match(line) if len(line) < _MAX_HEADING_LINE else None
        if heading:
            parts.append((BlockKind.HEADING, [heading[1]]))
        elif _RULE.match(line):
            if parts and len(parts[-1][1]) == 1 and parts[-1][0] is BlockKind.TEXT:
                parts[-1] = (BlockKind.HEADING, parts[-1][1])
        elif parts and parts[-1][0] is BlockKind.TEXT:
            parts[-1][1].append(line)
        else:
            parts.append((BlockKind.TEXT, [line]))
    return parts


def _is_wrapped(lines: list[str]) -> bool:
    """Return whether lines were wrapped at a width and not by their author."""
    # Characters from U+2E80 on are wide.
    widths = [sum(2 if ord(c) > 0x2E80 else 1 for c in line) for line in lines[:200]]
    if len(widths) < 2 or max(widths) > _MAX_WRAP_WIDTH:
        return False
    full = sum(1 for width in widths if width * 5 >= max(widths) * 4)
    return full * 10 >= len(widths) * 7 and max(widths) > _MIN_WRAP_WIDTH


def _join_wrapped(lines: list[str]) -> list[str]:
    if len(lines) > 1 and _is_wrapped(lines[:-1] if len(lines) > 2 else lines):
        return ["\n".join(lines)]
    return lines


FORMAT = Format("text", _read)

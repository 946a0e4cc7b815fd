"""Plain text: paragraphs as they stand, with the few marks of Markdown that scrapers leave.

A ``.txt`` that holds HTML under a scraper's header is read as HTML. Stars, underscores and
number signs inside of lines are text here and stay.
"""

from __future__ import annotations

import re
from typing import Final

from newsgrep.extract.claims import Block, BlockKind, RawArticle
from newsgrep.extract.decode import MAX_CHARACTERS, check_limit
from newsgrep.extract.formats.base import (
    DecodedFile,
    Format,
    decode_file,
    extract_html,
    looks_like_html,
    raw_article,
)
from newsgrep.extract.outlets import Outlets
from newsgrep.extract.whitespace import split_paragraphs

# No address goes on where the next image begins: one could be looked for 2,000 characters
# far from every fourth character on.
_IMAGE = re.compile(r"!\[([^\]\n]{0,300})\]\((?:(?!!\[)[^)\s]){0,2000}+(?:\s\"[^\"\n]{0,200}\")?\)")
_LINK = re.compile(
    r"\[([^\[\]\n]{0,300})\]\((?:#|https?://|/|mailto:)?[^()\s]{0,2000}+(?:\s\"[^\"\n]{0,200}\")?\)"
)
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]{1,300})(?<=\S)\*\*")
_HEADING = re.compile(r"#{1,6}[ \t]+(\S.*?)[ \t]*#*$")
# Nothing here repeats a group without end, or only so that it never comes back to it: the
# places to come back to take a hundred times the memory of the line.
_RULE = re.compile(r"[ \t]*+(?:[-=_*][ \t]*+){3}[-=_* \t]*+$")
_TAG_LINE = re.compile(r"(?:[#＃][^\s#＃]{1,40}\s*)++")
_HASHTAG = re.compile(r"[#＃]([^\s#＃]{1,40})")
_MAX_WRAP_WIDTH: Final = 100
"""Cells: lines of more are no lines of a mail or a typewriter."""


def _read(data: bytes, outlets: Outlets) -> RawArticle:
    file = decode_file(data, outlets)
    if looks_like_html(file.text):
        return extract_html(file, file.text)
    return extract_plain_text(file)


def extract_plain_text(file: DecodedFile) -> RawArticle:
    """Return what stands in plain text with a few marks of Markdown."""
    check_limit(len(file.text), MAX_CHARACTERS, "characters of text")
    blocks: list[Block] = []
    tags: dict[str, None] = {}
    for group in _group_lines(file.text.replace("\0", "")):
        for line_or_all in _split_headings(group):
            kind, lines = line_or_all
            joined = " ".join(lines)
            if _TAG_LINE.fullmatch(joined.strip()):
                tags.update(dict.fromkeys(_HASHTAG.findall(joined)))
                continue
            blocks += [Block(text, kind) for text in split_paragraphs(_join_wrapped(lines))]
    return raw_article(file, tuple(blocks), tuple(tags))


def _group_lines(text: str) -> list[list[str]]:
    """Return the paragraphs' lines: parted by empty lines, or each line if there are none."""
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
        # Headline, date and byline often stand on lines of their own at the very top.
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
        heading = _HEADING.match(line) if len(line) < 200 else None  # no heading is longer
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
    """Tell whether lines were cut by a width and not by their author."""
    widths = [
        sum(2 if ord(c) > 0x2E80 else 1 for c in line) for line in lines[:200]
    ]  # wide from there
    if len(widths) < 2 or max(widths) > _MAX_WRAP_WIDTH:  # one line is not cut
        return False
    full = sum(1 for width in widths if width * 5 >= max(widths) * 4)
    return full * 10 >= len(widths) * 7 and max(widths) > 50  # verse is narrower


def _join_wrapped(lines: list[str]) -> list[str]:
    if len(lines) > 1 and _is_wrapped(lines[:-1] if len(lines) > 2 else lines):  # the last is short
        return ["\n".join(lines)]
    return lines


FORMAT = Format("text", _read)

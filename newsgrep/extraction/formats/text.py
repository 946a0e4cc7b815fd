"""Plain text, with the few marks of Markdown that scrapers leave in it.

A ``.txt`` file that contains HTML below front matter is read as HTML. Stars, underscores and
number signs inside lines are text and are kept. Posts of bulletin boards end with a signature, an
origin and replies; their heads, such as ``作者: … 看板: …``, are read by
:mod:`newsgrep.extraction.labels`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from newsgrep.analysis.characters import fold
from newsgrep.extraction.claims import Block, BlockKind, Claims, Rule
from newsgrep.extraction.dates.lines import parse_date_line
from newsgrep.extraction.decode import MAX_CHARACTERS, check_limit
from newsgrep.extraction.formats.base import (
    DecodedFile,
    Format,
    RawArticle,
    RawFile,
    decode_file,
    raw_article,
)
from newsgrep.extraction.formats.html import extract_html, looks_like_html
from newsgrep.extraction.formats.marks import plain_links
from newsgrep.extraction.formats.wrapped import paragraph_lines
from newsgrep.extraction.labels import join_claims, read_labels
from newsgrep.extraction.whitespace import split_paragraphs

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
    post = _split_post([_strip_markup(line) for line in text.split("\n")])
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


_POST_ORIGIN = re.compile(r"\s*※\s*(?:发信站|来源|文章网址|编辑|转录|修改|引述)\s*[::]")
_POST_REPLY = re.compile(r"\s*(?:推|嘘|→)\s+[\w.-]{2,20}\s*:")
_POST_ADDRESS = re.compile(r"https?://[^\s\]）)]{4,300}")
_FORM_LABEL = re.compile(r"\s*\d{1,2}\s?[.、．]\s?[^\s:：]{2,12}\s*[:：]\s*(?P<value>\S.{0,200})?$")
_MAX_SIGNATURE: Final = 12
"""Lines of the longest signature."""


@dataclass(frozen=True, slots=True)
class _Post:
    """The lines of the text, claims of form and foot, and blocks that are not the text."""

    lines: list[str]
    claims: Claims
    blocks: tuple[Block, ...] = ()


def _split_post(lines: Sequence[str]) -> _Post:
    """Return the text of a post without its form, signature, origin and replies."""
    kept, stated = _take_form(lines)
    foot = next((i for i, line in enumerate(kept) if _POST_ORIGIN.match(fold(line[:20]))), None)
    if foot is None:
        return _Post(kept, join_claims(stated))
    start = foot
    for index in range(foot - 1, max(-1, foot - _MAX_SIGNATURE), -1):
        if kept[index].rstrip() == "--":
            start = index
    blocks = []
    for line in kept[start:]:
        folded = fold(line[:_MAX_LABEL_LINE])
        if _POST_ORIGIN.match(folded):
            if "网址" in folded and (address := _POST_ADDRESS.search(line)):
                claims = read_labels(f"url:{address.group()}")
                stated += [claims] if claims else []
        elif _POST_REPLY.match(folded):
            blocks.append(Block(line.strip(), rule=Rule.COMMENTS))
        elif line.strip("- \t"):
            blocks.append(Block(line.strip(), rule=Rule.OUTSIDE))
    return _Post(kept[:start], join_claims(stated), tuple(blocks))


def _take_form(lines: Sequence[str]) -> tuple[list[str], list[Claims]]:
    """Return the lines without a numbered form (``1.媒體來源:``), and what the form states."""
    labels = [i for i, line in enumerate(lines) if _is_form_label(line)]
    if len(labels) < 2:
        return list(lines), []
    stated: list[Claims] = []
    dropped: set[int] = set()
    for index in labels:
        following = lines[index + 1].strip() if index + 1 < len(lines) else ""
        alone = read_labels(lines[index].strip())
        joined = read_labels(f"{lines[index].strip()}{following}") if following else None
        if alone is None:
            continue
        dropped.add(index)
        if alone.all():
            stated.append(alone)
        elif joined is not None and joined.all():
            stated.append(joined)
            dropped.add(index + 1)
    return [line for i, line in enumerate(lines) if i not in dropped], stated


def _is_form_label(line: str) -> bool:
    return len(line) <= _MAX_LABEL_LINE and _FORM_LABEL.match(line) is not None

"""Lines of plain text: which of them were cut at a width and are joined to paragraphs again.

Mail programs, bulletin boards, text recognition and typists cut lines at a width. Such lines are
full: the next word or character would not fit. Lines that an author cut, such as verse, end with
punctuation or differ in width.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

_MIN_WIDTH: Final = 16
"""Terminal cells, eight Chinese characters; no program cuts lines shorter."""
_MAX_WIDTH: Final = 130
_SAMPLE: Final = 400
"""Lines in which the width is searched."""
_SLACK: Final = 6
"""Cells that a full line may be shorter: no line begins with a closing sign."""
_SENTENCE_ENDS: Final = frozenset("。！？!?；;：:…”」』）)")
_LINE_ENDS: Final = frozenset("，,、.—") | _SENTENCE_ENDS
_CLOSING: Final = frozenset("，。、；：！？”’」』）》】…,.;:!?)")
_INNER_SIGN = re.compile(r"[，。、；：！？,.;:!?「“（(]\s?\w")
_TOKEN = re.compile(r"[\x21-\x7e\u00c0-\u024f]{1,30}|\S")
_INDENT = re.compile(r"\u3000+|[ \t\u00a0]{2,}\u3000*")
_NUMBER: Final = r"[\d一二三四五六七八九十]{1,3}"
_MARKER = re.compile(
    rf"\s*(?:\#{{1,6}}\s|[-*+•·●■◆]\s|>|\d{{1,3}}[.)．]\s|{_NUMBER}、|[（(]{_NUMBER}[）)])"
)
"""Begins a heading or an item of a list."""


def cell_width(line: str) -> int:
    """Return the width of ``line`` in terminal cells; characters from U+2E80 on are wide."""
    return sum(2 if char >= "\u2e80" else 1 for char in line)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a text was cut: at ``width`` cells, with ``gap`` empty lines between its lines."""

    width: int
    gap: int


def paragraph_lines(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines of each paragraph; those that were cut at a width are joined by newlines.

    Paragraphs are separated by empty lines, by indentation or, in text without empty lines, by
    the ends of lines.
    """
    groups = _groups(lines)
    flat = [line for group in groups for line in group.lines]
    if not flat:
        return []
    layout = _find_layout(groups)
    if layout is not None:
        return [["\n".join(paragraph)] for paragraph in _join(groups, layout)]
    blank = sum(group.blank for group in groups[1:])
    if blank * 10 < len(flat):
        return [[line] for line in flat]
    found = [group.lines for group in groups]
    if len(found) > 1:
        # Headline, date and byline are often single lines at the top.
        found[:1] = [[line] for line in found[0]]
    return found


@dataclass(slots=True)
class _Group:
    """Lines without an empty line between them, after ``blank`` empty lines."""

    lines: list[str]
    blank: int


def _groups(lines: Sequence[str]) -> list[_Group]:
    groups: list[_Group] = []
    blank = 1
    for line in lines:
        if not line.strip():
            blank += 1
        elif blank or not groups:
            groups.append(_Group([line.rstrip()], blank))
            blank = 0
        else:
            groups[-1].lines.append(line.rstrip())
    return groups


def _find_layout(groups: Sequence[_Group]) -> _Layout | None:
    """Return how the text was cut, or None if its lines are those of its author."""
    flat = [line for group in groups for line in group.lines][:_SAMPLE]
    width = _common_width(flat)
    if width is None:
        return None
    single = sum(1 for group in groups if len(group.lines) == 1)
    if len(groups) >= 4 and single * 10 >= len(groups) * 9:
        gap = Counter(group.blank for group in groups[1:]).most_common(1)[0][0]
        pairs = [
            (before.lines[-1], after.lines[0])
            for before, after in islice(pairwise(groups), _SAMPLE)
            if after.blank == gap
        ]
        return _Layout(width, gap) if _were_cut(pairs, width, strict=True) else None
    pairs = [pair for group in groups for pair in pairwise(group.lines)][:_SAMPLE]
    return _Layout(width, 0) if _were_cut(pairs, width) else None


def _common_width(lines: Sequence[str]) -> int | None:
    """Return the greatest width that many lines have, or None if longer lines are frequent."""
    widths = sorted((cell_width(line) for line in lines), reverse=True)
    needed = max(2, len(widths) // 5)
    for number, width in enumerate(widths):
        if number > max(1, len(widths) // 12):
            return None
        near = sum(1 for each in widths[number:] if each >= width - _SLACK)
        if near >= needed:
            return width if _MIN_WIDTH <= width <= _MAX_WIDTH else None
    return None


def _is_full(line: str, following: str, width: int) -> bool:
    """Return whether the first word of ``following`` does not fit at the end of ``line``."""
    text = following.lstrip()
    token = _TOKEN.match(text)
    if token is None:
        return False
    end = token.end()
    while end < len(text) and text[end] in _CLOSING and end < token.end() + 3:
        end += 1
    wide = line[-1:] >= "\u2e80" or text[:1] >= "\u2e80"
    need = cell_width(text[:end]) + (0 if wide else 1)
    return cell_width(line) + need > width - (_SLACK - 2 if wide else 0)


def _were_cut(pairs: Sequence[tuple[str, str]], width: int, *, strict: bool = False) -> bool:
    """Return whether most lines are full, and few of them end where a sentence or a verse does."""
    full = [(line, after) for line, after in pairs if _is_full(line, after, width)]
    # The last line of a paragraph is short; it says nothing about the others.
    others = sum(
        1
        for line, after in pairs
        if line[-1] not in _SENTENCE_ENDS
        and not _INDENT.match(after)
        and not _is_full(line, after, width)
    )
    if not full or others * (5 if strict else 6) > len(full) * (5 if strict else 4):
        return False
    sentences = sum(1 for line, _ in full if line[-1] in _SENTENCE_ENDS)
    ends = sum(1 for line, _ in full if line[-1] in _LINE_ENDS)
    inner = sum(1 for line, _ in full if _INNER_SIGN.search(line) or " " in line.strip())
    if len(full) < 3 and (sentences or inner < len(full)):
        return False
    return (
        sentences * 10 <= len(full) * (3 if strict else 4)
        and ends * 10 <= len(full) * 6
        and inner * 4 >= len(full)
    )


def _join(groups: Sequence[_Group], layout: _Layout) -> list[list[str]]:
    """Return the lines of each paragraph of a text that was cut at a width."""
    flat = [line for group in groups for line in group.lines]
    indented = sum(1 for line in flat if _INDENT.match(line))
    marks_begin = 0 < indented < len(flat)
    paragraphs: list[list[str]] = []
    before: str | None = None
    for group in groups:
        for number, line in enumerate(group.lines):
            apart = number == 0 and group.blank != layout.gap
            if (
                before is None
                or apart
                or (marks_begin and _INDENT.match(line))
                or _MARKER.match(line)
                or not _is_full(before, line, layout.width)
            ):
                paragraphs.append([])
            paragraphs[-1].append(line.strip())
            before = line
    return paragraphs

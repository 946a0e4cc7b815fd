"""The lines of PDF pages and the paragraphs that they are parts of, by their places on the page.

A new paragraph begins with an indented line, after a gap, after a short line, or where the size of
the characters changes. Lengths are in points, from the bottom left corner of a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, cast

if TYPE_CHECKING:
    import pypdfium2


class Line(NamedTuple):
    """A line of text: its left and right ends, its baseline, and the height of its characters."""

    text: str
    left: float = 0
    right: float = 0
    bottom: float = 0
    height: float = 0


_HYPHEN = re.compile(r"(?<=[a-z])[\x02\ufffe](?:\r?\n)?(?=[a-z])")
"""Where the library has joined a word that was divided at the end of a line."""
_LINE = re.compile(r"[^\r\n]+")


def page_lines(text_page: pypdfium2.PdfTextPage) -> list[Line]:
    """Return the lines of a page, in the order in which they were written."""
    text = cast("str", text_page.get_text_range())
    has_places = len(text) == text_page.count_chars()  # not if characters take two positions
    lines = []
    for match in _LINE.finditer(text):
        shown = _HYPHEN.sub("", match[0]).replace("\x02", "-").replace("\ufffe", "-").strip()
        if not shown:
            continue
        if has_places:
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            end = match.start() + len(match[0].rstrip()) - 1
            left, bottom, _, top = text_page.get_charbox(start, loose=True)
            right = text_page.get_charbox(end, loose=True)[2]
            lines.append(Line(shown, left, right, bottom, top - bottom))
        else:
            lines.append(Line(shown))
    return lines


_MIN_INDENT: Final = 0.8
_MAX_INDENT: Final = 4.5
_SIZES: Final = 1.2
_GAP: Final = 1.4
_SHORT_HAN, _SHORT_WORD = 2.5, 8.0
"""How much shorter the last line of a paragraph is, in heights of its characters; a line ends
earlier if the next word is long."""
_SENTENCE_ENDS: Final = tuple("。！？…”」』.!?\"'")


def join_paragraphs(pages: Iterable[Sequence[Line]]) -> list[str]:
    """Return the paragraphs on ``pages``; one may go on from a page to the next."""
    paragraphs: list[str] = []
    before: Line | None = None
    for lines in pages:
        usual = _usual_step(lines)
        for number, line in enumerate(lines):
            if before is None:
                begins = True
            elif number == 0:
                begins = _is_indented(line, lines) or before.text.endswith(_SENTENCE_ENDS)
            else:
                begins = _begins(before, line, lines, usual)
            if begins:
                paragraphs.append(line.text)
            else:
                paragraphs[-1] = _joined(paragraphs[-1], line.text)
            before = line
    return paragraphs


def _begins(before: Line, line: Line, lines: Sequence[Line], usual: float) -> bool:
    """Return whether ``line`` begins a paragraph; ``before`` is above it, or in another column."""
    if not line.height or not before.height:
        return False
    if max(before.height, line.height) > _SIZES * min(before.height, line.height):
        return True
    if _is_indented(line, lines) or _is_short(before, lines):
        return True
    return _step(before, line) > usual * _GAP


def _step(before: Line, line: Line) -> float:
    """Return how far ``line`` is below the line before it, in heights of characters."""
    return (before.bottom - line.bottom) / max(before.height, line.height, 1)


def _usual_step(lines: Sequence[Line]) -> float:
    """Return the step between most lines of paragraphs, which is smaller than that between them."""
    steps = sorted(step for before, line in pairwise(lines) if (step := _step(before, line)) > 0)
    return steps[len(steps) // 4] if steps else 0


def _column(line: Line, lines: Sequence[Line]) -> list[Line]:
    """Return the lines in the column of ``line``."""
    reach = _MAX_INDENT * line.height
    return [each for each in lines if abs(each.left - line.left) <= reach]


def _is_indented(line: Line, lines: Sequence[Line]) -> bool:
    margin = min(each.left for each in _column(line, lines))
    return line.left - margin > _MIN_INDENT * line.height > 0


def _is_short(line: Line, lines: Sequence[Line]) -> bool:
    end = max(each.right for each in _column(line, lines))
    slack = _SHORT_HAN if line.text[-1] >= "\u2e80" else _SHORT_WORD
    return end - line.right > slack * line.height > 0


def _joined(text: str, more: str) -> str:
    """Return two parts of a paragraph, with a space between words."""
    between = "" if text[-1] >= "\u2e80" or more[0] >= "\u2e80" else " "
    return f"{text}{between}{more}"

"""Text from articles and file names, made harmless for a terminal.

What is cleaned on its way into an index may still come from an index that others made.
"""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import takewhile
from typing import Final, NamedTuple

from newsgrep.models import Span

_DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


def sanitize(text: str) -> str:
    """Return ``text`` without control and direction characters; its length stays.

    Each becomes U+FFFD, so nothing in an article or a file name can move the cursor,
    change colours or turn the reading direction. Halves of characters, which stand for
    bytes of a file name that are no text, do so, too.
    """
    return _SURROGATES.sub("\ufffd", _DANGEROUS.sub("\ufffd", text))


def one_line(text: str) -> str:
    """Return ``text`` made :func:`sanitize` on one line; its length stays."""
    return sanitize(text.replace("\n", " ").replace("\t", " "))


_ZERO_WIDTH: Final = frozenset(("Mn", "Me", "Cf"))
_ELLIPSIS: Final = "…"


@cache
def char_width(character: str) -> int:
    """Return how many cells a character takes: 0, 1 or 2."""
    if unicodedata.category(character) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def display_width(text: str) -> int:
    """Return how many cells ``text`` takes."""
    return sum(map(char_width, text))


def fitting_prefix(text: str, room: int) -> str:
    """Return as much of the beginning of ``text`` as fits into ``room`` cells."""
    used = 0
    for at, character in enumerate(text):
        used += char_width(character)
        if used > room:
            return text[:at]
    return text


def fitting_suffix(text: str, room: int) -> str:
    """Return as much of the end of ``text`` as fits into ``room`` cells.

    It never begins with a mark that belongs to the character before it.
    """
    used = 0
    at = len(text)
    while at and used + char_width(text[at - 1]) <= room:
        at -= 1
        used += char_width(text[at])
    if at:
        at += sum(1 for _ in takewhile(lambda character: not char_width(character), text[at:]))
    return text[at:]


def truncate(text: str, room: int) -> str:
    """Return ``text``, or its beginning and an ellipsis, in at most ``room`` cells."""
    if display_width(text) <= room:
        return text
    return fitting_prefix(text, room - 1) + _ELLIPSIS if room > 0 else ""


def pad(text: str, room: int, *, right: bool = False) -> str:
    """Return ``text`` filled up with blanks to ``room`` cells; with ``right`` before it."""
    blanks = " " * (room - display_width(text))
    return blanks + text if right else text + blanks


_WORD: Final = re.compile(r"(?:^\s++)?\S+\s*")


def wrap_rows(text: str, width: int) -> list[tuple[int, int]]:
    """Return the rows of ``text``, from start to end, none wider than ``width`` cells.

    White space at the end of a row may reach beyond. A word that is wider than a row,
    as Chinese sentences are, begins a row and is broken anywhere.
    """
    breaks = [0]
    used = 0
    for word in _WORD.finditer(text):
        at, size = word.start(), display_width(word[0].rstrip())
        if size <= width - used:
            used += display_width(word[0])
        elif size <= width:
            breaks.append(at)
            used = display_width(word[0])
        else:
            pieces = _break_word(word[0], width)
            for piece in pieces:
                breaks.append(at)
                at += len(piece)
            used = display_width(pieces[-1])
    breaks = list(dict.fromkeys(breaks))
    return list(zip(breaks, [*breaks[1:], len(text)], strict=True))


def _break_word(word: str, width: int) -> list[str]:
    pieces = []
    start = used = 0
    for at, character in enumerate(word):
        size = char_width(character)
        if used + size > width:
            pieces.append(word[start:at])
            start, used = at, 0
        used += size
    return [*pieces, word[start:]]


_EIGHTHS_ACROSS: Final = " ▏▎▍▌▋▊▉█"
_EIGHTHS_UP: Final = " ▁▂▃▄▅▆▇█"
_PLAIN: Final = "#"


def bar(value: float, most: float, width: int, *, blocks: bool) -> str:
    """Return a bar from the left, ``width`` cells for ``most``, without blanks after it.

    With ``blocks`` it ends in an eighth of a cell, otherwise it is made of ``#``.
    """
    if not blocks:
        return _PLAIN * _scaled_steps(value, most, width)
    whole, rest = divmod(_scaled_steps(value, most, width * 8), 8)
    return _EIGHTHS_ACROSS[8] * whole + (_EIGHTHS_ACROSS[rest] if rest else "")


def column_chart(values: Sequence[float], most: float, height: int, *, blocks: bool) -> list[str]:
    """Return rows from the top, a column for each value, ``height`` rows for ``most``."""
    scale = 8 if blocks else 1
    steps = [_scaled_steps(value, most, height * scale) for value in values]
    signs = _EIGHTHS_UP if blocks else f" {_PLAIN}"
    return [
        "".join(signs[min(max(step - row * scale, 0), scale)] for step in steps)
        for row in reversed(range(height))
    ]


def _scaled_steps(value: float, most: float, size: int) -> int:
    if value <= 0:
        return 0
    return min(max(round(value * size / most), 1), size)


_FLUSH_INTERVAL: Final = 0.05
"""Seconds that a line may wait for others, so that a thousand are not a thousand calls."""


class OutputClosed(Exception):
    """Whoever read our output has closed it, as ``head`` does: a reason to stop, no error."""


def write(text: str, end: str = "\n") -> None:
    """Write ``text`` and ``end`` to standard output; raises :class:`OutputClosed`.

    Halves of characters, which file names may hold, become question marks.
    """
    write_bytes((text + end).encode("utf-8", "replace"))


def write_flushed(text: str) -> None:
    """Write ``text`` as a line that whoever reads has at once; raises :class:`OutputClosed`."""
    write(text)
    flush()


def write_streaming(lines: Iterable[str]) -> None:
    """Write each line as it comes, so that it is seen before the last is made.

    When this returns all are written out: what follows on standard error stands after them.
    """
    flushed = 0.0
    for line in lines:
        write(line)
        if (now := time.monotonic()) - flushed > _FLUSH_INTERVAL:
            flushed = now
            flush()
    flush()


def flush() -> None:
    """Hand over what was written; raises :class:`OutputClosed`."""
    try:
        sys.stdout.buffer.flush()
    except BrokenPipeError as exc:
        raise OutputClosed from exc


def write_bytes(data: bytes) -> None:
    """Write ``data`` to standard output as it is; raises :class:`OutputClosed`."""
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError as exc:
        raise OutputClosed from exc


STYLES: Final = {"": "", "title": "1", "mark": "1;31", "dim": "2", "source": "36"}
"""Codes of ECMA-48's SGR: 1 bold, 2 faint, 31 red, 36 cyan; all of them end with 0."""

_MIN_WIDTH: Final = 10


class StyledText(NamedTuple):
    """Some text in one style; ``link`` is an address to open."""

    text: str
    style: str = ""
    link: str | None = None


class StyledLine(NamedTuple):
    """Pieces that follow each other, ``indent`` cells from the edge, also where it wraps.

    ``label`` stands in the indent of the first row; it is no wider.
    """

    pieces: Sequence[StyledText] = ()
    indent: int = 0
    label: str = ""


def highlight(
    text: str, spans: Iterable[Span], style: str = "", link: str | None = None
) -> list[StyledText]:
    """Return ``text`` on one line, with ``spans`` of it in the style for matches."""
    text = one_line(text)
    pieces: list[StyledText] = []
    at = 0
    for span in spans:
        pieces.append(StyledText(text[at : span.start], style, link))
        pieces.append(StyledText(text[span.start : span.end], "mark", link))
        at = span.end
    pieces.append(StyledText(text[at:], style, link))
    return [piece for piece in pieces if piece.text]


def format_plain(lines: Iterable[StyledLine]) -> Iterator[str]:
    """Yield each line's text without styles."""
    for line in lines:
        text = "".join(piece.text for piece in line.pieces)
        yield (line.label.ljust(line.indent) + text).rstrip() if text else ""


def format_colored(lines: Iterable[StyledLine], *, wrap: bool) -> Iterator[str]:
    """Yield each line with terminal codes; with ``wrap`` no wider than the terminal.

    NO_COLOR and the kind of terminal are the caller's to ask.
    """
    width = _terminal_width() if wrap else None
    for number, line in enumerate(lines, 1):
        text = "".join(piece.text for piece in line.pieces)
        whole = [(0, len(text))]
        rows = wrap_rows(text, max(width - line.indent, _MIN_WIDTH)) if width else whole
        for start, end in rows:
            kept = start + len(text[start:end].rstrip())
            label = "" if start else line.label
            before = _apply_style(label.ljust(line.indent), "dim")
            yield before + _format_range(line.pieces, start, kept, number) if kept > start else ""


def _terminal_width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _format_range(pieces: Iterable[StyledText], start: int, end: int, number: int) -> str:
    """Return what ``pieces`` have from ``start`` to ``end``; their links have one id."""
    coded = []
    at = 0
    for piece in pieces:
        text = piece.text[max(start - at, 0) : max(end - at, 0)]
        at += len(piece.text)
        if text and piece.link:
            # One id: a terminal then takes parts and rows of a title for one link.
            begin = f"\x1b]8;id={number};{sanitize(piece.link)}\x1b\\"
            coded.append(f"{begin}{_apply_style(text, piece.style)}\x1b]8;;\x1b\\")
        elif text:
            coded.append(_apply_style(text, piece.style))
    return "".join(coded)


def _apply_style(text: str, style: str) -> str:
    code = STYLES[style]
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def print_lines(lines: Iterable[StyledLine], *, color: bool) -> None:
    """Print ``lines`` on standard output, wrapped if it is a terminal."""
    rows = format_colored(lines, wrap=sys.stdout.isatty()) if color else format_plain(lines)
    for row in rows:
        write(row)

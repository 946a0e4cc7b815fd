"""Lines of text with styles, and the two ways to print them: plain, or in colour.

What is printed is put together without markup, so brackets in a title stay brackets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from newsgrep.models import Span
from newsgrep.output.safe import one_line, safe
from newsgrep.output.stream import write
from newsgrep.output.wrap import wrapped

STYLES: Final = {"": "", "title": "1", "mark": "1;31", "dim": "2", "source": "36"}
"""Codes of ECMA-48's SGR: 1 bold, 2 faint, 31 red, 36 cyan; all of them end with 0."""

_NARROWEST: Final = 10


class Piece(NamedTuple):
    """Some text in one style; ``link`` is an address to open."""

    text: str
    style: str = ""
    link: str | None = None


class Line(NamedTuple):
    """Pieces that follow each other, ``indent`` cells from the edge, also where it wraps.

    ``label`` stands in the indent of the first row; it is no wider.
    """

    pieces: Sequence[Piece] = ()
    indent: int = 0
    label: str = ""


def marked(
    text: str, spans: Iterable[Span], style: str = "", link: str | None = None
) -> list[Piece]:
    """Return ``text`` on one line, with ``spans`` of it in the style for matches."""
    text = one_line(text)
    pieces: list[Piece] = []
    at = 0
    for span in spans:
        pieces.append(Piece(text[at : span.start], style, link))
        pieces.append(Piece(text[span.start : span.end], "mark", link))
        at = span.end
    pieces.append(Piece(text[at:], style, link))
    return [piece for piece in pieces if piece.text]


def plain(lines: Iterable[Line]) -> Iterator[str]:
    """Yield each line's text without styles."""
    for line in lines:
        text = "".join(piece.text for piece in line.pieces)
        yield (line.label.ljust(line.indent) + text).rstrip() if text else ""


def colored(lines: Iterable[Line], *, wrap: bool) -> Iterator[str]:
    """Yield each line with terminal codes; with ``wrap`` no wider than the terminal.

    NO_COLOR and the kind of terminal are the caller's to ask.
    """
    width = _terminal_width() if wrap else None
    for number, line in enumerate(lines, 1):
        text = "".join(piece.text for piece in line.pieces)
        whole = [(0, len(text))]
        rows = wrapped(text, max(width - line.indent, _NARROWEST)) if width else whole
        for start, end in rows:
            kept = start + len(text[start:end].rstrip())
            label = "" if start else line.label
            before = _coded(label.ljust(line.indent), "dim")
            yield before + _part(line.pieces, start, kept, number) if kept > start else ""


def _terminal_width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _part(pieces: Iterable[Piece], start: int, end: int, number: int) -> str:
    """Return what ``pieces`` have from ``start`` to ``end``; their links have one id."""
    coded = []
    at = 0
    for piece in pieces:
        text = piece.text[max(start - at, 0) : max(end - at, 0)]
        at += len(piece.text)
        if text and piece.link:
            # One id: a terminal then takes parts and rows of a title for one link.
            begin = f"\x1b]8;id={number};{safe(piece.link)}\x1b\\"
            coded.append(f"{begin}{_coded(text, piece.style)}\x1b]8;;\x1b\\")
        elif text:
            coded.append(_coded(text, piece.style))
    return "".join(coded)


def _coded(text: str, style: str) -> str:
    code = STYLES[style]
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def print_lines(lines: Iterable[Line], *, color: bool) -> None:
    """Print ``lines`` on standard output, wrapped if it is a terminal."""
    rows = colored(lines, wrap=sys.stdout.isatty()) if color else plain(lines)
    for row in rows:
        write(row)

"""Lines of text with styles, and the two ways to print them: plain, or in colour by rich.

What is printed is put together without markup, so brackets in a title stay brackets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsgrep.models import Span
from newsgrep.output.safe import one_line, safe

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "": "",
    "title": "bold",
    "mark": "bold red",
    "dim": "dim",
    "source": "cyan",
    "heading": "bold",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text in one style; ``link`` is an address to open."""

    text: str
    style: str = ""
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Pieces that follow each other, ``indent`` cells from the edge, also where it wraps."""

    pieces: Sequence[Piece] = ()
    indent: int = 0


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


def print_lines(lines: Iterable[Line], *, color: bool) -> None:
    """Print ``lines`` on standard output."""
    if color:
        console = _console()
        for line in lines:
            console.print(_rich(line), soft_wrap=False)
        return
    for line in lines:
        text = "".join(piece.text for piece in line.pieces)
        sys.stdout.write(f"{' ' * line.indent if text else ''}{text}\n")


def colored(lines: Iterable[Line]) -> str:
    """Return ``lines`` as a terminal would get them, for a pager."""
    console = _console()
    with console.capture() as capture:
        for line in lines:
            console.print(_rich(line), soft_wrap=False)
    return capture.get()


def _console() -> Console:
    from rich.console import Console

    return Console(force_terminal=True, highlight=False, legacy_windows=False)


def _rich(line: Line) -> object:
    from rich.padding import Padding
    from rich.style import Style
    from rich.text import Text

    text = Text(overflow="fold")
    for piece in line.pieces:
        style = Style.parse(STYLES[piece.style])
        if piece.link:
            style += Style(link=safe(piece.link))
        text.append(piece.text, style)
    return Padding(text, (0, 0, 0, line.indent)) if line.indent else text

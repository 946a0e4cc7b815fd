"""Lines of text with styles, and the two ways to print them: plain, or in colour by rich.

What is printed is put together without markup, so brackets in a title stay brackets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from newsgrep.models import Span
from newsgrep.output.safe import one_line, safe
from newsgrep.output.stream import write

if TYPE_CHECKING:
    from rich.text import Text

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

    NO_COLOR and the kind of terminal are the caller's to ask: rich must not ask again.
    """
    from rich.console import Console
    from rich.text import Text

    # Its own file: rich would end the process itself when standard output is closed.
    console = Console(
        file=StringIO(),
        width=get_terminal_size().columns,
        force_terminal=True,
        no_color=False,
        color_system="standard",
        highlight=False,
        legacy_windows=False,
    )
    for line in lines:
        room = max(console.width - line.indent, 10)
        text = _rich(line)
        rows = list(text.wrap(console, room, overflow="fold")) if wrap else [text]
        for number, row in enumerate(rows):
            row.rstrip()
            label = "" if number else line.label
            before = Text().append(label.ljust(line.indent), STYLES["dim"])
            with console.capture() as capture:
                console.print(before + row if row else row, end="", soft_wrap=True)
            yield capture.get()


def print_lines(lines: Iterable[Line], *, color: bool) -> None:
    """Print ``lines`` on standard output, wrapped if it is a terminal."""
    rows = colored(lines, wrap=sys.stdout.isatty()) if color else plain(lines)
    for row in rows:
        write(row)


def _rich(line: Line) -> Text:
    from rich.style import Style
    from rich.text import Text

    text = Text()
    for piece in line.pieces:
        style = Style.parse(STYLES[piece.style])
        if piece.link:
            style += Style(link=safe(piece.link))
        text.append(piece.text, style)
    return text

"""Output drawn with rich: ``show``, ``stats`` and ``timeline`` on a terminal.

Only these: loading rich costs a process about as much CPU time as a cold search, so ``search``
and everything that goes to a pipe print by :mod:`newsgrep.terminal` alone. Both break lines at
the same places and use the same styles; a test compares them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Final

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from newsgrep.messages import _
from newsgrep.terminal import (
    Screen,
    StyledLine,
    bar,
    display_width,
    fit_path,
    localized_line,
    one_line,
    sanitize,
    wrap_line,
)
from newsgrep.views.stats import MAX_SOURCES, IndexStats, figures

_STYLES: Final = {
    "": Style(),
    "title": Style(bold=True),
    "mark": Style(bold=True, color="red"),
    "dim": Style(dim=True),
    "source": Style(color="cyan"),
    "removed": Style(strike=True, color="red"),
    "added": Style(bold=True, color="green"),
}
"""What the styles of :data:`newsgrep.terminal.STYLES` are in rich."""

_BAR_WIDTH: Final = 30
_BESIDE_BAR: Final = 31
"""Cells for a source, its articles and the gaps, on terminals too narrow for a whole bar."""


def draw_lines(lines: Iterable[StyledLine], width: int) -> Iterator[str]:
    """Yield rows of at most ``width`` cells, with terminal codes, for each of ``lines``."""
    for each in map(localized_line, lines):
        line = fit_path(each, width)
        text = Text()
        for piece in line.pieces:
            link = Style(link=sanitize(piece.link)) if piece.link else Style()
            text.append(piece.text, _STYLES[piece.style] + link)
        if not text.plain.strip():
            yield ""
            continue
        # Broken here, because rich breaks Chinese before any character.
        rows = [text[start:end] for start, end in wrap_line(text.plain, line.indent, width)]
        padded = Padding(Text("\n").join(rows), (0, 0, 0, line.indent), expand=False)
        first, *rest = _rows(padded, width)
        if line.label:
            (label,) = _rows(Text(line.label, _STYLES["dim"]), width)
            first = label + first[display_width(line.label) :]
        yield from (first, *rest)


def draw_stats(stats: IndexStats, screen: Screen) -> Iterator[str]:
    """Yield the rows of a table of figures and one of sources."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for label, value in figures(stats, screen):
        table.add_row(label, Text(value))
    yield from _rows(table, screen.width)
    if not stats.sources:
        return
    sources = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    sources.add_column(_("source"), overflow="ellipsis", no_wrap=True)
    sources.add_column(_("articles"), justify="right")
    room = max(1, min(_BAR_WIDTH, screen.width - _BESIDE_BAR))
    sources.add_column("", min_width=room, no_wrap=True)  # labels are shortened, not bars
    shown = list(stats.sources.items())[:MAX_SOURCES]
    most = max(count for _, count in shown)
    for name, count in shown:
        drawn = bar(count, most, room, blocks=screen.blocks)
        sources.add_row(Text(one_line(name) or _("(none)")), f"{count:,}", Text(drawn, "cyan"))
    yield from _rows(sources, screen.width)
    if len(stats.sources) > MAX_SOURCES:
        yield _("… and {count:,} more; --json lists all", count=len(stats.sources) - MAX_SOURCES)


def _rows(drawn: RenderableType, width: int) -> Iterator[str]:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard",
        highlight=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(drawn, crop=False)
    for row in capture.get().splitlines():
        yield row.rstrip()

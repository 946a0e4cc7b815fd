"""Text on a terminal: sanitizing, display width, wrapping, styles, bars, and standard output.

Text from articles and file names is hostile: :func:`sanitize` and :func:`one_line` neutralise it.
Lines are built as :class:`StyledLine` values without markup, so brackets in a title stay
brackets; :func:`format_plain` and :func:`format_colored` turn them into rows.

Importing this module is cheap. rich would do some of it, but takes longer to load than a search
takes to run.
"""

from __future__ import annotations

import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from errno import EINVAL
from functools import cache
from itertools import accumulate, takewhile
from typing import Final, NamedTuple

from newsgrep._io import IS_WINDOWS
from newsgrep.messages import Message, localize, plural
from newsgrep.models import Span

# Sanitizing

_DANGEROUS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]"
)
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_CONTROL_BYTES: Final = re.compile("[\udc80-\udc9f]")
"""What Python decodes these bytes of a file name to, if they are not UTF-8."""


def sanitize(text: str) -> str:
    """Return ``text`` with each control and direction character replaced by U+FFFD.

    Nothing in an article or a file name can then move the cursor, change colours or turn the
    reading direction. Lone surrogates, which stand for undecodable bytes of a file name, are
    replaced as well. Tabs and newlines stay, and so does the length. Articles are cleaned when
    they are indexed, but an index may come from somebody else.
    """
    return _SURROGATES.sub("\ufffd", _DANGEROUS.sub("\ufffd", text))


def one_line(text: str) -> str:
    """Return ``text`` sanitized, with newlines and tabs as spaces; the length stays."""
    return sanitize(text.replace("\n", " ").replace("\t", " "))


_INVISIBLE: Final = frozenset(("Cc", "Cf", "Zl", "Zp"))
"""General categories of characters that control a terminal or have no width."""


def is_invisible(character: str) -> bool:
    """Return whether ``character`` is a control, direction or zero-width character or a line end.

    Tabs and newlines are, spaces are not.
    """
    return unicodedata.category(character) in _INVISIBLE


def replace_invisible(text: str) -> str:
    """Return ``text`` with each invisible character, except tabs and newlines, as U+FFFD.

    Lone surrogates are replaced as well; the length stays. It is stricter than
    :func:`sanitize`, which keeps zero-width characters, such as the joiners of emoji.
    """
    if text.isprintable():
        return text
    # A body has ten times fewer different characters than characters.
    invisible = {ord(c) for c in set(text) - {"\n", "\t"} if is_invisible(c)}
    return _SURROGATES.sub("\ufffd", text.translate(dict.fromkeys(invisible, "\ufffd")))


def quote_path(path: str, *, keep_bytes: bool = False) -> str:
    r"""Return ``path`` on one line without invisible characters, as ``$'…'`` where needed.

    A path is quoted if it contains an invisible character or an undecodable byte, or begins like
    a quoted path. With ``keep_bytes``, undecodable bytes from 0xA0 on need no quotes; those below
    are control characters to terminals of 8-bit encodings. bash, zsh and ksh read ``$'…'`` as
    the original name: invisible characters and undecodable bytes are octal escapes of their bytes.

    >>> print(quote_path("n/a.md"), quote_path("n/a\nb\u200b.md"))
    n/a.md $'n/a\nb\342\200\213.md'
    """
    if path.startswith("$'") or not (path.isprintable() or _is_plain(path, keep_bytes)):
        return f"$'{''.join(map(_escape_for_shell, path))}'"
    return path


def _is_plain(path: str, keep_bytes: bool) -> bool:
    refused = _CONTROL_BYTES if keep_bytes else _SURROGATES
    return not refused.search(path) and not any(map(is_invisible, path))


_SHELL_ESCAPES: Final = {"\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": r"\\", "'": r"\'"}


def _escape_for_shell(character: str) -> str:
    if character in _SHELL_ESCAPES:
        return _SHELL_ESCAPES[character]
    if is_invisible(character) or _SURROGATES.match(character):
        return "".join(f"\\{octet:03o}" for octet in path_bytes(character))
    return character


def path_bytes(path: str) -> bytes:
    """Return the bytes of a file name, also of one that no file can have."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte: a damaged index
        return path.encode("utf-8", "surrogatepass")


# Display width

_ZERO_WIDTH: Final = frozenset(("Mn", "Me", "Cf"))
_ELLIPSIS: Final = "…"


class _CharWidths(dict[str, int]):
    """The width of each character, computed when first needed."""

    def __missing__(self, character: str) -> int:
        if unicodedata.category(character) in _ZERO_WIDTH:
            width = 0
        else:
            width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        self[character] = width
        return width


_WIDTHS: Final = _CharWidths()


def display_width(text: str) -> int:
    """Return how many terminal cells ``text`` takes.

    >>> display_width("联合 a")
    6
    """
    return sum(map(_WIDTHS.__getitem__, text))


def cumulative_widths(text: str) -> list[int]:
    """Return the width of each prefix of ``text``, from the empty one to the whole."""
    return list(accumulate(map(_WIDTHS.__getitem__, text), initial=0))


def fitting_prefix(text: str, width: int) -> str:
    """Return the longest prefix of ``text`` that fits into ``width`` cells."""
    used = 0
    for at, character in enumerate(text):
        used += _WIDTHS[character]
        if used > width:
            return text[:at]
    return text


def fitting_suffix(text: str, width: int) -> str:
    """Return the longest suffix of ``text`` that fits into ``width`` cells.

    It never begins with a combining mark that belongs to the character before it.
    """
    used = 0
    at = len(text)
    while at and used + _WIDTHS[text[at - 1]] <= width:
        at -= 1
        used += _WIDTHS[text[at]]
    if at:
        at += sum(1 for _ in takewhile(lambda character: not _WIDTHS[character], text[at:]))
    return text[at:]


def truncate(text: str, width: int) -> str:
    """Return ``text``, or a prefix of it and an ellipsis, in at most ``width`` cells."""
    if display_width(text) <= width:
        return text
    return fitting_prefix(text, width - 1) + _ELLIPSIS if width > 0 else ""


def shorten_path(path: str, width: int) -> str:
    """Return ``path`` in at most ``width`` cells: folders are left out first, then its middle.

    >>> shorten_path("/archive/2024/05/渡轮停航.md", 23), shorten_path("渡轮停航.md", 8)
    ('/archive/…/渡轮停航.md', '渡…航.md')
    """
    if display_width(path) <= width:
        return path
    *folders, name = path.rstrip("/").split("/")
    name += path[len(path.rstrip("/")) :]
    for count in range(len(folders) - 1, 0, -1):
        shown = "/".join((*folders[:count], _ELLIPSIS, name))
        if display_width(shown) <= width and any(folders[:count]):
            return shown
    room = width - display_width(_ELLIPSIS)
    end = fitting_suffix(name, min(max(room // 3, display_width(name[-4:])), room))
    return fitting_prefix(name, room - display_width(end)) + _ELLIPSIS + end if room > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return ``text`` filled with spaces to ``width`` cells; ``right`` aligns it to the right."""
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


# Wrapping

_UNSPACED: Final = (
    "\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003fffd"
)
"""Characters of Han, Kana and Hangul and their punctuation, between which rows may break."""


@cache
def _piece() -> re.Pattern[str]:
    """Return the pattern of one such character with its marks, or a word of another script.

    The space after it is included. Compiling the pattern takes 3 ms.
    """
    return re.compile(
        rf"[{_UNSPACED}][\u0300-\u036f\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef]*\s*|"
        rf"[^\s{_UNSPACED}]+\s*"
    )


_NEVER_FIRST: Final = frozenset(
    ",.!?:;)]}%、。，．！？：；）］｝〉》」』】〕〗〙〛’”…—·・ー々％‰℃°ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)
"""Characters that do not begin a row (JIS X 4051, GB/T 15834)."""

_NEVER_LAST: Final = frozenset("([{（［｛〈《「『【〔〖〘〚‘“")
"""Characters that do not end a row."""


def wrap_rows(text: str, width: int) -> list[tuple[int, int]]:
    """Return start and end of each row of ``text``, none wider than ``width`` cells.

    Rows break between words of other scripts and anywhere in Chinese, but no row begins with a
    closing mark or ends with an opening one where that can be avoided (kinsoku). A word wider
    than a row begins one and is broken anywhere. White space at the end of a row may exceed the
    width.
    """
    breaks = [0]
    used = 0
    for start, end in _units(text):
        unit = text[start:end]
        size = display_width(unit.rstrip())
        if size <= width - used:
            used += display_width(unit)
        elif size <= width:
            breaks.append(start)
            used = display_width(unit)
        else:
            at = start
            pieces = _break_word(unit, width)
            for piece in pieces:
                breaks.append(at)
                at += len(piece)
            used = display_width(pieces[-1])
    breaks = list(dict.fromkeys(breaks))
    return list(zip(breaks, [*breaks[1:], len(text)], strict=True))


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of ``text`` that stays on one row, if it fits."""
    start = end = 0
    for piece in _piece().finditer(text):
        before = text[end - 1] if end else ""
        joins = text[piece.start()] in _NEVER_FIRST and not before.isspace()
        if end and not joins and before not in _NEVER_LAST:
            yield start, end
            start = end
        end = piece.end()
    if end > start:
        yield start, end


def _break_word(word: str, width: int) -> list[str]:
    pieces = []
    start = used = 0
    for at, character in enumerate(word):
        size = _WIDTHS[character]
        if used + size > width:
            pieces.append(word[start:at])
            start, used = at, 0
        used += size
    return [*pieces, word[start:]]


# Numbers with nouns


def count_noun(number: int, noun: str, nouns: str = "") -> Message:
    """Return ``number`` and its noun, in the plural unless it is 1: ``nouns``, or with an s.

    It is English until :func:`newsgrep.messages.localize` translates it, or a text with it.

    >>> count_noun(1, "article"), count_noun(1200, "story", "stories")
    ('1 article', '1,200 stories')
    """
    return plural(f"{{count:,}} {noun}", f"{{count:,}} {nouns or noun + 's'}", number)


# Bars and columns

_EIGHTHS_ACROSS: Final = " ▏▎▍▌▋▊▉█"
_EIGHTHS_UP: Final = " ▁▂▃▄▅▆▇█"
_PLAIN: Final = "#"


_KILO: Final = 1000


def format_bytes(count: int) -> str:
    """Return a number of bytes with its decimal unit: ``12.3 MB``."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < _KILO:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= _KILO
    return f"{size:.1f} GB"


_MINUTE: Final = 60


def format_duration(seconds: float) -> str:
    """Return a time: ``4.2 s``, ``6 min 53 s`` or ``1 h 02 min``."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def bar(value: float, most: float, width: int, *, blocks: bool) -> str:
    """Return a horizontal bar for ``value``, ``width`` cells for ``most``, without padding.

    With ``blocks`` it is exact to an eighth of a cell, otherwise it consists of ``#``. Any value
    above zero is visible: it takes at least one step.
    """
    if not blocks:
        return _PLAIN * _scaled_steps(value, most, width)
    whole, rest = divmod(_scaled_steps(value, most, width * 8), 8)
    return _EIGHTHS_ACROSS[8] * whole + (_EIGHTHS_ACROSS[rest] if rest else "")


def column_chart(values: Sequence[float], most: float, height: int, *, blocks: bool) -> list[str]:
    """Return the rows, from the top, of a chart with one column for each value.

    ``most`` takes all ``height`` rows; ``blocks`` and small values are as in :func:`bar`.
    """
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


# Standard output

_FLUSH_INTERVAL: Final = 0.05
"""Seconds that a line of a stream may wait, so that a thousand lines are not a thousand calls."""


class OutputClosed(Exception):
    """The reader closed our standard output, as ``head`` does: a reason to stop, not an error."""


def write(text: str, end: str = "\n") -> None:
    """Write ``text`` and ``end`` to standard output as UTF-8, whatever the locale.

    Lone surrogates become question marks. Raises :class:`OutputClosed`.
    """
    write_bytes((text + end).encode("utf-8", "replace"))


def write_flushed(text: str) -> None:
    """Write ``text`` as a line and flush it; raises :class:`OutputClosed`."""
    write(text)
    flush()


def write_streaming(lines: Iterable[str]) -> None:
    """Write each line as it is produced, and flush often enough to be read meanwhile.

    When this returns, all lines are written out, so that standard error can follow them. Raises
    :class:`OutputClosed`.
    """
    flushed = 0.0
    for line in lines:
        write(line)
        if (now := time.monotonic()) - flushed > _FLUSH_INTERVAL:
            flushed = now
            flush()
    flush()


def flush() -> None:
    """Flush standard output; raises :class:`OutputClosed`."""
    try:
        sys.stdout.buffer.flush()
    except OSError as exc:
        if not is_closed_pipe(exc):
            raise
        raise OutputClosed from exc


def write_bytes(data: bytes) -> None:
    """Write ``data`` to standard output unchanged; raises :class:`OutputClosed`."""
    try:
        sys.stdout.buffer.write(data)
    except OSError as exc:
        if not is_closed_pipe(exc):
            raise
        raise OutputClosed from exc


def is_closed_pipe(exc: BaseException) -> bool:
    """Return whether an error says that the reader of a pipe has gone.

    On Windows that is the error for an invalid argument.
    """
    closed = isinstance(exc, BrokenPipeError)
    return closed or (IS_WINDOWS and isinstance(exc, OSError) and exc.errno == EINVAL)


# The screen and styled lines


class Screen(NamedTuple):
    """What text is laid out for: ``width`` in cells; ``blocks``: block characters are shown."""

    width: int = 80
    blocks: bool = False


STYLES: Final = {
    "": "",
    "title": "1",
    "mark": "1;31",
    "dim": "2",
    "source": "36",
    "removed": "9;31",
    "added": "1;32",
}
"""ECMA-48 SGR codes: 1 bold, 2 faint, 9 crossed out, 31 red, 32 green, 36 cyan; 0 ends each."""

_MIN_WIDTH: Final = 10


class StyledText(NamedTuple):
    """Text in one style, a key of :data:`STYLES`; ``link`` is the address that it opens."""

    text: str
    style: str = ""
    link: str | None = None


class StyledLine(NamedTuple):
    """Texts that follow each other on one line, ``indent`` cells from the left edge.

    Rows of a wrapped line keep the indent. ``label`` is printed in the indent of the first row
    and must not be wider than it. With ``path``, the number of a piece that is a path, a line
    that is too wide is not wrapped: its path is shortened.
    """

    pieces: Sequence[StyledText] = ()
    indent: int = 0
    label: str = ""
    path: int | None = None


def highlight(
    text: str, spans: Iterable[Span], style: str = "", link: str | None = None
) -> list[StyledText]:
    """Return ``text`` on one line, with ``spans`` of it in the style for matches.

    Spans are ascending and disjoint, in characters of ``text``.
    """
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
    """Yield the text of each line without styles."""
    for line in map(localized_line, lines):
        text = "".join(piece.text for piece in line.pieces)
        yield (pad(line.label, line.indent) + text).rstrip() if text else ""


def localized_line(line: StyledLine) -> StyledLine:
    """Return ``line`` with the messages among its pieces in the user's language."""
    if not any(isinstance(piece.text, Message) for piece in line.pieces):
        return line
    return line._replace(
        pieces=[
            piece._replace(text=localize(piece.text)) if isinstance(piece.text, Message) else piece
            for piece in line.pieces
        ]
    )


def format_colored(lines: Iterable[StyledLine], *, wrap: bool) -> Iterator[str]:
    """Yield each line with terminal codes; with ``wrap`` in rows no wider than the terminal.

    The caller decides whether colour is wanted (NO_COLOR, TERM, ``--color``).
    """
    width = terminal_size().columns if wrap else None
    for number, each in enumerate(map(localized_line, lines), 1):
        line = fit_path(each, width) if width else each
        text = "".join(piece.text for piece in line.pieces)
        rows = wrap_line(text, line.indent, width) if width else [(0, len(text.rstrip()))]
        for start, stop in rows:
            label = "" if start else line.label
            before = _apply_style(pad(label, line.indent), "dim")
            yield before + _format_range(line.pieces, start, stop, number) if stop > start else ""


def fit_path(line: StyledLine, width: int) -> StyledLine:
    """Return ``line`` with its path shortened, if that is needed to fit into one row."""
    if line.path is None:
        return line
    others = sum(display_width(each.text) for at, each in enumerate(line.pieces) if at != line.path)
    pieces = list(line.pieces)
    room = max(width - line.indent - others, _MIN_WIDTH)
    pieces[line.path] = pieces[line.path]._replace(text=shorten_path(pieces[line.path].text, room))
    return line._replace(pieces=pieces)


def wrap_line(text: str, indent: int, width: int) -> list[tuple[int, int]]:
    """Return start and end, without white space, of the rows of a line of a terminal."""
    rows = wrap_rows(text, max(width - indent, _MIN_WIDTH))
    return [(start, start + len(text[start:end].rstrip())) for start, end in rows]


def wrap_message(text: str) -> str:
    """Return a line for standard error, in rows that fit if that is a terminal.

    Words stay whole where they can, and rows after the first are indented by two more cells.
    """
    if not sys.stderr.isatty():
        return text
    content = text.lstrip(" ")
    indent = len(text) - len(content)
    rows = wrap_line(content, indent + 2, terminal_size().columns)
    first, *rest = (content[start:end] for start, end in rows)
    return "\n".join((" " * indent + first, *(" " * (indent + 2) + row for row in rest)))


def terminal_size(columns: int = 80) -> os.terminal_size:
    """Return the size of the terminal, ``columns`` and 24 rows if output goes elsewhere.

    The environment's ``COLUMNS`` and ``LINES`` come first. This is what the standard library's
    :mod:`shutil` does, which takes 2 ms to load.
    """
    size = [_size_in_environment("COLUMNS"), _size_in_environment("LINES")]
    if not all(size):
        try:
            found = os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else -1)
        except (OSError, ValueError):  # not a terminal, or closed
            found = os.terminal_size((columns, 24))
        size = [size[0] or found.columns or columns, size[1] or found.lines or 24]
    return os.terminal_size(size)


def _size_in_environment(name: str) -> int:
    try:
        return max(int(os.environ.get(name, "")), 0)
    except ValueError:
        return 0


def _format_range(pieces: Iterable[StyledText], start: int, end: int, number: int) -> str:
    """Return the part of ``pieces`` from ``start`` to ``end`` with codes; links have one id."""
    coded = []
    at = 0
    for piece in pieces:
        text = piece.text[max(start - at, 0) : max(end - at, 0)]
        at += len(piece.text)
        if text and piece.link:
            # With one id, terminals treat all pieces and rows of a title as one link.
            begin = f"\x1b]8;id={number};{sanitize(piece.link)}\x1b\\"
            coded.append(f"{begin}{_apply_style(text, piece.style)}\x1b]8;;\x1b\\")
        elif text:
            coded.append(_apply_style(text, piece.style))
    return "".join(coded)


def _apply_style(text: str, style: str) -> str:
    code = STYLES[style]
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text

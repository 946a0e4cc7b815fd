"""White space: what of it a reader sees, and what is only the source's own line breaking.

Pretty-printed HTML puts every inline tag on a line of its own; between two Chinese
characters such a line break is nothing, so that a literal search works across the tag.
"""

from __future__ import annotations

import html
import re
from typing import Final

from newsgrep.text.characters import SOLO, tidy

# CJK punctuation, full-width forms and the signs that only CJK text sets this way.
_WIDE: Final = rf"{SOLO}\u3000-\u303f\uff00-\uff65\uffe0-\uffef\ufe10-\ufe1f\ufe30-\ufe4f"
_IS_WIDE = re.compile(f"[{_WIDE}]")
_IS_FORM = re.compile(r"[\u3001-\u3003\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff65]")
# Curly quotes, dashes, dots: shared by Latin and Chinese text, they go with the other side.
_SHARED: Final = frozenset("“”‘’—…·–")
_OPENING: Final = frozenset("([{“‘「『《〈（【")
_CLOSING: Final = frozenset(")]}”’」』》〉）】,.;:!?%")
_GAP = re.compile(r"[^\S \u3000]\s*|[ \u3000]\s+")
"""Any white space but a single plain or wide space."""
_BREAK: Final = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def _is_nothing(before: str, after: str) -> bool:
    """Tell whether a line break of the source between these two is no space at all."""
    if before in _OPENING or after in _CLOSING:
        return True
    if _IS_FORM.match(before) or _IS_FORM.match(after):
        return True
    wide_before, wide_after = _IS_WIDE.match(before), _IS_WIDE.match(after)
    return bool(
        (wide_before and wide_after)
        or (wide_before and after in _SHARED)
        or (wide_after and before in _SHARED)
    )


def collapse(text: str) -> str:
    """Return ``text`` on one line: white space is one space, or nothing (see module).

    A plain space between two Chinese characters is the author's own and stays.
    """
    text = text.strip()
    parts = text.split()
    if len(parts) < 2:
        return text
    if "\u3000" not in text and len(text.splitlines()) == 1:
        return " ".join(parts)

    def gap(match: re.Match[str]) -> str:
        run = match.group()
        if _BREAK.isdisjoint(run):
            return " "
        return "" if _is_nothing(text[match.start() - 1], text[match.end()]) else " "

    return _GAP.sub(gap, text)


CELL: Final = "\x1f"
"""Stands between two cells of one row; what is white space beside it is no line break."""

# Signs that nobody writes about; ``&lt;`` and its like may well be what an article shows.
_TWICE = re.compile(
    r"&(?:amp;)?(?:nbsp|[rlsb]d?quo|quot|apos|hellip|[mn]dash|middot|bull|e[mn]sp|thinsp|#\d{2,6}"
    r"|#x[0-9a-fA-F]{2,5});|&amp;(?!(?:lt|gt);)"
)


_LONG_REFERENCE = re.compile(r"&#[0-9]{1000,};?")


def unescaped(text: str) -> str:
    """Return ``text`` with HTML's references made characters.

    One of a thousand digits and more stands for no character (U+FFFD), as HTML says; the
    library would raise ``ValueError`` for it.
    """
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text))


def plain(text: str) -> str:
    """Return ``text`` tidied and on one line, without what was escaped once too often."""
    if "&" in text:
        text = _TWICE.sub(lambda match: html.unescape(html.unescape(match.group())), text)
    return collapse(tidy(text))


def paragraphs_of(lines: list[str]) -> list[str]:
    """Return the paragraphs in ``lines``: an empty line parts two, others keep a newline.

    The lines may hold anything; what comes back is tidied and laid out.
    """
    found: list[str] = []
    current: list[str] = []
    for line in [*lines, ""]:
        clean = (
            " ".join(filter(None, map(plain, line.split(CELL)))) if CELL in line else plain(line)
        )
        if clean:
            current.append(clean)
        elif current:
            found.append("\n".join(current))
            current = []
    return found


def comparable(text: str) -> str:
    """Return ``text`` without spaces and punctuation and in lower case, for comparing only."""
    return _NOT_WORD.sub("", text).casefold()


_NOT_WORD = re.compile(r"[\W_]+")

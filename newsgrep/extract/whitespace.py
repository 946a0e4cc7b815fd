"""White space: what of it a reader sees, and what is only the source's own line breaking.

Pretty-printed HTML puts every inline tag on a line of its own; between two Chinese
characters such a line break is nothing, so that a literal search works across the tag.
"""

from __future__ import annotations

import html
import re
from typing import Final

from newsgrep.analysis.characters import SOLO, strip_invisible

# CJK punctuation, full-width forms and the signs that only CJK text sets this way.
_WIDE: Final = rf"{SOLO}\u3000-\u303f\uff00-\uff65\uffe0-\uffef\ufe10-\ufe1f\ufe30-\ufe4f"
_IS_WIDE = re.compile(f"[{_WIDE}]")
_IS_FULL_WIDTH_SIGN = re.compile(
    r"[\u3001-\u3003\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff65]"
)
# Curly quotes, dashes, dots: shared by Latin and Chinese text, they go with the other side.
_SHARED_PUNCTUATION: Final = frozenset("“”‘’—…·–")
_OPENING_PUNCTUATION: Final = frozenset("([{“‘「『《〈（【")
_CLOSING_PUNCTUATION: Final = frozenset(")]}”’」』》〉）】,.;:!?%")
_WHITESPACE_RUN = re.compile(r"[^\S \u3000]\s*|[ \u3000]\s+")
"""Any white space but a single plain or wide space."""
_LINE_BREAKS: Final = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def _joins_without_space(before: str, after: str) -> bool:
    """Tell whether a line break of the source between these two is no space at all."""
    if before in _OPENING_PUNCTUATION or after in _CLOSING_PUNCTUATION:
        return True
    if _IS_FULL_WIDTH_SIGN.match(before) or _IS_FULL_WIDTH_SIGN.match(after):
        return True
    wide_before, wide_after = _IS_WIDE.match(before), _IS_WIDE.match(after)
    return bool(
        (wide_before and wide_after)
        or (wide_before and after in _SHARED_PUNCTUATION)
        or (wide_after and before in _SHARED_PUNCTUATION)
    )


def collapse_whitespace(text: str) -> str:
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
        if _LINE_BREAKS.isdisjoint(run):
            return " "
        return "" if _joins_without_space(text[match.start() - 1], text[match.end()]) else " "

    return _WHITESPACE_RUN.sub(gap, text)


CELL_SEPARATOR: Final = "\x1f"
"""Stands between two cells of one row; what is white space beside it is no line break."""

# Signs that nobody writes about; ``&lt;`` and its like may well be what an article shows.
_DOUBLE_ESCAPED = re.compile(
    r"&(?:amp;)?(?:nbsp|[rlsb]d?quo|quot|apos|hellip|[mn]dash|middot|bull|e[mn]sp|thinsp|#\d{2,6}"
    r"|#x[0-9a-fA-F]{2,5});|&amp;(?!(?:lt|gt);)"
)


_LONG_REFERENCE = re.compile(r"&#[0-9]{1000,};?")


def unescape_html(text: str) -> str:
    """Return ``text`` with HTML's references made characters.

    One of a thousand digits and more stands for no character (U+FFFD), as HTML says; the
    library would raise ``ValueError`` for it.
    """
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text))


def clean_line(text: str) -> str:
    """Return ``text`` tidied and on one line, without what was escaped once too often."""
    if "&" in text:
        text = _DOUBLE_ESCAPED.sub(lambda match: html.unescape(html.unescape(match.group())), text)
    return collapse_whitespace(strip_invisible(text))


def split_paragraphs(lines: list[str]) -> list[str]:
    """Return the paragraphs in ``lines``: an empty line parts two, others keep a newline.

    The lines may hold anything; what comes back is tidied and laid out.
    """
    found: list[str] = []
    current: list[str] = []
    for line in [*lines, ""]:
        clean = (
            " ".join(filter(None, map(clean_line, line.split(CELL_SEPARATOR))))
            if CELL_SEPARATOR in line
            else clean_line(line)
        )
        if clean:
            current.append(clean)
        elif current:
            found.append("\n".join(current))
            current = []
    return found


def comparison_key(text: str) -> str:
    """Return ``text`` without spaces and punctuation and in lower case, for comparing only."""
    return _NON_WORD.sub("", text).casefold()


_NON_WORD = re.compile(r"[\W_]+")

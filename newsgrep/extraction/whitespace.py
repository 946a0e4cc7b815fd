"""White space: which of it readers see, and which is only line breaks of the source.

Pretty-printed HTML puts every inline tag on its own line. Between two Chinese characters such a
line break is removed, so that a literal search matches across the tag.
"""

from __future__ import annotations

import html
import re
from typing import Final

from newsgrep.analysis.characters import SOLO, strip_invisible

# CJK punctuation, full-width forms, and signs that only CJK text uses.
_WIDE: Final = rf"{SOLO}\u3000-\u303f\uff00-\uff65\uffe0-\uffef\ufe10-\ufe1f\ufe30-\ufe4f"
IS_WIDE = re.compile(f"[{_WIDE}]")
_IS_FULL_WIDTH_SIGN = re.compile(
    r"[\u3001-\u3003\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff65]"
)
# Curly quotes, dashes, dots: Latin and Chinese text use them, so the other side decides.
_SHARED_PUNCTUATION: Final = frozenset("“”‘’—…·–")
_OPENING_PUNCTUATION: Final = frozenset("([{“‘「『《〈（【")
_CLOSING_PUNCTUATION: Final = frozenset(")]}”’」』》〉）】,.;:!?%")
_WHITESPACE_RUN = re.compile(r"[^\S \u3000]\s*|[ \u3000]\s+")
"""White space other than a single space or ideographic space."""
_LINE_BREAKS: Final = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def _joins_without_space(before: str, after: str) -> bool:
    """Return whether a line break of the source between two characters is not a space."""
    if before in _OPENING_PUNCTUATION or after in _CLOSING_PUNCTUATION:
        return True
    if _IS_FULL_WIDTH_SIGN.match(before) or _IS_FULL_WIDTH_SIGN.match(after):
        return True
    wide_before, wide_after = IS_WIDE.match(before), IS_WIDE.match(after)
    return bool(
        (wide_before and wide_after)
        or (wide_before and after in _SHARED_PUNCTUATION)
        or (wide_after and before in _SHARED_PUNCTUATION)
    )


def collapse_whitespace(text: str) -> str:
    r"""Return ``text`` on one line, each run of white space replaced by one space or by nothing.

    A space between two Chinese characters is the author's and is kept.

    >>> collapse_whitespace("联合\n  声明 发表\nin  May")
    '联合声明 发表 in May'
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
"""Separates the cells of one row; white space next to it is not a line break."""

# References to signs that nobody writes about. ``&lt;`` may be what an article shows.
_DOUBLE_ESCAPED = re.compile(
    r"&(?:amp;)?(?:nbsp|[rlsb]d?quo|quot|apos|hellip|[mn]dash|middot|bull|e[mn]sp|thinsp|#\d{2,6}"
    r"|#x[0-9a-fA-F]{2,5});|&amp;(?!(?:lt|gt);)"
)


_LONG_REFERENCE = re.compile(r"&#[0-9]{1000,};?")


def unescape_html(text: str) -> str:
    """Return ``text`` with HTML character references replaced by their characters.

    A reference of a thousand digits or more becomes U+FFFD, as HTML requires; the library
    raises ``ValueError`` for it.
    """
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text))


def clean_line(text: str) -> str:
    """Return ``text`` on one line, without invisible characters and double escapes."""
    text = text.strip()
    if "&" not in text and text.isascii() and text.isprintable():
        return " ".join(text.split())
    if "&" in text:
        text = _DOUBLE_ESCAPED.sub(lambda match: html.unescape(html.unescape(match.group())), text)
    return collapse_whitespace(strip_invisible(text))


def split_paragraphs(lines: list[str]) -> list[str]:
    """Return the paragraphs in ``lines``, which are separated by empty lines.

    The lines of one paragraph are joined by newlines; each is cleaned by :func:`clean_line`.
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
    """Return ``text`` case-folded and without spaces and punctuation, to compare texts."""
    return _NON_WORD.sub("", text).casefold()


def has_word(text: str) -> bool:
    """Return whether :func:`comparison_key` of ``text`` is not empty."""
    return _WORD_CHARACTER.search(text) is not None


_WORD_CHARACTER = re.compile(r"[^\W_]")
_NON_WORD = re.compile(r"[\W_]+")

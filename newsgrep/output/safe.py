"""Text from articles and file names, made harmless for a terminal.

What is cleaned on its way into an index may still come from an index that others made.
"""

from __future__ import annotations

import re

_DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]"
)
_HALF = re.compile("[\ud800-\udfff]")


def safe(text: str) -> str:
    """Return ``text`` without control and direction characters; its length stays.

    Each becomes U+FFFD, so nothing in an article or a file name can move the cursor,
    change colours or turn the reading direction. Halves of characters, which stand for
    bytes of a file name that are no text, do so, too.
    """
    return _HALF.sub("\ufffd", _DANGEROUS.sub("\ufffd", text))


def one_line(text: str) -> str:
    """Return ``text`` made :func:`safe` on one line; its length stays."""
    return safe(text.replace("\n", " ").replace("\t", " "))

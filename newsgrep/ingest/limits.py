"""How much of anything a file may hold and still be read as one article.

Each bound is several times what the largest pages and books have, and keeps memory and time
within what a file of the greatest size may take; a file beyond one is listed with its reason.
"""

from __future__ import annotations

from typing import Final

from newsgrep.errors import Rejected

MOST_CHARACTERS: Final = 10_000_000
"""Characters of text; the longest novels have two or three million."""

MOST_LINES: Final = 1_000_000
"""Lines of a file; books have some ten thousand."""

MOST_ELEMENTS: Final = 500_000
"""Elements of a page, and comments; the largest pages that people read have a tenth of them."""


def check(count: int, most: int, what: str) -> None:
    """Raise ``Rejected`` for a file that has more than ``most`` of ``what``."""
    if count > most:
        raise Rejected(f"more than {most:,} {what}: too much for one article")

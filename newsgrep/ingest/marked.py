"""What an outlet's own selectors mark on a page, before anyone walks through it.

The elements are kept as they are: each is itself only, however many look the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from newsgrep.ingest.nodes import Element
from newsgrep.ingest.selectors import Page
from newsgrep.ingest.sites import Site

_NOTHING: Final[frozenset[Element]] = frozenset()


@dataclass(frozen=True, slots=True)
class Marked:
    """Elements that an outlet's selectors name."""

    dropped: frozenset[Element] = _NOTHING
    captions: frozenset[Element] = _NOTHING
    credits: frozenset[Element] = _NOTHING
    kept: frozenset[Element] = _NOTHING
    body: Element | None = None
    authors: tuple[Element, ...] = ()
    dates: tuple[Element, ...] = ()

    @classmethod
    def by(cls, site: Site | None, page: Page) -> Marked:
        """Return what the rules of ``site`` mark on ``page``."""
        if site is None:
            return cls()
        body = page.select(site.body)
        return cls(
            frozenset(page.select(*site.drop, site.byline, site.date)),
            frozenset(page.select(*site.captions)),
            frozenset(page.select(*site.credits)),
            frozenset(page.select(*site.keep)),
            body[0] if body else None,
            tuple(page.select(site.byline)[:5]),
            tuple(page.select(site.date)[:5]),
        )

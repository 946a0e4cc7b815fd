"""Values that one step of extraction passes to the next.

A format produces blocks of text in document order and claims: every value that the file
states for a field, where it states it, and how good that evidence is.
:mod:`newsgrep.extraction.pipeline` decides which claims to believe and which blocks belong to
the body; :mod:`newsgrep.extraction.trace` records the decisions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from newsgrep.messages import mark
from newsgrep.models import LeftOut, Provenance, direct_members


@direct_members
class BlockKind(StrEnum):
    """What a block of text is to its reader."""

    TEXT = "text"
    HEADING = "heading"
    CAPTION = "caption"


@direct_members
class Rule(StrEnum):
    """Why a block of text is not part of the body."""

    NAVIGATION = "navigation"
    HIDDEN = "hidden"
    FORM = "form"
    COMMENTS = "comments"
    RELATED = "related"
    OTHER_ARTICLE = mark("another article")
    ADVERTISEMENT = "advertisement"
    SHARING = "sharing"
    SUBSCRIPTION = "subscription"
    SIDEBAR = "sidebar"
    FOOTER = "footer"
    PLAYER = "player"
    DIALOG = "dialog"
    NOSCRIPT = "noscript"
    METADATA = "metadata"
    LINKS = "links"
    OUTSIDE = mark("outside the article")
    OUTLET_RULE = mark("outlet rule")
    NOTICE = "notice"
    EDITORS_NOTE = mark("editor's note")
    CREDIT = "credit"
    CAPTION = "caption"
    TITLE = "title"
    DATE = "date"
    BYLINE = "byline"
    TAGS = "tags"
    TRAILING_HEADING = mark("heading at the end")
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading or caption; ``text`` has normal white space.

    ``rule`` is the rule that leaves the block out of the article, None if it is kept.
    ``locator`` is a CSS selector of its element, only if the extraction is traced in full.
    """

    text: str
    kind: BlockKind = BlockKind.TEXT
    rule: Rule | None = None
    locator: str = ""


@direct_members
class ClaimField(StrEnum):
    """The field of an article that a claim is about, by its name in the article's JSON."""

    TITLE = "title"
    SOURCE = "source"
    PUBLISHED = "published"
    AUTHORS = "authors"
    URL = "url"
    BODY = "body"


class Claim(NamedTuple):
    """A value that the file states for a field, and where it states it.

    ``provenance`` is the kind of place and ``locator`` the place: the name of a ``meta`` tag,
    a key of front matter or JSON-LD, a CSS selector of an element, the key of an outlet rule,
    or empty if the kind says all. ``rank`` orders the claims about a field: smaller ranks are
    better evidence. ``value`` is as it is written; of a body it is the beginning.

    >>> Claim(ClaimField.PUBLISHED, "2024-05-17", Provenance.META_TAG, "pubdate", 36).locator
    'pubdate'
    """

    field: ClaimField
    value: str
    provenance: Provenance
    locator: str = ""
    rank: int = 0


class Loss(StrEnum):
    """Why a claim was not believed, as a phrase about it."""

    WEAKER = mark("weaker than {winner}")
    """``winner`` is the provenance of the claim that was believed."""
    AGREES = mark("the same as {winner}")
    MENTIONED = mark("it is only mentioned in the text")
    OUTLET_NAME = mark("the name of the outlet")
    PLACEHOLDER = mark("a placeholder")
    AFTER_FETCH = mark("after the fetch time")
    UPDATE = mark("the time of an update")
    FETCH_TIME = mark("the time of fetching")
    LESS_PROSE = mark("less prose than {winner}")
    LESS_PRECISE = mark("the same day without the time of {winner}")
    NOT_A_DATE = mark("not a date")
    NOT_AN_ADDRESS = mark("not an address")
    NOT_A_NAME = mark("not the name of a person")
    NOT_AN_OUTLET = mark("not the name of an outlet")
    SECTION = mark("the name of a section")
    OTHER_PAGE = mark("the address of another page")
    NOT_A_HEADLINE = mark("not a headline")
    TOO_LONG = mark("too long")


_TEMPLATE_SYNTAX = re.compile(
    r"\{\{|\}\}|\{%|\$\{|<%|\[%|%[a-z_]{2,20}%|\[(?:author|title|name|source|site)\]", re.IGNORECASE
)


def is_placeholder(value: str) -> bool:
    """Return whether ``value`` is a place in a template that was never filled in.

    >>> is_placeholder("{{ author }}")
    True
    """
    return _TEMPLATE_SYNTAX.search(value) is not None


_by_rank = attrgetter("rank")


@dataclass(frozen=True, slots=True)
class Claims:
    """All claims of a file; the best evidence for a field comes first.

    ``site`` are the names that a page gives its home page.
    """

    titles: tuple[Claim, ...] = ()
    sources: tuple[Claim, ...] = ()
    authors: tuple[Claim, ...] = ()
    dates: tuple[Claim, ...] = ()
    urls: tuple[Claim, ...] = ()
    tags: tuple[str, ...] = ()
    site: tuple[str, ...] = ()

    @classmethod
    def ranked(
        cls, claims: Iterable[Claim], tags: Iterable[str] = (), site: Iterable[str] = ()
    ) -> Claims:
        """Return ``claims`` by field and rank; those of equal rank keep their order."""
        fields: dict[ClaimField, list[Claim]] = {}
        for claim in sorted(claims, key=_by_rank):
            fields.setdefault(claim.field, []).append(claim)
        return cls(
            titles=tuple(fields.get(ClaimField.TITLE, ())),
            sources=tuple(fields.get(ClaimField.SOURCE, ())),
            authors=tuple(fields.get(ClaimField.AUTHORS, ())),
            dates=tuple(fields.get(ClaimField.PUBLISHED, ())),
            urls=tuple(fields.get(ClaimField.URL, ())),
            tags=tuple(tags),
            site=tuple(site),
        )

    def all(self) -> tuple[Claim, ...]:
        """Return the claims about all fields."""
        return self.titles + self.sources + self.dates + self.authors + self.urls


@dataclass(frozen=True, slots=True)
class Body:
    """The text of an article, and what the lines removed from it state.

    ``first_date`` is a date that is alone on one of the first lines. ``all_text`` are the texts
    of all blocks in document order, captions included, to search dates in. ``left_out`` is the
    prose among the blocks that is neither body nor caption nor a claim. ``reporters`` are names
    in the dateline of an agency, which stays in the text.
    """

    paragraphs: tuple[str, ...]
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    bylines: tuple[str, ...]
    first_date: str | None
    all_text: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    reporters: tuple[str, ...] = ()

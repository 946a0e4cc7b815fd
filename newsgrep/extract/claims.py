"""Values that one step of extraction passes to the next.

A format produces blocks of text in document order and claims: every value that the file
states for a field, with its provenance. :mod:`newsgrep.extract.pipeline` decides which
claims to believe and which blocks belong to the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from newsgrep.models import LeftOut, Provenance


class BlockKind(StrEnum):
    """What a block of text is to its reader."""

    TEXT = "text"
    HEADING = "heading"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading or caption; ``text`` has normal white space.

    ``rule`` is the rule that leaves the block out of the article, None if it is kept.
    """

    text: str
    kind: BlockKind = BlockKind.TEXT
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A value that the file states, and where it states it."""

    value: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Claims:
    """All claims of a file; the best evidence for a field comes first."""

    titles: tuple[Claim, ...] = ()
    sources: tuple[Claim, ...] = ()
    authors: tuple[Claim, ...] = ()
    dates: tuple[Claim, ...] = ()
    urls: tuple[Claim, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The text of an article, and what the lines removed from it state.

    ``first_date`` is a date that is alone on one of the first lines. ``all_text`` are the texts
    of all blocks in document order, captions included, to search dates in. ``left_out`` is the
    prose among the blocks that is neither body nor caption nor a claim.
    """

    paragraphs: tuple[str, ...]
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    bylines: tuple[str, ...]
    first_date: str | None
    all_text: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

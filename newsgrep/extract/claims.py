"""What a format takes from a file, before anyone decides what to believe.

A :class:`RawArticle` holds blocks of text in document order and every claim about title,
date and people with the place where it stood; :mod:`newsgrep.extract.pipeline` weighs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from newsgrep.extract.outlets import Outlet
from newsgrep.models import Provenance


class BlockKind(StrEnum):
    """What a block of text is to its reader."""

    TEXT = "text"
    HEADING = "heading"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading or caption; ``text`` is tidied and laid out."""

    text: str
    kind: BlockKind = BlockKind.TEXT


@dataclass(frozen=True, slots=True)
class Claim:
    """A value that the file states, and where it states it."""

    value: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything that a file says about itself, best evidence first within each kind."""

    titles: tuple[Claim, ...] = ()
    sources: tuple[Claim, ...] = ()
    authors: tuple[Claim, ...] = ()
    dates: tuple[Claim, ...] = ()
    urls: tuple[Claim, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RawArticle:
    """Blocks and claims of one file, with the outlet's rules that were used on it.

    ``fetched`` is when the file was taken from the web, where the file says so.
    """

    blocks: tuple[Block, ...] = ()
    claims: Claims = field(default_factory=Claims)
    site: Outlet | None = None
    fetched: datetime | None = None
    notes: tuple[str, ...] = ()

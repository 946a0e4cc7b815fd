"""What all formats share: the values that they return, decoding, and front matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from newsgrep.extract.claims import Block, Claim, ClaimField, Claims
from newsgrep.extract.date_claims import front_matter_ranks
from newsgrep.extract.decode import MAX_LINES, check_limit, decode
from newsgrep.extract.frontmatter import FrontMatter, split_front_matter
from newsgrep.extract.labels import merge_labels, take_labels
from newsgrep.extract.outlets import Outlet, Outlets
from newsgrep.extract.savers import Saved, original_address, read_saved
from newsgrep.extract.sources import looks_like_topic, sounds_like_outlet
from newsgrep.extract.trace import NO_TRACE, Trace
from newsgrep.models import Provenance


@dataclass(frozen=True, slots=True)
class RawArticle:
    """Blocks and claims of one file, and the outlet whose rules were applied to it.

    ``fetched`` is when the file was taken from the web, if the file states it. ``encoding`` is
    the codec that decoded it. ``page`` is whether the file is a whole page of HTML.
    """

    blocks: tuple[Block, ...] = ()
    claims: Claims = field(default_factory=Claims)
    outlet: Outlet | None = None
    fetched: datetime | None = None
    notes: tuple[str, ...] = ()
    encoding: str = ""
    page: bool = False


@dataclass(frozen=True, slots=True)
class RawFile:
    """The bytes of a file, and what is known about them before they are read.

    ``url`` is the address of the article if the caller knows it, otherwise None. ``trace``
    receives what is decided.
    """

    data: bytes
    outlets: Outlets
    url: str | None = None
    trace: Trace = NO_TRACE


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    ``read`` returns what a file contains. It raises :class:`~newsgrep.errors.NoArticle` if it
    cannot read the bytes.
    """

    name: str
    read: Callable[[RawFile], RawArticle]


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """The text of a file after its front matter, and the outlet, if it is known by now."""

    raw: RawFile
    front_matter: FrontMatter
    text: str
    encoding: str
    outlet: Outlet | None
    notes: tuple[str, ...]
    saved: Saved

    @property
    def url(self) -> str | None:
        """Return the address that is given, in the front matter or in a comment, or None."""
        written = self.front_matter.url or self.front_matter.first(*_URL_KEYS)
        stated = self.raw.url or written or self.saved.url
        return original_address(stated).url if stated else None


_GIVEN_RANK: Final = -10
_SAVED_RANK: Final = 8
_URL_KEYS: Final = (
    "from",
    "url",
    "link",
    "source_url",
    "original_url",
    "canonical_url",
    "permalink",
)
_SOURCE_KEYS: Final = ("source", "site", "publisher", "outlet", "media", "site_name")
_URL_TAG = re.compile(
    r"""<(?:link|meta)\b[^>]{0,200}(?:rel=["']?canonical|property=["']?og:url)[^>]{0,200}>""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"""(?:href|content)=["']?(https?://[^\s"'>]+)""", re.IGNORECASE)
_MAX_HEAD: Final = 200_000
"""Characters in which the canonical address of a page is searched."""


def decode_file(raw: RawFile) -> DecodedFile:
    """Decode ``raw``, split off its front matter, and look up its outlet.

    Raises :class:`~newsgrep.errors.NoArticle` if it is empty, binary, or too long.
    """
    outlets = raw.outlets
    decoded = decode(raw.data)
    check_limit(decoded.text.count("\n"), MAX_LINES, "lines")
    front_matter, text = split_front_matter(decoded.text)
    notes = (*decoded.notes, *front_matter.notes)
    saved = read_saved(text)
    file = DecodedFile(raw, front_matter, text, decoded.encoding, None, notes, saved)
    outlet = outlets.for_url(file.url)
    if outlet is None and not file.url:
        tag = _URL_TAG.search(text[:_MAX_HEAD])
        address = _ADDRESS.search(tag.group()) if tag else None
        outlet = outlets.for_url(original_address(address[1]).url) if address else None
    return replace(file, outlet=outlet or outlets.for_text(text))


def raw_article(file: DecodedFile, blocks: tuple[Block, ...], claims: Claims) -> RawArticle:
    """Return the article of ``blocks`` and ``claims``, with the claims of the front matter."""
    blocks, stated = take_labels(blocks)
    claims = merge_labels(claims, stated)
    claims = merge_front_matter(file.front_matter, claims, file.raw.url, file.saved.url)
    archived = original_address(claims.urls[0].value).fetched if claims.urls else None
    return RawArticle(
        blocks=blocks,
        claims=claims,
        outlet=file.outlet,
        fetched=file.front_matter.fetched or file.saved.fetched or archived,
        notes=file.notes,
        encoding=file.encoding,
    )


def merge_front_matter(
    front_matter: FrontMatter, claims: Claims, url: str | None = None, saved_url: str | None = None
) -> Claims:
    """Return ``claims`` with those of ``front_matter`` and two addresses.

    ``url`` is what the caller knows, ``saved_url`` what the program wrote that saved the page.
    Titles, sources and URLs of the front matter are better evidence than those of the page;
    authors and dates are worse, because what the article itself states is better for them.
    """
    found: list[Claim] = []

    def add(field: ClaimField, rank: int, *keys: str) -> None:
        found.extend(
            Claim(field, value, Provenance.FRONT_MATTER, key, rank)
            for key in keys
            for value in front_matter.values(key)
        )

    if url:
        found.append(Claim(ClaimField.URL, url, Provenance.GIVEN, rank=_GIVEN_RANK))
    if saved_url:
        found.append(Claim(ClaimField.URL, saved_url, Provenance.COMMENT, rank=_SAVED_RANK))
    if front_matter.title:
        found.append(Claim(ClaimField.TITLE, front_matter.title, Provenance.LINK_LINE))
    if front_matter.url:
        found.append(Claim(ClaimField.URL, front_matter.url, Provenance.LINK_LINE))
    add(ClaimField.TITLE, 10, "title", "headline")
    add(ClaimField.SOURCE, 5, *_SOURCE_KEYS)
    add(ClaimField.AUTHORS, 210, "author", "authors", "byline", "creator")
    ranks = front_matter_ranks()
    for key in front_matter.fields:
        if (rank := ranks.get(key)) is not None:
            add(ClaimField.PUBLISHED, rank, key)
    add(ClaimField.URL, 5, *_URL_KEYS)
    tags = dict.fromkeys((*front_matter.values("tags", "tag", "keywords"), *claims.tags))
    categories = front_matter.values("categories", "category")
    # Archives of feeds give the outlet as category and the topics as tags; blogs give a topic.
    from_feed = front_matter.first("from", "source_url", "original_url") is not None
    if (
        len(categories) == 1
        and categories[0] not in tags
        and (
            sounds_like_outlet(categories[0]) or (from_feed and not looks_like_topic(categories[0]))
        )
    ):
        category = Claim(ClaimField.SOURCE, categories[0], Provenance.FRONT_MATTER, "categories", 6)
        found.append(category)
    else:
        tags.update(dict.fromkeys(categories))
    return Claims.ranked((*found, *claims.all()), tags, claims.site)

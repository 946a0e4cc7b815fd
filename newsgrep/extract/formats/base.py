"""What all formats share: the values that they return, decoding, and front matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from newsgrep.extract.claims import Block, Claim, Claims
from newsgrep.extract.dates import FRONT_MATTER_KEYS
from newsgrep.extract.decode import MAX_LINES, check_limit, decode
from newsgrep.extract.frontmatter import FrontMatter, split_front_matter
from newsgrep.extract.outlets import Outlet, Outlets, looks_like_topic, sounds_like_outlet
from newsgrep.models import Provenance


@dataclass(frozen=True, slots=True)
class RawArticle:
    """Blocks and claims of one file, and the outlet whose rules were applied to it.

    ``fetched`` is when the file was taken from the web, if the file states it.
    """

    blocks: tuple[Block, ...] = ()
    claims: Claims = field(default_factory=Claims)
    outlet: Outlet | None = None
    fetched: datetime | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    ``read`` takes the bytes of a file and the outlets, and returns what the file contains. It
    raises :class:`~newsgrep.errors.NoArticle` if it cannot read the bytes.
    """

    name: str
    read: Callable[[bytes, Outlets], RawArticle]


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """The text of a file after its front matter, and the outlet, if it is known by now."""

    front_matter: FrontMatter
    text: str
    outlet: Outlet | None
    notes: tuple[str, ...]

    @property
    def url(self) -> str | None:
        """Return the address in the front matter, or None."""
        return self.front_matter.url or self.front_matter.first(*_URL_KEYS)


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


def decode_file(data: bytes, outlets: Outlets) -> DecodedFile:
    """Decode ``data``, split off its front matter, and look up its outlet.

    Raises :class:`~newsgrep.errors.NoArticle` if ``data`` is empty, binary, or too long.
    """
    decoded = decode(data)
    check_limit(decoded.text.count("\n"), MAX_LINES, "lines")
    front_matter, text = split_front_matter(decoded.text)
    file = DecodedFile(front_matter, text, None, (*decoded.notes, *front_matter.notes))
    outlet = outlets.for_url(file.url)
    if outlet is None and not file.url:
        tag = _URL_TAG.search(text[:_MAX_HEAD])
        address = _ADDRESS.search(tag.group()) if tag else None
        outlet = outlets.for_url(address[1]) if address else None
    return replace(file, outlet=outlet or outlets.for_text(text))


def raw_article(file: DecodedFile, blocks: tuple[Block, ...], claims: Claims) -> RawArticle:
    """Return the article of ``blocks`` and ``claims``, with the claims of the front matter."""
    return RawArticle(
        blocks=blocks,
        claims=merge_front_matter(file.front_matter, claims),
        outlet=file.outlet,
        fetched=file.front_matter.fetched,
        notes=file.notes,
    )


def merge_front_matter(front_matter: FrontMatter, claims: Claims) -> Claims:
    """Return ``claims`` with those of ``front_matter``.

    Titles, sources and URLs of the front matter come first; authors and dates come last, because
    what the article itself states is better evidence for them.
    """

    def from_keys(*keys: str) -> tuple[Claim, ...]:
        return tuple(Claim(v, Provenance.FRONT_MATTER) for v in front_matter.values(*keys))

    def from_link(value: str | None) -> tuple[Claim, ...]:
        return (Claim(value, Provenance.LINK_LINE),) if value else ()

    tags = dict.fromkeys((*front_matter.values("tags", "tag", "keywords"), *claims.tags))
    categories = front_matter.values("categories", "category")
    category_sources: tuple[Claim, ...] = ()
    # Archives of feeds give the outlet as category and the topics as tags; blogs give a topic.
    from_feed = front_matter.first("from", "source_url", "original_url") is not None
    if (
        len(categories) == 1
        and categories[0] not in tags
        and (
            sounds_like_outlet(categories[0]) or (from_feed and not looks_like_topic(categories[0]))
        )
    ):
        category_sources = (Claim(categories[0], Provenance.FRONT_MATTER),)
    else:
        tags.update(dict.fromkeys(categories))
    return Claims(
        titles=(*from_link(front_matter.title), *from_keys("title", "headline"), *claims.titles),
        sources=(*from_keys(*_SOURCE_KEYS), *category_sources, *claims.sources),
        authors=(*claims.authors, *from_keys("author", "authors", "byline", "creator")),
        dates=(*claims.dates, *from_keys(*FRONT_MATTER_KEYS)),
        urls=(*from_link(front_matter.url), *from_keys(*_URL_KEYS), *claims.urls),
        tags=tuple(tags),
    )

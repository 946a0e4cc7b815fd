"""What all formats share: the values that they return, decoding, and front matter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from newsgrep.extraction.claims import Block, Claims
from newsgrep.extraction.decode import MAX_LINES, check_limit, decode
from newsgrep.extraction.frontmatter.keys import merge_front_matter, written_url
from newsgrep.extraction.frontmatter.savers import Saved, original_address, read_saved
from newsgrep.extraction.frontmatter.split import FrontMatter, split_front_matter
from newsgrep.extraction.labels import merge_labels, take_labels
from newsgrep.extraction.outlets import Outlet, Outlets
from newsgrep.extraction.records.base import NO_FIELDS
from newsgrep.extraction.trace import NO_TRACE, Trace


@dataclass(frozen=True, slots=True)
class RawArticle:
    """Blocks and claims of one file, and the outlet whose rules were applied to it.

    ``fetched`` is when the file was taken from the web, if the file states it. ``encoding`` is
    the codec that decoded it. ``page`` is whether the file is a whole page of HTML. ``identity``
    identifies an article without an address in place of its path, such as the GUID of a feed.
    """

    blocks: tuple[Block, ...] = ()
    claims: Claims = field(default_factory=Claims)
    outlet: Outlet | None = None
    fetched: datetime | None = None
    notes: tuple[str, ...] = ()
    encoding: str = ""
    page: bool = False
    identity: str = ""


@dataclass(frozen=True, slots=True)
class RawFile:
    """The bytes of a file, and what is known about them before they are read.

    ``url`` is the address of the article if the caller knows it, otherwise None. ``trace``
    receives what is decided. ``fields`` has the user's own names of the fields in dumps, by the
    field of an article (title, body, …). ``charset`` is the encoding that an HTTP or mail header
    declares.
    """

    data: bytes
    outlets: Outlets
    url: str | None = None
    trace: Trace = NO_TRACE
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS)
    charset: str | None = None


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
    """The text of a file after its front matter, and the outlet, if it is known by now.

    ``url`` is the address that the caller knows or that front matter or a comment states.
    ``utf8`` are the bytes of ``text`` in UTF-8 if they are the whole file, else None.
    """

    raw: RawFile
    front_matter: FrontMatter
    text: str
    encoding: str
    outlet: Outlet | None
    notes: tuple[str, ...]
    saved: Saved
    url: str | None = None
    utf8: bytes | None = None


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
    decoded = decode(raw.data, raw.charset)
    if len(decoded.text) > MAX_LINES:
        check_limit(decoded.text.count("\n"), MAX_LINES, "lines")
    front_matter, text = split_front_matter(decoded.text)
    notes = (*decoded.notes, *front_matter.notes)
    saved = read_saved(text)
    url = raw.url or front_matter.url or written_url(front_matter) or saved.url
    url = original_address(url).url if url else None
    outlet = outlets.for_url(url)
    if outlet is None and not url:
        tag = _URL_TAG.search(text[:_MAX_HEAD])
        address = _ADDRESS.search(tag.group()) if tag else None
        outlet = outlets.for_url(original_address(address[1]).url) if address else None
    outlet = outlet or outlets.for_text(text)
    utf8 = decoded.utf8 if text is decoded.text else None
    return DecodedFile(raw, front_matter, text, decoded.encoding, outlet, notes, saved, url, utf8)


def raw_article(
    file: DecodedFile, blocks: tuple[Block, ...], claims: Claims, *, page: bool = False
) -> RawArticle:
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
        page=page,
    )

"""What a format is: a name, and a function from bytes to a RawArticle.

Also what several formats share: the header that scrapers write, and the way through HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from newsgrep.extract.claims import Block, BlockKind, Claim, Claims, RawArticle
from newsgrep.extract.clean import Cleaner, find_main_content
from newsgrep.extract.decode import MAX_LINES, check_limit, decode
from newsgrep.extract.dom import Page, parse_html
from newsgrep.extract.frontmatter import FrontMatter, split_front_matter
from newsgrep.extract.outlets import Outlet, Outlets, SelectedElements
from newsgrep.extract.source import looks_like_topic, sounds_like_outlet
from newsgrep.models import Provenance


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    ``read`` takes the file's bytes and the outlets' rules; it raises ``Rejected`` if the
    bytes are nothing that it can read.
    """

    name: str
    read: Callable[[bytes, Outlets], RawArticle]


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """Text of a file, its header taken off, and the outlet if the header or a marker tells."""

    header: FrontMatter
    text: str
    site: Outlet | None
    notes: tuple[str, ...]

    @property
    def url(self) -> str | None:
        """Return the address in the header."""
        return self.header.url or self.header.first(*URL_KEYS)


URL_KEYS: Final = (
    "from",
    "url",
    "link",
    "source_url",
    "original_url",
    "canonical_url",
    "permalink",
)
_PAGE_URL = re.compile(
    r"""<(?:link|meta)\b[^>]{0,200}(?:rel=["']?canonical|property=["']?og:url)[^>]{0,200}>""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"""(?:href|content)=["']?(https?://[^\s"'>]+)""", re.IGNORECASE)


def decode_file(data: bytes, outlets: Outlets) -> DecodedFile:
    """Decode ``data`` and take its header off; raise ``Rejected`` where that is no text."""
    decoded = decode(data)
    check_limit(decoded.text.count("\n"), MAX_LINES, "lines")
    header, rest = split_front_matter(decoded.text)
    url = header.url or header.first(*URL_KEYS)
    site = outlets.for_url(url)
    if site is None and not url:
        page = _PAGE_URL.search(rest[:200_000])
        address = _ADDRESS.search(page.group()) if page else None
        site = outlets.for_url(address[1]) if address else None
    if site is None:
        site = outlets.for_text(rest)
    return DecodedFile(header, rest, site, (*decoded.notes, *header.notes))


_BLOCK_TAG: Final = (
    r"(?:!doctype|\?xml|html|head|body|div|article|section|main|p|h[1-6]|figure|table|ul|ol|dl|blockquote|"
    r"img|header|address|time|span|br|hr|a|b|strong|em|i|font|center|pre|picture|small|aside|link|meta|style|script|"
    r"nav|form|footer|noscript|svg|video|audio|iframe|button|template|title)"
)
_STARTS_AS_HTML = re.compile(
    rf"\s*(?:<!--(?:(?!-->).){{0,2000}}-->\s*)*+<{_BLOCK_TAG}\b[^>]*>", re.IGNORECASE | re.DOTALL
)
_CLOSING = re.compile(
    r"</(?:p|div|article|section|main|body|html|li|h[1-6]|figure)\s*>|<br\s*/?>", re.IGNORECASE
)
_PAGE = re.compile(r"<(?:html|head|body)\b", re.IGNORECASE)


def looks_like_html(text: str) -> bool:
    """Tell whether ``text`` is HTML rather than plain text or Markdown with a tag in it."""
    if "<" not in text:
        return False
    closing = sum(1 for _ in _CLOSING.finditer(text))
    if _STARTS_AS_HTML.match(text) and (text.rstrip().endswith(">") or closing > 1):
        return True
    return closing * 400 > len(text) and closing > 2  # a few tags may be quoted


# An instruction does not go on where the next one begins, or each could be long to look for.
_PROLOG = re.compile(r"<\?(?:(?!<\?)[^>]){0,1000}>|<!\[CDATA\[|\]\]>")
_MIN_TEXT: Final = 120
_MUCH_TEXT: Final = 600


def extract_html(file: DecodedFile, markup: str) -> RawArticle:
    """Return what stands in ``markup``, a page or a part of one."""
    # Processing instructions and NULs mean nothing in HTML and end some parsers' work.
    markup = markup.replace("\0", "")
    if any(sign in markup for sign in ("<?", "<![", "]]>")):
        markup = _PROLOG.sub("", markup)
    tree = parse_html(markup)
    root = find_main_content(tree) if _PAGE.search(markup) else None
    marked = SelectedElements.by(file.site, Page(tree, markup))
    cleaner = Cleaner(tree, marked, file.url)
    cleaner.run(root)
    kept = sum(len(block.text) for block in cleaner.blocks if block.kind is not BlockKind.CAPTION)
    notes = file.notes
    if kept < _MIN_TEXT:
        # Classes that misled us: better some furniture than no article.
        again = Cleaner(tree, marked, file.url)
        again.run(None if root is None else tree.body, careful=False)
        more = sum(len(block.text) for block in again.blocks if block.kind is not BlockKind.CAPTION)
        if more > _MUCH_TEXT and more > 5 * kept:
            cleaner = again
            notes = (*notes, "hardly any text outside of what looked like furniture: all was kept")
    tree.forget()
    return RawArticle(
        blocks=tuple(cleaner.blocks),
        claims=merge_front_matter(file, cleaner.metadata.claims()),
        site=file.site,
        fetched=file.header.fetched,
        notes=notes,
    )


def raw_article(file: DecodedFile, blocks: tuple[Block, ...], tags: tuple[str, ...]) -> RawArticle:
    """Return an article of blocks that another reader has made."""
    return RawArticle(
        blocks=blocks,
        claims=merge_front_matter(file, Claims(tags=tags)),
        site=file.site,
        fetched=file.header.fetched,
        notes=file.notes,
    )


def merge_front_matter(file: DecodedFile, claims: Claims) -> Claims:
    """Return ``claims`` with those of the file's header."""
    header = file.header

    def front(*keys: str) -> tuple[Claim, ...]:
        return tuple(Claim(value, Provenance.FRONT_MATTER) for value in header.values(*keys))

    link = (Claim(header.title, Provenance.LINK_LINE),) if header.title else ()
    link_url = (Claim(header.url, Provenance.LINK_LINE),) if header.url else ()
    tags = dict.fromkeys((*header.values("tags", "tag", "keywords"), *claims.tags))
    categories = header.values("categories", "category")
    outlet: tuple[Claim, ...] = ()
    # Archives of feeds keep the outlet there, and the topics in the tags; blogs keep a topic.
    scraped = header.first("from", "source_url", "original_url") is not None
    if (
        len(categories) == 1
        and categories[0] not in tags
        and (sounds_like_outlet(categories[0]) or (scraped and not looks_like_topic(categories[0])))
    ):
        outlet = (Claim(categories[0], Provenance.FRONT_MATTER),)
    else:
        tags.update(dict.fromkeys(categories))
    return Claims(
        titles=(*link, *front("title", "headline"), *claims.titles),
        sources=(
            *front("source", "site", "publisher", "outlet", "media", "site_name"),
            *outlet,
            *claims.sources,
        ),
        authors=(*claims.authors, *front("author", "authors", "byline", "creator")),
        dates=(
            *claims.dates,
            *front(
                "date",
                "published",
                "published_at",
                "pubdate",
                "publish_date",
                "publishdate",
                "created",
            ),
        ),
        urls=(*link_url, *front(*URL_KEYS), *claims.urls),
        tags=tuple(tags),
    )

"""Extraction of one file: its format reads it, then the best claims and the body are chosen.

A pure function of path, bytes, outlet rules and file time. The order of the decisions is that
of :func:`extract_article`: URL, outlet, title, body, authors, date.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from newsgrep.analysis.characters import strip_invisible
from newsgrep.errors import NoArticle
from newsgrep.extract import boilerplate
from newsgrep.extract.bylines import byline_in_line, choose_authors, parse_names
from newsgrep.extract.claims import Block, BlockKind, Body, Claims
from newsgrep.extract.dates import choose_date, parse_date_line
from newsgrep.extract.formats import format_of
from newsgrep.extract.outlets import Outlet, Outlets, choose_source, strip_title_suffix
from newsgrep.extract.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import PARAGRAPH_BREAK, Article, Precision, Provenance


def extract_article(path: str, data: bytes, *, outlets: Outlets, mtime: float) -> Article:
    """Return the article in ``data``, the bytes of the file at the absolute path ``path``.

    ``mtime`` is the file's time in seconds since the epoch, the last resort for a date. Raises
    :class:`~newsgrep.errors.NoArticle` with the reason if the file contains no article, and
    nothing else.
    """
    file_format = format_of(path)
    if file_format is None:
        suffix = os.path.splitext(path)[1]  # noqa: PTH122 - a name may contain any byte
        raise NoArticle(f"newsgrep does not read {suffix or 'suffix-less'} files")
    raw = file_format.read(data, outlets)
    claims = raw.claims
    url = choose_url(claims)
    outlet = raw.outlet or outlets.for_url(url)
    titles = [claim.value for claim in claims.titles]
    if not titles and raw.blocks:
        titles = [raw.blocks[0].text]
    source, source_from = choose_source(claims, url, outlet, outlets, titles)
    title, title_from = _choose_title(claims, raw.blocks, outlet, source)
    body = build_body(raw.blocks, claims, outlet, title)
    if title is None:
        title, title_from, body = _derive_title(body, path)
    if not body.paragraphs and not body.captions:
        raise NoArticle("it contains no article text")
    authors, authors_from = choose_authors(claims, body, source, outlet, outlets)
    date = choose_date(claims, body, url=url, outlet=outlet, fetched=raw.fetched, mtime=mtime)
    provenance = {
        "title": title_from,
        "source": source_from,
        "authors": authors_from,
        "published": date.provenance,
    }
    return Article(
        id=article_id(url, path),
        title=title,
        body=PARAGRAPH_BREAK.join(body.paragraphs),
        path=path,
        source=source,
        url=url,
        authors=authors,
        published=date.published,
        fetched=_isoformat(raw.fetched),
        tags=tuple(dict.fromkeys((*claims.tags, *body.tags))),
        captions=body.captions,
        provenance={field: found for field, found in provenance.items() if found},
        notes=(*raw.notes, *date.notes),
    )


def _isoformat(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat() if moment else None


_MAX_URL: Final = 4000
_URL_WHITESPACE = re.compile(r"[\t\n\r\x0c\x85]")
"""White space that :func:`strip_invisible` keeps; browsers remove it from URLs."""
_COLUMN_SUFFIX = re.compile(r"(?<=\S{4})\s+[|｜]\s+[^\s|｜，。,.]{2,12}$")
"""The name of a column or an outlet after the headline of a plain text."""
_MAX_DERIVED_TITLE: Final = 60
_MAX_HEADLINE: Final = 100


def choose_url(claims: Claims) -> str | None:
    """Return the address of the article, as the file states it, or None."""
    for claim in claims.urls:
        url = _URL_WHITESPACE.sub("", strip_invisible(claim.value.strip()))
        if len(url) <= _MAX_URL and re.match(r"https?://[^\s/]+", url, re.IGNORECASE):
            return url
    return None


def _choose_title(
    claims: Claims, blocks: Sequence[Block], outlet: Outlet | None, source: str | None
) -> tuple[str | None, Provenance | None]:
    names = {source or ""} | {claim.value for claim in claims.sources} | set(claims.tags[:2])
    if outlet:
        names |= outlet.names
    for claim in claims.titles:
        title = strip_title_suffix(claim.value, outlet, names)
        if comparison_key(title):
            return title, claim.provenance
    first = next((block for block in blocks if block.text), None)
    if first and len(blocks) > 1 and _is_headline(first.text):
        title = strip_title_suffix(first.text, outlet, names)
        return _COLUMN_SUFFIX.sub("", title), Provenance.FIRST_LINE
    return None, None


def _is_headline(text: str) -> bool:
    """Return whether the first text of a file is a headline: short, one line, no sentence."""
    return (
        len(text) <= _MAX_HEADLINE
        and "\n" not in text
        and not text.endswith(("。", ".", "，", ",", "；", ";", "：", ":"))
        and bool(comparison_key(text))
    )


def _derive_title(body: Body, path: str) -> tuple[str, Provenance, Body]:
    """Return a title from the first line of ``body``, cut at punctuation, or from the path."""
    if body.paragraphs:
        line = body.paragraphs[0].partition("\n")[0]
        if len(line) <= _MAX_DERIVED_TITLE:
            return line, Provenance.BODY_START, body
        for end in range(_MAX_DERIVED_TITLE, 8, -1):
            if line[end - 1] in "。！？!?；;，,、 ":
                return line[:end].rstrip("，,、；; "), Provenance.BODY_START, body
        return line[: _MAX_DERIVED_TITLE - 1] + "…", Provenance.BODY_START, body
    name = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122 - any byte
    shown = collapse_whitespace(strip_invisible(os.fsencode(name).decode("utf-8", "replace")))
    return shown or "untitled", Provenance.FILE_NAME, body


_HEAD_BLOCKS: Final = 6
"""Blocks of text at the top that may be headline, date, byline or credit."""
_TAIL_BLOCKS: Final = 8
"""Blocks of text at the end that may be notes of editors and translators."""
_MAX_HEADING: Final = 40
"""Characters; a longer heading is text in large print."""
_MAX_REPEATED_TITLE: Final = 300

_TAG_LINE = re.compile(r"(?:[#＃][^\s#＃]{1,40}\s*){1,20}")
_HASHTAG = re.compile(r"[#＃]([^\s#＃]{1,40})")

_ROLE_LINE = re.compile(
    r".{0,14}(?:记者|記者|特约撰稿人?|特約撰稿人?|特派员|特派員|[Cc]orrespondent|[Rr]eporter)"
)
_NAME_LINE = re.compile(r"[\u4e00-\u9fff·]{2,8}|[A-Z][\w.'-]+(?: [A-Z][\w.'-]+){1,3}")
_HEAD_CREDIT = re.compile(r"(?:图|圖)(?:片?来源|片?來源)?\s*[/／：:]\s*[^。]{1,40}")
_OUTLET_SUFFIX = re.compile(r"[|｜_\-–—]\s*[^|｜]{1,25}$")
_DATELINE = re.compile(r".{1,24}?\s*[—–]{1,2}")


class _BlockSorter:
    """Decides in one pass what each block is.

    Lines are judged whole and by their position: a line in the middle of an article that looks
    like boilerplate belongs to the author.
    """

    def __init__(self, claims: Claims, outlet: Outlet | None, title: str | None) -> None:
        self.outlet = outlet
        self.title_key = comparison_key(title or "")
        self.known_lines = {claim.value for claim in claims.authors}
        if outlet:
            self.known_lines |= outlet.names.union(outlet.roles)
        self.body_blocks: list[Block] = []
        self.repeated: list[Block] = []
        self.captions: dict[str, str] = {}
        self.tags: dict[str, None] = {}
        self.bylines: list[str] = []
        self.first_date: str | None = None

    def add(self, block: Block, before: int, after: int) -> None:
        """Sort a block with ``before`` blocks of text before it and ``after`` after it."""
        if "\n" in block.text and block.kind is not BlockKind.CAPTION:
            block = self._strip_last_lines(block)
        text = block.text
        if block.kind is BlockKind.CAPTION:
            self.captions.setdefault(comparison_key(text), text)
        elif (
            boilerplate.is_boilerplate_line(text)
            or self._is_tag_line(text)
            or (
                len(self.body_blocks) < _HEAD_BLOCKS
                and before < 2 * _HEAD_BLOCKS
                and self._is_head(block)
            )
            or (after < _TAIL_BLOCKS and (boilerplate.is_end_note(text) or self._is_byline(text)))
        ):
            pass
        elif (caption := boilerplate.photo_caption(text)) is not None:
            if caption:
                self.captions.setdefault(comparison_key(caption), caption)
        elif len(self.body_blocks) == 1 and _DATELINE.fullmatch(self.body_blocks[0].text):
            self.body_blocks = [replace(block, text=f"{self.body_blocks[0].text} {text}")]
        else:
            self.body_blocks.append(block)

    def _is_head(self, block: Block) -> bool:
        """Return whether a block near the top is headline, date, byline, role or credit."""
        text = block.text
        if self.title_key and _repeats_title(text, self.title_key):
            self.repeated.append(block)
        elif not self.body_blocks and self.first_date is None and _is_date_line(text):
            self.first_date = text
        elif (
            self.body_blocks
            and _ROLE_LINE.fullmatch(text)
            and _NAME_LINE.fullmatch(self.body_blocks[-1].text)
        ):
            self.bylines.append(self.body_blocks.pop().text)
        else:
            return (
                text in self.known_lines
                or _HEAD_CREDIT.fullmatch(text) is not None
                or self._is_byline(text)
            )
        return True

    def _strip_last_lines(self, block: Block) -> Block:
        """Remove boilerplate lines at the end of a paragraph that ``<br>`` separates from it."""
        lines = block.text.split("\n")
        kept = end = len(lines)
        while end > 1:
            end -= 1
            line = lines[end]
            if not comparison_key(line):  # a separator, perhaps above the next notice
                continue
            notice = boilerplate.is_boilerplate_line(line) and "://" not in line
            if not notice and not (self.outlet and self.outlet.drops_line(line)):
                break
            kept = end
        while 1 < kept < len(lines) and not comparison_key(lines[kept - 1]):
            kept -= 1
        return replace(block, text="\n".join(lines[:kept]))

    def _is_byline(self, text: str) -> bool:
        byline = byline_in_line(text)
        if byline and parse_names(byline):
            self.bylines.append(byline)
            return True
        return False

    def _is_tag_line(self, text: str) -> bool:
        if text.startswith(("#", "＃")) and _TAG_LINE.fullmatch(text):
            self.tags.update(dict.fromkeys(_HASHTAG.findall(text)))
            return True
        return False

    def paragraphs(self) -> tuple[str, ...]:
        """Return the texts of the body, without headings at the end."""
        blocks = self.body_blocks
        while blocks and (
            not comparison_key(blocks[-1].text)
            or (
                blocks[-1].kind is BlockKind.HEADING
                and len(blocks) > 1
                and len(blocks[-1].text) <= _MAX_HEADING
            )
        ):
            blocks.pop()
        if not blocks and not self.captions:
            # A post that consists of its headline. A page that has only a heading is no article.
            blocks = [block for block in self.repeated if block.kind is BlockKind.TEXT][:1]
        return tuple(block.text for block in blocks if not self._is_caption(block.text))

    def _is_caption(self, text: str) -> bool:
        """Return whether ``text`` is one of the captions; a short text may be both."""
        if len(text) <= 8:
            return False
        start = comparison_key(text[:20])
        return (
            any(caption.startswith(start) for caption in self.captions)
            and comparison_key(text) in self.captions
        )


def build_body(
    blocks: Iterable[Block], claims: Claims, outlet: Outlet | None, title: str | None
) -> Body:
    """Return the body: ``blocks`` without headline, bylines, credits and boilerplate lines."""
    blocks = [block for block in blocks if not (outlet and outlet.drops_line(block.text))]
    texts = sum(1 for block in blocks if block.kind is not BlockKind.CAPTION)
    sorter = _BlockSorter(claims, outlet, title)
    before = 0
    for block in blocks:
        sorter.add(block, before, texts - before - 1)
        before += block.kind is not BlockKind.CAPTION
    return Body(
        sorter.paragraphs(),
        tuple(sorter.captions.values()),
        tuple(sorter.tags),
        tuple(sorter.bylines),
        sorter.first_date,
        tuple(block.text for block in blocks),
    )


def _is_date_line(text: str) -> bool:
    stated = parse_date_line(text)
    return stated is not None and stated.precision not in (Precision.MONTH, Precision.YEAR)


def _repeats_title(text: str, title_key: str) -> bool:
    """Return whether ``text`` is the title, alone or with the outlet's name."""
    if len(text) > _MAX_REPEATED_TITLE:
        return False
    line = comparison_key(text)
    if line == title_key:
        return True
    return (
        line.startswith(title_key)
        and len(line) - len(title_key) <= 20
        and len(title_key) >= 6
        and _OUTLET_SUFFIX.search(text) is not None
    )


_ID_LENGTH: Final = 12
"""Characters of base32: 60 bits. Two of a million articles have the same with probability 4e-7."""

_TRACKING_PARAMETER = re.compile(
    r"(utm_.*|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|igsh|mc_[ce]id|_ga|_gl|"
    r"ocid|ref_src|ref_url|at_(medium|campaign|custom.*|link.*|bbc_team|format|ptr.*)|spm|scm|"
    r"smid|smtyp|share_token|from_share|isappinstalled|wt\.mc_id|cmpid|xtor|amp)",
    re.IGNORECASE,
)
_FEED_VALUE = re.compile(r"rss|feed|twitter|facebook|share|email|app|social", re.IGNORECASE)
_URL_SAFE: Final = "/:@!$&'()*+,;=~-._"
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def _normalize_path(path: str) -> str:
    raw = unquote_to_bytes(path)
    return quote(raw, safe=_URL_SAFE)


def _is_tracking(key: str, value: str) -> bool:
    if _TRACKING_PARAMETER.fullmatch(key):
        return True
    return key.lower() in {"source", "ref", "from"} and bool(_FEED_VALUE.search(value))


def canonical_url(url: str) -> str:
    """Return the part of ``url`` that identifies an article, to compare, not to follow.

    Removes the scheme, ``www.``, a default port, user names, the fragment (unless it is a
    ``#!`` route), tracking parameters (``utm_*``, ``fbclid``, ``source=rss…``) and a trailing
    slash; sorts the parameters; normalises the case of the host and percent-encoding. Returns
    a string that is not a URL without the white space around it.

    >>> canonical_url("http://www.example.org/a/?utm_source=rss&b=1#top")
    'example.org/a?b=1'
    """
    url = _SPACE_OR_CONTROL.sub("", url.strip())
    try:
        parts = urlsplit(url if "//" in url else "//" + url)
        host = (parts.hostname or "").removeprefix("www.")
        port = parts.port
    except ValueError:
        return url
    if not host:
        return url
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        host = quote(host)
    if port is not None and str(port) != _DEFAULT_PORTS.get(parts.scheme or "https"):
        host = f"{host}:{port}"
    path = _normalize_path(parts.path).rstrip("/")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    except ValueError:
        pairs = [(parts.query, "")]
    kept = sorted((key, value) for key, value in pairs if not _is_tracking(key, value))
    query = "?" + urlencode(kept, errors="surrogateescape") if kept else ""
    fragment = "#" + quote(parts.fragment, safe=_URL_SAFE) if parts.fragment.startswith("!") else ""
    return host + path + query + fragment


def article_id(url: str | None, path: str) -> str:
    """Return the article's id: 12 characters of lower-case base32 (``a``-``z``, ``2``-``7``).

    The id is the start of the SHA-256 of the canonical URL, so that copies of an article from a
    feed and from a browser have the same id; without a URL, of the bytes of the absolute
    path. A prefix keeps paths and URLs apart.
    """
    if url:
        identity = b"url\0" + canonical_url(url).encode("utf-8", "surrogateescape")
    else:
        identity = b"path\0" + os.fsencode(path)
    start = hashlib.sha256(identity).digest()[:10]  # 16 characters of base32
    return base64.b32encode(start).decode("ascii")[:_ID_LENGTH].lower()

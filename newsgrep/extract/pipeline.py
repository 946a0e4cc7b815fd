"""One file becomes one article: its format takes it apart, the best evidence is believed.

A pure function of path, bytes, outlets' rules and file time, so that it can run anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from newsgrep.analysis.characters import strip_invisible
from newsgrep.errors import NoArticle
from newsgrep.extract.body import Body, build_body
from newsgrep.extract.claims import RawArticle
from newsgrep.extract.formats import format_of
from newsgrep.extract.outlets import Outlet, Outlets
from newsgrep.extract.publication import choose_date
from newsgrep.extract.source import choose_authors, choose_source, choose_url, strip_title_suffix
from newsgrep.extract.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import PARAGRAPH_BREAK, Article, Provenance

_COLUMN_SUFFIX = re.compile(r"(?<=\S{4})\s+[|｜]\s+[^\s|｜，。,.]{2,12}$")
"""The name of a column or an outlet behind the headline of a plain text."""
_MAX_DERIVED_TITLE: Final = 60


def extract_article(path: str, data: bytes, *, outlets: Outlets, mtime: float) -> Article:
    """Return the article in ``data``, the bytes of the file at ``path``.

    ``mtime`` is the file's time in seconds since the epoch, the last resort for a date.
    Raises ``Rejected`` with the reason if there is no article in the file, and nothing else.
    """
    kind = format_of(path)
    if kind is None:
        suffix = os.path.splitext(path)[1]  # noqa: PTH122 - any byte may stand in the name
        raise NoArticle(f"newsgrep reads no {suffix or 'suffix-less'} files")
    raw = kind.read(data, outlets)
    url = choose_url(raw)
    site = raw.site or outlets.for_url(url)
    titles = [claim.value for claim in raw.claims.titles]
    if not titles and raw.blocks:
        titles = [raw.blocks[0].text]
    source, source_from = choose_source(raw, url, site, outlets, titles)
    title, title_from = _choose_title(raw, site, source)
    body = build_body(raw, site, title)
    if title is None:
        title, title_from, body = _derive_title(body, path)
    if not body.paragraphs and not body.captions:
        raise NoArticle("no article text in it")
    authors, authors_from = choose_authors(raw, body, source, site, outlets)
    published = choose_date(raw, body, url=url, site=site, mtime=mtime)
    provenance = {
        "title": title_from,
        "source": source_from,
        "authors": authors_from,
        "published": published.provenance,
    }
    return Article(
        id=article_id(url, path),
        title=title,
        body=PARAGRAPH_BREAK.join(body.paragraphs),
        path=path,
        source=source,
        url=url,
        authors=authors,
        published=published.published,
        fetched=_isoformat(raw.fetched),
        tags=tuple(dict.fromkeys((*raw.claims.tags, *body.tags))),
        captions=body.captions,
        provenance={field: found for field, found in provenance.items() if found},
        notes=(*raw.notes, *published.notes),
    )


def _isoformat(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat() if moment else None


def _choose_title(
    raw: RawArticle, site: Outlet | None, source: str | None
) -> tuple[str | None, Provenance | None]:
    claims = list(raw.claims.titles)
    first = next((block for block in raw.blocks if block.text), None)
    names = (
        {source or ""} | {claim.value for claim in raw.claims.sources} | set(raw.claims.tags[:2])
    )
    if site:
        names |= {site.name, *site.aliases}
    for claim in claims:
        title = strip_title_suffix(claim.value, site, names)
        if comparison_key(title):
            return title, claim.provenance
    if first and _is_title_line(first.text, raw):
        title = strip_title_suffix(first.text, site, names)
        return _COLUMN_SUFFIX.sub("", title), Provenance.FIRST_LINE
    return None, None


def _is_title_line(line: str, raw: RawArticle) -> bool:
    """Tell whether the first line is a headline: short, one line, no sentence, not all."""
    return (
        len(line) <= 100  # no headline is longer
        and "\n" not in line
        and not line.endswith(("。", ".", "，", ",", "；", ";", "：", ":"))
        and len(raw.blocks) > 1
        and bool(comparison_key(line))
    )


def _derive_title(body: Body, path: str) -> tuple[str, Provenance, Body]:
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


_ID_LENGTH: Final = 12
"""Characters of base32 (60 bits): a million articles hold a clash once in two million times."""

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
    """Return what of ``url`` says which article it is, for comparing, not for following.

    Gone are: the scheme, ``www.``, a default port, user names, the fragment (unless it is
    a ``#!`` route), tracking parameters (``utm_*``, ``fbclid``, ``source=rss…``), the order
    of parameters, a trailing slash, and differences of case in the host and of
    percent-encoding. A string that is no URL comes back without surrounding white space.
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

    They are the start of the SHA-256 of the canonical URL, else of the bytes of the
    absolute path, each with a word before it so that a path never equals a URL.
    """
    if url:
        named = b"url\0" + canonical_url(url).encode("utf-8", "surrogateescape")
    else:
        named = b"path\0" + os.fsencode(path)
    start = hashlib.sha256(named).digest()[:10]  # what 16 characters say
    return base64.b32encode(start).decode("ascii")[:_ID_LENGTH].lower()

"""Which article a file contains: its URL, the part of it that identifies it, and the id."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract.claims import Claims, Loss
from newsgrep.extract.savers import original_address
from newsgrep.extract.trace import NO_TRACE, Trace

_MAX_URL: Final = 4000
_URL_WHITESPACE = re.compile(r"[\t\n\r\x0c\x85]")
"""White space that :func:`strip_invisible` keeps; browsers remove it from URLs."""


def choose_url(claims: Claims, trace: Trace = NO_TRACE) -> str | None:
    """Return the address of the article, as the file states it, or None.

    Of a copy in a web archive it is the address of the original.
    """
    for claim in claims.urls:
        url = _URL_WHITESPACE.sub("", strip_invisible(claim.value.strip()))
        if len(url) <= _MAX_URL and re.match(r"https?://[^\s/]+", url, re.IGNORECASE):
            trace.won(claim)
            return original_address(url).url
        trace.lost(claim, Loss.NOT_AN_ADDRESS)
    return None


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
    return _make_id(identity)


def other_text_id(address: str, key: str) -> str:
    """Return the id of another text at a URL with the id ``address``; ``key`` tells texts apart."""
    return _make_id(f"text\0{address}\0{key}".encode("utf-8", "surrogateescape"))


def _make_id(identity: bytes) -> str:
    start = hashlib.sha256(identity).digest()[:10]  # 16 characters of base32
    return base64.b32encode(start).decode("ascii")[:_ID_LENGTH].lower()

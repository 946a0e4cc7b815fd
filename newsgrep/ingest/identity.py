"""One article, one id: from its address on the web, else from where its file lies.

The same article saved twice, from a feed and from a browser, gets the same id, because
everything in an address that does not say which article it is falls away first.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

_ID_LENGTH: Final = 12
"""Characters of base32 (60 bits): a million articles hold a clash once in two million times."""

_TRACKING = re.compile(
    r"(utm_.*|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|igsh|mc_[ce]id|_ga|_gl|"
    r"ocid|ref_src|ref_url|at_(medium|campaign|custom.*|link.*|bbc_team|format|ptr.*)|spm|scm|"
    r"smid|smtyp|share_token|from_share|isappinstalled|wt\.mc_id|cmpid|xtor|amp)",
    re.IGNORECASE,
)
_FEED_SOURCE = re.compile(r"rss|feed|twitter|facebook|share|email|app|social", re.IGNORECASE)
_SAFE: Final = "/:@!$&'()*+,;=~-._"
_PORTS: Final = {"http": "80", "https": "443"}
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def _normal_path(path: str) -> str:
    raw = unquote_to_bytes(path)
    return quote(raw, safe=_SAFE)


def _is_tracking(key: str, value: str) -> bool:
    if _TRACKING.fullmatch(key):
        return True
    return key.lower() in {"source", "ref", "from"} and bool(_FEED_SOURCE.search(value))


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
    if port is not None and str(port) != _PORTS.get(parts.scheme or "https"):
        host = f"{host}:{port}"
    path = _normal_path(parts.path).rstrip("/")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    except ValueError:
        pairs = [(parts.query, "")]
    kept = sorted((key, value) for key, value in pairs if not _is_tracking(key, value))
    query = "?" + urlencode(kept, errors="surrogateescape") if kept else ""
    fragment = "#" + quote(parts.fragment, safe=_SAFE) if parts.fragment.startswith("!") else ""
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

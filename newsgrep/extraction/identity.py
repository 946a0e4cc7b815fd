"""Which article a file contains: its URL, the part of it that identifies it, and the id."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from newsgrep._io import path_key
from newsgrep.analysis.characters import strip_invisible
from newsgrep.extraction.claims import Claim, Claims, Loss
from newsgrep.extraction.frontmatter.savers import original_address
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.models import Provenance

_MAX_URL: Final = 4000
_URL_WHITESPACE = re.compile(r"[\t\n\r\x0c\x85]")
"""White space that :func:`strip_invisible` keeps; browsers remove it from URLs."""


def choose_url(claims: Claims, trace: Trace = NO_TRACE) -> str | None:
    """Return the address of the article, as the file states it, or None.

    Of a copy in a web archive it is the address of the original. A page that states as its own
    address the home page of its site, as careless templates do, is believed only if it states
    no date of publication and no other address.
    """
    home: Claim | None = None
    for claim in claims.urls:
        url = _address(claim)
        if url is None:
            trace.lost(claim, Loss.NOT_AN_ADDRESS)
        elif claim.provenance in _OF_TEMPLATES and _is_home_page(url):
            home = home or claim
        else:
            trace.won(claim)
            if home:
                trace.lost(home, Loss.OTHER_PAGE)
            return url
    if home and claims.dates:
        trace.lost(home, Loss.OTHER_PAGE)
    elif home:
        trace.won(home)
        return _address(home)
    return None


def site_address(claims: Claims) -> str | None:
    """Return the first address that the file states: its host is that of the outlet."""
    return next(filter(None, map(_address, claims.urls)), None)


_OF_TEMPLATES: Final = frozenset(
    (Provenance.META_TAG, Provenance.LINK_ELEMENT, Provenance.JSON_LD, Provenance.MICRODATA)
)
"""Where templates of web sites write addresses; the others come from who saved the page."""


def _address(claim: Claim) -> str | None:
    url = _URL_WHITESPACE.sub("", strip_invisible(claim.value.strip()))
    if len(url) <= _MAX_URL and re.match(r"https?://[^\s/]+", url, re.IGNORECASE):
        return original_address(url).url
    return None


_HOME_PAGE = re.compile(
    r"[^/?#]+(?:/[a-z]{2}(?:[-_][a-z]{2,4})?)?(?:/(?:index|default|home|main)(?:\.[a-z]{3,5})?)?",
    re.IGNORECASE,
)


def _is_home_page(url: str) -> bool:
    return _HOME_PAGE.fullmatch(canonical_url(url)) is not None


_ID_LENGTH: Final = 12
"""Characters of base32: 60 bits. Two of a million articles have the same with probability 4e-7."""

_TRACKING_PARAMETER = re.compile(
    r"(utm_.*|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|igsh|mc_[ce]id|_ga|_gl|"
    r"gad_.*|srsltid|_hs(enc|mi)|mkt_tok|fb_.*|guce_.*|guccounter|twclid|ttclid|"
    r"ocid|ref_src|ref_url|at_(medium|campaign|custom.*|link.*|bbc_team|format|ptr.*)|spm|scm|"
    r"smid|smtyp|wt\.mc_id|cmpid|xtor|amp|from_(share|source|spmid)|vd_source|tt_from|"
    r"refer_flag|luicode|lfid|featurecode|sudaref|clickfrom|spss|sps(nuid|devid|vid|w|share)|"
    # what WeChat, its clients and other programs add when a page is shared
    r"chksm|mpshare|srcid|sharer_.*|isappinstalled|wxshare_count|pass_ticket|exportkey|wx_header|"
    r"share_?(token|source|medium|plat(form)?|tag|from|times|to|channel|type|count|uid|user.*|app.*)|"
    r"share_session_id|is_?share|from_?share|"
    r"j?session_?id|phpsessid|aspsessionid.*)",
    re.IGNORECASE,
)
_SHARED_FROM = re.compile(
    r"(?<![a-z])(?:rss|feed|twitter|facebook|share|email|app|social|weixin|wechat|weibo|qq|qzone|"
    r"telegram|whatsapp|line|newsletter|push|copy_?link|message)(?![a-z])|"
    r"groupmessage|singlemessage|timeline",
    re.IGNORECASE,
)
_SCENE = re.compile(r"[0-9]{1,5}")
"""A value of ``scene``, the place in WeChat from which a page was opened."""

_WECHAT_HOST: Final = "mp.weixin.qq.com"
_WECHAT_IDENTITY: Final = frozenset(
    ("__biz", "mid", "idx", "sn", "appmsgid", "itemidx", "sign", "album_id")
)
"""The parameters that identify an article of WeChat; it adds two dozen others."""

_SESSION_IN_PATH = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_URL_SAFE: Final = "/:@!$&'()*+,;=~-._"
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_PLAIN_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}")
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def _normalize_path(path: str) -> str:
    raw = unquote_to_bytes(path)
    return quote(raw, safe=_URL_SAFE)


def _is_tracking(key: str, value: str) -> bool:
    if _TRACKING_PARAMETER.fullmatch(key):
        return True
    match key.lower():
        case "source" | "ref" | "from":
            return _SHARED_FROM.search(value) is not None
        case "scene" | "ascene":
            return _SCENE.fullmatch(value) is not None
    return False


def _parameters(query: str, host: str) -> str:
    """Return the parameters in ``query`` that identify an article, sorted, with ``?``."""
    try:
        pairs = parse_qsl(
            query.replace("&amp;", "&"), keep_blank_values=True, errors="surrogateescape"
        )
    except ValueError:
        pairs = [(query, "")]
    kept = sorted((key, value) for key, value in pairs if not _is_tracking(key, value))
    if host == _WECHAT_HOST:
        # Addresses from its search have only a signature.
        kept = [pair for pair in kept if pair[0] in _WECHAT_IDENTITY] or kept
    return "?" + urlencode(kept, errors="surrogateescape") if kept else ""


def _route(fragment: str, host: str) -> str:
    """Return a fragment that is a route of a single-page site, with ``#``, else nothing."""
    if not fragment.startswith(("/", "!")):
        return ""
    path, _, query = fragment.partition("?")
    path = _normalize_path(path).rstrip("/")
    return f"#{path}{_parameters(query, host)}" if path.strip("!/") else ""


def canonical_url(url: str) -> str:
    """Return the part of ``url`` that identifies an article, to compare, not to follow.

    Removes the scheme, ``www.``, a default port, user names, the fragment (unless it is a
    route, ``#/…`` or ``#!…``), a trailing slash, and parameters that say who follows the
    address and from where: ``utm_*``, ``fbclid``, ``source=rss…``, sessions, and what WeChat
    adds. Sorts the parameters; normalises the case of the host and percent-encoding. Returns
    a string that is not a URL without the white space around it.

    >>> canonical_url("http://www.example.org/a/?utm_source=rss&b=1#top")
    'example.org/a?b=1'
    >>> canonical_url("https://example.org/app?from=timeline#/news/7?scene=3")
    'example.org/app#/news/7'
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
    if not _PLAIN_HOST.fullmatch(host):
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            host = quote(host)
    if port is not None and str(port) != _DEFAULT_PORTS.get(parts.scheme or "https"):
        host = f"{host}:{port}"
    path = _normalize_path(_SESSION_IN_PATH.sub("", parts.path)).rstrip("/")
    if host == _WECHAT_HOST and path.startswith("/s/"):  # a short address identifies by itself
        return host + path
    return host + path + _parameters(parts.query, host) + _route(parts.fragment, host)


def article_id(url: str | None, path: str) -> str:
    """Return the article's id: 12 characters of lower-case base32 (``a``-``z``, ``2``-``7``).

    The id is the start of the SHA-256 of the canonical URL, so that copies of an article from a
    feed and from a browser have the same id; without a URL, of ``path``: the bytes of the
    absolute path, or what else identifies the article. A prefix keeps paths and URLs apart.
    """
    if url:
        identity = b"url\0" + canonical_url(url).encode("utf-8", "surrogateescape")
    else:
        identity = b"path\0" + path_key(path)
    return _make_id(identity)


def other_text_id(address: str, key: str) -> str:
    """Return the id of another text at a URL with the id ``address``, chosen by ``key``."""
    return _make_id(f"text\0{address}\0{key}".encode("utf-8", "surrogateescape"))


def _make_id(identity: bytes) -> str:
    start = hashlib.sha256(identity).digest()[:10]  # 16 characters of base32
    return base64.b32encode(start).decode("ascii")[:_ID_LENGTH].lower()


_GLOBAL: Final = re.compile(r"[a-z][a-z0-9+.-]{1,20}:\S", re.IGNORECASE)


def entry_identity(identifier: object, feed: object) -> str:
    """Return what identifies an entry everywhere, by its id in its feed; empty if it has none.

    >>> entry_identity("17", "https://news.example/feed")
    'https://news.example/feed 17'
    >>> entry_identity("urn:uuid:1225c695", "https://news.example/feed")
    'urn:uuid:1225c695'
    """
    text = "" if identifier is None else str(identifier).strip()
    if not text or _GLOBAL.match(text):
        return text
    return f"{feed or ''} {text}"

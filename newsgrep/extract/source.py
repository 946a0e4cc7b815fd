"""Whose article it is: the address, the outlet, and the people who wrote it.

Feeds often write the outlet where an author belongs; an outlet is never a person here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from newsgrep.analysis.characters import strip_invisible
from newsgrep.extract import bylines
from newsgrep.extract.body import Body
from newsgrep.extract.claims import RawArticle
from newsgrep.extract.outlets import Outlet, Outlets
from newsgrep.extract.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import Provenance

_MAX_URL: Final = 4000
_SECTION_NAME = re.compile(
    r"(?:国际|國際|国内|國內|社会|社會|财经|財經|体育|體育|娱乐|娛樂|科技|时事|時事|时政|時政|政治|经济|經濟|文化|生活|热点|熱點"
    r"|今日|最新|即时|即時|本地|地方|两岸|兩岸|港澳|军事|軍事|专题|專題|深度|综合|綜合|要闻|要聞|图片|圖片|观点|觀點|互联|互聯|海外|影|书|書)?"
    r"(?:新闻|新聞|评论|評論|书评|書評|杂志|雜誌|媒体|媒體|传媒|傳媒|社|网|網|报|報|月刊|周刊|週刊|电台|電台|电视台|電視台|中文)"
    r"|(?:(?:world|local|latest|breaking|business|sports?|tech|social|book|top|daily|the)\s+)?"
    r"(?:news|times|post|daily|weekly|herald|reviews?|journal|magazine|radio|press|media|tribune|observer)",
    re.IGNORECASE,
)
"""What sounds like an outlet and is a section of one."""
_TOPIC_WORD = re.compile(
    r".*(?:笔记|筆記|随笔|隨筆|分享|教程|学习|學習|感想|游记|遊記|思考|杂谈|雜談|日记|日記|文章|博客|部落格|翻译|翻譯|转载|轉載|心得|生活|技术|技術|智能|智慧|政治|经济|經濟|社会|社會|文化|历史|歷史)",
    re.DOTALL,
)
_OUTLET_NAME = re.compile(
    r".*(?:报|報|网|網|新闻|新聞|社|电视台|電視台|电台|電台|之音|周刊|週刊|月刊|杂志|雜誌|书评|書評|评论|評論|媒体|媒體|传媒|傳媒"
    r"|日报|中文|\b(?:News|Times|Post|Daily|Weekly|Herald|Review|Journal|Magazine|Radio|Press|Media|Tribune|Observer))$",
    re.IGNORECASE,
)


def sounds_like_outlet(name: str) -> bool:
    """Tell whether ``name`` is an outlet's by its sound, as ``…周报`` and ``… Times`` are."""
    return _OUTLET_NAME.fullmatch(name) is not None and _SECTION_NAME.fullmatch(name) is None


def looks_like_topic(name: str) -> bool:
    """Tell whether ``name`` is rather what an article is about, or of what kind it is."""
    return (
        len(name) <= 3  # no outlet's name that would not be known by its host, too
        or name.islower()
        or _SECTION_NAME.fullmatch(name) is not None
        or _TOPIC_WORD.fullmatch(name) is not None
    )


def choose_url(raw: RawArticle) -> str | None:
    """Return the address of the article, as it stands in the file."""
    for claim in raw.claims.urls:
        url = _URL_WHITESPACE.sub("", strip_invisible(claim.value.strip()))
        if len(url) <= _MAX_URL and re.match(r"https?://[^\s/]+", url, re.IGNORECASE):
            return url
    return None


_URL_WHITESPACE = re.compile(r"[\t\n\r\x0c\x85]")
"""White space that :func:`tidy` leaves; browsers drop it from addresses, too."""


def url_host(url: str | None) -> str | None:
    """Return the host of ``url`` without ``www.``, or None."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def choose_source(
    raw: RawArticle,
    url: str | None,
    site: Outlet | None,
    outlets: Outlets,
    titles: Iterable[str] = (),
) -> tuple[str | None, Provenance | None]:
    """Return the outlet's name and where it was found, or None."""
    if site:
        return site.name, Provenance.OUTLET_RULE
    for claim in raw.claims.sources:
        if claim.provenance is Provenance.FRONT_MATTER and "://" not in claim.value:
            known = outlets.named(claim.value)
            return (known.name if known else claim.value), claim.provenance
    outlet = _outlet_in_front_matter(raw, url, outlets)
    if outlet:
        return outlet, Provenance.FRONT_MATTER
    for claim in raw.claims.sources:
        name = collapse_whitespace(strip_invisible(claim.value))
        if name and "://" not in name and len(name) <= 80:  # longer is no name
            known = outlets.named(name)
            return (known.name if known else name), claim.provenance
    outlet = outlet_in_titles(titles)
    if outlet:
        return outlet, Provenance.TITLE
    host = url_host(url)
    return (host, Provenance.URL) if host else (None, None)


def _outlet_in_front_matter(raw: RawArticle, url: str | None, outlets: Outlets) -> str | None:
    """Return the name that a feed wrote as author or only tag, if it is an outlet's."""
    written = [c.value for c in raw.claims.authors if c.provenance is Provenance.FRONT_MATTER]
    tags = raw.claims.tags
    host = comparison_key((url_host(url) or "").replace(".com", "").replace(".org", ""))
    for name in (*written[:1], *tags[:1]):
        known = outlets.named(name)
        if known:
            return known.name
        plain = comparison_key(name)
        if not plain:
            continue
        if name in written and name in tags:
            return name
        if (
            len(plain) > 2
            and plain.isascii()
            and plain in comparison_key(url_host(url) or "")
            and host
        ):  # initials fit anywhere
            return name
        if len(tags) == 1 and name in tags and sounds_like_outlet(name):
            return name
    return None


_STATED_BY_PAGE: Final = frozenset(
    (Provenance.OUTLET_RULE, Provenance.ADDRESS_ELEMENT, Provenance.BYLINE)
)


def choose_authors(
    raw: RawArticle, body: Body, source: str | None, site: Outlet | None, outlets: Outlets
) -> tuple[tuple[str, ...], Provenance | None]:
    """Return the people who wrote the article, and where their names stand."""
    nobody = {source or ""} | {claim.value for claim in raw.claims.sources}
    roles: tuple[str, ...] = ()
    if site:
        nobody |= {site.name, *site.aliases}
        roles = site.roles
    claims = [
        (c.value, c.provenance)
        for c in raw.claims.authors
        if c.provenance is not Provenance.FRONT_MATTER
    ]
    claims[:0] = [c for c in claims if c[1] is Provenance.OUTLET_RULE]
    own = [c for c in claims if c[1] in _STATED_BY_PAGE]
    lines = [(line, Provenance.BYLINE) for line in body.bylines]
    front = [
        (c.value, c.provenance)
        for c in raw.claims.authors
        if c.provenance is Provenance.FRONT_MATTER
    ]
    rest = [c for c in claims if c not in own]
    for group in (own, lines, front, rest):
        where: Provenance | None = None
        names: dict[str, None] = {}
        for value, place in group:
            if where and place is not where:
                break
            people = [
                name
                for name in bylines.parse_names(value, nobody, roles)
                if outlets.named(name) is None
            ]
            if people:
                where = place
                names.update(dict.fromkeys(people))
        if names:
            return tuple(names), where
    return (), None


_TITLE_SUFFIX = re.compile(r"(.{2,400})(?<=\S)\s*([|｜_]|\s[-–—·]\s)\s*([^|｜]{1,40})")
_ATTACHED_SUFFIX = re.compile(r"(.{2,400}[\u4e00-\u9fff！？”》）])([-–—])([\u4e00-\u9fff]{3,12})")
"""``标题-某某网``, believed only if that is an outlet's name."""
_SECTION = re.compile(r"[\u4e00-\u9fff]{2,6}(?:频道|頻道|栏目|欄目)?")
_KNOWN_SECTION = re.compile(
    r"(?:国际|國際|国内|國內|社会|社會|财经|財經|体育|體育|娱乐|娛樂|科技|时事|時事|时政|時政|政治|经济|經濟|文化|生活|军事|軍事|评论|評論"
    r"|观点|觀點|要闻|要聞|新闻|新聞|两岸|兩岸|港澳|教育|健康|旅游|旅遊|汽车|汽車|房产|房產)(?:新闻|新聞|频道|頻道)?"
    r"|(?:World|Business|Sports?|Opinion|Politics|Culture|Technology|News)",
)
"""Behind a dash a section has to be one that everybody has: else it is a second headline."""


def outlet_in_titles(titles: Iterable[str]) -> str | None:
    """Return the outlet's name that stands behind one of ``titles``, if it sounds like one."""
    for title in titles:
        match = _TITLE_SUFFIX.fullmatch(title) or _ATTACHED_SUFFIX.fullmatch(title)
        if match and len(match[3]) <= 20 and sounds_like_outlet(match[3]):
            return match[3]
    return None


def strip_title_suffix(title: str, site: Outlet | None, names: set[str]) -> str:
    """Return ``title`` without the outlet's name that pages put behind it."""
    for suffix in site.title_suffixes if site else ():
        if title.endswith(suffix) and len(title) > len(suffix):
            return title[: -len(suffix)].rstrip()
    plain = {comparison_key(name) for name in names if name}
    for pattern in (_TITLE_SUFFIX, _ATTACHED_SUFFIX):
        match = pattern.fullmatch(title)
        if match and comparison_key(match[3]) in plain and comparison_key(match[1]):
            return _strip_section(match[1], match[2].strip())
    return title


def _strip_section(title: str, sign: str) -> str:
    """Return ``title`` without the section that stood between it and the outlet's name."""
    match = _TITLE_SUFFIX.fullmatch(title)
    pattern = _SECTION if sign == "_" else _KNOWN_SECTION
    if match and match[2].strip() == sign and pattern.fullmatch(match[3]):
        return match[1]
    return title

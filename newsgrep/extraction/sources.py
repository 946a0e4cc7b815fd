"""Which outlet published an article: names in metadata, in lines beside the text, and in titles.

Platforms on which many accounts publish are not sources; their accounts are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep.analysis.characters import fold, strip_invisible
from newsgrep.extraction.claims import Claim, ClaimField, Claims, Loss, is_placeholder
from newsgrep.extraction.outlets import Outlet, Outlets, url_host
from newsgrep.extraction.trace import NO_TRACE, Trace
from newsgrep.extraction.whitespace import collapse_whitespace, comparison_key
from newsgrep.models import Provenance

_MAX_OUTLET_NAME: Final = 80
_PLATFORMS: Final = frozenset((
    "微信公众平台", "微信公众号", "微信", "今日头条", "头条号", "百家号", "搜狐号", "网易号",
    "企鹅号", "大鱼号", "新浪微博", "微博", "知乎专栏", "weixin official accounts platform",
))  # fmt: skip
"""Names that platforms give as the site of every account's articles, folded."""

_LABEL = re.compile(
    r"(?:(?:文章|稿件|信息|新闻|本文|消息|内容)?(?:来源|出处)|稿源|转自|转载自|source)\s*:\s*"
)
_ADDRESS = re.compile(r"[(（]?https?://\S+")
_BRACKETS = re.compile(r"[\[【(《「](.{1,80})[\]】)》」]", re.DOTALL)


def source_name(text: str) -> str | None:
    """Return the name of an outlet in ``text``, a value stated as a source, or None.

    >>> source_name("来源：鹭湾日报")
    '鹭湾日报'
    """
    name = _ADDRESS.sub("", collapse_whitespace(strip_invisible(text)))[: 2 * _MAX_OUTLET_NAME]
    if label := _LABEL.match(fold(name)):
        name = name[label.end() :]
    if bracketed := _BRACKETS.fullmatch(name):
        name = bracketed[1]
    name = name.strip()
    stated = name and "://" not in name and len(name) <= _MAX_OUTLET_NAME
    return name if stated and comparison_key(name) else None


_WRITTEN: Final = frozenset((Provenance.FRONT_MATTER, Provenance.LINK_LINE))
"""Provenance of what a scraper or feed wrote above the article."""
_FEED_RANK: Final = 8
_TITLE_RANK: Final = 50
_HOST_RANK: Final = 60


def choose_source(
    claims: Claims,
    url: str | None,
    outlet: Outlet | None,
    outlets: Outlets,
    titles: Iterable[str] = (),
    trace: Trace = NO_TRACE,
) -> tuple[str | None, Provenance | None]:
    """Return the name of the outlet that published an article, and where it was found.

    Tries the outlet whose rules apply, then front matter, then what feeds write as author or
    as the only tag, then the page itself, the ends of ``titles``, and the host of ``url``.
    """
    for name, claim in _iter_sources(claims, url, outlet, outlets, titles, trace):
        trace.won(claim)
        return name, claim.provenance
    return None, None


def _iter_sources(
    claims: Claims,
    url: str | None,
    outlet: Outlet | None,
    outlets: Outlets,
    titles: Iterable[str],
    trace: Trace,
) -> Iterator[tuple[str, Claim]]:
    """Yield the names of outlets that a file states, the best evidence first."""
    if outlet:
        yield outlet.name, Claim(ClaimField.SOURCE, outlet.name, Provenance.OUTLET_RULE, "name")
    written = [each for each in claims.sources if each.provenance is Provenance.FRONT_MATTER]
    yield from _stated(written, outlets, trace)
    fed = any(each.provenance in _WRITTEN for each in (*claims.titles, *claims.authors))
    if fed and (name := _outlet_as_author_or_tag(claims, url, outlets)):
        yield name, _claim(name, Provenance.FRONT_MATTER, _FEED_RANK)
    yield from _stated(claims.sources[len(written) :], outlets, trace)
    host = url_host(url)
    shown = [] if host else [c.value for c in claims.titles if c.provenance is Provenance.HEADING]
    if name := outlet_in_titles(titles, claims.site, shown):
        yield name, _claim(name, Provenance.TITLE, _TITLE_RANK)
    if host:
        yield host, _claim(host, Provenance.URL, _HOST_RANK)


def _stated(claims: Iterable[Claim], outlets: Outlets, trace: Trace) -> Iterator[tuple[str, Claim]]:
    for claim in claims:
        name = source_name(claim.value)
        if is_placeholder(claim.value):
            trace.lost(claim, Loss.PLACEHOLDER)
        elif name is None or fold(name) in _PLATFORMS:
            trace.lost(claim, Loss.NOT_AN_OUTLET)
        else:
            known = outlets.find(name)
            yield (known.name if known else name), claim


def _claim(name: str, provenance: Provenance, rank: int) -> Claim:
    return Claim(ClaimField.SOURCE, name, provenance, rank=rank)


def _outlet_as_author_or_tag(claims: Claims, url: str | None, outlets: Outlets) -> str | None:
    """Return the outlet's name that a feed wrote as author or as the only tag, or None."""
    written = [c.value for c in claims.authors if c.provenance is Provenance.FRONT_MATTER]
    tags = claims.tags
    host = comparison_key(url_host(url) or "")
    for name in (*written[:1], *tags[:1]):
        known = outlets.find(name)
        if known:
            return known.name
        key = comparison_key(name)
        if not key:
            continue
        if name in written and name in tags:
            return name
        if len(key) > 2 and key.isascii() and key in host:  # initials occur in any host
            return name
        if len(tags) == 1 and name in tags and sounds_like_outlet(name):
            return name
    return None


_SECTION_NAME = re.compile(
    r"(?:国际|国内|社会|财经|体育|娱乐|科技|时事|时政|政治|经济|文化|生活|热点|今日|最新|即时|本地|地方|两岸|港澳|军事|专题"
    r"|深度|综合|要闻|图片|观点|互联|海外|影|书)?"
    r"(?:新闻|评论|书评|杂志|媒体|传媒|社|网|报|月刊|周刊|电台|电视台|中文)"
    r"|(?:(?:world|local|latest|breaking|business|sports?|tech|social|book|top|daily|the)\s+)?"
    r"(?:news|times|post|daily|weekly|herald|reviews?|journal|magazine|radio|press|media|tribune|observer)"
)
"""Sounds like an outlet but names a section of one; folded."""
_TOPIC_WORD = re.compile(
    r".*(?:笔记|随笔|分享|教程|学习|感想|游记|思考|杂谈|日记|文章|博客|部落格|翻译|转载|心得|生活|技术|智能|智慧|政治|经济"
    r"|社会|文化|历史)",
    re.DOTALL,
)
_OUTLET_NAME = re.compile(
    r".*(?:报|网|新闻|社|电视台|电台|之音|周刊|月刊|杂志|书评|评论|媒体|传媒|中文|网站|官网"
    r"|\b(?:news|times|post|daily|weekly|herald|review|journal|magazine|radio|press|media|tribune|observer))"
)


def sounds_like_outlet(name: str) -> bool:
    """Return whether ``name`` has the form of an outlet's name: ``…周报``, ``… Times``."""
    folded = fold(name)
    return _OUTLET_NAME.fullmatch(folded) is not None and not _SECTION_NAME.fullmatch(folded)


def looks_like_topic(name: str) -> bool:
    """Return whether ``name`` is rather a subject or a kind of text than an outlet."""
    folded = fold(name)
    return (
        len(name) <= 3  # an outlet with so short a name is known by its host as well
        or name.islower()
        or _SECTION_NAME.fullmatch(folded) is not None
        or _TOPIC_WORD.fullmatch(folded) is not None
    )


_TITLE_END = re.compile(
    r".*\S\s*(?:[|｜_]|--|\s[-–—·]\s|(?<=[\u4e00-\u9fff！？”》）])[-–—])\s*([^|｜_]{2,40})",
    re.DOTALL,
)
_DOMAIN_BEHIND = re.compile(r"\s*[(（][\w.-]{3,20}\.[a-z]{2,7}[)）]$")
_MAX_TITLE: Final = 400
_MIN_HEADLINE: Final = 5


def outlet_in_titles(
    titles: Iterable[str], site: Iterable[str] = (), shown: Iterable[str] = ()
) -> str | None:
    """Return the outlet's name at the end of one of ``titles``, or None.

    The end of a title is a name if the page calls its home page so, which is one of ``site``, if
    it sounds like one, or if the title begins with one of the headlines ``shown`` by the page.
    """
    names = {comparison_key(name) for name in site}
    headlines = tuple(key for text in shown if len(key := comparison_key(text)) > _MIN_HEADLINE)
    for title in titles:
        match = _TITLE_END.fullmatch(title) if len(title) <= _MAX_TITLE else None
        name = _DOMAIN_BEHIND.sub("", match[1]) if match else ""
        key = comparison_key(name)
        if not key or "://" in name:
            continue
        if key in names or sounds_like_outlet(name):
            return name
        if len(key) > 2 and not looks_like_topic(name) and _begins_with(title, headlines, key):
            return name
    return None


def _begins_with(title: str, headlines: tuple[str, ...], name_key: str) -> bool:
    """Return whether ``title`` is one of ``headlines`` and something before the name."""
    key = comparison_key(title).removesuffix(name_key)
    return bool(headlines) and key.startswith(headlines)

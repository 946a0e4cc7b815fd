# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern
"""Boilerplate: page parts and lines that are not article text, for every outlet.

The first half recognises elements by name, class, id and role; the second half recognises lines
by their wording. Patterns match whole names and whole paragraphs, so that a sentence that only
contains such words is kept: a share bar left in hides nothing, a lost paragraph does. Rules for
a single outlet are in ``outlets.toml``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from newsgrep.extract.dom import Element

BLOCK_ELEMENTS: Final = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figure", "figcaption", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "hr", "html", "legend", "li", "main", "menu", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul", "caption",
))  # fmt: skip
HEADING_ELEMENTS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

_KEPT_ELEMENTS: Final = frozenset(("html", "body", "article", "main"))

_DROP = re.compile(
    r"""
      sharedaddy|sd-(?:block|sharing.*|social.*|like)|share(?:d|s|-.*|_.*|bar|links?|buttons?|box)?|.*[-_]share
    | (?:post|entry|article|social)[-_]?shar(?:e|ing).*|social(?:[-_].*|bar|icons?)?|addtoany.*|addthis.*
    | jp-relatedposts|jetpack-likes.*|likes-widget.*|post-likes.*
    | related(?:[-_].*|posts?|content|links?|articles?)?|(?:article|post|story|entry|region--?)[-_]?related.*
    | recommend(?:ed|ation|ations)?(?:[-_].*)?|more-(?:stories|articles|posts|news)|read-?more-list
    | comments?|comments?[-_](?:wrapper|area|list|section|form|thread|block|container|respond)
    | comment-(?:add|reply|respond)|commentlist|respond|disqus.*
    | ad|ads|ad[-_](?:slot|unit|container|wrapper|block|box|banner|label)|.*[-_]ads?|adsense|adsbygoogle
    | advert(?:s|isement|isements|ising|orial)?(?:[-_].*)?|banner-ads?|sponsor(?:ed|s)?(?:[-_].*)?|dfp.*|gpt-ad.*
    | newsletter(?:[-_](?:signup|form|box|promo|subscribe).*)?|subscribe(?:[-_].*)?|subscription-.*|signup.*
    | breadcrumbs?(?:[-_].*)?|pagination|pager|page-(?:nav|links)|post-nav.*|nav-links|navbar.*|navigation
    | site-(?:header|footer|navigation|nav)|sidebar|widget(?:-area)?|menu|toolbar|cookie.*|gdpr.*|skip-link
    | player|video-player|embedded-video|media-player|no-?print|printfriendly|element-(?:invisible|hidden)
    | hidden|screen-reader-text|sr-only|visually-?hidden|offscreen|wp-block-(?:latest-posts|search)
    | comment[-_](?:item|body|content|meta(?:data)?|text|author)
    | footnote-back(?:link|ref)|edit-?link|mw-editsection|medium-feed-link|copyright|copy-right
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CHART = re.compile(
    r"ai2html(?:[-_].*)?|g-artboard|g-ai(?:Abs|PointText|Img)|highcharts-(?:container|root)",
    re.IGNORECASE,
)
_META = re.compile(
    r"""
      entry-meta|entry-footer|entry-author.*|post-meta.*|article-meta.*|meta-(?:info|data)|post-info|article-info
    | entry-(?:date|time)|byline.*|by-line|submitted|posted-(?:on|by)|published-on|pub-?(?:date|time)
    | publish-?(?:date|time|ed)|date-published|post-(?:date|time)|article-(?:date|time)
    | author|authors|author[-_](?:name|box|info|bio|card|link|wrapper)|post-author|article-author|entry-author
    | field-name-author|(?:post|entry|article|field-name-field)-?tags?|tags|tag-?links|tag-list|cat-?links
    | post-tags|post-categor(?:y|ies)|word-count|reading-time|read-time|view-count|contributors?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CREDIT = re.compile(
    r".*(?:image|photo|picture|img|media)[-_]?(?:credit|source|copyright|author).*"
    r"|credits?|caption-credit|.*[-_]cred(?:it)?s?|copyright|attribution|photographer",
    re.IGNORECASE,
)
_CAPTION = re.compile(
    r"(?:wp-)?caption(?:-?(?:text|paragraph|block))?|.*[-_](?:caption|cap-description|image-capture|img-desc|photo-desc)"
    r"|(?:image|img|photo|pic|picture|media|figure)[-_]?(?:caption|desc|description|text|info|title)",
    re.IGNORECASE,
)
_HIDING_STYLE = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE
)
_DROPPED_ROLES: Final = frozenset(
    ("navigation", "banner", "search", "contentinfo", "menu", "menubar", "toolbar", "alert")
)


_CONTENT = re.compile(
    r"(?:entry|post|article|story|news|main|page)[-_]{0,2}(?:content|body|text|main)|artibody|articlecontent|"
    r"content|rich_media_content|article|post|main",
    re.IGNORECASE,
)
_PATTERNS: Final = {
    "drop": _DROP,
    "meta": _META,
    "credit": _CREDIT,
    "caption": _CAPTION,
    "chart": _CHART,
}
_NO_TRAITS: Final[frozenset[str]] = frozenset()
_ONLY_NAMED: Final = frozenset(("named",))
_NAME_ATTRIBUTES: Final = ("id", "data-testid", "data-e2e", "data-component")
_TRAIT_ATTRIBUTES: Final = frozenset(("class", *_NAME_ATTRIBUTES))


_MAX_ATTRIBUTE: Final = 2000
"""Characters of an attribute; hostile pages have longer ones."""
_MAX_NAME: Final = 80
"""Characters of a class or id; longer ones are not names."""
_MAX_CONTENT_NAME: Final = 40


def traits_of(element: Element) -> frozenset[str]:
    """Return what the classes, the id and the test ids of ``element`` indicate.

    ``drop`` is boilerplate, ``meta`` a byline, a date line or a list of tags, ``credit`` a photo
    credit, ``caption`` a caption, ``chart`` a drawing with its labels as HTML, ``content`` the
    article itself; ``named`` means that there is any class or id.
    """
    attrs = element.attrs
    if _TRAIT_ATTRIBUTES.isdisjoint(attrs):
        return _NO_TRAITS
    found = _class_traits(attrs["class"][:_MAX_ATTRIBUTE]) if "class" in attrs else _NO_TRAITS
    for name in _NAME_ATTRIBUTES:
        if name in attrs:
            found = found | _name_traits(attrs[name])
    return found


@lru_cache(maxsize=5000)  # pages of an outlet have the same classes
def _class_traits(names: str) -> frozenset[str]:
    return _NO_TRAITS.union(*map(_name_traits, names.split()))


def _name_traits(name: str) -> frozenset[str]:
    if name.startswith(("tag-", "category-", "post-")):  # WordPress's topics
        return _NO_TRAITS
    return _match_traits(name) if len(name) < _MAX_NAME else _ONLY_NAMED


@lru_cache(maxsize=20_000)
def _match_traits(name: str) -> frozenset[str]:
    found = {trait for trait, pattern in _PATTERNS.items() if pattern.fullmatch(name)}
    if len(name) < _MAX_CONTENT_NAME and _CONTENT.fullmatch(name):
        found.add("content")
    return frozenset(found) | _ONLY_NAMED


def is_hidden(element: Element) -> bool:
    """Return whether ``element`` is never visible."""
    attrs = element.attrs
    if "hidden" in attrs:
        return True
    style = attrs.get("style")
    return (
        style is not None
        and len(style) < _MAX_ATTRIBUTE
        and _HIDING_STYLE.search(style) is not None
    )


def is_boilerplate(element: Element, traits: frozenset[str]) -> bool:
    """Return whether nothing in ``element`` belongs to the article, not even metadata.

    ``traits`` are those of ``element``.
    """
    if "drop" not in traits and element.attribute("role").lower() not in _DROPPED_ROLES:
        return False
    return element.name not in _KEPT_ELEMENTS


def is_credit(element: Element, traits: frozenset[str]) -> bool:
    """Return whether ``element``, which has the traits ``traits``, is a photo credit."""
    return element.name == "cite" or "credit" in traits


_NOTICE = re.compile(
    r"""
      (?:图像|圖像|图片|圖片|照片|图|圖)(?:来源|來源|版权|版權|提供)\s*[,，:：／/].{0,80}
    | (?:Image|Photo|Picture)\s+(?:source|credit|caption)[s]?\s*[,:].{0,120}
    | (?:你|您)的(?:器材|浏览器|瀏覽器|设备|設備)不支持.{0,30}
    | (?:广告|廣告|Advertisement|ADVERTISEMENT|Sponsored)
    | (?:分享|分享到|分享至|共享此文章|分享此文|转发|轉發|赞过|讚好|喜欢|正在加载|正在載入|载入中)[\s:：.…]{0,5}(?:.{0,12})?
    | (?:Share\s+(?:this|on).{0,30}|Like\s+this|Loading)[:.…\s]*
    | (?:相关|相關)(?:文章|阅读|閱讀|新闻|新聞|报道|報導|链接|鏈接|内容|內容|主题|推荐|推薦)?\s*[:：]?
    | (?:延伸阅读|延伸閱讀|推荐阅读|推薦閱讀|热门文章|熱門文章|更多文章|猜你喜欢|猜你喜歡)\s*[:：]?
    | Related(?:\s+(?:posts?|articles?|stories|content|links?|topics|coverage))?\s*:?
    | (?:Read\s+more|Continue\s+reading|继续阅读|繼續閱讀|阅读更多|閱讀更多|阅读全文|閱讀全文)(?:\s+on\s+\w+)?\s*[»›…→:.]*
    | (?:获取|獲取)?更多\s*(?:RSS|订阅|訂閱).{0,200} | (?:https?://\S{1,100}\s*){1,3} | https?://feedx\.\S{1,40}
    | (?:点击|點擊)(?:查看|阅读|閱讀|这里|這裡|此处|此處).{0,40}
    | (?:返回|回到)(?:顶部|頂部|首页|首頁)|(?:上|下)一篇(?:文章|日[志誌])?(?:\s*[:：«»‹›←→].{0,60})?|打印本?[页頁文]?|字[号號体體]?[:：]?[大中小\s]+
    | (?:发表|發表)(?:评论|評論|回复|回覆)|(?:评论|評論|留言)\s*[（(]?\d*[）)]?|Leave\s+a\s+(?:comment|reply)
    | (?:扫|掃)(?:一扫|码|碼|描).{0,30}(?:关注|關注|微信|分享).{0,30}
    | (?:已有|共有?)?\d+\s*(?:条|條)?(?:评论|評論|回复|回覆)|\d+\s+(?:Comments?|Minutes?|min(?:ute)?s?\s+read)
    | (?:请|請)?微信搜[索尋寻].{0,80}|[-—–*=_·•⚪~#|＊\s]+
    | [(（]?.{0,60}?(?:[—–/-]|\bvia)\s?(?:AFP|AP|Reuters|Getty(?:\sImages)?|EPA|Xinhua)(?:/.{0,30}|\sImages)?[)）]?
    | [(（]?(?:AFP|Getty\sImages)(?:/Getty\sImages)?[)）]?
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_END_NOTE = re.compile(
    r"""
      (?:翻译|翻譯|译者|譯者|编译|編譯|校对|校對|审校|審校|责任编辑|責任編輯|责编|責編|编辑|編輯|实习编辑|美编)\s*[：:/／].{1,60}
    | [(（]?\s*(?:责任编辑|責任編輯|责编|責編)\s*[：:]?.{1,40}[)）]?
    | .{2,80}对本文有(?:报道|研究|报道和研究)?贡献。|.{2,80}對本文有(?:報導|研究|報導和研究)?貢獻。
    | .{0,60}(?:contributed\s+(?:reporting|research)|contributed\s+to\s+this\s+(?:report|article|story)).{0,60}
    | (?:本文|本刊|本站|本网|本網)?.{0,12}(?:内容|內容|文章|作品)?(?:版权|版權)(?:为|為|归|歸|所有|属|屬).{0,100}
    | .{0,40}未经.{0,30}(?:授权|许可|允许|同意).{0,30}(?:转载|复制|使用|翻印).{0,60}
    | .{0,20}(?:著作權|著作权)(?:屬|属|歸|归|為|为).{0,80}
    | .{0,40}未經.{0,30}(?:授權|許可|允許|同意).{0,30}(?:轉載|複製|使用|翻印).{0,60}
    | .{0,20}保留.{0,20}(?:一切|所有|全部)(?:权利|權利).{0,100}
    | (?:转载|轉載)(?:请|請|须|須|时请|時請)?(?:注明|註明|标明|標明|联系|聯繫).{0,80}
    | (?:Copyright|©|\(c\)).{0,120}|All\s+rights\s+reserved\.?
    | (?:原文|英文|本文英文版|原文链接|原文鏈接|原文网址|阅读原文|閱讀原文|原文地址|本文链接|本文鏈接|Source|Original)\s*[：:].{0,200}
    | (?:欢迎|歡迎)(?:关注|關注|订阅|訂閱).{0,60}|(?:Sign\s+up|Subscribe|Follow\s+us).{0,120}
    | .{0,20}(?:点击|點擊)查看.{0,40}
    | .{0,160}\s(?:was\s+originally\s+published\s+in|originally\s+published\s+on)\s.{0,60}\son\sMedium,\s.{0,100}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MAX_LINE: Final = 240


# Editors paste style sheets, and some sites show them as text.
_STYLE_SHEET = re.compile(
    r"(?:[\w.#][\w.#\s,:>-]{0,60}\{\s*[\w-]{1,40}\s*:[^{}]{0,2000}\}\s*){1,40}"
)


def is_boilerplate_line(text: str) -> bool:
    """Return whether a whole paragraph is boilerplate at any position."""
    if len(text) <= _MAX_LINE and _NOTICE.fullmatch(text) is not None:
        return True
    return text.endswith("}") and _STYLE_SHEET.fullmatch(text) is not None


def is_end_note(text: str) -> bool:
    """Return whether a paragraph near the end is a translator's, an editor's or a legal note."""
    return len(text) <= _MAX_LINE and _END_NOTE.fullmatch(text) is not None


_PHOTO_CREDIT = re.compile(
    r"(?P<caption>.*?)(?<![\s。，,（(])[\s。，,（(]*(?:(?:摄|攝|摄影师?|攝影師?)\s*[：:／/]"
    r"|(?:图片?|圖片?|照片|图像|圖像|图源|圖源)?(?:来源|來源|提供|版权|版權)\s*[：:，,]"
    r"|(?<![左右上下中前后後大小本插附题題])(?:图|圖)\s*[／/：:]|Photo(?:graph)?s?(?:\s+(?:by|credit))?\s*[:：]|Photograph\s+by\b|Credit\s*:|©)"
    r"\s*(?P<credit>[^。！？]{1,120}。?)",
    re.DOTALL | re.IGNORECASE,
)
_PHOTO_LINE = re.compile(
    r"(?P<caption>.{4,300}?)(?:(?:摄|攝|摄影|攝影)\s*[：:]|(?<![拍录錄])(?:摄|攝|摄影|攝影)\s*[／/])"
    r"\s*[^\s。！？][^。！？]{0,120}[。]?"
    r"|(?P<short>[^。]{4,60}[\s。，])(?:图|圖)(?:片?来源|片?來源)?\s*[/／：:]\s*\S{1,30}"
)


_MAX_CREDITED_CAPTION: Final = 1000
_MAX_PHOTO_LINE: Final = 400


def strip_credit(caption: str) -> str:
    """Return ``caption`` without the name of a photographer or an agency at its end."""
    if len(caption) > _MAX_CREDITED_CAPTION:
        return caption
    match = _PHOTO_CREDIT.fullmatch(caption)
    if not match:
        return caption
    kept = match["caption"].strip()
    # The full stop before the credit belongs to the caption.
    end = len(match["caption"])
    return kept + "。" if kept and caption[end : end + 1] == "。" else kept


def photo_caption(text: str) -> str | None:
    """Return the caption if a whole paragraph is a caption with a credit, else None.

    A credit is ``摄：`` or ``图：`` with a name. The result is empty for a credit without a caption.
    """
    if len(text) > _MAX_PHOTO_LINE or not any(sign in text for sign in "摄攝图圖"):
        return None
    match = _PHOTO_LINE.fullmatch(text)
    return strip_credit(text) if match else None

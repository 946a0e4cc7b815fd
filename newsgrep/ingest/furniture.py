# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern
"""What on a page is no article text, told by element, class, id and wording.

These rules are for every outlet; what only one outlet does stands in ``sites.toml``.
All of them err on keeping: a stray share bar hides nothing, a lost paragraph does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from newsgrep.ingest.nodes import Element

DROPPED_ELEMENTS: Final = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "iframe",
        "object",
        "embed",
        "applet",
        "svg",
        "math",
        "canvas",
        "video",
        "audio",
        "map",
        "nav",
        "form",
        "button",
        "select",
        "option",
        "input",
        "textarea",
        "label",
        "datalist",
        "dialog",
        "link",
        "base",
        "meta",
        "param",
        "frame",
        "frameset",
        "noframes",
    ]
)
BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "figcaption",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
        "caption",
    ]
)
HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

_NEVER_DROPPED: Final = frozenset(("html", "body", "article", "main"))

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
_HIDING = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
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
_NONE: Final[frozenset[str]] = frozenset()
_MERELY_NAMED: Final = frozenset(("named",))
_NAMING: Final = ("id", "data-testid", "data-e2e", "data-component")
_NAMED: Final = frozenset(("class", *_NAMING))


def traits(tag: Element) -> frozenset[str]:
    """Return what the classes of ``tag``, its id and test ids say about it.

    ``drop`` is furniture, ``meta`` a byline, a date line or a list of tags, ``credit`` whose
    an image is, ``caption`` its caption, ``chart`` a drawing whose labels a program has put
    into HTML, ``content`` the article itself, ``named`` that there is any such name.
    """
    attrs = tag.attrs
    if _NAMED.isdisjoint(attrs):
        return _NONE
    found = _of_classes(attrs["class"][:2000]) if "class" in attrs else _NONE  # more is an attack
    for name in _NAMING:
        if name in attrs:
            found = found | _of_name(attrs[name])
    return found


@lru_cache(maxsize=5000)  # the pages of an outlet share their classes
def _of_classes(names: str) -> frozenset[str]:
    return _NONE.union(*map(_of_name, names.split()))


def _of_name(name: str) -> frozenset[str]:
    if name.startswith(("tag-", "category-", "post-")):  # WordPress's topics
        return _NONE
    return _traits(name) if len(name) < 80 else _MERELY_NAMED  # longer says nothing


@lru_cache(maxsize=20_000)
def _traits(name: str) -> frozenset[str]:
    found = {trait for trait, pattern in _PATTERNS.items() if pattern.fullmatch(name)}
    if len(name) < 40 and _CONTENT.fullmatch(name):  # no class is longer
        found.add("content")
    return frozenset(found) | _MERELY_NAMED


def is_hidden(tag: Element) -> bool:
    """Tell whether a reader never sees ``tag``."""
    attrs = tag.attrs
    if "hidden" in attrs:
        return True
    style = attrs.get("style")
    return (
        style is not None and len(style) < 2000 and _HIDING.search(style) is not None
    )  # or an attack


def is_dropped(tag: Element, found: frozenset[str]) -> bool:
    """Tell whether nothing in ``tag``, of such traits, belongs to the article, not even metadata."""
    if "drop" not in found and tag.attribute("role").lower() not in _DROPPED_ROLES:
        return False
    return tag.name not in _NEVER_DROPPED


def is_credit(tag: Element, found: frozenset[str]) -> bool:
    """Tell whether ``tag``, of such traits, says whose an image is."""
    return tag.name == "cite" or "credit" in found

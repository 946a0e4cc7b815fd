# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern
"""Elements that are not article text, for every outlet: by name, class, id and role.

Patterns match whole names. Rules for a single outlet are in ``outlets.toml``.
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

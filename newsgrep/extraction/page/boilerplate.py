"""Elements that are not article text, for every outlet: by name, class, id, role and links.

Patterns match whole names. Rules for a single outlet are in ``outlets.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from newsgrep.extraction.claims import Rule
from newsgrep.extraction.outlets import url_host
from newsgrep.extraction.page.dom import MAX_NODES, SILENT_ELEMENTS, Element, iter_elements
from newsgrep.extraction.whitespace import comparison_key

# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern


BLOCK_ELEMENTS: Final = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figure", "figcaption", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "hr", "html", "legend", "li", "main", "menu", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul", "caption",
))  # fmt: skip
HEADING_ELEMENTS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

_KEPT_ELEMENTS: Final = frozenset(("html", "body", "article", "main"))

_RULES: Final[dict[Rule, str]] = {
    Rule.SHARING: r"""
      sharedaddy|sd-(?:block|sharing.*|social.*|like)|share(?:d|s|-.*|_.*|bar|links?|buttons?|box)?|.*[-_]share
    | (?:post|entry|article|social)[-_]?shar(?:e|ing).*|social(?:[-_].*|bar|icons?)?|addtoany.*|addthis.*
    | jetpack-likes.*|likes-widget.*|post-likes.*
    """,
    Rule.RELATED: r"""
      jp-relatedposts|related(?:[-_].*|posts?|content|links?|articles?)?|(?:article|post|story|entry|region--?)[-_]?related.*
    | recommend(?:ed|ation|ations)?(?:[-_].*)?|more-(?:stories|articles|posts|news)|read-?more-list|wp-block-latest-posts
    """,
    Rule.COMMENTS: r"""
      comments?|comments?[-_](?:wrapper|area|list|section|form|thread|block|container|respond)
    | comment-(?:add|reply|respond)|commentlist|respond|disqus.*|comment[-_](?:item|body|content|meta(?:data)?|text|author)
    """,
    Rule.ADVERTISEMENT: r"""
      ad|ads|ad[-_](?:slot|unit|container|wrapper|block|box|banner|label)|.*[-_]ads?|adsense|adsbygoogle
    | advert(?:s|isement|isements|ising|orial)?(?:[-_].*)?|banner-ads?|sponsor(?:ed|s)?(?:[-_].*)?|dfp.*|gpt-ad.*
    """,
    Rule.SUBSCRIPTION: r"""
      newsletter(?:[-_](?:signup|form|box|promo|subscribe).*)?|subscribe(?:[-_].*)?|subscription-.*|signup.*
    """,
    Rule.NAVIGATION: r"""
      breadcrumbs?(?:[-_].*)?|pagination|pager|page-(?:nav|links)|post-nav.*|nav-links|navbar.*|navigation
    | site-(?:header|footer|navigation|nav)|menu|toolbar|skip-link|wp-block-search
    | footnote-back(?:link|ref)|edit-?link|mw-editsection|medium-feed-link
    """,
    Rule.SIDEBAR: r"sidebar|widget(?:-area)?",
    Rule.NOTICE: r"cookie.*|gdpr.*|copyright|copy-right",
    Rule.PLAYER: r"player|video-player|embedded-video|media-player",
    Rule.HIDDEN: r"""
      no-?print|printfriendly|element-(?:invisible|hidden)|hidden|screen-reader-text|sr-only|visually-?hidden|offscreen
    """,
}
"""Classes and ids of elements that contain no article text, by the name of the rule."""
_CHART = re.compile(
    r"ai2html(?:[-_].*)?|g-artboard|g-ai(?:abs|pointtext|img)|highcharts-(?:container|root)"
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
    re.VERBOSE,
)
_CREDIT = re.compile(
    r".*(?:image|photo|picture|img|media)[-_]?(?:credit|source|copyright|author).*"
    r"|credits?|caption-credit|.*[-_]cred(?:it)?s?|copyright|attribution|photographer"
)
_CAPTION = re.compile(
    r"(?:wp-)?caption(?:-?(?:text|paragraph|block))?|.*[-_](?:caption|cap-description|image-capture|img-desc|photo-desc)"
    r"|(?:image|img|photo|pic|picture|media|figure)[-_]?(?:caption|desc|description|text|info|title)"
)
_HIDING_STYLE = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE
)


_CONTENT = re.compile(
    r"(?:entry|post|article|story|news|main|page)[-_]{0,2}(?:content|body|text|main)|artibody|articlecontent|"
    r"content|rich_media_content|article|post|main"
)
_NAME_WORD = re.compile(r"(?<![0-9])(?:[A-Z]?[a-z]+|[A-Z]+(?![a-z]))")
_NUMBER = re.compile(r"(?:[0-9][^0-9]*){5}")
"""In a name with so many digits, letters are not words but part of a number."""
_WORDS: Final[dict[Rule, str]] = {
    Rule.SHARING: "share shares sharing sharebar social socials sharetools",
    Rule.RELATED: "related recommend recommended recommendation recommendations recirc trending outbrain taboola popular mostread suggested",
    Rule.COMMENTS: "comment comments disqus cmt kommentare kommentar comentarios",
    Rule.ADVERTISEMENT: "advert advertisement advertising adsense sponsor sponsored werbung anzeige promo",
    Rule.SUBSCRIPTION: "newsletter subscribe subscription signup optin",
    Rule.NAVIGATION: "nav navbar navigation menu breadcrumb breadcrumbs pagination pager toolbar topbar",
    Rule.SIDEBAR: "sidebar widget widgets",
    Rule.FOOTER: "footer foot",
    Rule.NOTICE: "cookie cookies gdpr consent copyright popup modal",
}
_WORD_RULES: Final = {word: rule for rule, words in _WORDS.items() for word in words.split()}
_MODIFIERS: Final = frozenset(
    ("has", "have", "no", "not", "non", "with", "without", "is", "js", "hide", "show")
)
# In lower case: with IGNORECASE every alternative is tried, whatever its first letter is.
_PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    **{rule: re.compile(names, re.VERBOSE) for rule, names in _RULES.items()},
    Rule.METADATA: _META,
    "credit": _CREDIT,
    "caption": _CAPTION,
    "chart": _CHART,
    "content": _CONTENT,
}
_ANY_PATTERN = re.compile(
    "|".join(f"(?:{pattern.pattern})" for pattern in _PATTERNS.values()), re.VERBOSE
)
_SUSPICIOUS: Final = (*_RULES, Rule.FOOTER, Rule.METADATA)
_NO_TRAITS: Final[frozenset[str]] = frozenset()
_TEST_IDS: Final = frozenset(("data-testid", "data-e2e", "data-component"))


_CLAIMING_ATTRIBUTES: Final = frozenset(("rel", "property", "itemprop"))
"""Attributes of elements that may state an author, a date or a tag."""

_MAX_ATTRIBUTE: Final = 2000
"""Characters of an attribute; hostile pages have longer ones."""
_MAX_NAME: Final = 80
"""Characters of a class or id; longer ones are not names."""
_NAMING: Final = ("id", *_TEST_IDS)
"""Attributes of a name for the element, besides ``class``."""
_SIGNIFICANT: Final = _CLAIMING_ATTRIBUTES | {*_NAMING, "hidden", "role", "style"}
"""Attributes that indicate something, besides ``class``."""


class Signs(NamedTuple):
    """What the attributes of an element indicate.

    ``traits`` are those of :func:`traits_of`. ``claims`` is whether the element may state an
    author, a date or a tag, ``ruled`` whether a rule may suspect it for its attributes, and
    ``rule`` the rule that does, if its name does not prevent it.
    """

    traits: frozenset[str]
    claims: bool
    ruled: bool
    rule: Rule | None


NO_SIGNS: Final = Signs(_NO_TRAITS, claims=False, ruled=False, rule=None)


def traits_of(element: Element) -> frozenset[str]:
    """Return what the classes, the id and the test ids of ``element`` indicate.

    The names of rules, such as ``comments``, stand for boilerplate; ``metadata`` is a byline, a
    date line or a list of tags, ``credit`` a photo credit, ``caption`` a caption, ``chart`` a
    drawing with its labels as HTML, ``content`` the article itself.
    """
    return signs_of(element).traits


def signs_of(element: Element) -> Signs:
    """Return what the attributes of ``element`` indicate; most elements have a class only."""
    attrs = element.attrs
    found = NO_SIGNS
    if "class" in attrs:
        names = attrs["class"]
        found = _class_signs(names if len(names) <= _MAX_ATTRIBUTE else names[:_MAX_ATTRIBUTE])
    if _SIGNIFICANT.isdisjoint(attrs):
        return found
    traits, claims, ruled, rule = found
    for attribute in _NAMING:
        if attribute in attrs and len(name := attrs[attribute]) < _MAX_NAME:
            traits = traits | _name_traits(name)
    if traits != found.traits:
        ruled, rule = True, _rule_of_traits(traits)
    if "role" in attrs:
        ruled = True
        rule = rule or _ROLE_RULES.get(attrs["role"].lower())
    if is_hidden(element):
        ruled, rule = True, Rule.HIDDEN
    claims = claims or not _CLAIMING_ATTRIBUTES.isdisjoint(attrs)
    return Signs(traits, claims, ruled, rule)


@lru_cache(maxsize=5000)  # pages of an outlet have the same classes
def _class_signs(names: str) -> Signs:
    traits = _NO_TRAITS
    for name in names.split():
        if len(name) < _MAX_NAME and (own := _name_traits(name)):
            traits = traits | own
    lowered = names.lower()
    claims = "author" in lowered or "byline" in lowered or "by-line" in lowered
    if not traits and not claims:
        return NO_SIGNS
    return Signs(traits, claims, bool(traits), _rule_of_traits(traits))


def _rule_of_traits(traits: frozenset[str]) -> Rule | None:
    return next((rule for rule in _SUSPICIOUS if rule in traits), None) if traits else None


@lru_cache(maxsize=20_000)
def _name_traits(name: str) -> frozenset[str]:
    if name.startswith(("tag-", "category-", "post-")):  # WordPress's topics
        return _NO_TRAITS
    lowered = name.lower()
    if _ANY_PATTERN.fullmatch(lowered):
        return frozenset(
            trait for trait, pattern in _PATTERNS.items() if pattern.fullmatch(lowered)
        )
    found = set()
    before = ""
    for part in _NAME_WORD.findall(name):
        word = part.lower()
        if word in _WORD_RULES and before not in _MODIFIERS:
            found.add(_WORD_RULES[word])
        before = word
    return frozenset(found) if found and not _NUMBER.search(name) else _NO_TRAITS


def is_hidden(element: Element) -> bool:
    """Return whether ``element`` is never visible."""
    attrs = element.attrs
    return "hidden" in attrs or ("style" in attrs and _hides(attrs["style"]))


@lru_cache(maxsize=5000)
def _hides(style: str) -> bool:
    return len(style) < _MAX_ATTRIBUTE and _HIDING_STYLE.search(style) is not None


_ELEMENT_RULES: Final[dict[str, Rule]] = {
    "nav": Rule.NAVIGATION,
    "menu": Rule.NAVIGATION,
    "form": Rule.FORM,
    "fieldset": Rule.FORM,
    "label": Rule.FORM,
    "button": Rule.FORM,
    "dialog": Rule.DIALOG,
    "noscript": Rule.NOSCRIPT,
    "aside": Rule.SIDEBAR,
    "footer": Rule.FOOTER,
    "article": Rule.OTHER_ARTICLE,
    "address": Rule.METADATA,
    "time": Rule.METADATA,
}
_ROLE_RULES: Final[dict[str, Rule]] = {
    "navigation": Rule.NAVIGATION,
    "banner": Rule.NAVIGATION,
    "search": Rule.FORM,
    "contentinfo": Rule.FOOTER,
    "menu": Rule.NAVIGATION,
    "menubar": Rule.NAVIGATION,
    "toolbar": Rule.NAVIGATION,
    "alert": Rule.NOTICE,
    "dialog": Rule.DIALOG,
    "complementary": Rule.SIDEBAR,
}

RULED_ELEMENTS: Final = frozenset((*_ELEMENT_RULES, "cite"))
"""Elements that a rule may suspect without any attribute."""


def rule_of(element: Element, signs: Signs) -> Rule | None:
    """Return the rule under which ``element`` is probably not part of the article, or None.

    ``signs`` are those of ``element``. What the rule means for its text is decided later, with
    the whole page in view.
    """
    name = element.name
    rule = signs.rule
    if rule is Rule.HIDDEN or (rule is not None and name not in _KEPT_ELEMENTS):
        return rule
    by_name = _ELEMENT_RULES.get(name)
    if (
        by_name is Rule.FOOTER
        and element.parent is not None
        and element.parent.name == "blockquote"
    ):
        return None
    return by_name


def is_boilerplate(element: Element, traits: frozenset[str]) -> bool:
    """Return whether nothing in ``element`` is likely to belong to the article or to describe it.

    ``traits`` are those of ``element``. Elements whose name alone is suspicious do not count.
    """
    if element.name in _KEPT_ELEMENTS:
        return False
    role = element.attrs.get("role")
    return not traits.isdisjoint(_RULES) or (role is not None and role.lower() in _ROLE_RULES)


def is_credit(element: Element, traits: frozenset[str]) -> bool:
    """Return whether ``element``, which has the traits ``traits``, is a photo credit."""
    return element.name == "cite" or "credit" in traits


LINK_LIST_ELEMENTS: Final = frozenset(("ul", "ol", "section", "aside"))
"""Elements that may be a list of links to other articles."""
_ABSOLUTE_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|/cdn-cgi/l/email-protection", re.IGNORECASE)
"""Absolute addresses, and Cloudflare's form of mail addresses."""


def _has_host(address: str, host: str) -> bool:
    """Return whether ``host`` is the host of an absolute address."""
    if address.startswith(_beginnings(host)):
        return True
    return host in address.lower() and url_host(address) == host


@lru_cache(maxsize=64)
def _beginnings(host: str) -> tuple[str, ...]:
    return tuple(f"{scheme}://{www}{host}/" for scheme in ("https", "http") for www in ("www.", ""))


def is_link_list(element: Element, host: str) -> bool:
    """Return whether ``element`` contains only links to other articles of the same outlet.

    ``host`` is the outlet's, or empty.
    """
    links = [node for node in iter_elements(element) if node.name == "a"]
    if len(links) < (1 if element.name in ("ul", "ol") else 2):  # a section may be one headline
        return False
    inside = 0
    for link in links:
        address = link.attribute("href").strip()
        if address == "#":
            return False
        inside += not _ABSOLUTE_ADDRESS.match(address) or (host != "" and _has_host(address, host))
    if inside * 5 < len(links) * 4:
        return False
    linked, plain = _count_letters(element)
    return linked > 0 and plain * 4 <= linked


def _count_letters(element: Element) -> tuple[int, int]:
    """Return the letters in an element that are in links, and those that are not."""
    stack: list[tuple[Iterator[Element | str], bool]] = [(iter(element.contents), False)]
    letters = [0, 0]
    visited = 0
    while stack:
        nodes, in_link = stack[-1]
        for node in nodes:
            if visited >= MAX_NODES:
                return letters[True], letters[False]
            visited += 1
            if isinstance(node, str):
                if not node.isspace():
                    letters[in_link] += len(comparison_key(node))
            elif node.name not in SILENT_ELEMENTS:
                stack.append((iter(node.contents), in_link or node.name == "a"))
                break
        else:
            visited += 1
            stack.pop()
    return letters[True], letters[False]

"""JSON-LD: the objects that describe an article, read leniently, and their values.

Templates write JSON-LD by hand, so many blocks are not valid JSON: they are in a comment or in
CDATA, end in a semicolon, have a comma too many or a quotation mark without its backslash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from newsgrep.extraction.whitespace import clean_line, comparison_key, unescape_html

MAX_JSON: Final = 500_000
"""Characters of a block; a longer one is not read."""
_MAX_NODES: Final = 500
_MAX_ITEMS: Final = 50
_MAX_VALUES: Final = 50
"""JSON values that are read of a block which has several, one after the other."""

_ARTICLE_TYPE = re.compile(
    r"Article|BlogPosting|(?:Forum|Media)Posting|Report|NewsStory", re.IGNORECASE
)
_ORGANIZATION_TYPE = re.compile(r"organi[sz]ation|corporation|company", re.IGNORECASE)
_PAGE_TYPE = re.compile(r"WebPage|HowTo|Recipe|Review|Product|QAPage|VideoObject|AudioObject")
_DATE_KEYS: Final = ("datePublished", "dateCreated", "pubDate")
_URL_KEYS: Final = ("url", "mainEntityOfPage", "@id")


@dataclass(frozen=True, slots=True)
class JsonArticle:
    """An object of JSON-LD that describes an article.

    ``node`` is the object itself. ``authors`` are the names of people, ``organizations`` those of
    authors that are no people, ``publishers`` who published it, ``urls`` the addresses that the
    object states for itself. ``body`` is the text with newlines between paragraphs, or empty.
    """

    node: Mapping[str, Any]
    headlines: tuple[str, ...]
    authors: tuple[str, ...]
    organizations: tuple[str, ...]
    publishers: tuple[str, ...]
    keywords: tuple[str, ...]
    urls: tuple[str, ...]
    body: str


def read_articles(text: str) -> list[JsonArticle]:
    """Return the articles that ``text``, the content of a script element, describes.

    >>> [each.headlines for each in read_articles('{"@type": "Article", "headline": "A",};')]
    [('A',)]
    """
    if len(text) > MAX_JSON:
        return []
    nodes = list(_iter_nodes(_load(text)))
    by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str)}
    found = [
        _read_node(node, by_id) if _describes_article(node) else _dated_page(node)
        for node in nodes
        if _describes_article(node) or _states_date(node)
    ]
    if not any(each.headlines for each in found):
        # A page without an article: only its author is that of the text.
        pages = (node for node in nodes if "WebPage" in text_values(node.get("@type")))
        found += [
            replace(_dated_page(node), authors=_read_node(node, by_id).authors) for node in pages
        ]
    return found


def choose_articles(
    articles: Iterable[JsonArticle], titles: Iterable[str], urls: Iterable[str]
) -> list[JsonArticle]:
    """Return those of ``articles`` that describe the page with these ``titles`` and ``urls``.

    A page may also describe the articles that it links to. If it describes several, those count
    whose headline is in a title of the page, else those with its address, else all.
    """
    found = list(articles)
    if len({each.headlines for each in found}) < 2:
        return found
    keys = [key for title in titles if (key := comparison_key(title))]
    addresses = set(urls)
    return (
        [each for each in found if any(_is_in(name, keys) for name in each.headlines)]
        or [each for each in found if not addresses.isdisjoint(each.urls)]
        or found
    )


def _is_in(headline: str, title_keys: Iterable[str]) -> bool:
    key = comparison_key(headline)
    return bool(key) and any(
        key == title or (len(key) > 3 and key in title) for title in title_keys
    )


def _describes_article(node: Mapping[str, Any]) -> bool:
    if kinds := text_values(node.get("@type")):
        return any(map(_ARTICLE_TYPE.search, kinds))
    # Chinese search engines define objects without a type.
    return bool(node.get("headline") or node.get("title")) and any(map(node.get, _DATE_KEYS))


def _states_date(node: Mapping[str, Any]) -> bool:
    """Return whether an object that is no article, such as the page itself, states its date."""
    kinds = text_values(node.get("@type"))
    return any(map(node.get, _DATE_KEYS)) and any(map(_PAGE_TYPE.search, kinds))


def _dated_page(node: Mapping[str, Any]) -> JsonArticle:
    return JsonArticle(node, (), (), (), (), (), (), "")


def _iter_nodes(loaded: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects at the top of JSON-LD, and those that are the subject of these."""
    stack, seen = [loaded], 0
    while stack and seen < _MAX_NODES:
        node = stack.pop()
        seen += 1
        if isinstance(node, list):
            stack.extend(reversed(node[:_MAX_ITEMS]))
        elif isinstance(node, dict):
            yield node
            stack.extend(node.get(key) for key in ("@graph", "mainEntity", "mainEntityOfPage"))


def _read_node(node: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> JsonArticle:
    people: list[str] = []
    organizations: list[str] = []
    for author in _items(node.get("author") or node.get("creator")):
        each = author
        if isinstance(author, dict) and not author.get("name"):
            key = author.get("@id")
            each = by_id.get(key, author) if isinstance(key, str) else author
        kinds = text_values(each.get("@type")) if isinstance(each, dict) else []
        organized = "Person" not in kinds and any(map(_ORGANIZATION_TYPE.search, kinds))
        (organizations if organized else people).extend(text_values(each))
    return JsonArticle(
        node=node,
        headlines=_lines(node.get("headline") or node.get("name") or node.get("title")),
        authors=tuple(people),
        organizations=tuple(organizations),
        publishers=_lines(node.get("publisher")),
        keywords=tuple(text_values(node.get("keywords"))),
        urls=tuple(filter(None, (_address(node.get(key)) for key in _URL_KEYS))),
        body=_plain_text("\n".join(text_values(node.get("articleBody")))),
    )


def _items(value: Any) -> list[Any]:
    return value[:_MAX_ITEMS] if isinstance(value, list) else [value]


def text_values(value: Any) -> list[str]:
    """Return the texts in ``value``: a text, an object with a name, or a list of such.

    >>> text_values([{"name": "A"}, "B", None])
    ['A', 'B']
    """
    found: list[str] = []
    for item in _items(value):
        named = item.get("name", item.get("@value")) if isinstance(item, dict) else item
        found += [text.strip() for text in _items(named) if isinstance(text, str) and text.strip()]
    return found


def _lines(value: Any) -> tuple[str, ...]:
    texts = (clean_line(unescape_html(text)) for text in text_values(value))
    return tuple(text for text in texts if text)


def _address(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    return value.strip() if isinstance(value, str) and value.startswith("http") else ""


_BREAK = re.compile(r"<(?:br|/p|/div|/h[1-6]|/li)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[a-z/!][^<>]{0,1000}>", re.IGNORECASE)


def _plain_text(text: str) -> str:
    """Return the body of an article, which may contain tags and references, as plain text."""
    text = unescape_html(text)
    return _TAG.sub("", _BREAK.sub("\n", text)) if "<" in text else text


_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_BEGINNING = re.compile(r"[\[{]")
_BETWEEN = re.compile(r"[\s,;]*+")


def _load(text: str) -> list[Any]:
    """Return the JSON values in ``text``, repaired if need be; marks around them are skipped."""
    text = _CDATA.sub("", text)
    begin = _BEGINNING.search(text)
    if begin is None:
        return []
    text = text[begin.start() : max(text.rfind("}"), text.rfind("]")) + 1]
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _decode(_repair(unescape_html(text) if "&quot;" in text else text))
    except (ValueError, RecursionError):
        return []


def _decode(text: str) -> list[Any]:
    decoder = json.JSONDecoder(strict=False)
    found: list[Any] = []
    at = 0
    while at < len(text) and len(found) < _MAX_VALUES:
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            if found:  # a remark after the last object
                break
            raise
        found.append(value)
        between = _BETWEEN.match(text, end)
        at = between.end() if between else end
    return found


_SIGN = re.compile(r'\\.|\\|"|,(?=\s*+[}\]])', re.DOTALL)
_AFTER_STRING = re.compile(r'\s*+(?:[:}\]]|,\s*+(?:["{\[}\]\d-]|true|false|null)|\Z)')
_ESCAPED: Final = frozenset('"\\/bfnrtu')


def _repair(text: str) -> str:
    """Return ``text`` without commas before brackets, and with escaped quotation marks.

    A quotation mark ends a string if what follows it is the syntax of JSON.
    """
    parts: list[str] = []
    inside = False
    done = 0
    for match in _SIGN.finditer(text):
        sign = match.group()
        kept = sign
        if sign == '"':
            if inside and not _AFTER_STRING.match(text, match.end()):
                kept = '\\"'
            else:
                inside = not inside
        elif sign == ",":
            kept = "," if inside else ""
        elif sign[-1] not in _ESCAPED or sign == "\\":
            kept = sign[1:]
        parts += (text[done : match.start()], kept)
        done = match.end()
    return "".join((*parts, text[done:]))

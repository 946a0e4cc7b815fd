"""Warnings about a query that may not mean what its author meant.

They name what looks like an operator or a field but is text, and queries whose result is certain
before the index is read. A warning never changes what a query means; it is shown beside the
result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep._io import table_lines
from newsgrep.analysis.characters import fold
from newsgrep.errors import closest
from newsgrep.messages import Message, conjunction, message
from newsgrep.query.ast import And, DateRange, IdIs, Node, Not, Terms, describe, positive_texts
from newsgrep.query.lexer import CHANGE_FIELD, FIELDS, Token, TokenKind

_LOOKS_LIKE_FIELD: Final = re.compile(r"([A-Za-z_]{2,20})[:：](?![/\d])(?=\S)")
_NAMED_LIKE_FIELD: Final = re.compile(r"([^\W\d]{1,20})[:：](?=\S)")
_MEANT: Final = {
    "since": ("after", "from", "newer", "起始", "之后", "自从"),
    "until": ("before", "to", "older", "upto", "截止", "之前"),
    "source": ("site", "outlet", "publisher", "media", "newspaper", "来源", "媒体", "出处"),
    "changed": ("edited", "modified", "updated"),
    "earlier": ("old", "previous"),
    "title": ("intitle", "headline", "heading", "subject", "标题", "题目"),
    "body": ("intext", "text", "content", "正文", "内容", "全文"),
    "author": ("by", "writer", "byline", "reporter", "作者", "记者"),
    "tag": ("keyword", "keywords", "category", "label", "topic", "标签", "关键词", "分类"),
    "url": ("inurl", "link", "domain", "address", "网址", "链接"),
    "path": ("file", "filename", "folder", "dir", "路径", "文件", "文件名"),
    "date": ("year", "month", "day", "published", "time", "日期", "时间"),
    "caption": ("图片", "图说", "figcaption"),
    "saved": ("query", "search"),
}
"""Names of fields in other programs and in Chinese, by the field that is probably meant."""
_MEANT_BY_NAME: Final = {name: field for field, names in _MEANT.items() for name in names}
_SCHEMES: Final = frozenset(("http", "https", "ftp", "mailto"))
_LOOKS_LIKE_OPERATOR: Final = {
    "or": "OR",
    "||": "OR",
    "|": "OR",
    "and": "AND",
    "&&": "AND",
    "&": "AND",
    "not": "NOT",
    "!": "NOT",
    "near": "NEAR",
    "adj": "ADJ",
}
_COMMON_WORDS: Final = frozenset("的了是在和有不也就都与及或而着被把对为于从到这那他她它我你") | {
    *("the", "a", "an", "of", "to", "in", "and", "or", "is", "are", "was", "were"),
    *("for", "on", "at", "by", "with", "as", "it"),
}
"""Words that occur in nearly every article."""


_MAX_PARTS: Final = 4
_MAX_SPLIT_WORD: Final = 10
"""Terms and characters of a word; longer texts are sentences, which are rarely meant exactly."""


def may_have_variants(root: Node) -> bool:
    """Return whether a word of the query may have other regional spellings.

    This takes a fraction of a millisecond. :func:`newsgrep.query.variants.with_variants` decides.
    """
    words = " ".join(table_lines(__file__, "variants.txt")).split()
    literals = [text.literal for text in positive_texts(root) if isinstance(text, Terms)]
    return any(word in literal for literal in literals for word in words)


def split_word_notes(root: Node) -> Iterator[Message]:
    """Yield a sentence for each word that matches more than its writer may expect.

    Such a word was cut into a few terms, one of them a single character, because it is not in the
    dictionary: articles that contain the terms far apart match, too.
    """
    for text in positive_texts(root):
        if not isinstance(text, Terms) or " " in text.literal:
            continue
        is_short = 1 < len(text.terms) <= _MAX_PARTS and len(text.literal) <= _MAX_SPLIT_WORD
        if is_short and any(len(term) == 1 for term in text.terms):
            yield message(
                "“{word}” was searched for as {parts}. To match exactly this text, quote it: "
                "'\"{word}\"'",
                word=text.literal,
                parts=f" {text.operator} ".join(text.terms),
            )


def query_warnings(tokens: Iterable[Token], root: Node) -> tuple[str, ...]:
    """Return one sentence for each part of a query that may be misunderstood."""
    return (*_token_warnings(tokens), *_tree_warnings(root))


def _token_warnings(tokens: Iterable[Token]) -> Iterator[str]:
    before: Token | None = None
    for token in tokens:
        field, before = before, token
        if field and field.kind is TokenKind.FIELD and field.text == CHANGE_FIELD:
            yield from _change_warnings(field, token)
        if token.kind is not TokenKind.WORD:
            continue
        if operator := _LOOKS_LIKE_OPERATOR.get(token.text):
            yield message(
                "“{text}” was searched for as text: the operator is {operator}.",
                text=token.text,
                operator=operator,
            )
        else:
            yield from _field_warnings(token.text)


def _change_warnings(field: Token, following: Token) -> Iterator[str]:
    """Yield a warning where a blank separates ``changed:`` from what is probably its value."""
    is_apart = following.position > field.position + len(f"{field.text}:")
    looks_like_value = following.text.lower() in {"title", "body"} or following.text[:1].isdigit()
    if is_apart and following.kind is TokenKind.WORD and looks_like_value:
        yield (
            message(
                "“{text}” was searched for as text: write {field}:{text} without a blank.",
                text=following.text,
                field=field.text,
            )
        )


def _field_warnings(word: str) -> Iterator[str]:
    """Yield a warning for a word that begins like a field, but is searched for as text.

    A name in Chinese is text unless it is that of a field: ``专访：王五``.
    """
    named = _NAMED_LIKE_FIELD.match(word)
    if named is None or named[1].lower() in _SCHEMES:
        return
    meant = [_MEANT_BY_NAME[name]] if (name := fold(named[1])) in _MEANT_BY_NAME else []
    if not meant and name.isascii() and len(name) > 2:
        meant = closest(name, FIELDS)
    if meant:
        yield message(
            "Unknown field “{name}:”, searched for as text. Did you mean {meant}:?",
            name=named[1],
            meant=meant[0],
        )
    elif _LOOKS_LIKE_FIELD.match(word):
        yield message(
            "Unknown field “{name}:”, searched for as text. Fields are {fields}.",
            name=named[1],
            fields=conjunction(", ".join(FIELDS[:-1]), FIELDS[-1]),
        )


def _tree_warnings(root: Node) -> Iterator[str]:
    texts = positive_texts(root)
    terms = [term for text in texts for term in text.terms]
    if texts and terms and all(term in _COMMON_WORDS for term in terms):
        yield message("These words occur in nearly every article: add a more specific one.")
    yield from _contradictions(root)


def _contradictions(node: Node) -> Iterator[str]:
    """Yield a warning for each condition that no article can meet, whatever the index contains."""
    if not isinstance(node, And):
        return
    excluded = {child.child for child in node.children if isinstance(child, Not)}
    for child in node.children:
        if child in excluded:
            yield message(
                "Nothing can match: {child} is both required and excluded.", child=describe(child)
            )
    ids = {child.article_id for child in node.children if isinstance(child, IdIs)}
    if len(ids) > 1:
        yield message("Nothing can match: an article has only one id. Put OR between the ids.")
    ranges = [child for child in node.children if isinstance(child, DateRange)]
    firsts = [dates.first for dates in ranges if dates.first]
    lasts = [dates.last for dates in ranges if dates.last]
    if firsts and lasts and min(lasts) < max(firsts) and len(ranges) > 1:
        yield (
            message(
                "Only articles known to the month or year can match: the dates have no day in "
                "common. Put OR between them."
            )
        )

"""Dialects of front matter: YAML, TOML, JSON and lines of keys, each read into texts by key.

Real front matter is often not valid, because of colons and quotes in titles. Such a block is
read line by line, so no article is lost because of it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

import yaml

from newsgrep.analysis.characters import fold, strip_invisible
from newsgrep.extraction.whitespace import collapse_whitespace, unescape_html
from newsgrep.messages import message

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without its C part, where no wheel is installed: slower
    from yaml import SafeLoader  # type: ignore[assignment]


class _TextLoader(SafeLoader):
    """Safe YAML in which every value is text, a list or a mapping, whatever its tag.

    Without implicit tags there are no merge keys, which could grow without limit; aliases share
    a value and do not copy it. Explicit tags are ignored: the library raises errors of many
    kinds for values such as ``!!bool x``, and cannot print numbers of many digits.
    """

    def any_value(self, node: yaml.Node) -> object:
        """Return the value of ``node``, by its shape only."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_yaml_map(node)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_yaml_seq(node)
        return node.value


_TextLoader.yaml_implicit_resolvers = {}
_TextLoader.yaml_constructors = {None: _TextLoader.any_value}


def load_yaml(block: str) -> object:
    """Return the value of ``block``: texts, lists and mappings, None if it is empty.

    Raises ``ValueError`` if it is not valid or nested too deeply.
    """
    try:
        loaded: object = yaml.load(block, Loader=_TextLoader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, OverflowError) as exc:
        raise ValueError(message("not valid YAML")) from exc
    return loaded


Fields = dict[str, tuple[str, ...]]

_CHINESE_KEYS: Final = {
    "标题": "title", "题目": "title", "作者": "author", "记者": "author", "撰文": "author",
    "来源": "source", "媒体": "source", "出处": "source", "日期": "date", "时间": "date",
    "发布时间": "date", "发布日期": "date", "发表时间": "date", "发表日期": "date",
    "链接": "url", "原文链接": "url", "网址": "url", "原文地址": "url", "地址": "url",
    "原文": "url", "文章链接": "url", "标签": "tags", "关键词": "tags", "关键字": "tags",
    "分类": "categories", "栏目": "categories", "类别": "categories",
}  # fmt: skip
"""Keys, folded, and the English key that each stands for."""
_ENGLISH_KEYS: Final = frozenset((
    "title", "date", "author", "authors", "tags", "tag", "categories", "category", "source",
    "url", "link", "from", "layout", "published", "created", "updated", "description", "slug",
    "permalink", "keywords", "site", "publisher", "id", "comments", "draft", "lang", "image",
    "cover", "excerpt", "summary", "subtitle", "headline", "copyright", "type",
))  # fmt: skip


def english_key(key: str) -> str:
    """Return ``key`` in lower case; the English one for a Chinese key.

    >>> english_key("發布時間")
    'date'
    """
    folded = fold(key.strip())
    return _CHINESE_KEYS.get(folded, key.strip().lower())


def is_known_key(key: str) -> bool:
    """Return whether ``key`` is one that front matter often has."""
    return english_key(key) in _ENGLISH_KEYS


_DEEP_NESTING = re.compile(r"(?:[\[{][^\[\]{}]*){40}|(?:[-?:]\s+){40}")


_WORDS: Final = r"[^\W_][\w.]*(?:[ +/-][^\W_][\w.]*)*"
_SIMPLE_LINE = re.compile(
    rf"""
    ([a-z_]+):[ ](?:
        "([^"\\]*)"
      | ({_WORDS}(?::[\w./%?&=+:-]*[\w/])?)  # a time or an address continues after the colon
      | \[[ ]?({_WORDS}(?:,[ ]?{_WORDS})*)[ ]?\]
    )
    """,
    re.VERBOSE,
)


def parse_simple(block: str) -> Fields | None:
    """Return the fields of front matter that needs no YAML parser, else None.

    Every line must be a key with a plain value, a quoted value or a list of plain values. This
    is the form of most front matter.
    """
    fields: Fields = {}
    for line in block.removesuffix("\n").split("\n"):
        match = _SIMPLE_LINE.fullmatch(line)
        if match is None or not line.isprintable():
            return None
        key, quoted, plain, items = match.groups()
        values = items.split(",") if items else [quoted or plain or ""]
        fields[key] = tuple(filter(None, map(_plain_value, values)))
    return fields


def parse_yaml(block: str) -> Fields | None:
    """Return the fields of front matter in YAML; None if it is invalid or nested too deeply."""
    if _DEEP_NESTING.search(block):
        return None
    # The library takes longer to load than most front matter, which is simple, takes to read.
    try:
        loaded = load_yaml(block)
    except ValueError:
        return None
    if loaded is None or loaded == "":
        return {}
    return _from_mapping(loaded) if isinstance(loaded, dict) else None


def parse_toml(block: str) -> Fields | None:
    """Return the fields of front matter in TOML, those of its tables too; None if it is invalid."""
    if _DEEP_NESTING.search(block):
        return None
    try:
        loaded = tomllib.loads(block)
    except (ValueError, RecursionError, OverflowError):
        return None
    return _with_tables(loaded)


def parse_json(block: str) -> tuple[Fields, int] | None:
    """Return the fields of the JSON object at the start of ``block``, and where it ends."""
    if _DEEP_NESTING.search(block):
        return None
    try:
        loaded, end = json.JSONDecoder(strict=False).raw_decode(block)
    except (ValueError, RecursionError):
        return None
    return (_with_tables(loaded), end) if isinstance(loaded, dict) else None


def _with_tables(loaded: Mapping[str, Any]) -> Fields:
    """Return the fields of an object and of the objects in it, where it has no such field."""
    fields = _from_mapping(loaded)
    for value in loaded.values():
        if isinstance(value, dict):
            for key, texts in _from_mapping(value).items():
                fields.setdefault(key, texts)
    return fields


def _from_mapping(loaded: Mapping[Any, Any]) -> Fields:
    fields: Fields = {}
    for key, value in loaded.items():
        items = value if isinstance(value, list) else [value]
        texts = tuple(text for text in map(_plain_value, items) if text)
        name = english_key(str(key))
        if texts or name not in fields:
            fields[name] = fields.get(name) or texts
    return fields


_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]{1,200}\|)?([^\[\]|]{1,200})\]\]")
_MARKDOWN_LINK = re.compile(r"<?\[[^\[\]]{0,300}\]\((https?://[^\s()]{1,2000})\)>?")


def _plain_value(value: object) -> str:
    if value is None or isinstance(value, dict | list | set | tuple):
        if isinstance(value, dict):  # author: {name: …}
            inner = value.get("name") or value.get("title")
            return "" if isinstance(inner, dict) else _plain_value(inner)  # it may contain itself
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = str(value)
    if "[" in text:
        text = _WIKI_LINK.sub(r"\1", text)
        if link := _MARKDOWN_LINK.fullmatch(text.strip()):
            text = link[1]
    return collapse_whitespace(strip_invisible(unescape_html(text)))


_KEY: Final = r"([A-Za-z_\u4e00-\u9fff][\w .-]{0,40}?)"
_SPACED_KEY = re.compile(_KEY + r"\s*[:：](?:\s+(.*)|)$")
_ATTACHED_KEY = re.compile(r"([A-Za-z_\u4e00-\u9fff][\w-]{0,20})\s*[:：](.*)$")
_TOML_KEY = re.compile(_KEY + r"\s*=\s*(.*)$")


def key_line(line: str) -> tuple[str, str] | None:
    """Return key and value of a line ``key: value``; the space is optional after a known key."""
    match = _SPACED_KEY.match(line)
    if match is None:
        match = _ATTACHED_KEY.match(line)
        if match is None or not is_known_key(match[1]):
            return None
    return english_key(match[1]), match[2] or ""


def parse_lines(block: str) -> Fields | None:
    """Return the fields of lines ``key: value`` with lists below them; None if there are none."""
    return _parse_lines(block, key_line)


def parse_toml_lines(block: str) -> Fields | None:
    """Return the fields of lines ``key = value``; None if there are none."""

    def read(line: str) -> tuple[str, str] | None:
        match = _TOML_KEY.match(line.strip())
        return (english_key(match[1]), match[2]) if match else None

    return _parse_lines(block, read)


def _parse_lines(block: str, read: Callable[[str], tuple[str, str] | None]) -> Fields | None:
    fields: dict[str, list[str]] = {}
    key = None
    for line in block.split("\n"):
        found = None if line.startswith((" ", "\t")) else read(line)
        if found:
            key = found[0]
            fields[key] = _parse_inline(found[1])
        elif key and line.lstrip().startswith("- "):
            fields[key] += _parse_inline(line.lstrip()[2:])
        elif key is None and line.strip() and not line.lstrip().startswith(("#", "[")):
            return None
    return {k: tuple(v) for k, v in fields.items()} if fields else None


def _parse_inline(value: str) -> list[str]:
    value = value.strip()
    listed = value.startswith("[") and value.endswith("]") and len(value) > 1
    parts = value[1:-1].split(",") if listed and not value.startswith("[[") else [value]
    found = []
    for part in parts:
        item = part.strip()
        if len(item) > 1 and item[0] == item[-1] and item[0] in "\"'":
            item = item[1:-1].replace('\\"', '"')
        item = _plain_value(item)
        if item:
            found.append(item)
    return found

"""A record of a dump: a JSON object whose fields are those of an article, under many names.

The names that programs use are a table here. A text field may contain HTML, also a whole page,
or plain text; times may be seconds or milliseconds since the epoch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extract.decode import MAX_CHARACTERS, check_limit, decode
from newsgrep.extract.formats.base import DecodedFile, Format, RawArticle, RawFile
from newsgrep.extract.formats.html import extract_html, looks_like_html
from newsgrep.extract.formats.text import extract_plain_text
from newsgrep.extract.frontmatter.savers import Saved
from newsgrep.extract.frontmatter.split import FrontMatter, squashed
from newsgrep.extract.whitespace import collapse_whitespace, unescape_html

_NAMES: Final[Mapping[str, str]] = {
    "body": """
        body content text maintext articleBody article_text articleText full_text fullText
        body_text content_text contentText main_text plain_text clean_text cleaned_text
        content_html body_html articleContent article_content content.content content.value
        summary.content story html raw_html content.rendered parts.text paragraphs paras
        正文 内容 全文 文章内容 文本 sentence post_content news_content selftext
    """,
    "title": """
        title headline title.rendered headline.main page_title news_title article_title
        post_title heading name 标题 题目
    """,
    "url": """
        url link href canonical_url canonicalUrl canonical.href alternate.href permalink
        page_url article_url source_url original_url resolved_url given_url expanded_url web_url
        guid.rendered 链接 网址 原文链接
    """,
    "published": """
        date_publish publish_date published_date publication_date date_published datePublished
        published published_at publishedAt publish_time publishTime pub_date pubDate pubdate
        pub_time date_gmt date datetime time timestamp created_at created createdAt ctime post_date
        posted_at issued dates 发布时间 发布日期 发表时间 日期 时间
    """,
    "authors": """
        authors author byline creator writer published_by author_name author.name authors.name
        作者 记者
    """,
    "source": """
        source media_name site_name siteName publisher publisher.name outlet media source_name
        source.name newspaper origin.title feed_title 来源 媒体
    """,
    "site": "source_domain domain domain_name media_url origin.htmlUrl site website",
    "tags": "tags keywords tag labels categories category section label_desc 标签 关键词 栏目",
    "fetched": """
        fetched fetched_at date_download download_date scraped_at crawled_at crawl_date retrieved
        saved_at savedAt crawl_time
    """,
    "summary": "description summary abstract desc lead dek excerpt 摘要",
}
"""The names of each field in dumps, best first; a dot leads into an object or a list of them.

Those of Scrapy's examples, news-please, newspaper, cc_news, Media Cloud, news2016zh, CLUE,
banned-historical-archives, WordPress, Google Reader's API, Wallabag and Omnivore are among them.
"""
FIELDS: Final = tuple(_NAMES)
"""The fields whose names in a dump can be stated."""

_FALLBACK: Final = "summary"
"""What is the body if there is no other."""

_MAX_DEPTH: Final = 3
_MAX_VALUES: Final = 100_000
_MAX_LISTED: Final = 20


def is_known_name(name: str) -> bool:
    """Return whether a dump may have a field of an article under ``name``."""
    return _squash(name) in _FIELDS_BY_NAME


def field_named(name: str, names: Mapping[str, str]) -> str | None:
    """Return the field of an article that a dump has under ``name``, None if it is another.

    ``names`` has the user's names of fields, which replace those that are known.
    """
    squashed_name = _squash(name)
    for field, own in names.items():
        if _squash(own) == squashed_name:
            return field
    field_or_none = _FIELDS_BY_NAME.get(squashed_name)
    return None if field_or_none in names else field_or_none


def is_article(value: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Return whether an object has the text or the title of an article, not of several."""
    wanted = {*map(_squash, names.values()), *_ARTICLE_NAMES}
    return any(
        _squash(key) in wanted and bool(each) and (isinstance(each, str) or _is_nested(each))
        for key, each in value.items()
    )


def _is_nested(value: object) -> bool:
    """Return whether a value is an object with named parts, and not a column by row number."""
    return isinstance(value, dict) and not all(key.isdecimal() for key in value)


def _squash(name: str) -> str:
    """Return ``name`` without what writers spell differently; dots remain."""
    return ".".join(squashed(part) for part in name.split("."))


_SQUASHED: Final = {
    field: tuple(dict.fromkeys(map(_squash, names.split()))) for field, names in _NAMES.items()
}
_FIELDS_BY_NAME: Final = {
    name: field for field, names in reversed(_SQUASHED.items()) for name in names
}
_ARTICLE_NAMES: Final = frozenset((*_SQUASHED["body"], *_SQUASHED["title"]))


def read_fields(raw: RawFile) -> RawArticle:
    """Return the article in a JSON object; ``raw.fields`` has the user's names of its fields."""
    names = raw.fields
    values = _flatten(_parse(raw.data))
    chosen = {field: _choose(field, values, names) for field in _NAMES}
    stated = {
        field: value for field, value in chosen.items() if field in _FRONT_MATTER_KEYS and value
    }
    if "source" not in stated and chosen["site"]:
        stated["source"] = chosen["site"]
    body = chosen["body"] or (() if "body" in names else chosen[_FALLBACK])
    if not body and not stated.get("title"):
        listed = ", ".join(list(values)[:_MAX_LISTED])
        raise NoArticle(
            f"no field has the text of an article; name one with --map body=FIELD. Fields: {listed}"
        )
    fields = {_FRONT_MATTER_KEYS[field]: _texts(field, value) for field, value in stated.items()}
    front_matter = FrontMatter(fields, fetched=_moment(chosen["fetched"]))
    text = _JOINED.sub("\n\n", "\n\n".join(map(str, body)))
    check_limit(len(text), MAX_CHARACTERS, "characters of text")
    outlets = raw.outlets
    url = raw.url or next(iter(fields.get("url", ())), None)
    file = DecodedFile(
        replace(raw, data=text.encode("utf-8", "replace")),
        front_matter,
        text,
        "utf-8",
        outlets.for_url(url) or outlets.for_text(text),
        (),
        Saved(),
        url,
    )
    found = extract_html(file, text) if looks_like_html(text) else extract_plain_text(file)
    identity = str(next(iter(values.get(_IDENTITY, ())), ""))
    return replace(found, identity=identity.encode("utf-8", "replace").decode())


_JOINED = re.compile(r"(?<=[。！？”]),(?=[^\s,])")
"""A comma with which Scrapy joins paragraphs in CSV."""

_IDENTITY: Final = "identity"
"""The field of an entry that identifies it if it has no address."""


_FRONT_MATTER_KEYS: Final = {
    "title": "title",
    "url": "url",
    "published": "published",
    "authors": "authors",
    "source": "source",
    "tags": "tags",
}


def _parse(data: bytes) -> dict[str, Any]:
    try:
        try:
            value = json.loads(data)
        except UnicodeDecodeError:
            value = json.loads(decode(data).text)
    except (ValueError, RecursionError) as exc:
        what = exc.msg if isinstance(exc, json.JSONDecodeError) else "nested too deeply"
        raise NoArticle(f"not valid JSON ({what})") from exc
    if not isinstance(value, dict):
        raise NoArticle("not a JSON object")
    return value


def _flatten(value: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the values in an object by name; those of inner objects have names with dots."""
    found: dict[str, list[Any]] = {}
    left = _MAX_VALUES
    for name, each in _walk(value, "", _MAX_DEPTH):
        left -= 1
        if left < 0:
            break
        found.setdefault(name, []).append(each)
    return {name: tuple(values) for name, values in found.items()}


def _walk(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        if day := _day(value):
            yield name, day
        elif depth:
            for key, inner in value.items():
                yield from _walk(inner, f"{name}.{key}" if name else str(key), depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, name, depth)
    elif value is not None and value != "":
        yield name, value


def _day(value: Mapping[str, Any]) -> str | None:
    """Return the date of an object with year, month and day, as precisely as it is known."""
    parts = []
    for key, width in (("year", 4), ("month", 2), ("day", 2)):
        part = value.get(key)
        if not isinstance(part, int) or not 0 < part < 10_000:
            break
        parts.append(f"{part:0{width}}")
    return "-".join(parts) or None


def _choose(
    field: str, values: Mapping[str, tuple[Any, ...]], names: Mapping[str, str]
) -> tuple[Any, ...]:
    """Return the values of the first name of ``field`` that has any."""
    wanted = (names[field],) if field in names else _SQUASHED[field]
    by_name: dict[str, tuple[Any, ...]] = {}
    for name, each in values.items():
        by_name.setdefault(_squash(name), each)
    for name in map(_squash, wanted):
        if found := by_name.get(name, ()):
            return tuple(each for each in found if str(each).strip())
    return ()


_LISTS: Final = frozenset(("authors", "tags"))
_SEPARATORS = re.compile(r"\s*[,，;；、|]\s*")


def _texts(field: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    """Return ``values`` as front matter states them."""
    if field == "published":
        moments = (_moment((each,)) for each in values)
        return tuple(
            moment.isoformat() if moment else str(each)
            for each, moment in zip(values, moments, strict=True)
        )
    if field in _LISTS and len(values) == 1:
        values = _split(str(values[0]), tags=field == "tags")
    return tuple(filter(None, (collapse_whitespace(unescape_html(str(each))) for each in values)))


def _split(text: str, *, tags: bool) -> tuple[Any, ...]:
    """Return the items of a list that is written as one text, as in CSV."""
    if text.startswith("[") and text.endswith("]"):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            items = [item.strip(" '\"") for item in text[1:-1].split(",")]
        return tuple(each for each in items if isinstance(each, str))
    return tuple(_SEPARATORS.split(text)) if tags else (text,)


_EPOCH = re.compile(r"[0-9]{9,16}(?:\.[0-9]{1,9})?")
_FIRST_EPOCH: Final = 10**8
_MICROSECONDS, _MILLISECONDS = 10**14, 10**11


def _moment(values: tuple[Any, ...]) -> datetime | None:
    """Return the time that a number of seconds, milliseconds or microseconds states, or ISO 8601.

    A text that is another date is None; the dates of articles are read elsewhere.
    """
    for value in values:
        text = str(value).strip()
        if _EPOCH.fullmatch(text):
            seconds = float(text)
            if seconds >= _MICROSECONDS:
                seconds /= 1e6
            elif seconds >= _MILLISECONDS:
                seconds /= 1e3
            if seconds >= _FIRST_EPOCH:
                return datetime.fromtimestamp(int(seconds), UTC)
    return None


FORMAT = Format("fields", read_fields)

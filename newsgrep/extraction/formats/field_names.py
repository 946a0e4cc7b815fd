"""Under which names the fields of an article are in dumps, by the programs that write them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from newsgrep.extraction.frontmatter.split import squashed

_NAMES: Final[Mapping[str, str]] = {
    "body": """
        body content text maintext articleBody article_text articleText full_text fullText
        story_text body_text content_text contentText text_content main_text plain_text clean_text
        cleaned_text content_html body_html articleContent article_content content.content
        content.value summary.content story html raw_html content.rendered fields.body
        fields.bodyText parts.text paragraphs paras 正文 内容 全文 文章内容 新闻内容 正文内容
        文章正文 文本 段落.内容 sentence post_content news_content selftext raw_text
    """,
    "title": """
        title headline title.rendered headline.main page_title news_title article_title
        post_title webTitle heading 标题 文章标题 新闻标题 题目 题名 name 文件名
    """,
    "url": """
        url link href canonical_url canonicalUrl canonical.href alternate.href permalink
        page_url article_url original_url resolved_url given_url expanded_url web_url canonical_link
        guid.rendered content_url source_url 链接 网址 原文链接 文章链接 新闻链接 原文地址
    """,
    "published": """
        date_publish publish_date published_date publication_date date_published datePublished
        published published_at publishedAt published_time publish_time publishTime pub_date pubDate
        pubdate pub_time webPublicationDate date date_gmt datetime time timestamp created_at created
        createdAt create_time ctime post_date posted_at issued dates 发布时间 发布日期 发表时间
        发表日期 发稿时间 刊发日期 出版日期 新闻时间 日期 时间
    """,
    "authors": """
        authors author byline creator writer published_by author_name author.name authors.name
        creator.name byline.original 作者 记者
    """,
    "source": """
        source media_name site_name siteName meta_site_name publisher publisher.name outlet media
        source_name source.name newspaper origin.title origin feed_title feed.title account_name
        nickname mp_name 来源 媒体 媒体名称 新闻来源 文章来源 报纸 报纸名称 公众号 公众号名称
    """,
    "site": """
        source_domain domain domain_name media_url origin.htmlUrl feed.site_url site website
        source-hostname hostname
    """,
    "tags": """
        tags tags.name tag keywords labels labels.name categories categories.name category
        category.name section sectionName label_desc meta_keywords 标签 关键词 关键字 栏目 分类 频道
    """,
    "fetched": """
        fetched fetched_at date_download download_date scraped_at crawled_at crawl_date retrieved
        saved_at savedAt crawl_time crawlTimeMsec crawled collect_date indexed_date warc_date
        抓取时间 采集时间 爬取时间
    """,
    "summary": """
        description summary abstract desc lead dek excerpt digest lead_paragraph snippet
        meta_description 摘要 简介 导语
    """,
}
"""The names of each field in dumps, best first; a dot leads into an object or a list of them.

Those of Scrapy's examples, news-please, newspaper, trafilatura, cc_news, Media Cloud, news2016zh,
CLUE, MNBVC, banned-historical-archives, the APIs of WordPress, of the Guardian and of Google
Reader, Readability, Wallabag and Omnivore are among them.
"""
FIELDS: Final = tuple(_NAMES)
"""The fields whose names in a dump can be stated."""


class _Program(NamedTuple):
    """A program whose records have all of ``keys``, and its own names of some fields.

    A record with a key that is not in ``only``, if that is given, is of another program.
    """

    keys: str
    names: Mapping[str, str]
    only: str = ""


_PROGRAMS: Final = (
    # The time of saving an article in Wallabag is not that of its publication.
    _Program(
        "is_archived is_starred content", {"published": "published_at", "fetched": "created_at"}
    ),
    # Omnivore has the text in another file.
    _Program("slug savedAt readingProgress", {"summary": ""}),
    # Corpora of web pages: the only time is that of the crawl.
    _Program("text timestamp url", {"published": "", "fetched": "timestamp"}, "text timestamp url"),
    _Program("text dump file_path", {"published": "", "fetched": "date"}),
)


@lru_cache(maxsize=1024)
def squash(name: str) -> str:
    """Return ``name`` without what writers spell differently; dots remain.

    >>> squash("Source_Name.Value")
    'sourcename.value'
    """
    return ".".join(squashed(part) for part in name.split("."))


def _squash_all(names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(squash, names.split())))


_SQUASHED: Final = {field: _squash_all(names) for field, names in _NAMES.items()}
_FIELDS_BY_NAME: Final = {
    name: field for field, names in reversed(_SQUASHED.items()) for name in names
}
_SQUASHED_PROGRAMS: Final = tuple(
    (
        frozenset(_squash_all(each.keys)),
        {field: _squash_all(names) for field, names in each.names.items()},
        frozenset(_squash_all(each.only)),
    )
    for each in _PROGRAMS
)


def is_known_name(name: str) -> bool:
    """Return whether a dump may have a field of an article under ``name``."""
    return squash(name) in _FIELDS_BY_NAME


def field_named(name: str, names: Mapping[str, str]) -> str | None:
    """Return the field of an article that a dump has under ``name``, None if it is another.

    ``names`` has the user's names of fields, which replace those that are known.
    """
    squashed_name = squash(name)
    for field, own in names.items():
        if squash(own) == squashed_name:
            return field
    field_or_none = _FIELDS_BY_NAME.get(squashed_name)
    return None if field_or_none in names else field_or_none


def choose_names(keys: Collection[str], names: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Return the squashed names of each field, best first, for a record with squashed ``keys``.

    ``names`` has the user's names of fields.
    """
    chosen: Mapping[str, tuple[str, ...]] = _SQUASHED
    for needed, own, only in _SQUASHED_PROGRAMS:
        if needed.issubset(keys) and (not only or only.issuperset(keys)):
            chosen = {**chosen, **own}
            break
    if names:
        if "body" in names:  # nothing else is the text
            chosen = {**chosen, "summary": ()}
        chosen = {**chosen, **{field: (squash(name),) for field, name in names.items()}}
    return chosen


def may_have_text(keys: Iterable[str], wanted: Mapping[str, Iterable[str]]) -> bool:
    """Return whether a record with squashed ``keys`` has a field for a text, also an empty one.

    ``wanted`` has the names that :func:`choose_names` returns.
    """
    names = {name.partition(".")[0] for field in ("body", "summary") for name in wanted[field]}
    return not names.isdisjoint(keys)


_TEXTS: Final = frozenset(_SQUASHED["body"])
_TITLES: Final = frozenset(_SQUASHED["title"])


def has_text(value: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Return whether an object has the text of one article, not a list of articles or a column."""
    wanted = {squash(names["body"])} if "body" in names else _TEXTS
    has_own_title = has_title(value, names)
    for key, each in value.items():
        name = squash(key)
        if isinstance(each, str):
            if name in wanted and each.strip():
                return True
        elif isinstance(each, list) and each:
            first = each[0]
            if isinstance(first, str) and name in wanted and has_own_title:
                return True
            if (
                isinstance(first, dict)
                and not has_title(first, names)
                and _leads(name, first, wanted)
            ):
                return True
        elif isinstance(each, dict) and _leads(name, each, wanted):
            return True
    return False


def _leads(name: str, inner: Mapping[str, Any], wanted: Collection[str]) -> bool:
    """Return whether an inner object has a wanted name with a dot."""
    return any(f"{name}.{squash(key)}" in wanted for key in inner)


def has_title(value: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Return whether an object has a title that is a text."""
    wanted = {squash(names["title"])} if "title" in names else _TITLES
    return any(isinstance(each, str) and squash(key) in wanted for key, each in value.items())

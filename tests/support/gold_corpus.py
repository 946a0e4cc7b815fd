"""A synthetic archive with its gold: invented articles, rendered in the page shapes of real ones.

The texts are in ``tests/fixtures/gold/articles.toml``. What a careful reader takes from each
rendered file is known, because the file was made from it, so the tests of exactness, extraction
and relevance run on this archive everywhere, and on the real archives where these are at hand.
"""

from __future__ import annotations

import html
import json
import random
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

GOLD_FILE: Final = Path(__file__).parents[1] / "fixtures" / "gold" / "articles.toml"

BOILERPLATE: Final = (
    "站内导航要闻",
    "这里是广告位出租",
    "热门排行第一名",
    "读者评论：写得好",
    "备案号九九九",
)
"""Strings around the articles of whole pages; no article may contain one."""


@dataclass(frozen=True)
class GoldArticle:
    """An article as a careful reader takes it from its file."""

    key: str
    shape: str
    outlet: str
    url: str
    date: str
    authors: tuple[str, ...]
    title: str
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    paragraphs: tuple[str, ...]
    queries: tuple[str, ...]
    subheadings: tuple[str, ...] = ()

    @property
    def source(self) -> str | None:
        """The outlet as its file names it: by its host where there is only an address, or not."""
        if self.shape == "linked":
            return urlsplit(self.url).netloc.removeprefix("www.")
        return None if self.shape == "plain" else self.outlet

    @property
    def published(self) -> str:
        """The date as its file states it: day, or seconds with the offset of the time zone."""
        if self.shape == "linked":
            return datetime.fromisoformat(self.date).astimezone(UTC).isoformat()
        return self.date

    @property
    def file_name(self) -> str:
        return self.key + {"page": ".html", "meta": ".html", "plain": ".txt", "linked": ".txt"}.get(
            self.shape, ".md"
        )

    @property
    def encoding(self) -> str:
        """GB 18030 for plain Chinese text, as old archives have it; UTF-8 for all others."""
        return "gb18030" if self.shape == "plain" and not self.title.isascii() else "utf-8"


def load_gold(path: Path = GOLD_FILE) -> list[GoldArticle]:
    """Return all articles of the gold file, in its order."""
    tables = tomllib.loads(path.read_text("utf-8"))["article"]
    return [GoldArticle(**_as_tuples(table)) for table in tables]


def _as_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def write_archive(folder: Path) -> list[tuple[Path, GoldArticle]]:
    """Write one file for each gold article into ``folder``, and return the files with the gold."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for article in load_gold():
        path = folder / article.file_name
        path.write_bytes(_SHAPES[article.shape](article).encode(article.encoding))
        written.append((path, article))
    return written


def write_distractors(folder: Path, count: int, seed: int = 7) -> None:
    """Write articles made of three random paragraphs, each from another gold article."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    gold = load_gold()
    for number in range(count):
        sources = chance.sample(gold, 3)
        paragraphs = [chance.choice(source.paragraphs) for source in sources]
        head = f"---\ntitle: 第{number}号摘编\ndate: {sources[0].date}\n---\n\n"
        path = folder / f"distractor-{number:04}.md"
        path.write_text(head + "\n\n".join(paragraphs) + "\n", "utf-8")


def extract(path: Path) -> Article:
    """Return the article that newsgrep extracts from a file, by the built-in outlet rules."""
    return extract_article(
        str(path), path.read_bytes(), outlets=load_outlets(), mtime=path.stat().st_mtime
    )


def _front_matter(article: GoldArticle, author: str, *, source: bool = False) -> str:
    lines = [f'title: "{article.title}"', f"date: {article.date}"]
    lines += [f"author: {author}"] if author else []
    lines += [f"source: {article.outlet}"] if source else []
    lines += [f"from: {article.url}"] if article.url else []
    lines += [f"tags: [ {', '.join(article.tags)} ]"] if article.tags else []
    return "\n".join(("---", *lines, "---", ""))


def _blocks(article: GoldArticle, heading: str = "h2") -> Iterator[str]:
    for paragraph in article.paragraphs:
        tag = heading if paragraph in article.subheadings else "p"
        yield f"<{tag}>{html.escape(paragraph, quote=False)}</{tag}>"


def _page(article: GoldArticle) -> str:
    """Return a whole page with structured data, and everything that pages have around the text."""
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "datePublished": article.date,
        "author": [{"@type": "Person", "name": name} for name in article.authors],
        "publisher": {"@type": "Organization", "name": article.outlet},
        "mainEntityOfPage": article.url,
    }
    navigation, advertisement, popular, comment, footer = BOILERPLATE
    figures = "\n".join(
        f'<figure><img src="/{article.key}.jpg"><figcaption>{caption}</figcaption></figure>'
        for caption in article.captions
    )
    first, *others = _blocks(article)
    tags = "\n".join(f'<meta property="article:tag" content="{tag}">' for tag in article.tags)
    return f"""<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<title>{article.title} - {article.outlet}</title>
<link rel="canonical" href="{article.url}">
<meta property="og:site_name" content="{article.outlet}">
{tags}
<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>
</head>
<body>
<nav><a href="/">{navigation}</a> <a href="/economy/">经济</a> <a href="/culture/">文化</a></nav>
<article>
<h1>{article.title}</h1>
<div class="meta"><time datetime="{article.date}">{article.date[:10]}</time></div>
{figures}
{first}
<div class="ad">{advertisement}</div>
{chr(10).join(others)}
</article>
<aside class="sidebar"><h3>{popular}</h3><ul><li><a href="/x/1">{popular}</a></li></ul></aside>
<section class="comments"><p>{comment}</p></section>
<footer><p>{footer}</p></footer>
</body>
</html>
"""


def _meta(article: GoldArticle) -> str:
    """Return a page whose only data are meta tags, with a body of nested divisions."""
    navigation, advertisement, popular, comment, footer = BOILERPLATE
    metas = [
        ("og:type", "article"),
        ("og:title", article.title),
        ("og:site_name", article.outlet),
        ("og:url", article.url),
        ("article:published_time", article.date),
        *(("article:author", name) for name in article.authors),
        *(("article:tag", tag) for tag in article.tags),
    ]
    tags = "\n".join(f'<meta property="{name}" content="{value}">' for name, value in metas)
    captions = "".join(f'<p class="caption">{caption}</p>' for caption in article.captions)
    return f"""<!DOCTYPE html>
<html>
<head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<title>{article.title} | {article.outlet}</title>
{tags}
</head>
<body>
<div id="header"><ul class="menu"><li><a href="/">{navigation}</a></li></ul></div>
<div id="main"><div class="article-detail">
<h1>{article.title}</h1>
<div class="article-body">
<div class="photo"><img src="/img/{article.key}.jpg" alt="" />{captions}</div>
{chr(10).join(_blocks(article, "h3"))}
</div>
<div class="share-bar"><a href="#">分享</a><a href="#">收藏</a></div>
<div class="advertisement">{advertisement}</div>
</div></div>
<div class="sidebar"><h3>{popular}</h3><ul><li><a href="/1">{popular}</a></li></ul></div>
<div id="comments"><p>{comment}</p></div>
<div id="footer">{footer}</div>
</body>
</html>
"""


def _feed(article: GoldArticle) -> str:
    """Return front matter over one line of HTML, as programs write that keep a feed."""
    captions = "".join(
        f'<img src="https://img.{urlsplit(article.url).netloc}/{article.key}.jpg" width="100%">'
        f'<div><small style="color: #999;">{caption}</small></div>'
        for caption in article.captions
    )
    author = article.authors[0] if article.authors else article.outlet
    head = _front_matter(article, author)
    head = head.replace("---\n", f"---\nlayout: post\ncategories: [ {article.outlet} ]\n", 1)
    return (
        f"{head}[{article.title}]({article.url})\n------\n\n"
        f"<div>{captions}{''.join(_blocks(article))}</div>\n"
    )


def _linked(article: GoldArticle) -> str:
    """Return a link line over HTML whose first line is the date."""
    when = datetime.fromisoformat(article.date).astimezone(UTC)
    captions = "".join(
        f'<img src="a.jpg"><div><small>{caption}</small></div>' for caption in article.captions
    )
    byline = f'<p class="byline">记者 {article.authors[0]}</p>' if article.authors else ""
    fetched = int(when.timestamp()) + 3600
    return (
        f"<!--{fetched}000-->\n[{article.title}]({article.url})\n------\n\n"
        f"<div><div><i>{when:%a, %d %b %Y %H:%M:%S} GMT</i></div>{byline}{captions}"
        f"{''.join(_blocks(article))}</div>"
    )


def _markdown(article: GoldArticle) -> str:
    head = _front_matter(article, ", ".join(article.authors), source=True)
    captions = [f"![{caption}]({article.key}.jpg)" for caption in article.captions]
    blocks = [
        f"## {paragraph}" if paragraph in article.subheadings else paragraph
        for paragraph in article.paragraphs
    ]
    return head + "\n" + "\n\n".join((*captions, *blocks)) + "\n"


def _plain(article: GoldArticle) -> str:
    """Return text without any mark-up: the title, the date, who wrote it, paragraphs."""
    when = datetime.fromisoformat(article.date)
    if article.title.isascii():
        head = f"\nBy {article.authors[0]}\n{when:%B} {when.day}, {when.year}"
    else:
        head = f"{when.year}年{when.month}月{when.day}日\n记者 {article.authors[0]}"
    return f"{article.title}\n{head}\n\n" + "\n\n".join(article.paragraphs) + "\n"


def _wordpress(article: GoldArticle) -> str:
    """Return front matter over the article element of a blog."""
    captions = "\n".join(
        f'<figure class="wp-caption"><img src="w.jpg"/><figcaption class="wp-caption-text">'
        f"{caption}</figcaption></figure>"
        for caption in article.captions
    )
    head = _front_matter(article, article.authors[0])
    head = head.replace("---\n", f"---\nlayout: post\ncategories: [ {article.outlet} ]\n", 1)
    return f"""{head}
<article class="post type-post hentry">
 <header class="entry-header"><h1 class="entry-title">{article.title}</h1>
  <div class="entry-meta"><time class="entry-date published" datetime="{article.date}">
   {article.date[:10]}</time> <span class="byline">作者：<span class="author vcard">
   {article.authors[0]}</span></span></div>
 </header>
 <div class="entry-content">
 {captions}
 {chr(10).join(_blocks(article, "h3"))}
 </div>
 <footer class="entry-footer"><span class="comments-link"><a href="#respond">{BOILERPLATE[3]}</a>
 </span></footer>
</article>
"""


_SHAPES: Final[dict[str, Callable[[GoldArticle], str]]] = {
    "page": _page,
    "meta": _meta,
    "feed": _feed,
    "linked": _linked,
    "markdown": _markdown,
    "plain": _plain,
    "wordpress": _wordpress,
}

"""Formats: each form in which archives contain articles gives the expected fields."""

from __future__ import annotations

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

# ruff: noqa: E501 - sample documents are written as in a file


OUTLETS = load_outlets()
MTIME = 1_750_000_000.0  # 2025-06-15


def read(text: str, path: str = "/archive/a.txt") -> Article:
    return extract_article(path, text.encode(), outlets=OUTLETS, mtime=MTIME)


LINKED = """<!--1718000000000-->
[港口重開 首批貨輪清晨靠岸](https://news.example.org/2024/06/10/port.html?utm_source=rss)
------

<div><div><i>Mon, 10 Jun 2024 01:02:03 GMT</i></div>
<img src="a.jpg"><div><small>首批貨輪清晨駛入港口。</small></div>
<p>封港七天之後，首批貨輪清晨靠岸。<br /><br />碼頭工人說，<b>積壓的貨物</b>要兩周才能清完。<br>後續另報。</p>
<ul><li><a href="/2024/06/09/closed.html">封港首日見聞</a></li><li><a href="/x">更多</a></li></ul>
<h2>原因仍待調查</h2><p>港務局尚未公布封港的原因。</p></div>"""


def test_link_line_before_html() -> None:
    article = read(LINKED)
    assert article.title == "港口重開 首批貨輪清晨靠岸"
    assert article.url == "https://news.example.org/2024/06/10/port.html?utm_source=rss"
    assert article.source == "news.example.org"
    assert article.fetched == "2024-06-10T06:13:20+00:00"
    assert article.published is not None
    assert article.published.iso == "2024-06-10T01:02:03+00:00"
    assert article.paragraphs == (
        "封港七天之後，首批貨輪清晨靠岸。",
        "碼頭工人說，積壓的貨物要兩周才能清完。\n後續另報。",
        "原因仍待調查",
        "港務局尚未公布封港的原因。",
    )
    assert article.captions == ("首批貨輪清晨駛入港口。",)
    assert article.provenance == {
        "title": "link line",
        "source": "URL",
        "published": "first line of the body",
    }


FRONT = """---
layout: post
title: "河堤加固工程提前完工 - 河口周报"
date: 2024-06-10T00:00:00.000Z
author: {author}
from: https://river.example.org/a/1
tags: [ 河口周报 ]
categories: [ 河口周报 ]
---
{body}"""


def test_front_matter_before_html() -> None:
    article = read(FRONT.format(author="林晓舟", body="<p>工程比计划早了三周。</p>"))
    assert article.title == "河堤加固工程提前完工"
    assert article.source == "河口周报"
    assert article.authors == ("林晓舟",)
    assert article.tags == ("河口周报",)
    assert article.published is not None
    assert article.published.iso == "2024-06-10"  # a midnight that a program filled in


def test_outlet_as_author_is_no_person() -> None:
    article = read(FRONT.format(author="河口周报", body="<p>工程比计划早了三周。</p>"))
    assert article.source == "河口周报"
    assert article.authors == ()


def test_front_matter_before_markdown() -> None:
    body = """**河口消息**（记者）：[加固工程](https://example.org/x)提前**“三周”**完工。

## 下一步

- 种树
- 铺路

> 居民说，河边安静了。

![工人在河堤上铺设最后一段石板，天刚刚亮。](a.jpg)

    缩进的段落不是代码。
"""
    article = read(FRONT.format(author="林晓舟", body=body), "/archive/a.md")
    assert article.paragraphs == (
        "河口消息（记者）：加固工程提前“三周”完工。",
        "下一步",
        "种树",
        "铺路",
        "居民说，河边安静了。",
        "缩进的段落不是代码。",
    )
    assert article.captions == ("工人在河堤上铺设最后一段石板，天刚刚亮。",)


def test_front_matter_with_invalid_yaml() -> None:
    text = (
        '---\ntitle: "他说："没事"：真的"\ndate: 2024-06-10\ntags: [ a, b ]\n---\n<p>正文在此。</p>'
    )
    article = read(text, "/archive/a.md")
    assert article.title == '他说："没事"：真的'
    assert article.tags == ("a", "b")
    assert article.body == "正文在此。"
    assert any("YAML" in note for note in article.notes)


PLAIN = """

夜市搬迁之后 | 河口周报

摊主们说，新址离车站太远。

2024年6月9日，摊主在新址卸货。摄：林晓舟/河口周报

6月10日是[搬迁](#)后的第一个周末。客流不到原来的一半，2*3*4 的摊位空着。（延伸阅读：[《夜市三十年》](#)）

[#夜市](#) [#城市更新](#)
"""


def test_plain_text_with_title_line() -> None:
    article = read(PLAIN)
    assert article.title == "夜市搬迁之后"
    assert article.source == "河口周报"
    assert article.paragraphs == (
        "摊主们说，新址离车站太远。",
        "6月10日是搬迁后的第一个周末。客流不到原来的一半，2*3*4 的摊位空着。（延伸阅读：《夜市三十年》）",
    )
    assert article.captions == ("2024年6月9日，摊主在新址卸货。",)
    assert article.tags == ("夜市", "城市更新")
    assert article.url is None
    assert article.published is not None
    assert article.published.iso == "2024-06-09"
    assert article.provenance["published"] == "text"


def test_one_paragraph_gives_title() -> None:
    article = read("这是一篇没有标题也没有日期的短文。它只有一段。")
    assert article.title == "这是一篇没有标题也没有日期的短文。它只有一段。"
    assert article.provenance["title"] == "first line of the body"
    assert article.published is None
    assert article.file_time == "2025-06-15T15:06:40+00:00"


PAGE = """<!DOCTYPE html><html lang="zh"><head><title>山火蔓延至三县 - 山城日报</title>
<meta property="og:title" content="山火蔓延至三县"><meta property="og:site_name" content="山城日报">
<meta property="article:published_time" content="2024-06-10T08:30:00+08:00">
<link rel="canonical" href="https://hill.example.org/fire"><meta name="keywords" content="山火,消防">
<script type="application/ld+json">{"@type":"NewsArticle","headline":"山火蔓延至三县",
"datePublished":"2024-06-10T08:30:00+08:00","author":[{"name":"周野"},{"name":"山城日报"}]}</script>
<style>p{color:red}</style></head><body>
<nav><a href="/">首页</a></nav><header class="site-header"><h2>山城日报</h2></header>
<main><article><h1>山火蔓延至三县</h1><div class="byline">记者 周野</div><time datetime="2024-06-10">今天</time>
<p>山火在大风中越过省道，蔓延至三县。</p><p style="display: none">看不见的字</p>
<figure><img src="f.jpg" alt="x"><figcaption>消防员在省道旁开辟隔离带。<cite>陈某/山城日报</cite></figcaption></figure>
<p>目前没有人员伤亡的报告。</p>
<table><tr><th>县</th><th>面积</th></tr><tr><td>东县</td><td>三百亩</td></tr></table>
<div class="share-buttons">分享到微博</div><div class="related-posts"><h3>相关文章</h3><p>去年的山火</p></div>
</article></main>
<div id="comments"><p>第一条评论</p><time datetime="2024-06-12">后天</time></div>
<footer>版权所有 © 山城日报</footer></body></html>"""


def test_whole_page() -> None:
    article = read(PAGE, "/archive/page.html")
    assert article.title == "山火蔓延至三县"
    assert article.source == "山城日报"
    assert article.url == "https://hill.example.org/fire"
    assert article.authors == ("周野",)
    assert article.published is not None
    assert article.published.iso == "2024-06-10T08:30:00+08:00"
    assert article.paragraphs == (
        "山火在大风中越过省道，蔓延至三县。",
        "目前没有人员伤亡的报告。",
        "县 面积",
        "东县 三百亩",
    )
    assert article.captions == ("消防员在省道旁开辟隔离带。",)
    assert article.tags == ("山火", "消防")


def test_english_page_keeps_spaces_and_capitals() -> None:
    page = (
        "<article><h1>Ferry service resumes</h1><p class='byline'>By ANNA LEE and Tom O'Neil</p>"
        "<p>The first\n<a href='https://example.org'>ferry</a>\n, half empty, left at\ndawn.</p></article>"
    )
    article = read(page, "/archive/page.htm")
    assert article.body == "The first ferry, half empty, left at dawn."
    assert article.authors == ("ANNA LEE", "Tom O'Neil")


def test_pretty_printed_html_keeps_words_whole() -> None:
    article = read(
        "<article>\n <p>\n  联合\n  <b>\n   声明\n  </b>\n  发表 之后\n </p>\n</article>"
    )
    assert article.body == "联合声明发表 之后"


def test_broken_markup_and_nuls() -> None:
    text = (
        LINKED.replace("<b>", "<b\0>")
        .replace("</h2>", "</span></h3>")
        .replace('src="a.jpg"', 'src="a')
    )
    assert "港務局尚未公布封港的原因" in read(text).body + " ".join(read(text).captions)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t\0",
        "---\ntitle: 只有标题\n---\n",
        "<nav><a href='/'>首页</a></nav><script>x=1</script>",
    ],
)
def test_file_without_text_is_rejected(text: str) -> None:
    with pytest.raises(NoArticle) as caught:
        read(text)
    assert str(caught.value)


def test_list_of_links_is_dropped() -> None:
    html = (
        "<p>清单如下，请各位读者留意查收。</p><ul><li>水</li><li>药</li></ul>"
        "<ul><li><a href='/1'>旧闻一</a></li><li><a href='/2'>旧闻二</a></li></ul>"
        "<ul><li><a href='https://other.example.net/paper'>论文一</a></li></ul><p>完。</p>"
    )
    article = read(html, "/archive/a.html")
    assert article.paragraphs[1:] == ("水", "药", "论文一", "完。")


def test_comments_and_hidden_text_are_dropped() -> None:
    html = (
        "<div class='entry-content'><p>正文的第一段在这里。</p><span class='element-invisible'>隐</span>"
        "<div class='sharedaddy'>共享</div><div class='comment-wrapper' id='comments'><p>评论</p></div></div>"
    )
    assert read(html, "/archive/a.html").body == "正文的第一段在这里。"


def test_long_last_heading_is_kept() -> None:
    note = "编者按：这一篇写在搬迁之前，发表时新址已经开张，文中的数字因此都是去年秋天的，读者请留意这一点。"
    html = f"<p>正文的第一段在这里。</p><h2>{note}</h2><h3>相关阅读</h3>"
    assert read(html, "/archive/a.html").paragraphs == ("正文的第一段在这里。", note)

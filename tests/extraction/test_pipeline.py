"""Extraction as a whole: cases that real archives contain, each with the expected fields."""

from __future__ import annotations

import contextlib
import time

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction.bylines import parse_names
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

# ruff: noqa: E501 - sample documents are written as in a file


OUTLETS = load_outlets()
MTIME = 1_790_000_000.0  # 2026-09-21
TEXT = "<p>河口的新桥在昨天通车，行人很多。</p><p>居民说，桥修了三年。</p>"


def read(text: str, path: str = "/archive/a.html", mtime: float = MTIME) -> Article:
    return extract_article(path, text.encode(), outlets=OUTLETS, mtime=mtime)


def between(html: str) -> tuple[str, ...]:
    """Return the paragraphs of ``html`` between two others."""
    page = f"<article><h1>题目</h1><p>第一段在这里说明情况。</p>{html}<p>最后一段在这里。</p></article>"
    return read(page).paragraphs[1:-1]


def published(text: str, path: str = "/archive/a.html", mtime: float = MTIME) -> tuple[str, str]:
    article = read(text, path, mtime)
    assert article.published is not None
    return article.published.iso, article.provenance["published"]


# Dates


@pytest.mark.parametrize(
    "head",
    [
        "<span>更新：<time datetime='2024-06-12'>x</time></span><span>发布：<time datetime='2024-06-10'>y</time></span>",
        "<p>最后更新于 <time datetime='2024-06-12'>x</time></p><p><time datetime='2024-06-10'>y</time></p>",
        "<p><b>Last updated:</b> <time datetime='2024-06-12'>x</time></p><p><time datetime='2024-06-10'>y</time></p>",
        "<time itemprop='dateModified' datetime='2024-06-12'>x</time><time datetime='2024-06-10'>y</time>",
        "<div class='comment-item'><time datetime='2024-06-12'>x</time> 路人</div><time datetime='2024-06-10'>y</time>",
    ],
)
def test_date_ignores_updates_and_comments(head: str) -> None:
    assert published(f"<article>{head}{TEXT}</article>") == ("2024-06-10", "time element")


def test_time_element_in_running_text_is_ignored() -> None:
    page = (
        "<!--1718000000000-->\n[桥](https://river.example.org/a)\n------\n"
        "<p>大桥在<time datetime='1987-03-01'>1987年3月1日</time>首次通车，如今已旧。</p>"
    )
    assert read(page, "/archive/a.txt").published is None


@pytest.mark.parametrize("mtime", [0.0, 315_532_800.0])
def test_file_time_of_archiver_is_ignored(mtime: float) -> None:
    text = f"---\ntitle: 桥\ndate: 2024-06-12\n---\n{TEXT}"
    assert published(text, "/archive/a.md", mtime) == ("2024-06-12", "front matter")


def test_date_in_claims_and_url_beats_file_time() -> None:
    text = f"---\ntitle: 桥\ndate: 2024-06-12\nurl: https://river.example.org/2024/06/12/a\n---\n{TEXT}"
    assert published(text, "/archive/a.md", 1_700_000_000.0) == ("2024-06-12", "front matter")
    alone = text.replace("/2024/06/12/a", "/a")
    assert read(alone, "/archive/a.md", 1_700_000_000.0).published is None


# Titles and outlets


@pytest.mark.parametrize(
    ("stated", "title", "source"),
    [
        ("石桥修好了_社会_河口新闻网", "石桥修好了", "河口新闻网"),
        ("石桥修好了_河口新闻网", "石桥修好了", "河口新闻网"),
        ("石桥修好了 | 河口周报", "石桥修好了", "河口周报"),
        ("石桥修好了 - 河口周报", "石桥修好了", "河口周报"),
        ("石桥修好了-河口周报", "石桥修好了", "河口周报"),
        ("石桥修好了 - 社会 - 河口周报", "石桥修好了", "河口周报"),
        ("石桥修好了 - 三年之后 - 河口周报", "石桥修好了 - 三年之后", "河口周报"),
        ("石桥修好了——三年之后", "石桥修好了——三年之后", None),
        ("石桥修好了 | 访谈", "石桥修好了 | 访谈", None),
        ("石桥修好了 - 社会新闻", "石桥修好了 - 社会新闻", None),
        ("A bridge reopens - River Weekly", "A bridge reopens", "River Weekly"),
        ("A bridge reopens – and closes", "A bridge reopens – and closes", None),
    ],
)
def test_title_loses_outlet_and_section(stated: str, title: str, source: str | None) -> None:
    article = read(f"<html><head><title>{stated}</title></head><body>{TEXT}</body></html>")
    assert (article.title, article.source) == (title, source)


@pytest.mark.parametrize("length", [10_000, 10_001])
@pytest.mark.parametrize(
    ("path", "form"), [("/a.html", "<h1>{}</h1>" + TEXT), ("/a.md", "---\ntitle: {}\n---\n" + TEXT)]
)
def test_title_of_more_than_10000_characters_is_no_title(path: str, form: str, length: int) -> None:
    article = read(form.format("港" * length), path)
    if length > 10_000:
        assert len(article.title) <= 100
        assert path == "/a.md" or "港" * length in article.body
    else:
        assert len(article.title) == length


def test_headline_with_lead_in_one_heading() -> None:
    stated = "渔港札记: 清晨的第一网"
    head = f'<title>{stated}</title><meta property="og:title" content="{stated}">'
    headings = f"<h1>{stated} 船队在天亮之前回到港口</h1><h2>渔港札记</h2>"
    article = read(f"<html><head>{head}</head><body>{headings}{TEXT}</body></html>")
    assert article.title == stated


@pytest.mark.parametrize("topic", ["生活", "读书笔记", "国际新闻", "评论", "Tech", "life"])
def test_category_of_blog_is_a_tag(topic: str) -> None:
    text = f"---\ntitle: 桥\ncategories: [{topic}]\ntags: [散步]\nurl: https://blog.example.org/a\n---\n{TEXT}"
    article = read(text, "/archive/a.md")
    assert article.source == "blog.example.org"
    assert article.tags == ("散步", topic)


def test_category_with_outlet_name_is_source() -> None:
    text = f"---\ntitle: 桥\ncategories: [河口周报]\ntags: [桥]\n---\n{TEXT}"
    assert read(text, "/archive/a.md").source == "河口周报"


# People


@pytest.mark.parametrize(
    ("byline", "people"),
    [
        ("记者 张三 北京报道", ["张三"]),
        ("本报记者张三", ["张三"]),
        ("本报记者 张三 李四", ["张三", "李四"]),
        ("河口周报记者 张三", ["张三"]),
        ("张三/文", ["张三"]),
        ("张三 / 文 李四 / 图", ["张三"]),
        ("文 | 张三 编辑 | 李四", ["张三"]),
        ("采写 | 张三  摄影 | 李四", ["张三"]),
        ("作者 | 张三\n编辑 | 李四", ["张三"]),
        ("作者:张三 编辑:李四", ["张三"]),
        ("来源：河口周报 作者：张三", ["张三"]),
        ("作者：张三、李四", ["张三", "李四"]),
        ("张三\n李四", ["张三", "李四"]),
        ("〔記者張三／台北報導〕", ["張三"]),
        ("（記者 張三）", ["張三"]),
        ("[英]约翰·史密斯", ["约翰·史密斯"]),
        ("作者：约翰·史密斯（John Smith）", ["约翰·史密斯"]),
        ("By JOHN SMITH and 李四", ["JOHN SMITH", "李四"]),
        ("By John Smith and Jane Doe, Staff Writers", ["John Smith", "Jane Doe"]),
        ("Text by Anna Lee; photos by Bob Ray", ["Anna Lee"]),
        ("责任编辑：张三", []),
        ("图/张三", []),
        ("张三 译", []),
        ("Carla Editor Smith", ["Carla Editor Smith"]),
    ],
)
def test_parse_names_returns_writers_only(byline: str, people: list[str]) -> None:
    assert parse_names(byline) == people


@pytest.mark.parametrize("byline", ["张三/文 李四/图", "本报记者张三", "作者：张三　编辑：李四"])
def test_byline_line_is_not_text(byline: str) -> None:
    article = read(f"<article><h1>桥</h1><p>{byline}</p>{TEXT}</article>")
    assert article.authors == ("张三",)
    assert article.paragraphs[0].startswith("河口的新桥")


# What is text, and what is not


@pytest.mark.parametrize(
    "text",
    [
        "下一篇文章将介绍造桥的办法。",
        "上一篇里写到了路上的见闻，这一篇写桥。",
        "拍摄/上传新桥的照片以前，先擦一擦镜头。",
        "参考文献：\nhttps://river.example.org/a\nhttps://river.example.org/b",
        "In CSS, write p {color} to set it.",
    ],
)
def test_sentence_like_boilerplate_is_kept(text: str) -> None:
    assert between(f"<p>{text.replace(chr(10), '<br>')}</p>") == (text,)


@pytest.mark.parametrize(
    "html",
    [
        "<p>上一篇：桥</p><p>下一篇 » 路</p>",
        "<p>p.p1 {margin: 0.0px; font: 12.0px Times}<br>span.s1 {font-kerning: none}</p>",
        "<p>&nbsp;</p><p>&amp;nbsp;</p><p>\u3000\u3000</p><p>\u200b</p>",
        "<div class='ai2html'><div class='g-artboard'><div class='g-aiAbs'><p>10</p><p>20</p></div></div></div>",
        "<div><svg><text>10</text></svg></div>",
        "<p>前文可以在这里回顾：</p><ul><li><a href='/1'>旧闻一</a></li><li><a href='/2'>旧闻二</a></li></ul>",
        "<section><a href='/1'><h2>旧闻一</h2><p>提要</p></a><a href='/2'><h2>旧闻二</h2></a></section>",
    ],
)
def test_boilerplate_is_dropped(html: str) -> None:
    assert between(html) == ()


def test_notice_after_line_break_is_dropped() -> None:
    page = "<p>第一段在这里。</p><p>桥修好了。<br>行人很多。<br>———<br>请微信搜索“河口”关注我们</p>"
    assert read(page).paragraphs[-1] == "桥修好了。\n行人很多。"


def test_medium_footer_is_dropped() -> None:
    page = f"{TEXT}<p>桥 was originally published in 河口 on Medium, where people are continuing the conversation by highlighting and responding to this story.</p>"
    assert "Medium" not in read(page).body


def test_sentences_of_chart_are_captions() -> None:
    board = (
        "<div class='g-artboard'><p>30</p><p>自2010年以来，河口的桥少了一半，船多了一倍。</p></div>"
    )
    article = read(f"<article>{TEXT}<div class='ai2html'>{board}{board}</div></article>")
    assert article.captions == ("自2010年以来，河口的桥少了一半，船多了一倍。",)
    assert "30" not in article.paragraphs


@pytest.mark.parametrize(
    ("caption", "kept"),
    [
        (
            "左图：旧码头的灯塔；右图：新桥的栏杆。",
            "左图：旧码头的灯塔；右图：新桥的栏杆。",
        ),
        (
            "《渡口》摄影：周某。天亮以前，船都靠了岸。",
            "《渡口》摄影：周某。天亮以前，船都靠了岸。",
        ),
        ("船都靠了岸。摄影：周某", "船都靠了岸。"),
        ("船都靠了岸。图：周某/河口社", "船都靠了岸。"),
    ],
)
def test_strip_credit_keeps_caption(caption: str, kept: str) -> None:
    page = (
        f"<article>{TEXT}<figure><img src='a'><figcaption>{caption}</figcaption></figure></article>"
    )
    assert read(page).captions == (kept,)


@pytest.mark.parametrize(
    ("html", "paragraphs"),
    [
        ("<p><ruby>漢<rp>(</rp><rt>hàn</rt><rp>)</rp></ruby><ruby>字<rt>zì</rt></ruby></p>", ("漢字",)),
        ("<p>联\u200b合\u200d声\ufeff明</p>", ("联合声明",)),
        ("<p>\u3000\u3000缩进的一段。</p>", ("缩进的一段。",)),
        ("<p>甲<br>乙<br><br/><br>\u3000\u3000丙<br>&nbsp;<br>丁</p>", ("甲\n乙", "丙", "丁")),
        ("<ul><li>甲<ul><li>子<ol><li>丑</li></ol></li></ul></li><li>乙</li></ul>", ("甲", "子", "丑", "乙")),
        ("<pre>第一行  x\n  第二行\n\n第三段</pre>", ("第一行 x\n第二行", "第三段")),
        ("<dl><dt>术语</dt><dd>定义的话。</dd></dl>", ("术语", "定义的话。")),
        ("<table>\n<tr>\n<td>\n1,000\n</td>\n<td>\n-5.2%\n</td>\n</tr>\n</table>", ("1,000 -5.2%",)),
        ("<table>\n<tr>\n<th>\n年\n</th>\n<th>\n<p>数</p>\n</th>\n</tr>\n</table>", ("年 数",)),
        ("<p>甲&amp;nbsp;乙&amp;ldquo;引&amp;rdquo;&amp;#39;A &amp;amp; B</p>", ("甲 乙“引”'A & B",)),
        ("<p>写作 &amp;lt;p&amp;gt; 的标签</p>", ("写作 &lt;p&gt; 的标签",)),
    ],
)  # fmt: skip
def test_text_is_as_the_page_displays_it(html: str, paragraphs: tuple[str, ...]) -> None:
    assert between(html) == paragraphs


MARKDOWN = """---
title: 桥
---

面积是 2*3*4，变量叫 snake_case_name，话题是 #话题#，*强调*了~~两次~~。

```python
def f(a_b):
    return a_b * 2
```

| 年 | 数 |
|---|---|
| 2024 | 20 |

脚注在此[^1]，再一个[^2]。

[^1]: 脚注的文字。
[^2]: 又一个脚注。
"""


def test_markdown_keeps_stars_code_tables_footnotes() -> None:
    assert read(MARKDOWN, "/archive/a.md").paragraphs == (
        "面积是 2*3*4，变量叫 snake_case_name，话题是 #话题#，强调了两次。",
        "def f(a_b):\nreturn a_b * 2",
        "年 数",
        "2024 20",
        "脚注在此，再一个。",
        "脚注的文字。",
        "又一个脚注。",
    )


# Robustness


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        "<h1>" * 100_000 + "桥",
        "<address>" * 100_000 + "桥",
        "<p><time>" * 50_000 + "桥",
        "<p>" + "<br>" * 200_000 + "桥",
        "---\ntitle: 桥\nlist:\n" + "- abc def\n" * 300_000 + "---\n" + TEXT,
        "- abc def\n" * 300_000,
        "<p class='" + "a " * 2_000_000 + "'>桥",
    ],
    ids=lambda data: data[:12],
)
def test_monstrous_file_takes_bounded_time(data: str) -> None:
    start = time.process_time()
    with contextlib.suppress(NoArticle):
        read(data, "/archive/a.md")
    assert time.process_time() - start < 20


def test_long_front_matter_is_not_text() -> None:
    article = read("---\ntitle: 桥\nlist:\n" + "- abc\n" * 50_000 + f"---\n{TEXT}", "/archive/a.md")
    assert article.title == "桥"
    assert "abc" not in article.body


@pytest.mark.parametrize(
    "fields",
    [
        "a: &a\n  name: *a\nauthor: *a\n",
        "a: &a [*a]\nauthor: *a\n",
        "a: &a {name: x}\n"
        + "".join(f"b{i}: &b{i} {{name: *{'a' if not i else f'b{i - 1}'}}}\n" for i in range(900)),
        "a: &a [x,x,x]\n"
        + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}, *a, *a]\n" for i in range(60)),
    ],
    ids=["itself", "list", "chain", "laughs"],
)
def test_yaml_aliases_are_bounded(fields: str) -> None:
    article = read(f"---\n{fields}title: 桥\n---\n{TEXT}", "/archive/a.md")
    assert article.title == "桥"


def test_xml_entities_are_not_expanded() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;">'
        f'<!ENTITY c SYSTEM "file:///etc/hostname">]><p>&b;&c;</p>{TEXT}'
    )
    assert "haha" not in read(bomb).body.partition("河口")[2]


@pytest.mark.parametrize(
    "html",
    [
        "<p>请用下面的模式：</p><ul><li><a href='mailto:a@river.example.org'>甲的邮箱</a></li></ul>",
        "<p>不仅河口在修桥，而且山城也在修，下面是例子：</p><ul><li><a href='/1'>旧闻</a></li></ul>",
    ],
)
def test_list_of_other_links_is_kept(html: str) -> None:
    assert between(html)

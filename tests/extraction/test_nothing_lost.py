"""No sentence vanishes: whatever a page's markup is, body, captions or left-out text has it."""

from __future__ import annotations

import re
from html import escape
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

OUTLETS = load_outlets()

_WHO: Final = (
    "船长马西风",
    "卖姜茶的佟婶",
    "网管老荣",
    "会计谢明",
    "渡口的老石",
    "编辑小邬",
    "Ferryman Otis",
)
_SAYS: Final = ("说", "告诉乡亲们", "在会上表示", "回忆", "写道", "said that")
_WHAT: Final = (
    "江上的雾一直到第{}天才散，四条渡船都系在岸边",
    "仓库里还剩{}袋盐，够全镇用到开春",
    "未经他同意，那{}张照片被贴到了公告栏上",
    "扫码付钱的人多了，{}个摊主却还是收现金",
    "编辑部一共收到{}封来信，多数是问路的",
    "他分享了{}条经验，台下没有人记笔记",
    "广告牌倒了以后，{}户人家的灯亮了一夜",
    "相关部门在第{}号通知里改了口径",
    "关注水位的人把手机挂在第{}根电线杆上",
    "版权页上印着第{}版，日期却是去年的",
    "点击声响了{}下，闸门才慢慢升起来",
    "登录的人排到了第{}位，窗口关了",
)
_ENDS: Final = "。。。！？"

# Names of classes and ids in the pages of news sites and blogs, of articles and of furniture.
_NAMES: Final = (
    "content", "article", "article-body", "articleBody", "main", "main-content", "post",
    "post-body", "entry-content", "entry", "text", "story", "story-body", "rich_media_content",
    "detail",
    "news_txt", "con_text", "TRS_Editor", "zoom", "left", "wrap", "container", "row", "col-md-8",
    "widget", "widget-content", "share", "share-body", "social", "social-content", "ad", "main-ad",
    "sidebar", "sidebar-left", "comment", "comments", "comment-body", "related", "related-news",
    "recommend", "footer", "foot", "header", "nav", "navigation", "menu", "breadcrumb", "tags",
    "hidden", "hide", "popup", "modal", "login", "form", "copyright", "editor", "author", "meta",
    "toolbar", "tools", "qrcode", "print", "subscribe", "newsletter", "promo", "banner", "paywall",
    "no-js", "js-content", "lazy", "loading", "tab-content", "swiper-slide", "slide", "gallery", "",
)  # fmt: skip
_CONTAINERS: Final = (
    "div",
    "article",
    "section",
    "main",
    "td",
    "form",
    "span",
    "aside",
    "center",
    "header",
    "li",
)
_PARAGRAPHS: Final = (
    "p",
    "div",
    "section",
    "blockquote",
    "li",
    "span",
    "font",
    "h4",
    "td",
    "dd",
    "pre",
    "br",
)
_INLINE: Final = (
    "b",
    "strong",
    "em",
    "a",
    "span",
    "font",
    "u",
    "mark",
    "q",
    "sup",
    "small",
    "time",
    "label",
)


@st.composite
def sentences(draw: st.DrawFn) -> str:
    what = draw(st.sampled_from(_WHAT)).format(draw(st.integers(2, 9999)))
    text = f"{draw(st.sampled_from(_WHO))}{draw(st.sampled_from(_SAYS))}，{what}"
    return text + draw(st.sampled_from(_ENDS))


@st.composite
def marked(draw: st.DrawFn, text: str) -> str:
    """Return a sentence with an inline element around a part of it, sometimes."""
    if draw(st.integers(0, 3)):
        return escape(text)
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start, len(text)))
    tag = draw(st.sampled_from(_INLINE))
    name = draw(st.sampled_from(_NAMES))
    link = ' href="/x"' if tag == "a" else ""
    inside = f'<{tag} class="{name}"{link}>{escape(text[start:end])}</{tag}>'
    return escape(text[:start]) + inside + escape(text[end:])


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a page and the sentences of its article."""
    paragraphs = draw(
        st.lists(
            st.lists(sentences(), min_size=1, max_size=3), min_size=1, max_size=7, unique_by=tuple
        )
    )
    tag = draw(st.sampled_from(_PARAGRAPHS))
    parts = []
    for paragraph in paragraphs:
        inner = "".join(draw(marked(each)) for each in paragraph)
        name = draw(st.sampled_from(_NAMES)) if not draw(st.integers(0, 4)) else ""
        attribute = f' class="{name}"' if name else ""
        parts.append(f"{inner}<br><br>" if tag == "br" else f"<{tag}{attribute}>{inner}</{tag}>")
    body = "\n".join(parts)
    for _ in range(draw(st.integers(0, 4))):
        outer = draw(st.sampled_from(_CONTAINERS))
        attribute = draw(st.sampled_from(("class", "id")))
        name = draw(st.sampled_from(_NAMES))
        body = f'<{outer} {attribute}="{name}">{body}</{outer}>'
    title = draw(st.sampled_from(("渡口停航三天", "Ferry stops for three days", "")))
    heading = f"<h1>{title}</h1>" if title and draw(st.booleans()) else ""
    before = draw(
        st.sampled_from(
            ("", '<ul><li><a href="/">首页</a></li><li><a href="/n">新闻</a></li></ul>')
        )
    )
    after = draw(
        st.sampled_from(
            (
                "",
                '<div class="footer">白鹤网 版权所有</div>',
                '<div class="related"><a href="/1">竹编合作社</a></div>',
            )
        )
    )
    if draw(st.booleans()):
        head = f"<html><head><title>{title}</title></head>"
        page = f"{head}<body>{before}{heading}{body}{after}</body></html>"
    else:
        page = heading + body
    return page, [sentence for paragraph in paragraphs for sentence in paragraph]


def read(data: str, suffix: str = "html") -> Article | None:
    try:
        return extract_article(f"/a.{suffix}", data.encode(), outlets=OUTLETS, mtime=1.79e9)
    except NoArticle:
        return None


_NOT_LETTERS = re.compile(r"\W+")


def key(text: str) -> str:
    return _NOT_LETTERS.sub("", fold(text))


def everything(article: Article) -> str:
    left_out = (passage.text for passage in article.left_out)
    return key("\n".join((article.title, article.body, *article.captions, *left_out)))


def lost(article: Article | None, texts: list[str]) -> list[str]:
    kept = everything(article) if article else ""
    return [each for each in texts if key(each) not in kept]


@given(pages())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_no_sentence_of_page_vanishes(drawn: tuple[str, list[str]]) -> None:
    page, texts = drawn
    assert not lost(read(page), texts)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a Markdown or text document and the sentences of its article."""
    paragraphs = draw(
        st.lists(
            st.lists(sentences(), min_size=1, max_size=3), min_size=1, max_size=7, unique_by=tuple
        )
    )
    heads = (
        "",
        "# 渡口停航三天\n\n",
        "[渡口停航](https://duhe.example/7)\n---\n\n",
        "渡口停航三天\n\n",
    )
    lines = []
    for paragraph in paragraphs:
        text = "".join(paragraph)
        mark = draw(
            st.sampled_from(
                ("", "", "", "> ", "- ", "1. ", "　　", "**", "*", "### ", "`", "    ", "| ")
            )
        )
        end = {"**": "**", "*": "*", "`": "`", "| ": " |"}.get(mark, "")
        if mark == "" and draw(st.booleans()):
            width = draw(st.integers(15, 40))
            text = "\n".join(text[at : at + width] for at in range(0, len(text), width))
        lines.append(f"{mark}{text}{end}")
    between = draw(st.sampled_from(("\n\n", "\r\n\r\n", "\n \n", "\n\n\n")))
    text = draw(st.sampled_from(heads)) + between.join(lines)
    return text, [sentence for paragraph in paragraphs for sentence in paragraph]


@given(documents(), st.sampled_from(("md", "txt")))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_no_sentence_of_document_vanishes(drawn: tuple[str, list[str]], suffix: str) -> None:
    text, texts = drawn
    assert not lost(read(text, suffix), texts)


@given(pages())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_page_is_read_alike_with_other_line_ends(drawn: tuple[str, list[str]]) -> None:
    page, _ = drawn
    assert fields(read(page.replace("\n", "\r\n"))) == fields(read(page))


_ATTRIBUTES = re.compile(r"<(\w+)((?: [a-z]+=\"[^\"]*\")+)>")


@given(pages())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_page_is_read_alike_in_other_notation(drawn: tuple[str, list[str]]) -> None:
    page, _ = drawn

    def turned(match: re.Match[str]) -> str:
        attributes = re.findall(r" [a-z]+=\"[^\"]*\"", match[2])
        return f"<{match[1].upper()}{'  '.join(reversed(attributes))} >"

    assert fields(read(_ATTRIBUTES.sub(turned, page))) == fields(read(page))
    indented = re.sub(r"\n(?=<)", "\n\n\t  ", page)
    assert fields(read(indented)) == fields(read(page))


def fields(article: Article | None) -> tuple[Any, ...] | None:
    if article is None:
        return None
    return article.title, article.body, article.captions, article.left_out, article.authors

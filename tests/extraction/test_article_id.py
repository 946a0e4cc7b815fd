"""Article ids: spellings of one address give one id."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.extraction.identity import article_id, canonical_url
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

PLAIN = "https://example.org/news/水库"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/news/水库",
        "https://www.example.org/news/水库",
        "HTTPS://EXAMPLE.org:443/news/水库/",
        "https://example.org/news/%E6%B0%B4%E5%BA%93",
        "https://example.org/news/%e6%b0%b4%e5%ba%93#top",
        "https://example.org/news/水库?utm_source=rss&utm_medium=feed",
        "https://example.org/news/水库?fbclid=1&gclid=2&source=rss-1234------2",
        " https://user:pw@example.org/news/水库\n",
    ],
)
def test_canonical_url_unites_spellings(url: str) -> None:
    assert canonical_url(url) == canonical_url(PLAIN)
    assert article_id(url, "/a") == article_id(PLAIN, "/b")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/news/水",
        "https://example.org:8080/news/水库",
        "https://example.org/news/水库?id=2",
        "https://other.example.org/news/水库",
    ],
)
def test_article_id_differs_between_articles(url: str) -> None:
    assert article_id(url, "/a") != article_id(PLAIN, "/a")


WECHAT = "https://mp.weixin.qq.com/s?__biz=MzA5==&mid=26&idx=2&sn=9f"


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        (WECHAT + "&chksm=bd7&scene=27#wechat_redirect", WECHAT),
        (WECHAT + "&chksm=c1&scene=21&sessionid=0&key=7&ascene=0&devicetype=a#rd", WECHAT),
        ("http://mp.weixin.qq.com/s?sn=9f&idx=2&mid=26&__biz=MzA5%3D%3D", WECHAT),
        (WECHAT.replace("&", "&amp;") + "&amp;mpshare=1&amp;srcid=05&amp;sharer_shareid=8", WECHAT),
        ("https://mp.weixin.qq.com/s/aB3_x?scene=1&lang=zh", "https://mp.weixin.qq.com/s/aB3_x"),
        ("https://a.example/b.html?from=groupmessage&isappinstalled=0", "https://a.example/b.html"),
        ("https://a.example/b.html?from=singlemessage&scene=3", "https://a.example/b.html"),
        ("https://a.example/b.html?from=timeline&share_token=x&is_share=1", "a.example/b.html"),
        ("https://a.example/b.html;jsessionid=A1B2?PHPSESSID=7&sessionId=9", "a.example/b.html"),
        ("https://a.example/app/#/news/7/?from=timeline", "https://a.example/app#/news/7"),
        ("https://a.example/#!/news/7", "https://a.example/#!/news/7?utm_medium=x"),
        ("https://a.example/b#/", "https://a.example/b#!"),
        ("https://a.example/b#/", "https://a.example/b#comments"),
    ],
)
def test_canonical_url_ignores_who_shares(url: str, plain: str) -> None:
    assert canonical_url(url) == canonical_url(plain)


@pytest.mark.parametrize(
    ("url", "other"),
    [
        (WECHAT, WECHAT.replace("idx=2", "idx=1")),
        (WECHAT, WECHAT.replace("sn=9f", "sn=9e")),
        ("https://mp.weixin.qq.com/s/aB3_x", "https://mp.weixin.qq.com/s/aB3_y"),
        (
            "https://mp.weixin.qq.com/s?src=11&timestamp=1&ver=5&signature=a",
            "https://mp.weixin.qq.com/s?src=11&timestamp=1&ver=5&signature=b",
        ),
        ("https://a.example/#/news/7", "https://a.example/#/news/8"),
        ("https://a.example/#/news?id=7", "https://a.example/#/news?id=8"),
        ("https://a.example/#!news/7", "https://a.example/#!news/8"),
        ("https://a.example/share?shareid=7", "https://a.example/share?shareid=8"),
        ("https://a.example/a?from=happening", "https://a.example/a?from=apple"),
        ("https://a.example/a?scene=opening", "https://a.example/a?scene=closing"),
        ("https://a.example/a?sid=7", "https://a.example/a?sid=8"),
    ],
)
def test_canonical_url_keeps_what_identifies(url: str, other: str) -> None:
    assert canonical_url(url) != canonical_url(other)


def page(head: str) -> Article:
    text = "<p>渡口停了三天，船长说风浪很大。</p><p>鱼贩把摊子搬到了西街，那里有个棚子。</p>"
    data = f"<html><head><title>渡口停航</title>{head}</head><body><h1>渡口停航</h1>{text}"
    return extract_article("/a.html", data.encode(), outlets=load_outlets(), mtime=1.8e9)


HOME = '<link rel="canonical" href="https://duhe.example/">'
DATED = '<meta property="article:published_time" content="2024-05-16T08:00:00+08:00">'


@pytest.mark.parametrize(
    ("head", "url"),
    [
        (HOME, "https://duhe.example/"),
        (HOME + DATED, None),
        (HOME.replace("example/", "example/zh-cn/index.html") + DATED, None),
        (HOME.replace("example/", "example/?p=7") + DATED, "https://duhe.example/?p=7"),
        (HOME.replace("example/", "example/#/n/7") + DATED, "https://duhe.example/#/n/7"),
        (
            HOME + '<meta property="og:url" content="https://duhe.example/n/7.html">',
            "https://duhe.example/n/7.html",
        ),
    ],
)
def test_home_page_is_no_address_of_article(head: str, url: str | None) -> None:
    article = page(head)
    assert article.url == url
    assert article.source == "duhe.example"


def test_canonical_url_sorts_parameters() -> None:
    assert canonical_url("http://a.example/?b=2&a=1") == canonical_url("http://a.example/?a=1&b=2")


def test_article_id_of_path_uses_its_bytes() -> None:
    odd = os.fsdecode(b"/archive/\xff\xfe.txt")
    assert article_id(None, odd) != article_id(None, "/archive/a.txt")
    assert article_id(None, odd) == article_id(None, odd)


@given(st.text())
def test_article_id_has_one_form(url: str) -> None:
    assert re.fullmatch(r"[a-z2-7]{12}", article_id(url, "/a"))
    assert canonical_url(canonical_url(url)) == canonical_url(url) or "//" not in url

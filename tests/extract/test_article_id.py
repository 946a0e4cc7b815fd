"""Article ids: spellings of one address give one id."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.extract.identity import article_id, canonical_url

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

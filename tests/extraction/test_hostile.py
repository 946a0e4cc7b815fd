"""Hostile input: no bytes make extraction crash or hang; the result is an article or a reason."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

# ruff: noqa: E501 - hostile documents are written as in a file


OUTLETS = load_outlets()
SUFFIXES = ("txt", "md", "html")

SAMPLES = [
    b"<!--1718000000000-->\n[a](https://example.org/2024/06/10/a)\n------\n<div><p>x<br><br>y</p></div>",
    '---\ntitle: "桥"\ndate: 2024-06-10\ntags: [ a, b ]\n---\n**粗** [链](#) <b>x</b>\n\n- 一\n- 二'.encode(),
    "题目\n\n正文，2024年6月10日。摄：某/某社\n\n[#标签](#)".encode(),
    "<html><head><meta property='og:title' content='题'><script type='application/ld+json'>"
    '{"@type":"Article","datePublished":"2024"}</script></head><body><article><time datetime="x">'
    "<figure><img alt='一。'><figcaption>二</figcaption></figure><table><tr><td>三</table>".encode(),
]
PIECES = [
    b"<", b">", b"</div>", b"<ul><li><a href='/'>", b"\0", b"\xff\xfe", b"---\n", b"&#0;", b"&#xD800;",
    b"<!--", b"-->", b"<![CDATA[", b"<?xml version='1.0'?>", b"](", b"{{", b"&a *a", b"\xe2\x80\xa8",
    b"9999999999999", b"<time datetime='99999-99-99'>", b"https://[", b"\xa4\xa4\xa4\xe5", b"<plaintext>",
]  # fmt: skip


def read(data: bytes, suffix: str) -> Article | None:
    try:
        article = extract_article(f"/a.{suffix}", data, outlets=OUTLETS, mtime=1_750_000_000.0)
    except NoArticle as reason:
        return None if str(reason) else pytest.fail("rejected without a reason")
    assert article.title
    assert article.body or article.captions
    assert "" not in article.paragraphs
    assert "\0" not in article.title + article.body
    article.body.encode()
    if article.published:
        article.published.sort_key()
    return article


@given(st.binary(max_size=2000), st.sampled_from(SUFFIXES))
@settings(deadline=None)
def test_arbitrary_bytes(data: bytes, suffix: str) -> None:
    read(data, suffix)


@given(st.text(max_size=1000), st.sampled_from(SUFFIXES))
@settings(deadline=None)
def test_arbitrary_text(text: str, suffix: str) -> None:
    read(text.encode("utf-8", "surrogatepass"), suffix)


@given(
    st.sampled_from(SAMPLES),
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(PIECES) | st.binary(max_size=4)), max_size=12
    ),
    st.sampled_from(SUFFIXES),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_articles(data: bytes, edits: list[tuple[float, bytes]], suffix: str) -> None:
    for place, piece in edits:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + (at % 3) :]
    read(data, suffix)


DEEP = 100_000
LONG = 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"<div>" * DEEP + "中文的一段话。".encode() + b"</div>" * DEEP,
        b"<div class='wp-caption'>" * DEEP + b"x",
        b"<ul><li><a href='/x'>" * (DEEP // 3) + b"x",
        b"<table><tr><td>" * (DEEP // 3) + b"x",
        b"<p><time>" * (DEEP // 2) + b"x",
        b"<figure><small>" * (DEEP // 2) + b"x",
        b"<blockquote>" * DEEP,
        b"> " * DEEP + b"x",
        b"---\na: " + b"[" * 40_000 + b"\n---\nx y z",
        b"---\na: " + b"- " * 20_000 + b"\n---\nx y z",
    ],
    ids=lambda data: data[:16].decode(),
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_deep_nesting_takes_bounded_time(data: bytes, suffix: str) -> None:
    start = time.perf_counter()
    read(data, suffix)
    assert time.perf_counter() - start < 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "字",
        "，",
        " ",
        "a",
        "*",
        "_",
        "[",
        "](",
        "#",
        "`",
        "<",
        "&",
        "\u3000",
        "1",
        "年",
        "摄：",
        "— ",
        "<b>",
        "[a](",
        "\n",
        "\t\n",
    ],
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_long_line_takes_linear_time(unit: str, suffix: str) -> None:
    head = "长行\n\n开头的一段话，"
    start = time.perf_counter()
    read((head + unit * (LONG // 20 // len(unit)) + "结尾").encode(), suffix)
    assert time.perf_counter() - start < 15


@pytest.mark.parametrize(
    "name", ["unicode_escape", "raw_unicode_escape", "utf-7", "idna", "rot13", "zlib"]
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_python_codecs_are_no_encodings(name: str, suffix: str) -> None:
    text = "na\xefve caf\xe9 fran\xe7ais gar\xe7on " * 50 + r"\ud800 +2AA- end."
    article = read(f"<meta charset={name}><p>{text}".encode("latin-1"), suffix)
    assert article is not None
    assert "gar" in article.body


def test_yaml_bombs_and_objects_are_harmless() -> None:
    bomb = "---\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n<<: *a\ntitle: 题\n---\n正文在这里。"
    article = read(bomb.encode(), "md")
    assert article is not None
    assert article.title == "题"
    evil = "---\ntitle: !!python/object/apply:os.getcwd []\n---\n正文在这里，有两句。第二句。"
    article = read(evil.encode(), "md")
    assert article is not None
    assert article.body.startswith("正文在这里")

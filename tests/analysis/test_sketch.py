"""Sketches: whether two texts at one address are versions of one article."""

from __future__ import annotations

import random

import pytest

from newsgrep.analysis.characters import fold
from newsgrep.analysis.sketch import make_sketch, names_one_article, unpack_sketch

PRECISE = "https://www.lushan.example/2024/0517/c1001-4038211.html"
VAGUE = "https://www.lushan.example/"

SENTENCES = (
    "芦山茶场的炒茶工今年只剩九个人，最老的一位已经七十三岁。",
    "场部贴出的通知写道，春茶收购价每斤提高两块钱，五月底以前结清。",
    "种茶的人家并不急着卖，他们说去年的尾款拖到中秋才到手。",
    "镇里的卡车司机改跑砂石，因为茶叶太轻，一趟装不满半车。",
    "学校把两间空教室借给茶场做仓库，条件是屋顶的漏由茶场来补。",
    "入夜以后山上起风，看山的人提着马灯数竹匾，少了三个。",
    "收茶的老板隔天从省城来，带着一台新的水分仪，谁也没见过。",
    "会计把旧账本烧了一半，剩下的半本说是要留给后人看笑话。",
)


def agree(one: tuple[str, str], other: tuple[str, str], url: str = PRECISE) -> bool:
    """Compare two titles with bodies, in both orders."""
    first, second = (
        unpack_sketch(make_sketch(fold(title), fold(body), url)) for title, body in (one, other)
    )
    assert first is not None
    assert second is not None
    assert first.agrees(second) == second.agrees(first)
    return first.agrees(second)


def text(*numbers: int) -> str:
    return "\n\n".join(SENTENCES[number] for number in numbers)


TITLE = "芦山茶场只剩九个炒茶工"
WHOLE = text(0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("url", [PRECISE, VAGUE])
@pytest.mark.parametrize(
    "body",
    [
        WHOLE,
        text(0, 1),
        text(2, 3),
        WHOLE + "\n\n" + SENTENCES[6],
        WHOLE + "\n\n本报记者摄影报道，未经许可不得转载。",
        WHOLE.replace("两块钱", "三块钱").replace("九个人", "十个人"),
        "蘆山茶場的炒茶工今年只剩九個人，最老的一位已經七十三歲。場部貼出的通知寫道，春茶收購價",
    ],
    ids=["same", "teaser", "from the middle", "later", "notice", "edited", "traditional"],
)
def test_versions_of_one_article_agree(body: str, url: str) -> None:
    assert agree((TITLE, WHOLE), (TITLE, body), url)


@pytest.mark.parametrize(
    ("title", "body"),
    [
        (f"{TITLE}_芦山日报", WHOLE),
        ("炒茶的人越来越少", WHOLE + "\n\n" + SENTENCES[7]),
        ("炒茶的人越来越少", text(0, 1, 2)),
    ],
    ids=["suffix", "another headline", "teaser with another headline"],
)
def test_versions_with_other_titles_agree_at_a_precise_address(title: str, body: str) -> None:
    assert agree((TITLE, WHOLE), (title, body))


@pytest.mark.parametrize("url", [PRECISE, VAGUE])
@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("省城老板带来水分仪", text(6, 7)),
        ("五月底以前结清", text(1, 2, 3, 4, 5, 0)),
        ("卡车司机改跑砂石", text(3, 4, 5)),
        (TITLE, text(6, 7)),
        ("芦山茶场只剩八个炒茶工", text(6, 7, 0)),
    ],
    ids=["other text", "rotated", "overlapping", "same title", "similar title"],
)
def test_different_texts_do_not_agree(title: str, body: str, url: str) -> None:
    assert not agree((TITLE, WHOLE), (title, body), url)


@pytest.mark.parametrize("url", [PRECISE, VAGUE])
def test_numbered_bulletins_do_not_agree(url: str) -> None:
    one, other = ((f"茶叶行情第{n}期", f"{WHOLE}\n\n今天第{n}号样茶成交。") for n in (11, 12))
    assert not agree(one, other, url)


def test_posts_that_are_only_a_headline_differ_by_it() -> None:
    assert not agree(("芦山茶场今天开秤", ""), ("芦山茶场明天停秤", ""))
    assert agree(("芦山茶场今天开秤", ""), ("芦山茶场今天开秤", ""))
    assert agree((TITLE, ""), (TITLE, WHOLE))
    assert agree((TITLE, TITLE), (TITLE, WHOLE))
    assert not agree((TITLE, TITLE), ("卡车司机改跑砂石", WHOLE))


def test_short_texts_with_one_title_are_compared_without_it() -> None:
    assert not agree(("芦山快讯", "茶场今天开秤。"), ("芦山快讯", "卡车停在桥头。"))
    assert agree(("芦山快讯", "茶场今天开秤。"), ("芦山快讯", "茶场今天开秤，价钱照旧。"))


@pytest.mark.parametrize("size", [40, 400, 4_000, 40_000])
@pytest.mark.parametrize("letters", ["茶山水火土木金石竹风云雨雪江河湖海", "etaoinshrdlu cmfwyp"])
def test_sketches_are_small_for_texts_of_any_length(letters: str, size: int) -> None:
    chance = random.Random(size)
    body = "".join(chance.choice(letters) for _ in range(size))
    assert len(make_sketch("标题", body, PRECISE)) <= 255
    assert agree((TITLE, body), (TITLE, body + "".join(reversed(letters))))
    other = "".join(chance.choice(letters) for _ in range(size))
    assert not agree((TITLE, body), ("另一篇", other))


def test_unknown_bytes_are_no_sketch() -> None:
    assert unpack_sketch(b"") is None
    assert unpack_sketch(make_sketch(TITLE, WHOLE, PRECISE)[:-1]) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/n/4038211.html",
        "https://a.example/detail?id=1001",
        "https://a.example/#/detail/1001",
        "https://a.example/harbour-fees-are-cut",
        "https://a.example/s/Ab3dEfGh1jKl",
        "https://a.example/%E8%8A%A6%E5%B1%B1%E8%8C%B6%E5%9C%BA",
        "https://a.example/20240517-harbour",
    ],
)
def test_addresses_of_articles_are_precise(url: str) -> None:
    assert names_one_article(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example/",
        "https://a.example/index.html",
        "https://a.example/news/detail.html",
        "https://a.example/2024/",
        "https://a.example/2024/05/17/",
        "https://a.example/20240517/",
        "https://a.example/index.php?page=2",
        "https://a.example/list_2.html",
        "https://[",
    ],
)
def test_addresses_of_pages_are_vague(url: str) -> None:
    assert not names_one_article(url)

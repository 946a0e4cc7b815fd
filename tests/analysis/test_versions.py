"""Versions are unpacked unchanged, damage is detected, and changes are found by their keywords."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgrep.analysis.document import make_document
from newsgrep.analysis.packed_texts import (
    DamagedData,
    deflate,
    new_compressor,
    text_dictionary,
)
from newsgrep.analysis.versions import (
    TextChange,
    change_keywords,
    earlier_texts,
    insert_version,
    keywords_between,
    pack_earlier,
    pack_versions,
    text_changes,
    unpack_earlier,
    unpack_versions,
)
from newsgrep.models import Article, Version
from tests.support.factories import make_article, make_file_record

_PARAGRAPHS = st.sampled_from(
    ["", "聯合聲明。", "渔船靠岸", "一行\n又一行", "𠮷野家Ａb", "\n", "x" * 50]
)
_BODIES = st.lists(_PARAGRAPHS, max_size=6).map("\n\n".join)
_TITLES = st.sampled_from(["", "聯合聲明。", "标题", "標題二"])
_VERSIONS = st.builds(
    Version,
    captured=st.sampled_from(["", "2024-05-17T10:00:00+00:00", "不明"]),
    title=_TITLES,
    body=_BODIES,
    path=st.sampled_from(["/a.md", "/crawl.warc.gz@518203", "/\udcff.md"]),
    digest=st.sampled_from(["", "00ff" * 8]),
)
_ARTICLES = st.builds(
    Article,
    id=st.just("abc"),
    title=_TITLES,
    body=_BODIES,
    path=st.just("/a.md"),
    versions=st.lists(_VERSIONS, max_size=4).map(tuple),
)


def with_versions(*texts: tuple[str, str, str]) -> Article:
    """Return an article with these texts: capture, title and body; the last one is the newest."""
    *earlier, (captured, title, body) = texts
    versions = tuple(Version(*text, "/old.md", "") for text in earlier)
    return make_article("a", title, body)._replace(fetched=captured, versions=versions)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(article=_ARTICLES)
def test_unpack_versions(article: Article) -> None:
    packed = pack_versions(article)
    assert unpack_versions(packed, article) == article.versions
    assert bool(packed) == bool(article.versions)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # reads the dictionary
@given(article=_ARTICLES)
def test_document_returns_versions(article: Article) -> None:
    document = make_document(article, make_file_record(article))
    assert document.article() == article
    bare = make_document(article._replace(versions=()), make_file_record(article))
    assert bare.with_versions(article.versions) == document
    assert document.with_versions(()) == bare
    assert document.with_id("other").article() == article._replace(id="other")


def test_document_as_version() -> None:
    article = make_article("a", "题", "文。")._replace(file_time="2024-05-17T02:50:43+00:00")
    record = make_file_record(article)._replace(path="/a.zip!/b.md", digest="00ff")
    version = make_document(article, record).as_version()
    assert version == Version("2024-05-17T02:50:43+00:00", "题", "文。", "/a.zip!/b.md", "00ff")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # likewise
@given(article=_ARTICLES)
def test_unpack_earlier(article: Article) -> None:
    document = make_document(article, make_file_record(article))
    packed = pack_earlier(document.folded, document.rest, document.versions)
    assert unpack_earlier(packed) == article.versions
    assert bool(packed) == bool(article.versions)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(article=_ARTICLES, at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_changed_versions_are_damage(article: Article, at: int, bit: int) -> None:
    packed = bytearray(pack_versions(article))
    if packed:
        packed[at % len(packed)] ^= 1 << bit
        with pytest.raises(DamagedData):
            unpack_versions(bytes(packed), article)


@pytest.mark.parametrize(
    "head",
    [
        [],
        [0],
        [0, 1],
        [0, [["", "/a", "", [0, 10**9]]]],
        [0, [["", "/a", "", [-1, 1]]]],
        [0, [["", "/a", "", [0, 1, 0]]]],
        [0, [["", "/a", "", [0, 0]]]],
        [0, [["", "/a", "", []]]],
        [0, [["", "/a", "", ["0", 1]]]],
        [0, [["", "/a", "", [0.0, 1]]]],
        [0, [["", "/a", "", {"0": 1}]]],
        [0, {}],
        [0, [["", "/a", [0, 1]]]],
        [0, [["", None, "", [0, 1]]]],
        [1, [["", "/a", "", [0, 1]]]],
        [-1, [["", "/a", "", [0, 1]]]],
        [0, [["", "/a", "", [0, 2] * 50]]],
    ],
    ids=json.dumps,
)
def test_invalid_versions_are_damage(head: Sequence[object]) -> None:
    packed = deflate(new_compressor(text_dictionary()), (json.dumps(head).encode(),))
    article = make_article("a", "题", "文。")
    with pytest.raises(DamagedData):
        unpack_versions(len(packed).to_bytes(4, "big") + packed, article, limit=200)


def test_versions_are_stored_as_differences() -> None:
    paragraphs = [f"第{n}段，渔船{n * n}艘靠岸，码头{n * 31 % 97}号。" * 9 for n in range(60)]
    newest = make_article("a", "渔船靠岸", "\n\n".join(paragraphs))
    versions = []
    for number in range(20):
        edited = [*paragraphs]
        edited[number] = edited[number].replace("码头", "港口", 1)
        body = "\n\n".join(edited)
        versions.append(Version(f"2024-05-{number + 1:02}", newest.title, body, "/a.md", "f" * 32))
    article = newest._replace(versions=tuple(versions))
    packed = pack_versions(article)
    assert unpack_versions(packed, newest) == article.versions
    assert len(packed) < 20 * 100


def test_pack_versions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    article = with_versions(*((f"{n:04}", "题", f"第{n}版") for n in range(300)))
    unbounded = pack_versions(article)
    monkeypatch.setattr("newsgrep.analysis.versions.MAX_HEAD_BYTES", 2000)
    unpacked = unpack_versions(pack_versions(article), article)
    assert 10 < len(unpacked) < 100
    assert unpacked == article.versions[-len(unpacked) :]
    with pytest.raises(DamagedData):
        unpack_versions(unbounded, article)


def test_insert_version_sorts_by_capture() -> None:
    def version(day: int, path: str = "/a.md") -> Version:
        return Version(f"2024-05-{day:02}T00:00:00+00:00", "题", "文", path, "")

    versions = insert_version((version(3), version(9)), version(5))
    assert versions == (version(3), version(5), version(9))
    assert insert_version(versions, version(5, "/b.md"))[2] == version(5, "/b.md")
    assert insert_version((), version(1)) == (version(1),)


def test_earlier_texts_are_listed_once() -> None:
    article = with_versions(("1", "题", "甲\n\n乙"), ("2", "题", "甲\n\n\n\n丙"), ("3", "新", "丁"))
    assert earlier_texts(article.versions) == ["题", "甲", "乙", "丙"]


def test_text_changes_compares_letters() -> None:
    article = with_versions(
        ("2024-05-01T00:00:00+00:00", "聯合聲明", "渔船靠岸。"),
        ("2024-05-02T00:00:00+00:00", "联合声明", "渔船，靠岸"),
        ("2024-05-03T00:00:00+00:00", "联合声明（更正）", "渔船靠岸。"),
        ("2024-05-04T00:00:00+00:00", "联合声明（更正）", "渔船离岸。"),
    )
    assert list(text_changes(article)) == [
        TextChange("2024-05-03T00:00:00+00:00", in_title=True, in_body=False),
        TextChange("2024-05-04T00:00:00+00:00", in_title=False, in_body=True),
    ]


def test_change_keywords_are_of_the_newer_capture() -> None:
    article = with_versions(
        ("2023-01-01T00:00:00+00:00", "题", "渔船靠岸。"),
        ("2024-05-16T17:00:00+00:00", "题", "渔船离岸。"),
        ("", "题", "渔船又靠岸。"),
    )
    # 17 o'clock in UTC is the next day in China.
    assert change_keywords(article) == (
        "20",
        "202",
        "2024",
        "2024-05",
        "2024-05-17",
        "body",
        "text",
    )
    assert change_keywords(article._replace(versions=())) == ()
    same = with_versions(("2023", "题", "渔船"), ("2024", "題", "漁船。"))
    assert change_keywords(same) == ()


@given(
    first=st.dates() | st.none(),
    last=st.dates() | st.none(),
    day=st.dates(),
)
def test_keywords_between_match_days_in_range(
    first: date | None, last: date | None, day: date
) -> None:
    keywords = keywords_between(first, last)
    iso = day.isoformat()
    of_day = {iso[:2], iso[:3], iso[:4], iso[:7], iso}
    expected = (first is None or first <= day) and (last is None or day <= last)
    assert len(of_day.intersection(keywords)) == (1 if expected else 0)
    assert len(keywords) <= 200


@given(day=st.dates(date(1, 1, 2), date(9999, 12, 30)))
def test_keywords_between_includes_both_ends(day: date) -> None:
    one = timedelta(days=1)
    for first, last in ((day, day), (day, day + one), (day - one, day), (day, None), (None, day)):
        iso = day.isoformat()
        assert {iso[:2], iso[:3], iso[:4], iso[:7], iso}.intersection(keywords_between(first, last))

"""Records of dumps: the field names of programs, their times, and files without a text."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records.base import ReadOptions, bytes_source

OUTLETS = load_outlets()
TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
HTML = f"<p>{TEXT}</p>"
URL = "https://harbour.example/news/1.html"


def extract(value: Any, name: str = "a.jsonl") -> list[Extraction]:
    source = bytes_source(name, json.dumps(value, ensure_ascii=False).encode() + b"\n")
    return list(extract_records(f"/{name}", source, outlets=OUTLETS, mtime=1.9e9))


PROGRAMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "news-please": (
        {"authors": ["周岚"], "date_download": "2024-06-01 00:00:00", "date_modify": "None",
         "date_publish": "2024-05-17 08:30:00", "description": "摘要", "filename": "a.json",
         "image_url": None, "language": "zh", "localpath": None, "maintext": TEXT,
         "source_domain": "harbour.example", "text": None, "title": "题", "title_page": None,
         "title_rss": None, "url": URL},
        {"authors": ("周岚",), "published": "2024-05-17T08:30:00",
         "fetched": "2024-06-01T00:00:00+00:00"},
    ),
    "newspaper": (
        {"url": URL, "language": "zh", "title": "题", "top_image": "", "images": [],
         "keywords": [], "meta_keywords": ["港口"], "tags": [], "authors": ["周岚"],
         "publish_date": "2024-05-17T08:30:00", "summary": "", "meta_description": "摘要",
         "meta_site_name": "海港晨报", "canonical_link": URL, "text": TEXT},
        {"authors": ("周岚",), "tags": ("港口",), "source": "海港晨报"},
    ),
    "trafilatura": (
        {"title": "题", "author": "周岚", "hostname": "harbour.example", "date": "2024-05-17",
         "fingerprint": "0f", "id": None, "license": None, "comments": "", "raw_text": "x",
         "text": TEXT, "language": None, "image": None, "pagetype": "article", "source": URL,
         "source-hostname": "海港晨报", "excerpt": "摘要", "categories": "", "tags": "港口;工程"},
        {"authors": ("周岚",), "tags": ("港口", "工程"), "source": "海港晨报"},
    ),
    "cc_news": (
        {"title": "题", "text": TEXT, "domain": "harbour.example", "date": "2024-05-17 08:30:00",
         "description": "摘要", "url": URL, "image_url": ""},
        {"source": "harbour.example"},
    ),
    "RealNews": (
        {"domain": "harbour.example", "title": "题", "text": TEXT, "authors": ["周岚"],
         "publish_date": "2024-05-17", "status": "success", "url": URL,
         "warc_date": "2024-06-01T00:00:00Z", "split": "train"},
        {"authors": ("周岚",), "fetched": "2024-06-01T00:00:00+00:00"},
    ),
    "Media Cloud": (
        {"stories_id": 1, "media_name": "海港晨报", "media_url": "https://harbour.example/",
         "collect_date": "2024-06-01 00:00:00", "publish_date": "2024-05-17 08:30:00",
         "title": "题", "url": URL, "story_text": TEXT, "guid": URL, "language": "zh"},
        {"source": "海港晨报"},
    ),
    "news2016zh": (
        {"news_id": "1", "keywords": "港口,工程", "title": "题", "desc": "摘要",
         "source": "海港晨报", "time": "2024-05-17 08:30", "content": TEXT},
        {"source": "海港晨报", "tags": ("港口", "工程"), "url": None},
    ),
    "CLUE": (
        {"label": "102", "label_desc": "news_港口", "sentence": TEXT, "keywords": ""},
        {"title": None, "tags": ("news_港口",), "url": None, "published": None},
    ),
    "banned-historical-archives": (
        {"title": "题", "parts": [{"type": "authors", "text": "周岚"}, {"type": "paragraph",
         "text": TEXT}], "dates": [{"year": 1967, "month": 5}], "authors": ["周岚"],
         "tags": [{"type": "place", "name": "港口"}], "origin": "海港晨报", "page_start": 1},
        {"published": "1967-05", "authors": ("周岚",), "tags": ("港口",), "source": "海港晨报",
         "url": None},
    ),
    "Google Reader": (
        {"id": "tag:google.com,2005:reader/item/1", "title": "题", "published": 1715905800,
         "crawlTimeMsec": "1717200000000", "categories": ["user/-/state/com.google/read", "港口"],
         "alternate": [{"href": URL, "type": "text/html"}], "author": "周岚",
         "summary": {"direction": "ltr", "content": HTML}, "comments": [],
         "origin": {"streamId": "feed/x", "title": "海港晨报", "htmlUrl": "https://h.example/"}},
        {"published": "2024-05-17T00:30:00", "authors": ("周岚",), "tags": ("港口",),
         "source": "海港晨报", "fetched": "2024-06-01T00:00:00+00:00"},
    ),
    "Wallabag": (
        {"is_archived": 0, "is_starred": 0, "tags": ["港口"], "is_public": False, "id": 1,
         "title": "题", "url": URL, "content": HTML, "created_at": "2024-06-01T00:00:00+0000",
         "published_at": None, "published_by": ["周岚"], "domain_name": "harbour.example",
         "mimetype": "text/html", "reading_time": 1, "annotations": []},
        {"published": None, "fetched": "2024-06-01T00:00:00+00:00", "authors": ("周岚",)},
    ),
    "WordPress": (
        {"id": 1, "date": "2024-05-17T08:30:00", "date_gmt": "2024-05-17T00:30:00", "link": URL,
         "guid": {"rendered": "https://harbour.example/?p=1"}, "title": {"rendered": "题"},
         "content": {"rendered": HTML, "protected": False}, "excerpt": {"rendered": "摘要"},
         "author": 7, "categories": [3], "tags": [], "type": "post"},
        {"published": "2024-05-17T08:30:00"},
    ),
    "Guardian": (
        {"id": "a/1", "type": "article", "sectionName": "港口", "webTitle": "题", "webUrl": URL,
         "webPublicationDate": "2024-05-17T00:30:00Z", "fields": {"body": HTML, "byline": "周岚"}},
        {"published": "2024-05-17T00:30:00", "tags": ("港口",)},
    ),
    "Readability": (
        {"title": "题", "byline": "周岚", "dir": None, "content": HTML, "textContent": TEXT,
         "length": 30, "excerpt": "摘要", "siteName": "海港晨报", "url": URL,
         "publishedTime": "2024-05-17T08:30:00+08:00"},
        {"source": "海港晨报", "authors": ("周岚",)},
    ),
    "C4": (
        {"text": TEXT, "timestamp": "2024-06-01T00:00:00Z", "url": URL},
        {"title": None, "published": None, "fetched": "2024-06-01T00:00:00+00:00"},
    ),
    "MNBVC": (
        {"文件名": "题", "是否待查文件": False,
         "段落": [{"行号": 1, "是否重复": False, "内容": TEXT}]},
        {"url": None, "published": None},
    ),
    "mongoexport": (
        {"_id": {"$oid": "6646a1f4"}, "title": "题", "url": URL, "content": TEXT,
         "pub_time": {"$date": {"$numberLong": "1715905800000"}}, "v": {"$numberLong": "1"}},
        {"published": "2024-05-17T00:30:00"},
    ),
    "WeChat exporter": (
        {"公众号": "海港晨报", "文章标题": "题", "文章链接": URL, "发布时间": "2024-05-17 08:30",
         "作者": "周岚", "摘要": "摘要", "正文内容": TEXT},
        {"source": "海港晨报", "authors": ("周岚",)},
    ),
    "traditional names": (
        {"標題": "题", "內容": TEXT, "發布時間": "2024-05-17 08:30", "來源": "海港晨报", "連結": 1},
        {"source": "海港晨报", "url": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_fields_of_the_programs_are_known(program: str) -> None:
    value, expected = PROGRAMS[program]
    (found,) = extract(value)
    article = found.article
    assert article, found.reason
    assert article.body.endswith(TEXT)
    assert article.title == expected.get("title", "题") or "title" in expected
    assert article.url == expected.get("url", URL)
    iso = article.published.iso if article.published else None
    day = expected.get("published", "2024-05-17")
    assert iso == day or (iso and day and iso.startswith(day))
    for field in ("authors", "tags", "source", "fetched"):
        if field in expected:
            assert getattr(article, field) == expected[field], field


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (1715905800, "2024-05-17T00:30:00+00:00"),
        (1715905800.25, "2024-05-17T00:30:00+00:00"),
        ("1715905800123", "2024-05-17T00:30:00+00:00"),
        (1715905800123456, "2024-05-17T00:30:00+00:00"),
        (1715905800123456789, "2024-05-17T00:30:00+00:00"),
        ("/Date(1715905800000+0800)/", "2024-05-17T00:30:00+00:00"),
        (-94694399, "1967-01-01T00:00:01+00:00"),
        (20240517, "2024-05-17"),
        ("20240517083000", "2024-05-17T08:30:00+08:00"),
        ({"$date": "2024-05-17T00:30:00Z"}, "2024-05-17T00:30:00+00:00"),
        ({"year": 2024, "month": 5, "day": 17}, "2024-05-17"),
        (10**30, None),
        ("None", None),
    ],
)
def test_forms_of_times(stated: Any, expected: str | None) -> None:
    (found,) = extract({"title": "题", "text": TEXT, "published": stated, "url": URL})
    assert found.article
    assert (found.article.published and found.article.published.iso) == expected


def test_dump_of_titles_is_not_articles() -> None:
    (found,) = extract({"title": "题", "url": URL, "time_added": 1715905800, "status": "unread"})
    assert found.article is None
    assert found.reason
    assert "Fields: title, url, time_added, status" in found.reason
    (headline,) = extract({"title": "题", "url": URL, "content": "", "date": "2024-05-17"})
    assert headline.article
    assert headline.article.body == "题"


@pytest.mark.parametrize(
    "value",
    [
        {"title": "题", "url": URL, "timestamp": "1717200000.1", "tags": "港口", "history": {}},
        {"title": "题", "excerpt": "摘要", "byline": "周岚", "siteName": "海港晨报", "length": 9},
        {"title": "题", "description": "摘要", "url": URL, "images": [{"src": "1.jpg"}]},
    ],
)
def test_description_of_a_page_is_not_an_article(value: dict[str, Any]) -> None:
    (found,) = extract(value, "index.json")
    assert found.article is None
    assert found.reason
    assert "it describes an article and does not have its text" in found.reason


def test_export_with_a_title_has_its_items() -> None:
    items = [PROGRAMS["Google Reader"][0], {"title": "二", "content": {"content": HTML}}]
    export = {"id": "user/-/state/com.google/starred", "title": "已加星标", "items": items}
    found = extract(export, "starred.json")
    assert [each.article and each.article.title for each in found] == ["题", "二"]


def test_deeply_nested_values_end() -> None:
    source = bytes_source("a.jsonl", b'{"title": "a", "text": ' + b"[" * 900 + b"]" * 900 + b"}\n")
    (found,) = extract_records("/a.jsonl", source, outlets=OUTLETS, mtime=1.9e9)
    assert found.article is None or found.article.body == "a"


OMNIVORE = {
    "id": "1", "slug": "ti-1", "title": "题", "description": "摘要", "author": "周岚", "url": URL,
    "state": "Active", "readingProgress": 0, "labels": ["港口"],
    "savedAt": "2024-06-01T00:00:00.000Z", "publishedAt": "2024-05-17T00:30:00.000Z",
}  # fmt: skip


def test_pages_of_omnivore_have_their_metadata() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("metadata_0_to_1.json", json.dumps([OMNIVORE]))
        archive.writestr("content/ti-1.html", HTML)
        archive.writestr("content/other.html", f"<h1>二</h1>{HTML}")
    options = ReadOptions()
    source = bytes_source("export.zip", stream.getvalue())
    found = list(extract_records("/e.zip", source, outlets=OUTLETS, mtime=1.9e9, options=options))
    assert [each.locator for each in found] == ["!/content/ti-1.html", "!/content/other.html"]
    article = found[0].article
    assert article
    assert (article.title, article.body, article.url) == ("题", TEXT, URL)
    assert (article.authors, article.tags) == (("周岚",), ("港口",))
    assert article.fetched == "2024-06-01T00:00:00+00:00"
    assert options.report.others == {"metadata of Omnivore": 1}


def test_metadata_of_omnivore_is_not_an_article() -> None:
    (found,) = extract(OMNIVORE)
    assert found.article is None


def test_mapped_body_is_the_only_text() -> None:
    value = {"title": "题", "description": "摘要", "content": "正文", "kk": TEXT}
    data = json.dumps(value).encode() + b"\n"
    for body, expected in (("kk", TEXT), ("missing", None)):
        source, options = bytes_source("a.jsonl", data), ReadOptions({"body": body})
        (found,) = extract_records(
            "/a.jsonl", source, outlets=OUTLETS, mtime=1.9e9, options=options
        )
        assert (found.article and found.article.body) == expected


def test_half_surrogate_pairs_are_replaced() -> None:
    for name, form in (("a.jsonl", "%s\n"), ("a.json", "[%s]")):
        line = form % '{"title": "题\\ud83d", "text": "<p>渡轮\\ud83d\\ude00照常\\udc00。</p>"}'
        source = bytes_source(name, line.encode())
        (found,) = extract_records("/a", source, outlets=OUTLETS, mtime=1.9e9)
        assert found.article
        assert (found.article.title, found.article.body) == ("题\ufffd", "渡轮😀照常\ufffd。")

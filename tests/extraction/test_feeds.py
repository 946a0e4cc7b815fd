"""Feeds: what an entry states, which entries are articles, damage, and hostile XML."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.formats import name_of_format
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records import feeds
from newsgrep.extraction.records.base import MissingPackage, ReadOptions, bytes_source
from newsgrep.extraction.records.registry import read_records
from newsgrep.indexing import index_at
from newsgrep.indexing.update import update_index
from newsgrep.models import Article

OUTLETS = load_outlets()
TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/"'
)


def rss(*items: str, title: str = "海港晨报", encoding: str = "UTF-8") -> str:
    joined = "".join(f"<item>{each}</item>\n" for each in items)
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<rss version="2.0" {NAMESPACES}>'
        f"<channel><title>{title}</title><link>https://h.example/</link>\n{joined}</channel></rss>\n"
    )


def item(number: int, more: str = "") -> str:
    link = f"<link>https://h.example/{number}</link>"
    return f"<title>第{number}号码头</title>{link}<description>{TEXT}</description>{more}"


def extract(
    data: str | bytes, name: str = "a.xml", options: ReadOptions | None = None
) -> list[Extraction]:
    data = data.encode() if isinstance(data, str) else data
    source = bytes_source(name, data)
    options = options or ReadOptions()
    return list(extract_records(f"/{name}", source, outlets=OUTLETS, mtime=1.8e9, options=options))


def article(data: str | bytes, name: str = "a.xml") -> Article:
    (found,) = extract(data, name)
    assert found.article, found.reason
    return found.article


def test_full_content_is_preferred_to_the_summary() -> None:
    full = f"<content:encoded><![CDATA[<p>{TEXT}</p><p>全文。</p>]]></content:encoded>"
    assert article(rss(item(1, full))).body == f"{TEXT}\n\n全文。"
    assert article(rss(item(1))).body == TEXT


@pytest.mark.parametrize("encoding", ["GB2312", "Big5", "UTF-16"])
def test_declared_encoding_of_a_feed_is_used(encoding: str) -> None:
    text = rss(item(1), encoding=encoding).replace("表示", "说")
    if encoding == "Big5":
        text = text.replace(TEXT.replace("表示", "说"), "渡輪明天停航。")
        text = text.replace("海港晨报", "海港晨報").replace("号码头", "號碼頭")
    found = article(text.encode(encoding))
    assert found.title in {"第1号码头", "第1號碼頭"}
    assert found.source in {"海港晨报", "海港晨報"}


def test_fields_of_an_entry() -> None:
    more = (
        "<author>desk@h.example (周岚)</author><category>港口</category>"
        "<category>工程</category><pubDate>Fri, 17 May 2024 00:30:00 +0800</pubDate>"
        '<guid isPermaLink="false">7</guid>'
    )
    found = article(rss(item(1, more), title="海港晨报 - RSS"))
    assert found.authors == ("周岚",)
    assert found.tags == ("港口", "工程")
    assert found.published
    assert found.published.iso == "2024-05-17T00:30:00+08:00"
    assert found.source == "海港晨报"
    assert found.url == "https://h.example/1"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("Fri, 17 May 2024 08:30:00 GMT", "2024-05-17T08:30:00+00:00"),
        ("Fri, 17 May 2024 08:30:00 CST", "2024-05-17T08:30:00+08:00"),
        ("2024-05-17 08:30", "2024-05-17T08:30+08:00"),
        ("17 May 24 08:30 Z", "2024-05-17T08:30:00+00:00"),
    ],
)
def test_dates_of_feeds(stated: str, expected: str) -> None:
    found = article(rss(item(1, f"<pubDate>{stated}</pubDate>")))
    assert found.published
    assert found.published.iso == expected


def test_guid_identifies_an_entry_without_a_link() -> None:
    def entry(guid: str, text: str) -> str:
        return f'<guid isPermaLink="false">{guid}</guid><description>{text}{TEXT}</description>'

    first = [each.article for each in extract(rss(entry("1", "甲"), entry("2", "乙")))]
    again = [each.article for each in extract(rss(entry("3", "丙"), entry("1", "甲")), "b.xml")]
    assert first[0]
    assert again[1]
    assert first[0].id == again[1].id
    assert len({each.id for each in (*first, *again) if each}) == 3
    other = article(rss(entry("1", "甲"), title="另一家").replace("h.example", "i.example"))
    assert other.id != first[0].id


def test_guid_with_a_lone_surrogate_is_read() -> None:
    item = {"id": "\ud800", "content_text": TEXT}
    feed = {"version": "https://jsonfeed.org/version/1", "items": [item]}
    assert article(json.dumps(feed), "a.json").body == TEXT


def test_rdf_and_atom_are_read() -> None:
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns="http://purl.org/rss/1.0/">'
        '<channel rdf:about="https://h.example/"><title>海港晨报</title></channel>'
        '<item rdf:about="https://h.example/1"><title>题</title><link>https://h.example/1</link>'
        f"<description>{TEXT}</description><dc:date>2024-05-17</dc:date></item></rdf:RDF>"
    )
    found = article(rdf, "a.rdf")
    assert (found.title, found.source, found.body) == ("题", "海港晨报", TEXT)
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>海港晨报</title>'
        "<author><name>周岚</name></author><entry><title>题</title>"
        '<link href="https://h.example/1"/><id>tag:h.example,2024:1</id>'
        f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>{TEXT}</p></div>'
        "</content><source><title>来源报</title></source></entry></feed>"
    )
    found = article(atom, "feed")
    assert (found.url, found.source, found.body) == ("https://h.example/1", "来源报", TEXT)
    assert found.authors == ("周岚",)


def test_json_feed_is_read_without_feedparser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "feedparser", None)
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "海港晨报",
        "authors": [{"name": "周岚"}],
        "items": [
            {"id": "1", "url": "https://h.example/1", "title": "题",
             "content_html": f"<p>{TEXT}</p>",
             "date_published": "2024-05-17T08:30:00+08:00", "tags": ["港口"]},
            7,
        ],
    }  # fmt: skip
    found, bad = extract(json.dumps(feed), "a.json")
    assert found.article
    assert (found.article.body, found.article.source) == (TEXT, "海港晨报")
    assert (found.article.authors, found.article.tags) == (("周岚",), ("港口",))
    assert bad.reason == "not a JSON object"


def test_missing_package_is_named_and_the_file_read_later(tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "a.xml").write_text(rss(item(1)), "utf-8")
    index = index_at(tmp_path / "index")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "feedparser", None)
        patched.delitem(sys.modules, "newsgrep.extraction.records.feed_entries", raising=False)
        with pytest.raises(MissingPackage, match=r'pip install "newsgrep\[feeds\]"'):
            extract(rss(item(1)))
        assert update_index(index, [str(tmp_path / "n")]).articles == 0
    assert update_index(index, [str(tmp_path / "n")]).articles == 1


def test_drafts_and_attachments_of_wordpress_are_counted() -> None:
    kinds = ("post", "publish"), ("post", "draft"), ("attachment", "inherit"), ("page", "publish")
    items = [
        item(n, f"<wp:post_type>{kind}</wp:post_type><wp:status>{status}</wp:status>")
        for n, (kind, status) in enumerate(kinds)
    ]
    options = ReadOptions()
    found = [each.locator for each in extract(rss(*items), options=options)]
    assert found == ["#1", "#4"]
    assert options.report.others == {"WordPress draft": 1, "WordPress attachment": 1}


def test_names_of_fields_in_dumps_do_not_concern_feeds() -> None:
    (found,) = extract(rss(item(1)), options=ReadOptions({"title": "qq", "body": "kk"}))
    assert found.article
    assert found.article.body == TEXT


def test_truncated_feed_lists_the_damage() -> None:
    text = rss(*map(item, range(1, 6)))
    found = extract(text[: text.index("第4号") + 60])
    assert [each.locator for each in found] == ["#1", "#2", "#3", "#4"]
    assert found[-1].reason == "the feed is truncated: it ends in the middle of an entry"
    with pytest.raises(NoArticle, match="JSON Feed that is truncated"):
        extract('{"version": "https://jsonfeed.org/version/1", "items": [{', "a.json")


def test_feed_without_entries_has_no_records() -> None:
    assert extract(rss()) == []


def test_feed_that_is_not_valid_xml_is_read() -> None:
    text = rss(item(1), item(2).replace("码头", "码头 & 渡轮&nbsp;"))
    assert [each.article.title for each in extract(text) if each.article] == [
        "第1号码头",
        "第2号码头 & 渡轮",
    ]


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd" [<!ENTITY x "y">]>',
        "<!DOCTYPE rss [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(
            f"<!ENTITY {b} '{f'&{a};' * 20}'>" for a, b in zip("abcdefg", "bcdefgx", strict=True)
        )
        + "]>",
    ],
)
def test_entities_are_not_expanded(doctype: str) -> None:
    text = rss(item(1, "<author>&x;</author>")).replace("<rss", f"{doctype}<rss", 1)
    started = time.monotonic()
    found = extract(text, "a.rss")
    assert time.monotonic() - started < 5
    for each in found:
        if each.article:
            assert len(repr(each.article)) < 3000
            assert "root:" not in repr(each.article)


def test_deeply_nested_feed_ends() -> None:
    found = extract(rss(item(1, "<a>" * 50_000)))
    assert len(found) <= 1


def test_name_of_a_feed_may_say_anything() -> None:
    for name in ("feed", "a.php", "a.txt", "a.html", "A.RSS", "a.xml.bak.xml"):
        assert article(rss(item(1)), name).title == "第1号码头"
    with pytest.raises(NoArticle, match=r"a \.xml file that is not a feed"):
        list(read_records(bytes_source("sitemap.xml", b"<urlset></urlset>"), ReadOptions()))


def test_many_comments_are_recognised_in_linear_time() -> None:
    comments = b"<!-- -->\n" * 1000
    started = time.monotonic()
    assert name_of_format("a.php", comments + b"x") is None
    assert name_of_format("a.php", comments + b"<html>") == "html"
    assert not feeds.recognises(comments)
    assert feeds.recognises(b"<!-- -->" * 100 + b"<rss>")
    assert time.monotonic() - started < 1

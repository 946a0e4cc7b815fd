"""Dates in every form that news uses, never more precise than they are written."""

from __future__ import annotations

import pytest

from newsgrep.extraction.dates import forms, lines, names
from newsgrep.extraction.outlets import load_outlets, parse_zone
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Article

OUTLETS = load_outlets()


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-17", "2024-05-17"),
        ("2024-05-17T10:50:43+08:00", "2024-05-17T10:50:43+08:00"),
        ("2024-05-17T02:50:43.123Z", "2024-05-17T02:50:43+00:00"),
        ("2024-05-17 10:50", "2024-05-17T10:50+08:00"),
        ("2024/5/7", "2024-05-07"),
        ("2024.05.17", "2024-05-17"),
        ("2024-05-17T00:00:00+08:00", "2024-05-17"),
        ("2024-05-17T00:00:00.000Z", "2024-05-17"),
        ("Thu, 16 May 2024 18:25:08 GMT", "2024-05-16T18:25:08+00:00"),
        ("16 May 2024 18:25:08 +0200", "2024-05-16T18:25:08+02:00"),
        ("2024年5月17日", "2024-05-17"),
        ("2024年5月17日 下午3:05", "2024-05-17T15:05+08:00"),
        ("2024年05月17日10时50分", "2024-05-17T10:50+08:00"),
        ("二〇二四年五月十七日", "2024-05-17"),
        ("二零二四年十二月二十一日", "2024-12-21"),
        ("民國113年5月17日", "2024-05-17"),
        ("May 17, 2024", "2024-05-17"),
        ("17 May 2024", "2024-05-17"),
        ("May 17, 2024 at 3:05 PM", "2024-05-17T15:05+08:00"),
        ("20240517", "2024-05-17"),
        ("2024年5月", "2024-05"),
        ("2024-05", "2024-05"),
        ("2024", "2024"),
        ("1715944381000", "2024-05-17T11:13:01+00:00"),
        ("16. Mai 2024", "2024-05-16"),
        ("14. Dezember 2015 um 14:48 Uhr", "2015-12-14T14:48+08:00"),
        ("Di., 25.01.2022 - 14:45", "2022-01-25T14:45+08:00"),
        ("16 de mayo de 2024", "2024-05-16"),
        ("1er août 2024 à 17h30", "2024-08-01T17:30+08:00"),
        ("7 kwietnia 2021", "2021-04-07"),
        ("16 Μαΐου 2024", "2024-05-16"),
        ("16 мая 2024 г., 12:30", "2024-05-16T12:30+08:00"),
        ("16 Mayıs 2024", "2024-05-16"),
        ("2024. május 16.", "2024-05-16"),
        ("2024 m. gegužės 16 d.", "2024-05-16"),
        ("19. kesäkuuta 2024", "2024-06-19"),
        ("2024. gada 16. maijs", "2024-05-16"),
        ("16 tháng 5, 2024", "2024-05-16"),
        ("2024년 5월 16일 오후 3:05", "2024-05-16T15:05+08:00"),
        ("2024. 5. 16. 오후 3:05", "2024-05-16T15:05+08:00"),
        ("16 مايو 2024", "2024-05-16"),
        ("٢٠٢٤/٥/١٦", "2024-05-16"),
        ("16-May-2024 10:20", "2024-05-16T10:20+08:00"),
        ("25.01.22", "2022-01-25"),
        ("Dec 13th 2019", "2019-12-13"),
    ],
)
def test_parse_date_reads_known_forms(text: str, iso: str) -> None:
    moment = forms.parse_date(text)
    assert moment is not None
    assert moment.in_zone(parse_zone("+08:00")).iso == iso


@pytest.mark.parametrize(
    ("line", "dates_with_meaning"),
    [
        ("来源：汀海晚报　2009年03月02日10:15", "2009-03-02 PLAIN"),
        ("2024-05-16 08:30 · 汀海号", "2024-05-16 PLAIN"),
        ("发表时间： 16/05/2024 - 12:22", "2024-05-16 PUBLISHED"),
        ("来源：汀海台    更新时间：2022年11月04日 19:33", "2022-11-04 UPDATED"),
        (
            "Published: May 16, 2024 | Updated: May 17, 2024",
            "2024-05-16 PUBLISHED, 2024-05-17 UPDATED",
        ),
        ("Veröffentlicht am 16. Mai 2024 um 10:30 Uhr", "2024-05-16 PUBLISHED"),
        (
            "Dieser Artikel wurde am 14. Mai 2024 um 14:48 von Heiner geschrieben.",
            "2024-05-14 PUBLISHED",
        ),
        ("By Jane Roe on 16 May 2024", "2024-05-16 PLAIN"),
        ("Party, 30.10.23", "2023-10-30 PLAIN"),
        ("2024-05-16 更新", "2024-05-16 UPDATED"),
        ("大桥早在2012年5月1日就已经通车。", ""),
        ("2024年5月16日通车", ""),
        ("今天是2012年6月5日 星期二", ""),
        ("有效期至2024年5月16日", ""),
        ("On 16 May 2024 the council decided to close the bridge", ""),
        ("Commuters ride a bus in Tinghai, September 21, 2020.", ""),
        ("Others wait in line at a public booth in Tinghai, November 7, 2022.", ""),
        ("Copyright © 19.12.2019 by Tinghai", ""),
    ],
)
def test_read_line(line: str, dates_with_meaning: str) -> None:
    found = [f"{each.stated.day} {each.meaning.name}" for each in lines.read_line(line)]
    assert ", ".join(found) == dates_with_meaning


@pytest.mark.parametrize(
    ("path", "iso"),
    [
        ("/a/2024-05-16-x.md", "2024-05-16"),
        ("/a/20240516_桥.txt", "2024-05-16"),
        ("/a/桥-20220409.md", "2022-04-09"),
        ("/a/2022/04/09/x.md", "2022-04-09"),
        ("/a/2024-05-16/x.md", "2024-05-16"),
        ("/a/BHNS7Qk2LrT240612.md", None),
        ("/a/2008年5月12日地震之后.md", None),
        ("/a/202405/x.md", None),
    ],
)
def test_date_in_path(path: str, iso: str | None) -> None:
    found = names.date_in_path(path)
    assert (found and found.day.isoformat()) == iso


@pytest.mark.parametrize(
    "text", ["", "13 分钟前", "2024-13-40", "昨天", "0001-01-01", "12:30", "𝟚"]
)
def test_parse_date_rejects_other_text(text: str) -> None:
    assert forms.parse_date(text) is None


@pytest.mark.parametrize(
    ("url", "iso"),
    [
        ("https://example.org/world/20240517/story/", "2024-05-17"),
        ("https://example.org/2024/05/17/story.html", "2024-05-17"),
        ("https://example.org/a/story-20240516/7614688.html", "2024-05-16"),
        ("https://example.org/2024/05/story", "2024-05"),
        ("https://example.org/world-69026947", None),
    ],
)
def test_date_in_url(url: str, iso: str | None) -> None:
    moment = names.date_in_url(url)
    assert (moment.in_zone(None).iso if moment else None) == iso


def read(text: str, mtime: float = 1_750_000_000.0) -> Article:
    return extract_article("/archive/a.md", text.encode(), outlets=OUTLETS, mtime=mtime)


BODY = "<p>正文在此，讲的是一座桥。</p>"


def published(text: str) -> tuple[str | None, str | None]:
    article = read(text)
    return article.published.iso if article.published else None, article.provenance.get("published")


def test_time_element_beats_front_matter() -> None:
    text = f"---\ntitle: 桥\ndate: 2024-06-12\n---\n<time datetime='2024-06-10'>x</time>{BODY}"
    assert published(text) == ("2024-06-10", "time element")


def test_update_time_is_ignored() -> None:
    text = (
        "<time class='updated' datetime='2024-06-12T10:00:00Z'></time>"
        f"<time class='entry-date published' datetime='2024-06-10T09:00:00Z'></time>{BODY}"
    )
    assert published(text) == ("2024-06-10T09:00:00+00:00", "time element")


def test_front_matter_beats_url_unless_fetch_time() -> None:
    front = "---\ntitle: 桥\ndate: {}\nfrom: https://example.org/2024/06/01/a\n---\n<!--1718000000000-->\n"
    assert published(front.format("2024-06-09") + BODY) == ("2024-06-09", "front matter")
    same = front.format("2024-06-10T06:13:20.000Z") + BODY
    assert published(same) == ("2024-06-01", "URL")


def test_dateline_without_year_uses_fetch_time() -> None:
    head = "<!--1704200000000-->\n[桥](https://example.org/a)\n------\n"
    assert published(head + "<p>汀海社12月31日电 大桥通车。</p>") == ("2023-12-31", "text")
    assert published(head + "<p>大桥12月31日通车。</p>") == (None, None)


def test_old_date_in_text_is_ignored() -> None:
    text = (
        "<!--1718000000000-->\n[桥](https://example.org/a)\n------\n<p>大桥1987年3月1日通车。</p>"
    )
    article = read(text)
    assert article.published is None
    assert article.fetched == "2024-06-10T06:13:20+00:00"


def test_future_date_is_noted_and_ignored() -> None:
    article = read(f"---\ntitle: 桥\ndate: 2099-01-01\n---\n{BODY}")
    assert article.published is None
    assert any("2099-01-01" in note for note in article.notes)


def test_time_without_offset_notes_assumed_zone() -> None:
    article = read(f"<time datetime='2024-06-10 09:00:00'></time>{BODY}")
    assert article.published is not None
    assert article.published.iso == "2024-06-10T09:00:00+08:00"
    assert any("+08:00" in note for note in article.notes)


def test_english_time_without_offset_is_a_day() -> None:
    article = read(
        "<time datetime='2024-06-10 09:00:00'></time><p>The bridge has opened again.</p>"
    )
    assert article.published is not None
    assert article.published.iso == "2024-06-10"

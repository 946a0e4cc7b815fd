"""Mail and saved pages: what a message states, mailboxes that grow, damage and hostile files."""

from __future__ import annotations

import email.policy
import plistlib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.errors import NoArticle
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_record
from newsgrep.extraction.records import mailbox
from newsgrep.extraction.records.base import BadRecord, ReadOptions, Record, bytes_source
from newsgrep.extraction.records.registry import find_format
from newsgrep.indexing import index_at
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.update import update_index
from newsgrep.models import Article

OUTLETS = load_outlets()
TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
PAGE = f"<html><head><title>渡口</title></head><body><h1>渡口</h1><p>{TEXT}</p></body></html>"
HEADERS = (
    "From: 鹭湾日报 <news@luwan.example>\nTo: a@b.example\nSubject: 渡口\n"
    "Date: Fri, 17 May 2024 10:30:00 +0800\nMIME-Version: 1.0\n"
)
PICTURE = {"WebResourceData": b"x", "WebResourceMIMEType": "image/png"}
LINE = b"From news@luwan.example Fri May 17 10:30:00 2024\n"


def extract(name: str, data: bytes) -> list[Extraction]:
    source = bytes_source(f"/{name}", data)
    return list(extract_records(f"/{name}", source, outlets=OUTLETS, mtime=1.9e9))


def article(name: str, data: bytes) -> Article:
    (found,) = extract(name, data)
    assert found.article, found.reason
    return found.article


def plain(text: str, encoding: str, charset: str) -> bytes:
    headers = f"{HEADERS}Content-Type: text/plain; charset={charset}\n"
    if encoding.startswith("big5"):
        headers = headers.replace("鹭湾日报", "鷺灣日報")
    return f"{headers}Content-Transfer-Encoding: 8bit\n\n{text}\n".encode(encoding)


def mail(number: int = 1, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "鹭湾日报 <news@luwan.example>"
    message["To"] = "a@b.example"
    message["Subject"] = f"第{number}号渡口"
    message["Date"] = f"Fri, {number} May 2024 10:30:00 +0800"
    message["Message-ID"] = f"<{number}@luwan.example>"
    for name, value in headers.items():
        del message[name]
        message[name.replace("_", "-")] = value
    message.set_content(f"{TEXT}\n\nFrom 2024 on: {number}.\n")
    return message.as_bytes(policy=email.policy.SMTP.clone(linesep="\n"))


def mailbox_of(*messages: bytes) -> bytes:
    return b"".join(LINE + each.replace(b"\nFrom ", b"\n>From ") + b"\n" for each in messages)


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("gb18030", "gb2312"),
        ("gb18030", "us-ascii"),
        ("big5hkscs", "big5"),
        ("utf-8", "gb2312"),
        ("utf-8", "no-such-charset"),
    ],
)
def test_bytes_of_a_mail_may_differ_from_what_it_declares(encoding: str, charset: str) -> None:
    is_traditional = encoding.startswith("big5")
    text = 3 * ("港務局昨天表示，新碼頭將在年內完工。" if is_traditional else TEXT)
    found = article("a.eml", plain(text, encoding, charset))
    assert (found.title, found.body) == ("渡口", text)
    assert found.source == ("鷺灣日報" if is_traditional else "鹭湾日报")
    assert found.published
    assert found.published.iso == "2024-05-17T10:30:00+08:00"


def test_encoded_words_may_divide_a_character() -> None:
    data = "渡口石桥".encode("gb18030")
    encoded = ["".join(f"={byte:02X}" for byte in part) for part in (data[:3], data[3:])]
    words = "\n ".join(f"=?gb2312?Q?{each}?=" for each in encoded)
    message = mail().replace(mail().split(b"\n")[2], f"Subject: {words}".encode())
    assert article("a.eml", message).title == "渡口石桥"


def test_html_of_a_newsletter_is_its_text() -> None:
    message = EmailMessage()
    message["From"], message["Date"] = "news@luwan.example", "Fri, 17 May 2024 10:30:00 +0800"
    message["Subject"], message["List-Post"] = "渡口", "<https://luwan.example/p/1>"
    message.set_content("看不到图片？请用浏览器打开。")
    message.add_alternative(PAGE, subtype="html")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="报告.pdf")
    (found,) = extract("a.eml", message.as_bytes())
    assert found.article
    assert found.article.body == TEXT
    assert (found.article.source, found.article.url) == (
        "luwan.example",
        "https://luwan.example/p/1",
    )
    assert found.notes == ("attachments are not read: 报告.pdf",)


def test_message_is_identified_by_its_id() -> None:
    assert article("a.eml", mail(1)).id == article("b.eml", mail(1)).id
    assert article("a.eml", mail(1)).id != article("a.eml", mail(2)).id
    assert article("a.eml", mail(1)).id == article("c.mbox", mailbox_of(mail(1))).id


def test_message_of_apple_mail_ends_at_its_length() -> None:
    data = mail()
    stored = b"%d      \n%s<?xml version='1.0'?><plist><dict/></plist>" % (len(data), data)
    assert article("1.emlx", stored).body.endswith("From 2024 on: 1.")


def test_messages_of_a_mailbox_have_numbers() -> None:
    found = extract("a.mbox", mailbox_of(mail(1), b"X: y\n\n", mail(3)))
    assert [each.locator for each in found] == ["#1", "#2", "#3"]
    assert found[1].reason == "a message with no text"
    third = found[2].article
    assert third
    assert third.title == "第3号渡口"
    assert third.body == f"{TEXT}\n\nFrom 2024 on: 3."


def test_mailbox_with_a_damaged_beginning_is_read() -> None:
    found = extract("a.mbox", b"\xff\0\n\n" + mailbox_of(mail(1), mail(2))[:-60])
    assert [each.reason for each in found] == [
        "4 bytes before the first message are not read",
        None,
        None,
    ]
    with pytest.raises(NoArticle, match="a mailbox without messages"):
        extract("a.mbox", b"hello\n")


def test_message_that_is_too_long_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsgrep.extraction.records.mailbox.MAX_RECORD_BYTES", 2000)
    found = extract("a.mbox", mailbox_of(mail(1), mail(2) + b"x" * 5000 + b"\n", mail(3)))
    assert [each.reason for each in found] == [None, "a message of more than 64M", None]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 4))
def test_resumed_mailbox_has_the_same_messages(numbers: list[int], at: int) -> None:
    data = mailbox_of(*map(mail, numbers))
    before = mailbox_of(*map(mail, numbers[:at]))
    options = ReadOptions()
    list(mailbox.read(bytes_source("a.mbox", before), options))
    end, number = options.report.end, options.report.number
    whole = list(mailbox.read(bytes_source("a.mbox", data), ReadOptions()))
    assert [each.locator for each in whole] == [f"#{n}" for n in range(1, len(numbers) + 1)]
    resumed = list(mailbox.resume(bytes_source("a.mbox", data), ReadOptions(), end, number))
    assert resumed == whole[number:]
    assert number >= min(at, len(numbers)) - 1


def update(folder: Path) -> UpdateSummary:
    return update_index(index_at(folder / "index"), [str(folder / "a")])


def test_new_messages_are_all_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    path = tmp_path / "a/letters.mbox"
    path.write_bytes(mailbox_of(mail(1), mail(2)))
    assert update(tmp_path).articles == 2
    read: list[str] = []

    def spy(record: Record, *args: Any, **options: Any) -> Article:
        read.append(record.locator)
        return extract_record(record, *args, **options)

    monkeypatch.setattr("newsgrep.extraction.pipeline.extract_record", spy)
    with path.open("ab") as stream:
        stream.write(mailbox_of(mail(3)))
    summary = update(tmp_path)
    assert read == ["#3"]
    assert (summary.articles, summary.counts[Outcome.UNCHANGED]) == (3, 2)


def mhtml(page: bytes, *, start: str = "", charset: str = "") -> bytes:
    declared = f"; charset={charset}" if charset else ""
    return (
        b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://luwan.example/1\r\n"
        b"Date: Sat, 18 May 2024 10:30:00 GMT\r\nMIME-Version: 1.0\r\nContent-Type: "
        b'multipart/related; type="text/html"; boundary="X"%s\r\n\r\n--X\r\nContent-Type: '
        b"text/html\r\nContent-ID: <ad>\r\n\r\n<p>frame</p>\r\n--X\r\nContent-Type: text/html%s\r\n"
        b"Content-ID: <page>\r\nContent-Transfer-Encoding: binary\r\n\r\n%s\r\n--X--\r\n"
    ) % (f"; start={start}".encode() if start else b"", declared.encode(), page)


def test_page_of_an_mhtml_file_is_the_one_that_it_names() -> None:
    found = article("a.mht", mhtml(PAGE.encode("gb18030"), start='"<page>"', charset="GBK"))
    assert (found.title, found.body, found.url) == ("渡口", TEXT, "https://luwan.example/1")
    assert found.fetched == "2024-05-18T10:30:00+00:00"
    assert article("a.mht", mhtml(PAGE.encode())).body == "frame"


def test_cut_off_page_of_an_mhtml_file_says_so() -> None:
    data = mhtml(f"{PAGE}{PAGE}".encode(), start='"<page>"')
    (found,) = extract("a.mhtml", data[:-40])
    assert found.article
    assert "the page is cut off" in found.notes
    with pytest.raises(NoArticle, match="in MHTML that is cut off"):
        extract("a.mhtml", data[:200])


@pytest.mark.parametrize("kind", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_web_archive_of_safari_is_read(kind: plistlib.PlistFormat) -> None:
    page = {"WebResourceData": PAGE.encode("gb18030"), "WebResourceURL": "https://luwan.example/1"}
    data = plistlib.dumps({"WebMainResource": page, "WebSubresources": [page]}, fmt=kind)
    found = article("a.webarchive", data)
    assert (found.title, found.body, found.url) == ("渡口", TEXT, "https://luwan.example/1")
    with pytest.raises(NoArticle, match="damaged or cut off"):
        extract("a.webarchive", data[:-40])


@pytest.mark.parametrize(
    "data",
    [
        plistlib.dumps({"WebMainResource": {"WebResourceData": "text"}}),
        plistlib.dumps(
            {"WebMainResource": {"WebResourceData": b"x", "WebResourceMIMEType": "a/b"}}
        ),
        plistlib.dumps({"WebMainResource": []}),
        b'<plist><!DOCTYPE x [<!ENTITY a "b">]><key>WebMainResource</key>&a;</plist>',
        b"<plist><array>" * 9999 + b"WebMainResource",
        b"bplist00WebMainResource" + b"\xff" * 40,
    ],
)
def test_web_archive_without_a_page_is_refused(data: bytes) -> None:
    with pytest.raises(NoArticle, match="webarchive"):
        extract("a.webarchive", data)


def nested(depth: int) -> bytes:
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(depth)
    )
    return HEADERS.encode() + parts + b"Content-Type: text/plain\n\n" + TEXT.encode()


@pytest.mark.parametrize(
    "data",
    [
        nested(3000),
        HEADERS.encode() + b"Content-Type: text/html; charset*0*=''%%%\n\n" + PAGE.encode(),
        HEADERS.encode() + b"Content-Type: ;;;=\nContent-Transfer-Encoding: base64\n\n!!!",
        HEADERS.encode() + b"Content-Type: message/rfc822\n\n" * 500 + TEXT.encode(),
        HEADERS.encode() + b"Content-Disposition: attachment; filename*=x''%ff\n\n" + TEXT.encode(),
        b"From: \xff\xff\nDate: 99 99 99 99\nSubject: =?x?B?====?=\nMIME-Version: 1.0\n\na",
        b"To: a\n" + b" \t  \n" * 300 + b" " * 60_000,
        b"To: a\n" * 20_000 + b"From: b\nMIME-Version: 1.0\n\n" + TEXT.encode(),
    ],
)
def test_hostile_message_has_an_article_or_a_reason(data: bytes) -> None:
    for name in ("a.eml", "a.mht"):
        try:
            found = extract(name, data)
        except NoArticle:
            continue
        assert all(each.article or each.reason for each in found)


def test_mail_in_a_mailbox_may_be_hostile() -> None:
    found = extract("a.mbox", mailbox_of(nested(3000) + b"\n", mail(2)))
    assert found[1].article
    (bad,) = list(mailbox.read(bytes_source("a", LINE + b"\n"), ReadOptions()))
    assert isinstance(bad, BadRecord)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (mail(), "eml"),
        (mailbox_of(mail()), "mbox"),
        (mhtml(b""), "mhtml"),
        (b"From: the editor\n\nIn this issue.\n", None),
        (b"From the harbour, at 10:30 in 2024\n\nThe ferry is late.\n", None),
        (b"title: a\ndate: 2024-05-17\nfrom: https://luwan.example/\n---\ntext", None),
    ],
)
def test_messages_are_recognised_by_their_headers(data: bytes, name: str | None) -> None:
    found = find_format("a.txt", data)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("headers", "source", "author"),
    [
        ({}, "鹭湾日报", ()),
        ({"Reply-To": "编辑部 <desk@luwan.example>"}, "鹭湾日报", ()),
        ({"List-Id": "每日简报 <daily.luwan.example>"}, "鹭湾日报", ()),
        ({"List-Id": "每日简报 <daily.luwan.example>", "List-Post": "NO"}, "鹭湾日报", ()),
        (
            {"From": "no-reply <a@luwan.example>", "Reply-To": "鹭湾晚报 <b@c.example>"},
            "鹭湾晚报",
            (),
        ),
        ({"From": "Newsletter <a@luwan.example>"}, "luwan.example", ()),
        ({"From": "周岚 via 鹭湾快讯 <a@luwan.example>"}, "鹭湾快讯", ()),
        (
            {
                "From": "周岚 <z@a.example>",
                "List-Id": "港口讨论 <harbour.lists.example>",
                "List-Post": "<mailto:harbour@lists.example>",
            },
            "港口讨论",
            ("周岚",),
        ),
        (
            {
                "From": "周岚 via 港口讨论 <harbour@lists.example>",
                "List-Id": "3fa97bc21de4mc list <3fa97bc21de4.lists.example>",
                "List-Post": "<mailto:harbour@lists.example>",
            },
            "港口讨论",
            ("周岚",),
        ),
        (
            {
                "From": "周岚 <z@a.example>",
                "List-Id": "<harbour.lists.example>",
                "List-Post": "<mailto:harbour@lists.example>",
            },
            "harbour.lists.example",
            ("周岚",),
        ),
    ],
)
def test_source_of_mail_is_the_newsletter_or_the_list(
    headers: dict[str, str], source: str, author: tuple[str, ...]
) -> None:
    found = article("1.eml", mail(1, **headers))
    assert (found.source, found.authors) == (source, author)

"""WARC, ARC and WACZ: pages with what HTTP says about them, offsets, damage and its extent."""

from __future__ import annotations

import gzip
import io
import random
import re
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.errors import NoArticle
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records import web_archives
from newsgrep.extraction.records.base import (
    BadRecord,
    ReadOptions,
    Record,
    bytes_source,
    file_source,
)
from newsgrep.extraction.records.registry import load_format, read_located, read_records
from newsgrep.models import Provenance

SAMPLES = Path(__file__).parents[1] / "fixtures/formats/warc"
OUTLETS = load_outlets()
DATE = "2024-05-20T08:00:00Z"
TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
PAGE = f"<html><head><title>新码头</title></head><body><p>{TEXT}</p></body></html>".encode()
HTML = "Content-Type: text/html; charset=utf-8"

Pack = Callable[[Iterable[bytes]], bytes]


def plain(records: Iterable[bytes]) -> bytes:
    return b"".join(records)


def by_record(records: Iterable[bytes]) -> bytes:
    return b"".join(gzip.compress(each, mtime=0) for each in records)


def as_one(records: Iterable[bytes]) -> bytes:
    return gzip.compress(b"".join(records), mtime=0)


PACKS = pytest.mark.parametrize("pack", [plain, by_record, as_one])


def warc(
    content: bytes, kind: str = "response", url: str = "http://a.example/1", **more: str
) -> bytes:
    fields = {
        "WARC-Type": kind,
        "WARC-Target-URI": url,
        "WARC-Date": DATE,
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(content)),
    } | {name.replace("_", "-"): value for name, value in more.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + content + b"\r\n\r\n"


def response(number: int = 1, body: bytes = PAGE, *fields: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", *(fields or (HTML,))))
    return warc(f"{head}\r\n\r\n".encode() + body, url=f"http://a.example/{number}")


def pages(count: int) -> list[bytes]:
    info = warc(b"software: x\r\n", "warcinfo", Content_Type="application/warc-fields")
    return [info, *(response(n, PAGE.replace(b"<p>", b"<p>%d " % n)) for n in range(count))]


def read(data: bytes, name: str = "a.warc") -> tuple[list[Record], list[BadRecord], dict[str, int]]:
    options = ReadOptions()
    found = list(read_records(bytes_source(name, data), options))
    good = [each for each in found if isinstance(each, Record)]
    bad = [each for each in found if isinstance(each, BadRecord)]
    return good, bad, dict(options.report.others)


def extract(path: Path, locator: str | None = None) -> list[Extraction]:
    source = file_source(path)
    found = extract_records(str(path), source, outlets=OUTLETS, mtime=1.8e9, locator=locator)
    return list(found)


def urls(found: Iterable[Record]) -> list[str]:
    return [(each.url or "").removeprefix("http://a.example/") for each in found]


FROM_WGET = [
    ("/2024/0517/harbour.html", "utf-8", "新港口今天开放"),
    ("/levee.shtml", "gb18030", "河堤加固工程完工"),
    ("/tram", "utf-8", "电车七号线延长"),
    ("/school", "utf-8", "山区小学搬进新校舍"),
    ("/fishing", "big5hkscs", "漁船船隊平安返航"),
    ("/market", "utf-8", "夜市摊位重新编号"),
]


@pytest.mark.parametrize("name", ["wget.warc.gz", "wget-plain.warc", "warcio.warc.gz"])
def test_pages_of_crawlers_are_read(name: str) -> None:
    pytest.importorskip("brotli")
    found = extract(SAMPLES / name)[: len(FROM_WGET)]
    for each, (path, encoding, title) in zip(found, FROM_WGET, strict=True):
        assert each.article
        assert each.article.url == f"http://news.example{path}"
        assert each.article.title == title
        assert each.encoding == encoding
        assert each.article.fetched
        assert not each.notes


def test_other_records_are_counted_by_kind() -> None:
    _, bad, others = read((SAMPLES / "warcio.warc.gz").read_bytes())
    assert not bad
    assert others == {
        "warcinfo": 1,
        "request": 9,
        "revisit": 1,
        "metadata": 1,
        "image/png": 1,
        "status 404": 1,
        "status 301": 1,
        "text/html": 1,
    }


def stored(path: str, body: bytes, digest: str = "", record_id: str = "") -> bytes:
    content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    more = {"WARC_Payload_Digest": f"sha1:{digest}"} if digest else {}
    more |= {"WARC_Record_ID": f"<urn:uuid:{record_id}>"} if record_id else {}
    return warc(content, url=f"http://a.example/{path}", **more)


def revisit(path: str, day: int, **more: str) -> bytes:
    date = f"2024-06-{day:02}T08:00:00Z"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return warc(head, "revisit", f"http://a.example/{path}", WARC_Date=date, **more)


OLD, NEW = PAGE, PAGE.replace(b"<p>", b"<p>2 ")
SAME_AS_OLD = {"WARC_Payload_Digest": "sha1:OLD"}
CRAWL = [
    stored("1", OLD, "OLD", "7"),
    revisit("1", 1, **SAME_AS_OLD),  # nothing new
    stored("1", NEW, "NEW"),
    revisit("1", 2, **SAME_AS_OLD),  # the old page again
    revisit("1", 3, **SAME_AS_OLD),
    revisit("2", 4, WARC_Payload_Digest="sha1:?", WARC_Refers_To="<urn:uuid:7>"),
    revisit("3", 5, WARC_Payload_Digest="sha1:UNKNOWN"),
]


@pytest.mark.parametrize("pack", [plain, by_record])
def test_revisit_is_the_page_that_its_address_had_before(pack: Pack) -> None:
    found, bad, others = read(pack(CRAWL))
    assert not bad
    assert urls(found) == ["1", "1", "1", "2"]
    assert [each.data for each in found] == [OLD, NEW, OLD, OLD]
    assert [each.fetched and each.fetched.strftime("%m%d") for each in found[2:]] == [
        "0602",
        "0604",
    ]
    assert {each.charset for each in found} == {"utf-8"}
    assert found[2].notes == ("its bytes are stored at @0",)
    assert others == {"revisit": 3}


def test_bytes_that_revisits_repeat_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_archives, "_MAX_REPEATED", 3 * len(OLD))
    monkeypatch.setattr(web_archives, "_MAX_RATIO", 0)
    crawl = [CRAWL[0], *(revisit(f"r{n}", 1, **SAME_AS_OLD) for n in range(9))]
    found, bad, others = read(plain(crawl))
    assert urls(found) == ["1", "r0", "r1", "r2", "r3"]
    assert (bad, others) == ([], {"revisit": 5})


def test_revisits_in_a_single_member_are_counted() -> None:
    found, bad, others = read(as_one(CRAWL))
    assert (urls(found), bad, others) == (["1", "1"], [], {"revisit": 5})


@pytest.mark.parametrize("pack", [plain, by_record])
@pytest.mark.parametrize("count", range(1, len(CRAWL)))
def test_revisit_after_growth_is_what_it_is_in_the_whole_file(
    tmp_path: Path, pack: Pack, count: int
) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(pack(CRAWL))
    whole = list(read_records(file_source(path), ReadOptions()))
    end = len(pack(CRAWL[:count]))
    form = load_format("warc")
    assert form.resume
    later = list(form.resume(file_source(path), ReadOptions(), end, 0))
    assert later == [each for each in whole if int(each.locator[1:]) >= end]
    for each in whole:
        assert form.seek
        assert list(form.seek(file_source(path), ReadOptions(), int(each.locator[1:]))) == [each]


def test_resource_and_conversion_are_pages() -> None:
    found = [each.article for each in extract(SAMPLES / "warcio.warc.gz")][-2:]
    assert [each and (each.url, each.title) for each in found] == [
        ("http://news.example/bridge.html", "石桥修缮后恢复通行"),
        ("http://news.example/market.txt", "夜市摊位重新编号"),
    ]


def test_pdf_responses_are_pages(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    document = (SAMPLES.parent / "documents/report.pdf").read_bytes()
    path = tmp_path / "a.warc"
    pdf = "Content-Type: application/pdf"
    path.write_bytes(response(1, document, pdf) + response(2, document[:90], pdf))
    good, bad = extract(path)
    assert good.article
    assert good.article.url == "http://a.example/1"
    assert good.article.fetched == "2024-05-20T08:00:00+00:00"
    assert bad.locator == f"@{len(response(1, document, pdf))}"
    assert bad.reason == "a PDF document that is damaged or cut off"


def test_single_member_is_read_like_records() -> None:
    one, _, others = read((SAMPLES / "single-member.warc.gz").read_bytes())
    many, _, same = read((SAMPLES / "warcio.warc.gz").read_bytes())
    assert [(each.url, each.data) for each in one] == [(each.url, each.data) for each in many]
    assert others == same


def test_arc_is_read() -> None:
    found = extract(SAMPLES / "old.arc.gz")
    assert [(each.article.title, each.article.fetched) for each in found if each.article] == [
        ("河堤加固工程完工", "2002-05-18T08:15:01+00:00"),
        ("漁船船隊平安返航", "2002-05-18T08:15:01+00:00"),
    ]
    _, bad, others = read((SAMPLES / "old.arc.gz").read_bytes(), "old.arc.gz")
    assert (bad, others) == ([], {"text/plain": 1, "image/gif": 1, "text/dns": 1})


def test_plain_arc_with_ten_fields_is_read() -> None:
    body = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE
    head = b"http://a.example/x 192.0.2.7 20080518081501 text/html 200 - - 9 a.arc %d\n" % len(body)
    info = b"2 0 Example\n"
    begin = b"filedesc://a.arc 0.0.0.0 20080518080000 text/plain 200 - - 0 a.arc %d\n" % len(info)
    data = begin + info + b"\n" + head + body + b"\n" + head + body + b"\n"
    found, bad, _ = read(data, "a.arc")
    assert (urls(found), bad) == (["x", "x"], [])
    damaged = data.replace(head, head.replace(b" 192", b"\xff192"), 1)
    found, (bad_record,), _ = read(damaged, "a.arc")
    assert urls(found) == ["x"]
    assert bad_record.reason == f"no record begins here; {len(head + body) + 1} bytes are not read"


@pytest.mark.parametrize("compress_dictionary", [False, True])
def test_zstandard_with_a_dictionary_is_read(compress_dictionary: bool) -> None:
    records = pages(40)
    shared = zstandard.train_dictionary(4000, [*records * 5])
    dictionary = shared.as_bytes()
    compressor = zstandard.ZstdCompressor(dict_data=shared)
    stored = zstandard.compress(dictionary) if compress_dictionary else dictionary
    data = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored
    data += b"".join(compressor.compress(record) for record in records)
    found, bad, _ = read(data, "a.warc.zst")
    assert (len(found), bad) == (40, [])
    found, (bad_record,), _ = read(data[:-20], "a.warc.zst")
    assert len(found) == 39
    assert "compressed data is damaged after" in bad_record.reason
    with pytest.raises(NoArticle, match="dictionary is damaged"):
        read(data[:8] + bytes(len(stored)) + data[8 + len(stored) :], "a.warc.zst")


def test_wacz_is_read_once() -> None:
    data = (SAMPLES / "crawl.wacz").read_bytes()
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(
            "pages/pages.jsonl", '{"title": "x", "text": "y", "url": "http://a.example"}'
        )
    found, bad, others = read(stream.getvalue(), "crawl.wacz")
    assert len(found) == 7
    assert all(each.locator.startswith("!/archive/crawl.warc.gz@") for each in found)
    assert (bad, others["request"]) == ([], 8)


def test_warc_is_recognised_without_its_suffix(tmp_path: Path) -> None:
    for name in ("a.txt", "a", "a.html"):
        (tmp_path / name).write_bytes(plain(pages(2)))
        assert len(extract(tmp_path / name)) == 2


@PACKS
def test_offset_leads_to_the_record(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(pack(pages(5)))
    records = list(read_records(file_source(path), ReadOptions()))
    for each in records:
        assert list(read_located(file_source(path), [each.locator], ReadOptions())) == [each]
    assert list(read_located(file_source(path), ["@3"], ReadOptions())) == []


def test_offset_is_sought_without_reading_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    records = pages(3)
    data = bytearray(by_record(records))
    offset = len(by_record(records[:3]))
    middle = len(by_record(records[:2])) + 40
    data[middle : middle + 100] = bytes(100)
    path.write_bytes(data)
    (found,) = read_located(file_source(path), [f"@{offset}"], ReadOptions())
    assert isinstance(found, Record)
    assert found.url == "http://a.example/2"


@pytest.mark.parametrize(
    ("declared", "meta", "codec"),
    [
        ("gbk", "", "gb18030"),
        ("big5", "", "big5"),
        ("gb2312", "utf-8", "gb18030"),
        ("gbk", "", "utf-8"),
    ],
)
def test_http_charset_is_believed_if_true(
    declared: str, meta: str, codec: str, tmp_path: Path
) -> None:
    text = "漁港今天開放" if codec == "big5" else "渔港今天开放"
    tag = f"<meta charset={meta}>" if meta else ""
    body = f"<html>{tag}<title>{text}</title><p>{text}。{text}。</p>".encode(codec)
    path = tmp_path / "a.warc"
    path.write_bytes(response(1, body, f"Content-Type: text/html; charset={declared}"))
    (found,) = extract(path)
    assert found.article
    assert found.article.title == text
    assert not found.notes


def test_short_text_is_decoded_by_its_http_charset(tmp_path: Path) -> None:
    body = "<html><title>Żółw</title><p>Żółw i źrebię.</p>".encode("iso8859-2")
    path = tmp_path / "a.warc"
    path.write_bytes(response(1, body, "Content-Type: text/html; charset=iso-8859-2"))
    (found,) = extract(path)
    assert found.article
    assert found.article.body == "Żółw i źrebię."


def test_last_modified_is_the_weakest_date(tmp_path: Path) -> None:
    modified = "Last-Modified: Fri, 17 May 2019 02:50:43 GMT"
    dated = PAGE.replace(b"<head>", b"<head><meta name=pubdate content=2018-03-04>")
    today = "Last-Modified: Mon, 20 May 2024 07:59:00 GMT"
    path = tmp_path / "a.warc"
    path.write_bytes(
        response(1, PAGE, HTML, modified)
        + response(2, dated, HTML, modified)
        + response(3, PAGE, HTML, today)
    )
    dates = [
        (
            each.article.published and each.article.published.iso[:10],
            each.article.provenance.get("published"),
        )
        for each in extract(path)
        if each.article
    ]
    assert dates[0] == ("2019-05-17", Provenance.HTTP_HEADER)
    assert dates[1][0] == "2018-03-04"
    assert dates[2] == (None, None)


@PACKS
def test_truncated_file_says_where_it_ends(pack: Pack) -> None:
    records = pages(6)
    data = pack(records)
    found, (bad,), _ = read(data[:-12])
    assert urls(found) == list("01234")[: len(found)]
    assert len(found) >= 4
    assert re.fullmatch(r"@[0-9]+", bad.locator)
    assert re.search("the file ends in the middle|compressed data is damaged after", bad.reason)


@pytest.mark.parametrize("pack", [plain, by_record])
def test_damage_costs_one_record_and_says_its_size(pack: Pack) -> None:
    records = pages(6)
    offset = len(pack(records[:3]))
    size = len(pack(records[3:4]))
    for at in range(0, size - 3, 7):
        data = bytearray(pack(records))
        data[offset + at : offset + at + 3] = b"\xff\xff\xff"
        found, bad, others = read(bytes(data))
        assert [each for each in urls(found) if each in "01345"] == list("01345")
        assert len(found) + len(bad) + sum(others.values()) == len(records)
        if bad:
            assert bad[0].locator == f"@{offset}"
            assert bad[0].reason.endswith((f"; {size:,} bytes are not read", "an HTTP response"))


def test_bytes_that_differ_from_the_digest_are_noted() -> None:
    (info, *found), _, _ = read((SAMPLES / "warcio.warc.gz").read_bytes())
    data = gzip.decompress((SAMPLES / "single-member.warc.gz").read_bytes())
    assert all(not each.notes for each in read(data)[0])
    changed, bad, _ = read(data.replace("渡轮".encode(), "小船".encode(), 1))
    assert not bad
    assert [len(each.notes) for each in changed] == [1] + [0] * len(found)
    assert info.locator


def test_missing_bytes_are_noted() -> None:
    first, second = response(1), response(2)
    found, bad, _ = read(first.replace(b"</p>", b"</p", 1) + second)
    assert (urls(found), bad) == (["1", "2"], [])
    assert "bytes may be missing" in found[0].notes[0]
    ((cut,), _, _) = read(response(1, PAGE, HTML, f"Content-Length: {len(PAGE) + 9}"))
    assert cut.notes == ("its body is cut off",)


@pytest.mark.parametrize("length", ["999999", "99999999999", "10", "-1", "x", ""])
@pytest.mark.parametrize("pack", [plain, by_record])
def test_lying_length_costs_one_record(length: str, pack: Pack) -> None:
    records = pages(5)
    lying = re.sub(rb"(Content-Length: )[0-9]+", rb"\g<1>" + length.encode(), records[3], count=1)
    found, bad, _ = read(pack([*records[:3], lying, *records[4:]]))
    assert urls(found) == list("0134")
    (only,) = bad
    assert only.locator == f"@{len(pack(records[:3]))}"
    assert "bytes are not read" in only.reason


def test_bomb_is_refused_by_its_ratio() -> None:
    bomb = warc(b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\n\r\n" + b" " * 120_000_000)
    records = pages(2)
    found, (bad,), _ = read(by_record([*records, bomb, response(9)]))
    assert urls(found) == list("019")
    assert "250 times" in bad.reason


def test_bombs_in_bodies_are_refused() -> None:
    brotli = pytest.importorskip("brotli")
    zeros = b" " * 100_000_000
    for name, body in (("gzip", gzip.compress(zeros)), ("br", brotli.compress(zeros, quality=1))):
        found, (bad,), _ = read(response(1, body, HTML, f"Content-Encoding: {name}") + response(2))
        assert urls(found) == ["2"]
        assert bad.reason == "a body of more than 64M"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (("Content-Encoding: gzip",), gzip.compress(PAGE)),
        (("Content-Encoding: x-gzip",), PAGE),
        (("Content-Encoding: deflate",), zlib.compress(PAGE)),
        (("Content-Encoding: deflate",), zlib.compress(PAGE)[2:-4]),
        (("Transfer-Encoding: chunked",), PAGE),
        (("Transfer-Encoding: chunked",), b"%X;a=b\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE)),
        (("Content-Encoding: identity",), PAGE),
        (("Content-Encoding: br",), PAGE),
    ],
)
def test_encodings_of_bodies_are_removed(fields: tuple[str, ...], body: bytes) -> None:
    ((found,), _, _) = read(response(1, body, HTML, *fields))
    assert (found.data, found.notes) == (PAGE, ())


def test_zstandard_of_bodies_is_removed() -> None:
    encoding = "Content-Encoding: zstd"
    ((found,), _, _) = read(response(1, zstandard.compress(PAGE), HTML, encoding))
    assert found.data == PAGE
    _, (bad,), _ = read(response(1, zstandard.compress(PAGE)[:20], HTML, encoding))
    assert bad.reason == "its body is damaged"


def test_cut_off_body_is_read_with_a_note() -> None:
    body = gzip.compress(PAGE * 50)
    for fields, cut in (
        (("Content-Encoding: gzip",), body[:-60]),
        (("Transfer-Encoding: chunked",), b"%X\r\n%b" % (len(PAGE) * 2, PAGE)),
    ):
        ((found,), _, _) = read(response(1, cut, HTML, *fields))
        assert found.data.startswith(PAGE[:50])
        assert found.notes == ("its body is cut off",)


def test_unknown_encoding_is_reported() -> None:
    _, (bad,), _ = read(response(1, PAGE, HTML, "Content-Encoding: rot13"))
    assert bad.reason == "the content encoding 'rot13' is not supported"


def test_hostile_headers_are_bounded() -> None:
    for head in (
        b"WARC/1.0\r\n" + b"A: b\r\n" * 100_000,
        b"WARC/1.0\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
        b"WARC/1.0\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n",
    ):
        found, bad, _ = read(head + response(1))
        assert urls(found) == ["1"]
        assert len(bad) == 1


@PACKS
@given(st.randoms(use_true_random=False))
def test_random_bytes_raise_nothing(pack: Pack, chance: random.Random) -> None:
    data = bytearray(pack(pages(3)))
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 20)]
            case _:
                data[at:at] = chance.randbytes(chance.randrange(1, 50))
    found, bad, others = read(bytes(data), "a.warc" if pack is plain else "a.warc.gz")
    assert len(found) + len(bad) + sum(others.values()) >= 1


def test_empty_file_has_no_records() -> None:
    assert read(b"") == ([], [], {})


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    picture = warc(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + bytes(3_000_000))
    with path.open("wb") as stream:
        for number in range(40):
            stream.write(picture)
            stream.write(response(number))
    packed = tmp_path / "a.warc.gz"
    packed.write_bytes(gzip.compress(picture, 1) * 40 + gzip.compress(response(1)))
    for each, count in ((path, 40), (packed, 1)):
        tracemalloc.start()
        try:
            found = sum(1 for _ in read_records(file_source(each), ReadOptions()))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert found == count
        assert peak < 8_000_000


def test_records_are_those_that_fastwarc_finds() -> None:
    fastwarc = pytest.importorskip("fastwarc")
    for name in ("wget.warc.gz", "wget-plain.warc", "warcio.warc.gz"):
        data = (SAMPLES / name).read_bytes()
        found, _, others = read(data, name)
        expected = list(fastwarc.ArchiveIterator(io.BytesIO(data), parse_http=False))
        assert len(found) + sum(others.values()) == len(expected)
        positions = {
            f"@{record.stream_pos}": record.headers.get("WARC-Target-URI") for record in expected
        }
        for each in found:
            assert (positions[each.locator] or "").strip("<>") == each.url

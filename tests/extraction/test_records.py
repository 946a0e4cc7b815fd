"""Files of many records: how they are divided, located, bounded, and read when damaged."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.errors import NoArticle
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records import base, json_values
from newsgrep.extraction.records.base import (
    BadRecord,
    ReadOptions,
    Record,
    Source,
    bytes_source,
    file_source,
)
from newsgrep.extraction.records.registry import read_located, read_records

OUTLETS = load_outlets()
TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
LINES = "".join(
    json.dumps({"title": f"第{n}号码头", "text": TEXT}, ensure_ascii=False) + "\n" for n in range(3)
).encode()


def read(name: str, data: bytes, options: ReadOptions = base.DEFAULT_OPTIONS) -> list[Any]:
    return list(read_records(bytes_source(name, data), options))


def locators(name: str, data: bytes) -> list[str]:
    return [each.locator for each in read(name, data)]


def extract(name: str, data: bytes, **fields: str) -> list[Extraction]:
    source = bytes_source(name, data)
    options = ReadOptions(fields)
    return list(extract_records(f"/{name}", source, outlets=OUTLETS, mtime=1.8e9, options=options))


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(members: dict[str, bytes], mode: Any = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def test_lines_of_json_are_located_by_their_number() -> None:
    data = b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\n\n", 1)
    assert locators("a.jsonl", data) == [":1", ":3", ":4"]
    assert [each.article and each.article.path for each in extract("a.jsonl", data)] == [
        "/a.jsonl:1",
        "/a.jsonl:3",
        "/a.jsonl:4",
    ]


def test_bad_line_does_not_end_the_file() -> None:
    data = LINES[:60] + b"\n[1]\n" + LINES
    found = extract("a.jsonl", data)
    assert [each.locator for each in found if each.reason] == [":1", ":2"]
    assert sum(each.article is not None for each in found) == 3


def test_line_that_is_too_long_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsgrep.extraction.records.json_lines.MAX_RECORD_BYTES", 300)
    data = LINES + b'{"text":"' + b"x" * 1000 + b'"}\n' + LINES
    found = read("a.jsonl", data)
    assert [type(each) for each in found] == [Record] * 3 + [BadRecord] + [Record] * 3
    assert found[-1].locator == ":7"


@pytest.mark.parametrize(
    ("value", "titles"),
    [
        ([{"title": "甲", "text": TEXT}, {"title": "乙", "text": TEXT}], ["甲", "乙"]),
        ({"count": 1, "articles": [{"headline": "丙", "content": TEXT}]}, ["丙"]),
        ({"title": ["甲", "乙"], "text": [TEXT, TEXT]}, ["甲", "乙"]),
        ({"title": {"0": "甲", "1": "乙"}, "text": {"0": TEXT, "1": TEXT}}, ["甲", "乙"]),
        ({"https://a.example/1": {"title": "丁", "text": TEXT}}, ["丁"]),
        ({"title": "戊", "text": TEXT, "images": [{"src": "1.jpg"}]}, ["戊"]),
        ({"title": "己", "parts": [{"type": "text", "text": TEXT}]}, ["己"]),
    ],
)
def test_shapes_of_json_have_their_articles(value: Any, titles: list[str]) -> None:
    found = extract("a.json", json.dumps(value).encode())
    assert [each.article.title for each in found if each.article] == titles
    indented = json.dumps(value, indent=2, ensure_ascii=False).encode("gb18030")
    again = extract("a.json", indented)
    assert [each.article.title for each in again if each.article] == titles


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('"\\{}[],:甲a', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a{\\", max_size=2), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text("ab", max_size=2), JSON_VALUES), max_size=5), st.data())
def test_pieces_of_json_do_not_change_its_objects(
    objects: list[dict[str, Any]], data: st.DataObject
) -> None:
    wrap = data.draw(st.sampled_from(["[{}]", "{}", '{{"n": 1, "all": [{}]}}']))
    joined = ("\n" if wrap == "{}" else ",").join(map(json.dumps, objects))
    text = wrap.format(joined).encode()
    splitter = json_values.Splitter(inside=wrap.startswith("{{"))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    found = [
        record
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for record in splitter.feed(text[start:end])
    ]
    assert [json.loads(each.data) for each in found if isinstance(each, Record)] == objects
    assert not splitter.is_open


def test_truncated_json_yields_what_is_complete() -> None:
    data = json.dumps([{"title": str(n), "text": TEXT} for n in range(5)]).encode()[:-20]
    found = extract("a.json", data)
    assert [each.article.title for each in found if each.article] == list("0123")
    assert found[-1].reason == "the file ends in the middle of a value"


def test_rows_are_located_by_their_first_line() -> None:
    data = f'title,content,pub_date\r\n甲,"一\n{TEXT}",2024-05-17\r\n乙,{TEXT},2024/5/18\r\n'
    for encoding in ("utf-8-sig", "gb18030"):
        found = extract("a.csv", data.encode(encoding))
        assert [each.locator for each in found] == [":2", ":4"]
        days = [each.article.published for each in found if each.article]
        assert [day.iso for day in days if day] == ["2024-05-17", "2024-05-18"]


def test_row_with_too_many_fields_is_listed() -> None:
    found = read("a.tsv", b"title\tbody\nA\tB\nA\tB\tC\nD\tE\n")
    assert [type(each) for each in found] == [Record, BadRecord, Record]


def test_dump_without_a_text_names_its_fields() -> None:
    (found,) = extract("a.jsonl", b'{"id": 1, "ts": 2}\n')
    assert found.reason
    assert "--map body=FIELD. Fields: id, ts" in found.reason
    (mapped,) = extract(
        "a.jsonl", '{"k": "正文在这里。", "q": "题"}\n'.encode(), body="k", title="q"
    )
    assert mapped.article
    assert (mapped.article.title, mapped.article.body) == ("题", "正文在这里。")


def test_epochs_are_seconds_milliseconds_or_microseconds() -> None:
    for value in (1715914243, 1715914243000, 1715914243000000, "1715914243.5"):
        line = json.dumps({"title": "题", "text": TEXT, "timestamp": value}).encode()
        (found,) = extract("a.jsonl", line + b"\n")
        assert found.article
        assert found.article.published
        assert found.article.published.iso == "2024-05-17T02:50:43+00:00"


def test_html_in_a_field_is_read_as_html() -> None:
    line = json.dumps({"headline": "题", "content_html": f"<p>{TEXT}</p><script>x()</script>"})
    (found,) = extract("a.jsonl", line.encode() + b"\n")
    assert found.article
    assert found.article.body == TEXT


Compress = Callable[[bytes], bytes]


def _zstd(data: bytes) -> bytes:
    return zstandard.compress(data[:100]) + zstandard.compress(data[100:])


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress), ("zst", _zstd)],
)
def test_compressed_dump_is_read_like_the_dump(suffix: str, compress: Compress) -> None:
    assert read(f"a.jsonl.{suffix}", compress(LINES)) == read("a.jsonl", LINES)


def test_damaged_compression_yields_what_comes_before() -> None:
    data = gzip.compress(LINES * 9000, 1)
    source = bytes_source("a.jsonl.gz", data[: len(data) // 2])
    found: list[str] = []
    with pytest.raises(NoArticle, match=r"damaged after [0-9,]+ bytes"):
        found.extend(each.locator for each in read_records(source, ReadOptions()))
    assert 1000 < len(found) < 27000


def test_damaged_zstandard_is_reported() -> None:
    data = bytearray(zstandard.compress(LINES * 9000))
    data[len(data) // 2] ^= 255
    for damaged in (bytes(data), bytes(data)[:-9], b"\x28\xb5\x2f\xfd" + bytes(50)):
        with pytest.raises(NoArticle, match=r"damaged after [0-9,]+ bytes"):
            read("a.jsonl.zst", damaged)


def test_decompression_bomb_is_refused() -> None:
    data = gzip.compress(LINES + b" " * 200_000_000)
    with pytest.raises(NoArticle, match="250 times"):
        read("a.jsonl.gz", data)
    (bad,) = read("a.zip", zipped({"a.txt": b"0" * 2_000_000}))
    assert bad == BadRecord("!/a.txt", "more than 250 times its compressed size")


def test_members_of_archives_are_located_by_name() -> None:
    inner = zipped({"港口/b.jsonl.gz": gzip.compress(LINES), "c.png": b"\x89PNG"})
    expected = [
        "!/k/in.zip!/港口/b.jsonl.gz:1",
        "!/k/in.zip!/港口/b.jsonl.gz:2",
        "!/k/in.zip!/港口/b.jsonl.gz:3",
        "!/k/in.zip!/c.png",
        "!/d.md",
    ]
    members = {"k/in.zip": inner, "d.md": TEXT.encode()}
    for mode, name in (("w", "a.tar"), ("w:gz", "a.tgz"), ("w:xz", "a.tar.xz")):
        assert locators(name, tarred(members, mode)) == expected
    assert locators("a.zip", zipped(members)) == expected


def test_names_in_gb18030_are_legible() -> None:
    data = zipped({"gang.txt": TEXT.encode()})
    name = "港口".encode("gb18030")
    assert len(name) == len(b"gang")
    assert locators("a.zip", data.replace(b"gang", name)) == ["!/港口.txt"]


def test_nested_archives_end() -> None:
    data = TEXT.encode()
    for number in range(8):
        data = zipped({f"{number}.zip" if number else "a.txt": data})
    (bad,) = read("a.zip", data)
    assert isinstance(bad, BadRecord)
    assert "nested" in bad.reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"9" * 5000, "a number is too long"), (b"[" * 90_000 + b"]" * 90_000, "nested too deeply")],
    ids=["number", "nesting"],
)
def test_reason_names_what_is_wrong_with_json(value: bytes, reason: str) -> None:
    lines = b'{"title": "a", "text": ' + value + b"}\n" + LINES
    (bad, *_) = extract("a.jsonl", lines)
    assert bad.reason == f"not valid JSON ({reason})"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_different_records() -> None:
    names = ["a.txt", "a.txt (2)", "a.txt", "a.txt"]
    expected = ["!/a.txt", "!/a.txt (2)", "!/a.txt (2) (2)", "!/a.txt (3)"]
    packed, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, tarfile.open(fileobj=tarred, mode="w") as tar:
        for number, name in enumerate(names):
            data = f"{TEXT}{number}".encode()
            archive.writestr(name, data)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    for name, data in (("a.zip", packed.getvalue()), ("a.tar", tarred.getvalue())):
        found = read(name, data)
        assert [each.locator for each in found] == expected
        read_data = [each.data[-1:] for each in found if isinstance(each, Record)]
        assert read_data == [b"0", b"2", b"3"]
        located = read_located(bytes_source(name, data), [expected[3]], base.DEFAULT_OPTIONS)
        assert list(located) == found[3:]


@pytest.mark.parametrize("size", [1 << 27, 1 << 60], ids=["128M", "an exabyte"])
def test_tar_member_larger_than_its_archive_is_damage(size: int) -> None:
    member = tarfile.TarInfo("a.txt")
    member.size = size
    *_, bad = read("a.tar", member.tobuf(tarfile.GNU_FORMAT) + TEXT.encode() * 100)
    assert bad == BadRecord("!/…", "the archive is damaged after 1 members")


def test_truncated_archives_list_the_damage() -> None:
    data = tarred({f"{n}.txt": TEXT.encode() for n in range(9)})[: 9 * 1024 - 600]
    found = read("a.tar", data)
    assert sum(isinstance(each, Record) for each in found) >= 7
    assert isinstance(found[-1], BadRecord)
    with pytest.raises(NoArticle, match="ZIP archive that is damaged"):
        read("a.zip", zipped({"a.txt": TEXT.encode()})[:-30])


@pytest.mark.parametrize(
    ("name", "is_page"),
    [
        ("a.SHTML", True),
        ("a.aspx", True),
        ("a", True),
        ("a.html?id=5", True),
        ("a.html.1", True),
        ("a.css", False),
    ],
)
def test_pages_are_recognised_by_content(name: str, is_page: bool) -> None:
    data = f"<!DOCTYPE html><title>题</title><p>{TEXT}</p>".encode()
    if is_page:
        (found,) = extract(name, data)
        assert found.format == "html"
    else:
        with pytest.raises(NoArticle, match=r"does not read \.css"):
            read(name, data)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    element = json.dumps({"title": "a", "text": "x" * 10_000}).encode()
    with path.open("wb") as stream:
        stream.write(b'{"articles": [' + element)
        for _ in range(9_000):
            stream.write(b"," + element)
        stream.write(b"]}")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_records(file_source(path), ReadOptions()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 9_001
    assert peak < 220_000_000


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.jsonl.gz"])
def test_error_of_the_system_is_not_damage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = {
        "a.zip": zipped({"a.txt": TEXT.encode()}),
        "a.tar": tarred({"a.txt": TEXT.encode()}),
        "a.jsonl.gz": gzip.compress(LINES),
    }[name]

    class Failing(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        read1 = read

    head = bytes_source(name, packed).head()
    monkeypatch.setattr(Source, "head", lambda _: head)
    with pytest.raises(OSError, match="Input/output error"):
        list(read_records(Source(name, lambda: Failing(packed), len(packed)), ReadOptions()))

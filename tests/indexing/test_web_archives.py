"""Web archives in the index: appended records, damage, copies, and numbers that add up."""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.base import count_matches
from newsgrep.extraction.pipeline import extract_record
from newsgrep.extraction.records.base import Record
from newsgrep.indexing import index_at
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Article, Status

SAMPLES = Path(__file__).parents[1] / "fixtures/formats/warc"
WORDS = ("港口", "河堤", "学校", "电车", "渔船", "图书馆")


def warc(number: int, kind: str = "text/html") -> bytes:
    text = f"{WORDS[number % 6]}的第{number}号工程昨天完工，沿岸的村子不再需要沙袋。"
    page = f"<html><head><title>{WORDS[number % 6]}{number}</title></head><p>{text}</p></html>"
    body = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{page}".encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}\r\n"
        "WARC-Date: 2024-05-20T08:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def packed(record: bytes) -> bytes:
    return gzip.compress(record, mtime=0)


def plain(record: bytes) -> bytes:
    return record


Pack = Callable[[bytes], bytes]
PACKS = pytest.mark.parametrize("pack", [plain, packed])


def update(folder: Path, prune: bool | None = True) -> UpdateSummary:
    options = UpdateOptions(prune=prune)
    return update_index(index_at(folder / "index"), [str(folder / "a")], options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    return tmp_path


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Return the addresses of the records that are extracted, as they are."""
    found: list[str | None] = []

    def extract(record: Record, *args: Any, **options: Any) -> Article:
        found.append(record.url)
        return extract_record(record, *args, **options)

    monkeypatch.setattr("newsgrep.extraction.pipeline.extract_record", extract)
    return found


def addresses(folder: Path) -> set[str | None]:
    with index_at(folder / "index").open() as engine:
        records = [each for each in engine.file_records() if each.status is Status.INDEXED]
        assert count_matches(engine) == len(records)
        return {each.url for each in engine.get([each.article_id or "" for each in records])}


@PACKS
def test_appended_records_are_all_that_is_read(
    folder: Path, pack: Pack, extracted: list[str | None]
) -> None:
    path = folder / "a/a.warc.gz"
    path.write_bytes(pack(warc(0)) + pack(warc(0, "image/png")) + pack(warc(1)))
    assert update(folder).others == {"image/png": 1}
    extracted.clear()
    whole = pack(warc(3))
    with path.open("ab") as stream:
        stream.write(pack(warc(2)) + pack(warc(2, "image/png")) + whole[:-9])
    summary = update(folder)
    assert extracted == ["http://a.example/2"]
    assert (summary.counts[Outcome.ADDED], summary.counts[Outcome.UNCHANGED]) == (1, 2)
    assert summary.counts[Outcome.REJECTED] == 1
    assert summary.others == {"image/png": 2}
    extracted.clear()
    with path.open("ab") as stream:
        stream.write(whole[-9:])
    summary = update(folder)
    assert extracted == ["http://a.example/3"]
    assert (summary.articles, summary.counts[Outcome.REJECTED]) == (4, 0)
    assert summary.others == {"image/png": 2}


@PACKS
def test_random_histories_of_an_archive(folder: Path, pack: Pack) -> None:
    path = folder / "a/a.warc.gz"
    chance = random.Random(7)
    records: list[tuple[int, str]] = [(0, "text/html")]
    for _ in range(25):
        match chance.randrange(5):
            case 0 if len(records) > 1:
                del records[chance.randrange(len(records))]
            case 1:
                chance.shuffle(records)
            case _:
                kind = chance.choice(["text/html", "text/html", "image/png"])
                records += [(chance.randrange(9), kind) for _ in range(chance.randrange(1, 4))]
        path.write_bytes(b"".join(pack(warc(*each)) for each in records))
        summary = update(folder)
        pages = [number for number, kind in records if kind == "text/html"]
        assert sum(summary.others.values()) == len(records) - len(pages)
        if pages:
            assert summary.seen == len(pages)
        assert addresses(folder) == {f"http://a.example/{number}" for number in pages}


@PACKS
def test_damage_in_the_middle_is_listed_and_the_rest_grows(
    folder: Path, pack: Pack, extracted: list[str | None]
) -> None:
    path = folder / "a/a.warc.gz"
    data = bytearray(b"".join(pack(warc(number)) for number in range(4)))
    at = len(pack(warc(0)))
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    summary = update(folder)
    (bad,) = summary.listed[Outcome.REJECTED]
    assert bad.path.endswith(f"a.warc.gz@{at}")
    assert f"{len(pack(warc(1))):,} bytes are not read" in bad.reason
    assert summary.articles == 3
    extracted.clear()
    with path.open("ab") as stream:
        stream.write(pack(warc(5)))
    summary = update(folder)
    assert extracted == ["http://a.example/5"]
    assert [each.path for each in summary.listed[Outcome.REJECTED]] == [bad.path]


def test_single_member_that_grows_is_read_again(folder: Path) -> None:
    path = folder / "a/a.warc.gz"
    path.write_bytes(gzip.compress(warc(0) + warc(1)))
    assert update(folder).articles == 2
    with path.open("ab") as stream:
        stream.write(gzip.compress(warc(2) + warc(3)))
    summary = update(folder)
    assert (summary.counts[Outcome.UNCHANGED], summary.articles) == (2, 4)


def test_archive_without_pages_says_what_it_contains(folder: Path) -> None:
    (folder / "a/a.warc").write_bytes(warc(0, "image/png") * 3)
    (folder / "a/b.warc").write_bytes(b"")
    summary = update(folder)
    assert sorted(each.reason for each in summary.listed[Outcome.REJECTED]) == [
        "it contains no articles, only 3 image/png",
        "it contains no records",
    ]
    again = update(folder)
    assert again.listed[Outcome.REJECTED] == tuple(
        each.__class__(each.path, each.reason, known=True)
        for each in summary.listed[Outcome.REJECTED]
    )


def test_large_archive_with_another_suffix_is_read(folder: Path) -> None:
    (folder / "a/a.txt").write_bytes(warc(0) + warc(1))
    options = UpdateOptions(largest=600)
    summary = update_index(index_at(folder / "index"), [str(folder / "a")], options)
    assert (summary.articles, summary.containers) == (2, 1)


def test_pages_are_read_once_their_package_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("brotli")
    (folder / "a/a.warc.gz").write_bytes((SAMPLES / "wget.warc.gz").read_bytes())
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "brotli", None)
        summary = update(folder)
        (bad,) = summary.listed[Outcome.REJECTED]
        assert bad.reason.endswith('Brotli: pip install "newsgrep[warc]" reads it')
    assert update(folder).articles == summary.articles + 1


def test_samples_of_programs_add_up(folder: Path) -> None:
    pytest.importorskip("brotli")
    for path in SAMPLES.iterdir():
        (folder / "a" / path.name).write_bytes(path.read_bytes())
    summary = update(folder)
    assert summary.containers == 6
    assert summary.seen == sum(summary.counts.values())
    assert summary.counts[Outcome.REJECTED] == summary.counts[Outcome.FAILED] == 0
    assert summary.others["request"] == 9 * 4 + 8 + 2
    assert len(addresses(folder)) == summary.articles == 10

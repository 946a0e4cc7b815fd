"""What a run knows of an index in little memory: rows of file records, and marks on them."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from newsgrep.extraction.identity import article_id
from newsgrep.indexing import record_table as table_module
from newsgrep.indexing.known import GONE, OUT, PENDING, PRESENT, UNCHANGED, UNSEEN, KnownRecords
from newsgrep.models import FileRecord, Status

INDEXED = FileRecord("/n/a.md", 5, 7, "ab" * 16, Status.INDEXED, article_id(None, "/n/a.md"))
DUPLICATE = FileRecord("/n/b.md", 5, 7, "cd" * 16, Status.DUPLICATE, INDEXED.article_id, "same")
REJECTED = FileRecord("/n/c.md", 5, 7, "ef" * 16, Status.REJECTED, None, "empty")
DUMP = FileRecord("/n/d.jsonl", 99, 7, "00", Status.CONTAINER, ledger="[1]")


def member(line: int, digest: str, status: Status = Status.INDEXED) -> FileRecord:
    path = f"{DUMP.path}:{line}"
    own_id = article_id(None, path) if status is Status.INDEXED else None
    return FileRecord(path, 99, 7, digest * 16, status, own_id, locator=f":{line}")


@dataclass
class Index:
    """An index that is read again, and counts how often that is."""

    records: list[FileRecord]
    requests: list[Sequence[str]] = field(default_factory=list)

    def find(self, ids: Sequence[str]) -> Iterator[FileRecord]:
        self.requests.append(ids)
        indexed = [each for each in self.records if each.status is Status.INDEXED]
        return (each for each in indexed if each.article_id in ids)

    def known(self) -> KnownRecords:
        first = sorted(self.records, key=lambda record: record.status is Status.INDEXED)
        return KnownRecords(first, self.find, lambda path: path.startswith("/n/"))


ALL = [INDEXED, DUPLICATE, REJECTED, DUMP, member(1, "1a"), member(2, "2a"), member(30, "3a")]


def test_records_are_returned_by_path() -> None:
    known = Index(ALL).known()
    assert {path: known[path] for path in known} == {record.path: record for record in ALL}
    assert len(known) == len(ALL)
    assert "/n/none.md" not in known
    assert known.get("/n/none.md") is None
    with pytest.raises(KeyError):
        known["/n/none.md"]


def test_records_of_articles_are_read_again_once() -> None:
    index = Index([record for record in ALL if record is not DUPLICATE])
    known = index.known()
    assert not index.requests
    for _ in range(2):
        assert known[INDEXED.path] == INDEXED
    assert index.requests == [[INDEXED.article_id]]
    index.records.clear()  # the run has deleted everything
    assert known[INDEXED.path] == INDEXED
    assert known.get(f"{DUMP.path}:1") is None


def test_articles_of_duplicates_are_not_read_again() -> None:
    index = Index(ALL)
    assert index.known()[INDEXED.path] == INDEXED
    assert not index.requests


def test_records_that_are_needed_next_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "_FETCHED_AT_ONCE", 2)
    index = Index([DUMP, *(member(line, "1a") for line in range(1, 7))])
    known = index.known()
    for line in (1, 3, 4, 6):
        known.mark(f"{DUMP.path}:{line}", (UNSEEN, PENDING, GONE)[line % 3])
    for line in range(1, 7):
        assert known[f"{DUMP.path}:{line}"].locator == f":{line}"
    lines = [
        [known[path].locator for path in known if known[path].article_id in ids]
        for ids in index.requests
    ]
    assert lines == [[":1", ":3"], [":2", ":4"], [":5", ":6"]]


def test_ids_of_any_form_are_returned() -> None:
    ids = ["a", "bridge", "abcdefghijk1", "a" * 12, "7" * 12, "渔", INDEXED.article_id or ""]
    records = [INDEXED._replace(path=f"/n/{each}", article_id=each) for each in ids]
    known = Index(records).known()
    for record in records:
        row = known.row_of_article(record.article_id or "")
        assert row is not None
        assert known.id_of(row) == record.article_id
        assert known.find(row) == record
    assert known.row_of_article("none") is None
    assert known.row_of_article("b" * 12) is None


def test_record_of_an_article_counts_if_a_path_has_two() -> None:
    left = INDEXED._replace(status=Status.REJECTED, article_id=None)  # by an interrupted run
    known = Index([left, INDEXED]).known()
    assert [*known.values()] == [INDEXED]
    assert [*known.records_without_article()] == []


def test_file_is_unchanged_if_size_and_time_are() -> None:
    known = Index(ALL).known()
    assert known.unchanged_row(INDEXED.path, 5, 7) == known.row_of(INDEXED.path)
    for size, mtime_ns in ((5, 8), (6, 7), (7, 5)):
        assert known.unchanged_row(INDEXED.path, size, mtime_ns) is None
    assert known.unchanged_row(f"{DUMP.path}:1", 99, 7) is None, "a record in a file is not a file"
    old = INDEXED._replace(mtime_ns=-1, size=2**63)
    assert Index([old]).known().unchanged_row(old.path, 2**63, -1) == 0


def test_records_in_a_file_are_marked_with_it() -> None:
    known = Index(ALL).known()
    known.mark(DUMP.path, PRESENT | UNCHANGED)
    known.mark(INDEXED.path, PRESENT)
    known.mark_members()
    paths = [known[path].path for path in known if known.is_marked(path, UNCHANGED)]
    assert paths == [record.path for record in ALL if record.file == DUMP.path]
    absent = [record.path for record in known.records(known.absent_rows())]
    assert absent == [DUPLICATE.path, REJECTED.path]
    assert known.count_under() == len(ALL)


def test_known_file_recognises_its_records_by_digest() -> None:
    known = Index([*ALL, member(40, "4a", Status.REJECTED)]).known()
    assert known.files_of(["/n/a.md", "/n/none"]) == {}
    file = known.files_of([DUMP.path])[DUMP.path]
    assert file.container == DUMP
    assert file.articles == 3
    assert file.is_unchanged(f"{DUMP.path}:2", "2a" * 16)
    assert file.is_unchanged(f"{DUMP.path}:40", "4a" * 16)
    assert not file.is_unchanged(f"{DUMP.path}:2", "3a" * 16)
    assert not file.is_unchanged(f"{DUMP.path}:3", "2a" * 16)
    assert not file.is_unchanged(DUMP.path, "00")
    assert [known.find(row) for row in file.rows_before(30)] == ALL[4:]


def test_duplicates_are_found_by_address() -> None:
    other = DUPLICATE._replace(path="/n/e.md", article_id="else", address=INDEXED.article_id or "")
    known = Index([*ALL, other]).known()
    rows = known.duplicates_at(INDEXED.article_id or "")
    assert [*known.records(rows)] == [DUPLICATE, other]
    assert {*known.duplicates()} == {*rows}
    assert known.duplicates_at("else") == []


def test_count_returns_records_by_status_and_marks() -> None:
    known = Index([*ALL[:4], INDEXED._replace(path="/n/f", article_id="f", extractor="9")]).known()
    known.mark("/n/f", OUT)
    assert known.count() == {
        (Status.INDEXED, False, 0, ""): 1,
        (Status.INDEXED, False, OUT, "9"): 1,
        (Status.DUPLICATE, False, 0, ""): 1,
        (Status.REJECTED, False, 0, ""): 1,
        (Status.CONTAINER, False, 0, ""): 1,
    }


def test_known_records_take_some_bytes_each() -> None:
    number = 20_000
    chance = random.Random(1)

    def records() -> Iterator[FileRecord]:
        for n in range(number):
            path = f"/n/{n // 100}/{'long name ' * 5}{n}.html"
            yield INDEXED._replace(
                path=path,
                size=chance.getrandbits(16),
                mtime_ns=chance.getrandbits(60),
                article_id=article_id(None, path),
                sketch=bytes(100),
            )

    known = KnownRecords(records(), lambda _: ())
    known.row_of("/n/none")
    known.row_of_article("none")
    values = vars(known).values()
    tables = sum(sys.getsizeof(each) for each in values if hasattr(each, "append"))
    tables += sum(sys.getsizeof(each._slots) for each in (known._by_path, known._by_id))
    assert len(known) == number
    assert tables < 75 * number


def test_absent_files_of_many_with_one_size_need_the_same_time() -> None:
    def record(number: int) -> FileRecord:
        return FileRecord(f"/a/{number}.md", 7, number, "", Status.REJECTED)

    few = KnownRecords([record(number) for number in range(10)])
    few.mark("/a/3.md", PRESENT)
    assert few.absent_files({(7, 5)}) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert few.absent_files({(8, 5)}) == []
    many = KnownRecords([record(number) for number in range(100)])
    assert many.absent_files({(7, 5)}) == [5]

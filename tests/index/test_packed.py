"""File records that are packed in memory are those that were set."""

from __future__ import annotations

import sys

from newsgrep.index.packed import PackedRecords
from newsgrep.models import FileRecord, Status


def record(number: int) -> FileRecord:
    locator = f":{number}"
    return FileRecord(
        f"/archive/\udcff/dump.jsonl{locator}",
        1000 + number,
        1_700_000_000_000_000_000,
        f"{number:032x}",
        Status.INDEXED,
        f"id{number}",
        version_key=("2024-05-17T10:50:43+00:00", number),
        extractor="rules 1",
        sketch=bytes(range(200)),
        address=f"address{number}",
        locator=locator,
    )


def test_packed_records_are_those_that_were_set() -> None:
    packed = PackedRecords()
    for number in range(9):
        packed[f"id{number}"] = record(number)
    packed.share("id3", record(30))
    del packed["id4"]
    expected = {f"id{number}": record(number) for number in range(9) if number != 4}
    expected["id3"] = record(30)
    assert dict(packed) == expected
    assert packed.keys() - {"id1"} == expected.keys() - {"id1"}
    assert (len(packed), "id4" in packed, packed.get("id4")) == (8, False, None)


def test_packed_record_takes_less_than_half_of_the_memory() -> None:
    packed = PackedRecords()
    packed["id1"] = one = record(1)
    parts = (*one, *one.version_key)
    unpacked = sum(sys.getsizeof(each) for each in (one, *parts) if each not in {"", None})
    assert sys.getsizeof(packed._records["id1"]) < 0.5 * unpacked

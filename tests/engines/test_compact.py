"""Tables of rows by hash, and file records that are packed in memory or in a file."""

from __future__ import annotations

import random
from array import array

import pytest

from newsgrep.engines import compact
from newsgrep.engines.compact import HashIndex, RecordFile, hash_key
from newsgrep.models import FileRecord, Status

RECORD = FileRecord(
    "/archive/\udcff.txt",
    3,
    4,
    "d1",
    Status.INDEXED,
    "fish",
    version_key=("2024-05-17T00:00:00Z", 12),
    extractor="7",
    sketch=b"\1\2",
    address="harbour",
    locator=".txt",
)


def test_hash_index_finds_every_row_of_a_number() -> None:
    chance = random.Random(1)
    keys = array("Q")
    index = HashIndex(keys)
    assert list(index.rows(5)) == []
    for size in (1, 10, 42, 43, 3000):
        keys.extend(
            chance.choice((0, 5, 64, 2**64 - 1, chance.getrandbits(64))) for _ in range(size)
        )
        for key in {*keys, 6} - {0}:
            assert list(index.rows(key)) == [row for row, each in enumerate(keys) if each == key]
        assert list(index.rows(0)) == [], "a row without a number is found"
        del keys[60:]
        index = HashIndex(keys)


def test_hash_index_takes_some_bytes_a_row() -> None:
    index = HashIndex(array("Q", range(1, 100_001)))
    list(index.rows(1))
    assert len(index._slots) * index._slots.itemsize < 12 * 100_000


def test_hash_key_is_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < hash_key("/a") < 2**64
    monkeypatch.setattr(compact, "hash", lambda _: 0, raising=False)
    assert hash_key("/a") == 1


@pytest.mark.parametrize("limit", [0, 200, 10**9])
def test_record_file_returns_what_was_added(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "_MAX_IN_MEMORY", limit)
    records = [
        RECORD,
        RECORD._replace(article_id="é" * 500, ledger="[1]"),
        FileRecord("/b", 2**40, -1, "", Status.DUPLICATE, "fish", "the same article"),
        FileRecord("/c", 0, 0, "", Status.REJECTED, None, "empty"),
    ]
    file = RecordFile()
    places = [file.append(record) for record in records]
    assert min(places) > 0
    assert [file[place] for place in reversed(places)] == records[::-1]
    place = file.append(RECORD)
    assert file[place] == RECORD

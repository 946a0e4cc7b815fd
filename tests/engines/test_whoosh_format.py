"""The files of the Whoosh engine: what is written is read again, also by Whoosh's own classes."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh.columns import NumericColumn, RefBytesColumn, VarBytesColumn
from whoosh.filedb.structfile import BufferFile

from newsgrep.analysis.scoring import FieldCounts, pack_counts
from newsgrep.engines.commit_writer import CommitWriter
from newsgrep.engines.whoosh.builder import BLOCK_LIMIT, MAX_INLINED, inline_postings, pack_block
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.segment import count_postings, from_weight, read_postings, to_weight
from newsgrep.engines.whoosh.storage import (
    BYTES_COLUMNS,
    DEFAULT_VALUES,
    ENGINE,
    FACET_COLUMNS,
    NUMBER_COLUMNS,
    NUMBER_DEFAULTS,
    OWN_FILE,
    TEXT_FIELD,
    CheckedFile,
    describe_segments,
    segments_of,
)
from newsgrep.engines.whoosh.writer import (
    MAX_SEGMENT_POSTINGS,
    ChangeWriter,
    DocumentAddress,
    FieldTerms,
)
from tests.support.factories import engine_with, make_article

Documents = list[dict[str, int]]
KEY = "key"


def add(writer: ChangeWriter, key: str, terms: Mapping[str, int]) -> DocumentAddress:
    texts = {
        TEXT_FIELD: FieldTerms(list(terms), list(terms.values())),
        KEY: FieldTerms([key], [1]),
    }
    return writer.add(texts, DEFAULT_VALUES | {"id": key.encode()})


@contextmanager
def writing(folder: Path, most: int = MAX_SEGMENT_POSTINGS) -> Iterator[ChangeWriter]:
    """Commit what is written in the context."""
    folder.mkdir(exist_ok=True)
    commits = CommitWriter(folder, ENGINE, OWN_FILE)
    if commits.last_number() is None:
        commits.create({}, describe_segments(()))
    with WhooshReader(folder, commits.last()) as committed, ChangeWriter(folder, most) as writer:
        yield writer
        files, segments = writer.finish(committed)
    commits.publish(files, describe_segments(segments))


def write(
    folder: Path, documents: Documents, start: int = 0, most: int = MAX_SEGMENT_POSTINGS
) -> list[DocumentAddress]:
    with writing(folder, most) as writer:
        return [add(writer, f"k{n}", terms) for n, terms in enumerate(documents, start)]


@contextmanager
def reading(folder: Path) -> Iterator[WhooshReader]:
    with WhooshReader(folder, CommitWriter(folder, ENGINE, OWN_FILE).last()) as reader:
        yield reader


def postings(reader: WhooshReader, field: str = TEXT_FIELD) -> dict[str, list[tuple[int, int]]]:
    return {
        term: list(zip(numbers, counts, strict=True))
        for term, numbers, counts in reader.all_postings(field)
    }


def expected(documents: Documents) -> dict[str, list[tuple[int, int]]]:
    terms = sorted({term for document in documents for term in document})
    return {
        term: [(n, doc[term]) for n, doc in enumerate(documents) if term in doc] for term in terms
    }


def ids(reader: WhooshReader) -> set[str]:
    return {reader.article_id(n) for segment in reader.segments for n in living(segment)}


def living(segment: Any) -> list[int]:
    return [segment.offset + number for number in segment.living()]


_COUNTS = st.one_of(st.just(1), st.integers(1, 40), st.integers(1, 2**24 - 1))
_DOCUMENTS = st.lists(
    st.dictionaries(st.sampled_from("水渔场声明ab字").map(str), _COUNTS), min_size=1, max_size=30
)


@given(packed=st.integers(0, 2**24 - 1))
def test_from_weight_inverts_to_weight(packed: int) -> None:
    assert from_weight(to_weight(packed)) == packed
    assert to_weight(packed) < 2**24


def test_to_weight_of_common_counts_is_one_byte() -> None:
    common = [
        pack_counts(FieldCounts(t, n, b)) for t in (0, 1) for n in range(8) for b in range(16)
    ]
    assert sorted(map(to_weight, common)) == list(range(256))


@given(
    gaps=st.lists(st.one_of(st.integers(1, 300), st.integers(1, 2**20)), min_size=1, max_size=200),
    data=st.data(),
)
def test_read_postings_inverts_pack_block(
    tmp_path_factory: Any, gaps: list[int], data: Any
) -> None:
    numbers = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    counts = data.draw(st.lists(_COUNTS, min_size=len(gaps), max_size=len(gaps)))
    weights = list(map(to_weight, counts))
    path = tmp_path_factory.mktemp("block") / "postings"
    if len(numbers) <= MAX_INLINED:
        row, content = inline_postings(numbers, weights), b""
    else:
        content = pack_block(numbers, weights)
        row = b"\0" + b"".join(
            n.to_bytes(size, "big") for n, size in ((len(numbers), 4), (0, 8), (len(content), 4))
        )
    path.write_bytes(content)
    file = CheckedFile(path, len(content), None)
    assert count_postings(row) == len(numbers)
    assert read_postings(row, file, numbers[-1] + 1) == (array("L", numbers), array("L", counts))
    file.close()


@settings(max_examples=40, deadline=None)
@given(documents=_DOCUMENTS)
def test_reader_returns_written_postings(tmp_path_factory: Any, documents: Documents) -> None:
    folder = tmp_path_factory.mktemp("bulk")
    write(folder, documents)
    with reading(folder) as reader:
        assert postings(reader) == expected(documents)
        for term, listed in expected(documents).items():
            numbers, counts = reader.postings(term)
            assert list(zip(numbers, counts, strict=True)) == listed
            assert reader.document_frequency(term) == len(listed)
        assert list(reader.postings("不存在")[0]) == []
        assert reader.document_frequency("不存在") == 0
        assert postings(reader, KEY) == {
            f"k{n}": [(n, 1)] for n in sorted(range(len(documents)), key=str)
        }


@settings(max_examples=40, deadline=None)
@given(documents=_DOCUMENTS, prefix=st.sampled_from(["", "水", "渔场", "a", "x", "字"]))
def test_terms_returns_those_with_prefix(
    tmp_path_factory: Any, documents: Documents, prefix: str
) -> None:
    from newsgrep.query.ast import Field

    folder = tmp_path_factory.mktemp("bulk")
    write(folder, documents)
    with reading(folder) as reader:
        found = list(reader.terms(prefix, Field.TEXT))
    assert found == [term for term in expected(documents) if term.startswith(prefix)]


@settings(max_examples=40, deadline=None)
@given(
    terms=st.sets(st.text("水渔a", min_size=1, max_size=300), max_size=60),
    others=st.lists(st.text("水渔ab", max_size=4), max_size=20),
)
def test_find_returns_row_of_each_term(
    tmp_path_factory: Any, terms: set[str], others: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("terms")
    write(folder, [dict.fromkeys(terms, 3)])
    with reading(folder) as reader:
        (segment,) = reader.segments
        for term in (*terms, *others):
            found = segment.postings(TEXT_FIELD, term.encode())
            assert found == ((array("L", [0]), array("L", [3])) if term in terms else _NONE)


_NONE = (array("L"), array("L"))


@pytest.mark.parametrize("count", [1, 40, 1500])
def test_whoosh_reads_columns(tmp_path: Path, count: int) -> None:
    with writing(tmp_path) as writer:
        for n in range(count):
            values: dict[str, Any] = DEFAULT_VALUES | {
                "id": f"k{n}".encode(),
                "folded": b"x" * (n % 300),
                "source": f"s{n % 5 if count < 300 else n}".encode(),
                "first_day": n * 1000 if n < count // 2 else 0,
                "timestamp": n / 3 if n % 2 else float("-inf"),
                "body_length": n,
            }
            writer.add({KEY: FieldTerms([f"k{n}"], [1])}, values)
    with reading(tmp_path) as reader:
        (segment,) = reader.segments
        kinds: dict[str, Any] = dict.fromkeys(BYTES_COLUMNS, VarBytesColumn())
        kinds |= dict.fromkeys(FACET_COLUMNS, RefBytesColumn())
        for name, code in NUMBER_COLUMNS.items():
            kinds[name] = NumericColumn(code, NUMBER_DEFAULTS.get(name, 0))
        for name, kind in kinds.items():
            (path,) = tmp_path.glob(f"*.{name}.col")
            content = path.read_bytes()
            column = kind.reader(BufferFile(content, path.name), 0, len(content), count)
            theirs = [column[n] for n in range(count)]
            if name in BYTES_COLUMNS:
                own = segment.column(name)
                assert [own[n] for n in range(count)] == theirs
                assert list(own.values(range(count))) == theirs
            elif name in FACET_COLUMNS:
                assert list(segment.facet_values(name)) == [each.decode() for each in theirs]
            else:
                assert segment.numbers(name).tolist() == theirs


@pytest.mark.parametrize(
    "size", [BLOCK_LIMIT - 1, BLOCK_LIMIT, BLOCK_LIMIT + 1, 2 * BLOCK_LIMIT, 5 * BLOCK_LIMIT // 2]
)
def test_writer_writes_lists_of_several_blocks(tmp_path: Path, size: int) -> None:
    documents: Documents = [{"水": 1, f"t{n % 3}": n + 1} for n in range(size)]
    write(tmp_path, documents)
    with reading(tmp_path) as reader:
        assert postings(reader) == expected(documents)


@pytest.mark.parametrize("count", range(1, 20))
def test_writer_inlines_short_lists(tmp_path: Path, count: int) -> None:
    documents: Documents = [{"水": 70_000 + n} if n % 30 == 0 else {} for n in range(30 * count)]
    write(tmp_path, documents)
    with reading(tmp_path) as reader:
        assert postings(reader) == expected(documents)
    assert (next(tmp_path.glob("*.pst")).stat().st_size == 0) == (count <= MAX_INLINED)


def test_writer_merges_segments(tmp_path: Path) -> None:
    first, second = [{"水": 1, "渔": 2}, {"声": 3}], [{"水": 4}, {"渔": 5, "场": 6}]
    write(tmp_path, first)
    write(tmp_path, second, start=2)
    with reading(tmp_path) as reader:
        assert len(reader.segments) == 1
        # The new documents come first: merged segments follow them.
        assert postings(reader) == expected([*second, *first])
        assert [reader.article_id(n) for n in range(4)] == ["k2", "k3", "k0", "k1"]


def test_writer_splits_large_commits(tmp_path: Path) -> None:
    documents: Documents = [{"水": n + 1, f"t{n}": 1} for n in range(50)]
    addresses = write(tmp_path, documents, most=20)
    with reading(tmp_path) as reader:
        assert len(reader.segments) == len({segment for segment, _ in addresses}) > 3
        assert postings(reader) == expected(documents)


def test_writer_deletes_its_own_documents(tmp_path: Path) -> None:
    with writing(tmp_path, most=20) as writer:
        addresses = [add(writer, f"k{n}", {"水": n + 1}) for n in range(50)]
        for segment, number in addresses[::7]:
            segment.deleted.add(number)
    with reading(tmp_path) as reader:
        assert ids(reader) == {f"k{n}" for n in range(50) if n % 7}
        assert len(reader.postings("水")[0]) == reader.document_frequency("水") == 42


def test_writer_drops_segment_without_living_documents(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        segment, number = add(writer, "k", {"水": 1})
        segment.deleted.add(number)
    with reading(tmp_path) as reader:
        assert reader.segments == []
        assert reader.all_documents() == set()


def test_merge_leaves_few_segments(tmp_path: Path) -> None:
    sizes = [3000, *[100] * 40, 2000, *[10] * 20, 1]
    keys: list[str] = []
    for size in sizes:
        with writing(tmp_path) as writer:
            for _ in range(size):
                keys.append(f"k{len(keys)}")
                add(writer, keys[-1], {"水": 1})
        with reading(tmp_path) as reader:
            assert len(reader.segments) <= 1 + math.log2(len(keys) / 1000 + 2)
            assert reader.document_count() == len(keys)
    with reading(tmp_path) as reader:
        assert ids(reader) == set(keys)
        assert len(reader.postings("水")[0]) == len(keys)


def test_merge_rewrites_half_deleted_segments(tmp_path: Path) -> None:
    write(tmp_path, [{"水": n + 1} for n in range(3000)])
    for first, last, segments, rows in ((0, 1400, 1, 3000), (1400, 1600, 1, 1400)):
        with writing(tmp_path) as writer:
            writer._deleted.update(range(first, last))
        with reading(tmp_path) as reader:
            assert (len(reader.segments), sum(s.size for s in reader.segments)) == (segments, rows)
            assert len(reader.postings("水")[0]) == 3000 - last


def test_no_file_is_a_pickle(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, [make_article("a", "水", "渔场声明", captions=["图"])]).close()
    for path in (tmp_path / "whoosh").iterdir():
        content = path.read_bytes()
        assert b"whoosh." not in content, path.name
        assert not content.startswith(b"\x80"), path.name
    (path,) = (tmp_path / "whoosh").glob("commit-*.json")
    state = json.loads(path.read_text().partition("\n")[0])["state"]
    assert [len(each) for each in state["segments"]] == [3]


def test_segments_of_inverts_describe_segments(tmp_path: Path) -> None:
    write(tmp_path, [{"水": 1}] * 3)
    commit = CommitWriter(tmp_path, ENGINE, OWN_FILE).last()
    assert describe_segments(segments_of(commit)) == commit.state

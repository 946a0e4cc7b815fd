"""Segments are Whoosh's: each reads what the other writes."""

from __future__ import annotations

import json
import math
import struct
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh.codec.whoosh3 import W3Codec, W3Segment
from whoosh.fields import COLUMN, ID, Schema
from whoosh.filedb.filestore import FileStorage
from whoosh.reading import SegmentReader

from newsgrep.analysis.joints import MOST_BYTES
from newsgrep.analysis.scoring import FieldCounts, pack_counts
from newsgrep.engines.base import DeleteArticle
from newsgrep.engines.commit_writer import CommitWriter
from newsgrep.engines.whoosh import joints
from newsgrep.engines.whoosh.internals import (
    BLOCK_LIMIT,
    COLUMN_TYPES,
    MAX_INLINED,
)
from newsgrep.engines.whoosh.postings import from_weight, to_weight
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import (
    BYTES_COLUMNS,
    DEFAULT_VALUES,
    ENGINE,
    FACET_COLUMNS,
    INDEX_NAME,
    OWN_FILE,
    TEXT_FIELD,
    VERSIONS_COLUMN,
    CheckedFile,
    CorruptFile,
    Segment,
    checksum_segment,
    describe_segments,
    segments_of,
)
from newsgrep.engines.whoosh.writer import (
    MAX_SEGMENT_POSTINGS,
    ChangeWriter,
    DocumentAddress,
    FieldTerms,
)
from newsgrep.query.ast import Field
from tests.support.factories import engine_with, make_article, upsert

Documents = list[dict[str, int]]
KEY = "key"
FIELD_TYPE = ID()  # stores a weight, and no frequency or position beside it


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
    return [segment.offset + n for n in range(segment.size) if n not in segment.deleted]


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


# Whoosh's own reader and writer --------------------------------------------------------------

SCHEMA = Schema(
    **{name: COLUMN(kind) for name, kind in COLUMN_TYPES.items()},
    **{TEXT_FIELD: FIELD_TYPE, KEY: FIELD_TYPE},
)


@contextmanager
def whoosh_reader(folder: Path) -> Iterator[SegmentReader]:
    """Open the only segment with Whoosh alone."""
    (segment,) = segments_of(CommitWriter(folder, ENGINE, OWN_FILE).last())
    name = segment.name.removeprefix(f"{INDEX_NAME}_")
    theirs = W3Segment(W3Codec(), INDEX_NAME, segment.documents, name)
    reader = SegmentReader(FileStorage(str(folder)), SCHEMA, theirs)
    try:
        yield reader
    finally:
        reader.close()


def read_by_whoosh(reader: SegmentReader, field: str) -> dict[str, list[tuple[int, float]]]:
    """Return all postings of a field, one by one, through Whoosh's public interface."""
    found = {}
    for term in reader.lexicon(field):
        matcher = reader.postings(field, term)
        postings = []
        while matcher.is_active():
            postings.append((matcher.id(), matcher.weight()))
            matcher.next()
        found[term.decode("utf-8")] = postings
    return found


def with_weights(found: Mapping[str, list[tuple[int, int]]]) -> dict[str, list[tuple[int, float]]]:
    return {term: [(n, to_weight(c)) for n, c in listed] for term, listed in found.items()}


@settings(max_examples=40, deadline=None)
@given(documents=_DOCUMENTS)
def test_whoosh_reads_written_postings(tmp_path_factory: Any, documents: Documents) -> None:
    folder = tmp_path_factory.mktemp("bulk")
    write(folder, documents)
    with whoosh_reader(folder) as reader:
        listed = with_weights(expected(documents))
        assert read_by_whoosh(reader, TEXT_FIELD) == listed
        assert sorted(read_by_whoosh(reader, KEY)) == sorted(f"k{n}" for n in range(len(documents)))
        for term, postings_of_term in listed.items():
            info = reader.term_info(TEXT_FIELD, term)
            weights = [weight for _, weight in postings_of_term]
            assert info.doc_frequency() == len(weights)
            assert (info.weight(), info.max_weight()) == pytest.approx((sum(weights), max(weights)))
            numbers = [number for number, _ in postings_of_term]
            assert (info.min_id(), info.max_id()) == (numbers[0], numbers[-1])


def test_whoosh_reads_blocks_and_wide_numbers(tmp_path: Path) -> None:
    documents: Documents = [
        ({"水": 1} if n % 7 else {})
        | ({"渔": n * 5 + 1} if n % 300 == 0 else {})
        | ({"场": 2**24 - 1 - n} if n % 3 else {})
        for n in range(3 * BLOCK_LIMIT)
    ]
    write(tmp_path, documents)
    with whoosh_reader(tmp_path) as reader, reading(tmp_path) as own:
        assert postings(own) == expected(documents)
        assert read_by_whoosh(reader, TEXT_FIELD) == with_weights(expected(documents))


def columns_of(number: int, distinct: int) -> dict[str, Any]:
    return DEFAULT_VALUES | {
        "id": f"k{number}".encode(),
        "folded": b"x" * (number % 300),
        "source": f"s{number % distinct}".encode(),
        "first_day": number * 1000 if number % 50 < 25 else 0,
        "timestamp": number / 3 if number % 2 else float("-inf"),
        "body_length": number,
        **({VERSIONS_COLUMN: b"v" * (number % 7)} if number % 3 == 1 else {}),
    }


def compare_columns(reader: SegmentReader, own: WhooshReader) -> None:
    """Compare all columns as Whoosh reads them with what newsgrep reads."""
    (segment,) = own.segments
    assert segment.description.has_versions == (segment.size > 1)
    for name in COLUMN_TYPES:
        if name == VERSIONS_COLUMN and segment.size == 1:
            assert list(segment.versions(range(1))) == [b""]
            continue
        column = reader.column_reader(name)
        theirs = [column[number] for number in range(segment.size)]
        if name in {*BYTES_COLUMNS, VERSIONS_COLUMN}:
            ours = segment.column(name)
            assert [ours[number] for number in range(segment.size)] == theirs
            assert list(ours.values(range(segment.size))) == theirs
        elif name in FACET_COLUMNS:
            assert list(segment.facet_values(name)) == [each.decode() for each in theirs]
        else:
            assert segment.numbers(name).tolist() == theirs


@pytest.mark.parametrize(("count", "distinct"), [(1, 1), (40, 5), (1500, 1500)])
def test_whoosh_reads_written_columns(tmp_path: Path, count: int, distinct: int) -> None:
    with writing(tmp_path) as writer:
        for n in range(count):
            writer.add({KEY: FieldTerms([f"k{n}"], [1])}, columns_of(n, distinct))
    with whoosh_reader(tmp_path) as reader, reading(tmp_path) as own:
        compare_columns(reader, own)


def write_by_whoosh(folder: Path, documents: list[dict[str, float]]) -> None:
    """Commit a segment that Whoosh's own codec has written, posting by posting."""
    commits = CommitWriter(folder, ENGINE, OWN_FILE)
    commits.create({}, describe_segments(()))
    storage, codec = FileStorage(str(folder)), W3Codec()
    theirs = W3Segment(codec, INDEX_NAME)
    columns = codec.per_document_writer(storage, theirs)
    for number in range(len(documents)):
        columns.start_doc(number)
        for name, value in columns_of(number, 7).items():
            columns.add_column_value(name, COLUMN_TYPES[name], value)
        columns.finish_doc()
    theirs.set_doc_count(len(documents))
    columns.close()
    terms = codec.field_writer(storage, theirs)
    terms.start_field(TEXT_FIELD, FIELD_TYPE)
    for term in sorted({term for document in documents for term in document}):
        terms.start_term(term.encode())
        for number, document in enumerate(documents):
            if term in document:
                terms.add(number, document[term], b"", None)
        terms.finish_term()
    terms.finish_field()
    index = terms._tindex.index
    terms.close()
    segment = Segment(
        theirs.segment_id(),
        len(documents),
        None,
        [TEXT_FIELD],
        index.typecode,
        len(index),
        has_versions=len(documents) > 1,
    )
    commits.publish(dict(checksum_segment(folder, segment)), describe_segments([segment]))


@settings(max_examples=40, deadline=None)
@given(documents=_DOCUMENTS)
def test_reader_reads_what_whoosh_writes(tmp_path_factory: Any, documents: Documents) -> None:
    folder = tmp_path_factory.mktemp("theirs")
    # A weight is stored in four bytes, of which a float has 24 bits.
    write_by_whoosh(
        folder, [{term: float(to_weight(n)) for term, n in each.items()} for each in documents]
    )
    with whoosh_reader(folder) as reader, reading(folder) as own:
        assert postings(own) == expected(documents)
        compare_columns(reader, own)
        for term, listed in expected(documents).items():
            assert own.document_frequency(term) == len(own.postings(term)[0]) == len(listed)


def test_reader_reads_blocks_that_whoosh_writes(tmp_path: Path) -> None:
    documents: Documents = [
        {"水": 1} | ({"渔": n % 4 + 1} if n % 300 else {}) | ({"场": 5} if n % 900 == 0 else {})
        for n in range(3000)
    ]
    write_by_whoosh(
        tmp_path, [{term: float(to_weight(n)) for term, n in each.items()} for each in documents]
    )
    with reading(tmp_path) as own:
        assert postings(own) == expected(documents)


# Writing -------------------------------------------------------------------------------------


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


def test_merge_keeps_versions(tmp_path: Path) -> None:
    expected = []
    for first in (0, 1, 2, 3, 4):  # segments with and without versions
        with writing(tmp_path) as writer:
            writer.add({KEY: FieldTerms([f"k{first}"], [1])}, columns_of(first, 1))
        expected.append(columns_of(first, 1).get(VERSIONS_COLUMN, b""))
    with reading(tmp_path) as own:
        (segment,) = own.segments
        ids = [segment.column("id")[number] for number in range(5)]
        found = dict(zip(ids, segment.versions(range(5)), strict=True))
        assert [found[f"k{number}".encode()] for number in range(5)] == expected


def signatures(reader: WhooshReader) -> dict[tuple[str, int], bytes]:
    return {
        (reader.article_id(segment.offset + number), block.zone): signature
        for segment in reader.segments
        if segment.joints is not None
        for block in segment.joints.blocks
        for number, signature in zip(
            segment.joints.numbers(block), segment.joints.signatures(block), strict=True
        )
    }


@pytest.mark.parametrize("texts_in_block", [4096, 3])
def test_merge_keeps_signatures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts_in_block: int
) -> None:
    monkeypatch.setattr(joints, "_TEXTS_IN_BLOCK", texts_in_block)
    monkeypatch.setattr(joints, "_COPIED", texts_in_block)
    expected = {}
    for start in range(0, 21, 7):  # the third commit merges the others
        with writing(tmp_path) as writer:
            for number in range(start, start + 7):
                size = 64 << number % 3 if number % 4 else 0
                signature = bytes([number]) * size
                columns = DEFAULT_VALUES | {"id": f"k{number}".encode()}
                left_out = signature * 2 if number % 5 else b""
                terms = {KEY: FieldTerms([f"k{number}"], [1])}
                writer.add(terms, columns, (signature, left_out))
                if signature:
                    expected[f"k{number}", joints.TEXT_ZONE] = signature
                if left_out:
                    expected[f"k{number}", joints.LEFT_OUT_ZONE] = left_out
    with reading(tmp_path) as own:
        assert len(own.segments) == 1
        assert signatures(own) == expected


def test_merge_drops_signatures_of_deleted_documents(tmp_path: Path) -> None:
    engine = engine_with(
        "whoosh", tmp_path, [make_article(each, "", each * 9) for each in "水渔场"]
    )
    engine.write([DeleteArticle("渔")])
    engine.write([upsert(make_article("声", "", "声" * 9))])
    engine.close()
    with reading(tmp_path / "whoosh") as own:
        assert len(own.segments) == 1
        assert sorted(signatures(own)) == [(each, joints.TEXT_ZONE) for each in "场声水"]


def test_documents_of_a_block_are_inside_of_the_segment(tmp_path: Path) -> None:
    path = tmp_path / "x.joints"
    writer = joints.JointWriter(path)
    writer.add(5, joints.TEXT_ZONE, b"\xff" * 64)
    writer.finish()
    file = CheckedFile(path, path.stat().st_size, None)
    assert list(joints.JointFile(file, 6).with_joints(joints.TEXT_ZONE, [1, 2])) == [5]
    assert list(joints.JointFile(file, 6).with_joints(joints.LEFT_OUT_ZONE, [1, 2])) == []
    with pytest.raises(CorruptFile, match="documents that do not exist"):
        list(joints.JointFile(file, 5).with_joints(joints.TEXT_ZONE, [1, 2]))
    with pytest.raises(CorruptFile, match="does not describe signatures"):
        joints.JointFile(file, 0)
    file.close()


@pytest.mark.parametrize("size", [63, 65, 96, 127])
def test_signature_size_is_a_power_of_two(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.joints"
    writer = joints.JointWriter(path)
    writer.add(0, joints.TEXT_ZONE, b"\xff" * 64)
    writer.finish()
    data = path.read_bytes()
    position, texts, written, columns, zone, count = struct.unpack(">QIIIBI", data[-25:])
    assert written == 64
    made_up = struct.pack(">QIIIBI", position, texts, size, min(columns, size), zone, count)
    path.write_bytes(data[:-25] + made_up)
    file = CheckedFile(path, len(data), None)
    with pytest.raises(CorruptFile, match="does not describe signatures"):
        joints.JointFile(file, 1)
    file.close()


@given(at=st.integers(0, 10**6), value=st.integers(0, 255))
def test_changed_signatures_are_an_error_or_signatures(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("joints") / "x.joints"
    writer = joints.JointWriter(path)
    for number in range(20):
        writer.add(number, number % 2, bytes(range(number, number + 64)))
    writer.finish()
    data = bytearray(path.read_bytes())
    data[at % len(data)] = value
    path.write_bytes(data)
    file = CheckedFile(path, len(data), None)  # as if somebody had made up the checksums, too
    try:
        changed = joints.JointFile(file, 20)
        assert all(number < 20 for number in changed.with_joints(joints.TEXT_ZONE, [1 << 31]))
        assert all(
            len(each) <= MOST_BYTES for b in changed.blocks for each in changed.signatures(b)
        )
    except (CorruptFile, LookupError, ValueError, struct.error):
        pass  # what the engine reports as damage
    finally:
        file.close()


def test_files_name_no_class_of_newsgrep(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, [make_article("a", "水", "渔场声明", captions=["图"])]).close()
    for path in (tmp_path / "whoosh").iterdir():
        content = path.read_bytes()
        assert b"newsgrep." not in content, path.name
    (path,) = (tmp_path / "whoosh").glob("commit-?.json")
    state = json.loads(path.read_text().partition("\n")[0])["state"]
    assert [len(each) for each in state["segments"]] == [8]


def test_segments_of_inverts_describe_segments(tmp_path: Path) -> None:
    write(tmp_path, [{"水": 1}] * 3)
    commit = CommitWriter(tmp_path, ENGINE, OWN_FILE).last()
    assert describe_segments(segments_of(commit)) == commit.state

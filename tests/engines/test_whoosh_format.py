"""The format on disk is Whoosh's: unmodified Whoosh reads what the bulk writer writes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh.columns import VarBytesColumn
from whoosh.fields import COLUMN, ID, Schema
from whoosh.index import FileIndex
from whoosh.query.terms import Term
from whoosh.reading import IndexReader
from whoosh.writing import SegmentWriter

from newsgrep.analysis.scoring import FieldCounts, pack_counts
from newsgrep.engines.whoosh.codec import TEXT_FIELD, from_weight, to_weight
from newsgrep.engines.whoosh.engine import WhooshEngine
from newsgrep.engines.whoosh.internals import BLOCK_LIMIT, INDEX_NAME
from newsgrep.engines.whoosh.reader import WhooshReader
from newsgrep.engines.whoosh.storage import IndexFolder
from newsgrep.engines.whoosh.writer import (
    MAX_SEGMENT_POSTINGS,
    BulkWriter,
    DocumentAddress,
    FieldTerms,
)
from tests.support.factories import engine_with, make_article, upsert

Documents = list[dict[str, int]]


def read_by_whoosh(reader: IndexReader, field: str) -> dict[str, list[tuple[int, float]]]:
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


def expected(documents: Documents) -> dict[str, list[tuple[int, float]]]:
    terms = sorted({term for document in documents for term in document})
    return {
        term: [(n, float(doc[term])) for n, doc in enumerate(documents) if term in doc]
        for term in terms
    }


def index_in(folder: Path) -> FileIndex:
    folder.mkdir()
    schema = Schema(**{TEXT_FIELD: ID(), "key": ID(), "column": COLUMN(VarBytesColumn())})
    storage = IndexFolder(str(folder))
    FileIndex.create(storage, schema, indexname=INDEX_NAME)
    return FileIndex(storage, indexname=INDEX_NAME)


def write(
    index: FileIndex, documents: Documents, start: int = 0, most: int = MAX_SEGMENT_POSTINGS
) -> list[DocumentAddress]:
    writer = BulkWriter(index, most)
    addresses = [add(writer, f"k{number}", terms) for number, terms in enumerate(documents, start)]
    writer.commit(merge=False)
    return addresses


def add(writer: BulkWriter, key: str, terms: dict[str, int]) -> DocumentAddress:
    texts = {
        TEXT_FIELD: FieldTerms(list(terms), list(terms.values())),
        "key": FieldTerms([key], [1]),
    }
    return writer.add(texts, {"column": key.encode()})


def write_plainly(index: FileIndex, documents: Documents) -> None:
    """Write with Whoosh's own writer, through its sorting pool, one posting after the other."""
    writer = SegmentWriter(index, compound=False)
    for number, terms in enumerate(documents):
        for term, packed in terms.items():
            weight = float(to_weight(packed))
            writer.pool.add((TEXT_FIELD, term.encode("utf-8"), number, weight, b""))
        writer.add_document(key=[f"k{number}"], column=f"k{number}".encode())
    writer.commit(merge=False)


def with_weights(documents: Documents) -> Documents:
    """Return the documents with the weights on disk instead of the packed counts."""
    return [{term: to_weight(packed) for term, packed in each.items()} for each in documents]


_DOCUMENTS = st.lists(
    st.dictionaries(
        st.sampled_from("水渔场声明ab字").map(str),
        st.one_of(st.just(1), st.integers(1, 40), st.integers(1, 2**24 - 1)),
    ),
    min_size=1,
    max_size=30,
)


@given(packed=st.integers(0, 2**24 - 1))
def test_from_weight_inverts_to_weight(packed: int) -> None:
    assert from_weight(to_weight(packed)) == packed
    assert to_weight(packed) < 2**24  # a float of 32 bits holds it exactly


def test_to_weight_of_common_counts_is_one_byte() -> None:
    common = [
        pack_counts(FieldCounts(t, n, b)) for t in (0, 1) for n in range(8) for b in range(16)
    ]
    assert sorted(map(to_weight, common)) == list(range(256))


@settings(max_examples=40, deadline=None)
@given(documents=_DOCUMENTS)
def test_unmodified_whoosh_reads_bulk_writer_output(
    tmp_path_factory: Any, documents: Documents
) -> None:
    folder = tmp_path_factory.mktemp("bulk")
    ours, plain = index_in(folder / "ours"), index_in(folder / "plain")
    write(ours, documents)
    write_plainly(plain, documents)
    with ours.reader() as reader, plain.reader() as reference:
        assert read_by_whoosh(reader, TEXT_FIELD) == read_by_whoosh(reference, TEXT_FIELD)
        assert read_by_whoosh(reader, TEXT_FIELD) == expected(with_weights(documents))
        assert read_by_whoosh(reader, "key") == read_by_whoosh(reference, "key")
        assert read_column(reader) == read_column(reference)
        for term in expected(documents):
            info, other = reader.term_info(TEXT_FIELD, term), reference.term_info(TEXT_FIELD, term)
            assert info.doc_frequency() == other.doc_frequency()
            assert (info.weight(), info.max_weight()) == (other.weight(), other.max_weight())
            assert (info.min_id(), info.max_id()) == (other.min_id(), other.max_id())
    with ours.searcher() as searcher, plain.searcher() as reference_searcher:
        for term in expected(documents):
            hits, others = (
                [(hit.docnum, hit.score) for hit in each.search(Term(TEXT_FIELD, term), limit=None)]
                for each in (searcher, reference_searcher)
            )
            assert hits == others
    ours.close()
    plain.close()


def read_column(reader: IndexReader) -> list[bytes]:
    column = reader.column_reader("column")
    return [column[number] for number in range(reader.doc_count_all())]


def test_bulk_writer_writes_lists_of_several_blocks(tmp_path: Path) -> None:
    documents: Documents = [
        {"水": 1, f"t{n % 3}": n + 1} for n in range(2 * BLOCK_LIMIT + BLOCK_LIMIT // 2)
    ]
    for size in (BLOCK_LIMIT - 1, BLOCK_LIMIT, BLOCK_LIMIT + 1, 2 * BLOCK_LIMIT, len(documents)):
        index = index_in(tmp_path / str(size))
        write(index, documents[:size])
        with index.reader() as reader:
            assert read_by_whoosh(reader, TEXT_FIELD) == expected(with_weights(documents[:size]))
        index.close()


@pytest.mark.parametrize("count", range(1, 20))
def test_bulk_writer_inlines_short_lists(tmp_path: Path, count: int) -> None:
    documents: Documents = [{"水": 70_000 + n} if n % 300 == 0 else {} for n in range(300 * count)]
    index = index_in(tmp_path / "index")
    write(index, documents)
    with index.reader() as reader:
        assert read_by_whoosh(reader, TEXT_FIELD) == expected(with_weights(documents))
    index.close()


def test_bulk_writer_merges_segments(tmp_path: Path) -> None:
    index = index_in(tmp_path / "index")
    first, second = [{"水": 1, "渔": 2}, {"声": 3}], [{"水": 4}, {"渔": 5, "场": 6}]
    write(index, first)
    write(index, second, start=2)
    writer = BulkWriter(index)
    add(writer, "last", {"水": 7})
    writer.commit(optimize=True)
    with index.reader() as reader:
        # The new document comes first: merged segments follow it.
        assert read_by_whoosh(reader, TEXT_FIELD) == expected(
            with_weights([{"水": 7}, *first, *second])
        )
    index.close()


def test_bulk_writer_splits_large_commits(tmp_path: Path) -> None:
    documents: Documents = [{"水": n + 1, f"t{n}": 1} for n in range(50)]
    index = index_in(tmp_path / "index")
    addresses = write(index, documents, most=20)
    with index.reader() as reader:
        assert len(reader.leaf_readers()) == len({segment for segment, _ in addresses}) > 3
        assert read_by_whoosh(reader, TEXT_FIELD) == expected(with_weights(documents))
    index.close()


def test_bulk_writer_deletes_its_own_documents(tmp_path: Path) -> None:
    index = index_in(tmp_path / "index")
    writer = BulkWriter(index, max_postings=20)
    addresses = [add(writer, f"k{n}", {"水": n + 1}) for n in range(50)]
    for segment, number in addresses[::7]:
        segment.delete_document(number)
    writer.commit(mergetype=writer.merge_small)
    with index.reader() as reader:
        living = {f"k{n}" for n in range(50) if n % 7}
        assert {reader.column_reader("column")[n] for n in reader.all_doc_ids()} == {
            key.encode() for key in living
        }
    index.close()


def test_bulk_writer_cancel_leaves_other_files(tmp_path: Path) -> None:
    index = index_in(tmp_path / "index")
    write(index, [{"水": 1}])
    before = {path.name: path.read_bytes() for path in (tmp_path / "index").iterdir()}
    writer = BulkWriter(index, max_postings=2)
    for number in range(10):
        add(writer, f"k{number}", {"渔": 1, "场": 2})
    writer.cancel()
    assert {path.name: path.read_bytes() for path in (tmp_path / "index").iterdir()} == before
    write(index, [{"声": 1}])
    index.close()


def test_merge_small_leaves_few_segments(tmp_path: Path) -> None:
    index = index_in(tmp_path / "index")
    sizes = [3000, *[100] * 60, 2000, *[10] * 40, 1]
    keys: list[str] = []
    for size in sizes:
        writer = BulkWriter(index)
        for _ in range(size):
            keys.append(f"k{len(keys)}")
            add(writer, keys[-1], {"水": 1})
        writer.commit(mergetype=writer.merge_small)
        with index.reader() as reader:
            assert len(reader.leaf_readers()) <= 1 + math.log2(len(keys) / 1000 + 2)
            assert reader.doc_count() == len(keys)
    with index.reader() as reader:
        assert set(read_by_whoosh(reader, "key")) == set(keys)
        assert len(read_by_whoosh(reader, TEXT_FIELD)["水"]) == len(keys)
    index.close()


def test_merge_small_rewrites_half_deleted_segments(tmp_path: Path) -> None:
    index = index_in(tmp_path / "index")
    write(index, [{"水": n + 1} for n in range(3000)])
    for first, last, segments, rows in ((0, 1400, 1, 3000), (1400, 1600, 1, 1400)):
        writer = BulkWriter(index)
        for number in range(first, last):
            writer.delete_document(number)
        writer.commit(mergetype=writer.merge_small)
        with index.reader() as reader:
            assert (len(reader.leaf_readers()), reader.doc_count_all()) == (segments, rows)
            assert len(read_by_whoosh(reader, TEXT_FIELD)["水"]) == 3000 - last
    index.close()


def test_reader_postings_equal_whoosh_matchers(tmp_path: Path) -> None:
    articles = [
        make_article(f"a{n}", f"水{n}", "水。" * (n % 5 + 1) + "渔场声明") for n in range(2500)
    ]
    engine = engine_with("whoosh", tmp_path, articles[:2400])
    engine.write([upsert(each) for each in articles[2300:]])  # two segments, with deletions
    assert isinstance(engine, WhooshEngine)
    index = FileIndex(IndexFolder(str(tmp_path / "whoosh")), indexname=INDEX_NAME)
    store = WhooshReader(IndexFolder(str(tmp_path / "whoosh")))
    with index.reader() as reader:
        assert len(reader.leaf_readers()) == 2
        assert reader.has_deletions()
        one_by_one = read_by_whoosh(reader, TEXT_FIELD)
        for term, postings in one_by_one.items():
            numbers, counts = store.postings(term)
            assert [(n, to_weight(c)) for n, c in zip(numbers, counts, strict=True)] == postings
        assert list(store.postings("不存在")[0]) == []
    store.close()
    index.close()
    engine.close()


def test_pickles_contain_no_newsgrep_class(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, [make_article("a", "水", "渔场声明", captions=["图"])]).close()
    for path in (tmp_path / "whoosh").iterdir():
        assert b"newsgrep." not in path.read_bytes(), path.name


READ_BY_WHOOSH_ALONE = """
import json, sys
from whoosh.index import open_dir
from whoosh.query import Term

index = open_dir(sys.argv[1], indexname="NEWSGREP", readonly=True)
with index.searcher() as searcher:
    hits = searcher.search(Term("text", sys.argv[2]), limit=None)
    ids = searcher.reader().column_reader("id")
    print(json.dumps([ids[hit.docnum].decode() for hit in hits]))
assert not [name for name in sys.modules if name.startswith("newsgrep")]
"""


def test_whoosh_alone_searches_engine_index(tmp_path: Path) -> None:
    articles = [make_article(f"a{n}", "渔场", "声明。" + "水" * (n % 2)) for n in range(20)]
    engine = engine_with("whoosh", tmp_path, articles[:12])
    engine.write(upsert(each) for each in articles[10:])
    engine.close()
    command = [sys.executable, "-c", READ_BY_WHOOSH_ALONE, str(tmp_path / "whoosh"), "水"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert sorted(json.loads(done.stdout)) == sorted(f"a{n}" for n in range(1, 20, 2))

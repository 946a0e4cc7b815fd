"""What the bulk writer puts on disk is what Whoosh itself would have put there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh.fields import ID, KEYWORD, Schema
from whoosh.filedb.filestore import FileStorage
from whoosh.index import FileIndex
from whoosh.reading import IndexReader

from newsgrep.engines.whoosh.bulk import BLOCK_LIMIT, BulkWriter
from newsgrep.engines.whoosh.engine import WhooshEngine
from newsgrep.engines.whoosh.schema import INDEX_NAME, TEXT
from newsgrep.engines.whoosh.store import Store
from tests.making import article, engine_with, upsert

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
    schema = Schema(**{TEXT: ID(), "key": ID(), "caption": KEYWORD()})
    storage = FileStorage(str(folder))
    FileIndex.create(storage, schema, indexname=INDEX_NAME)
    return FileIndex(storage, indexname=INDEX_NAME)


def write(index: FileIndex, documents: Documents, start: int = 0) -> None:
    writer = BulkWriter(index)
    for number, terms in enumerate(documents, start):
        writer.add_with_terms(terms, key=f"k{number}", caption=["说", f"图{number % 3}"])
    writer.commit(merge=False)


_DOCUMENTS = st.lists(
    st.dictionaries(st.sampled_from("水渔场声明ab字").map(str), st.integers(1, 2**24 - 1)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(documents=_DOCUMENTS)
def test_unmodified_whoosh_reads_every_posting(tmp_path_factory: Any, documents: Documents) -> None:
    index = index_in(tmp_path_factory.mktemp("bulk") / "index")
    write(index, documents)
    with index.reader() as reader:
        assert read_by_whoosh(reader, TEXT) == expected(documents)
        assert set(read_by_whoosh(reader, "key")) == {f"k{n}" for n in range(len(documents))}
        for term, postings in expected(documents).items():
            info = reader.term_info(TEXT, term)
            assert info.doc_frequency() == len(postings)
            assert info.max_weight() == max(weight for _, weight in postings)
    index.close()


def test_lists_longer_than_a_block_are_whole(tmp_path: Path) -> None:
    documents: Documents = [
        {"水": 1, f"t{n % 3}": n + 1} for n in range(2 * BLOCK_LIMIT + BLOCK_LIMIT // 2)
    ]
    for size in (BLOCK_LIMIT - 1, BLOCK_LIMIT, BLOCK_LIMIT + 1, 2 * BLOCK_LIMIT, len(documents)):
        index = index_in(tmp_path / str(size))
        write(index, documents[:size])
        with index.reader() as reader:
            assert read_by_whoosh(reader, TEXT) == expected(documents[:size])
        index.close()


def test_segments_merge_as_whoosh_merges_them(tmp_path: Path) -> None:
    index = index_in(tmp_path / "index")
    first, second = [{"水": 1, "渔": 2}, {"声": 3}], [{"水": 4}, {"渔": 5, "场": 6}]
    write(index, first)
    write(index, second, start=2)
    writer = BulkWriter(index)
    writer.add_with_terms({"水": 7}, key="last", caption=[])
    writer.commit(optimize=True)
    with index.reader() as reader:
        # The new document comes first: merged segments follow it.
        assert read_by_whoosh(reader, TEXT) == expected([{"水": 7}, *first, *second])
    index.close()


def test_blocks_read_at_once_are_postings_read_one_by_one(tmp_path: Path) -> None:
    articles = [article(f"a{n}", f"水{n}", "水。" * (n % 5 + 1) + "渔场声明") for n in range(1500)]
    engine = engine_with("whoosh", tmp_path, articles[:1400])
    engine.write([upsert(each) for each in articles[1300:]])  # two segments, with deletions
    assert isinstance(engine, WhooshEngine)
    index = FileIndex(FileStorage(str(tmp_path / "whoosh")), indexname=INDEX_NAME)
    store = Store(index)
    with index.reader() as reader:
        one_by_one = read_by_whoosh(reader, TEXT)
        for term, postings in one_by_one.items():
            numbers, counts = store.postings(term)
            assert list(zip(numbers, counts, strict=True)) == [(n, int(w)) for n, w in postings]
        assert list(store.postings("不存在")[0]) == []
    store.close()
    index.close()
    engine.close()


def test_no_class_of_ours_is_inside_whooshs_pickles(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, [article("a", "水", "渔场声明", captions=["图"])]).close()
    for path in (tmp_path / "whoosh").iterdir():
        assert b"newsgrep." not in path.read_bytes(), path.name

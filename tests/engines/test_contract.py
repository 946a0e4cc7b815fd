"""The contract of engines: each returns what the memory engine returns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import (
    FACETS,
    Change,
    DeleteArticle,
    DropFileRecord,
    Engine,
    EngineRequest,
    Order,
    PutArticle,
    PutFileRecord,
    TermStatistics,
)
from newsgrep.engines.registry import open_engine
from newsgrep.engines.whoosh import writer
from newsgrep.errors import UsageError
from newsgrep.models import Article, FileRecord, Status
from newsgrep.query.ast import (
    And,
    DateRange,
    MatchAll,
    Node,
    Not,
    Or,
    in_all_versions,
    scoring_terms,
)
from newsgrep.query.parser import parse
from tests.support.contract_archive import ARCHIVE, COLLECTIONS, QUERIES
from tests.support.factories import (
    ENGINES,
    NON_TRANSACTIONAL_ENGINES,
    create_engine,
    engine_with,
    make_article,
    make_file_record,
    upsert,
)

COMMITTING = [each for each in ENGINES if each not in NON_TRANSACTIONAL_ENGINES]
"""Engines that apply all changes of a write or none; a server keeps those that it received."""


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=ENGINES)
def shared_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Return an engine for reading only: creating an index takes a server longer than searching."""
    engine = engine_with(request.param, tmp_path_factory.mktemp("shared"), ARCHIVE)
    yield engine
    engine.close()


@pytest.fixture
def engine(name: str, tmp_path: Path) -> Iterator[Engine]:
    engine = engine_with(name, tmp_path, ARCHIVE)
    yield engine
    engine.close()


@pytest.fixture
def reference(tmp_path: Path) -> Engine:
    return engine_with("memory", tmp_path, ARCHIVE)


def test_queries_cover_every_node_type() -> None:
    node_types: set[type[Node]] = set()

    def visit(node: Node) -> None:
        node_types.add(type(node))
        match node:
            case And(children) | Or(children):
                for child in children:
                    visit(child)
            case Not(child):
                visit(child)
            case _:
                pass

    for query in QUERIES:
        visit(parse(query, scan=True, collections=lambda: COLLECTIONS).root)
    assert node_types == set(get_args(Node))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
@pytest.mark.parametrize("mode", ["all", "any", "versions"])
def test_search_equals_memory_engine(
    shared_engine: Engine, reference: Engine, query: str, mode: str
) -> None:
    any_word = mode == "any"
    root = parse(query, any_word=any_word, scan=True, collections=lambda: COLLECTIONS).root
    if mode == "versions":
        root = in_all_versions(root)
    for order in Order:
        expected = reference.search(EngineRequest(root, order, 100, 0, FACETS))
        found = shared_engine.search(EngineRequest(root, order, 100, 0, FACETS))
        assert found.total == expected.total == len(expected.candidates)
        assert [each.id for each in found.candidates] == [each.id for each in expected.candidates]
        assert dict(found.facets) == dict(expected.facets)
        for one, other in zip(found.candidates, expected.candidates, strict=True):
            assert one.score == other.score  # sums of exact numbers, in any order
            assert one.timestamp == other.timestamp


def ids(engine: Engine, query: str) -> set[str]:
    page = engine.search(EngineRequest(parse(query).root, limit=100))
    return {candidate.id for candidate in page.candidates}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"联合声明"', {"bridge", "fish", "repeats"}),
        ('"看着文本"', {"fish"}),
        ('"GPT"', {"english"}),
        ('"gpt4"', {"english"}),
        ('"pt"', set()),
        ('"合声"', {"bridge", "fish", "repeats"}),
        ("caption:联合声明", {"tram"}),
        ("date:2024-05-18", {"fish", "tram", "english", "year"}),
        ("date:2024-05-17", {"tram", "year"}),
        ("source:post", {"english"}),
        ("联合 -声明", set()),
        ("北京大学生", {"year"}),
        ("earlier:通车", {"bridge"}),
        ("changed:", {"bridge", "tram", "undated"}),
        ("changed:title", {"bridge", "undated"}),
        ("changed:2023-11-20", {"bridge"}),
        ("changed:2024", {"bridge", "tram", "undated"}),
        ("changed:2024-05", set()),
    ],
)
def test_search_returns_expected_ids(shared_engine: Engine, query: str, expected: set[str]) -> None:
    assert ids(shared_engine, query) == expected


def test_search_offset_pages_partition_results(shared_engine: Engine) -> None:
    for order in Order:
        whole = shared_engine.search(EngineRequest(MatchAll(), order, 100)).candidates
        for size in (1, 2, 4):
            pages = [
                shared_engine.search(EngineRequest(MatchAll(), order, size, offset)).candidates
                for offset in range(0, len(whole), size)
            ]
            assert tuple(each for page in pages for each in page) == whole
        assert shared_engine.search(EngineRequest(MatchAll(), order, 5, 1000)).candidates == ()


@pytest.mark.parametrize("query", ["-没有", "水 OR 联合声明", "联合", "date:2024"])
def test_search_after_continues_results(shared_engine: Engine, query: str) -> None:
    root = parse(query, collections=lambda: COLLECTIONS).root
    for order in Order:
        whole = shared_engine.search(EngineRequest(root, order, 100)).candidates
        for number, last in enumerate(whole, 1):
            page = shared_engine.search(EngineRequest(root, order, 2, 0, FACETS, after=last))
            assert page.candidates == whole[number : number + 2]
            assert (page.total, page.before) == (len(whole), number)
            assert dict(page.facets) == dict(
                shared_engine.search(EngineRequest(root, order, 0, 0, FACETS)).facets
            )
            page = shared_engine.search(EngineRequest(root, order, 2, 1, after=last))
            assert page.candidates == whole[number + 1 : number + 3]
            assert page.before == min(number + 1, len(whole))
            # Also if the article is deleted meanwhile: no other id sorts between these two.
            gone = last._replace(id=f"{last.id}\0")
            assert (
                shared_engine.search(EngineRequest(root, order, 2, after=gone)).candidates
                == whole[number:][:2]
            )


def test_search_ranks_by_statistics_of_several_indexes(
    shared_engine: Engine, reference: Engine
) -> None:
    root = parse("渔业 OR 声明 OR gpt").root
    own = shared_engine.search(EngineRequest(root, limit=100))
    terms = scoring_terms(root)
    for having in ((1, 900, 0), (900, 1, 0), (500, 500, 500)):
        statistics = TermStatistics(1000, dict(zip(terms, having, strict=True)))
        request = EngineRequest(root, limit=100, statistics=statistics)
        found = shared_engine.search(request)
        assert found == reference.search(request)
        assert found.total == own.total
        assert found.candidates != own.candidates


def test_search_puts_undated_last_by_date(shared_engine: Engine) -> None:
    for order in (Order.OLDEST, Order.NEWEST):
        found = shared_engine.search(EngineRequest(MatchAll(), order, 100)).candidates
        assert found[-1].id == "undated"
    oldest = shared_engine.search(EngineRequest(DateRange(None, None), Order.OLDEST, 1)).candidates[
        0
    ]
    assert oldest.id == "repeats"


def test_get_returns_equal_articles(shared_engine: Engine) -> None:
    assert shared_engine.get(each.id for each in ARCHIVE) == list(ARCHIVE)
    assert shared_engine.get(["none", "fish", "none"]) == [ARCHIVE[1]]


def test_file_records_returns_every_record(engine: Engine) -> None:
    record = FileRecord("/archive/\udcff.txt", 3, 4, "d1", Status.REJECTED, None, "nothing in it")
    engine.write([PutFileRecord(record)])
    assert set(engine.file_records()) == {make_file_record(each) for each in ARCHIVE} | {record}
    assert next(engine.file_records()) == record  # without an article: first
    engine.write([DropFileRecord(record.path)])
    assert set(engine.file_records()) == {make_file_record(each) for each in ARCHIVE}


def test_find_file_records_follows_the_ids(engine: Engine) -> None:
    wanted = [ARCHIVE[2], ARCHIVE[0], ARCHIVE[2]]
    found = engine.find_file_records(["none", *(each.id for each in wanted)])
    assert found == list(map(make_file_record, wanted))
    assert engine.find_file_records([]) == []
    engine.write([DeleteArticle(ARCHIVE[0].id)])
    assert engine.find_file_records([ARCHIVE[0].id]) == []


def test_search_ignores_file_records(engine: Engine) -> None:
    before = engine.search(EngineRequest(MatchAll(), limit=100))
    engine.write(
        [
            PutFileRecord(FileRecord(f"/n{i}", 1, 1, "", Status.REJECTED, None, "why"))
            for i in range(9)
        ]
    )
    assert engine.search(EngineRequest(MatchAll(), limit=100)) == before


def test_write_replaces_and_deletes_articles(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    changed = make_article("fish", "渔场开了", "没有别的。", date="2025-01-01")
    engine.write([upsert(changed), DeleteArticle("bridge"), DeleteArticle("never was")])
    expected = engine_with("memory", tmp_path, [changed, *ARCHIVE[2:]])
    for query in QUERIES:
        root = parse(query, collections=lambda: COLLECTIONS).root
        one, other = (
            engine.search(EngineRequest(root, limit=100)),
            expected.search(EngineRequest(root, limit=100)),
        )
        assert (one.total, [c.id for c in one.candidates]) == (
            other.total,
            [c.id for c in other.candidates],
        )
    assert engine.get(["fish", "bridge"]) == [changed]
    engine.close()


def test_write_applies_changes_in_order(name: str, tmp_path: Path) -> None:
    engine = create_engine(name, tmp_path)
    first, second = make_article("a", "旧的", "旧文"), make_article("a", "新的", "新文")
    gone = make_article("b", "走了", "旧文")
    engine.write([upsert(first), upsert(gone), upsert(second), DeleteArticle("b")])
    assert ids(engine, "旧文") == set()
    assert ids(engine, "新文") == {"a"}
    assert engine.search(EngineRequest(MatchAll())).total == 1
    assert [each.article_id for each in engine.file_records()] == ["a"]
    engine.close()


def failing_changes() -> Iterator[Change]:
    yield DeleteArticle("bridge")
    yield upsert(make_article("new", "新的", "新文"))
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", COMMITTING, indirect=True)
def test_write_error_changes_nothing(engine: Engine) -> None:
    before = engine.search(EngineRequest(MatchAll(), limit=100))
    with pytest.raises(KeyboardInterrupt):
        engine.write(failing_changes())
    assert engine.search(EngineRequest(MatchAll(), limit=100)) == before
    engine.write([DeleteArticle("bridge")])
    assert engine.search(EngineRequest(MatchAll())).total == before.total - 1


def test_write_can_be_repeated_after_error(engine: Engine) -> None:
    before = {each.id for each in ARCHIVE}
    with pytest.raises(KeyboardInterrupt):
        engine.write(failing_changes())
    left = {each.article_id for each in engine.file_records()}
    assert left - {"bridge", "new"} == before - {"bridge"}
    engine.write(islice(failing_changes(), 2))
    assert {each.article_id for each in engine.file_records()} == before - {"bridge"} | {"new"}
    assert ids(engine, "联合声明") == {"fish", "repeats"}
    assert ids(engine, "新文") == {"new"}


def test_empty_engine_returns_no_results(name: str, tmp_path: Path) -> None:
    engine = create_engine(name, tmp_path)
    for query in QUERIES:
        root = parse(query, collections=lambda: COLLECTIONS).root
        for order in Order:
            page = engine.search(EngineRequest(root, order, 10, 0, FACETS))
            assert (page.total, page.candidates) == (0, ())
    assert engine.get(["a"]) == []
    assert list(engine.file_records()) == []
    assert engine.verify() == []
    engine.close()


def test_verify_finds_no_problem(shared_engine: Engine) -> None:
    assert shared_engine.verify() == []


def test_results_stay_valid_after_close(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    page, articles = engine.search(EngineRequest(MatchAll(), limit=3)), engine.get(["fish"])
    engine.close()
    assert len(page.candidates) == 3
    assert articles[0].title == "漁場談判：三天後表決"


def test_open_engine_lists_known_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="memory"):
        open_engine("lucene", tmp_path, create=True)


def test_search_finds_terms_in_every_segment(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ALWAYS_MERGED", 1)
    duplicate = FileRecord("/archive/x.md", 1, 2, "", Status.DUPLICATE, "a", reason="the same")
    engine = engine_with(
        name,
        tmp_path,
        [make_article(each, "水", "渔场", source=f"{each}日报") for each in "abcxyz"],
    )
    # With a file record after the article, a segment begins another field after its sources.
    engine.write(
        [upsert(make_article("m", "水", "码头", source="1号电台")), PutFileRecord(duplicate)]
    )
    assert ids(engine, "source:日报") == set("abcxyz")
    assert ids(engine, "source:电台") == {"m"}
    assert engine.verify(deep=True) == []
    engine.close()


def test_search_matches_terms_beyond_stored_counts(name: str, tmp_path: Path) -> None:
    many = Article("many", "水" * 40, "水" * 5000, "/m.txt")
    engine = create_engine(name, tmp_path)
    engine.write([PutArticle(make_document(many, make_file_record(many)))])
    assert ids(engine, "title:水 body:水") == {"many"}
    assert engine.search(EngineRequest(parse("水").root)).candidates[0].score > 0
    engine.close()


def test_write_can_delete_everything(name: str, tmp_path: Path) -> None:
    engine = engine_with(
        name, tmp_path, [make_article("a", "水", "渔场"), make_article("b", "水", "声明")]
    )
    engine.write([DeleteArticle("a")])
    assert ids(engine, "水") == {"b"}
    engine.write([DeleteArticle("b")])
    assert engine.search(EngineRequest(parse("水").root)).total == 0
    assert list(engine.file_records()) == []
    engine.write([upsert(make_article("c", "水", "渔场"))])
    assert ids(engine, "水") == {"c"}
    engine.close()


@pytest.mark.parametrize("name", COMMITTING, indirect=True)
def test_rollback_restores_previous_commit(name: str, tmp_path: Path) -> None:
    engine = engine_with(
        name, tmp_path, [make_article("a", "水", "渔场"), make_article("b", "水", "声明")]
    )
    before = sorted(engine.file_records())
    with pytest.raises(UsageError, match=r"no (previous )?commit to roll back to"):
        engine.rollback()  # the empty index before the first commit is not restored
    assert ids(engine, "水") == {"a", "b"}
    engine.write(
        [
            DeleteArticle("a"),
            upsert(make_article("b", "水", "灯塔")),
            upsert(make_article("c", "水", "x")),
        ]
    )
    assert ids(engine, "水") == {"b", "c"}
    engine.rollback()
    assert ids(engine, "水") == {"a", "b"}
    assert ids(engine, "声明") == {"b"}
    assert sorted(engine.file_records()) == before
    assert engine.rollback().is_repeated
    assert ids(engine, "水") == {"a", "b"}
    engine.write([upsert(make_article("d", "水", "船"))])
    assert ids(engine, "水") == {"a", "b", "d"}
    engine.rollback()
    assert ids(engine, "水") == {"a", "b"}
    engine.close()


def test_document_frequencies_counts_articles(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    engine.write([DeleteArticle("fish")])
    terms_by_id = {
        each.id: set(make_document(each, make_file_record(each)).counts) for each in ARCHIVE
    }
    del terms_by_id["fish"]
    terms = [*sorted(set[str]().union(*terms_by_id.values())), "海牛", "漁民", ""]
    expected = {term: sum(term in having for having in terms_by_id.values()) for term in terms}
    assert engine.document_frequencies(iter(terms)) == expected
    for typed in ("联合声明", "-联合", "source:汀海 OR date:2024", "海牛"):
        root = parse(typed).root
        matched = {each.id for each in engine.search(EngineRequest(root, limit=99)).candidates}
        within = {term: sum(term in terms_by_id[each] for each in matched) for term in terms}
        assert engine.document_frequencies(terms, root) == within
    engine.close()

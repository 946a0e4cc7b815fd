"""Every engine gives the same answer; brute force says which."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
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
)
from newsgrep.engines.registry import open_engine
from newsgrep.engines.whoosh import reader, writer
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing, UsageError
from newsgrep.models import Article, FileRecord, Status
from newsgrep.query.ast import And, DateRange, MatchAll, Node, Not, Or
from newsgrep.query.parser import parse
from tests.support.contract_archive import ARCHIVE, QUERIES
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
"""Engines whose changes are all in or none; a server keeps what it was sent, see the others."""


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=ENGINES)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine that nobody writes to: making one anew takes a server longer than its answers."""
    made = engine_with(request.param, tmp_path_factory.mktemp("asked"), ARCHIVE)
    yield made
    made.close()


@pytest.fixture
def engine(name: str, tmp_path: Path) -> Iterator[Engine]:
    made = engine_with(name, tmp_path, ARCHIVE)
    yield made
    made.close()


@pytest.fixture
def reference(tmp_path: Path) -> Engine:
    return engine_with("memory", tmp_path, ARCHIVE)


def test_every_kind_of_query_is_among_those_that_engines_are_compared_by() -> None:
    asked: set[type[Node]] = set()

    def visit(node: Node) -> None:
        asked.add(type(node))
        match node:
            case And(children) | Or(children):
                for child in children:
                    visit(child)
            case Not(child):
                visit(child)
            case _:
                pass

    for query in QUERIES:
        visit(parse(query, scan=True).root)
    assert asked == set(get_args(Node))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
@pytest.mark.parametrize("any_word", [False, True], ids=["all", "any"])
def test_every_engine_gives_the_same_answer_as_brute_force(
    asked: Engine, reference: Engine, query: str, any_word: bool
) -> None:
    root = parse(query, any_word=any_word, scan=True).root
    for order in Order:
        expected = reference.search(EngineRequest(root, order, 100, 0, FACETS))
        found = asked.search(EngineRequest(root, order, 100, 0, FACETS))
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
    ],
)
def test_the_answer_is_the_one_a_reader_expects(
    asked: Engine, query: str, expected: set[str]
) -> None:
    assert ids(asked, query) == expected


def test_pages_neither_repeat_nor_skip(asked: Engine) -> None:
    for order in Order:
        whole = asked.search(EngineRequest(MatchAll(), order, 100)).candidates
        for size in (1, 2, 4):
            pages = [
                asked.search(EngineRequest(MatchAll(), order, size, offset)).candidates
                for offset in range(0, len(whole), size)
            ]
            assert tuple(each for page in pages for each in page) == whole
        assert asked.search(EngineRequest(MatchAll(), order, 5, 1000)).candidates == ()


@pytest.mark.parametrize("query", ["-没有", "水 OR 联合声明", "联合", "date:2024"])
def test_a_page_after_any_place_is_what_stands_behind_it(asked: Engine, query: str) -> None:
    root = parse(query).root
    for order in Order:
        whole = asked.search(EngineRequest(root, order, 100)).candidates
        for number, last in enumerate(whole, 1):
            page = asked.search(EngineRequest(root, order, 2, 0, FACETS, after=last))
            assert page.candidates == whole[number : number + 2]
            assert (page.total, page.before) == (len(whole), number)
            assert dict(page.facets) == dict(
                asked.search(EngineRequest(root, order, 0, 0, FACETS)).facets
            )
            page = asked.search(EngineRequest(root, order, 2, 1, after=last))
            assert page.candidates == whole[number + 1 : number + 3]
            assert page.before == min(number + 1, len(whole))
            # Also where the article at the place is gone: no id stands between these two.
            gone = last._replace(id=f"{last.id}\0")
            assert (
                asked.search(EngineRequest(root, order, 2, after=gone)).candidates
                == whole[number:][:2]
            )


def test_undated_articles_come_last_in_both_date_orders(asked: Engine) -> None:
    for order in (Order.OLDEST, Order.NEWEST):
        found = asked.search(EngineRequest(MatchAll(), order, 100)).candidates
        assert found[-1].id == "undated"
    oldest = asked.search(EngineRequest(DateRange(None, None), Order.OLDEST, 1)).candidates[0]
    assert oldest.id == "repeats"


def test_articles_come_back_as_they_were(asked: Engine) -> None:
    assert asked.get(each.id for each in ARCHIVE) == list(ARCHIVE)
    assert asked.get(["none", "fish", "none"]) == [ARCHIVE[1]]


def test_every_stamp_comes_back(engine: Engine) -> None:
    note = FileRecord("/archive/\udcff.txt", 3, 4, "d1", Status.REJECTED, None, "nothing in it")
    engine.write([PutFileRecord(note)])
    assert set(engine.stamps()) == {make_file_record(each) for each in ARCHIVE} | {note}
    engine.write([DropFileRecord(note.path)])
    assert set(engine.stamps()) == {make_file_record(each) for each in ARCHIVE}


def test_notes_are_no_articles(engine: Engine) -> None:
    before = engine.search(EngineRequest(MatchAll(), limit=100))
    engine.write(
        [
            PutFileRecord(FileRecord(f"/n{i}", 1, 1, "", Status.REJECTED, None, "why"))
            for i in range(9)
        ]
    )
    assert engine.search(EngineRequest(MatchAll(), limit=100)) == before


def test_an_update_replaces_and_a_removal_removes(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    changed = make_article("fish", "渔场开了", "没有别的。", date="2025-01-01")
    engine.write([upsert(changed), DeleteArticle("bridge"), DeleteArticle("never was")])
    expected = engine_with("memory", tmp_path, [changed, *ARCHIVE[2:]])
    for query in QUERIES:
        root = parse(query).root
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


def test_the_last_of_several_changes_in_one_commit_counts(name: str, tmp_path: Path) -> None:
    engine = create_engine(name, tmp_path)
    first, second = make_article("a", "旧的", "旧文"), make_article("a", "新的", "新文")
    gone = make_article("b", "走了", "旧文")
    engine.write([upsert(first), upsert(gone), upsert(second), DeleteArticle("b")])
    assert ids(engine, "旧文") == set()
    assert ids(engine, "新文") == {"a"}
    assert engine.search(EngineRequest(MatchAll())).total == 1
    assert [each.article_id for each in engine.stamps()] == ["a"]
    engine.close()


def test_after_many_commits_the_answers_are_still_those_of_brute_force(tmp_path: Path) -> None:
    chance = random.Random(5)
    engine = open_engine("whoosh", tmp_path / "whoosh", create=True)
    expected = open_engine("memory", tmp_path, create=True)

    def change() -> Change:
        key = f"a{chance.randrange(60)}"
        if chance.random() < 0.3:
            return DeleteArticle(key)
        text = "".join(chance.choices("水渔场声明。，", k=30))
        source = chance.choice(["甲报", "乙报", None])
        date = chance.choice(["2024-05-01", "2023", "2024-05", None])
        captions = chance.choice([[], ["图水"]])
        return upsert(
            make_article(key, text[:4], text, source=source, date=date, captions=captions)
        )

    for _ in range(40):
        changes = [change() for _ in range(chance.randint(1, 8))]
        engine.write(changes)
        expected.write(changes)
        for query in (
            "水",
            '"渔场"',
            '"声明水"',
            "声明 -水",
            "caption:图 OR source:甲",
            "date:2024-05",
        ):
            root = parse(query).root
            for order in Order:
                one = engine.search(EngineRequest(root, order, 100, 0, FACETS))
                other = expected.search(EngineRequest(root, order, 100, 0, FACETS))
                assert [c.id for c in one.candidates] == [c.id for c in other.candidates]
                assert dict(one.facets) == dict(other.facets)
        assert set(engine.stamps()) == set(expected.stamps())
    engine.close()


def broken() -> Iterator[Change]:
    yield DeleteArticle("bridge")
    yield upsert(make_article("new", "新的", "新文"))
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", COMMITTING, indirect=True)
def test_an_error_among_the_changes_leaves_everything_as_it_was(engine: Engine) -> None:
    before = engine.search(EngineRequest(MatchAll(), limit=100))
    with pytest.raises(KeyboardInterrupt):
        engine.write(broken())
    assert engine.search(EngineRequest(MatchAll(), limit=100)) == before
    engine.write([DeleteArticle("bridge")])
    assert engine.search(EngineRequest(MatchAll())).total == before.total - 1


def test_after_an_error_among_the_changes_repeating_them_completes(engine: Engine) -> None:
    before = {each.id for each in ARCHIVE}
    with pytest.raises(KeyboardInterrupt):
        engine.write(broken())
    left = {each.article_id for each in engine.stamps()}
    assert left - {"bridge", "new"} == before - {"bridge"}
    engine.write(islice(broken(), 2))
    assert {each.article_id for each in engine.stamps()} == before - {"bridge"} | {"new"}
    assert ids(engine, "联合声明") == {"fish", "repeats"}
    assert ids(engine, "新文") == {"new"}


def test_an_empty_engine_answers(name: str, tmp_path: Path) -> None:
    engine = create_engine(name, tmp_path)
    for query in QUERIES:
        for order in Order:
            page = engine.search(EngineRequest(parse(query).root, order, 10, 0, FACETS))
            assert (page.total, page.candidates) == (0, ())
    assert engine.get(["a"]) == []
    assert list(engine.stamps()) == []
    assert engine.check() == []
    engine.close()


def test_check_finds_nothing_wrong_where_nothing_is(asked: Engine) -> None:
    assert asked.check() == []


def test_results_outlive_the_engine(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    page, articles = engine.search(EngineRequest(MatchAll(), limit=3)), engine.get(["fish"])
    engine.close()
    assert len(page.candidates) == 3
    assert articles[0].title == "漁場談判：三天後表決"


def test_an_unknown_engine_is_named_with_the_choice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="memory"):
        open_engine("lucene", tmp_path, create=True)


def test_whoosh_keeps_what_was_written(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, ARCHIVE).close()
    again = open_engine("whoosh", tmp_path / "whoosh")
    assert again.get(each.id for each in ARCHIVE) == list(ARCHIVE)
    again.close()


def test_a_reader_answers_from_its_commit_when_the_files_of_it_are_gone(
    tmp_path: Path, reference: Engine
) -> None:
    writer = engine_with("whoosh", tmp_path, ARCHIVE)
    reader = open_engine("whoosh", tmp_path / "whoosh")  # and nothing is asked yet
    before = {path.name for path in (tmp_path / "whoosh").glob("*.col")}
    for _ in range(3):
        writer.write(upsert(make_article(each.id, "灯塔", "雾散了。")) for each in ARCHIVE)
    writer.close()
    assert not before & {path.name for path in (tmp_path / "whoosh").glob("*.col")}
    for query in QUERIES:
        for order in Order:
            expected = reference.search(EngineRequest(parse(query).root, order, 100, 0, FACETS))
            found = reader.search(EngineRequest(parse(query).root, order, 100, 0, FACETS))
            assert [each.id for each in found.candidates] == [
                each.id for each in expected.candidates
            ]
            assert dict(found.facets) == dict(expected.facets)
            if order is Order.RELEVANCE:
                scores = [each.score for each in expected.candidates]
                assert [each.score for each in found.candidates] == pytest.approx(scores)
    assert reader.get(each.id for each in ARCHIVE) == list(ARCHIVE)
    assert sorted(reader.stamps()) == sorted(map(make_file_record, ARCHIVE))
    reader.close()


def test_sources_and_terms_are_found_in_every_segment(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ALWAYS_MERGED", 1)
    duplicate = FileRecord("/archive/x.md", 1, 2, "", Status.DUPLICATE, "a", reason="the same")
    engine = engine_with(
        name,
        tmp_path,
        [make_article(each, "水", "渔场", source=f"{each}日报") for each in "abcxyz"],
    )
    # With a note after the article, a segment begins another field after its sources.
    engine.write(
        [upsert(make_article("m", "水", "码头", source="1号电台")), PutFileRecord(duplicate)]
    )
    assert ids(engine, "source:日报") == set("abcxyz")
    assert ids(engine, "source:电台") == {"m"}
    assert engine.check(deep=True) == []
    engine.close()


def test_what_is_kept_for_the_next_question_has_a_bound(
    tmp_path: Path, reference: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_CACHED_POSTINGS", 5)
    engine = engine_with("whoosh", tmp_path, ARCHIVE)
    for query in QUERIES:
        root = parse(query).root
        assert [c.id for c in engine.search(EngineRequest(root)).candidates] == [
            c.id for c in reference.search(EngineRequest(root)).candidates
        ]
        kept = engine._reader._postings.values()  # type: ignore[attr-defined]  # what is bounded
        assert sum(len(documents) for documents, _ in kept) <= max(5, len(ARCHIVE))
    engine.close()


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    engine = engine_with("whoosh", tmp_path, ARCHIVE)
    other = open_engine("whoosh", tmp_path / "whoosh")

    def meanwhile() -> Iterator[Change]:
        with pytest.raises(IndexLocked, match="wait"):
            other.write([DeleteArticle("fish")])
        yield DeleteArticle("bridge")

    engine.write(meanwhile())
    assert engine.search(EngineRequest(MatchAll())).total == len(ARCHIVE) - 1
    engine.close()
    other.close()


def test_a_missing_index_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        open_engine("whoosh", tmp_path / "nothing")


# Whoosh tries ten times to open what is gone, and each time forgets a file that it did open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_lost_files_are_damage_and_never_an_empty_answer(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, ARCHIVE).close()
    for lost in sorted((tmp_path / "whoosh").iterdir()):
        if lost.name.endswith(("LOCK", "_stored.col", ".before")):  # no answer needs them
            continue
        content = lost.read_bytes()
        lost.unlink()
        with ExitStack() as stack, pytest.raises(IndexDamaged):  # noqa: PT012  (opening or asking may find it)
            engine = open_engine("whoosh", tmp_path / "whoosh")
            stack.callback(engine.close)
            engine.search(
                EngineRequest(
                    parse('date:2024 source:日报 "渔场谈" OR caption:夜景').root, facets=FACETS
                )
            )
            engine.search(EngineRequest(MatchAll(), Order.NEWEST, 100))
            engine.get(each.id for each in ARCHIVE)
            list(engine.stamps())
        lost.write_bytes(content)


@pytest.mark.parametrize(
    "column", ["first_day", "last_day", "moment", "body_length", "id", "month"]
)
def test_a_changed_number_or_name_is_damage(tmp_path: Path, column: str) -> None:
    engine_with("whoosh", tmp_path, ARCHIVE).close()
    (path,) = (tmp_path / "whoosh").glob(f"*.{column}.col")
    path.write_bytes(bytes(byte ^ 0x5A for byte in path.read_bytes()))
    engine = open_engine("whoosh", tmp_path / "whoosh")
    with pytest.raises(IndexDamaged, match=column):
        engine.search(EngineRequest(parse("date:2024 渔业 OR 水").root, facets=FACETS))
    engine.close()


def test_counts_beyond_what_is_kept_still_match(name: str, tmp_path: Path) -> None:
    many = Article("many", "水" * 40, "水" * 5000, "/m.txt")
    engine = create_engine(name, tmp_path)
    engine.write([PutArticle(make_document(many, make_file_record(many)))])
    assert ids(engine, "title:水 body:水") == {"many"}
    assert engine.search(EngineRequest(parse("水").root)).candidates[0].score > 0
    engine.close()


def test_an_engine_is_empty_once_everything_was_taken_out(name: str, tmp_path: Path) -> None:
    engine = engine_with(
        name, tmp_path, [make_article("a", "水", "渔场"), make_article("b", "水", "声明")]
    )
    engine.write([DeleteArticle("a")])
    assert ids(engine, "水") == {"b"}
    engine.write([DeleteArticle("b")])
    assert engine.search(EngineRequest(parse("水").root)).total == 0
    assert list(engine.stamps()) == []
    engine.write([upsert(make_article("c", "水", "渔场"))])
    assert ids(engine, "水") == {"c"}
    engine.close()


@pytest.mark.parametrize("name", COMMITTING, indirect=True)
def test_one_commit_back_is_the_index_as_it_was(name: str, tmp_path: Path) -> None:
    engine = engine_with(
        name, tmp_path, [make_article("a", "水", "渔场"), make_article("b", "水", "声明")]
    )
    before = sorted(engine.stamps())
    with pytest.raises(UsageError, match="no commit to roll back to"):
        engine.rollback()  # nobody means the empty index that it was before
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
    assert sorted(engine.stamps()) == before
    with pytest.raises(UsageError, match="no commit to roll back to"):
        engine.rollback()
    engine.write([upsert(make_article("d", "水", "船"))])
    assert ids(engine, "水") == {"a", "b", "d"}
    engine.rollback()
    assert ids(engine, "水") == {"a", "b"}
    engine.close()


def test_document_frequencies_are_how_many_articles_have_a_term(name: str, tmp_path: Path) -> None:
    engine = engine_with(name, tmp_path, ARCHIVE)
    engine.write([DeleteArticle("fish")])
    living = {each.id: set(make_document(each, make_file_record(each)).counts) for each in ARCHIVE}
    del living["fish"]
    terms = [*sorted(set[str]().union(*living.values())), "海牛", "漁民", ""]
    expected = {term: sum(term in having for having in living.values()) for term in terms}
    assert engine.document_frequencies(iter(terms)) == expected
    for typed in ("联合声明", "-联合", "source:汀海 OR date:2024", "海牛"):
        root = parse(typed).root
        matched = {each.id for each in engine.search(EngineRequest(root, limit=99)).candidates}
        within = {term: sum(term in living[each] for each in matched) for term in terms}
        assert engine.document_frequencies(terms, root) == within
    engine.close()

"""The Whoosh engine alone: commits, segments, missing and changed files, internals."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from newsgrep.analysis.packed_texts import DamagedData, pack_folded
from newsgrep.analysis.segment import query_terms
from newsgrep.engines import postings_query, whoosh
from newsgrep.engines.base import (
    FACETS,
    Change,
    DeleteArticle,
    Engine,
    EngineRequest,
    Order,
)
from newsgrep.engines.registry import open_engine
from newsgrep.engines.whoosh import internals, joints, reader, writer
from newsgrep.engines.whoosh.engine import WhooshEngine
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing, UsageError
from newsgrep.query import verify
from newsgrep.query.ast import Field, MatchAll, Phrase
from newsgrep.query.parser import parse
from newsgrep.query.verify import matching_documents
from tests.support.contract_archive import ARCHIVE, COLLECTIONS, QUERIES
from tests.support.factories import engine_with, make_article, make_file_record, upsert


@pytest.fixture
def reference(tmp_path: Path) -> Engine:
    return engine_with("memory", tmp_path, ARCHIVE)


def test_search_equals_memory_engine_after_many_commits(tmp_path: Path) -> None:
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
            root = parse(query, collections=lambda: COLLECTIONS).root
            for order in Order:
                one = engine.search(EngineRequest(root, order, 100, 0, FACETS))
                other = expected.search(EngineRequest(root, order, 100, 0, FACETS))
                assert [c.id for c in one.candidates] == [c.id for c in other.candidates]
                assert dict(one.facets) == dict(other.facets)
        assert set(engine.file_records()) == set(expected.file_records())
    engine.close()


def test_open_engine_reads_written_articles(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, ARCHIVE).close()
    again = open_engine("whoosh", tmp_path / "whoosh")
    assert again.get(each.id for each in ARCHIVE) == list(ARCHIVE)
    again.close()


def test_reader_keeps_commit_after_files_are_deleted(tmp_path: Path, reference: Engine) -> None:
    writer = engine_with("whoosh", tmp_path, ARCHIVE)
    reader = open_engine("whoosh", tmp_path / "whoosh")  # nothing is read yet
    before = {path.name for path in (tmp_path / "whoosh").glob("*.col")}
    for _ in range(3):
        writer.write(upsert(make_article(each.id, "灯塔", "雾散了。")) for each in ARCHIVE)
    writer.close()
    assert not before & {path.name for path in (tmp_path / "whoosh").glob("*.col")}
    for query in QUERIES:
        for order in Order:
            expected = reference.search(
                EngineRequest(
                    parse(query, collections=lambda: COLLECTIONS).root, order, 100, 0, FACETS
                )
            )
            found = reader.search(
                EngineRequest(
                    parse(query, collections=lambda: COLLECTIONS).root, order, 100, 0, FACETS
                )
            )
            assert [each.id for each in found.candidates] == [
                each.id for each in expected.candidates
            ]
            assert dict(found.facets) == dict(expected.facets)
            if order is Order.RELEVANCE:
                scores = [each.score for each in expected.candidates]
                assert [each.score for each in found.candidates] == pytest.approx(scores)
    assert reader.get(each.id for each in ARCHIVE) == list(ARCHIVE)
    assert sorted(reader.file_records()) == sorted(map(make_file_record, ARCHIVE))
    reader.close()


def test_postings_cache_is_bounded(
    tmp_path: Path, reference: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_CACHED_POSTINGS", 5)
    engine = engine_with("whoosh", tmp_path, ARCHIVE)
    for query in QUERIES:
        root = parse(query, collections=lambda: COLLECTIONS).root
        assert [c.id for c in engine.search(EngineRequest(root)).candidates] == [
            c.id for c in reference.search(EngineRequest(root)).candidates
        ]
        cached = engine._reader._postings.values()  # type: ignore[attr-defined]  # the cache
        assert sum(len(documents) for documents, _ in cached) <= max(5, len(ARCHIVE))
    engine.close()


@pytest.mark.parametrize("seed", range(3))
def test_joints_leave_out_no_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(postings_query, "_FEW_CANDIDATES", 0)
    monkeypatch.setattr(joints, "_COPIED", 4)
    chance = random.Random(seed)
    engine = open_engine("whoosh", tmp_path / "whoosh", create=True)
    expected = open_engine("memory", tmp_path, create=True)

    def text() -> str:
        parts = [
            "中国",
            "经济",
            "国",
            "经",
            "发展",
            "水",
            "gpt",
            "20",
            "2024",
            "，",
            "。",
            ":",
            " 5",
            "𠀀",
        ]
        return " ".join("".join(chance.choices(parts, k=chance.randrange(1, 30))).split())

    texts = []
    for first in range(0, 60, 12):
        added = {f"a{number}": (text(), text()) for number in range(first, first + 12)}
        texts += [each for pair in added.values() for each in pair]
        articles = [
            make_article(key, body[:4], body, left_out=[(left_out, "footer")])
            for key, (body, left_out) in added.items()
        ]
        changes: list[Change] = list(map(upsert, articles))
        changes += [DeleteArticle(f"a{chance.randrange(first + 1)}") for _ in range(3)]
        engine.write(changes)
        expected.write(changes)
    for _ in range(60):
        whole = chance.choice(texts)
        start = chance.randrange(len(whole))
        part = whole[start : start + chance.randrange(1, 8)].strip()
        if not any(map(str.isalnum, part)):
            continue
        for field in ("", "title:", "body:", "leftout:"):
            request = EngineRequest(parse(f'{field}"{part}"').root, limit=100)
            assert engine.search(request) == expected.search(request), (field, part)
    assert engine.verify(deep=True) == []
    engine.close()


def test_matches_of_pattern_are_read_once_for_each_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_with("whoosh", tmp_path, ARCHIVE)
    assert isinstance(engine, WhooshEngine)
    verified = []
    whole = matching_documents

    def counted(*args: Any, **options: Any) -> Any:
        verified.append(args[0])
        return whole(*args, **options)

    monkeypatch.setattr(verify, "matching_documents", counted)
    request = EngineRequest(parse('"渔场声明"').root)
    first = engine.search(request)
    assert (engine.search(request), len(verified)) == (first, 1)
    assert engine.search(EngineRequest(parse('"渔场声明" source:甲报').root)).total <= first.total
    assert len(verified) == 1
    engine.forget_matches()
    assert (engine.search(request), len(verified)) == (first, 2)
    engine.write([upsert(make_article("new", "", "渔场声明"))])
    assert (engine.search(request).total, len(verified)) == (first.total + 1, 3)
    monkeypatch.setattr(reader, "MAX_CACHED_MATCHES", 0)
    engine.search(EngineRequest(parse('"声明水"').root))
    engine.search(request)
    assert len(verified) == 5
    engine.close()


def test_second_writer_raises_index_locked(tmp_path: Path) -> None:
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


def test_open_engine_raises_index_missing(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        open_engine("whoosh", tmp_path / "nothing")


def test_missing_file_raises_index_damaged(tmp_path: Path) -> None:
    engine_with("whoosh", tmp_path, ARCHIVE).close()
    for path in sorted((tmp_path / "whoosh").iterdir()):
        if path.name.endswith(
            (".lock", ".previous.json", ".copy.json")
        ):  # not needed by any request
            continue
        content = path.read_bytes()
        path.unlink()
        with ExitStack() as stack, pytest.raises(IndexDamaged):  # noqa: PT012  (opening or searching may find it)
            engine = open_engine("whoosh", tmp_path / "whoosh")
            stack.callback(engine.close)
            engine.search(
                EngineRequest(
                    parse('date:2024 source:日报 "渔场谈" OR caption:夜景').root, facets=FACETS
                )
            )
            engine.search(EngineRequest(MatchAll(), Order.NEWEST, 100))
            engine.get(each.id for each in ARCHIVE)
            list(engine.file_records())
        path.write_bytes(content)


@pytest.mark.parametrize(
    "column", ["first_day", "last_day", "timestamp", "body_length", "id", "month"]
)
def test_changed_column_raises_index_damaged(tmp_path: Path, column: str) -> None:
    engine_with("whoosh", tmp_path, ARCHIVE).close()
    (path,) = (tmp_path / "whoosh").glob(f"*.{column}.col")
    path.write_bytes(bytes(byte ^ 0x5A for byte in path.read_bytes()))
    engine = open_engine("whoosh", tmp_path / "whoosh")
    with pytest.raises(IndexDamaged, match=column):
        engine.search(EngineRequest(parse("date:2024 渔业 OR 水").root, facets=FACETS))
    engine.close()


def test_facets_count_any_number_of_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_FACET_VALUES", 5)
    engine = open_engine("whoosh", tmp_path / "whoosh", create=True)
    for start in (0, 7, 10):
        engine.write(
            upsert(make_article(f"a{n}", "水", "渔场", source=f"{n % 40}报"))
            for n in range(start, start + 20)
        )
    counts = engine.search(EngineRequest(MatchAll(), facets=["source"])).facets["source"]
    assert sorted(counts) == sorted((f"{n}报", 1) for n in range(30))
    segments = engine._reader.segments  # type: ignore[attr-defined]
    assert max(len(each.facet("source").values) for each in segments) == 6  # and none
    engine.close()


@pytest.mark.parametrize("version", [(3, 53, 1), (3, 55, 0), (4, 54, 0)])
def test_check_version_names_supported_version(version: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=re.escape('pip install "whoosh3==3.54.*"')):
        internals.check_version(version)


def test_check_version_accepts_any_patch_release() -> None:
    internals.check_version((*internals.SUPPORTED_VERSION, 9))


def test_whoosh_is_imported_in_one_module() -> None:
    package = Path(whoosh.__file__).parent
    importing = re.compile(r"^\s*(from|import) whoosh\b", re.MULTILINE)
    found = [
        path.name for path in package.glob("*.py") if importing.search(path.read_text("utf-8"))
    ]
    assert found == ["internals.py"]


@pytest.mark.parametrize("limit", [0, reader.MAX_CACHED_IMPACTS])
def test_search_with_known_impacts_scores_equally(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Engine, limit: int
) -> None:
    monkeypatch.setattr(reader, "MAX_CACHED_IMPACTS", limit)
    engine = engine_with("whoosh", tmp_path / "own", ARCHIVE)
    for query in ("渔场", "渔场 OR 声明", "渔场 声明", "甲报 OR 水", "水 -渔场"):
        request = EngineRequest(parse(query).root, limit=50)
        expected = reference.search(request)
        assert [engine.search(request) for _ in range(2)] == [expected, expected]
    engine.close()


@pytest.mark.parametrize("max_bytes", [0, 400, reader.MAX_INFLATED_TEXTS])
def test_phrases_in_inflated_texts_match_as_in_packed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_bytes: int
) -> None:
    monkeypatch.setattr(reader, "MAX_INFLATED_TEXTS", max_bytes)
    chance = random.Random(7)
    pieces = ["渔", "场", "声明", "gpt", "4", " ", ",", "“", "啊啊", "é", "𠀀"]

    def text(count: int) -> str:
        return "".join(chance.choices(pieces, k=count))

    articles = [
        make_article(f"a{number}", text(5), text(chance.randrange(40)), captions=[text(6)])
        for number in range(80)
    ]
    engine = engine_with("whoosh", tmp_path / "own", articles)
    assert isinstance(engine, WhooshEngine)
    expected = engine_with("memory", tmp_path, articles)
    for literal in filter(str.strip, {text(chance.randint(1, 3)) for _ in range(60)}):
        for field in (Field.TEXT, Field.TITLE, Field.BODY, Field.CAPTION):
            query = Phrase(literal, query_terms(literal), field)
            request = EngineRequest(query, Order.NEWEST, 100)
            found = [each.id for each in engine.search(request).candidates]
            assert found == [each.id for each in expected.search(request).candidates], query
            engine.forget_matches()
    engine.close()


def test_inflated_texts_take_a_limited_number_of_bytes() -> None:
    texts = verify.InflatedTexts[int](max_bytes=100)
    phrase = Phrase("渔场", ("渔场",), Field.TEXT)
    packed = [(number, pack_folded("渔场", "x" * 30, "")) for number in range(10)]
    assert set(texts.read(packed, verify.LiteralVerifier(phrase))) == set(range(10))
    found, unread = texts.search(verify.LiteralVerifier(phrase), range(10))
    assert (found, unread) == ({0, 9}, list(range(1, 9))), "the last one makes room"


def test_inflated_text_without_captions_is_damaged() -> None:
    texts = verify.InflatedTexts[int](max_bytes=100)
    verifier = verify.LiteralVerifier(Phrase("渔场", ("渔场",), Field.TEXT))
    with pytest.raises(DamagedData, match="three folded texts"):
        list(texts.read([(0, pack_folded("渔场\x1e", "", ""))], verifier))


def test_threads_share_inflated_texts() -> None:
    texts = verify.InflatedTexts[int](max_bytes=300)  # of nine at most
    phrase = Phrase("渔场", ("渔场",), Field.TEXT)
    packed = [(n, pack_folded("渔场" if n % 3 else "渔", "x" * 30, "")) for n in range(60)]
    expected = {n for n in range(60) if n % 3}

    def search(_: int) -> set[int]:
        found, unread = texts.search(verify.LiteralVerifier(phrase), range(60))
        return found.union(texts.read((packed[n] for n in unread), verify.LiteralVerifier(phrase)))

    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(search, range(200)))
    kept, unread = texts.search(verify.LiteralVerifier(phrase), range(60))
    assert kept < expected
    assert len(unread) >= 60 - 9

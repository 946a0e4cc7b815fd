"""The tantivy engine: its files, its lock, its order, its salvage."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.analysis.scoring import Recency
from newsgrep.engines.base import (
    FACETS,
    Change,
    DeleteArticle,
    Engine,
    EngineRequest,
    Order,
    PutFileRecord,
    Stored,
    Unreadable,
)
from newsgrep.engines.commits import Commit, CommitFolder
from newsgrep.engines.registry import open_engine, rollback, salvage
from newsgrep.engines.tantivy import engine as engine_module
from newsgrep.engines.tantivy import reader as reader_module
from newsgrep.engines.tantivy.engine import open_engine as open_tantivy
from newsgrep.engines.tantivy.writer import segments_to_merge
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Article, FileRecord, Status
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from tests.support.cli import TIMEOUT, Cli, write_article
from tests.support.contract_archive import ARCHIVE, COLLECTIONS, QUERIES
from tests.support.factories import engine_with, make_article, make_file_record, upsert
from tests.support.stress import Tally, trial_count

NAME = "tantivy"


def all_results(engine: Engine) -> list[object]:
    """Return an engine's results for queries that together read every kind of file."""
    found = [
        engine.search(
            EngineRequest(
                parse(query, scan=True, collections=lambda: COLLECTIONS).root, order, 100, 0, FACETS
            )
        )
        for query in ('"合声明"', "水 OR 渔", "-date:2024", "caption:大桥", "gp*", "url:news")
        for order in Order
    ]
    return [*found, engine.get(each.id for each in ARCHIVE), sorted(engine.file_records())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an index of two segments, with deleted articles and a file without an article."""
    engine = engine_with(NAME, tmp_path, ARCHIVE[:6])
    rejected = FileRecord("/archive/note.txt", 3, 4, "d1", Status.REJECTED, None, "empty")
    engine.write([*map(upsert, ARCHIVE[6:]), DeleteArticle("undated"), PutFileRecord(rejected)])
    engine.close()
    return tmp_path / NAME


def test_reader_keeps_its_commit_when_files_are_deleted(tmp_path: Path) -> None:
    writer = engine_with(NAME, tmp_path, ARCHIVE)
    reader = open_engine(NAME, tmp_path / NAME)  # before any search
    before = {path.name for path in (tmp_path / NAME).glob("*.term")}
    for _ in range(3):
        writer.write(upsert(make_article(each.id, "灯塔", "雾散了。")) for each in ARCHIVE)
    writer.close()
    assert not before & {path.name for path in (tmp_path / NAME).glob("*.term")}
    expected = engine_with("memory", tmp_path, ARCHIVE)
    assert all_results(reader) == all_results(expected)
    reader.close()


def test_second_writer_gets_index_locked(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    other = open_engine(NAME, tmp_path / NAME)

    def meanwhile() -> Iterator[Change]:
        with pytest.raises(IndexLocked, match="wait"):
            other.write([DeleteArticle("fish")])
        yield DeleteArticle("bridge")

    engine.write(meanwhile())
    assert engine.search(EngineRequest(MatchAll())).total == len(ARCHIVE) - 1
    engine.close()
    other.close()


@pytest.mark.slow
def test_killed_writer_leaves_no_lock_and_no_files(tmp_path: Path) -> None:
    engine_with(NAME, tmp_path, ARCHIVE).close()
    script = (
        "import sys, time; from pathlib import Path\n"
        "from newsgrep.engines.registry import open_engine\n"
        "from tests.support.factories import make_article, upsert\n"
        "def changes():\n"
        "    for number in range(20_000):\n"
        "        yield upsert(make_article(f'n{number}', '雾', '灯塔' * 300))\n"
        "    print('ready', flush=True); time.sleep(1000)\n"
        f"open_engine('tantivy', Path({str(tmp_path / NAME)!r})).write(changes())"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT)
    process.stdout.close()
    engine = open_engine(NAME, tmp_path / NAME)
    expected = engine_with("memory", tmp_path, ARCHIVE)
    assert all_results(engine) == all_results(expected)
    assert engine.remove_leftovers()
    assert engine.remove_leftovers() == []
    engine.write([DeleteArticle("fish")])
    expected.write([DeleteArticle("fish")])
    assert all_results(engine) == all_results(expected)
    engine.close()


def test_open_engine_reports_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        open_engine(NAME, tmp_path / "nothing")


def last_commit(folder: Path) -> Commit:
    return CommitFolder(folder, NAME, re.compile("x")).last()


def test_open_engine_reports_a_missing_file(folder: Path) -> None:
    commit = last_commit(folder)
    for name in (*commit.files, f"commit-{commit.number}.json"):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(IndexDamaged, match="missing"):
            open_engine(NAME, folder)
        (folder / name).write_bytes(content)
    engine = open_engine(NAME, folder)
    assert engine.verify(deep=True) == []
    engine.close()


@pytest.mark.torture
def test_every_changed_byte_is_an_error(folder: Path, tally: Tally) -> None:
    chance = random.Random(20261121)
    commit = last_commit(folder)
    names = [f"commit-{commit.number}.json"]
    names += [name for name in commit.files if (folder / name).stat().st_size]
    open_engine(NAME, folder).close()
    for _ in range(trial_count(50, 20_000)):
        path = folder / chance.choice(names)
        content = path.read_bytes()
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        # In place or not, and with the time of the original or not.
        if chance.random() < 0.5:
            path.unlink()
        status = path.stat() if path.exists() else None
        path.write_bytes(changed)
        if status and chance.random() < 0.5:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(IndexDamaged):
            open_engine(NAME, folder)
        path.write_bytes(content)
        tally["changed bytes"] += 1
    open_engine(NAME, folder).close()


@pytest.mark.parametrize("kind", ["zeroed", "truncated", "of another index", "of a commit before"])
def test_exchanged_file_is_an_error(folder: Path, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    engine_with(NAME, other, ARCHIVE[:6]).close()
    engine = open_engine(NAME, folder)
    engine.write([DeleteArticle("fish")])
    engine.close()
    commit = last_commit(folder)
    assert any(name.endswith(".del") for name in commit.files)
    exchanged = 0
    for name in (*commit.files, f"commit-{commit.number}.json"):
        path = folder / name
        content, suffix = path.read_bytes(), path.suffix
        where = (other / NAME) if kind == "of another index" else folder
        same = [p for p in where.glob(f"*{suffix}") if p.name != name and p.name[0] != "v"]
        match kind:
            case "zeroed":
                damaged = bytes(len(content))
            case "truncated":
                damaged = content[: len(content) // 2]
            case _ if same:
                damaged = same[0].read_bytes()
            case _:
                continue
        if damaged == content:
            continue
        exchanged += 1
        path.write_bytes(damaged)
        with pytest.raises(IndexDamaged):
            open_engine(NAME, folder)
        path.write_bytes(content)
    assert exchanged >= 6
    open_engine(NAME, folder).close()


def test_check_finds_damage_to_the_previous_commit(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    engine.write(upsert(make_article(each.id, "灯塔", "雾散了。")) for each in ARCHIVE)
    previous = CommitFolder(tmp_path / NAME, NAME, re.compile("x")).previous(
        last_commit(tmp_path / NAME)
    )
    assert previous
    for name in previous.files:
        content = (tmp_path / NAME / name).read_bytes()
        (tmp_path / NAME / name).write_bytes(bytes(len(content)))
        (problem,) = engine.verify()
        assert problem.in_data
        assert "previous commit 1 can't be restored" in problem.sentence
        (tmp_path / NAME / name).write_bytes(content)
    assert engine.verify() == []
    engine.close()


@pytest.mark.parametrize("which", ["term", "idx", "fast", "pos", "fieldnorm"])
def test_salvage_needs_no_index_of_terms(folder: Path, which: str) -> None:
    expected = list(salvage(NAME, folder))
    for path in folder.glob(f"*.{which}"):
        path.write_bytes(b"\0" * 100)
    with pytest.raises(IndexDamaged):
        open_engine(NAME, folder)
    assert list(salvage(NAME, folder)) == expected


def test_salvage_reads_a_lost_segment_from_the_previous_commit(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    newer = [upsert(make_article("new", "新的", "新文。")), DeleteArticle("fish")]
    engine.write([*map(upsert, ARCHIVE[1:]), *newer])  # every article in another segment
    engine.close()
    commits = CommitFolder(tmp_path / NAME, NAME, re.compile("x"))
    previous = commits.previous(commits.last())
    assert previous
    stores = {name for name in commits.last().files if name.endswith(".store")}
    for name in stores - previous.files.keys():
        (tmp_path / NAME / name).write_bytes(b"\0" * 100)
    items = list(salvage(NAME, tmp_path / NAME))
    kept = {item.article.id for item in items if isinstance(item, Stored) and item.article}
    assert kept >= {each.id for each in ARCHIVE} - {"fish"}
    assert "new" not in kept


def test_salvage_of_a_changed_document_returns_no_wrong_text(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(7)
    before = shutil.copytree(folder, tmp_path / "before")
    rollback(NAME, before)
    expected = set(map(repr, [*salvage(NAME, folder), *salvage(NAME, before)]))
    stores = [folder / name for name in last_commit(folder).files if name.endswith(".store")]
    unreadable = 0
    for _ in range(60):
        path = chance.choice(stores)
        content = path.read_bytes()
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        for item in salvage(NAME, folder):
            if isinstance(item, Unreadable):
                unreadable += 1
            else:
                assert repr(item) in expected
        path.write_bytes(content)
    assert unreadable
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("endings", [(".store",), (".del",), (".store", ".del", ".term", ".idx")])
def test_salvage_ignores_appended_bytes(folder: Path, endings: tuple[str, ...]) -> None:
    expected = list(salvage(NAME, folder))
    for name in last_commit(folder).files:
        if name.endswith(endings):
            with (folder / name).open("ab") as stream:
                stream.write(b"more" * 5000)
    with pytest.raises(IndexDamaged):
        open_engine(NAME, folder)
    assert list(salvage(NAME, folder)) == expected


def test_salvage_reads_a_copied_index(folder: Path, tmp_path: Path) -> None:
    expected = list(salvage(NAME, folder))
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    for path in copy.glob("*.term"):
        path.write_bytes(b"")
    assert list(salvage(NAME, copy)) == expected


def test_salvage_reports_a_lost_last_commit(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    engine.write([upsert(make_article("new", "新的", "新文。"))])
    engine.close()
    (tmp_path / NAME / "commit-2.json").unlink()
    assert not any(isinstance(each, Unreadable) for each in salvage(NAME, tmp_path / NAME))
    (tmp_path / NAME / "commit-2.copy.json").unlink()
    items = list(salvage(NAME, tmp_path / NAME))
    assert items[-1] == Unreadable(None)
    ids = {item.article.id for item in items if isinstance(item, Stored) and item.article}
    assert ids == {each.id for each in ARCHIVE}


@pytest.mark.parametrize("fault", ["damaged", "lost"])
def test_rollback_repairs_an_unreadable_last_commit(tmp_path: Path, fault: str) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    expected = all_results(engine)
    engine.write([upsert(make_article("new", "新的", "新文。"))])
    engine.close()
    path = tmp_path / NAME / "commit-2.json"
    path.write_bytes(b"{") if fault == "damaged" else path.unlink()
    with pytest.raises(IndexDamaged, match="rollback"):
        open_engine(NAME, tmp_path / NAME)
    for is_repeated in (False, True):
        done = rollback(NAME, tmp_path / NAME)
        assert done
        assert (done.number, done.dropped, done.is_repeated) == (1, 2, is_repeated)
    engine = open_engine(NAME, tmp_path / NAME)
    assert all_results(engine) == expected
    assert engine.verify(deep=True) == []
    engine.write([upsert(make_article("new", "新的", "新文。"))])
    assert engine.search(EngineRequest(MatchAll())).total == len(ARCHIVE) + 1
    engine.close()


@pytest.mark.parametrize("ended", ["rolled back", "killed before its commit"])
def test_same_changes_can_be_repeated(ended: str, folder: Path, tmp_path: Path) -> None:
    untouched = shutil.copytree(folder, tmp_path / "untouched")
    engine = open_engine(NAME, folder)
    engine.write([DeleteArticle("fish")])
    after = all_results(engine)
    engine.close()
    if ended == "rolled back":
        rollback(NAME, folder)
    else:  # it had written files of deleted documents that no commit has
        for path in folder.glob("*.del"):
            if not (untouched / path.name).exists():
                shutil.copy(path, untouched)
        folder = untouched
    engine = open_engine(NAME, folder)
    engine.write([DeleteArticle("fish")])
    assert all_results(engine) == after
    assert engine.verify() == []
    engine.close()


def test_ties_and_undated_articles_are_ordered_as_in_memory(tmp_path: Path) -> None:
    chance = random.Random(4)
    articles = [
        make_article(
            f"{chance.choice(('same-beginning-', ''))}{number:04}",
            "潮汐",
            chance.choice(("潮汐表。", "潮汐表照常。", "潮汐表照常张贴，潮汐。")),
            date=chance.choice((None, "2024", "2024-05-17", "2024-05-18", f"20{number % 25:02}")),
        )
        for number in range(500)
    ]
    engine, expected = (engine_with(name, tmp_path, articles) for name in (NAME, "memory"))
    for query in ("潮汐", "潮汐 照常", "-没有", "date:2024"):
        root = parse(query, collections=lambda: COLLECTIONS).root
        for order in Order:
            whole = expected.search(EngineRequest(root, order, 1000))
            assert engine.search(EngineRequest(root, order, 1000)) == whole
            for offset in (0, 1, 7, 99, 300):
                page = engine.search(EngineRequest(root, order, 5, offset))
                assert page.candidates == whole.candidates[offset : offset + 5]
            for last in chance.sample(whole.candidates, min(8, whole.total)):
                assert engine.search(
                    EngineRequest(root, order, 5, 1, after=last)
                ) == expected.search(EngineRequest(root, order, 5, 1, after=last))
        for days in (0.5, 30, 400, 4000):
            recency = Recency(days * 86400, 1_716_000_000.0)
            for limit, offset in ((5, 0), (10, 95), (1000, 0)):
                page = engine.search(
                    EngineRequest(root, Order.RELEVANCE, limit, offset, recency=recency)
                )
                assert page == expected.search(
                    EngineRequest(root, Order.RELEVANCE, limit, offset, recency=recency)
                )
    engine.close()


def test_long_terms_and_addresses_are_found(tmp_path: Path) -> None:
    long = "acg" * 100
    address = "https://news.example/" + "a" * 9000 + "/bridge"
    articles: list[Article] = [
        make_article("a", long, f"{long}t 水", url=address),
        make_article("b", "水", f"水{long}，{long}x", url="https://news.example/b"),
        make_article("c", "acg", f"near {long}y sea", captions=[long]),
        make_article("d", "标题_有 线", "a_b _20 _long _far _| 空 格", url=address[:9000]),
    ]
    engine, expected = (engine_with(name, tmp_path, articles) for name in (NAME, "memory"))
    queries = (
        long, f'"{long}"', f'"水{long}，"', f"{long}*", "acgacg*", f"title:{long}", f"body:{long}*",
        f"caption:{long}", f"~{long}z", f"near NEAR/2 {long[:50]}*", "url:bridge", "url:aaaaaa",
        f"url:{'a' * 8000}", f"url:{'a' * 9000}", f"-url:{'a' * 8990}", '"_20"', '"_"', '"_ "',
        '"_|"', "_long", "_far", '"题_有 线"', '"空 格"', f'"{long} 水"', f'"{"水" * 101}"',
        f'"{long}，{long}"',
    )  # fmt: skip
    for query in queries:
        root = parse(query, scan=True, collections=lambda: COLLECTIONS).root
        for order in Order:
            one, other = (
                each.search(EngineRequest(root, order, 9, 0, FACETS)) for each in (engine, expected)
            )
            assert one.candidates == other.candidates, query
    engine.close()


def test_long_literal_is_compared_to_its_end(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + number * 7 % 3000) for number in range(400))
    articles = [make_article("a", "", text), make_article("b", "", text[:250] + "水" + text[250:])]
    engine = engine_with(NAME, tmp_path, articles)
    for end in (99, 100, 101, 250, 251, 400):
        page = engine.search(EngineRequest(parse(f'"{text[:end]}"').root))
        expected = {"a", "b"} if end <= 250 else {"a"}
        assert {each.id for each in page.candidates} == expected
    engine.close()


def test_facets_with_many_values_are_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "MAX_BUCKETS", 3)
    engine, expected = (engine_with(name, tmp_path, ARCHIVE) for name in (NAME, "memory"))
    for query in QUERIES[:40]:
        one, other = (
            e.search(EngineRequest(parse(query).root, facets=FACETS)) for e in (engine, expected)
        )
        assert dict(one.facets) == dict(other.facets)
    engine.close()


def test_killed_and_repeated_run_keeps_the_previous_commit(cli: Cli) -> None:
    for number in range(30):
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号", "潮汐表照常张贴。")
    how = UpdateOptions(engine=NAME)
    update_index(FolderIndex(cli.index), [str(cli.folder / "n")], how)
    write_article(cli.folder / "n" / "0.md", "新的", "灯塔复明。")
    update_index(FolderIndex(cli.index), [str(cli.folder / "n")], how)
    # As left by a process that dies after its commit, before it renames the one before.
    data = cli.index / NAME
    (data / "commit-1.previous.json").rename(data / "commit-1.json")
    cli("search", "灯塔")
    assert "1 removed" not in cli("index", "n").out
    cli("doctor", "--rollback", "--yes")
    assert not (data / "commit-1.json").exists()
    cli("search", "灯塔", status=1)
    with FolderIndex(cli.index).open() as engine:
        assert engine.search(EngineRequest(MatchAll())).total == 30


def test_moved_index_can_be_opened(folder: Path, tmp_path: Path) -> None:
    engine = open_engine(NAME, folder)
    expected = all_results(engine)
    engine.close()
    shutil.copytree(folder, tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere", (time.time(), 0))
    engine = open_engine(NAME, tmp_path / "elsewhere")
    assert all_results(engine) == expected
    assert engine.verify(deep=True) == []
    engine.close()


def test_file_records_include_every_article(folder: Path) -> None:
    engine = open_engine(NAME, folder)
    living = [each for each in ARCHIVE if each.id != "undated"]
    assert {s for s in engine.file_records() if s.article_id} == {
        make_file_record(each) for each in living
    }
    engine.close()


def test_file_records_returns_each_record_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_tantivy(folder, create=False)
    wanted = sorted(engine.file_records())
    assert len(wanted) > 4
    for first in (1, 2, len(wanted) - 1, len(wanted), len(wanted) + 1):
        monkeypatch.setattr(reader_module, "FIRST_PAGE", first)
        monkeypatch.setattr(reader_module, "PAGE", 3)
        assert sorted(engine.file_records()) == wanted
    engine.close()


def test_words_are_counted_in_several_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, expected = (engine_with(name, tmp_path, ARCHIVE) for name in (NAME, "memory"))
    words = ["联合", "声明", "渡轮", "and", "大", "海牛"]
    for bits in (1, 3 * len(ARCHIVE), 2**20):
        monkeypatch.setattr(reader_module, "BITS_OF_CACHE", bits)
        monkeypatch.setattr(reader_module, "BITS_OF_MEMORY", bits)
        for query in QUERIES[:9]:
            root = parse(query).root
            counts = engine.document_frequencies(words, root)
            assert list(counts.items()) == list(expected.document_frequencies(words, root).items())
    engine.close()


def test_hits_by_impact_are_those_by_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    articles = [
        make_article(
            f"a{n}",
            "大桥" * chance.randrange(3) + "消息",
            "大桥。" * chance.randrange(9) + "潮水。" * chance.randrange(60),
            date=f"2024-01-{chance.randrange(1, 4):02}",
        )
        for n in range(120)
    ]
    engine = engine_with(NAME, tmp_path, articles)
    requests = [
        EngineRequest(parse(query).root, Order.RELEVANCE, limit, offset)
        for query in ("大桥", "水", "大桥 date:2024-01-02")
        for limit, offset in ((10, 0), (20, 15), (200, 0))
    ]
    by_score = [engine.search(request) for request in requests]
    monkeypatch.setattr(engine_module, "MANY_MATCHES", 1)
    assert [engine.search(request) for request in requests] == by_score
    assert len({doc.score for doc in by_score[2].candidates}) > 9


# Merging


def segment(documents: int) -> dict[str, object]:
    return {"max_doc": documents, "deletes": None}


def test_few_documents_merge_no_large_segments() -> None:
    assert segments_to_merge([segment(9_000)] * 7 + [segment(100)], 100) == []
    assert segments_to_merge([segment(100_000)] * 8, 100) == []
    assert len(segments_to_merge([segment(100_000)] * 8, 200_000)) == 8
    small = [segment(100)] * 8
    assert segments_to_merge([segment(9_000), *small], 100) == small


def test_segments_of_many_small_runs_stay_few() -> None:
    segments, merged = [segment(600_000), segment(300_000)], 0
    for _ in range(1_500):
        segments.append(segment(100))
        if group := segments_to_merge(segments, 100):
            documents = sum(int(str(each["max_doc"])) for each in group)
            chosen = set(map(id, group))
            segments = [each for each in segments if id(each) not in chosen]
            segments.append(segment(documents))
            merged += documents
            assert documents <= 14_000
        assert len(segments) <= 40
    assert merged < 10 * 1_500 * 100


def test_replaced_articles_of_many_segments_are_gone(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, [])
    for run in range(18):
        engine.write([upsert(make_article(f"a{run}x{n}", "大桥", "潮水")) for n in range(2)])
    replaced = [make_article(f"a{run}x1", "灯塔", "雾") for run in range(18)]
    engine.write([*map(upsert, replaced), DeleteArticle("a0x0"), DeleteArticle("nowhere")])
    counts = [
        engine.search(EngineRequest(parse(each).root, limit=0)).total for each in ("大桥", "灯塔")
    ]
    assert counts == [17, 18]
    assert engine.get(["a0x0", "a3x1"]) == [replaced[3]]
    assert len({record.path for record in engine.file_records()}) == 35
    assert engine.verify(deep=True) == []


def test_document_replaced_twice_in_one_run_is_the_last(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, [make_article("a", "大桥", "潮水")])
    later = [make_article("a", "灯塔", text) for text in ("雾", "风", "雨")]
    engine.write([upsert(later[0]), DeleteArticle("a"), *map(upsert, later[1:])])
    assert engine.get(["a"]) == [later[-1]]
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 1

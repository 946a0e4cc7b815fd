"""What is particular to the engine for one big machine: its files, its lock, its ordering."""

from __future__ import annotations

import os
import random
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
)
from newsgrep.engines.registry import open_engine, rollback, salvage
from newsgrep.engines.tantivy import reader as reader_module
from newsgrep.engines.tantivy.engine import open_engine as open_tantivy
from newsgrep.errors import IndexDamaged, IndexLocked, IndexMissing, IndexProblem
from newsgrep.index.store import FolderIndex
from newsgrep.index.update import UpdateOptions, update_index
from newsgrep.models import Article, FileRecord, Status
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from tests.support.cli import TIMEOUT, Cli, write_article
from tests.support.contract_archive import ARCHIVE, QUERIES
from tests.support.factories import engine_with, make_article, make_file_record, upsert
from tests.support.stress import Tally, trial_count

NAME = "tantivy"


def pages(engine: Engine) -> list[object]:
    """Return what an engine says to questions that between them read every kind of file."""
    found = [
        engine.search(EngineRequest(parse(query, scan=True).root, order, 100, 0, FACETS))
        for query in ('"合声明"', "水 OR 渔", "-date:2024", "caption:大桥", "gp*", "url:news")
        for order in Order
    ]
    return [*found, engine.get(each.id for each in ARCHIVE), sorted(engine.stamps())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an index of two segments, with articles taken out and a note."""
    engine = engine_with(NAME, tmp_path, ARCHIVE[:6])
    rejected = FileRecord("/archive/note.txt", 3, 4, "d1", Status.REJECTED, None, "nothing in it")
    engine.write([*map(upsert, ARCHIVE[6:]), DeleteArticle("undated"), PutFileRecord(rejected)])
    engine.close()
    return tmp_path / NAME


def test_a_reader_answers_from_its_commit_when_the_files_of_it_are_gone(tmp_path: Path) -> None:
    writer = engine_with(NAME, tmp_path, ARCHIVE)
    reader = open_engine(NAME, tmp_path / NAME)  # and nothing is asked yet
    before = {path.name for path in (tmp_path / NAME).glob("*.term")}
    for _ in range(3):
        writer.write(upsert(make_article(each.id, "灯塔", "雾散了。")) for each in ARCHIVE)
    writer.close()
    assert not before & {path.name for path in (tmp_path / NAME).glob("*.term")}
    expected = engine_with("memory", tmp_path, ARCHIVE)
    assert pages(reader) == pages(expected)
    reader.close()


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
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


def test_a_killed_writer_leaves_no_lock_and_no_files(tmp_path: Path) -> None:
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
    assert pages(engine) == pages(expected)
    assert engine.tidy()
    assert engine.tidy() == []
    engine.write([DeleteArticle("fish")])
    expected.write([DeleteArticle("fish")])
    assert pages(engine) == pages(expected)
    engine.close()


def test_a_missing_index_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        open_engine(NAME, tmp_path / "nothing")


def test_a_lost_file_is_damage_and_never_an_empty_answer(folder: Path) -> None:
    for lost in sorted(folder.iterdir()):
        if lost.is_dir() or lost.name.startswith("."):
            continue
        content = lost.read_bytes()
        lost.unlink()
        with pytest.raises(IndexDamaged):
            open_engine(NAME, folder)
        lost.write_bytes(content)
    engine = open_engine(NAME, folder)
    assert engine.check(deep=True) == []
    engine.close()


@pytest.mark.torture
def test_doctor_finds_every_changed_byte_and_no_answer_is_a_mishap(
    folder: Path, figures: Tally, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(20261121)
    engine = open_engine(NAME, folder)
    right = pages(engine)
    engine.close()
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix]
    files = [path for path in files if path.name[0] != "." and path.name != "meta.json"]
    for _ in range(trial_count(300, 20_000)):
        path = chance.choice(files)
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        # Another file by the same name, for what is in memory must not change under a reader.
        spoilt = path.with_name("spoilt")
        whole = path.with_name("whole")
        spoilt.write_bytes(content)
        path.rename(whole)
        spoilt.rename(path)
        try:
            engine = open_engine(NAME, folder)
            problems = engine.check()
            told = pages(engine)
            # tantivy's own version stands in each file as well, and nothing depends on it.
            assert problems or told == right
            figures["the same answers" if told == right else "other answers"] += 1
            figures["found by doctor"] += bool(problems)
            engine.close()
        except IndexProblem:
            figures["noticed when asked"] += 1
            figures["found by doctor"] += 1  # which asks, too
        finally:
            whole.rename(path)
        figures["changed bytes"] += 1
    capfd.readouterr()  # panics of tantivy's own
    assert figures["noticed when asked"]


@pytest.mark.parametrize("which", ["store", "term", "idx", "fast", "pos"])
def test_what_a_damaged_index_has_lost_comes_from_the_commit_before(
    tmp_path: Path, which: str
) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    engine.write([upsert(make_article("new", "新的", "新文。"))])
    engine.close()
    folder = tmp_path / NAME
    older = {path.name for path in (folder / "before").iterdir()}
    (harmed,) = (p for p in folder.glob(f"*.{which}") if p.name in older)
    harmed.unlink()
    harmed.write_bytes(b"\0" * 100)
    kept = [item for item in salvage(NAME, folder) if isinstance(item, Stored)]
    ids = {item.article.id for item in kept if item.article}
    assert ids >= {each.id for each in ARCHIVE}


def test_going_back_mends_what_the_last_commit_broke(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    right = pages(engine)
    engine.write([upsert(make_article("new", "新的", "新文。"))])
    engine.close()
    (tmp_path / NAME / "meta.json").write_bytes(b"{")
    with pytest.raises(IndexDamaged, match="rollback"):
        open_engine(NAME, tmp_path / NAME)
    rollback(NAME, tmp_path / NAME)
    engine = open_engine(NAME, tmp_path / NAME)
    assert pages(engine) == right
    assert engine.check(deep=True) == []
    engine.write([upsert(make_article("new", "新的", "新文。"))])
    assert engine.search(EngineRequest(MatchAll())).total == len(ARCHIVE) + 1
    engine.close()


@pytest.mark.parametrize("ended", ["taken back", "killed before its commit"])
def test_the_same_work_can_be_done_again(ended: str, folder: Path, tmp_path: Path) -> None:
    untouched = shutil.copytree(folder, tmp_path / "untouched")
    engine = open_engine(NAME, folder)
    engine.write([DeleteArticle("fish")])
    after = pages(engine)
    engine.close()
    if ended == "taken back":
        rollback(NAME, folder)
    else:  # it had written files of deleted documents, and no word of them in a commit
        for path in folder.glob("*.del"):
            if not (untouched / path.name).exists():
                shutil.copy(path, untouched)
        folder = untouched
    engine = open_engine(NAME, folder)
    engine.write([DeleteArticle("fish")])
    assert pages(engine) == after
    assert engine.check() == []
    engine.close()


def test_ties_and_undated_articles_are_ordered_as_everywhere(tmp_path: Path) -> None:
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
    for typed in ("潮汐", "潮汐 照常", "-没有", "date:2024"):
        root = parse(typed).root
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


def test_words_and_addresses_of_any_length_are_found(tmp_path: Path) -> None:
    long = "acg" * 100
    address = "https://news.example/" + "a" * 9000 + "/bridge"
    articles: list[Article] = [
        make_article("a", long, f"{long}t 水", url=address),
        make_article("b", "水", f"水{long}，{long}x", url="https://news.example/b"),
        make_article("c", "acg", f"near {long}y sea", captions=[long]),
        make_article("d", "标题_有 线", "a_b _20 _long _far _| 空 格", url=address[:9000]),
    ]
    engine, expected = (engine_with(name, tmp_path, articles) for name in (NAME, "memory"))
    typed = (
        long, f'"{long}"', f'"水{long}，"', f"{long}*", "acgacg*", f"title:{long}", f"body:{long}*",
        f"caption:{long}", f"~{long}z", f"near NEAR/2 {long[:50]}*", "url:bridge", "url:aaaaaa",
        f"url:{'a' * 8000}", f"url:{'a' * 9000}", f"-url:{'a' * 8990}", '"_20"', '"_"', '"_ "',
        '"_|"', "_long", "_far", '"题_有 线"', '"空 格"', f'"{long} 水"', f'"{"水" * 101}"',
        f'"{long}，{long}"',
    )  # fmt: skip
    for query in typed:
        root = parse(query, scan=True).root
        for order in Order:
            one, other = (
                each.search(EngineRequest(root, order, 9, 0, FACETS)) for each in (engine, expected)
            )
            assert one.candidates == other.candidates, query
    engine.close()


def test_a_literal_longer_than_tantivy_compares_is_compared_to_its_end(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + number * 7 % 3000) for number in range(400))
    articles = [make_article("a", "", text), make_article("b", "", text[:250] + "水" + text[250:])]
    engine = engine_with(NAME, tmp_path, articles)
    for end in (99, 100, 101, 250, 251, 400):
        page = engine.search(EngineRequest(parse(f'"{text[:end]}"').root))
        right = {"a", "b"} if end <= 250 else {"a"}
        assert {each.id for each in page.candidates} == right
    engine.close()


def test_facets_of_any_number_of_values_are_whole(
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


def test_an_index_run_that_is_killed_and_repeated_keeps_the_commit_before(cli: Cli) -> None:
    for number in range(30):
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}号", "潮汐表照常张贴。")
    how = UpdateOptions(engine=NAME)
    update_index(FolderIndex(cli.index), [str(cli.folder / "n")], how)
    write_article(cli.folder / "n" / "0.md", "新的", "灯塔复明。")
    update_index(FolderIndex(cli.index), [str(cli.folder / "n")], how)
    # As a process leaves it that dies after its commit, before it has set the links aside.
    data = cli.index / NAME
    (data / "before").rename(data / "before.new")
    cli("search", "灯塔")
    assert "1 removed" not in cli("index", "n").out
    assert not (data / "before.new").exists()
    cli("doctor", "--rollback")
    cli("search", "灯塔", status=1)
    with FolderIndex(cli.index).open() as engine:
        assert engine.search(EngineRequest(MatchAll())).total == 30


def test_an_index_moved_to_another_folder_is_whole(folder: Path, tmp_path: Path) -> None:
    engine = open_engine(NAME, folder)
    right = pages(engine)
    engine.close()
    shutil.copytree(folder, tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere", (time.time(), 0))
    engine = open_engine(NAME, tmp_path / "elsewhere")
    assert pages(engine) == right
    assert engine.check(deep=True) == []
    engine.close()


def test_what_two_commits_share_is_counted_once(tmp_path: Path) -> None:
    engine = engine_with(NAME, tmp_path, ARCHIVE)
    engine.write([upsert(make_article("one", "灯塔", "雾散了。"))])
    engine.close()
    shared = [path for path in (tmp_path / NAME / "before").iterdir() if path.stat().st_nlink > 1]
    assert shared
    every = sum(path.stat().st_size for path in (tmp_path / NAME).rglob("*") if path.is_file())
    assert FolderIndex(tmp_path).size() == every - sum(path.stat().st_size for path in shared)


def test_stamps_of_the_archive_are_kept(folder: Path) -> None:
    engine = open_engine(NAME, folder)
    living = [each for each in ARCHIVE if each.id != "undated"]
    assert {s for s in engine.stamps() if s.article_id} == {
        make_file_record(each) for each in living
    }
    engine.close()


def test_every_stamp_is_told_once_however_many_are_listed_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_tantivy(folder, create=False)
    wanted = sorted(engine.stamps())
    assert len(wanted) > 4
    for first in (1, 2, len(wanted) - 1, len(wanted), len(wanted) + 1):
        monkeypatch.setattr(reader_module, "FIRST_ADDRESSES", first)
        assert sorted(engine.stamps()) == wanted
    engine.close()

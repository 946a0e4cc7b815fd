"""Several machines share the files of one index: each file belongs to exactly one shard."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from io import BytesIO
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.errors import InputError, UsageError
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.outcomes import Outcome
from newsgrep.indexing.plan import Shard, parse_shard
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.store import Index
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.indexing.workers import Progress, no_progress
from newsgrep.models import Status
from tests.support import fake_server
from tests.support.cli import Cli, write_article
from tests.support.simulated_archive import (
    SimulatedArchive,
    contents_in_any_order,
    index_contents,
    random_article,
)
from tests.support.stress import trial_count


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerIndex]:
    monkeypatch.delenv(fake_server.STATE_FILE_VARIABLE, raising=False)
    with fake_server.registered_server():
        yield ServerIndex("opensearch://localhost/news")


@given(st.lists(st.text(st.characters(exclude_characters="\0")), max_size=20), st.integers(1, 9))
def test_shard_takes_each_file_exactly_once(paths: list[str], count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    for path in paths:
        if _can_be_a_path(path):
            assert sum(shard.takes(path) for shard in shards) == 1


def _can_be_a_path(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def test_shard_of_a_path_never_changes() -> None:
    of_three = [
        next(number for number in (1, 2, 3) if Shard(number, 3).takes(path))
        for path in ("/a/1.md", "/a/2.md", "/a/3.md", "/新闻/雾港.html", "/a/\udcff.md", "/")
    ]
    assert of_three == [2, 2, 2, 3, 2, 2]


@pytest.mark.parametrize(
    "wrong", ["0/3", "4/3", "1/0", "3", "1/2/3", "a/b", "-1/3", "1/" + "9" * 5000, "１/３x"]
)
def test_parse_shard_rejects_invalid_text(wrong: str) -> None:
    with pytest.raises(UsageError, match="2/3"):
        parse_shard(wrong)


def archive(folder: Path) -> Path:
    """Write 40 files: articles, duplicates of some of them, and files without one."""
    for number in range(30):
        write_article(
            folder / f"{number:02}.md",
            f"第{number}号公报",
            "潮汐表照常张贴。" * (1 + number % 3),
            url=f"https://fog.example/{number}",
        )
    for number in range(8):
        write_article(
            folder / "again" / f"{number:02}.md",
            f"第{number}号公报",
            "潮汐表照常张贴。" * (1 + (number + 1) % 3),
            url=f"https://fog.example/{number}",
        )
    (folder / "empty.txt").write_bytes(b"")
    (folder / "empty2.txt").write_bytes(b"")
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"x")
    return folder


def shard_by_shard(index: Index, paths: list[str], order: tuple[int, ...]) -> int:
    """Update an index in one run per shard, and return how many files they saw.

    Articles of deleted files are deleted, however many: which files are in a shard depends on
    the folder of the test.
    """
    count = max(order)
    return sum(
        update_index(index, paths, UpdateOptions(shard=Shard(number, count), prune=True)).seen
        for number in order
    )


def test_all_shards_together_equal_one_run(tmp_path: Path, server: ServerIndex) -> None:
    paths = [str(archive(tmp_path / "n"))]
    whole = update_index(FolderIndex(tmp_path / "whole"), paths)
    assert (whole.seen, whole.articles) == (40, 30)
    for order in permutations((1, 2, 3)):
        fake_server.INDEXES.clear()
        assert shard_by_shard(server, paths, order) == whole.seen
        assert index_contents(server) == index_contents(FolderIndex(tmp_path / "whole"))
    folder = tmp_path / "parts"
    assert shard_by_shard(FolderIndex(folder), paths, (2, 1)) == whole.seen
    assert index_contents(FolderIndex(folder)) == index_contents(FolderIndex(tmp_path / "whole"))
    again = update_index(FolderIndex(folder), paths)
    assert again.counts[Outcome.UNCHANGED] == 30
    assert again.seen == 40


def test_shards_list_each_skipped_path_once(tmp_path: Path) -> None:
    paths = [str(archive(tmp_path / "n"))]
    listed: list[str] = []
    for number in (1, 2, 3):
        summary = update_index(
            FolderIndex(tmp_path / "i"), paths, UpdateOptions(shard=Shard(number, 3))
        )
        assert sum(summary.counts.values()) == summary.seen
        listed += [item.path for items in summary.skipped.values() for item in items]
        listed += [item.path for item in summary.listed[Outcome.REJECTED]]
    assert sorted(Path(path).name for path in listed) == [
        "a.jpg", "b.jpg", "c.jpg", "empty.txt", "empty2.txt",
    ]  # fmt: skip


def test_update_keeps_files_of_other_shards(tmp_path: Path, server: ServerIndex) -> None:
    folder = archive(tmp_path / "n")
    paths = [str(folder)]
    shard_by_shard(server, paths, (1, 2, 3))
    mine = [path for path in folder.glob("*.md") if Shard(2, 3).takes(str(path))]
    others = [path for path in folder.glob("2*.md") if path not in mine]
    assert others
    for path in (mine[0], *others):
        path.unlink()
    before = set(index_contents(server)[1])
    update_index(server, paths, UpdateOptions(shard=Shard(2, 3), prune=True))
    assert before - set(index_contents(server)[1]) == {str(mine[0])}
    shard_by_shard(server, paths, (1, 3))
    whole = update_index(FolderIndex(tmp_path / "whole"), paths)
    assert len(index_contents(server)[0]) == whole.articles
    assert index_contents(server) == index_contents(FolderIndex(tmp_path / "whole"))


def test_update_refuses_shard_with_most_files_gone(tmp_path: Path, server: ServerIndex) -> None:
    folder = archive(tmp_path / "n")
    paths = [str(folder)]
    shard_by_shard(server, paths, (1, 2, 3))
    before = index_contents(server)
    for path in folder.rglob("*.*"):
        if path.is_file() and Shard(3, 3).takes(str(path)):
            path.unlink()
    with pytest.raises(UsageError, match="--prune"):
        update_index(server, paths, UpdateOptions(shard=Shard(3, 3)))
    assert index_contents(server) == before
    update_index(server, paths, UpdateOptions(shard=Shard(1, 3)))
    assert index_contents(server) == before


def test_duplicate_of_other_shard_replaces_deleted_file(
    tmp_path: Path, server: ServerIndex
) -> None:
    folder = archive(tmp_path / "n")
    paths = [str(folder)]
    shard_by_shard(server, paths, (1, 2, 3))
    articles, records = index_contents(server)
    for number in range(8):
        names = [folder / f"{number:02}.md", folder / "again" / f"{number:02}.md"]
        (shown,) = (path for path in names if records[str(path)][4] == "indexed")
        shown.unlink()
    seen = 0
    for number in (1, 2, 3):
        how = UpdateOptions(shard=Shard(number, 3), prune=True)
        seen += (summary := update_index(server, paths, how)).seen
        assert summary.seen == summary.files
        assert index_contents(server)[0].keys() == articles.keys()
    assert seen == len(records) - 8
    update_index(FolderIndex(tmp_path / "whole"), paths)
    assert index_contents(server) == index_contents(FolderIndex(tmp_path / "whole"))


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(trial_count(6, 60)))
def test_next_runs_correct_simultaneous_shards(
    tmp_path: Path, server: ServerIndex, seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "n"
    paths = [str(folder)]

    def write_some(count: int) -> None:
        for _ in range(count):
            number, version = chance.randrange(6), chance.randrange(4)
            body = (
                "守塔人每天清晨在码头的黑板上写下水位，再把前一天的数字抄进蓝皮的本子，雨天也不例外；"
                "来看的人多半是渔民，他们站一会儿就走，谁也不问这些数字以后有什么用处。"
            )
            body += "潮汐表照常张贴。" * chance.randrange(1, 9) + f"第{chance.random()}次。"
            url = f"https://fog.example/{number}"
            write_article(folder / f"{number}-{version}.md", f"第{number}号公报", body, url=url)

    write_some(14)
    for _ in range(4):
        first, second = chance.sample((1, 2), 2)
        when = chance.randrange(1, 8)

        def meanwhile(done: int, _: int | None, other: int = second, when: int = when) -> None:
            if done == when:
                update_index(server, paths, UpdateOptions(shard=Shard(other, 2), prune=True))

        how = UpdateOptions(shard=Shard(first, 2), prune=True, progress=meanwhile)
        update_index(server, paths, how)
        write_some(3)
        if chance.random() < 0.5:
            chance.choice(sorted(folder.iterdir())).unlink()
    shard_by_shard(server, paths, (1, 2))
    update_index(FolderIndex(tmp_path / "whole"), paths)
    assert index_contents(server)[0] == index_contents(FolderIndex(tmp_path / "whole"))[0]


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(trial_count(6, 60)))
def test_simultaneous_shards_equal_one_run(
    tmp_path: Path, server: ServerIndex, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def takes(shard: Shard, path: str) -> bool:  # does not depend on the folder of the test
        return int(Path(path).stem) % shard.count == shard.number - 1

    monkeypatch.setattr(Shard, "takes", takes)
    chance = random.Random(seed)
    archive = SimulatedArchive(tmp_path / "n")
    paths = [str(archive.folder)]
    for number in range(120):
        content = random_article(chance, number, addresses=7)
        archive.write(f"{chance.choice('abc')}/{number}.md", content)

    def load(number: int, progress: Progress = no_progress) -> None:
        every = chance.choice((0.0, 300.0))
        how = UpdateOptions(shard=Shard(number, 3), progress=progress, commit_every=every)
        seen.append(update_index(server, paths, how).seen)

    seen: list[int] = []
    first, *others = chance.sample((1, 2, 3), 3)
    moments = {other: chance.randrange(1, 8) for other in others}

    def meanwhile(done: int, _: int | None) -> None:
        for other in [other for other in others if moments.get(other) == done]:
            del moments[other]
            load(other)

    load(first, meanwhile)
    assert not moments
    assert seen == [40, 40, 40]
    whole = FolderIndex(tmp_path / "whole")
    update_index(whole, paths)
    assert contents_in_any_order(server) == contents_in_any_order(whole)
    again = update_index(server, paths)
    assert again.counts[Outcome.ADDED] == again.counts[Outcome.UPDATED] == 0


def json_lines(chance: random.Random) -> BytesIO:
    """Return 16 records, each with one of nine addresses, of which three differ."""
    lines = []
    for number in range(16):
        made = random_article(chance, number)
        query = chance.choice(("", "?utm_source=a", "?utm_source=b"))
        url = f"https://fog.example/{chance.randrange(3)}{query}"
        record = {"title": made.title or "公报", "text": made.body or "潮汐表。", "url": url}
        lines.append(json.dumps(record))
    return BytesIO("\n".join(lines).encode())


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(trial_count(8, 80)))
def test_simultaneous_streams_leave_one_article_a_record(server: ServerIndex, seed: int) -> None:
    chance = random.Random(seed)
    when = chance.randrange(14)

    def load(progress: Progress = no_progress) -> None:
        how = UpdateOptions(
            stream=json_lines(chance),
            progress=progress,
            commit_every=chance.choice((0.0, 300.0)),
        )
        assert update_index(server, [], how).seen == 16

    def meanwhile(done: int, _: int | None) -> None:
        if done == when:
            load()

    load(meanwhile)
    with server.open() as engine:
        records = list(engine.file_records())
    shown = [each.path for each in records if each.status is Status.INDEXED]
    assert len(shown) == len(set(shown))
    load()  # drops file records of duplicates that have an article
    index_contents(server)  # one file record for each path


def test_duplicate_of_deleted_article_is_indexed(tmp_path: Path, server: ServerIndex) -> None:
    for folder in ("one", "two"):
        write_article(
            tmp_path / folder / "a.md", "甲岛开渔", "渡轮照常。", url="https://fog.example/1"
        )
    one, two = [str(tmp_path / "one")], [str(tmp_path / "two")]
    update_index(server, one)
    update_index(server, two)
    shown = (tmp_path / "one" / "a.md", tmp_path / "two" / "a.md")
    # The first machine can't read the files of the second.
    (tmp_path / "two").rename(tmp_path / "away")
    shown[0].unlink()
    update_index(server, one, UpdateOptions(prune=True))
    (tmp_path / "away").rename(tmp_path / "two")
    update_index(server, two)
    (body,) = index_contents(server)[0].values()
    assert body.startswith(str(shown[1]))


def test_every_shard_reports_wrong_path(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with pytest.raises(InputError, match="No file or folder at"):
            update_index(
                FolderIndex(tmp_path / "i"),
                [str(tmp_path / "nowhere")],
                UpdateOptions(shard=Shard(number, 3)),
            )


def test_summary_names_shard(cli: Cli) -> None:
    archive(cli.folder / "n")
    ran = cli("index", "n", "--shard", "2/3")
    seen = int(ran.out.split()[0])
    assert ran.out.startswith(f"{seen} files of shard 2/3 seen: ")
    summary = json.loads(cli("index", "n", "--shard", "2/3", "--json").out)
    assert (summary["shard"], summary["seen"]) == ("2/3", seen)
    assert "shard" not in json.loads(cli("index", "n", "--json").out)
    assert "such as 2/3" in cli("index", "n", "--shard", "4/3", status=2).err

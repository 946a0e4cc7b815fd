"""Files of records that grow, shrink, are rotated and refilled: the index is what they have."""

from __future__ import annotations

import gzip
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from newsgrep.errors import UsageError
from newsgrep.indexing import index_at
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.store import Index
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Status
from tests.support import fake_server
from tests.support.cli import TIMEOUT, Cli, assert_no_crash
from tests.support.optional_engines import require_installed
from tests.support.record_files import FORMATS, Item, jsonl_of
from tests.support.stress import Tally, trial_count

WORDS = ("港口", "河堤", "学校", "电车", "渔船", "图书馆", "灯塔", "盐场")
NAMES = ("d", "e", "f")


def item(number: int, version: int = 0, *, has_url: bool = True) -> Item:
    word = WORDS[number % len(WORDS)]
    details = "".join(f"，{WORDS[(number + each) % len(WORDS)]}{number}号" for each in range(6))
    body = f"{word}的第{number}号工程昨天完工{details}，{'沿岸的村子' * version}不再需要沙袋。"
    return Item(f"{word}第{number}号", body, f"https://a.example/{number}" if has_url else "")


def update(index: Index, folder: Path, prune: bool | None = True) -> UpdateSummary:
    return update_index(index, [str(folder)], UpdateOptions(prune=prune))


def contents(index: Index) -> dict[str, tuple[object, ...]]:
    """Return what is known of each record, and its article's text, by path.

    An article keeps the id that it had, so ids depend on the history.
    """
    with index.open() as engine:
        records = list(engine.file_records())
        ids = [each.article_id or "" for each in records if each.status is Status.INDEXED]
        bodies = {each.path: each.body for each in engine.get(ids)}
    assert len({record.path for record in records}) == len(records)
    return {
        record.path: (
            record.status,
            record.digest,
            record.reason if record.status is Status.REJECTED else "",
            record.ledger,
            bodies.get(record.path),
        )
        for record in records
    }


def ids_of_titles(index: Index) -> dict[str, str]:
    with index.open() as engine:
        ids = [each.article_id or "" for each in engine.file_records()]
        return {each.title: each.id for each in engine.get(filter(None, ids))}


class Archive:
    """A folder of files of one format, and the articles in each."""

    def __init__(self, folder: Path, ending: str, chance: random.Random, *, has_urls: bool) -> None:
        self.folder = folder
        self.files: dict[str, list[Item]] = {}
        self._ending = ending
        self._chance = chance
        self._has_urls = has_urls
        self._next = 0

    def change(self) -> str:
        """Change one file, write it, and return what was done."""
        chance = self._chance
        name = chance.choice(NAMES)
        items = self.files.get(name, [])
        at = chance.randrange(len(items) + 1)
        what = chance.choice(
            ("append", "append", "insert", "delete", "edit", "shuffle", "refill", "rotate", "copy")
        )
        match what:
            case "append":
                items += [self._new() for _ in range(chance.randint(1, 4))]
            case "insert":
                items[at:at] = [self._new()]
            case "delete":
                del items[at : at + chance.randint(1, 3)]
            case "edit" if items:
                edited = chance.randrange(len(items))
                number = int(items[edited].title.partition("第")[2].removesuffix("号"))
                version = chance.randrange(1, 4)
                items[edited] = item(number, version, has_url=self._has_urls)
            case "shuffle":
                chance.shuffle(items)
            case "refill":
                items = [self._new() for _ in range(chance.randint(1, 8))]
            case "rotate":
                self._write(chance.choice(NAMES), items)
                items = [self._new()]
            case "copy":
                items += self.files.get(chance.choice(NAMES), [])[:3]
        self._write(name, items)
        return what

    def _new(self) -> Item:
        self._next += 1
        return item(self._next, has_url=self._has_urls)

    def _write(self, name: str, items: list[Item]) -> None:
        path = self.folder / f"{name}.{self._ending}"
        self.files[name] = list(items)
        if items:
            path.write_bytes(FORMATS[self._ending](items))
        else:
            path.unlink(missing_ok=True)


CASES = [
    *((ending, True, "whoosh") for ending in FORMATS),
    *((ending, False, "tantivy") for ending in ("jsonl", "csv", "mbox")),
    ("jsonl", True, "opensearch"),
    ("mbox", False, "opensearch"),
]

OpenIndex = Callable[[str, str], Index]


@pytest.fixture
def open_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[OpenIndex]:
    """Return a function that returns the index of a name in an engine; a server is a fake one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(fake_server.STATE_FILE_VARIABLE, raising=False)

    def open_index(name: str, engine: str) -> Index:
        is_server = engine == "opensearch"
        return index_at(f"opensearch://localhost/{name}" if is_server else tmp_path / name)

    with fake_server.registered_server():
        yield open_index


@pytest.mark.torture
@pytest.mark.parametrize(("ending", "has_urls", "engine"), CASES)
def test_random_histories_end_like_a_new_index(
    tmp_path: Path, open_index: OpenIndex, ending: str, has_urls: bool, engine: str, tally: Tally
) -> None:
    chance = random.Random(f"{ending} {has_urls} 15")
    folder, index = tmp_path / "a", open_index("index", engine)
    if engine != "opensearch":
        require_installed(engine)
    folder.mkdir()
    archive = Archive(folder, ending, chance, has_urls=has_urls)
    options = UpdateOptions(prune=True, engine=None if engine == "opensearch" else engine)
    for step in range(trial_count(8, 150)):
        done = [archive.change() for _ in range(chance.randint(1, 3))]
        summary = update_index(index, [str(folder)], options)
        assert summary.seen == sum(summary.counts.values())
        fresh = open_index(f"fresh{step}", engine)
        update_index(fresh, [str(folder)], options)
        assert contents(index) == contents(fresh), (step, done)
        again = update_index(index, [str(folder)], options)
        assert again.counts[Outcome.ADDED] + again.counts[Outcome.UPDATED] == 0
        tally["states"] += 1


def test_refilled_file_keeps_its_articles_unless_pruned(tmp_path: Path) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump = folder / "d.jsonl"
    dump.write_bytes(jsonl_of([item(number) for number in range(6)]))
    update(index, folder)
    before = contents(index)
    dump.write_bytes(jsonl_of([item(number) for number in (10, 11, 12, 13, 14, 5)]))
    options = UpdateOptions(commit_every=0)
    with pytest.raises(UsageError, match=r"5 articles are gone from .*d\.jsonl: was it truncated"):
        update_index(index, [str(folder)], options)
    assert contents(index) == before
    summary = update(index, folder)
    assert (summary.articles, summary.removed) == (6, 5)


def test_edited_file_is_committed_while_it_is_read(tmp_path: Path) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump = folder / "d.jsonl"
    dump.write_bytes(jsonl_of([item(number) for number in range(6)]))
    update(index, folder)
    dump.write_bytes(jsonl_of([item(number, 1) for number in range(6)]))
    with index.open() as engine:
        first = engine.commit()
    options = UpdateOptions(commit_every=0)
    update_index(index, [str(folder)], options)
    with index.open() as engine:
        commits = engine.commit() - first
    assert commits > 3  # not before half of the articles are found again


@pytest.mark.parametrize(
    "name", ["z.jsonl", "d.jsonl.1", "d.jsonl-20240517", "d.jsonl.2.gz", "d.jsonl.gz.1"]
)
def test_rotated_file_loses_nothing_and_keeps_ids(tmp_path: Path, name: str) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump = folder / "d.jsonl"
    dump.write_bytes(jsonl_of([item(number, has_url=False) for number in range(5)]))
    update(index, folder)
    before = ids_of_titles(index)
    data = dump.read_bytes()
    (folder / name).write_bytes(gzip.compress(data) if ".gz" in name else data)
    dump.write_bytes(jsonl_of([item(7, has_url=False)]))
    summary = update(index, folder, prune=None)
    after = ids_of_titles(index)
    assert (summary.articles, summary.removed) == (6, 0)
    assert before.items() <= after.items()


def test_edited_record_without_address_keeps_its_id(tmp_path: Path) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump = folder / "d.jsonl"
    items = [item(number, has_url=False) for number in range(3)]
    dump.write_bytes(jsonl_of(items))
    update(index, folder)
    before = ids_of_titles(index)
    dump.write_bytes(jsonl_of([items[0], item(1, 2, has_url=False), item(8, has_url=False)]))
    update(index, folder)
    after = ids_of_titles(index)
    assert {title: after.get(title) for title in before} == before | {items[2].title: None}
    assert after[item(8).title] not in before.values()
    with index.open() as engine:
        earlier = {
            each.title: [old.body for old in each.versions] for each in engine.get(after.values())
        }
    assert earlier == {items[0].title: [], items[1].title: [items[1].body], item(8).title: []}


def test_rejections_of_a_kind_beyond_twenty_are_counted(tmp_path: Path) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump = folder / "d.jsonl"
    nothing = Item("", "")
    chance = random.Random(18)
    items = [nothing] * 30 + [item(1)] + [nothing] * 5
    for step in range(8):
        dump.write_bytes(jsonl_of(items))
        summary = update(index, folder)
        rejected = items.count(nothing)
        assert summary.counts[Outcome.REJECTED] == rejected
        assert summary.uncounted == rejected - 20
        assert summary.seen == len(items)
        statuses = [status for status, *_ in contents(index).values()]
        assert statuses.count(Status.REJECTED) == 20
        fresh = FolderIndex(tmp_path / f"fresh{step}")
        update(fresh, folder)
        assert contents(index) == contents(fresh)
        items.insert(chance.randrange(len(items)), item(10 + step))
        items += [nothing] * chance.randrange(4)
        del items[chance.randrange(3)]


def test_mailbox_whose_last_message_grows_is_read_again(tmp_path: Path) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    mailbox = folder / "m.mbox"
    two = FORMATS["mbox"]([item(1), item(2)])
    mailbox.write_bytes(FORMATS["mbox"]([item(1), item(2), item(3)]))
    update(index, folder)
    for more in ("", "海带今天上市，渡轮的班次会增加。\n"):
        mailbox.write_bytes(two + more.encode())
        assert update(index, folder).articles == 2
        text = contents(index)[f"{mailbox}#2"][-1]
        assert str(text).endswith(more.strip())


@pytest.mark.parametrize("has_url", [True, False])
def test_refilled_file_loses_nothing_without_prune(tmp_path: Path, has_url: bool) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump = folder / "d.jsonl"
    ids: dict[str, str] = {}
    for day in range(4):
        items = [item(number, has_url=has_url) for number in range(5 * day, 5 * day + 6)]
        dump.write_bytes(jsonl_of(items))
        summary = update(index, folder, prune=False)
        assert summary.removed == 0
        found = ids_of_titles(index)
        assert summary.articles == len(found) == 5 * day + 6
        assert ids.items() <= found.items()
        ids = found
    again = update(index, folder, prune=False)
    assert again.counts[Outcome.UNCHANGED] == again.articles == 21
    dump.write_bytes(jsonl_of([*items, item(0, has_url=has_url)]))  # the first one is back
    assert update(index, folder, prune=False).articles == 21
    assert ids == ids_of_titles(index)
    assert sum("~" in path for path in contents(index)) == 14
    dump.write_bytes(jsonl_of(items[:-1]))
    with pytest.raises(UsageError, match="16 articles are gone"):
        update(index, folder, prune=None)
    summary = update(index, folder)
    assert (summary.articles, summary.removed) == (5, 16)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` with a part that is changed, missing, doubled or zero."""
    begin = chance.randrange(len(data))
    end = min(len(data), begin + chance.choice((1, 1, 8, 200)))
    part = data[begin:end]
    match chance.choice(("flip", "cut off", "remove", "double", "zero")):
        case "flip":
            part = bytes(byte ^ chance.randrange(1, 256) for byte in part)
        case "cut off":
            return data[:begin]
        case "remove":
            part = b""
        case "double":
            part += part
        case "zero":
            part = bytes(len(part))
    return data[:begin] + part + data[end:]


@pytest.mark.torture
@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_file_is_read_as_in_a_new_index(tmp_path: Path, ending: str, tally: Tally) -> None:
    chance = random.Random(f"{ending} 20")
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    file, other = folder / f"d.{ending}", folder / "e.jsonl"
    whole = FORMATS[ending]([item(number) for number in range(8)])
    file.write_bytes(whole)
    other.write_bytes(jsonl_of([item(number) for number in range(20, 23)]))
    update(index, folder)
    before = contents(index)
    for step in range(trial_count(4, 100)):
        file.write_bytes(damaged(whole, chance))
        with suppress(UsageError):
            update(index, folder, prune=None)
        summary = update(index, folder)
        assert summary.seen == sum(summary.counts.values())
        fresh = FolderIndex(tmp_path / f"fresh{step}")
        update(fresh, folder)
        assert contents(index) == contents(fresh)
        tally["articles in damaged bytes"] += 11 - summary.articles
        file.write_bytes(whole)
        assert update(index, folder).articles == 11
        assert contents(index) == before
        tally["damaged files"] += 1


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.parametrize("ending", FORMATS)
def test_killed_runs_over_files_being_written_lose_nothing(
    cli: Cli, ending: str, tally: Tally
) -> None:
    chance = random.Random(f"{ending} 18")
    folder = cli.folder / "a"
    folder.mkdir()
    archive = Archive(folder, ending, random.Random(f"{ending} 19"), has_urls=True)
    for _ in range(5):
        archive.change()
    stopped = Event()

    def write() -> None:
        while not stopped.is_set():
            archive.change()
            tally["changes"] += 1
            stopped.wait(0.05)

    def start() -> subprocess.Popen[bytes]:
        jobs = str(chance.choice((1, 1, 2)))
        return cli.start("index", "a", "--prune", "--jobs", jobs, new_session=True)

    begun = time.monotonic()
    start().communicate(timeout=TIMEOUT)
    usual = time.monotonic() - begun
    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(trial_count(2, 40)):
            process = start()
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.3, 1.5) * usual)
            is_over = process.poll() is not None
            process.kill()
            _, err = process.communicate(timeout=TIMEOUT)
            assert_no_crash(err)
            tally["runs completed" if is_over else "runs killed"] += 1
    finally:
        stopped.set()
        writer.join()
    process = start()
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    fresh = FolderIndex(cli.folder / "fresh")
    update(fresh, folder)
    assert contents(FolderIndex(cli.index)) == contents(fresh)

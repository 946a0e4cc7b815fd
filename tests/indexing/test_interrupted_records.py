"""Runs that are interrupted within a file of many records, and what the next run completes."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from newsgrep.errors import Interrupted
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.outcomes import Outcome
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Status
from tests.support.factories import FOLDER_ENGINES


def line(number: int, version: int = 0) -> str:
    text = f"第{number}号工程昨天完工，{'沿岸的村子' * (version + 1)}不再需要沙袋。"
    article = {"title": f"第{number}号工程", "url": f"https://a.example/{number}", "text": text}
    return json.dumps(article, ensure_ascii=False)


def contents(index: FolderIndex) -> dict[str, tuple[object, ...]]:
    """Return what is known of each file and record, and the body of its article, by path.

    An unchanged record keeps the size and the time that its file had when it was extracted.
    """
    with index.open() as engine:
        found: dict[str, tuple[object, ...]] = {}
        for record in engine.file_records():
            bodies = [each.body for each in engine.get([record.article_id or ""])]
            key = record.status, record.article_id, record.digest, record.reason
            found[record.path] = (*key, record.ledger, bodies)
        return found


def stopping(engine: str, calls: int) -> UpdateOptions:
    """Return options of a run that commits each record and is interrupted after ``calls``."""
    left = calls

    def stop(_done: int, _total: int | None) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    return UpdateOptions(engine=engine, commit_every=0, byte_progress=stop, prune=True)


def run_interrupted(index: FolderIndex, folder: Path, engine: str, calls: int) -> bool:
    """Update the index, and return whether the run was interrupted."""
    try:
        update_index(index, [str(folder)], stopping(engine, calls))
    except (Interrupted, KeyboardInterrupt):
        return True
    return False


@pytest.mark.parametrize("engine", FOLDER_ENGINES)
def test_run_that_stops_within_a_dump_keeps_its_records(tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "d.jsonl").write_text("".join(f"{line(n)}\n" for n in range(6)), "utf-8")
    index = FolderIndex(tmp_path / "index")
    with pytest.raises(Interrupted, match="4 records are in the index"):
        update_index(index, [str(folder)], stopping(engine, 4))
    with index.open() as opened:
        records = list(opened.file_records())
    assert sorted(record.locator for record in records) == [":1", ":2", ":3", ":4"]
    assert {record.status for record in records} == {Status.INDEXED}
    summary = update_index(index, [str(folder)], UpdateOptions(engine=engine))
    assert (summary.articles, summary.removed) == (6, 0)
    assert sum(summary.counts.values()) == 6
    assert summary.counts[Outcome.UNCHANGED] == 4


@pytest.mark.parametrize("engine", FOLDER_ENGINES)
def test_interrupted_histories_end_like_a_new_index(tmp_path: Path, engine: str) -> None:
    chance = random.Random(15)
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    lines = [line(number) for number in range(5)]
    interrupted = 0
    for step in range(3):
        for _ in range(3):
            match chance.randrange(4):
                case 0 if len(lines) > 3:
                    lines.pop(chance.randrange(len(lines)))
                case 1:
                    at = chance.randrange(len(lines))
                    lines[at] = line(int(json.loads(lines[at])["url"].rpartition("/")[2]), step + 1)
                case _:
                    lines.append(line(100 + step * 10 + len(lines)))
        text = "".join(f"{each}\n" for each in lines)
        (folder / "d.jsonl").write_text(text, "utf-8")
        (folder / "e.jsonl.gz").write_bytes(gzip.compress(text[: len(text) // 2].encode()))
        while run_interrupted(index, folder, engine, chance.randrange(3, 20)):
            interrupted += 1
    update_index(index, [str(folder)], UpdateOptions(engine=engine, prune=True))
    fresh = FolderIndex(tmp_path / "fresh")
    update_index(fresh, [str(folder)], UpdateOptions(engine=engine))
    assert contents(index) == contents(fresh)
    assert interrupted > 1


@pytest.mark.parametrize("calls", range(2, 9, 2))
def test_record_that_is_gone_is_removed_by_an_interrupted_run(tmp_path: Path, calls: int) -> None:
    folder, index = tmp_path / "a", FolderIndex(tmp_path / "index")
    folder.mkdir()
    dump, other = folder / "d.jsonl", folder / "e.jsonl"
    dump.write_text("".join(f"{line(number)}\n" for number in range(4)), "utf-8")
    other.write_text(f"{line(10)}\n", "utf-8")
    update_index(index, [str(folder)], UpdateOptions())
    dump.write_text("".join(f"{line(number)}\n" for number in (0, 5, 2)), "utf-8")
    other.write_text("".join(f"{line(number)}\n" for number in range(10, 16)), "utf-8")
    assert run_interrupted(index, folder, "whoosh", calls)
    update_index(index, [str(folder)], UpdateOptions(prune=True))
    fresh = FolderIndex(tmp_path / "fresh")
    update_index(fresh, [str(folder)], UpdateOptions())
    assert contents(index).keys() == contents(fresh).keys()

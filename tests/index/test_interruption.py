"""If a run is killed, fails or loses power, the index is as before it or as after it."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsgrep.analysis.segment import segmenter
from newsgrep.engines.base import EngineRequest, Order
from newsgrep.engines.commits import CommitFolder
from newsgrep.engines.whoosh.storage import ENGINE, OWN_FILE
from newsgrep.errors import IndexMissing, Interrupted
from newsgrep.index.folder import FolderIndex
from newsgrep.index.update import UpdateOptions, update_index
from newsgrep.query.parser import parse
from tests.support.fault_injection import EXIT_KILLED, run_in_child, simulate_power_loss
from tests.support.stress import Tally, trial_count

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a child is forked"),
    pytest.mark.torture,
]

State = tuple[Any, ...] | None
MOST = trial_count(15, 1 << 20)
"""Abort points that each test tries, evenly distributed; all of them if there are fewer."""


class Archive:
    """Files that have changed, their old index, and its state after an update."""

    def __init__(self, folder: Path, *, first: bool, how: UpdateOptions | None = None) -> None:
        self.how = how
        segmenter()  # loaded once, not in each child
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir()
        for number in range(5):
            self._write(number, f"渔场第{number}号声明", "渔民在码头等候。")
        self.index = folder / "index"
        self.graveyard = folder / "graveyard"
        if not first:
            update_index(FolderIndex(self.index), [str(self.files)])
            (self.files / "0.txt").unlink()
            self._write(1, "渔场新声明", "灯塔亮了。")
            self._write(9, "台风过后", "码头修好了。")
        self.old = state(self.index)
        self.index_folder = self.fresh("reference")
        self.update()
        self.new = state(self.index_folder)
        assert self.new not in (None, self.old)

    def _write(self, number: int, title: str, body: str) -> None:
        (self.files / f"{number}.txt").write_text(f"{title}\n\n{body}\n", "utf-8")

    def fresh(self, name: str) -> Path:
        """Return a new copy of the old index."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        if self.index.exists():
            shutil.copytree(self.index, path)
        return path

    def update(self) -> None:
        update_index(FolderIndex(self.index_folder), [str(self.files)], self.how)

    def calls(self) -> int:
        """Return how many calls of an update change the disk."""
        low, high = 1, 1 << 14
        while low < high:
            middle = (low + high) // 2
            self.index_folder = self.fresh("counted")
            if run_in_child(self.update, middle, self.graveyard) == EXIT_KILLED:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def aborts(self, error: OSError | None = None) -> Iterator[tuple[int, int]]:
        """Stop the update at one call after another; yield the call's number and the result."""
        calls = self.calls()
        assert calls > 30
        for number in range(1, calls + 1, max(1, calls // MOST)):
            shutil.rmtree(self.graveyard, ignore_errors=True)
            self.index_folder = self.fresh("copy")
            yield number, run_in_child(self.update, number, self.graveyard, error)


def state(path: Path) -> State:
    """Return the whole contents of an index, ``None`` if there is none."""
    if not FolderIndex(path).exists():
        with pytest.raises(IndexMissing), FolderIndex(path).open():
            pass
        return None
    with FolderIndex(path).open() as engine:
        records = sorted(engine.file_records())
        articles = engine.get(record.article_id or "" for record in records)
        pages = [
            engine.search(
                EngineRequest(parse(query).root, order, limit=50, facets=("source", "month"))
            )
            for query in ("声明", '"渔场"', "码头 OR 灯塔", "-台风")
            for order in Order
        ]
        assert engine.verify(deep=True) == []
        return records, articles, pages


@pytest.fixture(params=["first", "later"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    return Archive(tmp_path, first=request.param == "first")


def completed(archive: Archive) -> None:
    """Repeat the command; the result equals that of an undisturbed run."""
    assert run_in_child(archive.update, 0, archive.folder / "again") == 0
    assert state(archive.index_folder) == archive.new
    assert CommitFolder(archive.index_folder / "whoosh", ENGINE, OWN_FILE).leftovers() == []


def test_killed_run_leaves_old_or_new_index(archive: Archive, tally: Tally) -> None:
    for number, status in archive.aborts():
        assert status == EXIT_KILLED, number
        assert state(archive.index_folder) in (archive.old, archive.new), number
        tally["calls at which the process ends"] += 1
        completed(archive)


@pytest.mark.parametrize("first", [True, False])
def test_killed_long_run_is_completed_by_the_next(tmp_path: Path, first: bool) -> None:
    archive = Archive(tmp_path, first=first, how=UpdateOptions(commit_every=0))
    between = 0
    for number, status in archive.aborts():
        assert status == EXIT_KILLED, number
        between += state(archive.index_folder) not in (archive.old, archive.new)
        completed(archive)
    assert between > 5


@pytest.mark.parametrize("first", [True, False])
def test_interrupted_long_run_reports_what_is_committed(tmp_path: Path, first: bool) -> None:
    archive = Archive(tmp_path, first=first)
    files = 5 if first else 2

    def stop(done: int, _: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    archive.index_folder = archive.fresh("copy")
    for left in range(files, 0, -1):
        with pytest.raises(Interrupted, match=f"1 of {left} files"):
            update_index(
                FolderIndex(archive.index_folder),
                [str(archive.files)],
                UpdateOptions(progress=stop, commit_every=0),
            )
        state(archive.index_folder)
    completed(archive)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_failed_write_leaves_old_index(archive: Archive, tally: Tally, code: int) -> None:
    failed = 0
    for number, status in archive.aborts(OSError(code, os.strerror(code))):
        # Some failed writes change nothing: a later run repeats them.
        assert status in (0, 2), number
        allowed = (archive.new,) if status == 0 else (archive.old, archive.new)
        assert state(archive.index_folder) in allowed, number
        completed(archive)
        failed += status == 2
        tally["calls that fail"] += 1
    assert failed > 10


def test_power_loss_leaves_old_or_new_index(archive: Archive, tally: Tally) -> None:
    chance = random.Random(20261120)
    for number, status in archive.aborts():
        assert status == EXIT_KILLED, number
        simulate_power_loss(archive.graveyard, chance)
        assert state(archive.index_folder) in (archive.old, archive.new), number
        tally["calls at which power is lost"] += 1
        completed(archive)


def test_reported_run_survives_power_loss(archive: Archive) -> None:
    chance = random.Random(20261121)

    def update_and_write() -> None:
        archive.update()
        (archive.folder / "later").write_text("x")

    calls = archive.calls()
    for _ in range(trial_count(10, 100)):
        shutil.rmtree(archive.graveyard, ignore_errors=True)
        archive.index_folder = archive.fresh("copy")
        assert run_in_child(update_and_write, calls + 1, archive.graveyard) == EXIT_KILLED
        simulate_power_loss(archive.graveyard, chance)
        assert state(archive.index_folder) == archive.new

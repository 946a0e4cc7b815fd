"""One run of an update: what it opens, and what it does if others write meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from newsgrep.errors import UsageError
from newsgrep.indexing import folder
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import rebuild_index, verify_index
from newsgrep.indexing.manifest import load_manifest
from newsgrep.indexing.outcomes import Outcome
from newsgrep.indexing.update import UpdateOptions, update_index
from tests.support.cli import write_article
from tests.support.simulated_archive import index_contents

Meanwhile = Callable[[Callable[[], Any]], None]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "n"
    for number in (1, 2, 3):
        write_article(folder / f"{number}.md", f"第{number}号公报", "潮汐表照常张贴。" * number)
    return folder


@pytest.fixture
def index(tmp_path: Path) -> FolderIndex:
    return FolderIndex(tmp_path / "index")


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Return what makes a function run after the next plan and before its index is locked."""
    lock = FolderIndex.lock

    def run_before_lock(other: Callable[[], Any]) -> None:
        todo = [other]

        @contextmanager
        def late_lock(self: FolderIndex, wait: float = 0.0) -> Iterator[None]:
            while todo:
                todo.pop()()
            with lock(self, wait):
                yield

        monkeypatch.setattr(FolderIndex, "lock", late_lock)

    return run_before_lock


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often the manifest was read and the engine opened."""
    counts = Counter[str]()
    for name in ("load_manifest", "open_engine"):
        monkeypatch.setattr(folder, name, _counting(getattr(folder, name), counts, name))
    return counts


def _counting(function: Callable[..., Any], counts: Counter[str], name: str) -> Callable[..., Any]:
    def counted(*args: Any, **options: Any) -> Any:
        counts[name] += 1
        return function(*args, **options)

    return counted


def test_update_reads_manifest_and_opens_engine_once(
    index: FolderIndex, files: Path, calls: Counter[str]
) -> None:
    update_index(index, [str(files)])
    assert calls == {"load_manifest": 2, "open_engine": 1}  # there is none, also under the lock
    calls.clear()
    assert update_index(index, [str(files)]).counts[Outcome.UNCHANGED] == 3
    assert calls == {"load_manifest": 1, "open_engine": 1}
    calls.clear()
    write_article(files / "4.md", "第4号公报", "潮汐表照常张贴。")
    assert update_index(index, [str(files)]).counts[Outcome.ADDED] == 1
    assert calls == {"load_manifest": 1, "open_engine": 1}


def test_update_plans_again_after_another_writer(
    index: FolderIndex, files: Path, meanwhile: Meanwhile, calls: Counter[str]
) -> None:
    update_index(index, [str(files)])
    write_article(files / "4.md", "第4号公报", "潮汐表照常张贴。")
    (files / "1.md").unlink()
    meanwhile(lambda: update_index(index, [str(files)]))
    calls.clear()
    summary = update_index(index, [str(files)])
    assert calls["load_manifest"] == calls["open_engine"] == 2  # once in each run
    assert summary.counts[Outcome.ADDED] == summary.removed == 0
    assert (summary.counts[Outcome.UNCHANGED], summary.articles) == (3, 3)
    assert verify_index(index, deep=True).problems == ()


def test_update_writes_to_index_that_was_rebuilt_meanwhile(
    index: FolderIndex, files: Path, meanwhile: Meanwhile
) -> None:
    update_index(index, [str(files)])
    write_article(files / "4.md", "第4号公报", "潮汐表照常张贴。")
    meanwhile(lambda: rebuild_index(index))
    summary = update_index(index, [str(files)])
    assert (summary.counts[Outcome.ADDED], summary.articles) == (1, 4)
    loaded = load_manifest(index.path)
    assert loaded is not None
    assert loaded[0].data == "whoosh-2"
    assert len(index_contents(index)[0]) == 4
    assert {path.name for path in index.path.iterdir() if path.is_dir()} == {"whoosh-2"}
    assert verify_index(index, deep=True).problems == ()


def test_update_uses_index_that_was_created_meanwhile(
    index: FolderIndex, files: Path, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda: update_index(index, [str(files)]))
    summary = update_index(index, [str(files)])
    assert summary.counts[Outcome.ADDED] == 0
    assert (summary.counts[Outcome.UNCHANGED], summary.articles) == (3, 3)


def test_update_refuses_another_engine_that_was_chosen_meanwhile(
    index: FolderIndex, files: Path, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda: update_index(index, [str(files)]))
    with pytest.raises(UsageError, match="newsgrep copy"):
        update_index(index, [str(files)], UpdateOptions(engine="tantivy"))
    assert len(index_contents(index)[0]) == 3

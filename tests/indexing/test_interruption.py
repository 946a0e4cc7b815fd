"""A run of several commits that is interrupted reports its commits, and the next completes it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from newsgrep.errors import Interrupted
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.update import UpdateOptions, update_index
from tests.support.factories import FOLDER_ENGINES
from tests.support.simulated_archive import (
    ArticleFile,
    SimulatedArchive,
    index_snapshot,
    indexed_state,
    random_article,
)


def commit_each(engine: str, files: int) -> UpdateOptions:
    """Return options of a run that commits after each file and is interrupted after some."""

    def stop(done: int, _: int | None) -> None:
        if done == files:
            raise KeyboardInterrupt

    return UpdateOptions(engine=engine, commit_every=0, progress=stop)


@pytest.mark.parametrize("engine", FOLDER_ENGINES)
def test_interrupted_run_reports_what_is_committed(tmp_path: Path, engine: str) -> None:
    files = SimulatedArchive(tmp_path / "files")
    for number in range(4):
        files.write(f"{number}.md", random_article(random.Random(number), number))
    index = FolderIndex(tmp_path / "index")
    for left in range(4, 0, -1):
        with pytest.raises(Interrupted, match=f"1 of {left} files"):
            update_index(index, [str(files.folder)], commit_each(engine, 1))
    update_index(index, [str(files.folder)])
    assert indexed_state(index.path) == files.state()


@pytest.mark.parametrize("engine", FOLDER_ENGINES)
@pytest.mark.parametrize("then", ["another article", "no article"])
def test_interrupted_run_leaves_one_record_of_a_file(
    tmp_path: Path, engine: str, then: str
) -> None:
    files = SimulatedArchive(tmp_path / "files")
    files.write("1.md", ArticleFile("渡轮停航", "海面有雾。", url="https://wugang.example/1"))
    files.write("2.md", ArticleFile("灯塔复明", "守塔人回来了。"))
    files.write("3.md", ArticleFile("渡轮停航", "海面有雾。", url="https://wugang.example/1"))
    index = FolderIndex(tmp_path / "index")
    update_index(index, [str(files.folder)], UpdateOptions(engine=engine))
    if then == "no article":
        files.write("1.md", ArticleFile())
    else:
        files.write("1.md", ArticleFile("台风过后", "码头修好了。", url="https://wugang.example/9"))
    files.write("2.md", ArticleFile("灯塔复明", "守塔人回来了，灯又亮了。"))
    with pytest.raises(Interrupted, match="1 of"):
        update_index(index, [str(files.folder)], commit_each(engine, 1))
    with index.open() as opened:
        paths = [Path(record.path).name for record in opened.file_records()]
    assert sorted(paths) == ["1.md", "2.md", "3.md"]
    update_index(index, [str(files.folder)])
    fresh = FolderIndex(tmp_path / "fresh")
    update_index(fresh, [str(files.folder)], UpdateOptions(engine=engine))
    assert index_snapshot(index.path) == index_snapshot(fresh.path)

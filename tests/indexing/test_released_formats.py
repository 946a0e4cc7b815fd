"""An index of an older newsgrep opens, or its error names the remedy.

Formats 4 to 7 are rebuilt from their stored articles. What a user has created survives that.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import IndexMismatch
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import rebuild_index
from newsgrep.indexing.manifest import INDEX_FORMAT, MANIFEST_FILE, SAVED_FILE, SEEN_FOLDER
from newsgrep.indexing.user_state import (
    SeenArticles,
    article_key,
    read_saved,
    read_seen,
    write_seen,
)
from newsgrep.models import Status
from newsgrep.query.parser import parse
from tests.support.manifests import change_manifest
from tests.support.optional_engines import require_installed
from tests.support.released_index import ARTICLES, FIXTURES, in_format, make_released_index

RELEASED = sorted(FIXTURES.glob("index-format-*"))
QUESTIONS: dict[str, set[str]] = {
    "灯塔": {"a1"},
    '"联合声明"': {"a2"},
    "渡輪 OR lighthouse": {"a2", "a3"},
    "-灯塔": {"a0", "a2", "a3"},
    "caption:潮汐": {"a3"},
    "source:雾港 date:2024-05": {"a1"},
}


@pytest.fixture(params=[*RELEASED, "whoosh", "tantivy"], ids=lambda made: Path(made).name)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder, made = tmp_path / "index", request.param
    if str(made).endswith("tantivy"):
        require_installed("tantivy")
    if isinstance(made, Path):
        shutil.copytree(made, folder)
    else:  # today's format
        make_released_index(folder, made)
    return folder


def answers(engine: Engine, number: int) -> None:
    articles, duplicate = in_format(number)
    assert engine.verify(deep=True) == []
    added = {
        "leftout:转载": {"a3"} if number >= 5 else set[str](),
        "earlier:仍在": {"a1"} if number >= 7 else set[str](),
        "changed:2024-05-20": {"a1"} if number >= 7 else set[str](),
    }
    for question, ids in (QUESTIONS | added).items():
        page = engine.search(EngineRequest(parse(question).root))
        assert {candidate.id for candidate in page.candidates} == ids, question
    assert engine.get(article.id for article in articles) == list(articles)
    assert [record for record in engine.file_records() if record.status is not Status.INDEXED] == [
        duplicate
    ]


def format_of(index: Path) -> int:
    number: int = json.loads((index / MANIFEST_FILE).read_text("utf-8"))["format"]
    return number


def seen_files(index: FolderIndex) -> list[Path]:
    folders = (index.path, index.personal_folder)
    return [path for folder in folders for path in (folder / SEEN_FOLDER).glob("*")]


def test_every_released_format_has_a_fixture() -> None:
    assert RELEASED


def test_released_format_opens_or_names_remedy(index: Path) -> None:
    number = format_of(index)
    try:
        with FolderIndex(index).open() as engine:
            answers(engine, number)
            engine.write(())
            answers(engine, number)
    except IndexMismatch as mismatch:
        assert "newsgrep reindex" in str(mismatch)  # noqa: PT017  (the other way out is tested, too)


def test_released_format_can_be_rebuilt(index: Path) -> None:
    number = format_of(index)
    assert rebuild_index(FolderIndex(index)).articles == len(ARTICLES) + 1
    assert format_of(index) == INDEX_FORMAT
    with FolderIndex(index).open() as engine:
        answers(engine, number)


def test_rebuild_keeps_what_the_user_has_created(index: Path) -> None:
    folder = FolderIndex(index)
    saved = {"version": 1, "queries": {"灯塔": "灯塔 OR lighthouse"}}
    (index / SAVED_FILE).write_text(json.dumps(saved), "utf-8")
    (index / SEEN_FOLDER).mkdir()
    seen = article_key("a1")
    write_seen(index / SEEN_FOLDER / "x", 7, [seen])
    rebuild_index(folder)
    assert read_saved(folder) == saved["queries"]
    assert SeenArticles(7, frozenset({seen})) in map(read_seen, seen_files(folder))


def test_unknown_format_names_the_remedy(tmp_path: Path) -> None:
    index = tmp_path / "index"
    make_released_index(index)
    change_manifest(index, format=3)
    with pytest.raises(IndexMismatch, match="delete the folder and index again"):
        rebuild_index(FolderIndex(index))
    with pytest.raises(IndexMismatch, match="delete the folder and index again"):
        FolderIndex(index).try_open()

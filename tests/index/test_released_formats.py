"""An index of an older newsgrep opens, or its error names the remedy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import IndexMismatch
from newsgrep.index.maintenance import rebuild_index
from newsgrep.index.store import FolderIndex
from newsgrep.models import Status
from newsgrep.query.parser import parse
from tests.support.released_index import ARTICLES, DUPLICATE, FIXTURES, make_released_index

RELEASED = sorted(FIXTURES.glob("index-format-*"))
QUESTIONS = {
    "灯塔": {"a1"},
    '"联合声明"': {"a2"},
    "渡輪 OR lighthouse": {"a2", "a3"},
    "-灯塔": {"a0", "a2", "a3"},
    "caption:潮汐": {"a3"},
    "source:雾港 date:2024-05": {"a1"},
}


@pytest.fixture(params=[*RELEASED, None], ids=lambda path: path.name if path else "today's")
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    if request.param is None:
        make_released_index(folder)
    else:
        shutil.copytree(request.param, folder)
    return folder


def answers(engine: Engine) -> None:
    assert engine.verify(deep=True) == []
    for question, ids in QUESTIONS.items():
        page = engine.search(EngineRequest(parse(question).root))
        assert {candidate.id for candidate in page.candidates} == ids, question
    assert engine.get(article.id for article in ARTICLES) == list(ARTICLES)
    assert [record for record in engine.file_records() if record.status is not Status.INDEXED] == [
        DUPLICATE
    ]


def test_every_released_format_has_a_fixture() -> None:
    assert RELEASED


def test_released_format_opens_or_names_remedy(index: Path) -> None:
    try:
        with FolderIndex(index).open(trust=True) as engine:
            answers(engine)
            engine.write(())
            answers(engine)
    except IndexMismatch as mismatch:
        assert "newsgrep reindex" in str(mismatch)  # noqa: PT017  (the other way out is tested, too)


def test_released_format_can_be_rebuilt(index: Path) -> None:
    assert rebuild_index(FolderIndex(index), trust=True).articles == len(ARTICLES) + 1
    with FolderIndex(index).open() as engine:
        answers(engine)

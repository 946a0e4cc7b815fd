"""An index with changed bytes returns the same results or raises a clear error."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.base import EngineRequest, Order
from newsgrep.errors import IndexProblem
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.query.parser import parse
from tests.support.cli import write_article
from tests.support.factories import FOLDER_ENGINES
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.torture

TRIALS = trial_count(250, 30000)
Damage = Callable[[bytes, random.Random], bytes]


@pytest.fixture(scope="module", params=FOLDER_ENGINES)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index with two segments, a deleted article, a duplicate, and lists in blocks."""
    folder = tmp_path_factory.mktemp("small")
    files, index = folder / "files", folder / "index"
    for number in range(12):
        write_article(
            files / f"{number}.md",
            f"第{number}号渡轮停航",
            "海面有雾。" * number + "码头贴出联合声明。",
            source="雾港日报" if number % 2 else "鹭岛电台",
            date=f"2024-05-{number + 1:02}",
        )
    update_index(FolderIndex(index), [str(files)], UpdateOptions(engine=request.param))
    (files / "3.md").unlink()
    write_article(files / "a.md", "灯塔复明", "守塔人回来了。", url="https://news.example/1")
    write_article(files / "b.md", "灯塔复明", "守塔人回来。", url="https://news.example/1")
    update_index(FolderIndex(index), [str(files)])
    return index


def results(folder: Path) -> list[Any]:
    """Return the results of requests that together read every file of the index."""
    with FolderIndex(folder).open() as engine:
        records = sorted(engine.file_records())
        articles = engine.get(record.article_id or "" for record in records)
        texts = engine.folded_texts(article.id for article in articles)
        pages = [
            engine.search(
                EngineRequest(parse(query).root, order, limit=50, facets=("source", "month"))
            )
            for query in (
                "声明",
                '"雾。码头"',
                "渡轮 source:雾港 since:2024-05-06",
                "-海面",
                "caption:人",
            )
            for order in Order
        ]
    return [records, articles, texts, pages]


def results_of_damaged(
    small: Path, folder: Path, trials: int, damage: Damage
) -> Iterator[tuple[str, Any]]:
    """Damage files of a copy, ``trials`` times in all; yield each file's name and the results.

    Instead of results there may be the :class:`IndexProblem` that was raised.
    """
    copy = folder / "index"
    shutil.copytree(small, copy)
    files = [path for path in sorted(copy.rglob("*")) if path.is_file() and path.stat().st_size]
    total = sum(path.stat().st_size for path in files)
    for path in files:
        content = path.read_bytes()
        chance = random.Random(path.suffix)
        for _ in range(max(5, trials * len(content) // total)):
            path.write_bytes(damage(content, chance))
            try:
                yield path.name, results(copy)
            except IndexProblem as problem:
                yield path.name, problem
        path.write_bytes(content)


def flip(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def blank(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    length = min(chance.choice((1, 16, 512, 4096)), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def truncate(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def extend(content: bytes, chance: random.Random) -> bytes:
    return content + chance.randbytes(chance.randrange(1, 5000))


@pytest.mark.parametrize(
    ("damage", "divisor"), [(flip, 1), (blank, 5), (truncate, 10), (extend, 20)]
)
def test_damaged_bytes_change_no_results_silently(
    small: Path, tmp_path: Path, damage: Damage, divisor: int, tally: Tally
) -> None:
    expected = results(small)
    for name, found in results_of_damaged(small, tmp_path, TRIALS // divisor, damage):
        if isinstance(found, IndexProblem):
            tally["reported as damage"] += 1
            assert "newsgrep" in str(found) or "index again" in str(found), name
        else:
            tally["in unused bytes"] += 1
            assert found == expected, name
    assert tally["reported as damage"] > TRIALS // divisor // 3

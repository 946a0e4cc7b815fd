"""A byte that changed anywhere in an index gives the same answer or a clear error."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsgrep.engines.base import EngineRequest, Order
from newsgrep.errors import IndexProblem
from newsgrep.index.store import FolderIndex
from newsgrep.index.update import update_index
from newsgrep.query.parser import parse
from tests.support.cli import write_article
from tests.support.stress import Tally, trial_count

pytestmark = pytest.mark.torture

FLIPS = trial_count(800, 60000)
Harm = Callable[[bytes, random.Random], bytes]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of two segments with an article deleted, a note and postings in blocks."""
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
    update_index(FolderIndex(index), [str(files)])
    (files / "3.md").unlink()
    write_article(files / "a.md", "灯塔复明", "守塔人回来了。", url="https://news.example/1")
    write_article(files / "b.md", "灯塔复明", "守塔人回来。", url="https://news.example/1")
    update_index(FolderIndex(index), [str(files)])
    return index


def answers(place: Path) -> list[Any]:
    """Return what an index says to questions that between them read every file of it."""
    with FolderIndex(place).open() as engine:
        stamps = sorted(engine.stamps())
        articles = engine.get(stamp.article_id or "" for stamp in stamps)
        texts = engine.folded(article.id for article in articles)
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
    return [stamps, articles, texts, pages]


def harmed(small: Path, folder: Path, times: int, harm: Harm) -> Iterator[tuple[str, Any]]:
    """Harm a file of a copy, as often as asked for in all; yield its name and what was answered."""
    place = folder / "index"
    shutil.copytree(small, place)
    files = [path for path in sorted(place.rglob("*")) if path.is_file() and path.stat().st_size]
    whole = sum(path.stat().st_size for path in files)
    for path in files:
        content = path.read_bytes()
        chance = random.Random(path.suffix)
        for _ in range(max(5, times * len(content) // whole)):
            path.write_bytes(harm(content, chance))
            try:
                yield path.name, answers(place)
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


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def lengthen(content: bytes, chance: random.Random) -> bytes:
    return content + chance.randbytes(chance.randrange(1, 5000))


@pytest.mark.parametrize(("harm", "part"), [(flip, 1), (blank, 5), (cut, 10), (lengthen, 20)])
def test_harmed_bytes_give_the_same_answer_or_a_clear_error(
    small: Path, tmp_path: Path, harm: Harm, part: int, figures: Tally
) -> None:
    right = answers(small)
    for name, told in harmed(small, tmp_path, FLIPS // part, harm):
        if isinstance(told, IndexProblem):
            figures["noticed"] += 1
            assert "newsgrep" in str(told) or "index again" in str(told), name
        else:
            figures["in bytes that say nothing"] += 1
            assert told == right, name
    assert figures["noticed"] > FLIPS // part // 3

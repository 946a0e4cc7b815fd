"""An archive rewritten generation by generation, and readers that must see one at a time.

Run as ``python -m tests.support.rewriting_archive INDEX STOP``: it opens the index INDEX
repeatedly until the file STOP exists, and prints what it found as JSON.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path

from newsgrep.engines.base import FACETS, Engine, EngineRequest, Order, count_matches
from newsgrep.indexing.folder import FolderIndex
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from newsgrep.search.search import SearchRequest, search
from tests.support.cli import write_article

_NUMBER = re.compile(r"第(\d+)版")


def article_count(generation: int) -> int:
    """Return the number of articles of a generation."""
    return 20 + generation % 7


def month_of(generation: int) -> str:
    return f"{1900 + generation // 12 % 120}-{generation % 12 + 1:02}"


def write_generation(folder: Path, generation: int) -> None:
    """Write the files of one generation into ``folder``; each contains its number."""
    for number in range(article_count(generation)):
        write_article(
            folder / f"{number}.md",
            f"第{generation}版公报之{number}",
            f"鹭岛测站的第{generation}版公报。\n\n灯塔守望者记下了水位。",
            source=f"第{generation}版日报",
            date=f"{month_of(generation)}-15",
        )
        # Another time, because sizes may be equal.
        os.utime(folder / f"{number}.md", (1_740_000_000 + generation,) * 2)
    for path in folder.iterdir():
        if int(path.stem) >= article_count(generation):
            path.unlink()


def generations_in(text: str) -> set[int]:
    """Return the numbers of the generations that ``text`` names."""
    return set(map(int, _NUMBER.findall(text)))


def read_generation(index: Path, pause: float = 0.0) -> int:
    """Open an index, query it several times, and return the one generation of all answers."""
    with FolderIndex(index).open() as engine:
        time.sleep(pause)  # while the writer continues
        first = check_answers(engine)
        time.sleep(pause)
        assert check_answers(engine) == first
    return first


def check_answers(engine: Engine, others: int = 0) -> int:
    """Query ``engine`` in several ways, and return the one generation of all answers.

    The index contains ``others`` articles besides; their file records are not counted.
    """
    everything = parse("公报").root if others else MatchAll()
    page = engine.search(EngineRequest(everything, Order.NEWEST, 100, 0, FACETS))
    articles = engine.get(candidate.id for candidate in page.candidates)
    (generation,) = set().union(*(generations_in(article.title) for article in articles))
    right = article_count(generation)
    assert page.total == len(page.candidates) == len(articles) == right
    assert page.facets["source"] == ((f"第{generation}版日报", right),)
    assert page.facets["month"] == ((month_of(generation), right),)
    assert {article.source for article in articles} == {f"第{generation}版日报"}
    assert others or len(list(engine.file_records())) == right
    assert count_matches(engine) == right + others
    folded = engine.folded_texts(article.id for article in articles)
    assert set().union(*(generations_in(title + body) for title, body in folded)) == {generation}
    for query, total in (
        (f'"第{generation}版"', right),
        (f"第{generation}版 公报", right),
        (f"source:第{generation}版", right),
        (f"date:{month_of(generation)}", right),
        (f'"第{generation - 1}版"', 0),
        (f'"第{generation + 1}版"', 0),
        (f"-source:第{generation}版", others),
    ):
        assert engine.search(EngineRequest(parse(query).root)).total == total, query
    result = search(engine, SearchRequest(parse("灯塔 公报"), limit=5))
    assert result.total == right
    assert {n for hit in result.hits for n in generations_in(hit.article.title)} == {generation}
    return generation


def _read_until(index: Path, stop: Path) -> Counter[str]:
    chance = random.Random(os.getpid())
    counts: Counter[str] = Counter()
    last = 0
    while not stop.exists():
        generation = read_generation(index, chance.uniform(0, 0.1))
        assert generation >= last, "a reader saw an older generation"
        counts["openings"] += 1
        stop.with_name(f"reader-{os.getpid()}").touch()  # it has started
        counts["generations"] += generation != last
        last = generation
    return counts


if __name__ == "__main__":
    print(json.dumps(_read_until(Path(sys.argv[1]), Path(sys.argv[2]))))

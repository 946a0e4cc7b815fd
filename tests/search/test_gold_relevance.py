"""Titles and remembered words find their gold article among articles of borrowed paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.eval_indexes import EvalIndex, untitled_index
from bench.gold import KnownItem
from bench.ir_metrics import mean, reciprocal
from bench.relevance import BASELINE, RERANKED, rank_known_items
from tests.support.gold_corpus import write_archive, write_distractors

DISTRACTORS = 400
# Reached when the archive was written: titles .815 (plain BM25 .641), queries .701 (.654).
TITLES_MRR = 0.81
QUERIES_MRR = 0.70


@pytest.fixture(scope="module")
def archive(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[EvalIndex, list[KnownItem]]]:
    """Return an index of the gold archive without titles, and what is to be found in it."""
    folder = tmp_path_factory.mktemp("gold")
    items = []
    for path, gold in write_archive(folder / "articles"):
        items.append(KnownItem("titles", gold.title, path.name))
        items += [KnownItem("queries", query, path.name) for query in gold.queries]
    write_distractors(folder / "articles", DISTRACTORS)
    index = untitled_index(folder / "articles", folder / "work", jobs=1)
    yield index, items
    index.engine.close()


@pytest.mark.parametrize(("kind", "least"), [("titles", TITLES_MRR), ("queries", QUERIES_MRR)])
def test_ranking_finds_known_items(
    archive: tuple[EvalIndex, list[KnownItem]], kind: str, least: float
) -> None:
    index, items = archive
    ranked = rank_known_items(index, [item for item in items if item.corpus == kind])
    assert len(ranked) >= 35
    values = {
        method: mean([reciprocal(each.ranks[method]) for each in ranked]).value
        for method in (BASELINE, RERANKED)
    }
    assert values[RERANKED] >= least
    assert values[RERANKED] >= values[BASELINE]


def test_write_distractors_borrows_paragraphs(tmp_path: Path) -> None:
    write_distractors(tmp_path, 5)
    assert len(list(tmp_path.iterdir())) == 5

"""The best documents of a ranking, found without all scores, are those with the highest scores."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from random import Random

import pytest

from newsgrep.analysis.scoring import FieldCounts, pack_counts
from newsgrep.engines.ranking import best_scores, score_documents

DOCUMENTS = 600
TERMS = {"甲": 500, "乙": 400, "丙": 90, "丁": 30, "戊": 4, "己": 600}
"""Each with how many documents have it; one is in all of them, and adds nothing to a score."""


class _Postings:
    """Random posting lists: what ranking needs of a reader."""

    def __init__(self, chance: Random, sources: Sequence[str]) -> None:
        self._lists: dict[str, tuple[array[int], array[int]]] = {}
        for term, frequency in TERMS.items():
            having = sorted(chance.sample(range(DOCUMENTS), frequency))
            counts = (FieldCounts(*(chance.randrange(n) for n in (2, 4, 9))) for _ in having)
            packed = [pack_counts(each) or 1 for each in counts]
            self._lists[term] = array("L", having), array("L", packed)
        self._lengths = tuple(
            array("L", [chance.randrange(least, most) for _ in range(DOCUMENTS)])
            for least, most in ((2, 40), (100, 300), (200, 3000))
        )
        self._own = {term: chance.sample(range(DOCUMENTS), 12) for term in sources}
        self._impacts: dict[str, Sequence[int]] = {}

    def document_count(self) -> int:
        return DOCUMENTS

    def postings(self, term: str) -> tuple[array[int], array[int]]:
        return self._lists[term]

    def document_frequency(self, term: str) -> int:
        return len(self._lists[term][0])

    def source_documents(self, term: str) -> Sequence[int]:
        return self._own.get(term, ())

    def field_lengths(self) -> tuple[array[int], ...]:
        return self._lengths

    def known_impacts(self, term: str) -> Sequence[int] | None:
        return self._impacts.get(term)

    def learn_impacts(self, term: str, impacts: Sequence[int]) -> None:
        self._impacts[term] = impacts


@pytest.mark.parametrize("sources", ["", "乙", "丁己"])
@pytest.mark.parametrize("seed", range(6))
def test_best_scores_are_the_highest(seed: int, sources: str) -> None:
    chance = Random(seed)
    reader = _Postings(chance, sources)
    left_out = 0
    for _ in range(40):
        terms = chance.sample(list(TERMS), chance.randrange(1, len(TERMS) + 1))
        count = chance.choice((1, 3, 10))
        matched = set(chance.sample(range(DOCUMENTS), chance.choice((20, 300, DOCUMENTS))))
        all_scores = score_documents(reader, terms, matched)  # type: ignore[arg-type]
        found = best_scores(reader, terms, matched, count)  # type: ignore[arg-type]
        lowest = sorted(all_scores.values())[-count]
        best = {d: score for d, score in all_scores.items() if score >= lowest}
        assert best.items() <= found.items()
        assert sorted(found.values())[-count] == lowest
        left_out += len(matched) - len(found)
        if chance.random() < 0.3:  # what was learned must not matter
            reader._impacts.clear()
    assert left_out

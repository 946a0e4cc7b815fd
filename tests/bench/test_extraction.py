"""Extraction from real pages stays above its thresholds, and the measures are correct."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from bench import thresholds
from bench.extraction import THRESHOLDS, body_score, guarded, measure, read_pages, shingles
from bench.extractors import EXTRACTORS
from tests.support.cli import REPOSITORY

PAGES = REPOSITORY.parent / "shared" / "corpus" / "pages-dev.tar.xz"


@pytest.mark.slow
def test_extraction_stays_above_thresholds(tmp_path: Path) -> None:
    if not PAGES.is_file():
        pytest.skip(f"EXTRACTION NOT CHECKED: no {PAGES} - real pages are not in the repository")
    with tarfile.open(PAGES) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = {path.parent for path in tmp_path.rglob("gold.jsonl")}
    scores = measure(read_pages(folder), EXTRACTORS["newsgrep"])
    reached = guarded({name: each.summary() for name, each in scores.items()})
    known = thresholds.read(THRESHOLDS)
    assert known.keys() <= reached.keys()
    assert thresholds.missed(reached, THRESHOLDS) == []


def test_shingles_count_words_and_han_characters() -> None:
    assert shingles("") == {}
    assert shingles("渔港 Open") == {("渔", "港", "open"): 1}
    assert shingles("一二三四一二三四") == {
        tuple("一二三四"): 2,
        tuple("二三四一"): 1,
        tuple("三四一二"): 1,
        tuple("四一二三"): 1,
    }


def test_body_score_measures_what_is_missing_and_extra() -> None:
    gold = "one two three four five six seven"
    assert body_score(gold, gold) == (1.0, 1.0, 1.0)
    assert body_score("", gold) == (0.0, 0.0, 0.0)
    precision, recall, f1 = body_score("one two three four five", gold)
    assert (precision, recall) == (1.0, 0.5)
    assert f1 == pytest.approx(2 / 3)
    precision, recall, _ = body_score(f"{gold} eight nine", gold)
    assert (precision, recall) == (4 / 6, 1.0)

"""Extraction from real pages stays above its thresholds, and the measures are correct."""

from __future__ import annotations

import signal
import socket
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from bench import thresholds
from bench.extraction import (
    THRESHOLDS,
    Page,
    body_score,
    guarded,
    measure,
    read_pages,
    shingles,
    summary_table,
    write_docs,
)
from bench.extractors import EXTRACTORS, Extracted, Extractor
from bench.limits import OutOfTime, cpu_limit, no_network
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


def test_no_network_fails_at_once() -> None:
    with no_network(), pytest.raises(OSError, match="no network"):
        socket.create_connection(("news.example", 80))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of CPU time")
def test_cpu_limit_ends_a_page_that_takes_too_long() -> None:
    def like_a_library() -> None:
        while True:
            with suppress(Exception):
                sum(range(1000))

    with pytest.raises(OutOfTime), cpu_limit(0.05):
        like_a_library()


def test_page_that_takes_too_long_counts_as_empty() -> None:
    def extract(html: bytes, _: str) -> Extracted:
        if html:
            raise OutOfTime
        return Extracted("t", "2024-05-17", "one two three four")

    gold = {"body": "one two three four", "date": "2024-05-17"}
    pages = [Page("set", name, html, "", gold) for name, html in (("a", b""), ("b", b"x"))]
    figures = measure(pages, Extractor("none", lambda: extract))["set"].summary()
    assert (figures["F1"], figures["late"]) == (0.5, 1)
    assert (figures["date right"], figures["date none"]) == (1, 1)


def test_summary_is_written_between_the_marks_of_the_page(tmp_path: Path) -> None:
    def figures(value: float) -> dict[str, dict[str, float]]:
        return {
            "article-bodies": {"F1": value, "ms/page": 8.0, "ms/MB": 46.0},
            "chinese": {"F1": value, "title": 0.5, "titled": 4, "date right": 3},
            "chunks": {"F1": value, "title": 1.0, "titled": 12, "date right": 30},
        }

    table = summary_table({"newsgrep 1": figures(0.9), "other 2": figures(0.8)})
    assert "| body F1, chinese | 0.900 | 0.800 |" in table
    assert "| title exact | 0.875 | 0.875 |" in table
    assert "| date right | 33 | 33 |" in table
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- extraction -->\nold\n<!-- end of extraction -->\nb\n", "utf-8")
    write_docs(table, page)
    written = page.read_text("utf-8")
    assert written.startswith("a\n<!-- extraction -->\n| | newsgrep 1 |")
    assert written.endswith("|\n<!-- end of extraction -->\nb\n")
    assert "<!-- extraction -->\n" in (REPOSITORY / "docs" / "BENCHMARKS.md").read_text("utf-8")

"""What newsgrep promised of itself, checked against what was measured; nothing is rounded up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.measure import median
from bench.runner import WHOOSH_BASELINE


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, what was measured (nothing if it was not), and whether that holds it."""

    text: str
    measured: str | None
    holds: bool | None


def targets(corpus: Mapping[str, Any]) -> Iterator[Target]:
    """Yield the targets that a corpus' results can say something about."""
    peers = corpus["peers"]
    ours = peers.get("newsgrep", {})
    rate = ours.get("index", {}).get("per_second")
    for name, times, text in (
        ("recipe", 10, "indexing at least 10 times as fast as the ordinary recipe"),
        ("recoll", 2.5, "indexing at least 2.5 times as fast as recoll"),
        ("fts5", 1, "indexing at least as fast as FTS5 trigram over cleaned text"),
        ("tantivy", 0.5, "indexing at least half as fast as tantivy with the same pipeline"),
    ):
        theirs = peers.get(name, {}).get("index", {}).get("per_second")
        yield _at_least(text, rate / theirs if rate and theirs else None, times, "times")
    if index := ours.get("index"):
        most = 1 if corpus["articles"] <= 100_000 else 2
        peak = max(index["peak_bytes"]) / 2**30
        yield _at_most(f"indexing in less than {most} GB of memory", peak, most, "GB")
        yield _at_most("index no larger than the cleaned text", index["size_ratio"], 1, "times")
    added = ours.get("add", {}).get("seconds")
    yield _at_most("adding 100 articles in 3 s", median(added) if added else None, 3, "s")
    yield from _cold(corpus.get("cold", {}))
    yield from _warm(ours)


def _cold(cold: Mapping[str, Any]) -> Iterator[Target]:
    base = median(cold.get(WHOOSH_BASELINE, {}).get("", []))
    for who, most, text in (
        ("newsgrep", 1.5, "cold search, JSON, in at most 1.5 times the import of Whoosh"),
        ("newsgrep, human format", 2, "cold search for people in at most 2 times that"),
    ):
        medians = [median(values) for values in cold.get(who, {}).values()]
        yield _at_most(text, median(medians) / base if medians else None, most, "times")


def _warm(ours: Mapping[str, Any]) -> Iterator[Target]:
    times = ours.get("warm", {})
    pages = {name: each["page"] for name, each in times.items()}
    slowest = max(pages, key=lambda name: pages[name]["median"], default="")
    yield _at_most(
        f"each warm question in 50 ms at the median (slowest: {slowest})",
        pages[slowest]["median"] if slowest else None,
        50,
        "ms",
    )
    worst = max(pages, key=lambda name: pages[name]["worst"], default="")
    yield _at_most(
        f"each warm question in 150 ms at the worst (slowest: {worst})",
        pages[worst]["worst"] if worst else None,
        150,
        "ms",
    )
    on_top = {
        name: each["page"]["median"] - each["count"]["median"] for name, each in times.items()
    }
    most = max(on_top, key=lambda name: on_top[name], default="")
    yield _at_most(
        f"10 hits with snippets in 10 ms on top (most: {most})", on_top.get(most), 10, "ms"
    )
    correct = ours.get("correct", {}).values()
    if correct:
        wrong = sum(each["expected"] - each["found"] + each["extra"] for each in correct)
        yield Target("quoted strings exact", f"{wrong:,} articles wrong", wrong == 0)


def _at_least(text: str, value: float | None, least: float, unit: str) -> Target:
    if value is None:
        return Target(text, None, None)
    return Target(text, f"{value:,.2f} {unit}", value >= least)


def _at_most(text: str, value: float | None, most: float, unit: str) -> Target:
    if value is None:
        return Target(text, None, None)
    return Target(text, f"{value:,.2f} {unit}", value <= most)

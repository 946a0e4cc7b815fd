"""Results as tables, the same for the terminal and for Markdown, and the goals among them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bench.measure import median
from bench.runner import HUMAN, WHOOSH_BASELINE
from bench.worker import PAGE

NONE: Final = "–"
PROCESS_MARK: Final = "*"
COLUMNS: Final = (
    "",
    "articles/s",
    "newsgrep is",
    "CPU ms/article",
    "peak MB",
    "index ÷ text",
    "add 100, s",
    "cold, ms",
    "warm, ms: median",
    "worst",
    "10 hits on top, ms",
    "found, %",
    "extra",
    "can't answer",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, columns, rows, and notes for reading them."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal, what was measured (``None``: nothing), and whether that reaches it."""

    text: str
    measured: str | None
    met: bool | None


def tables(result: Mapping[str, Any], *, details: bool) -> Iterator[Table]:
    """Yield the tables of a result, one corpus after the other; with or without questions."""
    for name, corpus in result["corpora"].items():
        heading = f"{corpus['articles']:,} articles ({name})"
        yield main_table(heading, corpus)
        yield cold_table(heading, corpus)
        yield goal_table(heading, corpus)
        if details:
            yield question_table(heading, corpus)
            yield correct_table(heading, corpus)


def main_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return one row for each peer; a missing one has the reason in place of numbers."""
    peers = corpus["peers"]
    rate = peers.get("newsgrep", {}).get("index", {}).get("per_second")
    rows = [_peer_row(each, rate, corpus.get("cold", {}).get(key)) for key, each in peers.items()]
    clean = corpus["articles"] / corpus["clean_seconds"]
    notes = [
        (
            f"{corpus['articles']:,} articles in {corpus['files']:,} files; extracted text "
            f"{corpus['text_bytes'] / 1e6:,.1f} MB of UTF-8."
        ),
        (
            f"Reading and extraction alone, in 2 processes: {clean:,.0f} articles/s. "
            "FTS5 gets the result for free."
        ),
        (
            "“newsgrep is”: how many times as fast as this peer newsgrep indexes. Peak: memory "
            "while indexing, all processes together. Warm: over the questions that a peer can "
            "answer; the worst is the greatest median of a question. 10 hits on top: a page of "
            "10 hits with snippets against the count alone, median. Found, extra: articles with "
            "a quoted string, against brute force."
        ),
        f"{PROCESS_MARK} each question starts a process.",
    ]
    for key, reason in corpus["missing"].items():
        rows.append((key, f"left out: {reason}", *[""] * (len(COLUMNS) - 2)))
    notes += [
        f"Not finished: {each['title']}: {each['failed']}"
        for each in peers.values()
        if "failed" in each
    ]
    return Table(f"{name}: all peers", COLUMNS, tuple(rows), tuple(notes))


def _peer_row(
    peer: Mapping[str, Any], rate: float | None, cold: Mapping[str, Sequence[float]] | None
) -> tuple[str, ...]:
    index, warm = peer.get("index"), peer.get("warm", {})
    pages = [page for page, _, _ in warm.values()]
    full = {name for name, (_, hits) in peer.get("answers", {}).items() if hits == PAGE}
    on_top = [page - count for name, (page, _, count) in warm.items() if name in full]
    correct = list(peer.get("correct", {}).values())
    expected, found, extra = (sum(each[i] for each in correct) for i in range(3))
    mark = PROCESS_MARK if peer.get("by_command") else ""
    return (
        peer["title"],
        number(index["per_second"], 0) if index else NONE,
        f"{rate / index['per_second']:,.2f} ×" if index and rate else NONE,
        number(index["cpu_ms"], 2) if index else NONE,
        number(max(index["peak_bytes"]) / 2**20, 0) if index else NONE,
        number(index["size_ratio"], 2) if index else NONE,
        number(median(peer.get("add_seconds", [])), 2),
        number(median([median(each) for each in (cold or {}).values()]), 0),
        number(median(pages), 1) + (mark if pages else ""),
        number(max(pages), 1) + mark if pages else NONE,
        number(median(on_top), 1) if peer.get("has_snippets") else NONE,
        number(100 * found / expected, 1) if expected else NONE,
        f"{extra:,}" if correct else NONE,
        f"{len(peer['cannot'])}" if "cannot" in peer else NONE,
    )


def number(value: float, places: int) -> str:
    """Return a number for a cell, a dash for NaN."""
    return NONE if isnan(value) else f"{value:,.{places}f}"


def cold_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return whole processes, beside what starting an interpreter costs."""
    cold: Mapping[str, Mapping[str, Sequence[float]]] = corpus.get("cold", {})
    base = median(cold.get(WHOOSH_BASELINE, {}).get("", []))
    rows = []
    for who, questions in cold.items():
        key, *form = who.partition(HUMAN)
        title = "".join([corpus["peers"].get(key, {}).get("title", key), *form])
        medians = [median(values) for values in questions.values()]
        middle = median(medians)
        rows.append((title, number(middle, 0), number(max(medians), 0), f"{middle / base:,.2f} ×"))
    columns = ("cold, as a process", "ms", "slowest question", "÷ import of Whoosh")
    return Table(f"{name}: cold", columns, tuple(rows))


def question_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return the median milliseconds of each question and peer."""
    peers = {key: each for key, each in corpus["peers"].items() if each.get("warm")}
    reasons: dict[str, str] = {}
    rows = []
    for question in corpus["questions"]:
        cells = []
        for peer in peers.values():
            if question in peer["cannot"]:
                reasons[f"Can't: {peer['title']}: {peer['cannot'][question]}."] = ""
            times = peer["warm"].get(question)
            cells.append(number(times[0], 1) if times else "can't")
        # newsgrep's engines must agree; a test compares them in full.
        totals = {
            f"{peer['answers'][question][0]:,}"
            for key, peer in peers.items()
            if key.startswith("newsgrep")
        }
        rows.append((question, " ≠ ".join(sorted(totals)) or NONE, *cells))
    columns = ("warm question, ms with 10 hits", "hits", *peers)
    return Table(f"{name}: questions", columns, tuple(rows), tuple(reasons))


def correct_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return for each quoted question how many of the right articles each peer found."""
    peers = {key: each["correct"] for key, each in corpus["peers"].items() if each.get("correct")}
    asked = {name: each[0] for counts in peers.values() for name, each in counts.items()}
    rows = []
    for question, expected in asked.items():
        cells = []
        for counts in peers.values():
            _, found, extra = counts.get(question, (0, 0, 0))
            more = f" +{extra:,}" if extra else ""
            cells.append(f"{found:,}{more}" if question in counts else "can't")
        rows.append((question, f"{expected:,}", *cells))
    columns = ("articles found (+ extra)", "brute force", *peers)
    return Table(f"{name}: correctness", columns, tuple(rows))


def goal_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return the goals and whether they are met."""
    verdicts = {True: "met", False: "not met", None: "not measured"}
    rows = [(goal.text, goal.measured or NONE, verdicts[goal.met]) for goal in goals(corpus)]
    return Table(f"{name}: goals", ("goal", "measured", ""), tuple(rows))


def goals(corpus: Mapping[str, Any]) -> Iterator[Goal]:
    """Yield newsgrep's goals with what was measured; nothing is rounded up."""
    peers, cold = corpus["peers"], corpus.get("cold", {})
    ours = peers.get("newsgrep", {})
    rate = ours.get("index", {}).get("per_second")
    for name, times, text in (
        ("recipe", 10, "indexing at least 10 times as fast as the ordinary recipe"),
        ("recoll", 2.5, "indexing at least 2.5 times as fast as recoll"),
        ("fts5", 1, "indexing at least as fast as FTS5 trigram over extracted text"),
    ):
        theirs = peers.get(name, {}).get("index", {}).get("per_second")
        ratio = rate / theirs if rate and theirs else None
        yield _goal(text, ratio, times, "times", at_least=True)
    if index := ours.get("index"):
        most = 1 if corpus["articles"] <= 100_000 else 2
        memory = max(index["peak_bytes"]) / 2**30
        yield _goal(f"indexing in less than {most} GB of memory", memory, most, "GB")
        yield _goal("index no larger than the text", index["size_ratio"], 1, "times")
    added = ours.get("add_seconds")
    yield _goal("adding 100 articles in 3 s", median(added) if added else None, 3, "s")
    base = median(cold.get(WHOOSH_BASELINE, {}).get("", []))
    for who, limit, text in (
        ("newsgrep", 1.5, "cold search, JSON, in at most 1.5 times the import of Whoosh"),
        (f"newsgrep{HUMAN}", 2, "cold search for people in at most 2 times that"),
    ):
        medians = [median(values) for values in cold.get(who, {}).values()]
        yield _goal(text, median(medians) / base if medians else None, limit, "times")
    for column, limit, text in (
        ({name: each[0] for name, each in ours.get("warm", {}).items()}, 50, "at the median"),
        ({name: each[1] for name, each in ours.get("warm", {}).items()}, 150, "at the worst"),
    ):
        slowest = max(column, key=lambda name: column[name], default="")
        whole = f"each warm question in {limit} ms {text} (slowest: {slowest})"
        yield _goal(whole, column.get(slowest), limit, "ms")
    on_top = {name: page - count for name, (page, _, count) in ours.get("warm", {}).items()}
    slowest = max(on_top, key=lambda name: on_top[name], default="")
    text = f"10 hits with snippets in 10 ms on top (most: {slowest})"
    yield _goal(text, on_top.get(slowest), 10, "ms")
    if correct := ours.get("correct", {}).values():
        wrong = sum(expected - found + extra for expected, found, extra in correct)
        yield Goal("quoted strings exact", f"{wrong:,} articles wrong", wrong == 0)


def _goal(
    text: str, value: float | None, limit: float, unit: str, *, at_least: bool = False
) -> Goal:
    if value is None or isnan(value):
        return Goal(text, None, None)
    return Goal(text, f"{value:,.2f} {unit}", value >= limit if at_least else value <= limit)


def draw(all_tables: Iterable[Table], console: Console) -> None:
    """Print tables on a terminal."""
    for table in all_tables:
        drawn = RichTable(title=table.heading, title_justify="left")
        for place, column in enumerate(table.columns):
            drawn.add_column(Text(column), justify="right" if place else "left")
        for row in table.rows:
            drawn.add_row(*(Text(cell) for cell in row))
        console.print(drawn)
        for note in table.notes:
            console.print(Text(note))
        console.print()


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables and the machine as Markdown."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    lines = [
        f"# newsgrep beside its peers: {result['name']}",
        "",
        (
            f"{machine['date']}; {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gb']} GB; {machine['system']}; Python {machine['python']}; "
            f"newsgrep {machine['newsgrep']} ({machine['commit']}); {packages}."
        ),
        "",
        (
            "Compare ratios within one run only. [The README of the bench](../README.md) says how "
            "each number is measured."
        ),
    ]
    peers: dict[str, str] = {}
    for table in tables(result, details=True):
        lines += ["", f"## {table.heading}", "", _row(table.columns)]
        lines.append(_row(["---", *["---:"] * (len(table.columns) - 1)]))
        lines += [_row(row) for row in table.rows]
        lines += [f"\n{note}" for note in table.notes]
    for corpus in result["corpora"].values():
        for each in corpus["peers"].values():
            peers[each["title"]] = f"{each['note']} {each['version']}".strip()
    lines += ["", "## The peers", "", *(f"- {title}: {note}" for title, note in peers.items())]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def save(result: Mapping[str, Any], folder: Path) -> None:
    """Write the numbers, one peer on a line, and the tables into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{result['name']}.json").write_text(_json(result) + "\n", "utf-8")
    (folder / f"{result['name']}.md").write_text(markdown(result), "utf-8")


def _json(value: Any, depth: int = 0) -> str:
    if depth == 4 or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inside = ",\n".join(
        f"{' ' * (depth + 1)}{json.dumps(key, ensure_ascii=False)}: {_json(part, depth + 1)}"
        for key, part in value.items()
    )
    return f"{{\n{inside}\n{' ' * depth}}}"

"""Results as tables: the same rows for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bench.measure import median
from bench.runner import HUMAN, WHOOSH_BASELINE
from bench.targets import targets
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
    "can't ask",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, columns, rows, and what must be known to read them."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tables(result: Mapping[str, Any], *, details: bool) -> Iterator[Table]:
    """Yield the tables of a result, one corpus after the other; with or without questions."""
    for name, corpus in result["corpora"].items():
        heading = f"{corpus['articles']:,} articles ({name})"
        yield main_table(heading, corpus)
        yield cold_table(heading, corpus)
        yield target_table(heading, corpus)
        if details:
            yield question_table(heading, corpus)
            yield correct_table(heading, corpus)


def main_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return one row a peer; a missing one has its reason in place of numbers."""
    peers = corpus["peers"]
    rate = peers.get("newsgrep", {}).get("index", {}).get("per_second")
    rows = [_peer_row(each, rate, corpus.get("cold", {}).get(key)) for key, each in peers.items()]
    clean = corpus["articles"] / corpus["clean_seconds"]
    notes = [
        (
            f"{corpus['articles']:,} articles in {corpus['files']:,} files; cleaned text "
            f"{corpus['text_bytes'] / 1e6:,.1f} MB of UTF-8."
        ),
        (
            f"Reading and cleaning alone, in 2 processes: {clean:,.0f} articles/s. "
            "FTS5 is given its result for nothing."
        ),
        (
            "“newsgrep is”: how many times as fast as this peer newsgrep indexes. Peak: indexing, "
            "all processes together, and that of the server where there is one, whose CPU time "
            "counts as well. Warm: over the questions that a peer can be asked; the worst "
            "is the highest median of a question. 10 hits on top: the median over questions with "
            "as many hits, with snippets against only counted. Found, extra: articles with a "
            "quoted string, against brute force."
        ),
        f"{PROCESS_MARK} each question starts a process.",
    ]
    for key, reason in corpus["missing"].items():
        rows.append((_title(key), f"left out: {reason}", *[""] * (len(COLUMNS) - 2)))
        notes.append(f"Left out: {_title(key)}: {reason}.")
    notes += [
        f"Not finished: {each['title']}: {each['failed']}"
        for each in peers.values()
        if "failed" in each
    ]
    return Table(f"{name}: all peers", COLUMNS, tuple(rows), tuple(notes))


def _title(key: str) -> str:
    from bench.peers import make_peer

    try:
        return make_peer(key).title
    except KeyError:
        return key


def _peer_row(
    peer: Mapping[str, Any], rate: float | None, cold: Mapping[str, Sequence[float]] | None
) -> tuple[str, ...]:
    index, add, warm = peer.get("index"), peer.get("add"), peer.get("warm", {})
    pages = [each["page"]["median"] for each in warm.values()]
    full = {name for name, each in peer.get("answers", {}).items() if each["hits"] == PAGE}
    on_top = [
        each["page"]["median"] - each["count"]["median"]
        for name, each in warm.items()
        if name in full
    ]
    correct = peer.get("correct", {}).values()
    expected = sum(each["expected"] for each in correct)
    found = sum(each["found"] for each in correct)
    extra = sum(each["extra"] for each in correct)
    mark = PROCESS_MARK if peer.get("by_command") else ""
    return (
        peer["title"],
        number(index["per_second"], 0) if index else NONE,
        f"{rate / index['per_second']:,.2f} ×" if index and rate else NONE,
        number(index["cpu_ms"], 2) if index else NONE,
        peak(index) if index else NONE,
        number(index["size_ratio"], 2) if index else NONE,
        number(median(add["seconds"]), 2) if add else NONE,
        number(median([median(each) for each in cold.values()]), 0) if cold else NONE,
        number(median(pages), 1) + mark if pages else NONE,
        number(max(pages), 1) + mark if pages else NONE,
        number(median(on_top), 1) if on_top and peer.get("has_snippets") else NONE,
        number(100 * found / expected, 1) if expected and correct else NONE,
        f"{extra:,}" if correct else NONE,
        f"{len(peer['cannot'])}" if "cannot" in peer else NONE,
    )


def peak(index: Mapping[str, Any]) -> str:
    """Return the most memory at once in MB, that of a server apart."""
    own = number(max(index["peak_bytes"]) / 2**20, 0)
    servers = index.get("server_peak_bytes")
    return f"{own} + {number(max(servers) / 2**20, 0)}" if servers else own


def number(value: float, places: int) -> str:
    """Return a number for a cell, which may be none."""
    return NONE if isnan(value) else f"{value:,.{places}f}"


def cold_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return whole processes, beside what merely starting costs."""
    cold: Mapping[str, Mapping[str, Sequence[float]]] = corpus.get("cold", {})
    base = median(cold.get(WHOOSH_BASELINE, {}).get("", []))
    rows = []
    for who, questions in cold.items():
        key, *form = who.partition(HUMAN)
        title = "".join([corpus["peers"].get(key, {}).get("title", key), *form])
        medians = [median(values) for values in questions.values()]
        middle = median(medians)
        worst = max(medians)
        rows.append((title, number(middle, 0), number(worst, 0), f"{middle / base:,.2f} ×"))
    columns = ("cold, as a process", "ms", "slowest question", "÷ import of Whoosh")
    return Table(f"{name}: cold", columns, tuple(rows))


def question_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return the median milliseconds of each question and peer."""
    peers = {key: each for key, each in corpus["peers"].items() if each.get("warm")}
    reasons: dict[str, str] = {}
    rows = []
    for question in corpus["questions"]:
        cells = []
        for key, peer in peers.items():
            if question in peer["cannot"]:
                reasons[f"{peer['title']}: {peer['cannot'][question]}"] = ""
                cells.append("can't")
            else:
                cells.append(number(peer["warm"][question]["page"]["median"], 1))
            del key
        total = corpus["peers"].get("newsgrep", {}).get("answers", {}).get(question, {})
        rows.append((question, f"{total.get('total', 0):,}", *cells))
    columns = ("warm question, ms with 10 hits", "hits", *peers)
    return Table(f"{name}: questions", columns, tuple(rows), tuple(f"Can't: {r}." for r in reasons))


def correct_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return for each quoted question how many of the right articles each peer found."""
    peers = {key: each for key, each in corpus["peers"].items() if each.get("correct")}
    asked: dict[str, int] = {}
    for peer in peers.values():
        asked |= {question: each["expected"] for question, each in peer["correct"].items()}
    rows = []
    for question, expected in asked.items():
        cells = []
        for peer in peers.values():
            told = peer["correct"].get(question)
            extra = f" +{told['extra']:,}" if told and told["extra"] else ""
            cells.append(f"{told['found']:,}{extra}" if told else "can't")
        rows.append((question, f"{expected:,}", *cells))
    columns = ("articles found (+ extra)", "brute force", *peers)
    return Table(f"{name}: correctness", columns, tuple(rows))


def target_table(name: str, corpus: Mapping[str, Any]) -> Table:
    """Return the targets and whether they hold."""
    rows = []
    for target in targets(corpus):
        verdict = {True: "holds", False: "does not hold", None: "not measured"}[target.holds]
        rows.append((target.text, target.measured or NONE, verdict))
    return Table(f"{name}: targets", ("target", "measured", ""), tuple(rows))


def print_tables(result: Mapping[str, Any], console: Console) -> None:
    """Draw the tables of a result on a terminal."""
    draw(tables(result, details=False), console)


def draw(all_tables: Iterable[Table], console: Console) -> None:
    """Draw tables on a terminal."""
    for table in all_tables:
        drawn = RichTable(title=table.heading, title_justify="left")
        for number, column in enumerate(table.columns):
            drawn.add_column(Text(column), justify="left" if number == 0 else "right")
        for row in table.rows:
            drawn.add_row(*(Text(cell) for cell in row))
        console.print(drawn)
        for note in table.notes:
            console.print(Text(note))
        console.print()


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables and the machine in Markdown."""
    heading = f"newsgrep beside its peers: {result['name']}"
    lines = page(heading, result["machine"], tables(result, details=True))
    peers: dict[str, str] = {}
    for corpus in result["corpora"].values():
        for each in corpus["peers"].values():
            peers[each["title"]] = f"{each['note']} {each['version']}".strip()
    lines += ["", "## The peers", ""]
    lines += [f"- {title}: {note}" for title, note in peers.items()]
    return "\n".join(lines) + "\n"


def page(heading: str, machine: Mapping[str, Any], all_tables: Iterable[Table]) -> list[str]:
    """Return tables and the machine that they are of as lines of Markdown."""
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    lines = [
        f"# {heading}",
        "",
        (
            f"{machine['date']}; {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gb']} GB; {machine['system']}; Python {machine['python']}; "
            f"newsgrep {machine['newsgrep']} ({machine['commit']}); {packages}."
        ),
        "",
        (
            "Only ratios within one run count. How each number is taken stands in "
            "[the README of the bench](../README.md)."
        ),
    ]
    for table in all_tables:
        lines += ["", f"## {table.heading}", ""]
        lines.append(_row(table.columns))
        lines.append(_row(["---", *["---:"] * (len(table.columns) - 1)]))
        lines += [_row(row) for row in table.rows]
        lines += [f"\n{note}" for note in table.notes]
    return lines


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

"""Extraction quality: newsgrep beside the libraries that people use instead, on real pages.

``python -m bench.extraction PAGES`` reads ``PAGES/gold.jsonl`` and the pages beside it, runs every
tool that is installed (requirements-bench.txt has all) over each page, and prints a table for each
set. With ``--write`` it updates ``results/extraction.json``, ``results/extraction.md``, the
table in ``docs/BENCHMARKS.md``, and the thresholds that a test compares; they only rise.

Scores
    *body*: precision, recall and F1 over 4-shingles of words and Han characters, the mean over
    pages; a page without any text counts 0. Where gold has only the first and last words of the
    body, its body is the text of the page between them. *chunks*: strings that must and must not
    be in the body, over all strings of the set. *date*: equal to the day. *title*: equal but for
    white space. *authors*: the same names, in any case. *late*: pages that took more than 20 s of
    CPU time; they count as empty.

Tools run with their default settings, without a network. The times are CPU times of this process.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from bench import thresholds
from bench.extractors import EXTRACTORS, Extract, Extracted, Extractor
from bench.limits import OutOfTime, cpu_limit, no_network
from bench.paths import REPOSITORY, RESULTS

THRESHOLDS: Final = RESULTS / "extraction-thresholds.json"
SHINGLE: Final = 4
WORST: Final = 20

_TOKEN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3400-\u4dbf\u4e00-\u9fff_]+")


class Page(NamedTuple):
    """A page with its gold data, as one line of ``gold.jsonl`` has it."""

    set: str
    file: str
    html: bytes
    url: str
    gold: Mapping[str, Any]


@dataclass
class Scores:
    """What one tool reached on one set."""

    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)
    chunks: Counter[str] = field(default_factory=Counter)
    dates: Counter[str] = field(default_factory=Counter)
    titles: Counter[str] = field(default_factory=Counter)
    authors: Counter[str] = field(default_factory=Counter)
    worst: list[tuple[float, str]] = field(default_factory=list)
    late: int = 0
    seconds: float = 0.0
    size: int = 0
    pages: int = 0

    def summary(self) -> dict[str, float]:
        """Return the figures of the table."""
        figures: dict[str, float] = {}
        if self.f1:
            figures |= {"P": _mean(self.precision), "R": _mean(self.recall), "F1": _mean(self.f1)}
        if self.chunks:
            kept, lost, extra = (self.chunks[name] for name in ("kept", "lost", "extra"))
            precision = kept / (kept + extra) if kept + extra else 0.0
            recall = kept / (kept + lost) if kept + lost else 0.0
            figures |= {"P": precision, "R": recall, "F1": _harmonic_mean(precision, recall)}
        if self.dates:
            figures |= {f"date {name}": self.dates[name] for name in ("right", "wrong", "none")}
        if self.titles:
            figures["title"] = self.titles["right"] / self.titles.total()
            figures["titled"] = self.titles.total()
        if self.authors:
            figures["authors"] = self.authors["right"] / self.authors.total()
        if self.late:
            figures["late"] = self.late
        figures["ms/page"] = 1000 * self.seconds / self.pages
        figures["ms/MB"] = 1000 * self.seconds / (self.size / 1e6)
        return figures


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _harmonic_mean(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Return how often each sequence of four tokens occurs; a shorter text is one sequence."""
    tokens = _TOKEN.findall(text.lower())
    last = max(len(tokens) - SHINGLE, 0)
    return (
        Counter(tuple(tokens[at : at + SHINGLE]) for at in range(last + 1)) if tokens else Counter()
    )


def body_score(body: str, gold: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of ``body``."""
    found, wanted = shingles(body), shingles(gold)
    if not found:
        return 0.0, 0.0, 0.0
    common = (found & wanted).total()
    precision, recall = common / found.total(), common / max(wanted.total(), 1)
    return precision, recall, _harmonic_mean(precision, recall)


def read_pages(folder: Path) -> Iterator[Page]:
    """Yield all pages; a gold body is completed from the page where only its ends are known."""
    for line in (folder / "gold.jsonl").read_text("utf-8").splitlines():
        gold = json.loads(line)
        html = (folder / gold["file"]).read_bytes()
        if "body_begins" in gold:
            gold["body"] = _text_between(html, gold["body_begins"], gold["body_ends"])
        yield Page(gold["set"], gold["file"], html, gold.get("url") or "", gold)


def _text_between(html: bytes, begins: str, ends: str) -> str | None:
    """Return the text of a page from ``begins`` to ``ends``, None if it lacks one of them.

    White space does not count. The last occurrences are meant: a page repeats the first words
    in descriptions and teasers above its text, and the last words may occur in the middle. ``^``
    before the last words says that the body ends before them.
    """
    for parser in ("lxml", "html.parser"):  # each loses text of some broken pages
        text = _cut_text(_visible_text(html, parser), begins, ends)
        if text is not None:
            return text
    return None


def _visible_text(html: bytes, parser: str) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, parser)
    for element in soup(["script", "style", "noscript"]):
        element.decompose()
    return soup.get_text("\n")


def _cut_text(text: str, begins: str, ends: str) -> str | None:
    positions = [at for at, character in enumerate(text) if not character.isspace()]
    joined = "".join(text[at] for at in positions)
    opening, closing = ("".join(each.lstrip("^").split()) for each in (begins, ends))
    last = joined.rfind(closing)
    first = joined.rfind(opening, 0, max(last, 0))
    if first < 0 or last < 0:
        return None
    end = last if ends.startswith("^") else last + len(closing)
    return text[positions[first] : positions[end - 1] + 1]


def score_page(scores: Scores, page: Page, extracted: Extracted, fields: Set[str]) -> None:
    """Add what a tool extracted from ``page`` to its scores, for the ``fields`` that it has."""
    gold = page.gold
    body = extracted.body or ""
    if gold.get("body") and "body" in fields:
        precision, recall, f1 = body_score(body, gold["body"])
        scores.precision.append(precision)
        scores.recall.append(recall)
        scores.f1.append(f1)
        scores.worst.append((f1, page.file))
    if ("with_" in gold or "without" in gold) and "body" in fields:
        text = _collapse(body)
        kept = sum(_collapse(chunk) in text for chunk in gold.get("with_") or ())
        extra = sum(_collapse(chunk) in text for chunk in gold.get("without") or ())
        lost = len(gold.get("with_") or ()) - kept
        scores.chunks.update(kept=kept, lost=lost, extra=extra)
        scores.worst.append((1 - (lost + extra) / max(kept + lost + extra, 1), page.file))
    if gold.get("date") and "date" in fields:
        scores.dates[_verdict(extracted.date, gold["date"])] += 1
    if gold.get("title") and "title" in fields:
        right = _collapse(extracted.title or "") == _collapse(gold["title"])
        scores.titles["right" if right else "wrong"] += 1
    if gold.get("author") and "authors" in fields:
        right = _names(extracted.authors) == _names(_AUTHOR_SIGNS.split(gold["author"]))
        scores.authors["right" if right else "wrong"] += 1


_AUTHOR_SIGNS = re.compile(r"\s*[,;]\s*|\s(?:and|und)\s")


def _names(authors: Iterable[str]) -> set[str]:
    return {_collapse(name).casefold() for name in authors if name.strip()}


def _verdict(date: str | None, gold: str) -> str:
    if not date:
        return "none"
    return "right" if date[:10] == gold[:10] else "wrong"


def _collapse(text: str) -> str:
    return " ".join(text.split())


def measure(pages: Iterable[Page], extractor: Extractor) -> dict[str, Scores]:
    """Return the scores of one tool, by set."""
    extract = extractor.load()
    sets: dict[str, Scores] = {}
    with no_network():
        for page in pages:
            _measure_page(sets.setdefault(page.set, Scores()), page, extract, extractor.fields)
    return sets


def _measure_page(scores: Scores, page: Page, extract: Extract, fields: Set[str]) -> None:
    started = time.process_time()
    try:
        with cpu_limit():
            extracted = extract(page.html, page.url)
    except OutOfTime:
        extracted = Extracted()
        scores.late += 1
    scores.seconds += time.process_time() - started
    scores.size += len(page.html)
    scores.pages += 1
    score_page(scores, page, extracted, fields)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _table(results: Mapping[str, Mapping[str, Mapping[str, float]]], name: str) -> str:
    columns = [
        "P",
        "R",
        "F1",
        "title",
        "authors",
        "date right",
        "date wrong",
        "date none",
        "late",
        "ms/page",
        "ms/MB",
    ]
    used = [c for c in columns if any(c in sets.get(name, {}) for sets in results.values())]
    rows = [f"| {name} | " + " | ".join(used) + " |", "| --- |" + " ---: |" * len(used)]
    for tool, sets in results.items():
        if name in sets:
            cells = (_cell(sets[name].get(column), column) for column in used)
            rows.append(f"| {tool} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _cell(value: float | None, column: str) -> str:
    if value is None:
        return "–"
    if column.startswith("date") or column == "late":
        return f"{value:.0f}"
    return f"{value:.1f}" if column.startswith("ms") else f"{value:.3f}"


_BODY_SETS: Final = ("article-bodies", "chunks", "chinese", "broadcaster", "languages")


def summary_table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return one table for all sets, as docs/BENCHMARKS.md has it: a tool in each column."""
    rows = [
        "| | " + " | ".join(results) + " |",
        "| --- |" + " ---: |" * len(results),
    ]
    lines: list[tuple[str, list[float | None], str]] = [
        (f"body F1, {name}", [sets[name].get("F1") for sets in results.values()], "F1")
        for name in _BODY_SETS
        if all(name in sets for sets in results.values())
    ]
    for column, label in (
        ("title", "title exact"),
        ("authors", "authors exact"),
        ("date right", "date right"),
        ("date wrong", "date wrong"),
        ("date none", "date none"),
    ):
        totals = [_over_sets(sets, column) for sets in results.values()]
        lines.append((label, totals, column))
    whole = "article-bodies"
    for column in ("ms/page", "ms/MB"):
        found = [sets.get(whole, {}).get(column) for sets in results.values()]
        lines.append((f"CPU {column}, {whole}", found, column))
    for label, values, column in lines:
        rows.append(f"| {label} | " + " | ".join(_cell(each, column) for each in values) + " |")
    return "\n".join(rows)


def _over_sets(sets: Mapping[str, Mapping[str, float]], column: str) -> float | None:
    """Return the sum over all sets; of titles the share of all pages that have one in gold."""
    found = [figures for figures in sets.values() if column in figures]
    if not found:
        return None
    if column == "authors":  # known in one set
        return found[0][column]
    if column != "title":
        return sum(figures[column] for figures in found)
    titled = sum(figures["titled"] for figures in found)
    return sum(figures[column] * figures["titled"] for figures in found) / titled


_DOCS: Final = REPOSITORY / "docs" / "BENCHMARKS.md"
_IN_DOCS = re.compile(r"(?<=<!-- extraction -->\n).*?(?=\n<!-- end of extraction -->)", re.DOTALL)


def write_docs(table: str, page: Path = _DOCS) -> None:
    """Replace the table of extraction in the page of benchmarks."""
    page.write_text(_IN_DOCS.sub(lambda _: table, page.read_text("utf-8")), "utf-8")


def guarded(sets: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the figures of newsgrep that must not fall, by set and name."""
    names = ("F1", "title", "authors", "date right")
    return {
        f"{key} {name}": figures[name]
        for key, figures in sets.items()
        for name in names
        if figures.get(name)  # a threshold of 0 could not be missed
    }


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tool", "tools", multiple=True, help="Only these tools (repeatable).")
@click.option("--set", "sets", multiple=True, help="Only these sets (repeatable).")
@click.option("--worst", is_flag=True, help="List the twenty worst pages of each set.")
@click.option("--write", is_flag=True, help="Update the checked-in results and thresholds.")
def main(
    folder: Path, tools: tuple[str, ...], sets: tuple[str, ...], worst: bool, write: bool
) -> None:
    """Compare extraction tools on the pages in FOLDER."""
    pages = [page for page in read_pages(folder) if not sets or page.set in sets]
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name, extractor in EXTRACTORS.items():
        if (tools and name not in tools) or not (release := _version(extractor.package)):
            continue
        scores = measure(pages, extractor)
        results[f"{name} {release}"] = {key: each.summary() for key, each in scores.items()}
        if worst:
            for key, each in scores.items():
                click.echo(f"{name}, {key}, worst pages:")
                for value, file in sorted(each.worst)[:WORST]:
                    click.echo(f"  {value:.3f} {file}")
    names = sorted({page.set for page in pages})
    tables = "\n\n".join(_table(results, name) for name in names)
    click.echo(tables)
    own = next((sets for name, sets in results.items() if name.startswith("newsgrep ")), {})
    for line in thresholds.missed(guarded(own), THRESHOLDS):
        click.echo(line, err=True)
    if write:
        thresholds.write(guarded(own), THRESHOLDS)
        (RESULTS / "extraction.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        (RESULTS / "extraction.md").write_text(f"# Extraction\n\n{tables}\n", "utf-8")
        write_docs(summary_table(results))


if __name__ == "__main__":
    main()

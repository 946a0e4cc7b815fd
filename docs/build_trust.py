"""Write the figures of docs/TRUST.md from the last runs of its trials: ``make torture``.

The tests leave what they counted in build/torture.json (tests/support/stress.py). A trial that
did not run since keeps its last figures and their date.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "TRUST.md"
RESULTS = ROOT / "build" / "torture.json"
ENGINES = ("whoosh", "tantivy")
_FIGURES = re.compile(r"(?s)(?<=<!-- figures: written by make torture -->\n).*(?=<!-- end -->)")


@dataclass(frozen=True)
class Row:
    """One line of a table: what was tried, and the tests that count it.

    ``test`` is the name of the test function. Of its parameters, those that contain ``only`` and
    not ``without`` belong to the row.
    """

    label: str
    test: str
    only: str = ""
    without: str = "\0"

    def counts(self, results: Mapping[str, Any], engine: str) -> Counter[str]:
        """Return the sum of what was counted for an engine; "" for tests without one."""
        found: Counter[str] = Counter()
        for name, result in results.items():
            function, _, parameters = name.partition("[")
            is_of_engine = engine in parameters or not engine
            if function == self.test and self.only in name and self.without not in name:
                found.update(result["counts"] if is_of_engine else {})
        return found


_FAULT = "test_fault_leaves_old_or_new_index"
_POWER = "test_power_loss_leaves_old_or_new_index"
_RECORDS = "test_random_histories_end_like_a_new_index"

BY_ENGINE = (
    Row(
        "process killed, or a call fails (EIO, ENOSPC, EMFILE, EINTR, short write), at any call of "
        "index, copy, reindex, doctor --fix",
        _FAULT,
        without="rollback",
    ),
    Row("the same during doctor --rollback and the update after one", _FAULT, only="rollback"),
    Row(
        "power lost at any call of index, copy, reindex, doctor --fix; unsynced changes lost in "
        "order and in any order",
        _POWER,
        without="rollback",
    ),
    Row("the same during doctor --rollback and the update after one", _POWER, only="rollback"),
    Row("file system full at any moment", "test_full_disk_is_one_sentence_and_old_index"),
    Row("read-only file system", "test_reading_works_on_a_read_only_disk"),
    Row(
        "file damaged, shortened, zeroed, missing, or exchanged with one of another index or of "
        "the commit before",
        "test_damage_is_an_error_and_doctor_finds_it",
    ),
    Row("bytes changed at random", "test_damaged_bytes_change_no_results_silently"),
    Row("newsgrep index killed at random moments", "test_killed_process_leaves_old_or_new_index"),
    Row(
        "16 readers and one writer for an hour, 30,000 articles", "test_load_of_readers_and_writer"
    ),
    Row(
        "random histories of an archive, compared with brute force",
        "test_index_equals_brute_force_after_any_history",
    ),
    Row(
        "random histories of files of many records (JSONL, CSV, mbox, WARC, zip), compared with a "
        "new index",
        _RECORDS,
        without="opensearch",
    ),
)

OTHERS = (
    Row("readers beside a writer", "test_each_answer_is_from_one_commit"),
    Row("searches during newsgrep index", "test_search_during_update_is_from_before_or_after"),
    Row("searches beside a stopped writer", "test_readers_never_wait_for_writer"),
    Row(
        "random histories of files of many records in an index on a server",
        _RECORDS,
        only="opensearch",
    ),
    Row(
        "file of many records damaged, cut off, or with parts removed or doubled, and restored; "
        "compared with a new index",
        "test_damaged_file_is_read_as_in_a_new_index",
    ),
    Row(
        "newsgrep index killed while files of many records are written; at the end compared with "
        "a new index",
        "test_killed_runs_over_files_being_written_lose_nothing",
    ),
)


def figures(recorded: Mapping[str, Any]) -> str:
    """Return the tables as Markdown."""
    results = recorded["tests"]
    lines = ["", "| trial | " + " | ".join(ENGINES) + " |", "| --- | --- | --- |"]
    for row in BY_ENGINE:
        cells = [_cell(row.counts(results, engine)) for engine in ENGINES]
        lines.append(f"| {row.label} | {' | '.join(cells)} |")
    lines += ["", "| trial | result |", "| --- | --- |"]
    lines += [f"| {row.label} | {_cell(row.counts(results, ''))} |" for row in OTHERS]
    lines += ["", *_versions(recorded), ""]
    return "\n".join(lines)


def _cell(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items()) or "not run"


def _versions(recorded: Mapping[str, Any]) -> Iterator[str]:
    dates = sorted({result["date"] for result in recorded["tests"].values()})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    versions = ", ".join(f"{name} {version}" for name, version in recorded["versions"].items())
    yield f"Last run: {when}; {versions}."
    share = min(result["share"] for result in recorded["tests"].values())
    if share < 1:
        yield f"Not all trials ran in full, some with {share:.0%} of their number."


def build(page: str, recorded: Mapping[str, Any]) -> str:
    """Return the page with new figures."""
    new, count = _FIGURES.subn(lambda _: figures(recorded), page)
    if count != 1:
        raise ValueError(f"{PAGE} has no place for figures")
    return new


if __name__ == "__main__":
    recorded = json.loads(RESULTS.read_text("utf-8"))
    PAGE.write_text(build(PAGE.read_text("utf-8"), recorded), "utf-8")

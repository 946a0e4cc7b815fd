"""What ``make release`` reports: each check with its outcome, and what ran on which Python."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

Outcome = Literal["passed", "failed", "not run"]

REPORT_JSON: Final = "report.json"
REPORT: Final = "REPORT.md"
SUMS: Final = "SHA256SUMS"


class Check(NamedTuple):
    """One check of a release: its outcome, what it found, and its duration in seconds."""

    name: str
    outcome: Outcome
    detail: str
    seconds: float


def pythons_at(path: Path, commit: str) -> list[dict[str, Any]]:
    """Return the entries of ``build/pythons.json``, without those of another commit."""
    try:
        stored = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    return list(stored["pythons"]) if stored["commit"] == commit else []


def pythons_check(entries: Sequence[Mapping[str, Any]], seconds: float) -> Check:
    """Return the check that all Pythons together are.

    Failed if one failed, and not run if none ran.
    """
    ran = [each for each in entries if each["wheel_smoke"] != "not run"]
    failed = [
        str(each["version"])
        for each in ran
        if each["wheel_smoke"] == "failed"
        or each["types"] == "failed"
        or (each["tests"] or {}).get("failed")
    ]
    if failed:
        return Check("Pythons", "failed", f"failed on {', '.join(failed)}", seconds)
    if not ran:
        return Check("Pythons", "not run", "make test-pythons recorded nothing", seconds)
    return Check("Pythons", "passed", f"{len(ran)} versions", seconds)


def sums(folder: Path) -> str:
    """Return the SHA-256 of each file of a folder, in the form that ``sha256sum --check`` reads."""
    own = {SUMS, REPORT, REPORT_JSON}
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in own]
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files
    )


class Report(NamedTuple):
    """A release with its checks; ``pythons`` are entries of ``build/pythons.json``."""

    version: str
    commit: str
    time: str
    checks: Sequence[Check]
    pythons: Sequence[Mapping[str, Any]]


def write_report(folder: Path, report: Report) -> None:
    """Write ``SHA256SUMS``, ``report.json`` and ``REPORT.md`` into ``folder``."""
    (folder / SUMS).write_text(sums(folder), "utf-8")
    built_with = {"python": platform.python_version(), "system": platform.system()}
    stored = {
        "version": report.version,
        "commit": report.commit,
        "time": report.time,
        "built_with": built_with,
        "checks": [check._asdict() for check in report.checks],
        "pythons": list(report.pythons),
    }
    text = json.dumps(stored, ensure_ascii=False, indent=2)
    (folder / REPORT_JSON).write_text(f"{text}\n", "utf-8")
    (folder / REPORT).write_text(to_markdown(folder, report), "utf-8")


def to_markdown(folder: Path, report: Report) -> str:
    """Return the report for people."""
    built_with = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        f"# newsgrep {report.version}: what was checked",
        "",
        f"Commit {report.commit} of {report.time}. Built with {built_with}.",
        "",
        *_table(
            ("check", "outcome", "found", "s"),
            (
                (each.name, each.outcome, each.detail, f"{each.seconds:.1f}")
                for each in report.checks
            ),
        ),
        "",
        "## Pythons",
        "",
    ]
    if report.pythons:
        lines += _table(
            ("Python", "wheel", "fast tests", "types", "note"),
            (_row(each) for each in report.pythons),
        )
    else:
        lines.append("Not run: `make test-pythons` recorded nothing for this commit.")
    lines += ["", "## Artifacts", ""]
    lines += _table(
        ("file", "bytes", "SHA-256"),
        (
            (f"`{name}`", f"{(folder / name).stat().st_size:,}", f"`{digest}`")
            for digest, name in (line.split() for line in sums(folder).splitlines())
        ),
    )
    return "\n".join(lines) + "\n"


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    tests = entry["tests"]
    threads = ", free-threaded" if entry["free_threaded"] else ""
    counted = "not run"
    if tests:
        counted = f"{tests['passed']:,} passed, {tests['failed']:,} failed"
        counted += f", {tests['skipped']:,} skipped"
    return (
        f"{entry['version']}{threads}",
        entry["wheel_smoke"],
        counted,
        entry["types"],
        entry["note"],
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in rows:
        cells = (" ".join(cell.split()).replace("|", r"\|") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return lines

"""Whether indexes of one archive print the same: one session of commands, asked of each.

``python -m bench.compare_output INDEX INDEX``. Every command is a process for each index; output,
complaints and exit status are compared byte for byte, but for what no two indexes can share.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

import click

from bench.peers.ours import command as newsgrep_command

SESSION: Final = Path(__file__).with_name("session.txt")
_MASKS: Final = (
    # Times, and what an index takes on the disk.
    (re.compile(r'("(?:took_ms|bytes)":\s*)[0-9.]+'), r"\1…"),
    (re.compile(r"(?m)\bin [\d,]+ ms(?=\x1b|$)"), "in … ms"),
    # What it is and where, and tokens, which are of one state of one index.
    (re.compile(r'("(?:index|engine|next)":\s*)"[^"]*"'), r"\1…"),
    # What its terms were made by: an engine that keeps levels says how these were reckoned.
    (re.compile(r'("fingerprint":\s*)\{[^{}]*\}'), r"\1…"),
)
_FAILED: Final = 2
_MOST_DIFFERENCE: Final = 60
"""Lines of one difference that are printed."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed and ended with, without what no two indexes share."""

    output: str
    complaints: str
    status: int

    def lines(self) -> list[str]:
        """Return all of it as lines."""
        told = [*self.output.splitlines(), *self.complaints.splitlines()]
        return [*told, f"exit status {self.status}"]


@dataclass(slots=True)
class Asker:
    """One index, and what the commands after it may want to know of its last answer."""

    index: str
    known: dict[str, str] = field(default_factory=lambda: {"NEXT": "", "ID": ""})

    def run(self, line: str) -> Printed:
        """Run a line of the session as a shell does."""
        folder = str(Path(newsgrep_command()[0]).parent)
        environment = {
            **os.environ,
            **self.known,
            "NEWSGREP_INDEX": self.index,
            "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        done = subprocess.run(  # noqa: S603  (the session is ours)
            ["/bin/sh", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            check=False,
        )
        output, complaints = (
            each.decode("utf-8", "replace") for each in (done.stdout, done.stderr)
        )
        self.known |= _named(output)
        return Printed(masked(output, self.index), masked(complaints, self.index), done.returncode)


def masked(text: str, index: str) -> str:
    """Return what was printed of ``index`` without what no two indexes share."""
    text = text.replace(index, "INDEX")
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def _named(output: str) -> Mapping[str, str]:
    """Return what an answer in JSON gives to the commands after it."""
    try:
        told: Any = json.loads(output)
    except ValueError:
        return {}
    if not isinstance(told, dict) or "hits" not in told:
        return {}
    hits: list[Mapping[str, Any]] = told["hits"]
    found = {"NEXT": str(told.get("next") or "")}
    return found | ({"ID": str(hits[0]["id"])} if hits else {})


def commands(path: Path) -> list[str]:
    """Return the commands of a session, without comments and empty lines."""
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def difference(one: Printed, other: Printed, names: tuple[str, str]) -> list[str]:
    """Return how two answers differ, as a diff; nothing where they don't."""
    if one == other:
        return []
    found = list(unified_diff(one.lines(), other.lines(), *names, n=2, lineterm=""))
    return found or ["they differ in how lines end"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--session",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=SESSION,
    help="The file of commands; else bench/session.txt.",
)
@click.argument("indexes", nargs=-1, metavar="INDEX INDEX...")
def main(session: Path, indexes: Sequence[str]) -> None:
    """Ask all of a session of each INDEX, folders or addresses, of one archive.

    Prints where another one answers otherwise than the first.

    Exit status: 0 all alike, 1 differences, 2 a command failed on all of them.
    """
    if len(indexes) < 2:
        raise click.UsageError("Name two indexes of one archive, or more.")
    # Folders are named in full, so that no mention of one is missed, or found in a text.
    askers = [Asker(each if "://" in each else str(Path(each).resolve())) for each in indexes]
    sys.exit(compare(askers, commands(session)))


def compare(askers: Sequence[Asker], lines: Sequence[str]) -> int:
    """Run all lines, print how each went, and return the status to exit with."""
    different, failed = 0, 0
    statuses: Counter[int] = Counter()
    for line in lines:
        first, *others = [asker.run(line) for asker in askers]
        statuses[first.status] += 1
        found = [
            difference(first, other, (askers[0].index, asker.index))
            for asker, other in zip(askers[1:], others, strict=True)
        ]
        different += any(found)
        failed += first.status >= _FAILED
        verdict = "different" if any(found) else "alike"
        click.echo(f"{verdict:9}  exit {first.status}  {len(first.lines()):4} lines  {line}")
        for each in filter(None, found):
            click.echo("\n".join(each[:_MOST_DIFFERENCE]))
            if len(each) > _MOST_DIFFERENCE:
                click.echo(f"... and {len(each) - _MOST_DIFFERENCE} lines more")
        if first.status >= _FAILED:
            click.echo(first.complaints)
    told = ", ".join(f"{count} ended with {status}" for status, count in sorted(statuses.items()))
    click.echo(
        f"{len(lines)} commands, {len(askers)} indexes: {different} different ({told}; "
        "0 is found, 1 nothing found)"
    )
    return 1 if different else 2 if failed else 0


if __name__ == "__main__":
    main()

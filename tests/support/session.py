"""A session of commands, run on several indexes of one archive, and what differs.

Everything that is printed must be equal, byte for byte, but for what no two indexes share:
times, sizes, the index's location, its engine and fingerprint, and the tokens of pages.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from tests.support.cli import Cli

_MASKS = (
    (re.compile(r'("(?:took_ms|bytes)":\s*)[0-9.]+'), r"\1…"),
    (re.compile(r"(?m)\bin [\d,]+ ms(?=\x1b|$)"), "in … ms"),
    (re.compile(r'("(?:index|engine|next)":\s*)"[^"]*"'), r"\1…"),
    # Files of an index on a server may be on other machines, so they are not checked.
    (re.compile(r'("all_files_checked":\s*)(?:true|false)'), r"\1…"),
    # An engine that stores impacts says how these were computed.
    (re.compile(r'("fingerprint":\s*)\{[^{}]*\}'), r"\1…"),
)
_PIPE = re.compile(r"printf '(.*)' \| (newsgrep .*)")
FAILED = 2


@dataclass(frozen=True)
class Printed:
    """What a command printed, without what no two indexes share, and its exit status."""

    out: str
    err: str
    status: int

    def lines(self) -> list[str]:
        return [*self.out.splitlines(), *self.err.splitlines(), f"exit status {self.status}"]


@dataclass
class IndexSession:
    """Runs the commands of a session on one index.

    ``$NEXT`` and ``$ID`` are the "next" and the first hit's "id" of the JSON printed last.
    """

    cli: Cli
    index: str
    variables: dict[str, str] = field(default_factory=lambda: {"NEXT": "", "ID": ""})

    def run(self, line: str) -> Printed:
        for name, value in self.variables.items():
            line = line.replace(f"${name}", value)
        text, command = pipe.groups() if (pipe := _PIPE.fullmatch(line)) else ("", line)
        program, *arguments = shlex.split(command)
        assert program == "newsgrep"
        stdin = text.replace("\\n", "\n").encode()
        ran = self.cli.run(*arguments, stdin=stdin, env={"NEWSGREP_INDEX": self.index})
        self._remember(ran.out)
        return Printed(masked(ran.out, self.index), masked(ran.err, self.index), ran.status)

    def _remember(self, out: str) -> None:
        try:
            printed = json.loads(out)
        except ValueError:
            return
        if isinstance(printed, dict) and "hits" in printed:
            self.variables["NEXT"] = str(printed.get("next") or "")
            if printed["hits"]:
                self.variables["ID"] = str(printed["hits"][0]["id"])


def masked(text: str, index: str) -> str:
    """Return what was printed about ``index`` without what no two indexes share."""
    text = text.replace(index, "INDEX")
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def commands(text: str) -> list[str]:
    """Return the commands of a session, without comments and empty lines."""
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def differences(cli: Cli, indexes: Iterable[str | Path], lines: Iterable[str]) -> list[str]:
    """Run all lines on each index; return a diff for each index that differs from the first.

    A command that fails on the first index counts as a difference, too.
    """
    first, *others = [IndexSession(cli, str(index)) for index in indexes]
    found: list[str] = []
    for line in lines:
        expected = first.run(line)
        if expected.status >= FAILED:
            found.append(f"{line}: {expected.err}")
        for other in others:
            printed = other.run(line)
            if printed != expected:
                names = f"{first.index}: {line}", f"{other.index}: {line}"
                diff = unified_diff(expected.lines(), printed.lines(), *names, lineterm="")
                found.append("\n".join(diff) or f"{line}: line ends differ")
    return found

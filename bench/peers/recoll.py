"""recoll, the desktop search of many Linux users, by its two commands.

It has its own configuration folder here. East Asian text is indexed as pairs of
characters, as its manual recommends; it finds strings by phrases of such pairs.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bench.measure import run
from bench.peers.base import Answer, Inputs, Peer, files_cannot
from bench.questions import Question

_RESULTS = re.compile(r"^(?:at least )?(\d+) results", re.MULTILINE)
_HIT = re.compile(r"^\S+\t\[file://(.*?)\]\t", re.MULTILINE)
_TEXT = re.compile(r"^\S+\t\[.*$\n((?:(?!\S+\t\[).*\n?)*)", re.MULTILINE)


class Recoll(Peer):
    """``recollindex`` and ``recollq``."""

    name = "recoll"
    title = "recoll"
    note = "Files as they are, read as plain text; pairs of characters (cjkngramlen = 2)."
    by_command = True

    def __init__(self) -> None:
        self._folder = Path()

    def available(self) -> str | None:
        """Return which command is missing."""
        if shutil.which("recollindex") and shutil.which("recollq"):
            return None
        return "recollindex or recollq not installed (apt-get install recollcmd)"

    def version(self) -> str:
        """Return the version that ``recollindex`` prints."""
        printed = run(["recollindex", "-h"], success=(0, 1), watch=False).output
        found = re.search(r"Recoll [\d.]+ \+ Xapian [\d.]+", printed)
        return found[0] if found else ""

    def prepare(self, inputs: Inputs, folder: Path) -> None:
        """Write the configuration."""
        _configure(folder, inputs.corpus.folder)

    def prepare_add(self, extra: Inputs, folder: Path) -> None:
        """Add the other files to the configuration."""
        old = re.search(
            r"^topdirs = (.*)$", (folder / "recoll.conf").read_text("utf-8"), re.MULTILINE
        )
        _configure(folder, *([Path(old[1].strip('"'))] if old else []), extra.corpus.folder)

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return ``recollindex``."""
        del inputs
        return ["recollindex", "-c", str(folder)]

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return ``recollindex -r``, which reads only the other files."""
        return ["recollindex", "-c", str(folder), "-r", str(extra.corpus.folder)]

    def size(self, folder: Path) -> int:
        """Return the size of the Xapian database."""
        return super().size(folder / "xapiandb")

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Remember the folder: there is nothing to open."""
        del inputs
        self._folder = folder

    def cannot(self, question: Question) -> str | None:
        """Return which part of a question plain text files do not contain."""
        return files_cannot(question)

    def ask(self, question: Question, limit: int) -> Answer:
        """Run a query for an exact count, or for that and the hits with a snippet each."""
        form = ["-n", f"{question.offset}-{limit}", "-A", "-p", "1"] if limit else ["-Q"]
        out = run([*self._command(), "-E", *form, _text_of(question)], watch=False).output
        total = _RESULTS.search(out)
        snippets = tuple(text.strip() for text in _TEXT.findall(out)) if limit else ()
        return Answer(int(total[1]) if total else 0, tuple(_HIT.findall(out)), snippets)

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        out = run([*self._command(), "-b", "-n", "0", _text_of(question)], watch=False).output
        return [line.removeprefix("file://") for line in out.splitlines() if line]

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``recollq`` with ten hits and a snippet each."""
        del inputs
        form = ["-n", f"{question.offset}-10", "-A", "-p", "1"]
        return ["recollq", "-c", str(folder), "-E", *form, _text_of(question)]

    def _command(self) -> list[str]:
        return ["recollq", "-c", str(self._folder)]


def _configure(folder: Path, *tops: Path) -> None:
    listed = " ".join(f'"{top}"' for top in tops)
    (folder / "recoll.conf").write_text(
        f"topdirs = {listed}\nnocjk = 0\ncjkngramlen = 2\n"
        # No spelling suggestions: they need dictionaries of aspell, and nobody uses them here.
        "noaspell = 1\nloglevel = 2\n",
        "utf-8",
    )


def _text_of(question: Question) -> str:
    if question.quoted:
        return f'"{question.quoted}"'
    return (" OR " if question.any else " ").join(question.texts)


def make() -> Peer:
    """Return the peer."""
    return Recoll()

"""The ``whoosh`` command that comes with whoosh3: full-text search of a folder of files.

It puts its index into the folder that it indexes, so it gets a folder of its own with a
link to the files. Its analyser takes a run of Han between two marks for one word: it
indexes these files, but hardly finds Chinese in them, as the report shows.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.measure import run
from bench.peers.base import Answer, Inputs, Peer, files_cannot
from bench.questions import Question

_TOTAL = re.compile(r"^(\d+) match", re.MULTILINE)
_HIT = re.compile(r"^\d+\. (.*)  \(score [\d.-]+\)\n {3}(.*)$", re.MULTILINE)
_PLACE = ".whoosh_index"


class WhooshCommand(Peer):
    """``whoosh index`` and ``whoosh search``."""

    name = "whoosh"
    title = "the whoosh command of whoosh3"
    note = "Files as they are, read as plain text; StemmingAnalyzer, which cuts no Chinese."
    packages = ("whoosh3",)
    by_command = True

    def __init__(self) -> None:
        self._folder = Path()
        self._corpora: dict[str, Path] = {}

    def available(self) -> str | None:
        """Return whether the command is there."""
        return None if _command() else "the whoosh command is not installed (pip install whoosh3)"

    def version(self) -> str:
        """Return whoosh3's version."""
        try:
            return f"whoosh3 {version('whoosh3')}"
        except PackageNotFoundError:
            return ""

    def prepare(self, inputs: Inputs, folder: Path) -> None:
        """Link to the files."""
        (folder / "files").symlink_to(inputs.corpus.folder.resolve())

    def prepare_add(self, extra: Inputs, folder: Path) -> None:
        """Link to the other files as well."""
        (folder / "extra").symlink_to(extra.corpus.folder.resolve())

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return ``whoosh index``."""
        del inputs
        return [_command(), "index", "--follow-symlinks", "--ext", ".md", str(folder)]

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return ``whoosh index --update``, which looks at all files again: it knows no other."""
        del extra
        return [_command(), "index", "--update", "--follow-symlinks", "--ext", ".md", str(folder)]

    def size(self, folder: Path) -> int:
        """Return the size of its folder."""
        return super().size(folder / _PLACE)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Remember the folders: there is nothing to open."""
        self._folder = folder
        self._corpora = {"files": inputs.corpus.folder}

    def cannot(self, question: Question) -> str | None:
        """Return what its schema has nothing for."""
        return files_cannot(question)

    def ask(self, question: Question, limit: int) -> Answer:
        """Ask for the count, or for a page as people see it."""
        if not limit:
            out = self._run(question, "--count")
            return Answer(int(out.strip() or 0))
        out = self._run(
            question, "--limit", str(limit), "--page", str(question.offset // limit + 1)
        )
        total = _TOTAL.search(out)
        hits = _HIT.findall(out)
        return Answer(
            int(total[1]) if total else 0,
            tuple(self._absolute(path) for path, _ in hits),
            tuple(text for _, text in hits),
        )

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        out = self._run(question, "--files-with-matches", "--limit", "10000000")
        return [self._absolute(line) for line in out.splitlines() if line]

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``whoosh search``."""
        del inputs
        page = ["--page", str(question.offset // 10 + 1)]
        return [_command(), "search", *page, *_text_of(question), str(folder)]

    def _run(self, question: Question, *form: str) -> str:
        command = [_command(), "search", *form, *_text_of(question), str(self._folder)]
        return run(command, fine=(0, 1), watch=False).output

    def _absolute(self, path: str) -> str:
        top, _, rest = path.partition("/")
        return str(self._corpora[top] / rest) if top in self._corpora else path


def _command() -> str:
    beside = Path(sys.executable).with_name("whoosh")
    return str(beside) if beside.exists() else shutil.which("whoosh") or ""


def _text_of(question: Question) -> list[str]:
    if question.quoted:
        return [f'"{question.quoted}"']
    text = " ".join(question.texts)
    return ["--or", text] if question.any else [text]


def make() -> Peer:
    """Return the peer."""
    return WhooshCommand()

"""ripgrep over the files as they are: no index, so its questions are its whole cost.

It answers literal questions only. It also matches mark-up, links and headers, and misses strings
that a tag or a line break interrupts.
"""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

from bench.measure import run
from bench.peers.base import Answer, Inputs, Peer
from bench.questions import Question


class Ripgrep(Peer):
    """``rg`` with fixed strings."""

    name = "ripgrep"
    title = "ripgrep over the files"
    note = "Files as they are, no index; rg --fixed-strings --ignore-case, on all cores."
    by_command = True
    has_index = False
    has_snippets = False

    def __init__(self) -> None:
        self._files = Path()

    def available(self) -> str | None:
        """Return what is missing if the command is not installed."""
        return None if shutil.which("rg") else "rg not installed (apt-get install ripgrep)"

    def version(self) -> str:
        """Return the version that it prints."""
        return run(["rg", "--version"], watch=False).output.partition("\n")[0]

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return nothing to do."""
        del inputs, folder
        return ["true"]

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return nothing to do."""
        del extra, folder
        return ["true"]

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Remember where the files are."""
        del folder
        self._files = inputs.corpus.folder

    def cannot(self, question: Question) -> str | None:
        """Return why a search of lines cannot answer a question."""
        if not question.is_plain:
            return "knows no source and no date"
        if question.sort:
            return "knows the file's date only, not the article's"
        if question.facets:
            return "counts nothing by value"
        if question.offset:
            return "does not rank, so it has no pages"
        return "finds no files that contain several strings" if len(question.all) > 1 else None

    def ask(self, question: Question, limit: int) -> Answer:
        """List the files; this is as much work for ten as for all."""
        found = self.all_paths(question)
        return Answer(len(found), tuple(islice(found, limit)))

    def all_paths(self, question: Question) -> list[str]:
        """Return the files that contain the string, or one of the words."""
        out = run(_command(question, self._files), success=(0, 1), watch=False).output
        return out.splitlines()

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``rg`` listing files."""
        del folder
        return _command(question, inputs.corpus.folder)


def _command(question: Question, files: Path) -> list[str]:
    # Han matches anywhere, Latin whole words: as for newsgrep and brute force.
    whole = ["--word-regexp"] if all(map(str.isascii, question.texts)) else []
    wanted = [part for text in question.texts for part in ("-e", text)]
    form = ["--no-config", "--fixed-strings", "--ignore-case", "--files-with-matches"]
    return ["rg", *form, "--glob", "*.md", *whole, *wanted, str(files)]


def make() -> Peer:
    """Return the peer."""
    return Ripgrep()

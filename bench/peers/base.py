"""What a peer is: something that indexes a corpus and answers questions.

Most is measured as processes. A peer that is a library indexes within ``bench.worker``,
one that is a command runs as itself; both are timed from start to end.
"""

from __future__ import annotations

import json
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.cleaned import CleanedFile
from bench.corpora import Corpus
from bench.measure import run
from bench.paths import fresh, size_of
from bench.questions import Question

JOBS = 2


@dataclass(frozen=True, slots=True)
class Inputs:
    """What there is to index: the files, and the same articles already cleaned."""

    corpus: Corpus
    cleaned: CleanedFile


@dataclass(frozen=True, slots=True)
class Answer:
    """How many articles match, the files of those on the page, and what was shown of them.

    ``snippets`` are texts as a person would see them; empty where a peer has none.
    """

    total: int
    paths: tuple[str, ...] = ()
    snippets: tuple[str, ...] = ()


class Peer(ABC):
    """One way to search files. ``name`` is for commands, ``title`` for tables."""

    name: str
    title: str
    note: str
    """One sentence: what it indexes, and with which settings."""
    packages: ClassVar[tuple[str, ...]] = ()
    uses_newsgrep: ClassVar[bool] = False
    by_command: ClassVar[bool] = False
    """Whether each question is a process of its own."""
    has_index: ClassVar[bool] = True
    has_snippets: ClassVar[bool] = True

    @abstractmethod
    def available(self) -> str | None:
        """Return nothing if it can be used, else what is missing and how to get it."""

    def version(self) -> str:
        """Return the version of what is measured."""
        return ""

    @abstractmethod
    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return the command that indexes ``inputs`` into ``folder``, which is prepared."""

    @abstractmethod
    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return the command that adds articles to the index in ``folder``."""

    def prepare(self, inputs: Inputs, folder: Path) -> None:  # noqa: B027  (most need nothing)
        """Put into the empty ``folder`` what must be there first; this is not timed."""

    def prepare_add(self, extra: Inputs, folder: Path) -> None:  # noqa: B027  (likewise)
        """Put into ``folder``, a copy of an index, what adding needs; this is not timed."""

    @property
    def server_pid(self) -> int | None:
        """The process that does a part of the work, and is nobody's child, where there is one."""
        return None

    def is_there(self, folder: Path) -> bool:
        """Return whether an index that was made in ``folder`` can still be asked."""
        return folder.exists()

    def remove(self, folder: Path) -> None:
        """Remove the index in ``folder``, if there is one."""
        shutil.rmtree(folder, ignore_errors=True)

    def size(self, folder: Path) -> int:
        """Return the size of the index in bytes."""
        return size_of(folder)

    def index(self, inputs: Inputs, folder: Path) -> None:
        """Index ``inputs`` into ``folder`` anew, unmeasured."""
        self.remove(folder)
        self.prepare(inputs, fresh(folder))
        run(self.index_command(inputs, folder))

    @abstractmethod
    def open(self, inputs: Inputs, folder: Path) -> None:
        """Get ready to be asked."""

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Let go of the index."""

    @abstractmethod
    def cannot(self, question: Question) -> str | None:
        """Return why a question can't be asked at all, or nothing if it can."""

    @abstractmethod
    def ask(self, question: Question, limit: int) -> Answer:
        """Answer with ``limit`` hits and their snippets; with 0, only count.

        A peer that can't count without more work does that work.
        """

    @abstractmethod
    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all articles that match."""

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return the command that a person would type for one question, if there is one."""
        del question, inputs, folder
        return None

    def human_command(self, question: Question, folder: Path) -> list[str] | None:
        """Return that command as on a terminal, if it prints something else there."""
        del question, folder
        return None


class LibraryPeer(Peer):
    """A peer without a command of its own: a small script around a library."""

    @abstractmethod
    def index_here(self, inputs: Inputs, folder: Path) -> None:
        """Index within this process."""

    @abstractmethod
    def add_here(self, extra: Inputs, folder: Path) -> None:
        """Add articles within this process."""

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return the command that calls :meth:`index_here` in a process of its own."""
        return worker("index", self.name, job(inputs, folder))

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return the command that calls :meth:`add_here` in a process of its own."""
        return worker("add", self.name, job(extra, folder))

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return the command that opens the index, asks once and ends."""
        return worker("ask", self.name, {**job(inputs, folder), "question": question.name})


def worker(step: str, peer: str, told: dict[str, object]) -> list[str]:
    """Return the command that does a step of a peer in a process of its own."""
    return [sys.executable, "-m", "bench.worker", step, peer, json.dumps(told)]


def job(inputs: Inputs, folder: Path) -> dict[str, object]:
    """Return inputs and folder as a worker is told of them; see :func:`inputs_of`."""
    cleaned = inputs.cleaned
    return {
        "corpus": inputs.corpus.name,
        "files": str(inputs.corpus.folder),
        "cleaned": str(cleaned.path),
        "articles": cleaned.articles,
        "text_bytes": cleaned.text_bytes,
        "seconds": cleaned.seconds,
        "folder": str(folder),
    }


def inputs_of(told: dict[str, object]) -> tuple[Inputs, Path]:
    """Return what :func:`job` told."""
    corpus = Corpus(str(told["corpus"]), Path(str(told["files"])))
    cleaned = CleanedFile(
        Path(str(told["cleaned"])),
        int(str(told["articles"])),
        int(str(told["text_bytes"])),
        float(str(told["seconds"])),
    )
    return Inputs(corpus, cleaned), Path(str(told["folder"]))


def files_cannot(question: Question) -> str | None:
    """Return why a peer that knows files, and nothing of articles, can't be asked."""
    if question.source:
        return "knows no source"
    if question.since or question.sort:
        return "knows the file's date only, not the article's"
    return "counts nothing by value" if question.facets else None

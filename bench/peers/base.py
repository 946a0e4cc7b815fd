"""The interface of a peer: something that indexes a corpus and answers questions.

Most is measured as processes. A peer that is a library indexes within ``bench.worker``, a peer
that is a command runs as itself; both are timed from start to end.
"""

from __future__ import annotations

import json
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.cleaned import CleanedFile
from bench.corpora import Corpus
from bench.measure import run
from bench.paths import fresh, size_of
from bench.questions import Question

JOBS = 2


@dataclass(frozen=True, slots=True)
class Inputs:
    """What there is to index: the files, and the same articles already extracted."""

    corpus: Corpus
    cleaned: CleanedFile


@dataclass(frozen=True, slots=True)
class Answer:
    """The number of matches, and the files and snippets of the hits on the page.

    ``snippets`` are texts as a person sees them; empty if a peer has none.
    """

    total: int
    paths: tuple[str, ...] = ()
    snippets: tuple[str, ...] = ()


class Peer(ABC):
    """One way to search files. ``name`` is for commands, ``title`` for tables."""

    name: str
    title: str
    note: str
    """What it indexes, and with which settings."""
    uses_newsgrep: ClassVar[bool] = False
    by_command: ClassVar[bool] = False
    """Whether each question is a process of its own."""
    has_index: ClassVar[bool] = True
    has_snippets: ClassVar[bool] = True

    @abstractmethod
    def available(self) -> str | None:
        """Return ``None`` if it can be used, else what is missing and how to install it."""

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
        """Put what indexing needs into the empty ``folder``; this is not timed."""

    def prepare_add(self, extra: Inputs, folder: Path) -> None:  # noqa: B027  (likewise)
        """Put what adding needs into ``folder``, a copy of an index; this is not timed."""

    def size(self, folder: Path) -> int:
        """Return the size of the index in bytes."""
        return size_of(folder)

    def index(self, inputs: Inputs, folder: Path) -> None:
        """Index ``inputs`` into ``folder``, unmeasured; an index there is replaced."""
        shutil.rmtree(folder, ignore_errors=True)
        self.prepare(inputs, fresh(folder))
        run(self.index_command(inputs, folder))

    @abstractmethod
    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the index for questions."""

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Close the index."""

    def cannot(self, question: Question) -> str | None:
        """Return why this peer cannot answer a question, ``None`` if it can."""
        del question
        return None

    @abstractmethod
    def ask(self, question: Question, limit: int) -> Answer:
        """Answer with ``limit`` hits and their snippets; with 0, only count.

        A peer that cannot count without more work does that work.
        """

    @abstractmethod
    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matching articles."""

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return the command that a person would type for a question, if there is one."""
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
        """Return the command that opens the index, answers one question and exits."""
        return worker("ask", self.name, {**job(inputs, folder), "question": question.name})


def worker(step: str, peer: str, details: dict[str, Any]) -> list[str]:
    """Return the command that does a step of a peer in a process of its own."""
    return [sys.executable, "-m", "bench.worker", step, peer, json.dumps(details, default=str)]


def job(inputs: Inputs, folder: Path) -> dict[str, Any]:
    """Return inputs and folder as JSON for a worker; :func:`inputs_of` reads them."""
    return {**asdict(inputs), "folder": folder}


def inputs_of(details: dict[str, Any]) -> tuple[Inputs, Path]:
    """Return the inputs and the folder that :func:`job` wrote."""
    corpus, cleaned = details["corpus"], details["cleaned"]
    return (
        Inputs(
            Corpus(corpus["name"], Path(corpus["folder"])),
            CleanedFile(**{**cleaned, "path": Path(cleaned["path"])}),
        ),
        Path(details["folder"]),
    )


def files_cannot(question: Question) -> str | None:
    """Return why a peer that has files, and no fields of articles, cannot answer a question."""
    if question.source:
        return "knows no source"
    if question.since or question.sort:
        return "knows the file's date only, not the article's"
    return "counts nothing by value" if question.facets else None

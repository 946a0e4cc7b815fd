"""newsgrep itself: its command for indexing and cold questions, its one use case for warm ones."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

from bench.peers.base import JOBS, Answer, Inputs, Peer
from bench.questions import Question
from newsgrep import __version__
from newsgrep.archive.location import Location
from newsgrep.archive.place import opened
from newsgrep.engines.base import Engine, Order
from newsgrep.query.parser import parse
from newsgrep.search import Request, search

_ALL = 10_000_000


class Newsgrep(Peer):
    """The command ``newsgrep``."""

    name = "newsgrep"
    title = "newsgrep"
    note = f"Files as they are; newsgrep index --jobs {JOBS}."
    uses_newsgrep = True

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._engine: Engine

    def available(self) -> str | None:
        """Return nothing: it is here."""
        return None

    def version(self) -> str:
        """Return newsgrep's version."""
        return __version__

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return ``newsgrep index``."""
        return [
            *command(), "index", str(inputs.corpus.folder),
            "--jobs", str(JOBS), "--index", str(folder),
        ]  # fmt: skip

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return the same with other files."""
        return self.index_command(extra, folder)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the index as ``newsgrep search`` does."""
        del inputs
        self._engine = self._stack.enter_context(opened(folder))

    def close(self) -> None:
        """Close the index."""
        self._stack.close()

    def cannot(self, question: Question) -> str | None:
        """Return nothing: all questions are its own."""
        del question
        return None

    def ask(self, question: Question, limit: int) -> Answer:
        """Parse, search and cut snippets, as for a page of hits."""
        order = {"newest": Order.NEWEST, "oldest": Order.OLDEST, "": Order.RELEVANCE}
        request = Request(
            parse(text_of(question)), order[question.sort], limit, question.offset, question.facets
        )
        result = search(self._engine, request)
        return Answer(
            result.total,
            tuple(hit.article.path for hit in result.hits),
            tuple(" … ".join(snippet.text for snippet in hit.snippets) for hit in result.hits),
        )

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        page = self._engine.search(parse(text_of(question)).root, Order.NEWEST, _ALL)
        articles = self._engine.get(candidate.id for candidate in page.candidates)
        return [article.path for article in articles]

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``newsgrep search --json``."""
        del inputs
        return search_command(question, folder, "--json")


def command() -> list[str]:
    """Return how newsgrep is started: its script beside this Python, else as a module."""
    beside = Path(sys.executable).with_name("newsgrep")
    found = str(beside) if beside.exists() else shutil.which("newsgrep")
    return [found] if found else [sys.executable, "-m", "newsgrep"]


def search_command(question: Question, index: Location, *form: str) -> list[str]:
    """Return the command for a question in a form of output."""
    sort = {"newest": ["--sort", "-date"], "oldest": ["--sort", "date"], "": []}[question.sort]
    paging = ["--offset", str(question.offset)] if question.offset else []
    return [
        *command(), "search", *form, *sort, *paging, "--index", str(index), text_of(question)
    ]  # fmt: skip


def text_of(question: Question) -> str:
    """Return a question in newsgrep's language."""
    if question.quoted:
        text = f'"{question.quoted}"'
    else:
        text = (" OR " if question.any else " ").join(question.texts)
    parts = [f"({text})" if question.any else text]
    parts += [
        f"{field}:{value}"
        for field, value in (
            ("source", question.source),
            ("since", question.since),
            ("until", question.until),
        )
        if value
    ]
    return " ".join(parts)


def make() -> Peer:
    """Return the peer."""
    return Newsgrep()

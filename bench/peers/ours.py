"""newsgrep itself on each of its engines: its commands, and its one use case for warm questions."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Final

from bench.measure import run
from bench.peers.base import JOBS, Answer, Inputs, Peer
from bench.questions import Question
from bench.server import SERVER, missing
from newsgrep import __version__
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.index.store import index_at
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from newsgrep.search.search import SearchRequest, search

_ALL: Final = 10_000_000
_TOGETHER: Final = 1000
_ADDRESS: Final = "address"
"""The file that says where the index is, in the folder of one that is on a server."""
_ENGINES: Final = {
    "whoosh": ("newsgrep", "newsgrep (whoosh)", ""),
    "tantivy": ("newsgrep-tantivy", "newsgrep, tantivy", "tantivy"),
    "opensearch": ("newsgrep-opensearch", "newsgrep, OpenSearch, one node", "opensearch-py"),
}
"""For each engine: the peer's name, its title, and the package that it needs."""
_MODULES: Final = {"tantivy": "tantivy", "opensearch-py": "opensearchpy"}


class Newsgrep(Peer):
    """The command ``newsgrep`` with an index of one engine."""

    uses_newsgrep = True

    def __init__(self, engine: str = "whoosh") -> None:
        self.engine = engine
        self.name, self.title, self._package = _ENGINES[engine]
        self._on_server = engine == "opensearch"
        place = "--index opensearch://…" if self._on_server else f"--engine {engine}"
        self.note = f"Files as they are; newsgrep index --jobs {JOBS} {place}."
        self._stack = ExitStack()
        self._engine: Engine

    def available(self) -> str | None:
        """Return which package is not installed, or why there is no server."""
        if self._package and not find_spec(_MODULES[self._package]):
            return f'{self._package} not installed (pip install "newsgrep[{self.engine}]")'
        return missing() if self._on_server else None

    def version(self) -> str:
        """Return the versions of newsgrep and of what the engine is made of."""
        parts = [__version__]
        if self._package:
            parts.append(f"{self._package} {version(self._package)}")
        if self._on_server:
            parts.append(SERVER.version)
        return ", ".join(parts)

    def where(self, folder: Path) -> str:
        """Return the index as ``--index`` takes it; ``folder`` is where the bench keeps it."""
        return (folder / _ADDRESS).read_text("utf-8") if self._on_server else str(folder)

    @property
    def server_pid(self) -> int | None:
        """The process of the server, where there is one."""
        return SERVER.pid if self._on_server else None

    def prepare(self, inputs: Inputs, folder: Path) -> None:
        """Choose the index's name on the server."""
        del inputs
        if self._on_server:
            (folder / _ADDRESS).write_text(SERVER.new_address(), "utf-8")

    def prepare_add(self, extra: Inputs, folder: Path) -> None:
        """Copy the index on the server, too."""
        del extra
        if self._on_server:
            original = self.where(folder)
            (folder / _ADDRESS).write_text(SERVER.new_address(), "utf-8")
            run([*command(), "copy", "--index", original, "--to", self.where(folder)])

    def is_there(self, folder: Path) -> bool:
        """Return whether the server of this run has the index."""
        if not self._on_server:
            return super().is_there(folder)
        return (folder / _ADDRESS).exists() and SERVER.has(self.where(folder))

    def remove(self, folder: Path) -> None:
        """Remove the index, on the server as well."""
        if self._on_server and self.is_there(folder):
            SERVER.delete(self.where(folder))
        super().remove(folder)

    def size(self, folder: Path) -> int:
        """Return the size of the index in bytes, on a server as that tells it."""
        return index_at(self.where(folder)).size()

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return ``newsgrep index``."""
        engine = [] if self._on_server else ["--engine", self.engine]
        return [
            *command(), "index", str(inputs.corpus.folder),
            "--jobs", str(JOBS), "--index", self.where(folder), *engine,
        ]  # fmt: skip

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return the same with other files."""
        return self.index_command(extra, folder)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the index as ``newsgrep search`` does."""
        del inputs
        self._engine = self._stack.enter_context(index_at(self.where(folder)).open())

    def close(self) -> None:
        """Close the index."""
        self._stack.close()

    def cannot(self, question: Question) -> str | None:
        """Return nothing: all questions are its own."""
        del question
        return None

    def ask(self, question: Question, limit: int) -> Answer:
        """Parse, search and cut snippets, as for a page of hits."""
        result = search(self._engine, request_of(question, limit))
        return Answer(
            result.total,
            tuple(hit.article.path for hit in result.hits),
            tuple(" … ".join(snippet.text for snippet in hit.snippets) for hit in result.hits),
        )

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        page = self._engine.search(EngineRequest(parse(text_of(question)).root, Order.NEWEST, _ALL))
        articles = self._engine.get(candidate.id for candidate in page.candidates)
        return [article.path for article in articles]

    def held(self) -> dict[str, int]:
        """Return how many articles the open index has, and of how many bytes of text in UTF-8."""
        candidates = self._engine.search(EngineRequest(MatchAll(), Order.NEWEST, _ALL)).candidates
        ids = iter([candidate.id for candidate in candidates])
        text_bytes = 0
        while some := list(islice(ids, _TOGETHER)):
            texts = (f"{article.title}{article.body}" for article in self._engine.get(some))
            text_bytes += sum(len(text.encode("utf-8", "replace")) for text in texts)
        return {"articles": len(candidates), "text_bytes": text_bytes}

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``newsgrep search --json``."""
        del inputs
        return search_command(question, self.where(folder), "--json")

    def human_command(self, question: Question, folder: Path) -> list[str] | None:
        """Return ``newsgrep search`` as on a terminal."""
        return search_command(question, self.where(folder), "--color=always")


def command() -> list[str]:
    """Return how newsgrep is started: its script beside this Python, else as a module."""
    beside = Path(sys.executable).with_name("newsgrep")
    found = str(beside) if beside.exists() else shutil.which("newsgrep")
    return [found] if found else [sys.executable, "-m", "newsgrep"]


def search_command(question: Question, index: str, *form: str) -> list[str]:
    """Return the command for a question in a form of output."""
    sort = {"newest": ["--sort", "-date"], "oldest": ["--sort", "date"], "": []}[question.sort]
    paging = ["--offset", str(question.offset)] if question.offset else []
    return [*command(), "search", *form, *sort, *paging, "--index", index, text_of(question)]


def request_of(question: Question, limit: int) -> SearchRequest:
    """Return what ``newsgrep search`` asks of an index for a question."""
    order = {"newest": Order.NEWEST, "oldest": Order.OLDEST, "": Order.RELEVANCE}
    parsed = parse(text_of(question))
    return SearchRequest(parsed, order[question.sort], limit, question.offset, question.facets)


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


def make(engine: str = "whoosh") -> Newsgrep:
    """Return the peer of an engine."""
    return Newsgrep(engine)

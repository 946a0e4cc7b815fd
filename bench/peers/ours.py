"""newsgrep itself on each of its engines: its commands, and its search for warm questions."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bench.measure import run
from bench.peers.base import JOBS, Answer, Inputs, Peer
from bench.questions import Question
from newsgrep import __version__
from newsgrep.engines.base import Engine, EngineRequest, Order
from newsgrep.indexing import index_at
from newsgrep.query.parser import parse
from newsgrep.search.search import SearchRequest, search

SERVER_VARIABLE: Final = "NEWSGREP_BENCH_OPENSEARCH"
"""The environment variable with a server's address, such as opensearch://127.0.0.1:9200."""
_ALL: Final = 10_000_000
_ADDRESS: Final = "address"
"""The file with the address of an index on a server, in the folder of the index."""
_ENGINES: Final = {
    "whoosh": ("newsgrep", "newsgrep (whoosh)", "whoosh3", "whoosh"),
    "tantivy": ("newsgrep-tantivy", "newsgrep, tantivy", "tantivy", "tantivy"),
    "opensearch": ("newsgrep-opensearch", "newsgrep, OpenSearch", "newsgrep", "newsgrep"),
}
"""For each engine: the peer's name, its title, and the package and module that it needs."""


class Newsgrep(Peer):
    """The command ``newsgrep`` with an index of one engine."""

    uses_newsgrep = True

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.name, self.title, self._package, self._module = _ENGINES[engine]
        self._on_server = engine == "opensearch"
        where = "--index opensearch://…" if self._on_server else f"--engine {engine}"
        self.note = f"Files as they are; newsgrep index --jobs {JOBS} {where}."
        self._stack = ExitStack()
        self._engine: Engine

    def available(self) -> str | None:
        """Return which package is not installed, or that no server is named."""
        if not find_spec(self._module):
            return f'{self._package} not installed (pip install "newsgrep[{self.engine}]")'
        if self._on_server and not os.environ.get(SERVER_VARIABLE):
            return f"no server named ({SERVER_VARIABLE}=opensearch://127.0.0.1:9200)"
        return None

    def version(self) -> str:
        """Return the versions of newsgrep and of the engine's package."""
        return f"{__version__}, {self._package} {version(self._package)}"

    def where(self, folder: Path) -> str:
        """Return the index for ``--index``; ``folder`` is the bench's folder for it."""
        return (folder / _ADDRESS).read_text("utf-8") if self._on_server else str(folder)

    def prepare(self, inputs: Inputs, folder: Path) -> None:
        """Choose a new name on the server; indexes that were measured before stay there."""
        del inputs
        if self._on_server:
            address = f"{os.environ[SERVER_VARIABLE]}/bench-{uuid.uuid4().hex}?replicas=0"
            (folder / _ADDRESS).write_text(address, "utf-8")

    def prepare_add(self, extra: Inputs, folder: Path) -> None:
        """Copy the index on the server, too."""
        if self._on_server:
            original = self.where(folder)
            self.prepare(extra, folder)
            run([*command(), "copy", "--index", original, "--to", self.where(folder)])

    def size(self, folder: Path) -> int:
        """Return the size of the index in bytes, on a server as the server reports it."""
        return index_at(self.where(folder)).size()

    def index_command(self, inputs: Inputs, folder: Path) -> list[str]:
        """Return ``newsgrep index``."""
        engine = [] if self._on_server else ["--engine", self.engine]
        files, where = str(inputs.corpus.folder), self.where(folder)
        return [*command(), "index", files, "--jobs", str(JOBS), "--index", where, *engine]

    def add_command(self, extra: Inputs, folder: Path) -> list[str]:
        """Return the same command for other files."""
        return self.index_command(extra, folder)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the index as ``newsgrep search`` does."""
        del inputs
        self._engine = self._stack.enter_context(index_at(self.where(folder)).open())

    def use(self, engine: Engine) -> None:
        """Search in an engine that is open already, and that the caller closes."""
        self._engine = engine

    def close(self) -> None:
        """Close the index."""
        self._stack.close()

    def ask(self, question: Question, limit: int) -> Answer:
        """Parse, search and cut snippets, as for a page of hits."""
        if forget := getattr(self._engine, "forget_matches", None):
            forget()  # else a quoted string would be measured that was searched for just before
        order = {"newest": Order.NEWEST, "oldest": Order.OLDEST, "": Order.RELEVANCE}
        request = SearchRequest(
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
        request = EngineRequest(parse(text_of(question)).root, Order.NEWEST, _ALL)
        candidates = self._engine.search(request).candidates
        return [article.path for article in self._engine.get(each.id for each in candidates)]

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``newsgrep search --json``."""
        del inputs
        return search_command(question, self.where(folder), "--json")

    def human_command(self, question: Question, folder: Path) -> list[str] | None:
        """Return ``newsgrep search`` as on a terminal."""
        return search_command(question, self.where(folder), "--color=always")


def command() -> list[str]:
    """Return how to start newsgrep: its script beside this Python, else as a module."""
    beside = Path(sys.executable).with_name("newsgrep")
    found = str(beside) if beside.exists() else shutil.which("newsgrep")
    return [found] if found else [sys.executable, "-m", "newsgrep"]


def search_command(question: Question, index: str, output: str) -> list[str]:
    """Return the command for a question in a form of output."""
    sort = {"newest": ["--sort", "-date"], "oldest": ["--sort", "date"], "": []}[question.sort]
    paging = ["--offset", str(question.offset)] if question.offset else []
    return [*command(), "search", output, *sort, *paging, "--index", index, text_of(question)]


def text_of(question: Question) -> str:
    """Return a question in newsgrep's query language."""
    if question.quoted:
        text = f'"{question.quoted}"'
    else:
        text = (" OR " if question.any else " ").join(question.texts)
    filters = (
        f"{field}:{value}"
        for field in ("source", "since", "until")
        if (value := getattr(question, field))
    )
    return " ".join([f"({text})" if question.any else text, *filters])


def make(engine: str) -> Newsgrep:
    """Return the peer of an engine."""
    return Newsgrep(engine)

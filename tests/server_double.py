"""A server's stand-in: the room of an engine whose indexes have addresses, kept in memory.

It takes changes one by one, as a server does. Where the environment names a file, its indexes
are read from there and written back, so that processes one after another have the same server.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from newsgrep.engines.base import Change, Kept, Lost, Problem
from newsgrep.engines.memory import MemoryEngine
from newsgrep.engines.opensearch.address import parse_address
from newsgrep.errors import IndexMissing, ServerProblem
from tests.conftest import REPOSITORY, Argument, Cli, Environment, Ran

FILE = "NEWSGREP_TESTED_SERVER"
SILENT = "silent.example"

Manifest = dict[str, object]


class Index(MemoryEngine):
    """One index on the server; whoever opens it sees what all others have written."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__()
        self.manifest = manifest
        self.tidied = 0
        self.unreadable: set[str] = set()

    def write(self, changes: Iterable[Change]) -> None:
        """Take every change as it comes: what has come stays, whatever follows."""
        try:
            for change in changes:
                super().write((change,))
        finally:
            _save()

    def check(self, *, deep: bool = False) -> list[Problem]:  # noqa: ARG002  (there is nothing deeper)
        return [Problem(f"the article {each} can't be read") for each in self.unreadable]

    def tidy(self) -> list[str]:
        self.tidied += 1
        return []

    def kept(self) -> Iterator[Kept | Lost]:
        for document in self._documents.values():
            article, stamp = document.article, document.entry.stamp
            yield Lost(stamp.path) if article.id in self.unreadable else Kept(article, stamp)
        for stamp in self._notes.values():
            yield Kept(None, stamp)


INDEXES: dict[str, Index] = {}
"""By the canonical form of the address."""


def _key(url: str) -> str:
    address = parse_address(url)
    if address.host == SILENT:
        raise ServerProblem(f"The server at {SILENT} does not answer: is it running?")
    if path := os.environ.get(FILE):
        if Path(path).exists():
            INDEXES.update(pickle.loads(Path(path).read_bytes()))  # noqa: S301  (our own)
        else:
            INDEXES.clear()
    return address.canonical


def _save() -> None:
    if path := os.environ.get(FILE):
        Path(path).write_bytes(pickle.dumps(INDEXES))


def manifest(url: str) -> Manifest | None:
    index = INDEXES.get(_key(url))
    return index.manifest if index else None


def open_engine(url: str, create: bool, manifest: Manifest | None = None) -> Index:
    key = _key(url)
    if create:
        assert manifest is not None
        INDEXES[key] = Index(manifest)
        _save()
    if key not in INDEXES:
        raise IndexMissing(f"There is no index at {url}.")
    return INDEXES[key]


@contextmanager
def replace(url: str, manifest: Manifest) -> Iterator[Index]:
    key = _key(url)
    new = Index(manifest)
    yield new
    INDEXES[key] = new
    _save()


def everything_kept(url: str) -> Iterator[Kept | Lost]:
    return INDEXES[_key(url)].kept()


def size(url: str) -> int:
    return sum(len(document.entry.folded) for document in INDEXES[_key(url)]._documents.values())


_START = """
from newsgrep.engines import base
base._ROOMS["opensearch"] = base._Room("tests.server_double")
"""


class ServedCli(Cli):
    """The newsgrep command, with a server for it at every address."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        start = folder / "start"
        start.mkdir()
        (start / "sitecustomize.py").write_text(_START, "utf-8")
        self._env = {
            "PYTHONPATH": f"{start}{os.pathsep}{REPOSITORY}",
            FILE: str(folder / "server.pickle"),
        }

    @property
    def indexes(self) -> dict[str, Index]:
        """Return what is on the server now."""
        indexes: dict[str, Index] = pickle.loads(Path(self._env[FILE]).read_bytes())  # noqa: S301  (our own)
        return indexes

    def put(self, indexes: dict[str, Index]) -> None:
        """Change what is on the server."""
        Path(self._env[FILE]).write_bytes(pickle.dumps(indexes))

    def run(self, *args: Argument, stdin: bytes = b"", env: Environment | None = None) -> Ran:
        return super().run(*args, stdin=stdin, env={**self._env, **(env or {})})

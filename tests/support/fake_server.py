"""A fake server in memory that is registered in place of the engine ``opensearch``.

It applies changes one by one, as a server does. If the environment names a file, its indexes
are read from there and written back, so that several processes use the same server.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from newsgrep.engines.base import (
    Change,
    Conflict,
    DeleteArticle,
    Problem,
    PutArticle,
    Stored,
    Unreadable,
    is_expected,
)
from newsgrep.engines.memory import MemoryEngine
from newsgrep.engines.opensearch.address import OpenSearchAddress, parse_address
from newsgrep.engines.registry import (
    EngineSpec,
    LocationKind,
    OpenServerIndex,
    find_engine,
    register_engine,
    unregister_engine,
)
from newsgrep.errors import ServerProblem
from tests.support.cli import REPOSITORY, Argument, Cli, CommandResult, Environment

STATE_FILE_VARIABLE = "NEWSGREP_TESTED_SERVER"
SILENT_HOST = "silent.example"

Manifest = Mapping[str, object]


class FakeIndex(MemoryEngine):
    """One index on the server; everyone who opens it sees all writes."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__()
        self.manifest = manifest
        self.tidied = 0
        self.unreadable: set[str] = set()

    def write(self, changes: Iterable[Change]) -> None:
        """Apply each change at once: earlier ones stay if a later one fails."""
        written: list[PutArticle] = []
        try:
            for change in changes:
                if not self._is_refused(change):
                    super().write((change,))
                    written += [change] if isinstance(change, PutArticle) else []
        finally:
            _save()
        for put in written:
            self._report_others(put)

    def _report_others(self, put: PutArticle) -> None:
        """Report other articles at the address of one that was written."""
        record = put.document.file_record
        address = record.address or record.article_id
        for each in self._documents.values() if put.expected else ():
            other = each.indexed.file_record
            is_there = address in {other.address, other.article_id}
            if put.expected and is_there and other.article_id != record.article_id:
                put.expected.report(Conflict(None, other))

    def _is_refused(self, change: Change) -> bool:
        """Return whether another process has stored something else; report it."""
        match change:
            case PutArticle(document):
                key = document.article_id
            case DeleteArticle(key):
                pass
            case _:
                return False
        stored = self._documents.get(key)
        if stored is None or is_expected(change, record := stored.indexed.file_record):
            return False
        if isinstance(change, PutArticle) and change.expected:
            change.expected.report(Conflict(change.document, record))
        return True

    def verify(self, *, deep: bool = False) -> list[Problem]:  # noqa: ARG002  (deep is no different)
        return [Problem(f"the article {each} can't be read") for each in self.unreadable]

    def remove_leftovers(self) -> list[str]:
        self.tidied += 1
        return []

    def stored(self) -> Iterator[Stored | Unreadable]:
        for document in self._documents.values():
            article, record = document.article, document.indexed.file_record
            is_unreadable = article.id in self.unreadable
            yield Unreadable(record.path) if is_unreadable else Stored(article, record)
        for record in self._file_records.values():
            yield Stored(None, record)


INDEXES: dict[str, FakeIndex] = {}
"""By the canonical form of the address."""


_synced = b""
"""What was last read from the file of the indexes, or written to it."""


def _key(url: str) -> str:
    address = parse_address(url)
    if address.host == SILENT_HOST:
        raise ServerProblem(f"The server at {SILENT_HOST} does not respond. Is it running?")
    if path := os.environ.get(STATE_FILE_VARIABLE):
        _load(Path(path))
    return address.canonical


def _load(path: Path) -> None:
    """Read the indexes if another process has written: open engines are of the old ones."""
    global _synced
    state = path.read_bytes() if path.exists() else b""
    if state != _synced:
        INDEXES.clear()
        INDEXES.update(pickle.loads(state) if state else {})  # noqa: S301  (our own)
        _synced = state


def _save() -> None:
    global _synced
    if path := os.environ.get(STATE_FILE_VARIABLE):
        _synced = pickle.dumps(INDEXES)
        Path(path).write_bytes(_synced)


class FakeServer:
    """The server at every address; see :class:`newsgrep.engines.registry.ServerOperations`."""

    def address(self, url: str) -> OpenSearchAddress:
        return parse_address(url)

    def with_timeout(self, seconds: float) -> Self:  # noqa: ARG002  (it responds at once)
        return self

    def manifest(self, url: str) -> Manifest | None:
        index = INDEXES.get(_key(url))
        return index.manifest if index else None

    def open(self, url: str) -> OpenServerIndex | None:
        index = INDEXES.get(_key(url))
        return OpenServerIndex(index.manifest, index) if index else None

    def create(self, url: str, manifest: Manifest) -> FakeIndex:
        index = INDEXES[_key(url)] = FakeIndex(manifest)
        _save()
        return index

    @contextmanager
    def replace(self, url: str, manifest: Manifest) -> Iterator[FakeIndex]:
        key = _key(url)
        new = FakeIndex(manifest)
        yield new
        INDEXES[key] = new
        _save()

    def salvage(self, url: str) -> Iterator[Stored | Unreadable]:
        return INDEXES[_key(url)].stored()

    def size(self, url: str) -> int:
        documents = INDEXES[_key(url)]._documents.values()
        return sum(len(document.indexed.folded) for document in documents)


SPEC = EngineSpec("opensearch", LocationKind.SERVER, server=FakeServer(), stores_impacts=True)


@contextmanager
def registered_server() -> Iterator[None]:
    """Put an empty fake server in place of OpenSearch in this process; may be nested."""
    global _synced
    is_nested = find_engine(SPEC.name) is SPEC
    outer = dict(INDEXES), _synced
    INDEXES.clear()
    _synced = b""
    register_engine(SPEC.name, SPEC)
    try:
        yield
    finally:
        INDEXES.clear()
        _synced = b""
        if is_nested:
            INDEXES.update(outer[0])
            _synced = outer[1]
        else:
            unregister_engine(SPEC.name)


_SITECUSTOMIZE = """
from newsgrep.engines.registry import register_engine
register_engine("opensearch", "tests.support.fake_server:SPEC")
"""


class FakeServerCli(Cli):
    """The newsgrep command, with a server for it at every address."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        start = folder / "start"
        start.mkdir()
        (start / "sitecustomize.py").write_text(_SITECUSTOMIZE, "utf-8")
        self._path = f"{start}{os.pathsep}{REPOSITORY}"
        self._env = {STATE_FILE_VARIABLE: str(folder / "server.pickle")}

    @property
    def indexes(self) -> dict[str, FakeIndex]:
        """Return what is on the server now."""
        indexes: dict[str, FakeIndex] = pickle.loads(  # noqa: S301  (our own)
            Path(self._env[STATE_FILE_VARIABLE]).read_bytes()
        )
        return indexes

    def put(self, indexes: dict[str, FakeIndex]) -> None:
        """Change what is on the server."""
        Path(self._env[STATE_FILE_VARIABLE]).write_bytes(pickle.dumps(indexes))

    def process(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        whole = {**self._env, "PYTHONPATH": self._path, **(env or {})}
        return super().process(*args, stdin=stdin, env=whole)

    def run(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        with registered_server():
            return super().run(*args, stdin=stdin, env={**self._env, **(env or {})})

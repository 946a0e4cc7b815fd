"""The engines that newsgrep knows: each is declared by an :class:`EngineSpec`.

Newsgrep's own engines are in a table here. Others declare theirs as an entry point of the
group ``newsgrep.engines``, so that installing their package is all it takes::

    [project.entry-points."newsgrep.engines"]
    lucene = "newsgrep_lucene:SPEC"

An entry point is looked up only for a name that is not in the table: importing
``importlib.metadata`` and scanning the installed packages takes 80 ms, as much as the rest of
a cold search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from newsgrep.engines.base import Engine, RolledBack, Stored, Unreadable
from newsgrep.errors import IndexMismatch, UsageError
from newsgrep.models import Value

DEFAULT_ENGINE: Final = "whoosh"
"""The engine of a new index in a folder."""

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds that a server may take for a request."""

ENTRY_POINTS: Final = "newsgrep.engines"
"""The entry-point group in which packages declare engines."""


class LocationKind(StrEnum):
    """Where an engine stores its data."""

    FOLDER = "folder"
    SERVER = "server"
    MEMORY = "memory"


class ServerAddress(Protocol):
    """What the URL of an index on a server says."""

    @property
    def host(self) -> str:
        """Return the host name."""

    @property
    def name(self) -> str:
        """Return the name of the index on the server."""

    @property
    def canonical(self) -> str:
        """Return a form that is the same for all URLs of one index."""


class OpenServerIndex(NamedTuple):
    """An open index on a server, and what was stored with it when it was created."""

    manifest: Mapping[str, object]
    engine: Engine


class ServerOperations(Protocol):
    """What an engine does for indexes on servers; each is named by its URL.

    All methods but :meth:`address` and :meth:`with_timeout` raise :class:`ServerProblem` if the
    server does not respond or responds incorrectly, and :class:`IndexDamaged` if its data can't
    be read.
    """

    def address(self, url: str) -> ServerAddress:
        """Parse a URL without connecting; raises :class:`UsageError` if it is invalid."""

    def with_timeout(self, seconds: float) -> ServerOperations:
        """Return the same operations with another limit for each request.

        The default is :data:`DEFAULT_TIMEOUT`. The limit includes the connection, repeated
        attempts and the whole response.
        """

    def manifest(self, url: str) -> Mapping[str, object] | None:
        """Return what was stored when the index was created, ``None`` if there is no index."""

    def open(self, url: str) -> OpenServerIndex | None:
        """Open the index, ``None`` if there is none."""

    def create(self, url: str, manifest: Mapping[str, object]) -> Engine:
        """Create an empty index, which exists from now on, with its ``manifest``; open it."""

    def replace(self, url: str, manifest: Mapping[str, object]) -> AbstractContextManager[Engine]:
        """Create an empty index that replaces the existing one, if any, on leaving.

        If the block raises, the new index is removed and the existing one stays. Raises
        :class:`ServerProblem` if somebody else has written to the existing one meanwhile.
        """

    def salvage(self, url: str) -> Iterator[Stored | Unreadable]:
        """Yield everything stored, each article and file record once, and what is unreadable."""

    def size(self, url: str) -> int:
        """Return how many bytes the index takes on the server, including replicas."""


def _nothing_stored(_folder: Path) -> Iterator[Stored | Unreadable]:
    return iter(())


def _no_commit(_folder: Path) -> RolledBack:
    raise UsageError("There is no commit to roll back to: nothing is stored.")


def _no_folder(folder: Path, _create: bool) -> Engine:
    raise IndexMismatch("There can be no data of this engine in {folder}.", folder=folder)


class EngineSpec(Value):
    """A declaration of one engine.

    ``name`` is what manifests and ``--engine`` say, and the URL scheme if ``location`` is a
    server. ``requires`` is a package to import beyond newsgrep's own dependencies, and
    ``extra`` the extra of newsgrep that installs it. ``stores_impacts`` says that how much a
    term counts is stored in the index, so that an index with other impacts must be rebuilt.

    An engine with ``location`` folder must have three functions of the folder of its data:
    ``open(folder, create)`` opens it, or creates an empty one; ``salvage(folder)`` yields what
    can be read of data that may be damaged, each article and file record once;
    ``rollback(folder)`` drops the last commit of data that may be damaged. The folder contains
    a file ``newsgrep.data.json``, which the engine leaves alone. An engine with ``location``
    server must have ``server``. :func:`load_engine` checks that the package
    ``requires`` is installed before any of them is called. Raises ``ValueError`` if one is
    missing.
    """

    name: str
    location: LocationKind
    open: Callable[[Path, bool], Engine] = _no_folder
    salvage: Callable[[Path], Iterator[Stored | Unreadable]] = _nothing_stored
    rollback: Callable[[Path], RolledBack] = _no_commit
    server: ServerOperations | None = None
    requires: str = ""
    extra: str = ""
    stores_impacts: bool = False

    def __post_init__(self) -> None:
        if (self.location is LocationKind.SERVER) != (self.server is not None):
            raise ValueError(f"{self.name}: an engine on a server, and no other, has `server`")
        defaults = {_no_folder, _nothing_stored, _no_commit}
        if self.location is LocationKind.FOLDER and (
            defaults & {self.open, self.salvage, self.rollback}
        ):
            # Without `salvage`, newsgrep reindex would replace the index by an empty one.
            raise ValueError(
                f"{self.name}: an engine in folders has `open`, `salvage` and `rollback`"
            )


_OWN: Final = {
    "whoosh": "newsgrep.engines.whoosh:SPEC",
    "tantivy": "newsgrep.engines.tantivy:SPEC",
    "opensearch": "newsgrep.engines.opensearch:SPEC",
    "memory": "newsgrep.engines.memory:SPEC",
}
"""Where newsgrep's own engines have their specs, which are imported when one is named."""

_registered: Final[dict[str, EngineSpec | str]] = {}


def register_engine(name: str, spec: EngineSpec | str) -> None:
    """Make ``spec`` the engine called ``name``, also in place of one of newsgrep's own.

    A string such as ``package.module:SPEC`` is imported when the engine is first named. This is
    for programs and tests: a package declares an entry point instead.
    """
    _registered[name] = spec


def unregister_engine(name: str) -> None:
    """Undo :func:`register_engine`."""
    _registered.pop(name, None)


def stores_in_folder(name: str) -> bool:
    """Return whether the engine called ``name`` stores its data in a folder."""
    spec = find_engine(name)
    return spec is not None and spec.location is LocationKind.FOLDER


def engine_names() -> tuple[str, ...]:
    """Return the names of newsgrep's own engines and of registered ones, not of declared ones."""
    return tuple(_OWN | _registered)


def folder_engines() -> tuple[str, ...]:
    """Return those of :func:`engine_names` that store their data in a folder."""
    return tuple(filter(stores_in_folder, engine_names()))


def find_engine(name: str) -> EngineSpec | None:
    """Return the spec of the engine called ``name``, ``None`` if there is none.

    The package that it requires may be missing: see :func:`load_engine`.
    """
    spec = _registered.get(name) or _OWN.get(name) or declared_engines().get(name)
    return _imported(spec) if isinstance(spec, str) else spec


def declared_engines() -> dict[str, str]:
    """Return the engines that installed packages declare: by name, where their specs are."""
    from importlib.metadata import entry_points  # slow: see the docstring of the module

    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def _imported(reference: str) -> EngineSpec:
    module, _, attribute = reference.partition(":")
    spec = getattr(import_module(module), attribute)
    if not isinstance(spec, EngineSpec):
        raise TypeError(f"{reference} is not an EngineSpec")
    return spec


def load_engine(name: str) -> EngineSpec:
    """Return the spec of the engine called ``name``, whose package is installed.

    Raises :class:`IndexMismatch` for an unknown engine, and :class:`UsageError` if the package
    that it requires is not installed.
    """
    spec = find_engine(name)
    if spec is None:
        raise IndexMismatch(
            "This index was created by the engine “{name}”, which is not installed here "
            "(installed: {engine_names}): use the newsgrep that created it.",
            name=name,
            engine_names=", ".join(engine_names()),
        )
    if spec.requires:
        try:
            import_module(spec.requires)
        except ModuleNotFoundError as exc:
            if exc.name != spec.requires:  # it is installed, and something it needs is not
                raise
            raise UsageError(
                'The engine “{name}” is not installed: pip install "newsgrep[{extra}]".',
                name=name,
                extra=spec.extra,
            ) from exc
    return spec


def stores_impacts(name: str) -> bool:
    """Return whether the engine called ``name`` stores how much each term counts."""
    spec = find_engine(name)
    return spec is not None and spec.stores_impacts


def is_on_server(name: str) -> bool:
    """Return whether the engine called ``name`` stores its data on a server."""
    spec = find_engine(name)
    return spec is not None and spec.location is LocationKind.SERVER


def open_engine(name: str, folder: Path, *, create: bool = False) -> Engine:
    """Open the engine called ``name`` on its data in ``folder``; with ``create``, create it.

    Raises what :func:`load_engine` does, :class:`UsageError` for an unknown engine to create,
    :class:`IndexMismatch` for an engine that has no data in folders, and what the engine raises
    for its data.
    """
    if create and find_engine(name) is None:
        known = ", ".join(engine_names())
        raise UsageError(
            "There is no engine “{name}”: choose one of {known}.", name=name, known=known
        )
    if is_on_server(name):
        # A manifest in a folder must not make anybody's newsgrep connect to a server.
        raise IndexMismatch(
            "The engine “{name}” can't have its data in {folder}: use the newsgrep that created "
            "the index.",
            name=name,
            folder=folder,
        )
    return load_engine(name).open(folder, create)


def server_operations(name: str) -> ServerOperations:
    """Return the operations of the engine called ``name``, which stores its data on servers.

    Raises what :func:`load_engine` does, and :class:`IndexMismatch` for an engine in folders.
    """
    operations = load_engine(name).server
    if operations is None:
        raise IndexMismatch(
            "The engine “{name}” can't have its data in an index on a server: use the newsgrep "
            "that created it.",
            name=name,
        )
    return operations


def salvage(name: str, folder: Path) -> Iterator[Stored | Unreadable]:
    """Yield all that is stored in data that may be damaged, each article and record once."""
    return load_engine(name).salvage(folder)


def rollback(name: str, folder: Path) -> RolledBack:
    """Do what :meth:`Engine.rollback` does on data that may be too damaged to be opened."""
    return load_engine(name).rollback(folder)

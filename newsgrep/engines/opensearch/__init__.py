"""The engine for many machines: an index on an OpenSearch server; no other room knows OpenSearch.

Where an index is, is read off its address (:mod:`newsgrep.engines.opensearch.address`); what
newsgrep calls an index is several of the server's (:mod:`newsgrep.engines.opensearch.mapping`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsgrep.errors import ServerProblem

# Addresses are read by everybody; what talks to servers is loaded by who does.
if TYPE_CHECKING:
    from newsgrep.engines.base import Engine, Kept, Lost
    from newsgrep.engines.opensearch.connection import Connection
    from newsgrep.engines.opensearch.making import Made


def manifest(url: str) -> dict[str, object] | None:
    """Return what was stored when the index was made, ``None`` where there is none."""
    from newsgrep.engines.opensearch.making import find

    with _connected(url) as connection:
        found = find(connection)
    return None if found is None else dict(found.manifest)


def open_engine(url: str, create: bool, manifest: dict[str, object] | None = None) -> Engine:
    """Open the index; with ``create`` make it, and store ``manifest`` with it."""
    from newsgrep.engines.opensearch.engine import OpenSearchEngine
    from newsgrep.engines.opensearch.making import make

    connection = _connection(url)
    made = make(connection, manifest or {}) if create else _found(connection)
    return OpenSearchEngine(connection, made)


@contextmanager
def replace(url: str, manifest: dict[str, object]) -> Iterator[Engine]:
    """Give an empty index, which takes the place of the one there, if any, once that goes well.

    Leaving it with an error takes it away again, and the one there stays; so it does where
    that was written to meanwhile, for what was written would be lost with it.
    """
    from newsgrep.engines.opensearch.engine import OpenSearchEngine
    from newsgrep.engines.opensearch.making import drop, find, make_next, put_in_place

    with _connected(url) as connection:
        before = find(connection)
        state = _state(connection, before)
        made = make_next(connection, manifest, before)
        try:
            engine = OpenSearchEngine(connection, made)
            yield engine
            if _state(connection, find(connection)) != state:
                raise ServerProblem(
                    f"Somebody else has written to the index {connection.address.name} meanwhile, "
                    "and it stays as it is: run the command again when nobody does."
                )
            put_in_place(connection, made, before)
        except BaseException:
            drop(connection, made.names)
            raise


def _state(connection: Connection, made: Made | None) -> tuple[int, int]:
    """Return what changes when somebody makes an index, makes it anew or writes to it."""
    from newsgrep.engines.opensearch.state import commit_of

    return (made.names.generation, commit_of(connection, made.names)) if made else (0, 0)


def everything_kept(url: str) -> Iterator[Kept | Lost]:
    """Yield all that is stored, each article and note once, and what can't be read of it."""
    from newsgrep.engines.opensearch.kept import everything_in

    with _connected(url) as connection:
        yield from everything_in(connection, _found(connection).names)


def go_back(_url: str) -> None:
    """Refuse: a server keeps no state before the last."""
    from newsgrep.engines.opensearch.state import NO_COPY_KEPT
    from newsgrep.errors import UsageError

    raise UsageError(NO_COPY_KEPT)


def size(url: str) -> int:
    """Return how many bytes the index takes on the server, copies included."""
    from newsgrep.engines.opensearch.state import size_of

    with _connected(url) as connection:
        return size_of(connection, _found(connection).names)


def _connection(url: str) -> Connection:
    from newsgrep.engines.opensearch.address import parse_address
    from newsgrep.engines.opensearch.connection import Connection

    return Connection(parse_address(url))


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    connection = _connection(url)
    try:
        yield connection
    finally:
        connection.close()


def _found(connection: Connection) -> Made:
    from newsgrep.engines.opensearch.making import find
    from newsgrep.errors import IndexMissing

    made = find(connection)
    if made is None:
        raise IndexMissing(
            f"There is no index {connection.address.name} on the server: make one with newsgrep "
            "index PATH."
        )
    return made

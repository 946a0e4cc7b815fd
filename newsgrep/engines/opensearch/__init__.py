"""The engine for many machines: an index on an OpenSearch server; no other room knows OpenSearch.

Where an index is, is read off its address (:mod:`newsgrep.engines.opensearch.client`); what
newsgrep calls an index is several of the server's (:mod:`newsgrep.engines.opensearch.indices`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsgrep.errors import ServerProblem

if TYPE_CHECKING:
    from newsgrep.engines.base import Engine, Stored, Unreadable
    from newsgrep.engines.opensearch.client import Client
    from newsgrep.engines.opensearch.indices import IndexGeneration


# Addresses are read by everybody; what talks to servers is loaded by who does.


def manifest(url: str) -> dict[str, object] | None:
    """Return what was stored when the index was made, ``None`` where there is none."""
    from newsgrep.engines.opensearch.indices import find_index

    with _connected_client(url) as connection:
        found = find_index(connection)
    return None if found is None else dict(found.manifest)


def open_engine(url: str, create: bool, manifest: dict[str, object] | None = None) -> Engine:
    """Open the index; with ``create`` make it, and store ``manifest`` with it."""
    from newsgrep.engines.opensearch.engine import OpenSearchEngine
    from newsgrep.engines.opensearch.indices import create_index

    connection = _client(url)
    made = create_index(connection, manifest or {}) if create else _existing_generation(connection)
    return OpenSearchEngine(connection, made)


@contextmanager
def replace(url: str, manifest: dict[str, object]) -> Iterator[Engine]:
    """Give an empty index, which takes the place of the one there, if any, once that goes well.

    Leaving it with an error takes it away again, and the one there stays; so it does where
    that was written to meanwhile, for what was written would be lost with it.
    """
    from newsgrep.engines.opensearch.engine import OpenSearchEngine
    from newsgrep.engines.opensearch.indices import (
        create_next_generation,
        drop_generation,
        find_index,
        switch_to,
    )

    with _connected_client(url) as connection:
        before = find_index(connection)
        state = _generation_and_commit(connection, before)
        made = create_next_generation(connection, manifest, before)
        try:
            engine = OpenSearchEngine(connection, made)
            yield engine
            if _generation_and_commit(connection, find_index(connection)) != state:
                raise ServerProblem(
                    f"Somebody else has written to the index {connection.address.name} meanwhile, "
                    "and it stays as it is: run the command again when nobody does."
                )
            switch_to(connection, made, before)
        except BaseException:
            drop_generation(connection, made.names)
            raise


def _generation_and_commit(connection: Client, made: IndexGeneration | None) -> tuple[int, int]:
    """Return what changes when somebody makes an index, makes it anew or writes to it."""
    from newsgrep.engines.opensearch.indices import commit_number

    return (made.names.generation, commit_number(connection, made.names)) if made else (0, 0)


def salvage(url: str) -> Iterator[Stored | Unreadable]:
    """Yield all that is stored, each article and note once, and what can't be read of it."""
    from newsgrep.engines.opensearch.maintenance import iter_stored

    with _connected_client(url) as connection:
        yield from iter_stored(connection, _existing_generation(connection).names)


def rollback(_url: str) -> None:
    """Refuse: a server keeps no state before the last."""
    from newsgrep.engines.opensearch.indices import NO_ROLLBACK
    from newsgrep.errors import UsageError

    raise UsageError(NO_ROLLBACK)


def size(url: str) -> int:
    """Return how many bytes the index takes on the server, copies included."""
    from newsgrep.engines.opensearch.indices import index_size

    with _connected_client(url) as connection:
        return index_size(connection, _existing_generation(connection).names)


def _client(url: str) -> Client:
    from newsgrep.engines.opensearch.client import Client, parse_address

    return Client(parse_address(url))


@contextmanager
def _connected_client(url: str) -> Iterator[Client]:
    connection = _client(url)
    try:
        yield connection
    finally:
        connection.close()


def _existing_generation(connection: Client) -> IndexGeneration:
    from newsgrep.engines.opensearch.indices import find_index
    from newsgrep.errors import IndexMissing

    made = find_index(connection)
    if made is None:
        raise IndexMissing(
            f"There is no index {connection.address.name} on the server: make one with newsgrep "
            "index PATH."
        )
    return made

"""The engine for many machines: an index on an OpenSearch server; no other room knows OpenSearch.

Where an index is, is read off its address (:mod:`newsgrep.engines.opensearch.client`); what
newsgrep calls an index is several of the server's (:mod:`newsgrep.engines.opensearch.indices`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import EngineSpec, LocationKind, OpenedOnServer
from newsgrep.errors import ServerProblem

if TYPE_CHECKING:
    from newsgrep.engines.opensearch.client import Client, ServerAddress
    from newsgrep.engines.opensearch.indices import IndexGeneration


class OpenSearchServer:
    """What :class:`newsgrep.engines.registry.ServerOperations` requires.

    Only a URL is parsed without ``opensearchpy``; other methods import what they need.
    """

    def address(self, url: str) -> ServerAddress:
        """Parse a URL."""
        from newsgrep.engines.opensearch.client import parse_address

        return parse_address(url)

    def manifest(self, url: str) -> Mapping[str, object] | None:
        """Return what was stored when the index was created."""
        from newsgrep.engines.opensearch.indices import find_index

        with _connected_client(url) as connection:
            found = find_index(connection)
        return None if found is None else found.manifest

    def open(self, url: str) -> OpenedOnServer | None:
        """Find the index and return its engine."""
        from newsgrep.engines.opensearch.engine import OpenSearchEngine
        from newsgrep.engines.opensearch.indices import find_index

        connection = _client(url)
        try:
            found = find_index(connection)
        except BaseException:
            connection.close()
            raise
        if found is None:
            connection.close()
            return None
        return OpenedOnServer(found.manifest, OpenSearchEngine(connection, found))

    def create(self, url: str, manifest: Mapping[str, object]) -> Engine:
        """Create an empty index, or open an equal one that somebody has just created."""
        from newsgrep.engines.opensearch.engine import OpenSearchEngine
        from newsgrep.engines.opensearch.indices import create_index

        connection = _client(url)
        return OpenSearchEngine(connection, create_index(connection, manifest))

    @contextmanager
    def replace(self, url: str, manifest: Mapping[str, object]) -> Iterator[Engine]:
        """Create the next generation; switch the alias to it if nobody has written meanwhile.

        What somebody else has written to the existing generation would be lost with it.
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
                        f"Somebody else has written to the index {connection.address.name} "
                        "meanwhile, and it stays as it is: run the command again when nobody does."
                    )
                switch_to(connection, made, before)
            except BaseException:
                drop_generation(connection, made.names)
                raise

    def salvage(self, url: str) -> Iterator[Stored | Unreadable]:
        """Yield everything stored, document by document."""
        from newsgrep.engines.opensearch.maintenance import iter_stored

        with _connected_client(url) as connection:
            yield from iter_stored(connection, _existing_generation(connection).names)

    def size(self, url: str) -> int:
        """Return how many bytes the index takes on the server, including replicas."""
        from newsgrep.engines.opensearch.indices import index_size

        with _connected_client(url) as connection:
            return index_size(connection, _existing_generation(connection).names)


SPEC = EngineSpec(
    name="opensearch",
    location=LocationKind.SERVER,
    server=OpenSearchServer(),
    requires="opensearchpy",
    extra="opensearch",
    stores_impacts=True,
)


def _generation_and_commit(connection: Client, made: IndexGeneration | None) -> tuple[int, int]:
    """Return what changes when somebody makes an index, makes it anew or writes to it."""
    from newsgrep.engines.opensearch.indices import commit_number

    return (made.names.generation, commit_number(connection, made.names)) if made else (0, 0)


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

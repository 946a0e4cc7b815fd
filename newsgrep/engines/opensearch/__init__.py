"""The engine for many machines: an index on an OpenSearch server.

An address says where an index is (:mod:`newsgrep.engines.opensearch.address`); one index of
newsgrep is several indices on the server (:mod:`newsgrep.engines.opensearch.indices`). Requests
are sent with the standard library: the usual client libraries have neither a total deadline nor
a limit for responses (:mod:`newsgrep.engines.opensearch.client`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import (
    DEFAULT_TIMEOUT,
    EngineSpec,
    LocationKind,
    OpenServerIndex,
)
from newsgrep.errors import IndexMissing, ServerProblem

if TYPE_CHECKING:
    from newsgrep.engines.opensearch.address import OpenSearchAddress
    from newsgrep.engines.opensearch.client import Client
    from newsgrep.engines.opensearch.indices import IndexGeneration


@dataclass(frozen=True, slots=True)
class OpenSearchServer:
    """Implements :class:`newsgrep.engines.registry.ServerOperations`.

    The spec is imported whenever the engine is named, so each method imports what it needs.
    """

    timeout: float = DEFAULT_TIMEOUT

    def address(self, url: str) -> OpenSearchAddress:
        """Parse a URL."""
        from newsgrep.engines.opensearch.address import parse_address

        return parse_address(url)

    def with_timeout(self, seconds: float) -> OpenSearchServer:
        """Return the same with another limit for each request."""
        return OpenSearchServer(seconds)

    def manifest(self, url: str) -> Mapping[str, object] | None:
        """Return the manifest of the index, ``None`` if there is no index."""
        from newsgrep.engines.opensearch.indices import find_index

        with self._connect(url) as client:
            found = find_index(client)
        return None if found is None else found.manifest

    def open(self, url: str) -> OpenServerIndex | None:
        """Find the index and return its engine."""
        from newsgrep.engines.opensearch.engine import OpenSearchEngine
        from newsgrep.engines.opensearch.indices import find_index

        with ExitStack() as on_error:
            client = on_error.enter_context(self._connect(url))
            found = find_index(client)
            if found is None:
                return None
            on_error.pop_all()
            return OpenServerIndex(found.manifest, OpenSearchEngine(client, found))

    def create(self, url: str, manifest: Mapping[str, object]) -> Engine:
        """Create an empty index, or open the same one if another process has just created it."""
        from newsgrep.engines.opensearch.engine import OpenSearchEngine
        from newsgrep.engines.opensearch.indices import create_index

        with ExitStack() as on_error:
            client = on_error.enter_context(self._connect(url))
            engine = OpenSearchEngine(client, create_index(client, manifest))
            on_error.pop_all()
            return engine

    @contextmanager
    def replace(self, url: str, manifest: Mapping[str, object]) -> Iterator[Engine]:
        """Create the next generation, and switch to it unless the index was changed meanwhile.

        What another process has written to the current generation would be lost with it.
        """
        from newsgrep.engines.opensearch.engine import OpenSearchEngine
        from newsgrep.engines.opensearch.indices import (
            create_next_generation,
            drop_generation,
            find_index,
            switch_to,
        )

        with self._connect(url) as client:
            current = find_index(client)
            state = _state(client, current)
            new = create_next_generation(client, manifest, current)
            try:
                yield OpenSearchEngine(client, new)
                if _state(client, find_index(client)) != state:
                    raise ServerProblem(
                        "Another process has written to the index {name} "
                        "meanwhile, so it was not replaced. Run the command again when no other "
                        "process is writing.",
                        name=client.address.name,
                    )
                switch_to(client, new, current)
            except BaseException:
                drop_generation(client, new.names)
                raise

    def salvage(self, url: str) -> Iterator[Stored | Unreadable]:
        """Yield everything stored, each article and file record once."""
        from newsgrep.engines.opensearch.maintenance import iter_stored

        with self._connect(url) as client:
            yield from iter_stored(client, _current_generation(client).names)

    def size(self, url: str) -> int:
        """Return the size of the index on disk in bytes, replicas included."""
        from newsgrep.engines.opensearch.indices import index_size

        with self._connect(url) as client:
            return index_size(client, _current_generation(client).names)

    @contextmanager
    def _connect(self, url: str) -> Iterator[Client]:
        from newsgrep.engines.opensearch.address import parse_address
        from newsgrep.engines.opensearch.client import Client

        client = Client(parse_address(url), self.timeout)
        try:
            yield client
        finally:
            client.close()


SPEC = EngineSpec(
    name="opensearch",
    location=LocationKind.SERVER,
    server=OpenSearchServer(),
    stores_impacts=True,
)


def _state(client: Client, generation: IndexGeneration | None) -> tuple[int, int]:
    """Return what changes when another process creates, replaces or writes the index."""
    from newsgrep.engines.opensearch.indices import commit_number

    if generation is None:
        return 0, 0
    return generation.names.generation, commit_number(client, generation.names)


def _current_generation(client: Client) -> IndexGeneration:
    from newsgrep.engines.opensearch.indices import find_index

    found = find_index(client)
    if found is None:
        raise IndexMissing(
            "No index {name} on the server. Create one with: newsgrep index PATH",
            name=client.address.name,
        )
    return found

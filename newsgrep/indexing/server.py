"""An index on a server, which stores the manifest with the data and switches by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from newsgrep.engines.base import Engine, RolledBack, Stored, Unreadable
from newsgrep.engines.registry import (
    DEFAULT_ENGINE,
    DEFAULT_TIMEOUT,
    ServerAddress,
    ServerOperations,
    find_engine,
    server_operations,
)
from newsgrep.errors import IndexDamaged, IndexMissing, IndexProblem, UsageError
from newsgrep.indexing.manifest import Manifest, check_compatible, new_manifest, parse_manifest
from newsgrep.indexing.store import Index, OpenIndex, refuse_other_engine
from newsgrep.messages import message, plural

if TYPE_CHECKING:
    from newsgrep.analysis.user_dictionary import UserDictionary

_DEFAULT_SERVER: Final = "opensearch"
"""The engine that rejects URLs of unknown schemes, in its own words."""


@dataclass(frozen=True, slots=True)
class ServerIndex(Index):
    """An index on a server; ``url`` is its address as typed, which contains no secret.

    Several machines may write to one at once, and the server makes what it has taken durable.
    A request that takes longer than ``timeout`` seconds fails.
    """

    url: str
    timeout: float = field(default=DEFAULT_TIMEOUT, compare=False)

    is_local: ClassVar[bool] = False
    has_commits: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.url

    @property
    def engine_name(self) -> str:
        """Return the scheme of the URL, without what follows a ``+``."""
        return self.url.partition(":")[0].partition("+")[0].lower()

    @property
    def address(self) -> ServerAddress:
        """Return what the URL says; raises :class:`UsageError` for an invalid one."""
        for name in (self.engine_name, _DEFAULT_SERVER):
            spec = find_engine(name)
            if spec and spec.server:
                return spec.server.address(self.url)
        raise UsageError("There is no engine for the address {url}.", url=self.url)

    @property
    def _server(self) -> ServerOperations:
        return server_operations(self.engine_name).with_timeout(self.timeout)

    @property
    def where(self) -> str:
        """Return ``at URL``."""
        return message("at {url}", url=self.url)

    @property
    def personal_folder(self) -> Path:
        """Return a folder in the user's own data folder, the same for all URLs of one index."""
        from hashlib import blake2b  # not for indexes in folders

        import platformdirs

        address = self.address
        readable = re.sub(r"[^a-z0-9_-]+", "-", f"{address.name}-{address.host}")[:60]
        # Two addresses may look alike without the characters that no file name has.
        digest = blake2b(address.canonical.encode("ascii"), digest_size=5).hexdigest()
        data = platformdirs.user_data_path("newsgrep", appauthor=False)
        return data / "remote" / f"{readable}-{digest}"

    @property
    def identity(self) -> tuple[str, str]:
        """Return the engine and the canonical address."""
        return self.engine_name, self.address.canonical

    def choose_engine(self, wanted: str | None, preferred: str = DEFAULT_ENGINE) -> str:  # noqa: ARG002  (the server decides)
        """Return the engine of the server."""
        if wanted:
            raise UsageError(
                "The engine “{wanted}” stores an index in a folder, and {value} is on a server: "
                "leave --engine out, or name a folder.",
                wanted=wanted,
                value=self,
            )
        return self.engine_name

    def exists(self) -> bool:
        """Return whether the server has the manifest."""
        return self._server.manifest(self.url) is not None

    def read_manifest(self, *, any_analyser: bool = False) -> Manifest:
        """Read the manifest on the server."""
        stored = self._server.manifest(self.url)
        if stored is None:
            raise self.missing()
        return self._checked(stored, any_analyser=any_analyser)

    def manifest_version(self) -> object:
        """Return the whole manifest."""
        return self._server.manifest(self.url)

    def _checked(self, stored: Mapping[str, Any], *, any_analyser: bool = False) -> Manifest:
        try:
            manifest = parse_manifest(stored)
            if manifest.engine != self.engine_name:
                raise ValueError(message("of another engine"))
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise IndexDamaged(
                "The manifest of the index {where} is invalid: use another name, or restore "
                "a snapshot of the server.",
                where=self.where,
            ) from exc
        remedy = message("create another one under another name")
        check_compatible(manifest, self.where, remedy, any_analyser=any_analyser)
        return manifest

    def try_open(self, *, engine: str | None = None) -> OpenIndex | None:
        """Open the index on the server."""
        found = self._server.open(self.url)
        if found is None:
            return None
        try:
            manifest = self._checked(found.manifest)
            refuse_other_engine(self, manifest, engine)
        except BaseException:
            found.engine.close()
            raise
        found.engine.user_dictionary = manifest.user_dictionary
        return OpenIndex(manifest, found.manifest, found.engine)

    def missing(self) -> IndexProblem:
        """Return the error for an index that the server does not have."""
        return IndexMissing(
            "No index at {url}: create one with “newsgrep index --index {url} PATH”, "
            "or name another with --index.",
            url=self.url,
        )

    def iter_stored(self, manifest: Manifest) -> Iterator[Stored | Unreadable]:  # noqa: ARG002  (the server has it)
        """Read everything that the server has of the index."""
        return self._server.salvage(self.url)

    def size(self) -> int:
        """Return the bytes on the server, including replicas."""
        return self._server.size(self.url)

    def prepare(self) -> None:
        """Do nothing: a server needs no folder."""

    def lock(self, wait: float = 0.0) -> AbstractContextManager[None]:  # noqa: ARG002  (nobody is kept out)
        """Do nothing: several may write at once."""
        return nullcontext()

    @contextmanager
    def freeze(self, wait: float = 0.0) -> Iterator[None]:  # noqa: ARG002  (likewise)
        """Only check that there is an index: writers can't be kept out."""
        self.read_manifest()
        yield

    @contextmanager
    def create(
        self,
        engine_name: str | None = None,  # noqa: ARG002  (the server's)
        user: UserDictionary | None = None,
    ) -> Iterator[Engine]:
        """Create the index on the server."""
        engine = self._server.create(self.url, self._new_manifest(user))
        engine.user_dictionary = user
        try:
            yield engine
        finally:
            engine.close()

    def confirm(self) -> None:
        """Do nothing: the index exists since it was created."""

    @contextmanager
    def replace(
        self,
        engine_name: str,  # noqa: ARG002  (likewise)
        user: UserDictionary | None,
        origin: tuple[dict[str, Any], ...] = (),
    ) -> Iterator[Engine]:
        """Create another generation, to which the server switches."""
        with self._server.replace(self.url, self._new_manifest(user, origin)) as engine:
            engine.user_dictionary = user
            yield engine

    def _new_manifest(
        self, user: UserDictionary | None, origin: tuple[dict[str, Any], ...] = ()
    ) -> dict[str, object]:
        manifest = new_manifest(self.engine_name, "", user, origin).as_stored()
        del manifest["data"], manifest["id"]
        return manifest

    def rollback(self, *, wait: float = 0.0) -> RolledBack | None:  # noqa: ARG002  (refused)
        """Refuse: a server keeps no previous commit."""
        raise UsageError(
            "{value} is on a server, which keeps no previous commit: restore one of the server's "
            "own snapshots.",
            value=self,
        )

    def restore_manifest(self) -> None:
        """Do nothing: the server stores the manifest with the data."""

    def remove_leftovers(self, manifest: Manifest | None) -> list[str]:  # noqa: ARG002  (there are none)
        """Return nothing: what the engine itself leaves, it removes itself."""
        return []

    def clean_up(self, manifest: Manifest) -> None:
        """Do nothing: writers leave no note."""

    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Count settings: an interrupted run leaves nothing else on a server."""
        return plural(
            "Restored {count:,} setting that an interrupted run left behind",
            "Restored {count:,} settings that an interrupted run left behind",
            len(names),
        )

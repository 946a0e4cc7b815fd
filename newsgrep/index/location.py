"""Where an index is: a folder, or an address on a server.

What a person keeps about an index lies in its folder, or in one of the person's own where the
index is on a server, for that may be everybody's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsgrep.errors import UsageError

if TYPE_CHECKING:
    from newsgrep.engines.opensearch.client import ServerAddress


_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SERVER_ENGINE: Final = "opensearch"


@dataclass(frozen=True, slots=True)
class ServerIndex:
    """An index on a server; ``url`` is its address as typed, which holds no secret."""

    url: str

    @property
    def engine(self) -> str:
        """Return the name of the engine that asks such a server."""
        return _SERVER_ENGINE

    @property
    def address(self) -> ServerAddress:
        """Return what the address says."""
        # Here and below: not needed, and not imported, for an index in a folder.
        from newsgrep.engines.opensearch.client import parse_address

        return parse_address(self.url)

    @property
    def folder(self) -> Path:
        """Return the folder of what belongs to a person's use of the index.

        It is in the user's own data folder, the same for all addresses of one index, and
        need not be there yet.
        """
        from hashlib import blake2b

        import platformdirs

        canonical = self.address.canonical
        readable = re.sub(r"[^a-z0-9_-]+", "-", f"{self.address.name}-{self.address.host}")[:60]
        # Two names may look alike without what no file may be called.
        digest = blake2b(canonical.encode("ascii"), digest_size=5).hexdigest()
        data = platformdirs.user_data_path("newsgrep", appauthor=False)
        return data / "remote" / f"{readable}-{digest}"

    def __str__(self) -> str:
        return self.url


Index = Path | ServerIndex
"""Where an index is."""


def index_at(text: str) -> Index:
    """Return the index that ``text`` names: the address of one on a server, else a folder.

    Raises :class:`UsageError` for an address that makes no sense.
    """
    if not text.lower().startswith(f"{_SERVER_ENGINE}:") and not _SCHEME.match(text):
        return Path(text)
    index = ServerIndex(text)
    _ = index.address  # read, so that what is wrong with it is told before anything is done
    return index


def personal_folder(index: Index) -> Path:
    """Return the folder of saved queries and of what was told of them."""
    return index.folder if isinstance(index, ServerIndex) else index


def described(index: Index) -> str:
    """Return where the index is, in a sentence."""
    return f"at {index}" if isinstance(index, ServerIndex) else f"in {index}"


def same_index(one: Index, other: Index) -> bool:
    """Return whether two locations are of one index."""
    if isinstance(one, ServerIndex) and isinstance(other, ServerIndex):
        return one.address.canonical == other.address.canonical
    if isinstance(one, Path) and isinstance(other, Path):
        return one.resolve() == other.resolve()
    return False


def check_engine_choice(index: Index, engine: str | None) -> None:
    """Raise :class:`UsageError` where an index of the engine ``engine`` can't be at ``index``."""
    if engine and isinstance(index, ServerIndex):
        raise UsageError(
            f"An index of the engine “{engine}” lies in a folder, and {index} is on a server: "
            "leave --engine out, or name a folder."
        )

"""Making the indexes of one of ours on a server, finding them, and putting new ones in their place.

What our index is, its manifest, stands with every one of them, so that none is taken for a
part of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from newsgrep.engines.opensearch.connection import Answer, Connection, reason
from newsgrep.engines.opensearch.mapping import (
    ARTICLES,
    NOTES,
    UNDATED_YEAR,
    Names,
    generation_of,
    index_body,
)
from newsgrep.errors import IndexDamaged, IndexMismatch, ServerProblem

MANIFEST: Final = "newsgrep"
REPLICAS: Final = "replicas"

_EXISTS: Final = "resource_already_exists_exception"


class Made:
    """One generation of an index that is there, as far as one process knows of it."""

    def __init__(
        self, connection: Connection, names: Names, meta: Mapping[str, Any], years: set[str]
    ) -> None:
        self.names = names
        self.meta = meta
        self._connection = connection
        self._indexes = years
        self._lock = Lock()

    @property
    def replicas(self) -> int:
        """How many copies of each part there are to be, besides the first."""
        return int(self.meta[REPLICAS])

    def of_year(self, year: str) -> str:
        """Return the index of a year's articles, made if it has to be."""
        index = self.names.of_year(year)
        with self._lock:
            if index not in self._indexes:
                create_index(self._connection, self.names, index, self.meta, live=None)
                self._indexes.add(index)
        return index


def find(connection: Connection) -> Made | None:
    """Return the index at the connection's address, ``None`` where there is none.

    Raises :class:`IndexDamaged` where what is there is none of ours, or of several makings.
    """
    name = connection.address.name
    answer = connection.ask(
        "GET", f"/{name}/_mapping", params={"filter_path": "*.mappings._meta"}, ignored=(404,)
    )
    if "error" in answer:
        return None
    if not answer:  # no mapping says anything
        raise _not_ours(name)
    metas = {index: told.get("mappings", {}).get("_meta", {}) for index, told in answer.items()}
    generations = {generation_of(index, name) for index in metas}
    meta = next(iter(metas.values()))
    if None in generations or not {MANIFEST, REPLICAS} <= meta.keys():
        raise _not_ours(name)
    if len(generations) > 1 or any(each != meta for each in metas.values()):
        raise IndexDamaged(
            f"What is called {name} on the server was not made in one go: bring back a snapshot "
            "of the server, or make an index under another name."
        )
    return Made(connection, Names(name, generations.pop() or 0), meta, set(metas))


def make(connection: Connection, manifest: Mapping[str, object] | None) -> Made:
    """Make an index, or find the one that somebody else has made alike meanwhile.

    Raises :class:`IndexMismatch` where that is another one.
    """
    meta = _meta(connection, manifest)
    names = Names(connection.address.name, 1)
    found = find(connection)
    if found is None:
        _make_all(connection, names, meta, live=True)
        found = find(connection)
    if found is None or found.meta[MANIFEST] != meta[MANIFEST]:
        raise IndexMismatch(
            f"There is another index called {names.name} on the server: choose another name."
        )
    return found


def make_next(connection: Connection, manifest: Mapping[str, object]) -> Made:
    """Make the next generation beside the one there, which stays the one that is asked.

    Another one that somebody has begun is taken away; who is at it is told so.
    """
    found = find(connection)
    number = found.names.generation + 1 if found else 1
    names = Names(connection.address.name, number)
    drop(connection, names)
    meta = _meta(connection, manifest)
    _make_all(connection, names, meta, live=False)
    return Made(connection, names, meta, {names.of_year(UNDATED_YEAR)})


def put_in_place(connection: Connection, made: Made) -> None:
    """Have the index's name mean ``made`` from now on, and drop the generation that it meant."""
    names = made.names
    before = find(connection)
    actions: list[dict[str, object]] = [
        {"add": {"index": each, "alias": names.name}}
        for each in _indexes(connection, names)
        if each != names.notes
    ]
    if before is not None:
        old = before.names
        actions += [{"remove_index": {"index": each}} for each in _indexes(connection, old)]
    connection.ask("POST", "/_aliases", {"actions": actions})


def drop(connection: Connection, names: Names) -> None:
    """Take a generation away."""
    for index in _indexes(connection, names):
        connection.ask("DELETE", f"/{index}", ignored=(404,))


def _indexes(connection: Connection, names: Names) -> list[str]:
    """Return the names of all indexes of a generation."""
    answer = connection.ask("GET", f"/{names.articles}.*/_alias")
    return sorted(answer)


def _meta(connection: Connection, manifest: Mapping[str, object] | None) -> dict[str, object]:
    return {MANIFEST: dict(manifest or {}), REPLICAS: connection.address.replicas}


def _make_all(connection: Connection, names: Names, meta: Mapping[str, Any], *, live: bool) -> None:
    # The name comes with the last of them, so that nobody finds a part.
    create_index(connection, names, names.notes, meta, live=False)
    create_index(connection, names, names.of_year(UNDATED_YEAR), meta, live=live)


def create_index(
    connection: Connection,
    names: Names,
    index: str,
    meta: Mapping[str, Any],
    *,
    live: bool | None,
) -> None:
    """Make one index, unless it is there.

    ``live`` says whether it can be found under the name of ours; ``None`` is as the others of
    its generation are. Raises :class:`ServerProblem` where another generation has taken that
    name meanwhile.
    """
    address = connection.address
    if live is None:
        live = _is_live(connection, names)
    is_notes = index == names.notes
    aliases = () if is_notes else (names.articles, names.name) if live else (names.articles,)
    body = index_body(address, index, aliases, meta, NOTES if is_notes else ARTICLES)
    answer = connection.ask("PUT", f"/{index}", body, ignored=(400,))
    if "error" in answer and not _is_there(answer):
        raise ServerProblem(
            f"The index {names.name} can't be made on the server ({reason(answer['error'])}): "
            "choose another name, or see the server's log."
        )
    if live and not is_notes and not _is_live(connection, names):
        connection.ask("DELETE", f"/{index}", ignored=(404,))
        raise ServerProblem(
            f"The index {names.name} was made anew meanwhile, elsewhere: run the command again."
        )


def _is_there(answer: Answer) -> bool:
    return isinstance(answer["error"], dict) and answer["error"].get("type") == _EXISTS


def _is_live(connection: Connection, names: Names) -> bool:
    """Return whether the index's name means this generation, and no other as well."""
    answer = connection.ask("GET", f"/_alias/{names.name}", ignored=(404,))
    if "error" in answer:
        return False
    return {generation_of(index, names.name) for index in answer} == {names.generation}


def _not_ours(name: str) -> IndexDamaged:
    return IndexDamaged(
        f"What is called {name} on the server was not made by newsgrep: choose another name."
    )

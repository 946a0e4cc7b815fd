"""Making the indexes of one of ours on a server, finding them, and putting new ones in their place.

What our index is, its manifest, stands with every one of them, so that none is taken for a
part of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from newsgrep.engines.opensearch.connection import AT_ONCE, Answer, Connection, reason
from newsgrep.engines.opensearch.mapping import (
    ARTICLES,
    MANIFEST,
    NOTES,
    UNDATED_YEAR,
    Names,
    generation_of,
    index_body,
)
from newsgrep.engines.opensearch.tuning import Settings, settings_of, while_loading
from newsgrep.errors import IndexDamaged, IndexMismatch, ServerProblem

_EXISTS: Final = "resource_already_exists_exception"


@dataclass(frozen=True, slots=True)
class Made:
    """One generation of an index that is there, as far as one process knows of it."""

    connection: Connection
    names: Names
    manifest: Mapping[str, Any]
    _indexes: set[str]
    _lock: Lock = field(default_factory=Lock)

    def make_years(self, years: Iterable[str]) -> None:
        """Make the indexes of some years' articles, as far as they are not there."""
        with self._lock:
            new = {self.names.of_year(year) for year in years} - self._indexes
            if new:
                _make_more(self, sorted(new))
                self._indexes.update(new)


def find(connection: Connection) -> Made | None:
    """Return the index at the connection's address, ``None`` where there is none.

    Raises :class:`IndexDamaged` where what is there is none of ours, or of several makings, and
    :class:`ServerProblem` where it is no OpenSearch that answers.
    """
    name = connection.address.name
    answer = connection.ask(
        "GET",
        f"/{name}/_mapping",
        params={"filter_path": "*.mappings._meta,error.type"},
        ignored=(404,),
    )
    if "error" in answer:
        return None
    generations = {generation_of(index, name) for index in answer}
    try:
        manifests = [told["mappings"]["_meta"].get(MANIFEST) for told in answer.values()]
    except (AttributeError, KeyError, TypeError) as exc:  # it is asked for what it must have
        raise connection.no_answer(exc) from exc
    if not answer or None in generations or None in manifests:
        raise IndexDamaged(
            f"What is called {name} on the server was not made by newsgrep: choose another name."
        )
    if len(generations) > 1 or any(each != manifests[0] for each in manifests):
        raise IndexDamaged(
            f"What is called {name} on the server was not made in one go: bring back a snapshot "
            "of the server, or make an index under another name."
        )
    return Made(connection, Names(name, generations.pop() or 0), manifests[0], set(answer))


def make(connection: Connection, manifest: Mapping[str, object]) -> Made:
    """Make an index, or find the one that somebody else has made alike meanwhile.

    Raises :class:`IndexMismatch` where that is another one.
    """
    found = find(connection)
    if found is None:
        _make_first(connection, Names(connection.address.name, 1), manifest, live=True)
        found = find(connection)
    if found is None or found.manifest != manifest:
        raise IndexMismatch(
            f"There is another index called {connection.address.name} on the server: choose "
            "another name."
        )
    return found


def make_next(connection: Connection, manifest: Mapping[str, object], before: Made | None) -> Made:
    """Make the next generation beside ``before``, which stays the one that is asked.

    Another one that somebody has begun is taken away; who is at it is told so. Where there is
    none before, it is the second: the first is for those who make one to be there at once.
    """
    names = Names(connection.address.name, before.names.generation + 1 if before else 2)
    drop(connection, names)
    _make_first(connection, names, manifest, live=False)
    return Made(connection, names, manifest, {names.of_year(UNDATED_YEAR)})


def put_in_place(connection: Connection, made: Made, before: Made | None) -> None:
    """Have the index's name mean ``made`` from now on, and drop the generation that it meant."""
    names = made.names
    actions: list[dict[str, object]] = [
        {"add": {"index": each, "alias": names.name}}
        for each in _indexes(connection, names)
        if each != names.notes
    ]
    if before is not None:
        old = _indexes(connection, before.names)
        actions += [{"remove_index": {"index": each}} for each in old]
    connection.ask("POST", "/_aliases", {"actions": actions})


def drop(connection: Connection, names: Names) -> None:
    """Take a generation away."""
    for index in _indexes(connection, names):
        connection.ask("DELETE", f"/{index}", ignored=(404,))


def _indexes(connection: Connection, names: Names) -> list[str]:
    """Return the names of all indexes of a generation."""
    return sorted(connection.ask("GET", f"/{names.articles}.*/_alias"))


def _make_first(
    connection: Connection, names: Names, manifest: Mapping[str, object], *, live: bool
) -> None:
    address = connection.address
    settings = Settings(address.replicas)
    notes = index_body(names.notes, (), manifest, NOTES, address.shards, settings.body())
    _put(connection, names, names.notes, notes)
    # The name comes with the last of them, so that nobody finds a part.
    index = names.of_year(UNDATED_YEAR)
    aliases = (names.articles, names.name) if live else (names.articles,)
    body = index_body(index, aliases, manifest, ARTICLES, address.shards, settings.body())
    _put(connection, names, index, body)


def _make_more(made: Made, new: list[str]) -> None:
    """Make indexes that are kept as those that are there, while they are loaded as well."""
    connection, names = made.connection, made.names
    index = names.of_year(UNDATED_YEAR)
    model = settings_of(connection, index)[index]
    live = names.name in model.aliases

    def make_one(index: str) -> None:
        aliases = [names.articles, *([names.name] if live else [])]
        settings = model.wanted
        if model.marked:
            aliases.append(settings.marker(index))
            settings = while_loading(connection, settings)
        body = index_body(index, aliases, made.manifest, ARTICLES, model.shards, settings.body())
        _put(connection, names, index, body)

    with ThreadPoolExecutor(AT_ONCE) as pool:  # a server takes half the time for each
        list(pool.map(make_one, new))
    if live and not _is_live(connection, names):
        for each in new:
            connection.ask("DELETE", f"/{each}", ignored=(404,))
        raise ServerProblem(
            f"The index {names.name} was made anew meanwhile, elsewhere: run the command again."
        )


def _put(connection: Connection, names: Names, index: str, body: dict[str, Any]) -> None:
    """Make one index, unless somebody else just has."""
    answer = connection.ask("PUT", f"/{index}", body, ignored=(400,))
    if "error" in answer and not _is_there(answer):
        raise ServerProblem(
            f"The index {names.name} can't be made on the server ({reason(answer['error'])}): "
            "choose another name, or see the server's log."
        )


def _is_there(answer: Answer) -> bool:
    return isinstance(answer["error"], dict) and answer["error"].get("type") == _EXISTS


def _is_live(connection: Connection, names: Names) -> bool:
    """Return whether the index's name means this generation, and no other as well."""
    answer = connection.ask("GET", f"/_alias/{names.name}", ignored=(404,))
    if "error" in answer:
        return False
    return {generation_of(index, names.name) for index in answer} == {names.generation}

"""Settings of an index while it is loaded, and afterwards, whatever ends the loading.

What the settings were is written down before they are changed, in the name of an alias: it
comes with them in one answer, and whoever finds it can bring them back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from newsgrep.engines.opensearch.connection import Connection
from newsgrep.engines.opensearch.mapping import Names
from newsgrep.errors import IndexMissing, ServerProblem

_NEVER: Final = "-1"
_USUAL: Final = "usual"
_INTERVAL: Final = "index.refresh_interval"
_REPLICAS: Final = "index.number_of_replicas"
_SHARDS: Final = "index.number_of_shards"


class Settings(NamedTuple):
    """How an index is kept: copies besides the first, and when what is written is seen.

    ``interval`` is as the server writes it, ``usual`` where it is left to the server.
    """

    replicas: int
    interval: str = _USUAL

    def marker(self, index: str) -> str:
        """Return the alias of an index that is loaded and is to be kept so afterwards."""
        return f"{index}.before.{self.replicas}.{self.interval}"

    def body(self) -> dict[str, object]:
        """Return the settings as a server takes them."""
        interval = None if self.interval == _USUAL else self.interval
        return {"number_of_replicas": self.replicas, "refresh_interval": interval}


class Found(NamedTuple):
    """How an index is kept now, how it is to be kept, and whether that is written down."""

    now: Settings
    wanted: Settings
    marked: bool
    shards: int
    aliases: frozenset[str]


def settings_of(connection: Connection, target: str) -> dict[str, Found]:
    """Return how the indexes ``target`` are kept."""
    answer = connection.ask(
        "GET",
        f"/{target}",
        params={"flat_settings": "true", "filter_path": "*.aliases,*.settings,error.type"},
        ignored=(404,),
    )
    if "error" in answer:
        raise IndexMissing(
            f"The index {target.partition('.')[0]} is not on the server any more, or was made anew "
            "elsewhere: run the command again."
        )
    return {index: _found(index, told) for index, told in answer.items()}


def _found(index: str, told: Mapping[str, Any]) -> Found:
    settings = told["settings"]
    # What was left to the server when the index was made is told as null.
    now = Settings(int(settings[_REPLICAS]), settings.get(_INTERVAL) or _USUAL)
    marks = (
        re.fullmatch(rf"{re.escape(index)}\.before\.([0-9]+)\.([a-z0-9-]+)", alias)
        for alias in told["aliases"]
    )
    before = [Settings(int(mark[1]), mark[2]) for mark in marks if mark]
    # Without a mark nothing is known of what makes no sense but while loading.
    unmarked = Settings(now.replicas, _USUAL if now.interval == _NEVER else now.interval)
    wanted = before[0] if before else unmarked
    return Found(now, wanted, bool(before), int(settings[_SHARDS]), frozenset(told["aliases"]))


def refresh(connection: Connection, names: Names) -> None:
    """Let searches see all that is written."""
    answer = connection.ask("POST", f"/{names.everything}/_refresh")
    if answer["_shards"]["failed"]:
        raise ServerProblem(
            f"Parts of the index {names.name} can't be brought up to date: see the health of the "
            "server's cluster, and run the command again."
        )


def while_loading(connection: Connection, wanted: Settings) -> Settings:
    """Return how an index is kept while it is loaded: nothing is seen, and few copies, if told."""
    return Settings(min(wanted.replicas, connection.address.load_replicas), _NEVER)


@contextmanager
def loading(connection: Connection, names: Names) -> Iterator[None]:
    """Have the server load fast meanwhile."""
    before = settings_of(connection, names.everything)
    try:
        new = {index: each for index, each in before.items() if not each.marked}
        _name(connection, "add", {index: each.wanted for index, each in new.items()})
        _apply(
            connection,
            {index: while_loading(connection, each.wanted) for index, each in before.items()},
        )
        yield
    finally:
        restore(connection, names, {index: each.wanted for index, each in before.items()})


def restore(
    connection: Connection, names: Names, known: Mapping[str, Settings] | None = None
) -> list[str]:
    """Bring back the settings that a load has changed; return the names of these indexes.

    ``known`` tells them where they are not written down any more, for another loader was
    through in between.
    """
    found = settings_of(connection, names.everything)
    known = known or {}
    wanted = {
        index: each.wanted if each.marked else known.get(index, each.wanted)
        for index, each in found.items()
    }
    changed = {
        index: settings for index, settings in wanted.items() if settings != found[index].now
    }
    _apply(connection, changed)
    _name(connection, "remove", {i: each.wanted for i, each in found.items() if each.marked})
    return sorted(changed)


def _apply(connection: Connection, settings: Mapping[str, Settings]) -> None:
    for each in sorted(set(settings.values())):
        indexes = ",".join(index for index, own in settings.items() if own == each)
        connection.ask("PUT", f"/{indexes}/_settings", {"index": each.body()})


def _name(connection: Connection, action: str, marks: Mapping[str, Settings]) -> None:
    if marks:
        actions = [
            {action: {"index": index, "alias": settings.marker(index)}}
            for index, settings in marks.items()
        ]
        connection.ask("POST", "/_aliases", {"actions": actions}, ignored=(404,))

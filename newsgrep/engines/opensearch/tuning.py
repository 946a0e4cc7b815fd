"""Settings of an index while it is loaded, and afterwards, whatever ends the loading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from newsgrep.engines.opensearch.connection import Connection
from newsgrep.engines.opensearch.making import Made
from newsgrep.engines.opensearch.mapping import Names
from newsgrep.errors import ServerProblem

_NEVER: Final = "-1"
_USUAL: Final = None
"""The server's own choice."""


def refresh(connection: Connection, names: Names) -> None:
    """Let searches see all that is written."""
    answer = connection.ask("POST", f"/{names.everything}/_refresh")
    if answer["_shards"]["failed"]:
        raise ServerProblem(
            f"Parts of the index {names.name} can't be brought up to date: see the health of the "
            "server's cluster, and run the command again."
        )


@contextmanager
def loading(connection: Connection, made: Made) -> Iterator[None]:
    """Have the server load fast meanwhile: nothing is made visible, with as many copies as told."""
    fewer = connection.address.load_replicas
    change: dict[str, object] = {"refresh_interval": _NEVER}
    if fewer < made.replicas:
        change["number_of_replicas"] = fewer
    try:
        _set(connection, made.names.everything, change)
        yield
    finally:
        restore(connection, made)


def restore(connection: Connection, made: Made) -> list[str]:
    """Bring the settings of a load that was cut short back; return the names of these indexes."""
    answer = connection.ask(
        "GET", f"/{made.names.everything}/_settings", params={"flat_settings": "true"}
    )
    changed = []
    for index, told in sorted(answer.items()):
        change = _wanted(told["settings"], made.replicas)
        if change:
            _set(connection, index, change)
            changed.append(index)
    return changed


def _wanted(settings: dict[str, Any], replicas: int) -> dict[str, object]:
    change: dict[str, object] = {}
    if settings.get("index.refresh_interval") == _NEVER:
        change["refresh_interval"] = _USUAL
    if int(settings["index.number_of_replicas"]) < replicas:
        change["number_of_replicas"] = replicas
    return change


def _set(connection: Connection, index: str, change: dict[str, object]) -> None:
    connection.ask("PUT", f"/{index}/_settings", {"index": change})

"""The settings of indices while articles are loaded, and how they are restored.

While articles are loaded, the indices have other settings: no refresh, and fewer replicas if
the address says so. The previous settings are stored in the name of an alias (the marker)
before they are changed. It is returned together with the settings, and any later process can
restore them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from newsgrep.engines.opensearch.client import Client
from newsgrep.engines.opensearch.documents import IndexNames
from newsgrep.engines.opensearch.problems import (
    JsonObject,
    invalid,
    mapping,
    text,
)
from newsgrep.errors import IndexMissing
from newsgrep.messages import message

_NEVER: Final = "-1"
_SERVER_DEFAULT: Final = "usual"
_INTERVAL: Final = "index.refresh_interval"
_REPLICAS: Final = "index.number_of_replicas"
_SHARDS: Final = "index.number_of_shards"


class IndexSettings(NamedTuple):
    """Replicas, and the refresh interval as the server writes it, ``usual`` for its default."""

    replicas: int
    interval: str = _SERVER_DEFAULT

    def marker(self, index: str) -> str:
        """Return the alias that says that ``index`` is to have these settings after a load."""
        return f"{index}.before.{self.replicas}.{self.interval}"

    def body(self) -> dict[str, object]:
        """Return the settings for a request."""
        interval = None if self.interval == _SERVER_DEFAULT else self.interval
        return {"number_of_replicas": self.replicas, "refresh_interval": interval}


class SettingsState(NamedTuple):
    """The current settings of an index, those it is to have, and whether a marker says so."""

    current: IndexSettings
    wanted: IndexSettings
    marked: bool
    shards: int
    aliases: frozenset[str]


def read_settings(client: Client, target: str) -> dict[str, SettingsState]:
    """Return the settings of the indices in ``target``; raises :class:`IndexMissing`."""
    response = client.request(
        "GET",
        f"/{target}",
        params={"flat_settings": "true", "filter_path": "*.aliases,*.settings,error.type"},
        ignored=(404,),
    )
    if "error" in response:
        raise IndexMissing(
            "The index {value} is no longer on the server, or was replaced by "
            "another process. Run the command again.",
            value=target.partition(".")[0],
        )
    return {index: _settings_state(index, each) for index, each in response.items()}


def _settings_state(index: str, response: object) -> SettingsState:
    settings = mapping(response, "settings")
    aliases = frozenset(mapping(response, "aliases"))
    # A setting that was left to the server at creation is returned as null.
    interval = text(settings, _INTERVAL) if settings.get(_INTERVAL) else _SERVER_DEFAULT
    current = IndexSettings(_count(settings, _REPLICAS), interval)
    markers = (
        re.fullmatch(rf"{re.escape(index)}\.before\.([0-9]{{1,4}})\.([a-z0-9-]+)", alias)
        for alias in aliases
    )
    marked = [IndexSettings(int(marker[1]), marker[2]) for marker in markers if marker]
    # Without a marker, an interval that makes sense only during a load is not kept.
    interval = _SERVER_DEFAULT if current.interval == _NEVER else current.interval
    wanted = marked[0] if marked else IndexSettings(current.replicas, interval)
    return SettingsState(current, wanted, bool(marked), _count(settings, _SHARDS), aliases)


def _count(settings: JsonObject, key: str) -> int:
    """Return a number, which a server writes as a string."""
    value = text(settings, key)
    if not re.fullmatch("[0-9]{1,4}", value):
        raise invalid((key,), message("a number"))
    return int(value)


@contextmanager
def bulk_loading(client: Client, names: IndexNames) -> Iterator[None]:
    """Give the indices settings for fast loading, and restore the previous ones at the end."""
    before = read_settings(client, names.all_indices)
    wanted = {index: each.wanted for index, each in before.items()}
    try:
        unmarked = {index: each.wanted for index, each in before.items() if not each.marked}
        _change_markers(client, "add", unmarked)
        loading = {index: settings_for_loading(client, each) for index, each in wanted.items()}
        _apply_settings(client, loading)
        yield
    finally:
        restore_settings(client, names, wanted)


def settings_for_loading(client: Client, wanted: IndexSettings) -> IndexSettings:
    """Return the settings for a load of an index that is to have ``wanted`` after it."""
    return IndexSettings(min(wanted.replicas, client.address.load_replicas), _NEVER)


def restore_settings(
    client: Client, names: IndexNames, known: Mapping[str, IndexSettings] | None = None
) -> list[str]:
    """Restore the settings that a load has changed, and return the names of these indices.

    ``known`` are the settings of indices whose marker another loader has removed meanwhile.
    """
    found = read_settings(client, names.all_indices)
    known = known or {}
    wanted = {
        index: each.wanted if each.marked else known.get(index, each.wanted)
        for index, each in found.items()
    }
    changed = {
        index: settings for index, settings in wanted.items() if settings != found[index].current
    }
    _apply_settings(client, changed)
    marked = {index: each.wanted for index, each in found.items() if each.marked}
    _change_markers(client, "remove", marked)
    return sorted(changed)


def _apply_settings(client: Client, settings: Mapping[str, IndexSettings]) -> None:
    for each in sorted(set(settings.values())):
        indices = ",".join(index for index, own in settings.items() if own == each)
        client.request("PUT", f"/{indices}/_settings", {"index": each.body()})


def _change_markers(client: Client, action: str, settings: Mapping[str, IndexSettings]) -> None:
    if settings:
        actions = [
            {action: {"index": index, "alias": each.marker(index)}}
            for index, each in settings.items()
        ]
        client.request("POST", "/_aliases", {"actions": actions}, ignored=(404,))

"""The indices on a server that make up one index of newsgrep.

There is one index for each year of publication and one for undated articles, behind an alias
with the index's name, so that each stays small. File records without an article have an index
of their own, which no search looks into. All indices that are created together are a
generation. A rebuild creates the next generation beside the current one and then switches the
alias. Each index contains the manifest. The parts of a name are separated by dots, which an
index name can't contain, so no two indices of newsgrep conflict.

While articles are loaded, the indices have other settings: no refresh, and fewer replicas if
the address says so. The previous settings are stored in the name of an alias (the marker)
before they are changed. It is returned together with the settings, and any later process can
restore them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock
from typing import Any, Final, NamedTuple

from newsgrep.engines.opensearch.client import MAX_CONNECTIONS, Client
from newsgrep.engines.opensearch.documents import (
    ARTICLE_FIELDS,
    FILE_RECORD_FIELDS,
    READABLE_ARTICLE,
    READABLE_FILE_RECORD,
    UNDATED_YEAR,
    IndexNames,
    parse_generation,
    write_alias,
)
from newsgrep.engines.opensearch.problems import (
    JsonObject,
    error_reason,
    integer,
    invalid,
    mapping,
    objects,
    text,
)
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing, ServerProblem
from newsgrep.messages import message

MANIFEST_KEY: Final = "newsgrep"
"""The key of the manifest in the metadata of each index."""

_ALREADY_EXISTS: Final = "resource_already_exists_exception"


def refresh(client: Client, names: IndexNames) -> None:
    """Make everything visible to searches that has been written."""
    response = client.request("POST", f"/{names.all_indices}/_refresh")
    if integer(response, "_shards", "failed"):
        raise ServerProblem(
            "Shards of the index {name} can't be refreshed. Check the cluster health of "
            "the server, and run the command again.",
            name=names.name,
        )


@dataclass(frozen=True, slots=True)
class IndexGeneration:
    """One generation of an index on the server, as far as this process knows it."""

    client: Client
    names: IndexNames
    manifest: Mapping[str, Any]
    _indices: set[str]
    _lock: Lock = field(default_factory=Lock)

    def ensure_years(self, years: Iterable[str]) -> None:
        """Create the indices for some years' articles, unless they exist."""
        with self._lock:
            missing = {self.names.of_year(year) for year in years} - self._indices
            if missing:
                _create_year_indices(self, sorted(missing))
                self._indices.update(missing)


def find_index(client: Client) -> IndexGeneration | None:
    """Return the index at the client's address, or ``None``.

    Raises :class:`IndexDamaged` for an index that newsgrep has not created, or for a mixture
    of generations, and :class:`ServerProblem` if the server is not an OpenSearch server.
    """
    name = client.address.name
    response = client.request(
        "GET",
        f"/{name}/_mapping",
        params={"filter_path": "*.mappings._meta,error.type"},
        ignored=(404,),
    )
    if "error" in response:
        return None
    generations = {parse_generation(index, name) for index in response}
    found = [mapping(each, "mappings", "_meta") for each in response.values()]
    manifests = [each.get(MANIFEST_KEY) for each in found]
    if not response or None in generations or None in manifests:
        raise IndexDamaged(
            "The index {name} on the server was not created by newsgrep. Choose another name.",
            name=name,
        )
    if len(generations) > 1 or any(each != manifests[0] for each in manifests):
        raise IndexDamaged(
            "The index {name} on the server is a mixture of several generations. Restore a "
            "snapshot of the server, or create an index with another name.",
            name=name,
        )
    names = IndexNames(name, generations.pop() or 0)
    return IndexGeneration(client, names, mapping(manifests[0]), set(response))


def create_index(client: Client, manifest: Mapping[str, object]) -> IndexGeneration:
    """Create an index, or return the same one that another process has created meanwhile.

    Raises :class:`IndexMismatch` if that has another manifest.
    """
    found = find_index(client)
    if found is None:
        _create_first_indices(client, IndexNames(client.address.name, 1), manifest, live=True)
        found = find_index(client)
    if found is None or found.manifest != manifest:
        raise IndexMismatch(
            "There is another index {name} on the server. Choose another name.",
            name=client.address.name,
        )
    return found


def create_next_generation(
    client: Client, manifest: Mapping[str, object], current: IndexGeneration | None
) -> IndexGeneration:
    """Create the next generation beside ``current``, which searches continue to use.

    A next generation that another process has begun is deleted; that process fails. Without
    a current generation the next one is the second, since the first is visible at once.
    """
    names = IndexNames(client.address.name, current.names.generation + 1 if current else 2)
    drop_generation(client, names)
    _create_first_indices(client, names, manifest, live=False)
    return IndexGeneration(client, names, manifest, {names.of_year(UNDATED_YEAR)})


def switch_to(client: Client, new: IndexGeneration, current: IndexGeneration | None) -> None:
    """Let the index's name refer to ``new``, and delete the current generation, atomically."""
    names = new.names
    actions: list[dict[str, object]] = [
        {"add": {"index": each, "alias": names.name}}
        for each in _list_indices(client, names)
        if each != names.file_records
    ]
    if current is not None:
        old = _list_indices(client, current.names)
        actions += [{"remove_index": {"index": each}} for each in old]
    client.request("POST", "/_aliases", {"actions": actions})


def drop_generation(client: Client, names: IndexNames) -> None:
    """Delete all indices of a generation."""
    for index in _list_indices(client, names):
        client.request("DELETE", f"/{index}", ignored=(404,))


def _list_indices(client: Client, names: IndexNames) -> list[str]:
    found = client.request("GET", f"/{names.articles}.*/_alias")
    for index in found:
        if index != names.file_records and parse_generation(index, names.name) is None:
            raise invalid((index,), "an index of newsgrep")
    return sorted(found)


def _create_first_indices(
    client: Client, names: IndexNames, manifest: Mapping[str, object], *, live: bool
) -> None:
    shards, settings = client.address.shards, IndexSettings(client.address.replicas)
    file_records = _index_body(
        names.file_records, (), manifest, FILE_RECORD_FIELDS, shards, settings
    )
    _put_index(client, names, names.file_records, file_records)
    # The last one gets the name, so that no process finds an incomplete index.
    undated = names.of_year(UNDATED_YEAR)
    aliases = (names.articles, names.name) if live else (names.articles,)
    body = _index_body(undated, aliases, manifest, ARTICLE_FIELDS, shards, settings)
    _put_index(client, names, undated, body)


def _create_year_indices(generation: IndexGeneration, missing: list[str]) -> None:
    """Create indices with the settings of the existing ones, also while these are loaded."""
    client, names = generation.client, generation.names
    undated = names.of_year(UNDATED_YEAR)
    model = read_settings(client, undated)[undated]
    live = names.name in model.aliases

    def create_one(index: str) -> None:
        aliases = [names.articles, *([names.name] if live else [])]
        settings = model.wanted
        if model.marked:
            aliases.append(settings.marker(index))
            settings = settings_for_loading(client, settings)
        body = _index_body(
            index, aliases, generation.manifest, ARTICLE_FIELDS, model.shards, settings
        )
        _put_index(client, names, index, body)

    with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:  # in parallel each takes half the time
        list(pool.map(create_one, missing))
    if live and not _is_live(client, names):
        for index in missing:
            client.request("DELETE", f"/{index}", ignored=(404,))
        raise ServerProblem(
            "The index {name} was replaced by another process. Run the command again.",
            name=names.name,
        )


def _index_body(
    index: str,
    aliases: Iterable[str],
    manifest: Mapping[str, object],
    fields: Mapping[str, object],
    shards: int,
    settings: IndexSettings,
) -> dict[str, Any]:
    """Return the body of a request that creates an index."""
    return {
        "aliases": {alias: {} for alias in (write_alias(index), *aliases)},
        "settings": {
            "number_of_shards": shards,
            # The readable texts take most of the disk, and newsgrep never reads them.
            "codec": "best_compression",
            # A server keeps the source of each document for replicas that miss it, until it
            # merges after this period, and for good if it never merges again. It is more
            # than half of an index.
            "soft_deletes.retention_lease.period": "2m",
            **settings.body(),
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {MANIFEST_KEY: manifest},
            "_source": {"includes": [READABLE_ARTICLE, READABLE_FILE_RECORD]},
            "properties": fields,
        },
    }


def _put_index(client: Client, names: IndexNames, index: str, body: dict[str, Any]) -> None:
    """Create one index, unless another process has just created it."""
    response = client.request("PUT", f"/{index}", body, ignored=(400,))
    if "error" in response and not _already_exists(response):
        raise ServerProblem(
            "The index {name} can't be created on the server "
            "({response}). Choose another name, or see the server's log.",
            name=names.name,
            response=error_reason(response["error"]),
        )


def _already_exists(response: JsonObject) -> bool:
    error = response["error"]
    return isinstance(error, dict) and error.get("type") == _ALREADY_EXISTS


def _is_live(client: Client, names: IndexNames) -> bool:
    """Return whether the index's name refers to this generation and no other one."""
    response = client.request("GET", f"/_alias/{names.name}", ignored=(404,))
    if "error" in response:
        return False
    return {parse_generation(index, names.name) for index in response} == {names.generation}


def commit_number(client: Client, names: IndexNames) -> int:
    """Return a number that changes with every write; 0 if nothing was ever written."""
    stats = _index_stats(client, names, "indexing", level="shards")
    shards = [
        f"{text(stats, index, 'uuid')} {shard} {_last_sequence_number(copy)}"
        for index in sorted(stats)
        for shard, copies in sorted(_shards(stats[index]).items())
        for copy in objects(copies)
        if mapping(copy, "routing").get("primary") and _last_sequence_number(copy) >= 0
    ]
    if not shards:
        return 0
    return int.from_bytes(blake2b("\n".join(shards).encode(), digest_size=7).digest(), "big") or 1


def _shards(stats: object) -> JsonObject:
    return mapping(stats, "shards") if "shards" in mapping(stats) else {}


def _last_sequence_number(shard: JsonObject) -> int:
    return integer(shard, "seq_no", "max_seq_no") if "seq_no" in shard else -1


def index_size(client: Client, names: IndexNames) -> int:
    """Return the size of an index on disk in bytes, replicas included."""
    stats = _index_stats(client, names, "store", level="indices")
    return sum(integer(each, "total", "store", "size_in_bytes") for each in stats.values())


def _index_stats(client: Client, names: IndexNames, metric: str, level: str) -> JsonObject:
    response = client.request(
        "GET", f"/{names.all_indices}/_stats/{metric}", params={"level": level}, ignored=(404,)
    )
    if "error" in response:
        # If it was deleted and not replaced, the same command says so.
        raise ServerProblem(
            "The index {name} was replaced or deleted by another process. Run the command again.",
            name=names.name,
        )
    return mapping(response, "indices")


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

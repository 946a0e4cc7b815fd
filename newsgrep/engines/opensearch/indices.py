"""The indexes on a server that make up one of ours: their names, fields and settings.

There is one for each year of publication and one of undated articles, behind an alias, so that
what grows is cut up, and one of notes, which no search is to look into. All of one making are a
generation; making anew puts the next one beside it and then switches the alias. A dot parts the
names, which no name of an index of ours has, so that no two of them get into each other's way.
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

from newsgrep.engines.engine_query.fields import (
    ADDRESSES,
    BODY,
    CAPTION,
    FACET_FIELDS,
    FIRST_DAY,
    FOLDED_NAMES,
    HAS_TIME,
    ID,
    ID_PREFIX,
    IMPACTS,
    LAST_DAY,
    TERMS,
    TIMESTAMP,
    TITLE,
)
from newsgrep.engines.opensearch.client import MAX_CONNECTIONS, Client, Response, error_reason
from newsgrep.errors import IndexDamaged, IndexMismatch, IndexMissing, ServerProblem

UNDATED_YEAR: Final = "undated"

MANIFEST_KEY: Final = "newsgrep"
"""What stands with every index."""

LATIN_TERMS: Final = "latin"
"""The terms that are runs of letters and digits, each once; to be listed, not to be found."""

SUFFIX_START: Final = -3
"""Where the digit of a level token begins
(:func:`newsgrep.engines.engine_query.fields.impact_tokens`).

There is a field for each digit, called after it, with the words that have it.
"""

PACKED_TEXTS: Final = "packed"
"""The folded texts (:mod:`newsgrep.analysis.codec`)."""

PACKED_REST: Final = "rest"
"""The rest of the packed article."""

PACKED_FILE_RECORD: Final = "stamp"
PACKED_URL: Final = "link"
"""The article's URL as it is, in UTF-8."""

READABLE_ARTICLE: Final = "article"
"""The article for other programs: newsgrep itself gives back the packed one."""

READABLE_FILE_RECORD: Final = "note"


@dataclass(frozen=True, slots=True)
class IndexNames:
    """What the indexes of one generation of one index of ours are called."""

    name: str
    generation: int

    @property
    def articles(self) -> str:
        """The alias of all indexes with articles of this generation."""
        return f"{self.name}.g{self.generation}"

    @property
    def notes(self) -> str:
        """The index of notes."""
        return f"{self.articles}.notes"

    @property
    def everything(self) -> str:
        """All indexes of this generation, as requests name several."""
        return f"{self.articles},{self.notes}"

    def of_year(self, year: str) -> str:
        """Return the index of articles of one year, or undated ones."""
        return f"{self.articles}.{year}"


def write_alias(index: str) -> str:
    """Return the alias by which an index is written to.

    A server makes an index that is written to and not there, as it thinks best; told that
    the name must be an alias, it refuses.
    """
    return f"{index}.w"


def parse_generation(index: str, name: str) -> int | None:
    """Return the generation that an index with articles is of, ``None`` if it is none of ours."""
    found = re.fullmatch(rf"{re.escape(name)}\.g([0-9]{{1,9}})\.({UNDATED_YEAR}|[0-9]{{4}})", index)
    return int(found[1]) if found else None


def index_body(
    index: str,
    aliases: Iterable[str],
    manifest: Mapping[str, object],
    properties: Mapping[str, object],
    shards: int,
    settings: Mapping[str, object],
) -> dict[str, Any]:
    """Return the body of the request that makes an index."""
    return {
        "aliases": {alias: {} for alias in (write_alias(index), *aliases)},
        "settings": {
            "number_of_shards": shards,
            # Readable texts are what is largest on disk, and newsgrep never reads them.
            "codec": "best_compression",
            # How long what a document came as is kept for copies that miss it: a server drops
            # it when it merges, and not at all where nothing is merged later. It is more than
            # half of an index.
            "soft_deletes.retention_lease.period": "2m",
            **settings,
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {MANIFEST_KEY: manifest},
            "_source": {"includes": [READABLE_ARTICLE, READABLE_FILE_RECORD]},
            "properties": properties,
        },
    }


def _text_field(*, places: bool) -> dict[str, object]:
    return {
        "type": "text",
        "analyzer": "whitespace",
        "norms": False,
        "index_options": "positions" if places else "docs",
    }


_KEYWORD: Final = {"type": "keyword"}
_SEARCH_ONLY_KEYWORD: Final = {"type": "keyword", "doc_values": False}
_BYTES: Final = {"type": "binary", "store": True}
_INTEGER: Final = {"type": "integer", "doc_values": False}
_OPAQUE: Final = {"type": "object", "enabled": False}

ARTICLE_FIELDS: Final[Mapping[str, object]] = {
    **{name: _text_field(places=True) for name in (TITLE, BODY, CAPTION)},
    TERMS: _text_field(places=False),
    **{
        f"{IMPACTS}_{half}{digit}": {**_text_field(places=False), "copy_to": TERMS}
        for half in "hl"
        for digit in range(1, 8)
    },
    **dict.fromkeys((ID, *FACET_FIELDS, *FOLDED_NAMES.values()), _KEYWORD),
    **dict.fromkeys(ADDRESSES.values(), _SEARCH_ONLY_KEYWORD),
    LATIN_TERMS: {"type": "keyword", "index": False},
    **dict.fromkeys((FIRST_DAY, LAST_DAY, HAS_TIME), _INTEGER),
    TIMESTAMP: {"type": "double"},
    ID_PREFIX: {"type": "long"},
    **dict.fromkeys((PACKED_TEXTS, PACKED_REST, PACKED_FILE_RECORD, PACKED_URL), _BYTES),
    # For charts by other programs; ours count months and days.
    "published": {
        "type": "date",
        "format": "strict_date_optional_time",
        "ignore_malformed": True,
    },
    READABLE_ARTICLE: _OPAQUE,
}

FILE_RECORD_FIELDS: Final[Mapping[str, object]] = {
    ID: _KEYWORD,
    ID_PREFIX: {"type": "long"},
    PACKED_FILE_RECORD: _BYTES,
    READABLE_FILE_RECORD: _OPAQUE,
}


_NEVER: Final = "-1"
_SERVER_DEFAULT: Final = "usual"
_INTERVAL: Final = "index.refresh_interval"
_REPLICAS: Final = "index.number_of_replicas"
_SHARDS: Final = "index.number_of_shards"


class IndexSettings(NamedTuple):
    """How an index is kept: copies besides the first, and when what is written is seen.

    ``interval`` is as the server writes it, ``usual`` where it is left to the server.
    """

    replicas: int
    interval: str = _SERVER_DEFAULT

    def marker(self, index: str) -> str:
        """Return the alias of an index that is loaded and is to be kept so afterwards."""
        return f"{index}.before.{self.replicas}.{self.interval}"

    def body(self) -> dict[str, object]:
        """Return the settings as a server takes them."""
        interval = None if self.interval == _SERVER_DEFAULT else self.interval
        return {"number_of_replicas": self.replicas, "refresh_interval": interval}


class SettingsState(NamedTuple):
    """How an index is kept now, how it is to be kept, and whether that is written down."""

    now: IndexSettings
    wanted: IndexSettings
    marked: bool
    shards: int
    aliases: frozenset[str]


def read_settings(connection: Client, target: str) -> dict[str, SettingsState]:
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
    return {index: _settings_state(index, told) for index, told in answer.items()}


def _settings_state(index: str, told: Mapping[str, Any]) -> SettingsState:
    settings = told["settings"]
    # What was left to the server when the index was made is told as null.
    now = IndexSettings(int(settings[_REPLICAS]), settings.get(_INTERVAL) or _SERVER_DEFAULT)
    marks = (
        re.fullmatch(rf"{re.escape(index)}\.before\.([0-9]+)\.([a-z0-9-]+)", alias)
        for alias in told["aliases"]
    )
    before = [IndexSettings(int(mark[1]), mark[2]) for mark in marks if mark]
    # Without a mark nothing is known of what makes no sense but while loading.
    unmarked = IndexSettings(
        now.replicas, _SERVER_DEFAULT if now.interval == _NEVER else now.interval
    )
    wanted = before[0] if before else unmarked
    return SettingsState(
        now, wanted, bool(before), int(settings[_SHARDS]), frozenset(told["aliases"])
    )


def refresh(connection: Client, names: IndexNames) -> None:
    """Let searches see all that is written."""
    answer = connection.ask("POST", f"/{names.everything}/_refresh")
    if answer["_shards"]["failed"]:
        raise ServerProblem(
            f"Parts of the index {names.name} can't be brought up to date: see the health of the "
            "server's cluster, and run the command again."
        )


def settings_for_loading(connection: Client, wanted: IndexSettings) -> IndexSettings:
    """Return how an index is kept while it is loaded: nothing is seen, and few copies, if told."""
    return IndexSettings(min(wanted.replicas, connection.address.load_replicas), _NEVER)


@contextmanager
def bulk_loading(connection: Client, names: IndexNames) -> Iterator[None]:
    """Have the server load fast meanwhile."""
    before = read_settings(connection, names.everything)
    try:
        new = {index: each for index, each in before.items() if not each.marked}
        _change_markers(connection, "add", {index: each.wanted for index, each in new.items()})
        _apply_settings(
            connection,
            {
                index: settings_for_loading(connection, each.wanted)
                for index, each in before.items()
            },
        )
        yield
    finally:
        restore_settings(connection, names, {index: each.wanted for index, each in before.items()})


def restore_settings(
    connection: Client, names: IndexNames, known: Mapping[str, IndexSettings] | None = None
) -> list[str]:
    """Bring back the settings that a load has changed; return the names of these indexes.

    ``known`` tells them where they are not written down any more, for another loader was
    through in between.
    """
    found = read_settings(connection, names.everything)
    known = known or {}
    wanted = {
        index: each.wanted if each.marked else known.get(index, each.wanted)
        for index, each in found.items()
    }
    changed = {
        index: settings for index, settings in wanted.items() if settings != found[index].now
    }
    _apply_settings(connection, changed)
    _change_markers(
        connection, "remove", {i: each.wanted for i, each in found.items() if each.marked}
    )
    return sorted(changed)


def _apply_settings(connection: Client, settings: Mapping[str, IndexSettings]) -> None:
    for each in sorted(set(settings.values())):
        indexes = ",".join(index for index, own in settings.items() if own == each)
        connection.ask("PUT", f"/{indexes}/_settings", {"index": each.body()})


def _change_markers(connection: Client, action: str, marks: Mapping[str, IndexSettings]) -> None:
    if marks:
        actions = [
            {action: {"index": index, "alias": settings.marker(index)}}
            for index, settings in marks.items()
        ]
        connection.ask("POST", "/_aliases", {"actions": actions}, ignored=(404,))


_ALREADY_EXISTS: Final = "resource_already_exists_exception"


@dataclass(frozen=True, slots=True)
class IndexGeneration:
    """One generation of an index that is there, as far as one process knows of it."""

    connection: Client
    names: IndexNames
    manifest: Mapping[str, Any]
    _indexes: set[str]
    _lock: Lock = field(default_factory=Lock)

    def make_years(self, years: Iterable[str]) -> None:
        """Make the indexes of some years' articles, as far as they are not there."""
        with self._lock:
            new = {self.names.of_year(year) for year in years} - self._indexes
            if new:
                _create_year_indices(self, sorted(new))
                self._indexes.update(new)


def find_index(connection: Client) -> IndexGeneration | None:
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
    generations = {parse_generation(index, name) for index in answer}
    try:
        manifests = [told["mappings"]["_meta"].get(MANIFEST_KEY) for told in answer.values()]
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
    return IndexGeneration(
        connection, IndexNames(name, generations.pop() or 0), manifests[0], set(answer)
    )


def create_index(connection: Client, manifest: Mapping[str, object]) -> IndexGeneration:
    """Make an index, or find the one that somebody else has made alike meanwhile.

    Raises :class:`IndexMismatch` where that is another one.
    """
    found = find_index(connection)
    if found is None:
        _create_first_indices(
            connection, IndexNames(connection.address.name, 1), manifest, live=True
        )
        found = find_index(connection)
    if found is None or found.manifest != manifest:
        raise IndexMismatch(
            f"There is another index called {connection.address.name} on the server: choose "
            "another name."
        )
    return found


def create_next_generation(
    connection: Client, manifest: Mapping[str, object], before: IndexGeneration | None
) -> IndexGeneration:
    """Make the next generation beside ``before``, which stays the one that is asked.

    Another one that somebody has begun is taken away; who is at it is told so. Where there is
    none before, it is the second: the first is for those who make one to be there at once.
    """
    names = IndexNames(connection.address.name, before.names.generation + 1 if before else 2)
    drop_generation(connection, names)
    _create_first_indices(connection, names, manifest, live=False)
    return IndexGeneration(connection, names, manifest, {names.of_year(UNDATED_YEAR)})


def switch_to(connection: Client, made: IndexGeneration, before: IndexGeneration | None) -> None:
    """Have the index's name mean ``made`` from now on, and drop the generation that it meant."""
    names = made.names
    actions: list[dict[str, object]] = [
        {"add": {"index": each, "alias": names.name}}
        for each in _list_indices(connection, names)
        if each != names.notes
    ]
    if before is not None:
        old = _list_indices(connection, before.names)
        actions += [{"remove_index": {"index": each}} for each in old]
    connection.ask("POST", "/_aliases", {"actions": actions})


def drop_generation(connection: Client, names: IndexNames) -> None:
    """Take a generation away."""
    for index in _list_indices(connection, names):
        connection.ask("DELETE", f"/{index}", ignored=(404,))


def _list_indices(connection: Client, names: IndexNames) -> list[str]:
    """Return the names of all indexes of a generation."""
    return sorted(connection.ask("GET", f"/{names.articles}.*/_alias"))


def _create_first_indices(
    connection: Client, names: IndexNames, manifest: Mapping[str, object], *, live: bool
) -> None:
    address = connection.address
    settings = IndexSettings(address.replicas)
    notes = index_body(
        names.notes, (), manifest, FILE_RECORD_FIELDS, address.shards, settings.body()
    )
    _put_index(connection, names, names.notes, notes)
    # The name comes with the last of them, so that nobody finds a part.
    index = names.of_year(UNDATED_YEAR)
    aliases = (names.articles, names.name) if live else (names.articles,)
    body = index_body(index, aliases, manifest, ARTICLE_FIELDS, address.shards, settings.body())
    _put_index(connection, names, index, body)


def _create_year_indices(made: IndexGeneration, new: list[str]) -> None:
    """Make indexes that are kept as those that are there, while they are loaded as well."""
    connection, names = made.connection, made.names
    index = names.of_year(UNDATED_YEAR)
    model = read_settings(connection, index)[index]
    live = names.name in model.aliases

    def make_one(index: str) -> None:
        aliases = [names.articles, *([names.name] if live else [])]
        settings = model.wanted
        if model.marked:
            aliases.append(settings.marker(index))
            settings = settings_for_loading(connection, settings)
        body = index_body(
            index, aliases, made.manifest, ARTICLE_FIELDS, model.shards, settings.body()
        )
        _put_index(connection, names, index, body)

    with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:  # a server takes half the time for each
        list(pool.map(make_one, new))
    if live and not _is_live(connection, names):
        for each in new:
            connection.ask("DELETE", f"/{each}", ignored=(404,))
        raise ServerProblem(
            f"The index {names.name} was made anew meanwhile, elsewhere: run the command again."
        )


def _put_index(connection: Client, names: IndexNames, index: str, body: dict[str, Any]) -> None:
    """Make one index, unless somebody else just has."""
    answer = connection.ask("PUT", f"/{index}", body, ignored=(400,))
    if "error" in answer and not _already_exists(answer):
        raise ServerProblem(
            f"The index {names.name} can't be created on the server "
            f"({error_reason(answer['error'])}): choose another name, or see the server's log."
        )


def _already_exists(answer: Response) -> bool:
    return isinstance(answer["error"], dict) and answer["error"].get("type") == _ALREADY_EXISTS


def _is_live(connection: Client, names: IndexNames) -> bool:
    """Return whether the index's name means this generation, and no other as well."""
    answer = connection.ask("GET", f"/_alias/{names.name}", ignored=(404,))
    if "error" in answer:
        return False
    return {parse_generation(index, names.name) for index in answer} == {names.generation}


NO_ROLLBACK: Final = (
    "There is no commit to go back to: a server keeps none. Bring back a snapshot of the server, "
    "if one was taken, or index again."
)


def commit_number(connection: Client, names: IndexNames) -> int:
    """Return a number that changes with everything that is written; 0 if nothing ever was."""
    stats = _index_stats(connection, names, "indexing", level="shards")
    told = [
        f"{stats[index]['uuid']} {number} {_last_sequence_number(shard)}"
        for index in sorted(stats)
        for number, copies in sorted(stats[index].get("shards", {}).items())
        for shard in copies
        if shard["routing"]["primary"] and _last_sequence_number(shard) >= 0
    ]
    if not told:
        return 0
    return int.from_bytes(blake2b("\n".join(told).encode(), digest_size=7).digest(), "big") or 1


def _last_sequence_number(shard: dict[str, Any]) -> int:
    return int(shard.get("seq_no", {}).get("max_seq_no", -1))


def index_size(connection: Client, names: IndexNames) -> int:
    """Return how many bytes an index takes, copies included."""
    stats = _index_stats(connection, names, "store", level="indices")
    return sum(each["total"]["store"]["size_in_bytes"] for each in stats.values())


def _index_stats(connection: Client, names: IndexNames, metric: str, level: str) -> dict[str, Any]:
    answer = connection.ask(
        "GET", f"/{names.everything}/_stats/{metric}", params={"level": level}, ignored=(404,)
    )
    if "error" in answer:
        raise IndexMissing(
            f"The index {names.name} is not on the server any more: make one with newsgrep index."
        )
    return dict(answer["indices"])


class HealthProblem(NamedTuple):
    """What is wrong with the parts of an index, and whether one of them can't be read at all."""

    sentence: str
    lost: bool


def health_problems(connection: Client, names: IndexNames) -> Iterator[HealthProblem]:
    """Yield what is wrong with the parts of an index."""
    health: Response = connection.ask(
        "GET", f"/_cluster/health/{names.everything}", params={"level": "indices"}
    )
    missing = 0
    for index, each in sorted(health["indices"].items()):
        if each["status"] == "red":
            yield HealthProblem(
                f"The server does not have a part of {index}: start the machines that have it.",
                lost=True,
            )
        else:
            missing += each["unassigned_shards"]
    # On a single machine there is no place for a copy, and nothing wrong with that.
    if missing and health["number_of_data_nodes"] > 1:
        yield HealthProblem(
            f"Copies of the index {names.name} are missing ({missing} of its parts have fewer than "
            "they should): start more machines, or set its number_of_replicas on the server.",
            lost=False,
        )

"""Numbers about an index on a server: what tells one state from others, its size, its health."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from newsgrep.engines.opensearch.connection import Answer, Connection
from newsgrep.engines.opensearch.mapping import Names
from newsgrep.errors import IndexMissing

NO_COPY_KEPT: Final = (
    "There is no commit to go back to: a server keeps none. Bring back a snapshot of the server, "
    "if one was taken, or index again."
)


def commit_of(connection: Connection, names: Names) -> int:
    """Return a number that changes with everything that is written; 0 if nothing ever was."""
    stats = _stats(connection, names, "indexing", level="shards")
    told = [
        f"{stats[index]['uuid']} {number} {_last_change(shard)}"
        for index in sorted(stats)
        for number, copies in sorted(stats[index].get("shards", {}).items())
        for shard in copies
        if shard["routing"]["primary"] and _last_change(shard) >= 0
    ]
    if not told:
        return 0
    return int.from_bytes(blake2b("\n".join(told).encode(), digest_size=7).digest(), "big") or 1


def _last_change(shard: dict[str, Any]) -> int:
    return int(shard.get("seq_no", {}).get("max_seq_no", -1))


def size_of(connection: Connection, names: Names) -> int:
    """Return how many bytes an index takes, copies included."""
    stats = _stats(connection, names, "store", level="indices")
    return sum(each["total"]["store"]["size_in_bytes"] for each in stats.values())


def _stats(connection: Connection, names: Names, metric: str, level: str) -> dict[str, Any]:
    answer = connection.ask(
        "GET", f"/{names.everything}/_stats/{metric}", params={"level": level}, ignored=(404,)
    )
    if "error" in answer:
        raise IndexMissing(
            f"The index {names.name} is not on the server any more: make one with newsgrep index."
        )
    return dict(answer["indices"])


class Ailment(NamedTuple):
    """What is wrong with the parts of an index, and whether one of them can't be read at all."""

    sentence: str
    lost: bool


def ailments(connection: Connection, names: Names) -> Iterator[Ailment]:
    """Yield what is wrong with the parts of an index."""
    health: Answer = connection.ask(
        "GET", f"/_cluster/health/{names.everything}", params={"level": "indices"}
    )
    missing = 0
    for index, each in sorted(health["indices"].items()):
        if each["status"] == "red":
            yield Ailment(
                f"The server does not have a part of {index}: start the machines that have it.",
                lost=True,
            )
        else:
            missing += each["unassigned_shards"]
    # On a single machine there is no place for a copy, and nothing wrong with that.
    if missing and health["number_of_data_nodes"] > 1:
        yield Ailment(
            f"Copies of the index {names.name} are missing ({missing} of its parts have fewer than "
            "they should): start more machines, or set its number_of_replicas on the server.",
            lost=False,
        )

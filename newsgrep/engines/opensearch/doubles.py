"""One article in two indexes, which two loaders may have put it into at the same time."""

from __future__ import annotations

from newsgrep.engines.clauses.fields import ID
from newsgrep.engines.opensearch.asking import cut
from newsgrep.engines.opensearch.connection import Connection
from newsgrep.engines.opensearch.documents import stamp_of
from newsgrep.engines.opensearch.mapping import STAMP, Names
from newsgrep.models import Stamp

_AT_ONCE = 2_000


def worse_ones(connection: Connection, names: Names, ids: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return index and id of what is to go, so that each of these articles is there once.

    Of two versions the one is kept that indexing both by one loader would have kept, so
    that all loaders decide alike.
    """
    worse: list[tuple[str, str]] = []
    for some in cut(ids, _AT_ONCE):
        answer = connection.ask(
            "POST",
            f"/{names.articles}/_search",
            {
                "query": {"terms": {ID: some}},
                "size": 10_000,
                "_source": False,
                "stored_fields": [STAMP],
                "track_total_hits": False,
            },
            {"allow_partial_search_results": "false"},
        )
        versions: dict[str, list[tuple[Stamp, str]]] = {}
        for hit in answer["hits"]["hits"]:
            versions.setdefault(hit["_id"], []).append((stamp_of(hit), hit["_index"]))
        for key, each in versions.items():
            # By path upwards, then by rank downwards, which leaves equal ones as they are.
            best = sorted(sorted(each, key=_path), key=_rank, reverse=True)
            worse += [(index, key) for _, index in best[1:]]
    return worse


def _path(version: tuple[Stamp, str]) -> tuple[str, str]:
    return version[0].path, version[1]


def _rank(version: tuple[Stamp, str]) -> tuple[str, int]:
    return version[0].rank

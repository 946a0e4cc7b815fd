"""One point in time of an index on a server: searches, counts and all hits of a query.

Every response is complete or an error: a shard that does not respond, or not in time, is never
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from newsgrep.engines.engine_query import ir
from newsgrep.engines.engine_query.fields import ID, ID_PREFIX
from newsgrep.engines.opensearch.client import Client, ResponseOverflow
from newsgrep.engines.opensearch.documents import (
    ServerHit,
)
from newsgrep.engines.opensearch.query import (
    QueryDsl,
    to_dsl,
)
from newsgrep.engines.opensearch.responses import (
    JsonObject,
    integer,
    invalid,
    items,
    objects,
    text,
)
from newsgrep.errors import ServerProblem
from newsgrep.messages import message

MAX_HITS: Final = 10_000
"""Hits that a stock server returns at once."""

KEEP_ALIVE: Final = "10m"
"""How long the server keeps the point in time for the next request."""

_NO_PARTIAL_RESULTS: Final = {"allow_partial_search_results": "false"}

_COUNTS_PER_REQUEST: Final = 200

_SMALLER_PAGES: Final = 8
"""By how much fewer documents are requested after a response that was too large."""

_ID_ORDER: Final = [{ID_PREFIX: {"order": "asc", "unmapped_type": "long"}}, {ID: "asc"}]
"""Format 4, which is read when an index is rebuilt, has another name for the prefix."""


class PointInTime:
    """The content of the indices ``target`` at one moment."""

    def __init__(self, client: Client, target: str) -> None:
        self._client = client
        response = client.request(
            "POST",
            f"/{target}/_search/point_in_time",
            params={"keep_alive": KEEP_ALIVE, "allow_partial_pit_creation": "false"},
        )
        _reject_partial(response)
        self._id = text(response, "pit_id")

    def search(self, body: QueryDsl) -> JsonObject:
        """Return the complete response to one search."""
        body = self._with_id(body)
        return self._checked(self._client.request("POST", "/_search", body, _NO_PARTIAL_RESULTS))

    def search_all(self, bodies: Iterable[QueryDsl]) -> list[JsonObject]:
        """Return the complete responses to several searches in one request."""
        lines: list[object] = []
        for body in bodies:
            lines += [{"allow_partial_search_results": False}, self._with_id(body)]
        if not lines:
            return []
        responses = objects(self._client.request_lines("/_msearch", lines), "responses")
        if len(responses) != len(lines) // 2:
            raise invalid(("responses",), message("one for each search"))
        for response in responses:
            if "error" in response:
                self._client.raise_error(response)
        return [self._checked(response) for response in responses]

    def count_all(self, clauses: Sequence[ir.Clause]) -> list[int]:
        """Return how many documents match each clause."""
        found: list[int] = []
        for first in range(0, len(clauses), _COUNTS_PER_REQUEST):
            bodies = [
                {"query": to_dsl(each), "size": 0, "track_total_hits": True}
                for each in clauses[first : first + _COUNTS_PER_REQUEST]
            ]
            found.extend(total_hits(each) for each in self.search_all(bodies))
        return found

    def hits(
        self, clause: ir.Clause, fields: QueryDsl, per_request: int = MAX_HITS
    ) -> Iterator[ServerHit]:
        """Yield every document that matches ``clause``, with what ``fields`` requests."""
        body: QueryDsl = {
            "query": to_dsl(clause),
            "sort": _ID_ORDER,
            "size": per_request,
            "track_total_hits": False,
            "_source": False,
            **fields,
        }
        last: list[Any] | None = None
        while True:
            try:
                found = objects(self.search(body), "hits", "hits")
            except ResponseOverflow:
                if body["size"] == 1:
                    raise
                body["size"] = max(1, body["size"] // _SMALLER_PAGES)
                continue
            yield from found
            if len(found) < body["size"]:
                return
            last = advance(last, items(found[-1], "sort"))
            body["search_after"] = last

    def close(self) -> None:
        """Delete the point in time, which otherwise expires.

        That is left to a server which is so slow that a request has timed out.
        """
        if self._client.has_timed_out:
            return
        self._client.request(
            "DELETE", "/_search/point_in_time", {"pit_id": [self._id]}, ignored=(404,)
        )

    def _with_id(self, body: QueryDsl) -> QueryDsl:
        return {**body, "pit": {"id": self._id, "keep_alive": KEEP_ALIVE}}

    def _checked(self, response: JsonObject) -> JsonObject:
        _reject_partial(response)
        if "pit_id" in response:
            self._id = text(response, "pit_id")
        return response


def total_hits(response: JsonObject) -> int:
    """Return the number of hits of a search."""
    return integer(response, "hits", "total", "value")


def advance(last: list[Any] | None, following: list[Any]) -> list[Any]:
    """Return ``following``, the position after a page, which must be after ``last``.

    A server that does not move on would be read without end.
    """
    try:
        moves_on = last is None or following > last
    except TypeError:  # values of other types
        moves_on = False
    if not moves_on:
        raise invalid(("sort",), message("after that of the last page"))
    return following


def advance_key(last: JsonObject | None, following: JsonObject) -> JsonObject:
    """Return ``following``, the last key of a page of values, likewise."""
    advance(None if last is None else [*last.values()], [*following.values()])
    return following


def _reject_partial(response: JsonObject) -> None:
    """Raise :class:`ServerProblem` unless the response is from the whole index."""
    failed = integer(response, "_shards", "failed")
    if failed or response.get("timed_out"):
        reason = (
            message("{failed} shards did not respond", failed=failed)
            if failed
            else message("it timed out")
        )
        raise ServerProblem(
            "The server has searched only part of the index ({reason}). Check the health of its "
            "cluster, and try again.",
            reason=reason,
        )

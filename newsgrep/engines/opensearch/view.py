"""One state of an index on a server, kept there while it is asked: a point in time.

Every answer is complete or an error: a part of the index that does not answer, or not in
time, is never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from newsgrep.engines.clauses.clause import Clause
from newsgrep.engines.clauses.fields import ID, PLACE
from newsgrep.engines.opensearch.asking import Query, query_of
from newsgrep.engines.opensearch.connection import Answer, Connection
from newsgrep.engines.opensearch.documents import Hit
from newsgrep.errors import ServerProblem

MOST_HITS: Final = 10_000
"""Hits that a stock server gives at once."""

KEPT: Final = "10m"
"""How long the server keeps the state for the next question."""

_WHOLE: Final = {"allow_partial_search_results": "false"}
_COUNTS: Final = 200
"""Counts that are asked for at once."""
_IN_ORDER: Final = [{PLACE: "asc"}, {ID: "asc"}]


class View:
    """What the indexes ``target`` hold at one moment."""

    def __init__(self, connection: Connection, target: str) -> None:
        self._connection = connection
        answer = connection.ask(
            "POST",
            f"/{target}/_search/point_in_time",
            params={"keep_alive": KEPT, "allow_partial_pit_creation": "false"},
        )
        _refuse_parts(answer)
        self._id = answer["pit_id"]

    def search(self, body: Query) -> Answer:
        """Return the whole answer to one question."""
        answer = self._connection.ask("POST", "/_search", self._dated(body), _WHOLE)
        return self._checked(answer)

    def counts(self, clauses: Sequence[Clause]) -> list[int]:
        """Return of how many documents each clause is true."""
        found: list[int] = []
        for first in range(0, len(clauses), _COUNTS):
            bodies = [_count(each) for each in clauses[first : first + _COUNTS]]
            found.extend(each["hits"]["total"]["value"] for each in self.searches(bodies))
        return found

    def searches(self, bodies: Iterable[Query]) -> list[Answer]:
        """Return the whole answers to several questions."""
        lines: list[object] = []
        for body in bodies:
            lines += [{"allow_partial_search_results": False}, self._dated(body)]
        if not lines:
            return []
        answers = self._connection.ask_lines("/_msearch", lines)["responses"]
        for answer in answers:
            if "error" in answer:
                self._connection.refuse(answer)
        return [self._checked(answer) for answer in answers]

    def hits(self, clause: Clause, wanted: Query, at_once: int = MOST_HITS) -> Iterator[Hit]:
        """Yield every document of which ``clause`` is true, with the fields in ``wanted``."""
        body: Query = {
            "query": query_of(clause),
            "sort": _IN_ORDER,
            "size": at_once,
            "track_total_hits": False,
            "_source": False,
            **wanted,
        }
        while hits := self.search(body)["hits"]["hits"]:
            yield from hits
            if len(hits) < at_once:
                return
            body["search_after"] = hits[-1]["sort"]

    def close(self) -> None:
        """Have the server let go of the state; it does so by itself after a while."""
        self._connection.ask(
            "DELETE", "/_search/point_in_time", {"pit_id": [self._id]}, ignored=(404,)
        )

    def _dated(self, body: Query) -> Query:
        return {**body, "pit": {"id": self._id, "keep_alive": KEPT}}

    def _checked(self, answer: Answer) -> Answer:
        _refuse_parts(answer)
        self._id = answer.get("pit_id", self._id)
        return answer


def _count(clause: Clause) -> Query:
    return {"query": query_of(clause), "size": 0, "track_total_hits": True}


def _refuse_parts(answer: dict[str, Any]) -> None:
    """Raise :class:`ServerProblem` for an answer that is not of the whole index."""
    failed = answer["_shards"]["failed"]
    if failed or answer.get("timed_out"):
        what = f"{failed} of its parts did not answer" if failed else "its time was up"
        raise ServerProblem(
            f"The server has answered from a part of the index only ({what}), which newsgrep does "
            "not take: try again, and see the health of its cluster."
        )

"""One step of one peer in a process of its own: ``python -m bench.worker STEP PEER DETAILS``.

DETAILS is JSON; the measurements made inside are printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from bench.peers import make_peer
from bench.peers.base import LibraryPeer, Peer, inputs_of
from bench.questions import Question, load_questions

PAGE = 10


def main(step: str, name: str, details: dict[str, Any]) -> None:
    """Do a step: ``index``, ``add``, ``ask`` (one question), ``answers`` or ``warm``."""
    peer = make_peer(name)
    inputs, folder = inputs_of(details)
    if step in {"index", "add"}:
        if not isinstance(peer, LibraryPeer):
            raise TypeError(f"{name} has a command for this")
        (peer.index_here if step == "index" else peer.add_here)(inputs, folder)
        return
    peer.open(inputs, folder)
    try:
        result: Any
        if step == "ask":
            question = next(q for q in load_questions() if q.name == details["question"])
            result = peer.ask(question, PAGE).total
        elif step == "answers":
            result = answers(peer, load_questions())
        else:
            result = warm(peer, load_questions(), details["rounds"], details["patience"])
    finally:
        peer.close()
    print(json.dumps(result, ensure_ascii=False))


def answers(peer: Peer, questions: list[Question]) -> dict[str, dict[str, Any]]:
    """Return the peer's total for each question, and the files if it is a quoted string."""
    found: dict[str, Any] = {}
    for question in questions:
        if reason := peer.cannot(question):
            found[question.name] = {"cannot": reason}
            continue
        answer = peer.ask(question, PAGE)
        found[question.name] = {"total": answer.total, "hits": len(answer.paths)}
        if question.is_checked:
            found[question.name]["paths"] = peer.all_paths(question)
    return found


def warm(
    peer: Peer, questions: list[Question], rounds: int, patience: float
) -> dict[str, dict[str, list[float]]]:
    """Return milliseconds for each question, for a page of hits and for the count alone.

    Each round runs all questions in turn, so that none profits from its last answer; the first
    round is not counted. Ends after ``patience`` seconds.
    """
    askable = [question for question in questions if not peer.cannot(question)]
    times: dict[str, dict[str, list[float]]] = {
        question.name: {"page": [], "count": []} for question in askable
    }
    until = time.monotonic() + patience
    for number in range(rounds + 1):
        for question in askable:
            for kind, limit in (("count", 0), ("page", PAGE)):
                started = time.perf_counter()
                peer.ask(question, limit)
                taken = (time.perf_counter() - started) * 1000
                if number or peer.by_command:
                    times[question.name][kind].append(taken)
        if number >= 1 and time.monotonic() > until:
            break
    return times


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))

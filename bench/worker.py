"""One step of one peer in a process of its own: ``python -m bench.worker STEP PEER JOB``.

JOB is JSON; what is measured inside goes to standard output as JSON.
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


def main(step: str, name: str, told: dict[str, Any]) -> None:
    """Do a step; what it measured is printed."""
    peer = make_peer(name)
    inputs, folder = inputs_of(told)
    if step in {"index", "add"}:
        if not isinstance(peer, LibraryPeer):
            raise TypeError(f"{name} has a command for this")
        (peer.index_here if step == "index" else peer.add_here)(inputs, folder)
        return
    peer.open(inputs, folder)
    try:
        result: Any
        if step == "ask":
            question = next(q for q in load_questions() if q.name == told["question"])
            answer = peer.ask(question, PAGE)
            result = {"total": answer.total, "snippets": answer.snippets}
        elif step in {"answers", "totals"}:
            result = answers(peer, load_questions(), files=step == "answers")
        else:
            result = warm(peer, load_questions(), told["rounds"], told["patience"])
    finally:
        peer.close()
    print(json.dumps(result, ensure_ascii=False))


def answers(
    peer: Peer, questions: list[Question], *, files: bool = True
) -> dict[str, dict[str, Any]]:
    """Return what the peer answers to each question: its total, and the files if quoted."""
    found: dict[str, Any] = {}
    for question in questions:
        if reason := peer.cannot(question):
            found[question.name] = {"cannot": reason}
            continue
        answer = peer.ask(question, PAGE)
        found[question.name] = {
            "total": answer.total,
            "hits": len(answer.paths),
            "snippets": sum(map(bool, answer.snippets)),
        }
        if files and question.quoted and question.is_plain:
            found[question.name]["paths"] = peer.all_paths(question)
    return found


def warm(
    peer: Peer, questions: list[Question], rounds: int, patience: float
) -> dict[str, dict[str, list[float]]]:
    """Return milliseconds for each question, with 10 hits and only counted.

    Rounds go over all questions in turn, so that none profits from having been asked just
    now; a first round is not counted. Ends early after ``patience`` seconds.
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

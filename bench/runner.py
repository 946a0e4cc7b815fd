"""The measurements, one cached step after another, so that a long run can be taken up again.

A step's result is kept under a key of all that it depends on: the corpus, the peer's own
file and versions, the questions, the settings, and newsgrep's sources where they take part.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.cleaned import brute_force, warm
from bench.derived import correctness, index_figures, is_checked, warm_figures
from bench.measure import CommandFailed, Run, run
from bench.paths import digest, digest_of_files, fresh, newsgrep_digest
from bench.peers.base import Inputs, Peer, job, worker
from bench.peers.ours import Newsgrep
from bench.questions import QUESTIONS, Question, load_questions
from newsgrep.errors import NewsgrepError

_HERE: Final = Path(__file__).parent
_VERSION: Final = 2
"""Raised whenever a step measures something else than before."""
COLD: Final = (
    "rare word",
    "common word",
    "phrase of three words",
    "two common words, AND",
    "string that is nowhere",
)
"""Questions that are asked cold."""
BASELINES: Final = {
    "python -c pass": "pass",
    "python -c 'import click'": "import click",
    "python -c 'import whoosh.index, whoosh.searching, whoosh.query'": (
        "import whoosh.index, whoosh.searching, whoosh.query"
    ),
}
CLICK_BASELINE: Final = list(BASELINES)[1]
WHOOSH_BASELINE: Final = list(BASELINES)[2]
HUMAN: Final = ", human format"
"""Follows a peer's name where what it prints is for people."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How often, and for how long at most (in seconds)."""

    index_runs: int = 3
    add_runs: int = 3
    cold_rounds: int = 11
    warm_rounds: int = 20
    process_rounds: int = 3
    """Of questions each of which is a process, that is, cold again."""
    warm_patience: float = 120
    repeat_up_to: float = 300
    """Indexing is repeated only while all runs together take less than this."""
    patience: float = 3600
    """A peer that would take longer for one index is left out by name."""


class Steps:
    """All steps of one corpus, with their cache."""

    def __init__(
        self,
        work: Path,
        inputs: Inputs,
        extra: Inputs,
        settings: Settings,
        say: Callable[[str], None],
        *,
        again: bool = False,
    ) -> None:
        self._cache = work / "steps" / inputs.corpus.name
        self._indexes = work / "indexes" / inputs.corpus.name
        self._scratch = work / "scratch"
        self._inputs, self._extra = inputs, extra
        self._settings = settings
        self._say = say
        self._again = again
        self._newsgrep = newsgrep_digest()

    def _known(self, name: str, key: str, make: Callable[[], Any], *, usable: bool = True) -> Any:
        path = self._cache / f"{name}.json"
        if usable and not self._again and path.exists():
            known = json.loads(path.read_text("utf-8"))
            if known["key"] == key:
                return known["value"]
        self._say(f"{self._inputs.corpus.name}: {name}")
        value = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"key": key, "value": value}, ensure_ascii=False), "utf-8")
        return value

    def _signature(self, peer: Peer) -> str:
        module = Path(sys.modules[type(peer).__module__].__file__ or "")
        return digest(
            _VERSION,
            self._inputs.corpus.name,
            digest_of_files([module, _HERE / "peers" / "base.py"]),
            peer.version(),
            self._newsgrep if peer.uses_newsgrep else "",
        )

    def index(self, peer: Peer) -> dict[str, Any]:
        """Index from nothing, several times; the last index stays."""
        folder = self._indexes / peer.name
        key = digest(self._signature(peer), self._settings.index_runs)
        done = folder.parent / f"{peer.name}.done"

        def make() -> dict[str, Any]:
            done.unlink(missing_ok=True)
            warm(self._inputs.corpus)
            runs: list[Any] = []
            while len(runs) < self._settings.index_runs:
                peer.remove(folder)
                peer.prepare(self._inputs, fresh(folder))
                runs.append(self._run(peer, peer.index_command(self._inputs, folder)))
                if sum(each.seconds for each in runs) > self._settings.repeat_up_to:
                    break
            done.write_text(key, "utf-8")
            return {**_taken(peer, runs), "size": peer.size(folder)}

        usable = done.exists() and done.read_text("utf-8") == key
        value: dict[str, Any] = self._known(f"{peer.name}-index", key, make, usable=usable)
        return value

    def add(self, peer: Peer) -> dict[str, Any]:
        """Add the extra articles to copies of the index."""
        folder = self._indexes / peer.name
        key = digest(self._signature(peer), self._extra.corpus.name, self._settings.add_runs)

        def make() -> dict[str, Any]:
            self._restore(peer)
            warm(self._extra.corpus)
            runs = []
            for _ in range(self._settings.add_runs):
                copy = self._scratch / peer.name
                peer.remove(copy)
                shutil.copytree(folder, copy, symlinks=True)
                peer.prepare_add(self._extra, copy)
                runs.append(self._run(peer, peer.add_command(self._extra, copy)))
                peer.remove(copy)
            return _taken(peer, runs)

        value: dict[str, Any] = self._known(f"{peer.name}-add", key, make)
        return value

    def _run(self, peer: Peer, command: list[str]) -> Run:
        return run(command, timeout=self._settings.patience, server=peer.server_pid)

    def _restore(self, peer: Peer) -> None:
        """Make an index anew that was measured and did not outlive its server."""
        folder = self._indexes / peer.name
        if peer.has_index and not peer.is_there(folder):
            self._say(f"{self._inputs.corpus.name}: {peer.name}-index is gone, made again")
            peer.index(self._inputs, folder)

    def truth(self, questions: Sequence[Question]) -> dict[str, Any]:
        """Return what brute force finds for the quoted questions."""
        literals = [question.quoted for question in questions if is_checked(question)]
        key = digest(self._newsgrep, self._inputs.corpus.name, literals)

        def make() -> dict[str, Any]:
            found = brute_force(self._inputs.cleaned.path, literals)
            return {"stands_for": found.stands_for, "holding": found.holding}

        value: dict[str, Any] = self._known("truth", key, make)
        return value

    def held(self, peer: Newsgrep) -> dict[str, int]:
        """Return how many articles newsgrep has taken from the corpus, and bytes of their text."""
        folder = self._indexes / peer.name

        def make() -> dict[str, int]:
            peer.open(self._inputs, folder)
            try:
                return peer.held()
            finally:
                peer.close()

        key = digest(self._inputs.corpus.name, self._newsgrep)
        value: dict[str, int] = self._known("held", key, make)
        return value

    def answers(self, peer: Peer) -> dict[str, Any]:
        """Return what the peer answers; see :func:`bench.worker.answers`."""
        told: dict[str, Any] = self._worker("answers", peer, {}, digest_of_files([QUESTIONS]))
        return told

    def totals(self, peer: Peer) -> dict[str, int]:
        """Return how many articles the peer finds for each question."""
        found = self._worker("totals", peer, {}, digest_of_files([QUESTIONS]))["answers"]
        return {name: each["total"] for name, each in found.items()}

    def warm(self, peer: Peer) -> dict[str, Any]:
        """Return the times of warm questions; see :func:`bench.worker.warm`."""
        told = {
            "rounds": self._settings.process_rounds
            if peer.by_command
            else self._settings.warm_rounds,
            "patience": self._settings.warm_patience,
        }
        key = digest(digest_of_files([QUESTIONS]), told)
        timed: dict[str, Any] = self._worker("warm", peer, told, key)
        return timed

    def _worker(self, step: str, peer: Peer, told: Mapping[str, object], key: str) -> Any:
        folder = self._indexes / peer.name
        whole = {**job(self._inputs, folder), **told}

        def make() -> Any:
            self._restore(peer)
            if not peer.has_index:
                warm(self._inputs.corpus)
            command = worker(step, peer.name, whole)
            made = run(command, watch=step == "warm", server=peer.server_pid)
            told = {"answers": json.loads(made.output), "peak_bytes": made.peak_bytes}
            return told | ({"server_peak_bytes": made.server_peak_bytes} if peer.server_pid else {})

        whole_key = digest(self._signature(peer), key, digest_of_files([_HERE / "worker.py"]))
        return self._known(f"{peer.name}-{step}", whole_key, make)

    def cold(self, peers: Sequence[Peer]) -> dict[str, dict[str, list[float]]]:
        """Return milliseconds of whole processes, by what was run and by question.

        Peers and baselines take turns, so that a busy moment hits all of them; the first
        round, which fills the file cache, is not counted.
        """
        key = digest(
            [self._signature(peer) for peer in peers],
            digest_of_files([QUESTIONS]),
            self._settings.cold_rounds,
        )

        def make() -> dict[str, dict[str, list[float]]]:
            for peer in peers:
                self._restore(peer)
            commands = self._cold_commands(peers)
            times: dict[str, dict[str, list[float]]] = {}
            for number in range(self._settings.cold_rounds + 1):
                for who, name, command in commands:
                    taken = run(command, fine=(0, 1), watch=False).seconds * 1000
                    if number:
                        times.setdefault(who, {}).setdefault(name, []).append(taken)
            return times

        value: dict[str, dict[str, list[float]]] = self._known("cold", key, make)
        return value

    def _cold_commands(self, peers: Sequence[Peer]) -> list[tuple[str, str, list[str]]]:
        found = [(name, "", [sys.executable, "-c", code]) for name, code in BASELINES.items()]
        for question in load_questions():
            if question.name not in COLD:
                continue
            for peer in peers:
                folder = self._indexes / peer.name
                if peer.cannot(question):
                    continue
                if command := peer.cold_command(question, self._inputs, folder):
                    found.append((peer.name, question.name, command))
                if command := peer.human_command(question, folder):
                    found.append((f"{peer.name}{HUMAN}", question.name, command))
        return found


def _taken(peer: Peer, runs: Sequence[Run]) -> dict[str, list[float]]:
    """Return what runs took; of a server's own, where there is one, as well."""
    taken: dict[str, list[float]] = {
        "seconds": [each.seconds for each in runs],
        "cpu_seconds": [each.cpu_seconds for each in runs],
        "peak_bytes": [each.peak_bytes for each in runs],
    }
    if peer.server_pid is not None:
        taken["server_cpu_seconds"] = [each.server_cpu_seconds for each in runs]
        taken["server_peak_bytes"] = [each.server_peak_bytes for each in runs]
    return taken


def measure(
    steps: Steps, peer: Peer, questions: Sequence[Question], inputs: Inputs
) -> dict[str, Any]:
    """Do all steps of a peer but the cold one; one that fails is told under ``failed``."""
    told: dict[str, Any] = {
        "title": peer.title,
        "note": peer.note,
        "version": peer.version(),
        "by_command": peer.by_command,
        "has_snippets": peer.has_snippets,
    }
    try:
        if peer.has_index:
            told["index"] = index_figures(steps.index(peer), inputs)
            told["add"] = steps.add(peer)
        given = steps.answers(peer)["answers"]
        told["cannot"] = {name: each["cannot"] for name, each in given.items() if "cannot" in each}
        told["answers"] = {
            name: {key: value for key, value in each.items() if key != "paths"}
            for name, each in given.items()
            if "cannot" not in each
        }
        told["correct"] = correctness(given, steps.truth(questions), questions)
        timed = steps.warm(peer)
        told["warm"] = warm_figures(timed)
        told["warm_peak_bytes"] = timed["peak_bytes"]
    except (CommandFailed, NewsgrepError, OSError, ValueError) as exc:
        told["failed"] = str(exc)
    return told

"""The measurements of one corpus, step by step; results are cached, so that a run can resume.

A step's result is kept under a key of everything that it depends on: the corpus, the peer's
module and version, the questions, the settings, and newsgrep's sources where they take part.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.cleaned import brute_force, warm
from bench.derived import correctness, index_figures, rounded, warm_figures
from bench.measure import CommandFailed, Run, run
from bench.paths import BENCH_FOLDER, digest, digest_of_files, fresh, newsgrep_digest
from bench.peers.base import Inputs, Peer, job, worker
from bench.questions import QUESTIONS, Question, load_questions
from newsgrep.errors import NewsgrepError

_VERSION: Final = 3
"""Raised whenever a step measures something else than before."""
COLD: Final = (
    "rare word",
    "common word",
    "phrase of three words",
    "two common words, AND",
    "string that is nowhere",
)
"""The questions of cold runs."""
BASELINES: Final = {
    "python -c pass": "pass",
    "python -c 'import click'": "import click",
    "python -c 'import whoosh.index, whoosh.searching, whoosh.query'": (
        "import whoosh.index, whoosh.searching, whoosh.query"
    ),
}
WHOOSH_BASELINE: Final = list(BASELINES)[2]
HUMAN: Final = ", human format"
"""Follows a peer's name where its output is for people."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How often things are measured, and for how many seconds at most."""

    index_runs: int = 3
    add_runs: int = 3
    cold_rounds: int = 11
    warm_rounds: int = 20
    process_rounds: int = 3
    """Rounds of questions that each start a process."""
    warm_patience: float = 120
    repeat_up_to: float = 300
    """Indexing is repeated only while all runs together take less than this."""
    patience: float = 3600
    """A peer that would take longer for one index is left out."""


class Runner:
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

    def _cached(self, name: str, key: str, make: Callable[[], Any], *, usable: bool = True) -> Any:
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

    def _key(self, peer: Peer, *parts: object) -> str:
        module = Path(sys.modules[type(peer).__module__].__file__ or "")
        own = [module, BENCH_FOLDER / "peers" / "base.py", BENCH_FOLDER / "worker.py", QUESTIONS]
        ours = self._newsgrep if peer.uses_newsgrep else ""
        corpus = self._inputs.corpus.name
        return digest(_VERSION, corpus, digest_of_files(own), peer.version(), ours, parts)

    def index(self, peer: Peer) -> dict[str, Any]:
        """Index from nothing, several times; the last index stays."""
        folder = self._indexes / peer.name
        key = self._key(peer, self._settings.index_runs)
        done = folder.parent / f"{peer.name}.done"

        def make() -> dict[str, Any]:
            done.unlink(missing_ok=True)
            warm(self._inputs.corpus)
            runs: list[Run] = []
            while len(runs) < self._settings.index_runs:
                peer.prepare(self._inputs, fresh(folder))
                runs.append(self._run(peer.index_command(self._inputs, folder)))
                if sum(each.seconds for each in runs) > self._settings.repeat_up_to:
                    break
            done.write_text(key, "utf-8")
            return {**_taken(runs), "size": peer.size(folder)}

        usable = done.exists() and done.read_text("utf-8") == key
        value: dict[str, Any] = self._cached(f"{peer.name}-index", key, make, usable=usable)
        return value

    def add(self, peer: Peer) -> dict[str, Any]:
        """Add the extra articles to copies of the index."""

        def make() -> dict[str, Any]:
            warm(self._extra.corpus)
            runs = []
            for _ in range(self._settings.add_runs):
                copy = self._scratch / peer.name
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(self._indexes / peer.name, copy, symlinks=True)
                peer.prepare_add(self._extra, copy)
                runs.append(self._run(peer.add_command(self._extra, copy)))
                shutil.rmtree(copy)
            return _taken(runs)

        key = self._key(peer, self._extra.corpus.name, self._settings.add_runs)
        value: dict[str, Any] = self._cached(f"{peer.name}-add", key, make)
        return value

    def _run(self, command: list[str]) -> Run:
        return run(command, timeout=self._settings.patience)

    def truth(self, questions: Sequence[Question]) -> dict[str, Any]:
        """Return what brute force finds for the quoted questions."""
        literals = [question.quoted for question in questions if question.is_checked]
        key = digest(self._newsgrep, self._inputs.corpus.name, literals)
        value: dict[str, Any] = self._cached(
            "truth", key, lambda: brute_force(self._inputs.cleaned.path, literals)._asdict()
        )
        return value

    def answers(self, peer: Peer) -> dict[str, Any]:
        """Return the peer's answers; see :func:`bench.worker.answers`."""
        answers: dict[str, Any] = self._worker("answers", peer, {})["result"]
        return answers

    def warm(self, peer: Peer) -> dict[str, Any]:
        """Return the times of warm questions; see :func:`bench.worker.warm`."""
        own, by_command = self._settings.warm_rounds, self._settings.process_rounds
        details = {
            "rounds": by_command if peer.by_command else own,
            "patience": self._settings.warm_patience,
        }
        timed: dict[str, Any] = self._worker("warm", peer, details)
        return timed

    def _worker(self, step: str, peer: Peer, details: Mapping[str, object]) -> Any:
        whole = {**job(self._inputs, self._indexes / peer.name), **details}

        def make() -> Any:
            if not peer.has_index:
                warm(self._inputs.corpus)
            made = run(worker(step, peer.name, whole), watch=step == "warm")
            return {"result": json.loads(made.output), "peak_bytes": made.peak_bytes}

        return self._cached(f"{peer.name}-{step}", self._key(peer, details), make)

    def cold(self, peers: Sequence[Peer]) -> dict[str, dict[str, list[float]]]:
        """Return milliseconds of whole processes, by command and by question.

        Peers and baselines take turns, so that a busy moment affects all of them; the first
        round, which fills the file cache, is not counted.
        """

        def make() -> dict[str, dict[str, list[float]]]:
            commands = self._cold_commands(peers)
            times: dict[str, dict[str, list[float]]] = {}
            for number in range(self._settings.cold_rounds + 1):
                for who, name, command in commands:
                    taken = run(command, success=(0, 1), watch=False).seconds * 1000
                    if number:
                        times.setdefault(who, {}).setdefault(name, []).append(round(taken, 1))
            return times

        key = digest([self._key(peer) for peer in peers], self._settings.cold_rounds)
        value: dict[str, dict[str, list[float]]] = self._cached("cold", key, make)
        return value

    def _cold_commands(self, peers: Sequence[Peer]) -> list[tuple[str, str, list[str]]]:
        found = [(name, "", [sys.executable, "-c", code]) for name, code in BASELINES.items()]
        for question in load_questions():
            for peer in peers:
                if question.name not in COLD or peer.cannot(question):
                    continue
                folder = self._indexes / peer.name
                if command := peer.cold_command(question, self._inputs, folder):
                    found.append((peer.name, question.name, command))
                if command := peer.human_command(question, folder):
                    found.append((f"{peer.name}{HUMAN}", question.name, command))
        return found

    def measure(self, peer: Peer, questions: Sequence[Question]) -> dict[str, Any]:
        """Do all steps of a peer but the cold one; a failure is reported under ``failed``."""
        measured: dict[str, Any] = {
            "title": peer.title,
            "note": peer.note,
            "version": peer.version(),
            "by_command": peer.by_command,
            "has_snippets": peer.has_snippets,
        }
        try:
            if peer.has_index:
                measured["index"] = index_figures(self.index(peer), self._inputs)
                measured["add_seconds"] = self.add(peer)["seconds"]
            given = self.answers(peer)
            measured["cannot"] = {
                name: each["cannot"] for name, each in given.items() if "cannot" in each
            }
            measured["answers"] = {
                name: [each["total"], each["hits"]]
                for name, each in given.items()
                if "cannot" not in each
            }
            measured["correct"] = correctness(given, self.truth(questions), questions)
            measured["warm"] = warm_figures(self.warm(peer)["result"])
        except (CommandFailed, NewsgrepError, OSError, ValueError) as exc:
            measured["failed"] = str(exc)
        return {name: rounded(value) for name, value in measured.items()}


def _taken(runs: Sequence[Run]) -> dict[str, Any]:
    rows = [asdict(each) for each in runs]
    return {name: [row[name] for row in rows] for name in ("seconds", "cpu_seconds", "peak_bytes")}

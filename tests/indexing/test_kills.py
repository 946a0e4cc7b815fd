"""A killed ``newsgrep index`` process leaves the old index or the new one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.manifest import LOCK_FILE, MANIFEST_FILE
from newsgrep.indexing.update import UpdateOptions, update_index
from tests.support.cli import TIMEOUT, Cli, assert_no_crash
from tests.support.factories import FOLDER_ENGINES
from tests.support.simulated_archive import (
    ArticleFile,
    SimulatedArchive,
    State,
    index_snapshot,
    indexed_state,
    random_article,
    random_sentence,
)
from tests.support.stress import LONG_FORM, Tally, trial_count

pytestmark = pytest.mark.slow

MANY = {1: trial_count(120, 420), 2: 420}
"""Files by the number of jobs: worker processes are started for many only."""

NOTHING: State = {}

CASES = [*product(FOLDER_ENGINES, (1, 2))] if LONG_FORM else [("whoosh", 2), ("tantivy", 1)]


class Archive:
    """Files that have changed, their index, and the command that updates it."""

    def __init__(self, cli: Cli, engine: str, jobs: int, chance: random.Random) -> None:
        self.engine = engine
        self.cli = cli
        self.jobs = jobs
        self.chance = chance
        self.files = SimulatedArchive(cli.folder / "n")
        for number in range(MANY[jobs]):
            self.files.write(f"{'abc'[number % 3]}/{number}.md", random_article(chance, number))
        self.old: State = NOTHING
        self._usual: dict[str, float] = {}
        self._fresh = cli.folder / "fresh"

    def change(self, kind: str, number: int) -> None:
        """Change files, or delete the index, for the next ``kind`` of run."""
        match kind:
            case "first":
                shutil.rmtree(self.cli.index, ignore_errors=True)
                self.old = NOTHING
            case "small":
                self.files.change_randomly(self.chance, 25, number)
            case "large":
                for path, content in list(self.files.files.items()):
                    name = str(Path(path).relative_to(self.files.folder))
                    again = ArticleFile(
                        **(vars(content) | {"body": random_sentence(self.chance) * 2})
                    )
                    self.files.write(name, again)

    def start(self) -> subprocess.Popen[bytes]:
        args = ("index", "n", "--engine", self.engine, "--jobs", str(self.jobs))
        return self.cli.start(*args, env={"PYTHONWARNINGS": None}, new_session=True)

    def complete(self, kind: str, *, undisturbed: bool) -> None:
        """Run the command to its end; the result equals a new index of the same files."""
        started = time.monotonic()
        process = self.start()
        out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, (out, err)
        assert_no_crash(err)
        if undisturbed:
            self._usual[kind] = time.monotonic() - started
        shutil.rmtree(self._fresh, ignore_errors=True)
        update_index(
            FolderIndex(self._fresh), [str(self.files.folder)], UpdateOptions(engine=self.engine)
        )
        assert index_snapshot(self.cli.index) == index_snapshot(self._fresh)
        self.old = indexed_state(self.cli.index)
        assert self.old == self.files.state()
        with FolderIndex(self.cli.index).open() as engine:
            assert engine.remove_leftovers() == []
        assert {each.name for each in self.cli.index.iterdir()} == {
            self.engine,
            MANIFEST_FILE,
            LOCK_FILE,
        }

    def kill(self, kind: str) -> bool:
        """Start the command and kill it at a random moment of its usual duration."""
        process = self.start()
        time.sleep(self.chance.uniform(0, self._usual[kind]))
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)  # this process only, as the system does
        try:
            # Workers that survive keep its standard error open.
            _, err = process.communicate(timeout=TIMEOUT)
            # A worker may lose its parent before it has loaded our code. A run that was complete
            # has printed its notes, which name commands.
            for mark in (b"newsgrep/", b"newsgrep: "):
                assert mark not in err.replace(bytes(self.cli.folder), b""), err
            assert_all_ended(process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return not ended

    def is_old_or_new(self) -> str:
        """Search in processes; return whether the index is old, new or absent."""
        ran = self.cli.run("doctor", "--deep", "--json")
        assert_no_crash(ran.stderr)
        if not FolderIndex(self.cli.index).exists():
            assert self.old is NOTHING
            assert b"No index" in ran.stderr
            ran = self.cli("search", "渡轮", status=2)
            assert "No index" in ran.err
            return "no index yet"
        assert json.loads(ran.stdout)["problems"] == []
        found = indexed_state(self.cli.index)
        which = "the old index" if found == self.old else "the new index"
        assert found in (self.old, self.files.state())
        # Brute force here ignores word edges, so the number is not compared.
        title = self.chance.choice(list(self.files.files.values())).title.partition("号")[2]
        begin = self.chance.randrange(len(title) - 3)
        text = title[begin : begin + self.chance.randint(2, 5)]
        ran = self.cli("search", "--json", "-n", "1000", f'"{text}"', status=None)
        hits = {(hit["path"], hit["title"]) for hit in json.loads(ran.stdout)["hits"]}
        right = {(path, each.title) for path, each in found.items() if each.contains(text)}
        assert {(str(self.cli.folder / path), title) for path, title in hits} == right
        return which


def processes_of(session: int) -> dict[int, str]:
    """Return the commands of the running processes of ``session`` by process id."""
    running = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                running[int(process.name)] = (process / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return running


def assert_all_ended(session: int) -> None:
    until = time.monotonic() + TIMEOUT
    while processes_of(session):  # ending, or running forever
        assert time.monotonic() < until, processes_of(session)
        time.sleep(0.01)


@pytest.mark.torture
@pytest.mark.parametrize(("engine", "jobs"), CASES)
def test_killed_process_leaves_old_or_new_index(
    cli: Cli, tally: Tally, engine: str, jobs: int
) -> None:
    chance = random.Random(20261120 + jobs)
    archive = Archive(cli, engine, jobs, chance)
    kinds = ("first", "small", "large")
    for number, kind in enumerate(kinds):
        archive.change(kind, number)
        archive.complete(kind, undisturbed=True)
    kills = 0
    while kills < trial_count(3, 250):
        kind = kinds[tally["runs completed after kills"] % 3]
        archive.change(kind, 10 + kills)
        again, undisturbed = True, True
        while again:  # the completing run may be killed, too
            killed = archive.kill(kind)
            result = archive.is_old_or_new()
            kills += killed
            tally["processes killed" if killed else "ended before they were"] += 1
            tally[f"left {result}" if killed else "ended with the new index"] += 1
            undisturbed = result != "the new index"
            again = undisturbed and chance.random() < 0.5
        archive.complete(kind, undisturbed=undisturbed)
        tally["runs completed after kills"] += 1


def test_killed_worker_is_reported_and_nothing_changes(cli: Cli) -> None:
    files = SimulatedArchive(cli.folder / "n")
    chance = random.Random(7)
    files.write("a.md", random_article(chance, 1))
    cli("index", "n")
    before = index_snapshot(cli.index)
    for number in range(1500):
        files.write(f"{number}.md", random_article(chance, number))
    process = cli.start("index", "n", "--jobs", "2", new_session=True)
    until = time.monotonic() + TIMEOUT
    workers: list[int] = []
    while not workers:
        running = processes_of(process.pid).items()
        workers = [number for number, command in running if "spawn_main" in command]
        assert time.monotonic() < until
        assert process.poll() is None
    time.sleep(0.3)
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate(timeout=TIMEOUT)
    message = err.decode()
    assert process.returncode == 2
    assert message.startswith("newsgrep: A worker process was ended")
    assert "--jobs 1" in message
    assert message.count("\n") == 1
    assert index_snapshot(cli.index) == before
    assert_all_ended(process.pid)

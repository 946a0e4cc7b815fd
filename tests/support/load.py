"""Many readers and one writer, each a process, on one index for a long time.

The index has the articles of :mod:`tests.support.rewriting_archive`, which each commit replaces,
beside many that stay. Readers check that each answer is from one commit, and never from one
before the last that they saw. All processes measure themselves::

    python -m tests.support.load run whoosh 60 --readers 16 --articles 30000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from newsgrep.engines.base import Engine
from newsgrep.engines.commits import Commit, commit_names, read_commit
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.update import UpdateOptions, update_index
from tests.support.cli import REPOSITORY, clean_environment, write_article
from tests.support.rewriting_archive import check_answers, write_generation

STATUS: Final = Path("/proc/self/status")
"""Where Linux says how much memory a process has."""

_FOLDERS: Final = "staying", "rewritten"
_SAMPLE_SECONDS: Final = 0.5
_START_SECONDS: Final = 600.0
_END_SECONDS: Final = 300.0
_TOUCH_EVERY: Final = 10
"""Commits after which some of the staying articles change, too, so that large segments merge."""

_TOUCHED: Final = 20


@dataclass
class Samples:
    """Memory and open files of one process, over time.

    ``memory`` is in KiB, without the pages of mapped files. ``done`` counts answers or commits.
    ``left_open`` counts the files that are open after all answers, and not after the first.
    ``commits`` and ``excess`` are the writer's: how many commits were in the folder at most, and
    the files in it that no commit names.
    """

    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    done: int = 0
    left_open: int = 0
    commits: int = 0
    excess: list[str] = field(default_factory=list)
    last: float = 0.0

    def take(self) -> None:
        """Measure this process, unless it was measured a moment ago."""
        if (now := time.monotonic()) - self.last < _SAMPLE_SECONDS:
            return
        self.last = now
        fields = dict(line.split(":", 1) for line in STATUS.read_text("ascii").splitlines())
        self.memory.append(int(fields["RssAnon"].split()[0]))
        self.descriptors.append(open_files())

    def grown(self) -> int:
        """Return by how many KiB the memory of the last third exceeds that of the second.

        On a machine so busy that there are fewer than three measurements, it has not grown.
        """
        third = len(self.memory) // 3
        if not third:
            return 0
        return int(median(self.memory[-third:]) - median(self.memory[third : 2 * third]))


def open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@dataclass(frozen=True)
class Load:
    """The size of a run; ``seconds`` begin when all readers have started."""

    engine: str
    seconds: float
    readers: int
    articles: int


def run_load(folder: Path, load: Load) -> tuple[Samples, list[Samples]]:
    """Run readers and a writer in ``folder``, and return what the writer and each reader measured.

    Raises :class:`AssertionError` with the message of a process that failed.
    """
    index = folder / "index"
    for name in _FOLDERS:
        (folder / name).mkdir()
    for number in range(load.articles):
        _write_staying(folder, number, 0)
    write_generation(folder / "rewritten", 1)
    update_index(FolderIndex(index), _paths(folder), UpdateOptions(engine=load.engine))
    stop = folder / "stop"
    with _processes(folder, load) as (writer, *readers):
        started = time.monotonic()
        while len(list(folder.glob("started-*"))) <= len(readers):
            _check_running([writer, *readers])
            assert time.monotonic() - started < _START_SECONDS
            time.sleep(0.05)
        until = time.monotonic() + load.seconds
        while time.monotonic() < until:
            _check_running([writer, *readers])
            time.sleep(0.2)
        stop.touch()
        results = [_result(process) for process in (writer, *readers)]
    return results[0], results[1:]


@contextmanager
def _processes(folder: Path, load: Load) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the writer and the readers; end those that are left."""
    roles = ["write", *(["read"] * load.readers)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.load", role, folder, str(load.articles)],
            cwd=REPOSITORY,
            # In several arenas, memory that was freed stays with the process, like a leak.
            env=clean_environment(folder, {"MALLOC_ARENA_MAX": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for role in roles
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _check_running(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.poll() is None, process.communicate()[1].decode()


def _result(process: subprocess.Popen[bytes]) -> Samples:
    out, err = process.communicate(timeout=_END_SECONDS)
    assert (process.returncode, err) == (0, b""), err.decode()
    return Samples(**json.loads(out))


# The processes


def _paths(folder: Path) -> list[str]:
    return [str(folder / name) for name in _FOLDERS]


def _write_staying(folder: Path, number: int, version: int) -> None:
    chance = random.Random(number)
    words = ["渔港", "航标", "码头", "盐田", "缆车", "议会", "预算", "风暴", "船坞", "海带"]
    text = "".join(f"{chance.choice(words)}第{chance.randrange(9999)}号。" for _ in range(40))
    write_article(
        folder / "staying" / f"{number % 100:02}" / f"{number}.md",
        f"纪事{number}",
        f"{text}第{version}次修订。",
        source=f"船讯{number % 7}",
        date=f"{1950 + number % 70}-{number % 12 + 1:02}-20",
    )


def _write(folder: Path, articles: int) -> Samples:
    """Commit one generation after another until the file ``stop`` exists."""
    index, stop = FolderIndex(folder / "index"), folder / "stop"
    chance = random.Random(1)
    samples = Samples()
    generation = 1
    before = None
    while not stop.exists():
        generation += 1
        write_generation(folder / "rewritten", generation)
        paths = _paths(folder)[1:]
        if articles and generation % _TOUCH_EVERY == 0:
            for _ in range(_TOUCHED):
                _write_staying(folder, chance.randrange(articles), generation)
            paths = _paths(folder)
        update_index(index, paths, UpdateOptions(prune=True))
        samples.done += 1
        _check_folder(index, samples)
        samples.take()
        if before is None:
            before = open_files()
            (folder / "started-writer").touch()
    samples.left_open = open_files() - (before or 0)
    return samples


def _check_folder(index: FolderIndex, samples: Samples) -> None:
    """Record how many commits the index contains, and the files that none of them names."""
    data = index.path / index.read_manifest().data
    names = {path.name for path in data.iterdir() if path.is_file()}
    commits: list[Commit] = [read_commit(data / str(name)) for name in commit_names(sorted(names))]
    named = {name for commit in commits for name in commit.files}
    excess = {name for name in names - named if not name.startswith("commit-")}
    samples.commits = max(samples.commits, len(commits))
    samples.excess = sorted({*samples.excess, *excess})


def _read(folder: Path, articles: int) -> Samples:
    """Query the index until the file ``stop`` exists; open it again for every third answer."""
    index, stop = FolderIndex(folder / "index"), folder / "stop"
    samples = Samples()
    last = 0

    def check(engine: Engine) -> int:
        generation = check_answers(engine, articles)
        assert generation >= last, "an answer from an older commit"
        samples.done += 1
        samples.take()
        return generation

    with index.open() as engine:  # opens the dictionary, too
        last = check(engine)
    before = open_files()
    with index.session() as session:
        while not stop.exists():
            session.refresh()
            last = check(session.engine)
            last = check(session.engine)
            with index.open() as engine:
                last = check(engine)
            (folder / f"started-{os.getpid()}").touch()
    samples.left_open = open_files() - before
    return samples


def main() -> None:
    """Run a load, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True)
    for role in ("read", "write"):
        each = roles.add_parser(role)
        each.add_argument("folder", type=Path)
        each.add_argument("articles", type=int)
    run = roles.add_parser("run")
    run.add_argument("engine")
    run.add_argument("seconds", type=float)
    run.add_argument("--readers", type=int, default=16)
    run.add_argument("--articles", type=int, default=30_000)
    args = parser.parse_args()
    if args.role == "run":
        load = Load(args.engine, args.seconds, args.readers, args.articles)
        with tempfile.TemporaryDirectory() as folder:
            writer, readers = run_load(Path(folder), load)
            for measured in (writer, *readers):
                print(measured)
    else:
        process = _read if args.role == "read" else _write
        print(json.dumps(asdict(process(args.folder, args.articles))))


if __name__ == "__main__":
    main()

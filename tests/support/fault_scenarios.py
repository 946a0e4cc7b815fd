"""Commands that change an index, their index before and after, and what a fault may leave.

A :class:`Workshop` prepares the archive and the indexes of one engine once. Each trial copies
the index of a scenario, runs its command with a fault, and returns what is wrong, if anything.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.damage import Damage, copy_index
from tests.support.disk_faults import (
    CHANGES,
    INTERRUPTIBLE,
    OPENS,
    READING,
    SPACE,
    Action,
    DiskCall,
    FaultPlan,
    Kind,
    count_calls,
    describe,
    read_calls,
)
from tests.support.forked_commands import CommandServer, Ended, IndexState
from tests.support.power_loss import Disk, inodes_below
from tests.support.record_files import FORMATS, Item, jsonl_of
from tests.support.simulated_archive import SimulatedArchive, random_article

FILES = 12
SIGKILL_STATUS = -9
USABLE_STATUSES = frozenset({0, 2})
"""A command that meets a fault succeeds or prints an error."""


@dataclass(frozen=True)
class Scenario:
    """One command on an index in ``index``, as :attr:`Workshop.indexes` has it.

    ``changed`` is the folder of the index that the command writes.
    """

    name: str
    before: str
    arguments: tuple[str, ...]
    changed: str = "index"
    beside: str = ""
    """The index that is in ``changed`` before, if that is not ``index``."""
    is_damaged: bool = False
    """Whether the index is damaged before the command."""
    commits_each: bool = False
    """Whether it commits after each file, so that an interrupted run may leave some of them."""


def scenarios(engine: str) -> tuple[Scenario, ...]:
    """Return the scenarios of an engine."""
    other = "tantivy" if engine == "whoosh" else "whoosh"
    index = ("index", "../n", "--jobs", "1", "--engine", engine)
    copy = ("copy", "--to", "target", "--jobs", "1")
    fix = ("doctor", "--fix", "--jobs", "1")
    return (
        Scenario("index, first run", "none", index),
        Scenario("index, update", "old", index),
        Scenario("index, many commits", "old", index, commits_each=True),
        Scenario("index, after rollback", "rolled back", index),
        Scenario("copy", "new", copy, "target"),
        Scenario(
            "copy from the other engine", f"new {other}", (*copy, "--engine", engine), "target"
        ),
        Scenario("copy --replace", "new", (*copy, "--replace"), "target", "old"),
        Scenario("reindex", "new", ("reindex", "--jobs", "1")),
        Scenario("doctor --fix, damaged file", "damaged", fix, is_damaged=True),
        Scenario("doctor --fix, no manifest", "no manifest", fix, is_damaged=True),
        Scenario("doctor --fix, wrong manifest", "wrong manifest", fix, is_damaged=True),
        Scenario("doctor --rollback", "new", ("doctor", "--rollback", "--yes")),
        Scenario(
            "doctor --rollback, no last commit",
            "no last commit",
            ("doctor", "--rollback", "--yes"),
            is_damaged=True,
        ),
    )


@dataclass(frozen=True)
class Expected:
    """What a scenario does when nothing disturbs it; ``changes`` are its calls without reads."""

    before: IndexState
    after: IndexState
    names: frozenset[str]
    calls: list[DiskCall]
    changes: list[DiskCall]
    inodes: Mapping[str, int]
    contents: Mapping[str, object]


class Workshop:
    """The archive, and the indexes of one engine from which trials start."""

    def __init__(self, folder: Path, engine: str, server: CommandServer, seed: int = 19) -> None:
        self.folder = folder
        self.engine = engine
        self.server = server
        self.trial = folder / "trial"
        self.log = folder / "log"
        self.indexes: dict[str, Path | None] = {"none": None}
        self._expected: dict[str, Expected] = {}
        self._prepare(random.Random(seed))

    def _prepare(self, chance: random.Random) -> None:
        base = self.folder / "base"
        base.mkdir(parents=True)
        archive = SimulatedArchive(self.folder / "n")
        for number in range(FILES):
            archive.write(f"{'abc'[number % 3]}/{number}.md", random_article(chance, number))
        self._write_record_files((1, 2, 3, 4), 0)
        other = "tantivy" if self.engine == "whoosh" else "whoosh"
        names = ((self.engine, ""), (other, f" {other}"))
        for engine, suffix in names:
            self._index(f"old{suffix}", engine)
        archive.change_randomly(chance, 6, 1)
        self._write_record_files((1, 3, 2, 4, 5), 1)
        for engine, suffix in names:
            self._copy(f"old{suffix}", f"new{suffix}")
            self._index(f"new{suffix}", engine)
        self._copy("new", "rolled back")
        self._must_succeed("doctor", "--rollback", "--yes", index="rolled back")
        self._damage(chance)
        others = SimulatedArchive(self.folder / "other n")
        for number in range(FILES):
            others.write(f"{number}.md", random_article(chance, number))
        self._index("other", self.engine, "../other n")
        others.change_randomly(chance, 6, 1)
        self._index("other", self.engine, "../other n")
        self._copy("new", "no manifest")
        (base / "no manifest" / "newsgrep.json").unlink()
        self._copy("new", "wrong manifest")
        manifest = base / "wrong manifest" / "newsgrep.json"
        manifest.write_bytes(manifest.read_bytes().replace(self.engine.encode(), b"memory"))
        self._copy("new", "no last commit")
        commits = (base / "no last commit" / self.engine).glob("commit-*[0-9].json")
        max(commits, key=lambda path: int(path.stem.partition("-")[2])).unlink()

    def _write_record_files(self, numbers: Sequence[int], version: int) -> None:
        """Write files of many records; the file of each format has articles of its own.

        One grows, one shrinks, and in others records are edited or exchanged.
        """
        folder = self.folder / "n" / "records"
        folder.mkdir(exist_ok=True)
        for place, (ending, write) in enumerate(FORMATS.items()):
            chosen = numbers if place else sorted(numbers)
            items = [_record_item(10 * place + number, version) for number in chosen]
            items = items[: 4 - version] if ending == "csv" else items
            (folder / f"d.{ending}").write_bytes(write(items))
        lines = jsonl_of([_record_item(1, 0), *[Item("", "")] * (22 + version)])
        (folder / "e.jsonl.gz").write_bytes(gzip.compress(lines, mtime=version))

    def _index(self, name: str, engine: str, files: str = "../n") -> None:
        self.indexes[name] = self.folder / "base" / name
        self._must_succeed("index", files, "--jobs", "1", "--engine", engine, index=name)

    def _must_succeed(self, *arguments: str, index: str) -> None:
        ended = self.server.run(*arguments, "--index", index, cwd=self.folder / "base")
        assert ended.status == 0, ended

    def _copy(self, name: str, to: str) -> None:
        base = self.folder / "base"
        shutil.copytree(base / name, base / to, symlinks=True)
        self.indexes[to] = base / to

    def _damage(self, chance: random.Random) -> None:
        """Make the index ``damaged``: a large file that the last commit needs is damaged."""
        new = self.folder / "base" / "new"
        files = sorted(
            (path for path in new.rglob("*") if path.is_file()),
            key=lambda path: path.stat().st_size,
        )
        for path in reversed(files):
            shutil.rmtree(new.with_name("damaged"), ignore_errors=True)
            self._copy("new", "damaged")
            change_byte(new.with_name("damaged") / path.relative_to(new), chance)
            state = self.server.state(new.with_name("damaged"))
            if state.error or state.problems:
                return
        raise AssertionError("no damage was found")

    def reset(self, scenario: Scenario) -> None:
        """Make the trial's folder as it is before the scenario's command."""
        shutil.rmtree(self.trial, ignore_errors=True)
        self.trial.mkdir()
        self.log.unlink(missing_ok=True)
        places = {"index": scenario.before}
        if scenario.changed != "index":
            places[scenario.changed] = scenario.beside or "none"
        for place, name in places.items():
            source = self.indexes[name]
            if source is not None:
                shutil.copytree(source, self.trial / place, symlinks=True)

    def run(self, scenario: Scenario, plan: FaultPlan | None = None) -> Ended:
        """Run the scenario's command in the trial's folder."""
        return self.server.run(
            *scenario.arguments,
            cwd=self.trial,
            plan=plan,
            log=self.log,
            commit_each=scenario.commits_each,
        )

    def changed(self, scenario: Scenario) -> Path:
        return self.trial / scenario.changed

    def expected(self, scenario: Scenario) -> Expected:
        """Run the scenario undisturbed, once."""
        if scenario.name not in self._expected:
            self.reset(scenario)
            before = self.server.state(self.changed(scenario))
            inodes = inodes_below(self.trial)
            ended = self.run(scenario, FaultPlan(kinds=frozenset(Kind)))
            assert ended.status == 0, ended
            calls, contents = read_calls(self.log), contents_below(self.trial)
            changes = [call for call in calls if call.kind in CHANGES]
            after = self.server.state(self.changed(scenario))
            assert after.digest, after
            assert not after.problems, after
            assert (before == after) == (scenario.name == "reindex"), before
            names = frozenset(general_names(self.trial))
            self._expected[scenario.name] = Expected(
                before, after, names, calls, changes, inodes, contents
            )
        return self._expected[scenario.name]

    def check(self, scenario: Scenario, *, complete: bool = True) -> Iterator[str]:
        """Yield what is wrong after a fault: with the index, and after the same command again."""
        expected = self.expected(scenario)
        found = self.server.state(self.changed(scenario))
        yield from self._check_state(scenario, found)
        ended = self.server.run("doctor", "--json", "--index", scenario.changed, cwd=self.trial)
        yield from check_output(ended, None)
        is_sound = ended.status == 0
        is_missing = "IndexMissing" in found.error
        if is_sound != bool(found.digest and not found.problems) and not is_missing:
            yield f"doctor exits with {ended.status} for an index in state {found}: {ended.err}"
        if not complete:
            return
        ended = self.run(scenario)
        yield from check_output(ended, None)
        if ended.status != 0:
            yield f"the repeated command exits with {ended.status}: {ended.err}"
        after = self.server.state(self.changed(scenario))
        if (after.digest, after.problems) != (expected.after.digest, ()):
            yield f"after the repeated command: {after}"
        ended = self.server.run(
            "doctor", "--tidy", "--json", "--index", scenario.changed, cwd=self.trial
        )
        deleted = json.loads(ended.out or "{}").get("deleted")
        if ended.status != 0 or deleted != []:
            yield f"doctor --tidy finds {deleted}, exits with {ended.status}: {ended.err}"
        strange = frozenset(general_names(self.trial)) - expected.names
        if strange:
            yield f"left after the repeated command and --tidy: {sorted(strange)}"

    def _check_state(self, scenario: Scenario, found: IndexState) -> Iterator[str]:
        expected = self.expected(scenario)
        if found.error.partition(":")[0] == expected.before.error.partition(":")[0] != "":
            return
        digests = {expected.before.digest, expected.after.digest} - {""}
        if found.digest not in digests and not (scenario.commits_each and found.digest):
            yield f"neither the old nor the new index: {found}"
        is_old = found.digest == expected.before.digest
        if found.problems and not (is_old and expected.before.problems):
            yield f"a damaged index: {found}"


def _record_item(number: int, version: int) -> Item:
    url = f"https://wugang.example/records/{number}"
    body = f"第{number}号渡轮今天停航，{'沿岸的村子' * (version * (number % 2))}正在修堤。"
    return Item(f"第{number}号渡轮停航", body, url)


_CAUSES = {
    errno.ENOSPC: "No space left on device|disk is full",
    errno.EIO: "Input/output error",
    errno.EMFILE: "Too many open files",
    errno.EINTR: "Interrupted system call",
    errno.EROFS: "Read-only file system",
    errno.EDQUOT: "quota",
}


def check_output(ended: Ended, error: int | None) -> Iterator[str]:
    """Yield what is wrong with how a command ended; ``error``: what it met."""
    if ended.status is None:
        yield "it hangs"
    if re.search("Traceback|[Ii]nternal error|panicked|PanicException", ended.err):
        yield f"an internal error: {ended.err.strip()[-300:]}"
    if error is None:
        return
    if ended.status not in USABLE_STATUSES:
        yield f"exit status {ended.status}: {ended.err}"
    if ended.status == 2 and not re.search(_CAUSES[error], ended.err):
        yield f"the message does not name the cause: {ended.err.strip()[:300]}"


def contents_below(folder: Path) -> dict[str, object]:
    """Return the content of each file, the target of each link, by relative path."""
    return {
        str(path.relative_to(folder)): os.readlink(path)  # noqa: PTH115  (as text)
        if path.is_symlink()
        else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def general_names(folder: Path) -> Iterator[str]:
    """Yield the relative paths of all files, with ``#`` for numbers and random names."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        name = re.sub(r"(?:\b|_)(?:[0-9a-f]{32}|[0-9a-f]{16})\b", "#", name)
        yield re.sub(r"\d+", "#", name)


def change_byte(path: Path, chance: random.Random) -> None:
    """Change one bit in the middle third of a file."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content) // 3, len(content) * 2 // 3 + 1)] ^= (
        1 << chance.randrange(8)
    )
    path.unlink()  # it may be shared with another commit by a hard link
    path.write_bytes(content)


_FAULTS: Sequence[tuple[int, Action, frozenset[Kind], int]] = (
    (4, Action.KILL, CHANGES, 0),
    (1, Action.CUT, frozenset({Kind.WRITE}), 0),
    (2, Action.FAIL, CHANGES, errno.EIO),
    (1, Action.FAIL, READING, errno.EIO),
    (1, Action.FAIL, SPACE, errno.ENOSPC),
    (1, Action.FAIL_FROM, SPACE, errno.ENOSPC),
    (1, Action.FULL, SPACE, errno.ENOSPC),
    (1, Action.FAIL, OPENS, errno.EMFILE),
    (1, Action.FAIL_FROM, OPENS, errno.EMFILE),
    (1, Action.FAIL, INTERRUPTIBLE, errno.EINTR),
    (1, Action.SHORT, frozenset({Kind.WRITE}), 0),
    (1, Action.SHORT_FROM, frozenset({Kind.WRITE}), 0),
)
"""How often each fault is tried, at which calls, and with which error."""


def random_plans(calls: list[DiskCall], chance: random.Random, count: int) -> Iterator[FaultPlan]:
    """Yield faults at random calls of a run that made ``calls``, each once."""
    seen: set[FaultPlan] = set()
    weights = [weight for weight, *_ in _FAULTS]
    for _ in range(count * 20):
        ((_, action, kinds, error),) = chance.choices(_FAULTS, weights)
        if last := count_calls(calls, kinds):
            plan = FaultPlan(chance.randint(1, last), action, kinds, error)
            if plan not in seen and len(seen) < count:
                seen.add(plan)
                yield plan


def try_fault(workshop: Workshop, scenario: Scenario, plan: FaultPlan) -> list[str]:
    """Run a scenario with one fault; return what is wrong."""
    expected = workshop.expected(scenario)
    workshop.reset(scenario)
    ended = workshop.run(scenario, plan)
    wrong: list[str] = []
    if plan.action in {Action.KILL, Action.CUT}:
        if ended.status not in {SIGKILL_STATUS, 0}:
            wrong.append(f"exit status {ended.status}: {ended.err}")
    elif plan.action in {Action.SHORT, Action.SHORT_FROM}:
        wrong += check_output(ended, None)
        if ended.status != 0:
            wrong.append(f"a short write ends the run with {ended.status}: {ended.err}")
    else:
        wrong += check_output(ended, plan.error)
        if "damaged" in ended.err and not scenario.is_damaged:
            wrong.append(f"an error is called damage: {ended.err}")
    left = workshop.server.take_temporary_files()
    if ended.status != SIGKILL_STATUS and left:
        wrong.append(f"temporary files stay behind: {left}")
    if ended.status == 0:
        found = workshop.server.state(workshop.changed(scenario))
        if found.digest != expected.after.digest:
            wrong.append(f"success without the new index: {found}")
    wrong += workshop.check(scenario)
    return [f"{scenario.name}, {describe(plan)}: {each}" for each in wrong]


def try_power_loss(
    workshop: Workshop, scenario: Scenario, at: int, chance: random.Random, *, in_order: bool
) -> list[str]:
    """Lose power after call number ``at`` of a scenario; return what is wrong."""
    expected = workshop.expected(scenario)
    workshop.reset(scenario)
    # The recorded calls name the files of the first, undisturbed run by their inodes.
    disk = Disk(workshop.trial, expected.inodes)
    disk.replay(expected.changes[:at])
    shutil.rmtree(workshop.trial)
    (disk.write_in_order if in_order else disk.write_any_order)(workshop.trial, chance)
    wrong: list[str] = []
    if at == len(expected.changes):
        found = workshop.server.state(workshop.changed(scenario))
        if found != expected.after:
            wrong.append(f"lost after its success was reported: {found}")
    wrong += workshop.check(scenario)
    order = "in order" if in_order else "in any order"
    return [f"{scenario.name}, power lost {order} after call {at}: {each}" for each in wrong]


@dataclass(frozen=True)
class DamageOutcome:
    """What an index with damage answers and what ``newsgrep doctor`` says about it."""

    is_error: bool
    is_wrong: bool
    is_found: bool
    details: str


def try_damage(workshop: Workshop, index: str, damage: Damage) -> DamageOutcome:
    """Damage a copy of an index; return what happens."""
    source = workshop.indexes[index]
    assert source is not None
    copy = workshop.trial / "index"
    workshop.trial.mkdir(exist_ok=True)
    copy_index(source, copy)
    workshop.server.state(copy, verify=False)  # what is remembered about intact files, is
    damage.apply(copy)
    found = workshop.server.state(copy, verify=False)
    ended = workshop.server.run("doctor", "--json", "--index", "index", cwd=workshop.trial)
    is_error = found.error.startswith(("IndexDamaged", "IndexMissing", "IndexMismatch"))
    is_wrong = not is_error and found.digest != workshop.server.state(source, verify=False).digest
    strange = list(check_output(ended, None))
    is_found = ended.status == 2 and not strange
    details = f"{damage.kind}, {damage.name}: {found}; doctor: {ended}"
    return DamageOutcome(is_error, is_wrong, is_found, details)


SCENARIO_NAMES = tuple(each.name for each in scenarios("whoosh"))


def scenario_named(engine: str, name: str) -> Scenario:
    """Return a scenario of an engine."""
    (found,) = (each for each in scenarios(engine) if each.name == name)
    return found

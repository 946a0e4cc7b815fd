"""Commits of an index in a folder: immutable files, and one small file that names them.

A folder of data contains files that are written once, and commit files. ``commit-7.json`` is
the last commit if no other has a higher number, and ``commit-6.previous.json`` is the commit
that a rollback restores. A commit file names every file of its commit with size and checksum,
contains the engine's own description of them (``state``), and ends with its own checksum. It
is JSON: reading it runs no code, whoever wrote it.

Publishing a commit syncs its files, then the folder, and renames the finished commit file,
which is the switch. Then the commit before it is renamed, so that the loss of the last one is an
error and not an older answer, and files that neither of the two names are deleted. A rollback
publishes the files of the previous commit as the next one; numbers only increase.

Readers take no lock and create no file::

    commits = CommitFolder(folder, "whoosh", own_files)
    reader = commits.open_last(open_files)

Writers hold the lock::

    with commits.lock():
        commits.remove_leftovers()
        commits.publish({"a.seg": checksum_file(folder / "a.seg")}, {"segments": ["a"]})
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import gmtime, strftime
from typing import Any, Final, TypeVar

from newsgrep._io import sync
from newsgrep.engines.base import DAMAGE_REMEDY, RolledBack
from newsgrep.engines.commit_file import (
    LOCK_NAME,
    Commit,
    CommitName,
    FileChecksum,
    file_problem,
    pack_commit,
    parse_commit,
    parse_name,
    read_commit,
)
from newsgrep.errors import IndexDamaged, IndexLocked, UsageError

_DRAFT: Final = re.compile(r"commit-[0-9]+\.json\.new")
_MAX_LISTINGS: Final = 5

_Opened = TypeVar("_Opened")


class CommitFolder:
    """The data of one index in ``folder``, written by ``engine``.

    ``own_files`` matches the names of the engine's files and folders, in whole: what it matches
    is deleted when no commit names it. Nothing else is ever deleted.
    """

    def __init__(self, folder: Path, engine: str, own_files: re.Pattern[str]) -> None:
        self.folder = folder
        self._engine = engine
        self._own_files = own_files

    # Reading

    def last_number(self) -> int | None:
        """Return the number of the last commit, ``None`` if there is no file of one.

        This reads one list of names. A reader compares it with the number of its commit.
        """
        names = self._names()
        for _ in range(_MAX_LISTINGS):
            numbers = [each.number for each in _commits(names) if not each.is_previous]
            if numbers:
                return max(numbers)
            # A list that is read while a writer renames may have neither of two names.
            before, names = names, self._names()
            if names == before:
                break
        return None

    def last(self) -> Commit:
        """Return the last commit; raises :class:`IndexDamaged` if it can't be read."""
        while True:
            number = self.last_number()
            if number is None:
                raise self.damaged("the file of its last commit is missing")
            with suppress(FileNotFoundError):  # renamed meanwhile, after the next commit
                return self._read(CommitName(number))

    def open_last(self, open_files: Callable[[Commit], _Opened]) -> _Opened:
        """Return ``open_files(commit)`` for the last commit.

        Its files are deleted when two more commits are made meanwhile: then the new last commit
        is opened. Otherwise what ``open_files`` raises is raised.
        """
        while True:
            commit = self.last()
            try:
                return open_files(commit)
            except (FileNotFoundError, IndexDamaged):
                if self.last_number() == commit.number:
                    raise

    def previous(self, last: Commit) -> Commit | None:
        """Return the commit that a rollback restores, if ``last`` has one.

        Raises :class:`IndexDamaged` if it can't be read.
        """
        if last.previous is None:
            return None
        for is_previous in (True, False):  # or its writer was killed before it was renamed
            with suppress(FileNotFoundError):
                return self._read(CommitName(last.previous, is_previous))
        raise self.damaged(f"{CommitName(last.previous, True)} is missing")

    def readable_commits(self) -> list[Commit]:
        """Return each commit whose file can be read, the last one first."""
        found = []
        for name in sorted(_commits(self._names()), reverse=True):
            with suppress(FileNotFoundError, IndexDamaged):
                found.append(self._read(name))
        return found

    def file_problems(self, commit: Commit, *, deep: bool = True) -> list[str]:
        """Return a sentence for each file that is not what ``commit`` names.

        All sizes are compared, and with ``deep`` all checksums, which reads every byte. Raises
        ``OSError`` if a file can't be read for another reason than damage.
        """
        problems = (
            file_problem(self.folder, name, expected, deep=deep)
            for name, expected in sorted(commit.files.items())
        )
        return list(filter(None, problems))

    def leftovers(self) -> list[str]:
        """Return the names of what :meth:`remove_leftovers` deletes or renames."""
        last = self.last()
        used = {*last.files, str(CommitName(last.number))}
        if last.previous is not None:
            used.add(str(CommitName(last.previous, True)))
            with suppress(IndexDamaged):  # a damaged previous commit can't be restored
                if previous := self.previous(last):
                    used.update(previous.files)
        return [name for name in self._names() if self._is_own(name) and name not in used]

    def damaged(self, reason: str) -> IndexDamaged:
        """Return the error for damage in this folder."""
        return IndexDamaged(f"The index in {self.folder} is damaged ({reason}): {DAMAGE_REMEDY}.")

    # Writing

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other writers out; raises :class:`IndexLocked` if there is one.

        The operating system releases the lock of a process that ends in any way.
        """
        from filelock import FileLock, Timeout  # a search needs no lock

        lock = FileLock(self.folder / LOCK_NAME)
        try:
            lock.acquire(timeout=0)
        except Timeout as exc:
            raise IndexLocked(
                f"Another process is writing to the index in {self.folder}: wait for it and try "
                "again."
            ) from exc
        try:
            yield
        finally:
            lock.release()

    def create(self, files: Mapping[str, FileChecksum], state: Mapping[str, Any]) -> Commit:
        """Publish commit 0, that of an empty index: no rollback restores it.

        Files of an index whose first run was interrupted are deleted before.
        """
        self._delete([name for name in self._names() if self._is_own(name) and name not in files])
        head = {"number": 0, "index": os.urandom(8).hex(), "previous": None}
        return self._publish(head, files, state)

    def publish(self, files: Mapping[str, FileChecksum], state: Mapping[str, Any]) -> Commit:
        """Make ``files``, which are in the folder, the last commit; the caller holds the lock.

        When it returns, the commit is on the disk, and the one before it is the previous one. If
        it raises, the last commit is what it was; ``OSError`` names the cause, such as a full
        disk. Leftovers are deleted after the switch as far as that is possible.
        """
        last = self.last()
        head = {
            "number": last.number + 1,
            "index": last.index_id,
            "previous": last.number or None,
        }
        commit = self._publish(head, files, state, synced=last.files)
        with suppress(OSError):  # the next writer completes it
            self.remove_leftovers()
        return commit

    def rollback(self) -> RolledBack:
        """Publish the previous commit's files as the last commit; the caller holds the lock.

        The last commit may be damaged or lost. Repeating a rollback only removes what a killed
        one has left. Raises :class:`UsageError` if there is no previous commit, and
        :class:`IndexDamaged` if it is damaged, too.
        """
        last = None
        with suppress(IndexDamaged):
            last = self.last()
        if last and last.previous is None and (done := last.as_rolled_back):
            self.remove_leftovers()
            return done._replace(is_repeated=True)
        dropped, target = self._commit_to_restore(last)
        if target is None:
            raise UsageError(
                f"The index in {self.folder} has no commit to roll back to: only one is kept."
            )
        if problems := self.file_problems(target):
            raise self.damaged(f"the previous commit can't be restored: {problems[0].rstrip('.')}")
        head = {
            "number": dropped + 1,
            "index": target.index_id,
            "previous": None,
            "rolled_back": dropped,
            "restored": [target.number, target.time],
        }
        self._publish(head, target.files, target.state)
        with suppress(OSError):
            self.remove_leftovers()
        return RolledBack(target.number, target.time, dropped)

    def _commit_to_restore(self, last: Commit | None) -> tuple[int, Commit | None]:
        """Return the number of the commit that a rollback drops, and the one that it restores."""
        if last:
            return last.number, self.previous(last)
        highest = max(_commits(self._names()), default=CommitName(0))
        # If only the previous commit is there, the lost one had the next number.
        dropped = highest.number + highest.is_previous
        for commit in self.readable_commits():
            if 0 < commit.number < dropped:
                return dropped, commit
        return dropped, None

    def remove_leftovers(self) -> list[str]:
        """Complete an interrupted publication, and delete what no commit needs.

        Returns the names; what can't be deleted now is deleted another time. The caller holds the
        lock. Raises :class:`IndexDamaged` and deletes nothing if the last commit can't be read.
        """
        names = self.leftovers()
        previous = self.last().previous
        if previous is not None and str(CommitName(previous)) in names:
            old, new = (self.folder / str(CommitName(previous, is_p)) for is_p in (False, True))
            old.replace(new)
            sync(self.folder)
        self._delete(names)
        return names

    def _delete(self, names: list[str]) -> None:
        if not names:
            return
        # Commit files first: one without its files must not look like a commit.
        for name in sorted(names, key=lambda name: not name.startswith("commit-")):
            path = self.folder / name
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        sync(self.folder)

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))  # noqa: PTH208  (a search waits for this)
        except FileNotFoundError:
            return []

    def _is_own(self, name: str) -> bool:
        return bool(parse_name(name) or _DRAFT.fullmatch(name) or self._own_files.fullmatch(name))

    def _read(self, name: CommitName) -> Commit:
        """Read a commit file; raises :class:`IndexDamaged`, and ``OSError`` for other reasons."""
        try:
            commit = read_commit(self.folder / str(name))
            if commit.number != name.number:
                raise ValueError("it is another commit's")
            if commit.engine != self._engine:
                raise ValueError("it is another engine's")
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            raise self.damaged(f"{name} can't be read: {exc}") from exc
        return commit

    def _publish(
        self,
        head: dict[str, Any],
        files: Mapping[str, FileChecksum],
        state: Mapping[str, Any],
        synced: Mapping[str, FileChecksum] | None = None,
    ) -> Commit:
        """Write a commit file after all of its files but the ``synced`` ones are on the disk."""
        content = {
            "time": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()),
            "engine": self._engine,
            "rolled_back": None,
            "restored": None,
            "files": dict(files),
            "state": dict(state),
        }
        data = pack_commit(content | head)
        commit = parse_commit(data)  # what can't be read is not published
        for name, checksum in files.items():
            if synced is None or synced.get(name) != checksum:
                sync(self.folder / name)
        sync(self.folder)
        path = self.folder / str(CommitName(commit.number))
        draft = path.with_name(f"{path.name}.new")
        try:
            draft.unlink(missing_ok=True)
            with draft.open("xb") as stream:  # a link of this name is not followed
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
        try:
            sync(self.folder)
        except OSError:
            # A commit that may not survive a power failure must not be visible either.
            with suppress(OSError):
                path.unlink()
            raise
        return commit


def _commits(names: list[str]) -> list[CommitName]:
    return list(filter(None, map(parse_name, names)))

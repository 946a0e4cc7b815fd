"""Publishing commits of an index in a folder, and rolling the last one back.

Writers hold the lock::

    commits = CommitWriter(folder, "whoosh", own_files)
    with commits.lock():
        commits.remove_leftovers()
        commits.publish({"a.seg": checksum_file(folder / "a.seg")}, {"segments": ["a"]})

:mod:`newsgrep.engines.commits` describes the files.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import gmtime, strftime
from typing import Any
from zlib import crc32

from newsgrep._io import IS_WINDOWS, flush_descriptor, refuse_special_lock, replace_file, sync
from newsgrep.engines.base import RolledBack
from newsgrep.engines.commits import (
    LOCK_NAME,
    Commit,
    CommitFolder,
    CommitName,
    FileChecksum,
    copy_name,
    parse_commit,
)
from newsgrep.errors import IndexDamaged, IndexLocked, UsageError
from newsgrep.messages import message


class CommitWriter(CommitFolder):
    """The commits of one index, for the one process that writes."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other writers out; raises :class:`IndexLocked` if there is one.

        Raises :class:`InputError` if the lock file is a link, a folder or another special file.
        The operating system releases the lock of a process that ends in any way.
        """
        from filelock import FileLock, Timeout  # a search needs no lock

        refuse_special_lock(self.folder / LOCK_NAME)
        lock = FileLock(self.folder / LOCK_NAME)
        try:
            lock.acquire(timeout=0)
        except Timeout as exc:
            raise IndexLocked(
                "Another process is writing to the index in {folder}: wait for it and try again.",
                folder=self.folder,
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
                "The index in {folder} has no previous commit to roll back to: {last}.",
                folder=self.folder,
                last=self._next_step(last),
            )
        if problems := self.file_problems(target):
            raise self.damaged(
                message("the previous commit can't be restored: {problem}", problem=problems[0])
            )
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

    def preview_rollback(self) -> tuple[Commit | None, Commit | None]:
        """Return the commit that :meth:`rollback` drops and the one that it restores.

        The first is ``None`` if it is unreadable, the second if there is none to restore.
        """
        last = None
        with suppress(IndexDamaged):
            last = self.last()
        with suppress(IndexDamaged):
            return last, self._commit_to_restore(last)[1]
        return last, None

    def _commit_to_restore(self, last: Commit | None) -> tuple[int, Commit | None]:
        """Return the number of the commit that a rollback drops, and the one that it restores."""
        if last:
            return last.number, self.previous(last)
        dropped = self.expected_number() or 0
        for commit in self.readable_commits():
            if 0 < commit.number < dropped:
                return dropped, commit
        return dropped, None

    def _next_step(self, last: Commit | None) -> str:
        """Return what to do instead of a rollback."""
        if last:
            return message(
                "to start again, delete the folder of the index and run newsgrep index PATH"
            )
        if self.readable_commits():
            return message("newsgrep doctor --fix restores the last one")
        return message("delete the folder of the index and index again")

    def remove_leftovers(self) -> list[str]:
        """Complete an interrupted publication, and delete what no commit needs.

        Returns the names; what can't be deleted now is deleted another time. The caller holds the
        lock. Raises :class:`IndexDamaged` and deletes nothing if the last commit can't be read.
        """
        names = self.leftovers()
        previous = self.last().previous
        if previous is not None and str(CommitName(previous)) in names:
            old, new = (self.folder / str(CommitName(previous, is_p)) for is_p in (False, True))
            try:
                replace_file(old, new)
            except PermissionError:
                if not IS_WINDOWS:
                    raise
                names.remove(old.name)  # a reader has it open: the next writer renames it
            else:
                sync(self.folder)
        self._delete(names)
        return names

    def _delete(self, names: list[str]) -> None:
        if not names:
            return
        # Commit files first: one without its files must not look like a commit.
        for name in sorted(names, key=lambda name: not name.startswith("commit-")):
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
                if path.exists():  # a thread of tantivy may have deleted or added a file meanwhile
                    shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
        sync(self.folder)

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
        data = seal(content | head)
        commit = parse_commit(data)  # what can't be read is not published
        for name, checksum in files.items():
            if synced is None or synced.get(name) != checksum:
                sync(self.folder / name)
        path = self.folder / str(CommitName(commit.number))
        copy, draft = path.with_name(copy_name(commit.number)), path.with_name(f"{path.name}.new")
        try:
            _write_new(copy, data)
            sync(self.folder)
            _write_new(draft, data)
            replace_file(draft, path)
            sync(self.folder)
        except OSError:
            # A commit that may not survive a power failure must not be visible either.
            for each in (path, draft, copy):
                with suppress(OSError):
                    each.unlink()
            raise
        return commit


def _write_new(path: Path, data: bytes) -> None:
    """Write a file in place of one that may exist, and sync it; a link is not followed."""
    path.unlink(missing_ok=True)
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        flush_descriptor(stream.fileno())


def seal(content: Mapping[str, Any]) -> bytes:
    """Return a line of JSON and a line with its checksum, which ``parse_sealed`` reads."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, sort_keys=True)
    body = text.encode("ascii")
    return body + b"\ncrc32 %08x\n" % crc32(body)

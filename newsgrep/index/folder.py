"""An index in a folder.

The manifest names the subfolder with the engine's data. A new index is built in a subfolder
beside the existing one, and putting its manifest in place is the switch.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from newsgrep.engines.base import Engine, Stored, Unreadable
from newsgrep.engines.registry import (
    DEFAULT_ENGINE,
    is_on_server,
    open_engine,
    rollback,
    salvage,
)
from newsgrep.errors import (
    IndexDamaged,
    IndexLocked,
    IndexMismatch,
    IndexMissing,
    IndexProblem,
    IndexUntrusted,
    InputError,
)
from newsgrep.index.manifest import (
    DRAFT_FILE,
    HOLDER_FILE,
    INDEX_FORMAT,
    MANIFEST_FILE,
    OWN_FILES,
    Manifest,
    ManifestVersion,
    check_compatible,
    confirm_draft,
    data_folders,
    load_manifest,
    manifest_version,
    new_manifest,
    refuse_lost_manifest,
    write_draft,
)
from newsgrep.index.store import Index, OpenIndex, refuse_other_engine
from newsgrep.terminal import count_noun

_IGNORED_FILES: Final = {".gitkeep", ".gitignore", ".DS_Store", *OWN_FILES}


@dataclass(frozen=True, slots=True)
class FolderIndex(Index):
    """An index in the folder ``path``."""

    path: Path

    is_local: ClassVar[bool] = True
    has_commits: ClassVar[bool] = True

    def __str__(self) -> str:
        return str(self.path)

    @property
    def where(self) -> str:
        """Return ``in PATH``."""
        return f"in {self.path}"

    @property
    def personal_folder(self) -> Path:
        """Return the folder ``NAME.saved`` beside the index, where everybody finds it.

        If it does not exist and can't be created there, it is in the index.
        """
        path = self.path.resolve()
        beside = path.with_name(f"{path.name}.saved")
        if beside.is_dir() or os.access(beside.parent, os.W_OK) or not os.access(path, os.W_OK):
            return beside
        return path

    @property
    def former_personal_folder(self) -> Path | None:
        """Return the folder of the index itself."""
        return self.path

    @property
    def own_folders(self) -> frozenset[str]:
        """Return the folder, and the one beside it."""
        folders = (self.path.absolute(), self.path.resolve(), self.personal_folder)
        return frozenset(map(str, folders))

    @property
    def identity(self) -> tuple[str, str]:
        """Return the absolute path without links."""
        return "", str(self.path.resolve())

    def choose_engine(self, wanted: str | None, preferred: str = DEFAULT_ENGINE) -> str:
        """Return ``wanted``, or ``preferred`` if it stores its data in folders."""
        return wanted or (DEFAULT_ENGINE if is_on_server(preferred) else preferred)

    def exists(self) -> bool:
        """Return whether there is a manifest."""
        return (self.path / MANIFEST_FILE).exists()

    def read_manifest(self, *, any_analyser: bool = False) -> Manifest:
        """Read the manifest in the folder."""
        loaded = load_manifest(self.path)
        if loaded is None:
            raise self.missing()
        self._check(loaded[0], any_analyser=any_analyser)
        return loaded[0]

    def manifest_version(self) -> ManifestVersion | None:
        """Return the identity of the manifest's file."""
        return manifest_version(self.path)

    def _check(self, manifest: Manifest, *, any_analyser: bool = False) -> None:
        remedy = "delete the folder and index again"
        try:
            check_compatible(manifest, self.where, remedy, any_analyser=any_analyser)
        except IndexMismatch:
            with suppress(OSError):
                self.copy_personal_files()  # the folder may be deleted next
            raise

    def try_open(self, *, trust: bool = False, engine: str | None = None) -> OpenIndex | None:
        """Open the data that the manifest names."""
        while (loaded := load_manifest(self.path)) is not None:
            manifest, version = loaded
            refuse_other_engine(self, manifest, engine)
            self._check(manifest)
            data = self.path / manifest.data
            if not trust:
                refuse_untrusted(data)
            try:
                return OpenIndex(manifest, version, open_engine(manifest.engine, data))
            except IndexProblem:
                # If the index was rebuilt meanwhile, its data is in another subfolder.
                if manifest_version(self.path) == version:
                    raise
        return None

    def missing(self) -> IndexProblem:
        """Return why there is no manifest in the folder."""
        try:
            refuse_lost_manifest(self.path)
        except IndexDamaged as exc:
            return exc
        return IndexMissing(
            f"No index in {self.path}: create one with “newsgrep index PATH”, or name another "
            "with --index."
        )

    def iter_stored(
        self, manifest: Manifest, *, trust: bool = False
    ) -> Iterator[Stored | Unreadable]:
        """Salvage the data that the manifest names."""
        data = self.path / manifest.data
        if not trust:
            refuse_untrusted(data)
        return salvage(manifest.engine, data)

    def size(self) -> int:
        """Add up all files; one that two commits share counts once."""
        found = (path.stat() for path in self.path.rglob("*") if path.is_file())
        return sum({(each.st_dev, each.st_ino): each.st_size for each in found}.values())

    def prepare(self) -> None:
        """Make the folder, if there is none."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = {path.name for path in self.path.iterdir()} - _IGNORED_FILES
        except (FileExistsError, NotADirectoryError) as exc:
            raise InputError(f"{self.path} is a file: name a folder for the index.") from exc
        except OSError as exc:
            raise InputError(
                f"No index can be created in {self.path} ({exc.strerror}): name another folder "
                "with --index."
            ) from exc
        refuse_lost_manifest(self.path)
        # An interrupted first run leaves its draft, and data.
        if present - {DRAFT_FILE, *data_folders(self.path)}:
            raise InputError(
                f"{self.path} contains other files and no index: name an empty or new folder "
                "with --index."
            )

    def lock(self, wait: float = 0.0) -> AbstractContextManager[None]:
        """Lock the folder."""
        from newsgrep.index.lock import write_lock  # a search needs no lock

        with suppress(OSError):
            self.copy_personal_files()
        return write_lock(self.path, wait)

    @contextmanager
    def freeze(self, wait: float = 0.0) -> Iterator[None]:
        """Lock the folder, if it can be written to."""
        self.read_manifest()  # no lock is made where there is no index
        with ExitStack() as stack:
            with suppress(IndexMissing):
                stack.enter_context(self.lock(wait))
            yield

    def create(self, engine_name: str | None = None) -> AbstractContextManager[Engine]:
        """Create the data in a subfolder that is named after the engine."""
        name = engine_name or DEFAULT_ENGINE
        return self._create(name, name)

    @contextmanager
    def _create(self, engine_name: str, data: str) -> Iterator[Engine]:
        write_draft(self.path, new_manifest(engine_name, data))
        try:
            engine = open_engine(engine_name, self.path / data, create=True)
            try:
                yield engine
            finally:
                engine.close()
        finally:
            if (self.path / DRAFT_FILE).exists():  # not confirmed
                shutil.rmtree(self.path / data, ignore_errors=True)
                with suppress(OSError):  # else the next writer does it
                    (self.path / DRAFT_FILE).unlink()

    def confirm(self) -> None:
        """Put the draft in place of the manifest."""
        confirm_draft(self.path)

    @contextmanager
    def replace(self, engine_name: str) -> Iterator[Engine]:
        """Create the data in another subfolder."""
        before = self.read_manifest(any_analyser=True) if self.exists() else None
        self.remove_leftovers(before)
        number = int(before.data.partition("-")[2] or 1) + 1 if before else 1
        data = engine_name if number == 1 else f"{engine_name}-{number}"
        with self._create(engine_name, data) as engine:
            yield engine
            self.confirm()

    def rollback(self, *, wait: float = 0.0, trust: bool = False) -> None:
        """Drop the last commit of the data that the manifest names."""
        with self.lock(wait):
            manifest = self.read_manifest()
            data = self.path / manifest.data
            if not trust:
                refuse_untrusted(data)
            rollback(manifest.engine, data)

    def restore_manifest(self, *, trust: bool = False) -> None:
        """Write a manifest for the newest data from which an article can be read."""
        try:
            self.read_manifest(any_analyser=True)
        except IndexDamaged:
            for name in reversed(data_folders(self.path)):
                if not trust:
                    refuse_untrusted(self.path / name)
                engine_name = name.split("-")[0]
                if _has_articles(engine_name, self.path / name):
                    restored = Manifest(engine_name, name, INDEX_FORMAT, {}, "an unknown version")
                    write_draft(self.path, restored)
                    confirm_draft(self.path)
                    return
            raise

    def remove_leftovers(self, manifest: Manifest | None = None) -> list[str]:
        """Delete data that the manifest does not name, and a draft."""
        if manifest is None and self.exists():
            manifest = self.read_manifest(any_analyser=True)
        current = manifest.data if manifest else ""
        left = [name for name in data_folders(self.path) if name != current]
        for name in left:
            shutil.rmtree(self.path / name, ignore_errors=True)
        # Last, because data without manifest or draft looks like an index that lost one.
        if (self.path / DRAFT_FILE).exists() and (current or not data_folders(self.path)):
            (self.path / DRAFT_FILE).unlink()
            left.append(DRAFT_FILE)
        return left

    def remove_stale_holder(self) -> None:
        """Take the lock for a moment: leaving it deletes the note."""
        if (self.path / HOLDER_FILE).exists():
            with suppress(IndexLocked, IndexMissing), self.lock():
                pass

    def describe_leftovers(self, names: Sequence[str]) -> str:
        """Count the files."""
        return f"Deleted {count_noun(len(names), 'file')} left over from earlier runs"


def _has_articles(engine_name: str, data: Path) -> bool:
    with suppress(IndexDamaged):
        return any(isinstance(item, Stored) for item in salvage(engine_name, data))
    return False


_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT_UID: Final = 0


def refuse_untrusted(data: Path) -> None:
    """Raise :class:`IndexUntrusted` if others own or may write to ``data`` or a file in it.

    An engine's files contain pickles, and loading a pickle can run code. Files owned by root
    are trusted. Missing files are ignored.
    """
    if not hasattr(os, "geteuid"):  # pragma: no cover  (Windows)
        return
    trusted = {os.geteuid(), _ROOT_UID}
    try:
        with os.scandir(data) as entries:
            paths = [str(data), *(entry.path for entry in entries)]
    except OSError:
        return
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  (a search waits for this)
        except FileNotFoundError:
            continue  # deleted by a writer, or a lock's link that leads nowhere
        if status.st_uid not in trusted:
            problem = f"belongs to {_user_name(status.st_uid)}"
            remedy = "create an index of your own"
        elif status.st_mode & _WRITABLE_BY_OTHERS:
            problem = "can be changed by other users"
            remedy = f"remove their permission (chmod -R go-w {data})"
        else:
            continue
        raise IndexUntrusted(
            f"{path} {problem}, and opening an index can run code that is hidden in it: if you "
            f"trust everyone who could write there, use --trust, or {remedy}."
        )


def _user_name(uid: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"

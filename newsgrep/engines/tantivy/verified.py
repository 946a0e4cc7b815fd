"""Which files of a tantivy index were compared with their checksums, byte by byte, and when.

tantivy reads memory maps without comparing checksums. Therefore a whole file is compared when a
commit is opened, and its stamp is recorded: the inode number and the times of modification and
change, which the file system sets. While the stamp is the same, nobody has written to the file,
and readers compare only the size. A file that was copied, restored, overwritten or exchanged has
another stamp and is compared again. Right checksums do not mean that an index is sound: it may be
made up. So another process reads one with files that are new here first
(:func:`newsgrep.engines.tantivy.damaged.find_hazard`).

A disk may change bytes unnoticed by the file system: ``newsgrep doctor`` compares all files, and
so does a writer once a week.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

from newsgrep._io import path_key
from newsgrep.engines.commits import Commit, CommitFolder, file_problem, open_regular, parse_sealed
from newsgrep.messages import message

VERIFIED_NAME: Final = "verified.json"
"""The record, in the folder of the data, or else in the user's cache folder."""

FULL_INTERVAL_SECONDS: Final = 7 * 86400
"""After this time, a writer compares all files."""

_MAX_BYTES: Final = 16 << 20

_CLOCK_TICK_SECONDS: Final = 0.02
"""Two changes of a file within one tick of the file system's clock may get the same time."""


class Stamp(NamedTuple):
    """What changes when somebody writes to a file, or replaces it."""

    inode: int
    mtime_ns: int
    ctime_ns: int


class VerifiedFiles(NamedTuple):
    """A record: the stamps of files by name, and when all files were last compared (Unix time)."""

    stamps: Mapping[str, Stamp]
    time: float = 0.0


def verify_files(folder: CommitFolder, commit: Commit, *, deep: bool = False) -> None:
    """Compare the files of ``commit`` with their checksums, if they may have changed.

    With ``deep``, compare all of them. Raises :class:`IndexDamaged` for a file that differs,
    ``FileNotFoundError`` for a missing one, and ``OSError`` for one that can't be read.
    """
    stamps = _current_stamps(folder, commit)
    record = read_record(folder.folder)
    known = record.stamps
    new = [name for name, stamp in stamps.items() if known.get(name) != stamp]
    if new:
        known = {**known, **_read(_cached_record(folder.folder)).stamps}
        new = [name for name in new if known.get(name) != stamps[name]]
    for name in stamps if deep else new:
        if problem := file_problem(folder.folder, name, commit.files[name], deep=True):
            raise folder.damaged(problem.rstrip("."))
    if new:
        _try_reading(folder, commit)
    # A file that was written to while it was compared has another stamp now.
    if (new or deep) and _current_stamps(folder, commit) == stamps:
        write_record(folder.folder, VerifiedFiles(stamps, time.time() if deep else record.time))


def _try_reading(folder: CommitFolder, commit: Commit) -> None:
    """Read files that nobody has written or verified here in a process that they may end."""
    from newsgrep.engines.tantivy.damaged import find_hazard  # usually nothing is new
    from newsgrep.engines.tantivy.files import commit_meta, linked_folder, translate_errors

    with translate_errors(folder.folder):
        meta = commit_meta(commit)
    data = folder.folder.resolve()
    with linked_folder({name: data / name for name in commit.files}, meta) as links:
        if hazard := find_hazard(links):
            raise folder.damaged(hazard)


def record_written(folder: CommitFolder, commit: Commit, last: Commit) -> None:
    """Record the files of ``commit`` that ``last`` does not have: this process has written them.

    Failing to is no error.
    """
    with suppress(OSError):
        new = commit.files.keys() - last.files.keys()
        _wait_for_clock(folder.folder, new)
        stamps, record = _current_stamps(folder, commit), read_record(folder.folder)
        known = {name: stamp for name, stamp in record.stamps.items() if name in commit.files}
        known |= {name: stamps[name] for name in new}
        write_record(folder.folder, VerifiedFiles(known, record.time or time.time()))


def is_verified(folder: Path, name: str) -> bool:
    """Return whether nobody has written to a file since newsgrep wrote or read it here."""
    try:
        stamp = _stamp(os.lstat(folder / name))
    except FileNotFoundError:
        return False
    records = (read_record(folder), _read(_cached_record(folder)))
    return any(record.stamps.get(name) == stamp for record in records)


def is_full_verification_due(folder: Path) -> bool:
    """Return whether all files were compared longer than a week ago."""
    return not 0 <= time.time() - read_record(folder).time <= FULL_INTERVAL_SECONDS


def _current_stamps(folder: CommitFolder, commit: Commit) -> dict[str, Stamp]:
    """Return the stamps of all files; also compares their sizes, which costs nothing."""
    stamps = {}
    for name, expected in commit.files.items():
        status = os.lstat(folder.folder / name)
        if not stat.S_ISREG(status.st_mode):
            raise folder.damaged(message("{name} is not a regular file", name=name))
        if status.st_size != expected.size:
            raise folder.damaged(
                message(
                    "{name} has {found} bytes instead of {size}",
                    name=name,
                    found=status.st_size,
                    size=expected.size,
                )
            )
        stamps[name] = _stamp(status)
    return stamps


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def _wait_for_clock(folder: Path, names: Iterable[str]) -> None:
    """Wait until a later change of these files is sure to get another time."""
    newest = max((os.lstat(folder / name).st_ctime for name in names), default=0.0)
    left = newest + _CLOCK_TICK_SECONDS - time.time()
    if 0 < left <= _CLOCK_TICK_SECONDS:
        time.sleep(left)


def read_record(folder: Path) -> VerifiedFiles:
    """Return the record in a folder of data; an unreadable one contains nothing."""
    return _read(folder / VERIFIED_NAME)


def write_record(folder: Path, record: VerifiedFiles) -> None:
    """Write the record beside the data, or else into the user's cache folder, or nowhere.

    A file that has changed just now is left out, because its stamp may not change next time.
    """
    from newsgrep.engines.commit_writer import seal  # usually nothing is written

    before = (time.time() - _CLOCK_TICK_SECONDS) * 1e9
    stamps = {name: each for name, each in record.stamps.items() if each.ctime_ns < before}
    data = seal({"time": record.time, "stamps": stamps})
    for path in (folder / VERIFIED_NAME, _cached_record(folder)):
        with suppress(OSError):
            if path.parent != folder:
                path.parent.mkdir(parents=True, exist_ok=True)
            _overwrite(path, data)
            return


def _overwrite(path: Path, data: bytes) -> None:
    """Write a file in place; a reader that sees a part of it finds a wrong checksum."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    with open(os.open(path, flags, 0o644), "wb") as stream:  # noqa: PTH123  (a descriptor)
        stream.write(data)


def _cached_record(folder: Path) -> Path:
    """Return the record of this folder in the user's cache folder; it may not exist."""
    import platformdirs  # usually the record is beside the data

    digest = blake2b(path_key(str(folder.resolve())), digest_size=8).hexdigest()
    cache = platformdirs.user_cache_path("newsgrep", appauthor=False)
    return cache / "verified" / f"{digest}.json"


def _read(path: Path) -> VerifiedFiles:
    try:
        with open_regular(path) as stream:
            content: Any = parse_sealed(stream.read(_MAX_BYTES))[0]
        stamps = {str(name): Stamp(*map(int, each)) for name, each in content["stamps"].items()}
        return VerifiedFiles(stamps, float(content["time"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return VerifiedFiles({})

"""Makes the modules of newsgrep in a process see what Windows has, for tests on another system.

Python imports this at its start from a folder in PYTHONPATH, and so do worker processes. The
standard library keeps its system. newsgrep gets copies of ``os``, ``signal`` and others without
what Windows does not have, cannot import modules for POSIX, and meets these rules:

- No folder is opened, and only a descriptor open for writing is flushed.
- No file is deleted, renamed or replaced that a process of the test has open.
- Lists of folders have no inode numbers, and an event loop waits for sockets only.
- Links need rights that users do not have.

NEWSGREP_AS_WINDOWS names a folder in which these processes leave their numbers. With
NEWSGREP_LINKS=1 there are hard links, as on NTFS but not on memory cards.
"""

# ruff: noqa: A002, PTH112, PTH116, PTH208  (functions of os are replaced as they are)

import asyncio
import asyncio.selector_events
import builtins
import fcntl
import os
import select
import stat
import sys
from contextlib import suppress
from errno import EACCES, EBADF, EEXIST, ENOTSOCK, EPERM
from pathlib import Path
from types import ModuleType
from typing import Any

_MISSING_MODULES = frozenset(("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"))

_MISSING_NAMES = {
    "os": """
        O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC chown fchmod fchown fdatasync
        fork forkpty getegid geteuid getgid getloadavg getpgid getuid killpg lchown mkfifo mknod
        nice openpty posix_fadvise posix_fallocate pread preadv pwrite pwritev sched_getaffinity
        sendfile set_blocking setpgid setsid statvfs sync uname wait wait3 wait4
    """,
    "signal": """
        SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGTSTP SIGUSR1
        SIGUSR2 SIGVTALRM SIGWINCH alarm getitimer pause pthread_kill pthread_sigmask setitimer
        siginterrupt sigpending sigtimedwait sigwait sigwaitinfo
    """,
    "select": "devpoll epoll kqueue poll",
    "socket": "AF_UNIX SO_REUSEPORT",
    "time": "tzset",
}

_processes = Path(os.environ["NEWSGREP_AS_WINDOWS"])
_real_open, _real_fsync, _real_scandir = os.open, os.fsync, os.scandir
_real_unlink, _real_rename, _real_select = os.unlink, os.rename, select.select


def _is_for_another_system() -> bool:
    """Return whether filelock calls, which has code of its own for each system."""
    return str(sys._getframe(2).f_globals.get("__name__")).startswith("filelock")


def _open(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
    if not (options or _is_for_another_system()) and os.path.isdir(path):
        raise PermissionError(EACCES, os.strerror(EACCES), path)
    return _real_open(path, flags, mode, **options)


def _fsync(descriptor: Any) -> None:
    number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(EBADF, os.strerror(EBADF))
    _real_fsync(number)


def _open_files() -> set[tuple[int, int]]:
    """Return device and inode of all files that processes of the test have open."""
    found = set()
    for each in _processes.iterdir():
        if each.name.isdigit():
            with suppress(OSError):
                for descriptor in os.listdir(f"/proc/{each.name}/fd"):
                    with suppress(OSError):
                        status = os.stat(f"/proc/{each.name}/fd/{descriptor}")
                        found.add((status.st_dev, status.st_ino))
    return found


def _refuse_open(*paths: Any) -> None:
    """Raise ``PermissionError`` if one of the files, or of those in the folders, is open."""
    inside = []
    for path in map(os.fspath, paths):
        with suppress(OSError):
            inside.append((os.lstat(path), path))
        for folder, _, names in os.walk(path):
            inside += [(os.lstat(each), each) for name in names for each in [f"{folder}/{name}"]]
    regular = {(s.st_dev, s.st_ino): p for s, p in inside if stat.S_ISREG(s.st_mode)}
    if found := regular.keys() & _open_files():
        raise PermissionError(EACCES, os.strerror(EACCES), regular[found.pop()])


def _unlink(path: Any, **options: Any) -> None:
    if not (options or _is_for_another_system()):
        _refuse_open(path)
    _real_unlink(path, **options)


def _rename(source: Any, target: Any, **options: Any) -> None:
    if os.path.lexists(target):
        raise FileExistsError(EEXIST, os.strerror(EEXIST), source, None, target)
    _refuse_open(source)
    _real_rename(source, target, **options)


def _replace(source: Any, target: Any, **options: Any) -> None:
    if os.path.isdir(target):
        raise PermissionError(EACCES, os.strerror(EACCES), target)
    _refuse_open(source, target)
    _real_rename(source, target, **options)


def _refuse_link(source: Any, target: Any, *_: Any, **__: Any) -> None:
    raise OSError(EPERM, "A required privilege is not held by the client", source, 1314, target)


class _Entry(os.PathLike[Any]):
    """An entry of a folder whose status has no numbers."""

    def __init__(self, entry: os.DirEntry[Any]) -> None:
        self._entry = entry
        self.name, self.path = entry.name, entry.path
        self.is_dir, self.is_file, self.is_symlink = entry.is_dir, entry.is_file, entry.is_symlink

    def __fspath__(self) -> Any:
        return self.path

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = list(self._entry.stat(follow_symlinks=follow_symlinks))
        whole = self._entry.stat(follow_symlinks=follow_symlinks)
        found[stat.ST_INO] = found[stat.ST_DEV] = found[stat.ST_NLINK] = 0
        return os.stat_result(found, {"st_mtime_ns": whole.st_mtime_ns})


class _Entries:
    def __init__(self, path: Any) -> None:
        self._entries = _real_scandir(path)

    def __enter__(self) -> "_Entries":
        return self

    def __exit__(self, *_: Any) -> None:
        self._entries.close()

    def __iter__(self) -> Any:
        return map(_Entry, self._entries)


def _select(*lists: Any) -> Any:
    for each in (item for items in lists[:3] for item in items):
        number = each if isinstance(each, int) else each.fileno()
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise OSError(ENOTSOCK, os.strerror(ENOTSOCK))
    return _real_select(*lists)


def _refuse_reader(*_: Any) -> None:
    raise NotImplementedError


def _copy(module: ModuleType) -> ModuleType:
    copied = ModuleType(module.__name__, module.__doc__)
    vars(copied).update(vars(module))
    for name in _MISSING_NAMES[module.__name__].split():
        vars(copied).pop(name, None)
    return copied


def _emulate() -> None:
    (_processes / str(os.getpid())).touch()
    for name, function in {
        "open": _open,
        "fsync": _fsync,
        "unlink": _unlink,
        "remove": _unlink,
        "rename": _rename,
        "replace": _replace,
        "symlink": _refuse_link,
    }.items():
        setattr(os, name, function)
    for loop in (asyncio.selector_events.BaseSelectorEventLoop,):
        loop.add_reader = loop.add_writer = _refuse_reader  # type: ignore[method-assign,assignment]
    copies = {name: _copy(sys.modules.get(name) or __import__(name)) for name in _MISSING_NAMES}
    if not os.environ.get("NEWSGREP_LINKS"):
        del copies["os"].link
    vars(copies["os"]).update(scandir=_Entries, supports_dir_fd=frozenset())
    vars(copies["select"]).update(select=_select)
    real_import = builtins.__import__

    def import_module(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> ModuleType:
        importer = str((globals or {}).get("__name__"))
        if level == 0 and importer.partition(".")[0] == "newsgrep":
            if name in _MISSING_MODULES:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in copies:
                return copies[name]
        return real_import(name, globals, locals, fromlist, level)

    builtins.__import__ = import_module


_emulate()

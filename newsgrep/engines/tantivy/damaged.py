"""Reading what may end the process that reads it, in a process of its own.

A wrong length in a file can make tantivy allocate more memory than there is, which aborts its
process. So another process reads the documents of a damaged segment and writes them as lines of
JSON, and when it ends early, the next one continues after the document that it could not read.
Likewise an index whose files newsgrep has not written here, which may be made up, is read by such
a process first (:func:`find_hazard`). It gets at most :data:`MAX_BYTES` of memory, and what it
writes to its standard error is dropped.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from tantivy import Document, Index, Query

from newsgrep.engines.tantivy.files import system_error
from newsgrep.errors import IndexProblem
from newsgrep.messages import message

MAX_BYTES: Final = 4 << 30
"""The address space of the process, without the files that it reads."""

MAX_SECONDS: Final = 120
"""The processor time that reading an index before its first use may take."""

_MAX_PROCESSES: Final = 200
"""After so many, the remaining documents of a segment count as unreadable."""

_MAX_LINE_BYTES: Final = 1 << 30
# -P: nothing is imported from the current folder, which may be an archive from anywhere.
_FLAGS: Final = ("-P", "-m")
_READING: Final = "newsgrep.engines.tantivy.damaged"
_TRYING: Final = "newsgrep.engines.tantivy.recovery"

STARTED: Final = b"started\n"
"""What a process writes before it reads: one that ends earlier says nothing about the index."""

READABLE: Final = b"readable\n"
"""What a process writes after it has read an index for :func:`find_hazard`."""

_MAX_REASON_CHARACTERS: Final = 200

_KILLED: Final = -getattr(signal, "SIGKILL", 9)
"""The status of a process that a POSIX system has ended."""


def _start(*arguments: str, errors: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, *_FLAGS, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": paths},
    )


def find_hazard(folder: Path) -> str | None:
    """Return why the index in ``folder`` can't be used, ``None`` if it can.

    Another process reads it (:func:`newsgrep.engines.tantivy.recovery.read_everything`). Raises
    ``OSError`` for what the operating system refuses.
    """
    with _start(_TRYING, str(folder)) as process:
        stream = cast("IO[bytes]", process.stdout)
        try:
            if _next_line(stream) != STARTED:
                return None  # nothing was read
            line = _next_line(stream)
            status = process.wait()
        finally:
            process.kill()
    if line and (number := _system_error_number(line)):
        raise OSError(number, os.strerror(number), str(folder))
    if status == _KILLED:  # by the system, to save memory
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(folder))
    return None if line == READABLE else message("tantivy can't read it")


def read_damaged(folder: Path) -> Iterator[Document | None]:
    """Yield the stored documents of the index in ``folder``, ``None`` for each unreadable one.

    Yields nothing if tantivy can't open it. The folder must exist until the end. Raises
    :class:`IndexProblem` if no other process can be started, since the documents may be readable
    then, and ``OSError`` for what else the operating system refuses.
    """
    first = count = 0
    for _ in range(_MAX_PROCESSES):
        with _start_reading(folder, first) as process:
            stream = cast("IO[bytes]", process.stdout)
            try:
                if _next_line(stream) != STARTED:
                    raise _not_started(_reason(process))
                count = max(_count(stream, folder), count)
                while first < count and (line := _next_line(stream)):
                    first += 1
                    yield _unpacked(line)
                if first >= count:
                    return
                if process.wait() == _KILLED:  # by the system, to save memory
                    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(folder))
            finally:
                process.kill()
        first += 1
        yield None
    yield from [None] * (count - first)


def _start_reading(folder: Path, first: int) -> subprocess.Popen[bytes]:
    try:
        return _start(_READING, str(folder), str(first))
    except OSError as exc:
        raise _not_started(exc.strerror or str(exc)) from exc


def _not_started(reason: str) -> IndexProblem:
    return IndexProblem(
        "Damaged parts of the index can only be read by another process, which can't be started "
        "({reason}), and nothing was changed: make sure that {executable} can be "
        "run, and run the command again.",
        reason=reason,
        executable=sys.executable or "Python",
    )


def _reason(process: subprocess.Popen[bytes]) -> str:
    """Return why a process has ended before it read anything."""
    status = process.wait()
    try:
        # Without a folder, so that this process ends at once if it can be started.
        with _start(_READING, errors=subprocess.PIPE) as again:
            lines = again.communicate()[1].decode("utf-8", "replace").split("\n")
    except OSError as exc:
        return exc.strerror or str(exc)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return last[:_MAX_REASON_CHARACTERS] or message("it ended with status {status}", status=status)


def _count(stream: IO[bytes], folder: Path) -> int:
    """Return the number of documents; raises the error of the system that the process met."""
    line = _next_line(stream) or b"0"
    if number := _system_error_number(line):
        raise OSError(number, os.strerror(number), str(folder))
    return int(line)


def _system_error_number(line: bytes) -> int:
    """Return the number in a line that reports an error of the system, 0 for another line."""
    return int(line[1:]) if line.startswith(b"-") else 0


def _next_line(stream: IO[bytes]) -> bytes | None:
    """Return the next line, ``None`` if the process has ended, perhaps in the middle of it."""
    line = stream.readline(_MAX_LINE_BYTES)
    return line if line.endswith(b"\n") else None


def _unpacked(line: bytes) -> Document | None:
    fields = json.loads(line)
    if fields is None:
        return None
    document = Document()
    for name, value in fields.items():
        if isinstance(value, list):
            document.add_bytes(name, b64decode(value[0]))
        else:
            document.add_text(name, value)
    return document


def _packed(document: Document) -> dict[str, Any]:
    """Return the first value of each field: a text, or bytes in a list of one."""
    values = {name: values[0] for name, values in document.to_dict().items()}
    return {
        name: value if isinstance(value, str) else [b64encode(bytes(value)).decode()]
        for name, value in values.items()
    }


def open_index(folder: Path) -> Index:
    """Open the index; if the system refuses that, write the number of its error."""
    try:
        index = Index.open(str(folder))
        index.searcher()
    except BaseException as exc:
        if error := system_error(exc, folder):
            print(-(error.errno or 0), flush=True)
        raise
    return index


def _write_documents(folder: Path, first: int) -> None:
    searcher = open_index(folder).searcher()
    hits = searcher.search(Query.all_query(), max(searcher.num_docs, 1), False).hits
    addresses = sorted((each for _, each in hits), key=lambda each: (each.segment_ord, each.doc))
    print(len(addresses), flush=True)
    for address in addresses[first:]:
        try:
            line = json.dumps(_packed(searcher.doc(address)))
        except BaseException:  # noqa: BLE001  (also a panic in Rust)
            line = "null"
        print(line, flush=True)


def limit_resources(folder: Path, seconds: int | None = None) -> None:
    """Limit the memory of this process, and its processor time to ``seconds``."""
    if sys.platform == "win32":
        return
    try:
        import resource
    except ImportError:  # another system without it
        return
    limits = {
        resource.RLIMIT_AS: MAX_BYTES + sum(path.stat().st_size for path in folder.iterdir()),
        resource.RLIMIT_CORE: 0,
    }
    if seconds is not None:
        limits[resource.RLIMIT_CPU] = seconds
    for each, limit in limits.items():
        highest = resource.getrlimit(each)[1]
        if highest == resource.RLIM_INFINITY or limit < highest:
            resource.setrlimit(each, (limit, highest))


if __name__ == "__main__":
    print(STARTED.decode(), end="", flush=True)
    if sys.argv[1:]:
        limit_resources(Path(sys.argv[1]))
        _write_documents(Path(sys.argv[1]), int(sys.argv[2]))

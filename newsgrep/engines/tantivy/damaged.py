"""Reading the stored documents of a damaged segment in a process of its own.

A wrong length in such a file can make tantivy allocate more memory than there is, which ends its
process. So another process reads the documents and writes them as lines of JSON, and when it
ends early, the next one continues after the document that it could not read. It gets at most
:data:`MAX_BYTES` of memory, and what it writes to its standard error is dropped.
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

MAX_BYTES: Final = 4 << 30
"""The address space of the process, without the files that it reads."""

_MAX_PROCESSES: Final = 200
"""After so many, the remaining documents of a segment count as unreadable."""

_MAX_LINE_BYTES: Final = 1 << 30
# -P: nothing is imported from the current folder, which may be an archive from anywhere.
_COMMAND: Final = (sys.executable, "-P", "-m", "newsgrep.engines.tantivy.damaged")


def read_damaged(folder: Path) -> Iterator[Document | None]:
    """Yield the stored documents of the index in ``folder``, ``None`` for each unreadable one.

    Yields nothing if tantivy can't open it. The folder must exist until the end. Raises
    ``OSError`` for what the operating system refuses.
    """
    first = count = 0
    for _ in range(_MAX_PROCESSES):
        with subprocess.Popen(  # noqa: S603  (our own module)
            [*_COMMAND, str(folder), str(first)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            stream = cast("IO[bytes]", process.stdout)
            try:
                count = max(_count(stream, folder), count)
                while first < count and (line := _next_line(stream)):
                    first += 1
                    yield _unpacked(line)
                if first >= count:
                    return
                if process.wait() == -signal.SIGKILL:  # by the system, to save memory
                    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(folder))
            finally:
                process.kill()
        first += 1
        yield None
    yield from [None] * (count - first)


def _count(stream: IO[bytes], folder: Path) -> int:
    """Return the number of documents; raises the error of the system that the process met."""
    number = int(_next_line(stream) or 0)
    if number < 0:
        raise OSError(-number, os.strerror(-number), str(folder))
    return number


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


def _write_documents(folder: Path, first: int) -> None:
    try:
        searcher = Index.open(str(folder)).searcher()
    except BaseException as exc:
        if error := system_error(exc, folder):
            print(-(error.errno or 0), flush=True)
        raise
    hits = searcher.search(Query.all_query(), max(searcher.num_docs, 1), False).hits
    addresses = sorted((each for _, each in hits), key=lambda each: (each.segment_ord, each.doc))
    print(len(addresses), flush=True)
    for address in addresses[first:]:
        try:
            line = json.dumps(_packed(searcher.doc(address)))
        except BaseException:  # noqa: BLE001  (also a panic in Rust)
            line = "null"
        print(line, flush=True)


def _limit_memory(folder: Path) -> None:
    try:
        import resource
    except ImportError:  # pragma: no cover  (Windows)
        return
    limit = MAX_BYTES + sum(path.stat().st_size for path in folder.iterdir())
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    _limit_memory(Path(sys.argv[1]))
    _write_documents(Path(sys.argv[1]), int(sys.argv[2]))

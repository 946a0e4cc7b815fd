"""Reading the tables of contents of formats 4 and 5, which are rebuilt and never searched.

Those tables were pickles. Here only their list of segments is read, and no object is created but
lists, dictionaries, sets, texts, numbers, and :class:`_Attributes`, which stands for each of
Whoosh's classes: no name in a pickle leads to code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from pickletools import genops
from typing import Any, Final, NamedTuple
from zlib import crc32

from newsgrep.engines.commits import open_regular
from newsgrep.engines.whoosh.segment import parse_number
from newsgrep.engines.whoosh.storage import CorruptFile
from newsgrep.messages import message

_TABLE_NAME: Final = re.compile(r"_NEWSGREP_([0-9]{1,15})\.(toc|before)")
"""The last commit, and the one before it."""

_SEGMENT_ID: Final = re.compile(r"[0-9a-z]{16}")
_MAX_BYTES: Final = 1 << 28
_CHECKSUM_BYTES: Final = 4
_NUMBER_BYTES: Final = 4

_OPCODES: Final = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINGET", "LONG_BINGET"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("EMPTY_SET", "ADDITEMS", "STACK_GLOBAL", "NEWOBJ", "REDUCE", "BUILD"),
    )
)
"""What a pickle of segments consists of. Others could reserve much more memory than they take."""


class OldSegment(NamedTuple):
    """A segment of an old format: ``files`` has size and page checksums of each of its files."""

    name: str
    documents: int
    deleted: frozenset[int]
    files: Mapping[str, tuple[int, bytes]]


def read_old_commits(folder: Path) -> Iterator[tuple[bool, list[OldSegment]]]:
    """Yield each commit that can be read: whether it is the last one, and its segments.

    The last commit comes first.
    """
    names = (match for path in folder.iterdir() if (match := _TABLE_NAME.fullmatch(path.name)))
    for match in sorted(names, key=lambda each: int(each[1]), reverse=True):
        try:
            yield match[2] == "toc", _read_table(folder / match[0])
        except (CorruptFile, FileNotFoundError):
            continue


def _read_table(path: Path) -> list[OldSegment]:
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > _MAX_BYTES:
                raise CorruptFile(
                    message(
                        "{name} is larger than {max_bytes:,} bytes",
                        name=path.name,
                        max_bytes=_MAX_BYTES,
                    )
                )
            data = stream.read(size)
        content, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if crc32(content) != int.from_bytes(checksum, "big"):
            raise CorruptFile(message("{name} does not match its checksum", name=path.name))
        return [_to_segment(each) for each in load_segments(_pickled_segments(content))]
    except (UnpicklingError, LookupError, TypeError, AttributeError, ValueError) as exc:
        raise CorruptFile(message("{name} does not describe segments", name=path.name)) from exc


def _pickled_segments(content: bytes) -> bytes:
    """Skip what precedes the pickle: sizes, versions, the pickled schema, two numbers."""
    at = 0
    for _ in range(3):
        _, at = parse_number(content, at)
    at += 2 * _NUMBER_BYTES
    for _ in range(3):
        _, at = parse_number(content, at)
    length, at = parse_number(content, at)
    return content[at + length + 2 * _NUMBER_BYTES :]


class _Attributes:
    """Stands for an object of any class."""

    def __setstate__(self, state: object) -> None:
        self.state = state


def _no_items(*_: object) -> dict[Any, Any]:
    return {}


_NAMES: Final[dict[tuple[str, str], Any]] = {
    ("whoosh.codec.whoosh3", "W3Segment"): _Attributes,
    ("whoosh.codec.whoosh3", "W3Codec"): _Attributes,
    ("collections", "defaultdict"): _no_items,
    ("builtins", "int"): _Attributes,
}
"""Names that may occur, and what stands for each."""


class _SegmentUnpickler(Unpickler):
    """An unpickler that knows the names in :data:`_NAMES` only."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NAMES[module, name]
        except (KeyError, TypeError):
            raise UnpicklingError(
                message("{module}.{name} is not in a table of contents", module=module, name=name)
            ) from None


def load_segments(pickled: bytes) -> list[Any]:
    """Return the attributes of the pickled segments.

    Raises :class:`UnpicklingError`, and other errors for damaged bytes.
    """
    for opcode, _, _ in genops(pickled):
        if opcode.name not in _OPCODES:
            raise UnpicklingError(message("{name} is not in a table of contents", name=opcode.name))
    return [each.state for each in _SegmentUnpickler(BytesIO(pickled)).load()]


def _to_segment(state: Mapping[str, Any]) -> OldSegment:
    segment_id, documents = state["segid"], state["_doccount"]
    if not _SEGMENT_ID.fullmatch(segment_id) or type(documents) is not int:
        raise TypeError(message("not a segment"))
    name = f"NEWSGREP_{segment_id}"
    files = {}
    for file, (size, pages) in state["file_sums"].items():
        if not re.fullmatch(rf"{name}\.[a-z_.]+", file) or not isinstance(pages, bytes):
            raise TypeError(message("not a file of the segment"))
        files[file] = (int(size), pages)
    if not 0 <= documents < files[f"{name}.id.col"][0]:
        raise ValueError(message("too few bytes for the documents"))
    return OldSegment(name, documents, frozenset(state["_deleted"] or ()), files)

"""Which articles were in an archive when it was last asked for new ones: a file for each query.

An article is eight bytes of a digest of its id; once seen it stays seen.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from newsgrep.disk import write_whole
from newsgrep.errors import InputError

_MAGIC: Final = b"newsgrep seen 1\n"
_HEAD: Final = struct.Struct("<QQ")  # commit, how many articles
_SUM: Final = struct.Struct("<I")


class Seen(NamedTuple):
    """The articles that have been seen, and the last commit that was looked at."""

    commit: int
    articles: frozenset[int]


def number_of(article_id: str) -> int:
    """Return what stands for an article: two of ten million are one once in 300,000 archives."""
    digest = blake2b(article_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def read_seen(path: Path) -> Seen | None:
    """Return what ``path`` holds, ``None`` if it is not there.

    Raises :class:`InputError` for a file that is damaged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise InputError(
            f"{path} can't be read ({exc.strerror}): ask its owner, or name another folder "
            "with --state."
        ) from exc
    body = data[len(_MAGIC) : -_SUM.size]
    numbers = array("Q")
    try:
        if data[: len(_MAGIC)] != _MAGIC or data[-_SUM.size :] != _SUM.pack(crc32(body)):
            raise ValueError("other bytes than were written")
        commit, count = _HEAD.unpack_from(body)
        numbers.frombytes(body[_HEAD.size :])
        if len(numbers) != count:
            raise ValueError("another length than was written")
    except (ValueError, struct.error) as exc:
        raise InputError(
            f"{path} is damaged, so what is new can't be told: delete it, and the next run "
            "begins anew (with --all it tells all that is there)."
        ) from exc
    return Seen(commit, frozenset(_little(numbers)))


def write_seen(path: Path, commit: int, articles: Iterable[int]) -> None:
    """Keep what was seen at ``path``; when this returns it is on the disk."""
    numbers = array("Q", sorted(articles))
    body = _HEAD.pack(commit, len(numbers)) + _little(numbers).tobytes()
    write_whole(path, _MAGIC + body + _SUM.pack(crc32(body)))


def _little(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":  # pragma: no cover  (the file is the same everywhere)
        numbers = array("Q", numbers)
        numbers.byteswap()
    return numbers

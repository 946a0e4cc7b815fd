"""Damage to the files of an index: changed, missing and exchanged bytes."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

UNUSED_NAMES = frozenset(
    {"newsgrep.lock", "newsgrep.writer", "writer.lock", "verified.json", "known-files"}
)
"""Files without content that an answer depends on."""


@dataclass(frozen=True)
class Damage:
    """Damage to the file ``name`` of an index: what it then contains, ``None`` if it is gone.

    With ``is_in_place`` the file stays the same one (its inode), and with ``keeps_time`` it has
    the time of its last change.
    """

    kind: str
    name: str
    content: bytes | None
    is_in_place: bool = False
    keeps_time: bool = False

    def apply(self, index: Path) -> None:
        """Damage the index."""
        path = index / self.name
        status = path.stat()
        if self.content is None:
            path.unlink()
            return
        if not self.is_in_place:
            path.unlink()
        path.write_bytes(self.content)
        path.chmod(0o600)
        if self.keeps_time:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def used_files(index: Path) -> list[Path]:
    """Return the files of an index that answers depend on."""
    return [
        path
        for path in sorted(index.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.name not in UNUSED_NAMES
    ]


def random_damage(
    index: Path, others: dict[str, Path], chance: random.Random, count: int
) -> Iterator[Damage]:
    """Yield ``count`` kinds of damage to an index, most of them to large files.

    ``others`` are indexes whose files may take the place of those of ``index``, by what they are.
    """
    files = used_files(index)
    weights = [path.stat().st_size ** 0.5 + 10 for path in files]
    made = 0
    while made < count:
        (path,) = chance.choices(files, weights)
        kind = chance.choice((*_CHANGES, "missing", "exchanged", *others, *others))
        content = path.read_bytes()
        if kind in _CHANGES:
            damaged: bytes | None = _CHANGES[kind](content, chance) if content else b"\0"
        elif kind == "missing":
            damaged = None
        else:
            source = index if kind == "exchanged" else others[kind]
            same = [
                each for each in used_files(source) if each != path and _role(each) == _role(path)
            ]
            if not same:
                continue
            damaged = chance.choice(same).read_bytes()
        if damaged == content:
            continue
        made += 1
        yield Damage(
            kind,
            str(path.relative_to(index)),
            damaged,
            is_in_place=chance.random() < 0.5,
            keeps_time=chance.random() < 0.5,
        )


def _role(path: Path) -> str:
    """Return what files have in common that an engine might confuse."""
    return path.name if path.suffix == ".json" and "-" not in path.name else path.suffix


def _flip(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _zero(content: bytes, chance: random.Random) -> bytes:
    start = chance.choice((0, chance.randrange(len(content))))
    length = min(chance.choice((1, 16, 512, 4096, len(content))), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def _truncate(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def _extend(content: bytes, chance: random.Random) -> bytes:
    return content + chance.randbytes(chance.randrange(1, 5000))


def _overwrite(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    length = min(chance.randrange(1, 600), len(content) - start)
    return content[:start] + chance.randbytes(length) + content[start + length :]


_CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a bit changed": _flip,
    "bytes zeroed": _zero,
    "bytes overwritten": _overwrite,
    "truncated": _truncate,
    "extended": _extend,
}


def copy_index(source: Path, target: Path) -> None:
    """Copy an index, instead of what is there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)

"""A part of all files, the same on every machine, so that several can share one run.

To which part a file belongs depends on its path alone, and not on what else is there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from newsgrep.errors import UsageError

_FORM: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The part ``number`` of ``count`` parts, counted from 1."""

    number: int
    count: int

    def takes(self, path: str) -> bool:
        """Return whether the file at the absolute ``path`` is of this part."""
        digest = blake2b(os.fsencode(path), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Return the shard that ``2/3`` is; raises :class:`UsageError` for what is none."""
    match = _FORM.fullmatch(text.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if not shard or not 1 <= shard.number <= shard.count:
        raise UsageError(
            "--shard needs a part and how many there are, such as 2/3 for the second of three: "
            "from 1/3 to 3/3, one for each machine."
        )
    return shard

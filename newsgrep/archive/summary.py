"""What a run of indexing did, in numbers that add up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a file in a run; each file has one."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Listed:
    """A path that is not in the index as an article of its own, and why.

    ``known`` says that an earlier run found so, and that the file has not changed since.
    """

    path: str
    reason: str
    known: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did; ``seen`` is the sum of ``counts``.

    ``listed`` names every duplicate, rejected and failed file; ``skipped`` what was met
    and is no file to read, by kind. ``articles`` is how many the index holds afterwards,
    ``shard`` the part of all files that the run was about, if not all.
    """

    seen: int
    counts: dict[Outcome, int]
    removed: int
    articles: int
    listed: dict[Outcome, tuple[Listed, ...]]
    skipped: dict[str, tuple[Listed, ...]]
    seconds: float
    shard: str | None = None

"""What a run of an update returns: the outcome of every file, and the numbers of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple


class Outcome(StrEnum):
    """The result of a run for one file; every file has exactly one."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A path without an article of its own in the index, and the reason.

    ``known`` is true if an earlier run reported it, and the file has not changed since.
    """

    path: str
    reason: str
    known: bool = False


class OlderRules(NamedTuple):
    """How many articles were extracted by older rules, and how many other files were read so.

    Other files are duplicates and files without an article.
    """

    articles: int = 0
    others: int = 0


_NONE_OLDER: Final = OlderRules()


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """An address that the files of several different articles give.

    ``known`` is true if none of them was added or updated by this run.
    """

    url: str
    paths: tuple[str, ...]
    known: bool = False


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """The results of a run; ``seen`` is the sum of ``counts``, which count records.

    A file of one article is one record. ``files`` is how many files were seen, ``containers`` how
    many of them have many records, and ``uncounted`` how many records are rejected and not listed.
    ``others`` counts parts of files that are no articles, such as pictures in a crawl, by kind;
    they are not in ``seen``.

    ``listed`` has every duplicate, rejected and failed file, and ``skipped`` every path that is
    not a file to read, by kind. ``removed`` is how many articles were deleted, ``articles`` how
    many the index contains now. ``shard`` is the part of the files that the run handled, such
    as ``2/3``, or ``None``.

    ``kept`` is how many articles were not extracted again, because their files are gone,
    ``absent`` how many file records stay without their files because of ``--no-prune``, and
    ``older`` what older rules have extracted. ``undated`` is how many articles of the index have
    no date of publication; ``undated_example`` is the path of one. ``changed`` is how many articles
    have a new earlier version.
    """

    seen: int
    counts: dict[Outcome, int]
    removed: int
    articles: int
    listed: dict[Outcome, tuple[ListedFile, ...]]
    skipped: dict[str, tuple[ListedFile, ...]]
    seconds: float
    shard: str | None = None
    kept: int = 0
    absent: int = 0
    older: OlderRules = _NONE_OLDER
    undated: int = 0
    undated_example: str = ""
    shared_addresses: tuple[SharedAddress, ...] = ()
    files: int = 0
    containers: int = 0
    uncounted: int = 0
    others: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0

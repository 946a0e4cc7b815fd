"""What a run of an update returns: the outcome of every file, and the numbers of all."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from newsgrep.engines.compact import HashIndex, hash_key
from newsgrep.indexing.known import UNCHANGED, KnownRecords
from newsgrep.models import SCHEMA_VERSION, FileRecord, Status


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
    have a new earlier version. ``moved`` has the new path of each known file that was found
    elsewhere.
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
    moved: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as a JSON object; the counts of outcomes add up to ``seen``."""
        return {
            "version": SCHEMA_VERSION,
            **({"shard": self.shard} if self.shard else {}),
            "seen": self.seen,
            "files_seen": self.files,
            "containers": self.containers,
            "uncounted": self.uncounted,
            "others": dict(self.others),
            **{outcome.value: self.counts[outcome] for outcome in Outcome},
            "removed": self.removed,
            "kept": self.kept,
            "changed": self.changed,
            "articles": self.articles,
            "moved": dict(self.moved),
            "undated": self.undated,
            "older_rules": self.older._asdict(),
            "seconds": round(self.seconds, 2),
            "shared_addresses": [asdict(shared) for shared in self.shared_addresses],
            "files": {
                outcome.value: [asdict(listed) for listed in items]
                for outcome, items in self.listed.items()
            },
            "skipped": {
                kind: [asdict(listed) for listed in items] for kind, items in self.skipped.items()
            },
        }


_PLAIN: Final = (Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED)
"""Outcomes without a reason: files with them are not listed."""

_NO_OUTCOME: Final = len(_PLAIN)

_OUTCOMES: Final = {
    Status.INDEXED: Outcome.UNCHANGED,
    Status.DUPLICATE: Outcome.DUPLICATE,
    Status.REJECTED: Outcome.REJECTED,
    Status.CONTAINER: Outcome.REJECTED,
}
"""The outcome of a file that is as it was."""


def previous_outcome(record: FileRecord) -> tuple[Outcome, str]:
    """Return the outcome of a file that is as it was, and the reason."""
    is_plain = record.status is Status.INDEXED
    return _OUTCOMES[record.status], "" if is_plain else record.reason or ""


class Outcomes:
    """The outcomes of a run by path, in about 20 bytes for each file that is not listed.

    Of files that have not changed, the outcome is a mark in ``known``.
    """

    def __init__(self, known: KnownRecords) -> None:
        self.repeated: Counter[Outcome] = Counter()
        """Outcomes of records of a stream after the first one with a name."""

        self._known = known
        self._paths = array("Q")  # hashes
        self._codes = bytearray()
        self._index = HashIndex(self._paths)
        self._listed: dict[str, tuple[Outcome, str]] = {}
        # Files without an article of their own that an earlier run reported.
        self._decided_before: set[str] = set()

    def __contains__(self, path: str) -> bool:
        """Return whether the run has read a file, and not found it unchanged."""
        return self._own(path) is not None

    def get(self, path: str) -> Outcome | None:
        """Return the outcome of a file or a record until now."""
        if own := self._own(path):
            return own
        row = self._known.row_of(path)
        is_unchanged = row is not None and self._known.marks[row] & UNCHANGED
        return _OUTCOMES[self._known.status_of(row)] if row is not None and is_unchanged else None

    def _own(self, path: str) -> Outcome | None:
        if listed := self._listed.get(path):
            return listed[0]
        row = next(self._index.rows(hash_key(path)), None)
        is_set = row is not None and self._codes[row] != _NO_OUTCOME
        return _PLAIN[self._codes[row]] if row is not None and is_set else None

    def set(self, path: str, outcome: Outcome, reason: str = "") -> None:
        """Set the outcome of a file or a record; the last one counts."""
        self.remove(path)
        self._known.unmark(path, UNCHANGED)
        if outcome not in _PLAIN:
            self._listed[path] = outcome, reason
            return
        key, code = hash_key(path), _PLAIN.index(outcome)
        row = next(self._index.rows(key), None)
        if row is None:
            self._paths.append(key)
            self._codes.append(code)
        else:
            self._codes[row] = code

    def remove(self, path: str) -> None:
        """Forget the outcome of a file that the run has read."""
        self._listed.pop(path, None)
        if (row := next(self._index.rows(hash_key(path)), None)) is not None:
            self._codes[row] = _NO_OUTCOME

    def set_duplicate(self, record: FileRecord, reason: str) -> None:
        """Set the outcome of a duplicate, unless it is a file that this run is not about."""
        is_unchanged = self._known.is_marked(record.path, UNCHANGED)
        if is_unchanged and record.status is not Status.INDEXED:
            self._decided_before.add(record.path)
        if is_unchanged or record.path in self:
            self.set(record.path, Outcome.DUPLICATE, reason)

    def counts(self) -> Counter[Outcome]:
        """Return how many files and records have each outcome."""
        counts = Counter({each: self._codes.count(code) for code, each in enumerate(_PLAIN)})
        counts.update(outcome for outcome, _ in self._listed.values())
        for (status, _, marks, _), number in self._known.count().items():
            if marks & UNCHANGED and status is not Status.CONTAINER:
                counts[_OUTCOMES[status]] += number
        counts.update(self.repeated)
        return counts

    def listed(self) -> dict[Outcome, list[ListedFile]]:
        """Return all files and records without an article of their own, with the reasons."""
        found: dict[Outcome, list[ListedFile]] = {
            Outcome.DUPLICATE: [],
            Outcome.REJECTED: [],
            Outcome.FAILED: [],
        }
        for row, record in self._known.records_without_article():
            if record.status is not Status.CONTAINER and self._known.marks[row] & UNCHANGED:
                outcome, reason = previous_outcome(record)
                found[outcome].append(ListedFile(record.path, reason, known=True))
        for path, (outcome, reason) in self._listed.items():
            found[outcome].append(ListedFile(path, reason, path in self._decided_before))
        return found

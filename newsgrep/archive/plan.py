"""What a run has to do: which files to read, which to leave alone, which are gone.

Made before anything is written, so that a run that would empty an index can be refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from newsgrep.errors import InputError, UsageError
from newsgrep.ingest.find import File, Skipped, find_files
from newsgrep.models import Stamp, Status


@dataclass(slots=True)
class Plan:
    """The files seen, by what is to be done with them."""

    known: dict[str, Stamp]
    to_read: list[File] = field(default_factory=list)
    unchanged: list[Stamp] = field(default_factory=list)
    gone: list[Stamp] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Return how many files of a format that newsgrep reads were found."""
        return len(self.to_read) + len(self.unchanged)


def make_plan(paths: Sequence[str], stamps: Iterable[Stamp], *, prune: bool | None) -> Plan:
    """Compare the files under ``paths`` with what an index knows of them.

    ``prune`` is ``False`` to keep articles whose files are gone, ``True`` to take them out
    however many they are, and ``None`` to take them out unless that is more than half.
    Raises :class:`InputError` for a path that does not exist, and :class:`UsageError` for
    a refusal.
    """
    plan = Plan({stamp.path: stamp for stamp in stamps})
    seen: set[str] = set()
    for found in find_files(paths):
        if isinstance(found, Skipped):
            plan.skipped.append(found)
            seen.add(found.path)
            continue
        seen.add(found.path)
        stamp = plan.known.get(found.path)
        if stamp and (stamp.size, stamp.mtime_ns) == (found.size, found.mtime_ns):
            plan.unchanged.append(stamp)
        else:
            plan.to_read.append(found)
    roots = [os.path.abspath(path) for path in paths]  # noqa: PTH100  (links stay as they are)
    under = [path for path in plan.known if _is_under(path, roots)]
    _check_missing(plan, roots, under)
    if prune is not False:
        missing = {skipped.path for skipped in plan.skipped if skipped.kind == "missing"}
        plan.gone = [plan.known[path] for path in under if path not in seen or path in missing]
        if prune is None and len(plan.gone) * 2 > len(under):
            raise UsageError(
                f"{len(plan.gone)} of the {len(under)} files that the index knows under "
                f"{', '.join(paths)} are gone: is a disk not mounted? Nothing was changed. "
                "Say --prune to take them out, or --no-prune to keep them."
            )
    _read_rivals_again(plan)
    return plan


def _is_under(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def _check_missing(plan: Plan, roots: Sequence[str], under: Sequence[str]) -> None:
    for skipped in plan.skipped:
        known = any(_is_under(path, [skipped.path]) for path in under)
        if skipped.kind == "missing" and skipped.path in roots and not known:
            raise InputError(
                f"There is nothing at {skipped.path}: check the path and try again. "
                "Nothing was changed."
            )


def _read_rivals_again(plan: Plan) -> None:
    """Where the file of an article changes or goes, let its duplicates compete anew."""
    touched = {file.path for file in plan.to_read} | {stamp.path for stamp in plan.gone}
    open_again = {
        stamp.article_id
        for path in touched
        if (stamp := plan.known.get(path)) and stamp.status is Status.INDEXED
    }
    rivals = [
        stamp
        for stamp in plan.known.values()
        if stamp.status is Status.DUPLICATE
        and stamp.article_id in open_again
        and stamp.path not in touched
    ]
    again = {stamp.path for stamp in rivals}
    plan.unchanged = [stamp for stamp in plan.unchanged if stamp.path not in again]
    plan.to_read += [File(stamp.path, stamp.size, stamp.mtime_ns) for stamp in rivals]
    plan.to_read.sort(key=lambda file: os.fsencode(file.path))

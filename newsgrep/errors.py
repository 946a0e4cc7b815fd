"""All errors that newsgrep raises on purpose. Each message is one sentence with the next step.

NewsgrepError               exit status 2
├── UsageError              a wrong option or combination of options
│   ├── QueryError          an invalid query, with the position of the error
│   └── MassDeletion        more than half of the known files or records are gone
├── InputError              a path or file from the user that can't be used
├── Interrupted             a signal ended a run that has written some changes (exit status 130)
├── WorkerDied              a worker process was ended from outside
├── NoArticle               a file without an article; a run records it and continues
└── IndexProblem            a problem with an index
    ├── IndexMissing        there is none
    ├── IndexMismatch       another format, engine or analyser created it
    ├── IndexDamaged        it can't be read
    ├── IndexLocked         another process is writing to it (exit status 75)
    ├── ServerProblem       its server does not respond, or responds incorrectly
    └── ChangesRejected     its server rejected some changes; all others are written
"""

from __future__ import annotations

from collections.abc import Iterable

from newsgrep.messages import message


class NewsgrepError(Exception):
    """Base of all errors: the message is one sentence, and names the next step.

    ``text`` is the message, or a template of it for ``values``. ``str()`` of an error is English;
    :func:`newsgrep.messages.localize` translates it.
    """

    exit_status = 2

    def __init__(self, text: str, /, **values: object) -> None:
        super().__init__(message(text, **values))


class UsageError(NewsgrepError):
    """A wrong option or argument, or a combination that makes no sense."""


class QueryError(UsageError):
    """An invalid query.

    ``position`` is an offset in characters of ``query`` as typed, ``None`` if unknown.
    """

    def __init__(
        self, text: str, query: str = "", position: int | None = None, /, **values: object
    ) -> None:
        super().__init__(text, **values)
        self.query = query
        self.position = position


class MassDeletion(UsageError):
    """More than half of the known files or records are gone, perhaps not on purpose.

    ``gone`` says which, without a final period.
    """

    def __init__(self, gone: str, advice: str) -> None:
        super().__init__("{gone}: {advice}", gone=gone, advice=advice)
        self.gone = gone


class InputError(NewsgrepError):
    """A path or file from the user that can't be used."""


class Interrupted(NewsgrepError):
    """A signal ended a run that has already written some of its changes."""

    exit_status = 130


class IndexProblem(NewsgrepError):
    """A problem with an index."""


class IndexMissing(IndexProblem):
    """There is no index at the given location."""


class IndexMismatch(IndexProblem):
    """The index was created with another format, engine or analyser."""


class IndexDamaged(IndexProblem):
    """The index can't be read, or its checksums do not match."""


class IndexLocked(IndexProblem):
    """Another process is writing to the index."""

    exit_status = 75


class ServerProblem(IndexProblem):
    """The server of the index does not respond, or responds incorrectly or incompletely."""


class ChangesRejected(IndexProblem):
    """A server rejected some of the changes to ``index``, and made all others.

    ``items`` are the rejected ones: a path or an article id, and the reason.
    """

    def __init__(self, index: str, items: tuple[tuple[str, str], ...]) -> None:
        self.summary = message(
            "The server rejected {count:,} of the changes to the index {index}, and made all "
            "others: fix the listed problems, and run the command again.",
            count=len(items),
            index=index,
        )
        super().__init__("\n".join([self.summary, *map(": ".join, items)]))
        self.index = index
        self.items = items


class WorkerDied(NewsgrepError):
    """A worker process was ended from outside, perhaps because memory was short."""


class NoArticle(NewsgrepError):
    """A file without an article; ``str()`` is the reason."""


_SIMILAR = 0.65
"""How similar a name and its misspelling are, by the ratio of :mod:`difflib`."""


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return those of ``known`` that ``name`` is probably a misspelling of, the best one first.

    >>> closest("serach", ["search", "show"])
    ['search']
    """
    from difflib import get_close_matches  # only for errors

    lower, names = name.lower(), list(known)
    begin = [each for each in names if len(lower) > 1 and each.startswith(lower)]
    similar = get_close_matches(lower, names, cutoff=_SIMILAR)
    return list(dict.fromkeys([*begin, *similar]))

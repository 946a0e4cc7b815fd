"""Every error that newsgrep raises on purpose, each one sentence with the next step.

NewsgrepError               exit status 2
├── UsageError              the question or an option is off
│   └── QueryError          a query that can't be read; knows the place
├── InputError              a path that can't be taken at all
├── Stopped                 the user said so; part of the work is done (exit status 130)
├── IndexProblem            something is wrong with an index
│   ├── IndexMissing        there is none here yet
│   ├── IndexMismatch       it was made by another analyser or format
│   ├── IndexDamaged        it can't be read as it should
│   ├── IndexUntrusted      it is somebody else's, and could hold code
│   ├── IndexLocked         another writer has it (exit status 75)
│   ├── ServerProblem       the server that holds it does not answer, or not as it should
│   └── Refused             the server did not take some of what was written; the rest is in
├── WorkerLost              a process that was reading files for this one is gone
└── Rejected                one file that holds no article; a run goes on past it
"""

from __future__ import annotations


class NewsgrepError(Exception):
    """Base of all: the message is one clear sentence that names the next step."""

    exit_status = 2


class UsageError(NewsgrepError):
    """A question or an option that makes no sense as given."""


class QueryError(UsageError):
    """A query that can't be read.

    ``position`` counts characters of the query as typed, 0 for the first.
    """

    def __init__(self, message: str, query: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.query = query
        self.position = position


class InputError(NewsgrepError):
    """A path given by the user that can't be taken at all."""


class Interrupted(NewsgrepError):
    """A signal ended a run of which a part is in the index already."""

    exit_status = 130


class IndexProblem(NewsgrepError):
    """Something is wrong with an index."""


class IndexMissing(IndexProblem):
    """There is no index where one was looked for."""


class IndexMismatch(IndexProblem):
    """The index was made by another analyser, dictionary or format."""


class IndexDamaged(IndexProblem):
    """The index can't be read as it should."""


class IndexUntrusted(IndexProblem):
    """Others own the index or may write to it, and nobody said that they are trusted."""


class IndexLocked(IndexProblem):
    """Another writer holds the index."""

    exit_status = 75


class ServerProblem(IndexProblem):
    """The server that holds the index does not answer, refuses, or answers in part."""


class ChangesRejected(IndexProblem):
    """A server took all changes to ``index`` but some.

    ``items`` are these: the path of the file, or the id of the article, and the reason.
    """

    def __init__(self, index: str, items: tuple[tuple[str, str], ...]) -> None:
        listed = "".join(f"\n{subject}: {reason}" for subject, reason in items)
        super().__init__(
            f"The server did not take {len(items):,} of the changes to the index {index}, and all "
            f"others: mend what it says of these, and run the command again.{listed}"
        )
        self.index = index
        self.items = items


class WorkerDied(NewsgrepError):
    """A process that was reading files for this one was ended by somebody else."""


class NoArticle(NewsgrepError):
    """A file that was read and holds no article; ``str()`` is the reason."""

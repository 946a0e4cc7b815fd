"""Whether an index is sound, and what helps where it is not.

Mending makes it anew from all articles that can be read; going back drops the last commit.
"""

from __future__ import annotations

from typing import NamedTuple

from newsgrep.archive.location import Location, Remote
from newsgrep.archive.ownership import refuse_strangers
from newsgrep.archive.place import opened, read_manifest, tidy_up, writing_to
from newsgrep.engines.base import Problem, go_back
from newsgrep.errors import IndexDamaged, UsageError
from newsgrep.query.tree import Everything


class Health(NamedTuple):
    """What is wrong with an index, and how many articles it holds if nothing."""

    problems: tuple[Problem, ...]
    articles: int

    @property
    def can_be_mended(self) -> bool:
        """Whether something is wrong that making the index anew may help against."""
        return any(problem.in_data for problem in self.problems)


def examine(index: Location, *, deep: bool = False, trust: bool = False) -> Health:
    """Compare everything in the index with its checksums, and read every article.

    With ``deep`` every term is compared with the articles' texts. Raises what
    :func:`newsgrep.archive.place.opened` does, but for damage, which is what is looked for.
    """
    try:
        with opened(index, trust=trust) as engine:
            problems = engine.check(deep=deep)
            articles = 0 if problems else engine.search(Everything(), limit=0).total
    except IndexDamaged as exc:
        return Health((Problem(str(exc)),), 0)
    return Health(tuple(problems), articles)


def roll_back(index: Location, *, wait: float = 0.0, trust: bool = False) -> None:
    """Make the commit before the last the last one; raises what the engine's own does.

    Raises :class:`UsageError` for an index on a server, which keeps none.
    """
    if isinstance(index, Remote):
        raise UsageError(
            f"{index} is on a server, which keeps no commit before the last: bring back one of "
            "the server's own snapshots."
        )
    with writing_to(index, wait):
        manifest = read_manifest(index)
        data = index / manifest.data
        if not trust:
            refuse_strangers(data)
        go_back(manifest.engine, data)


def tidy(index: Location, *, wait: float = 0.0, trust: bool = False) -> list[str]:
    """Delete what interrupted runs have left behind, and return the names."""
    with writing_to(index, wait):
        left = tidy_up(index)
        with opened(index, trust=trust) as engine:
            return left + engine.tidy()

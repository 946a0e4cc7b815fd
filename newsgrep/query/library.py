"""Saved queries, as a query that names them finds them: by name, and never in a circle.

Where they are kept is somebody else's affair; they are looked up when one is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from newsgrep.errors import UsageError
from newsgrep.text.characters import tidy
from newsgrep.text.fold import fold

Saved = Callable[[], Mapping[str, str]]
"""Returns all saved queries as they were typed, by name."""

_MOST: Final = 100_000
"""Characters of all saved queries that a query names: each may name others twice."""


def nothing_saved() -> Mapping[str, str]:
    """Return no saved queries."""
    return {}


def name_key(name: str) -> str:
    """Return what two spellings of one name have in common."""
    return fold(tidy(name)).strip()


class Library:
    """The saved queries that one query names, while it is read."""

    def __init__(self, saved: Saved) -> None:
        self._saved = saved
        self._known: Mapping[str, str] | None = None
        self._open: list[str] = []
        self._length = 0

    @contextmanager
    def opened(self, name: str) -> Iterator[str]:
        """Give the text of the saved query ``name``, to be read before this is left.

        Raises :class:`UsageError` for an unknown name, one that is being read already, and
        where it all becomes too much.
        """
        if self._known is None:
            self._known = self._saved()
        key = name_key(name)
        text = next((text for known, text in self._known.items() if name_key(known) == key), None)
        if text is None:
            raise UsageError(_unknown(name, self._known))
        if key in self._open:
            circle = " → ".join([*self._open[self._open.index(key) :], key])
            raise UsageError(
                f"The saved query “{name}” names itself ({circle}): save one of them anew "
                "with --replace."
            )
        self._length += len(text)
        if self._length > _MOST:
            raise UsageError(
                f"The saved queries named here have more than {_MOST:,} characters together: "
                "name fewer."
            )
        self._open.append(key)
        try:
            yield text
        finally:
            self._open.pop()


def _unknown(name: str, known: Mapping[str, str]) -> str:
    if not known:
        return f"There is no saved query “{name}”, nor any other: newsgrep saved add NAME QUERY."
    names = sorted(known)
    few = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
    return f"There is no saved query “{name}”: there is {few} (newsgrep saved list)."

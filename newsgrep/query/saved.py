"""Saved queries: the texts that the names in a query stand for, and never in a circle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from newsgrep.errors import UsageError
from newsgrep.messages import message
from newsgrep.query.lexer import name_key

_MAX_SAVED_LENGTH: Final = 100_000
"""Characters of all saved queries that a query inserts: each may name another one twice."""


class SavedQueries:
    """The saved queries that a query names while it is parsed, and never in a circle."""

    def __init__(self, load: Callable[[], Mapping[str, str]]) -> None:
        self._load = load
        self._known: Mapping[str, str] | None = None
        self._open: list[str] = []
        self._length = 0

    @contextmanager
    def expand(self, name: str) -> Iterator[str]:
        """Return the text of the saved query ``name`` as a context, in which it is parsed.

        Raises :class:`UsageError` for an unknown name, for a query that is being parsed already,
        and if all of them together are too long.
        """
        if self._known is None:
            self._known = self._load()
        key = name_key(name)
        text = next((text for known, text in self._known.items() if name_key(known) == key), None)
        if text is None:
            raise UsageError(_unknown_name(name, self._known))
        if key in self._open:
            circle = " → ".join([*self._open[self._open.index(key) :], key])
            raise UsageError(
                "The saved query “{name}” refers to itself ({circle}): save one of them again "
                "with --replace.",
                name=name,
                circle=circle,
            )
        self._length += len(text)
        if self._length > _MAX_SAVED_LENGTH:
            raise UsageError(
                "The saved queries in this query have more than {max_saved_length:,} characters "
                "together: use fewer of them.",
                max_saved_length=_MAX_SAVED_LENGTH,
            )
        self._open.append(key)
        try:
            yield text
        finally:
            self._open.pop()


def _unknown_name(name: str, known: Mapping[str, str]) -> str:
    if not known:
        return message(
            "No saved query “{name}”. Save one with: newsgrep saved add NAME QUERY.", name=name
        )
    names = sorted(known)
    few = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
    return message(
        "No saved query “{name}”. Saved queries: {few} (newsgrep saved list).", name=name, few=few
    )

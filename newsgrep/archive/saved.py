"""Queries that are kept with an index under a name, in one file that people can read.

They are about an archive, so they lie beside its manifest and stay when it is rebuilt; of an
index on a server, in a folder of the person who asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from newsgrep.archive.location import Location, personal_folder, where
from newsgrep.archive.names import SAVED, SAVED_LOCK
from newsgrep.archive.place import read_manifest
from newsgrep.disk import write_whole
from newsgrep.errors import InputError, QueryError, UsageError
from newsgrep.jsontext import to_json
from newsgrep.query.library import Saved, name_key
from newsgrep.query.parser import parse

_VERSION: Final = 1
_NAME: Final = re.compile(r"\w[\w.-]{0,47}")


def saved_in(index: Location) -> Saved:
    """Return what looks up the saved queries of the index, when it is called."""
    return lambda: read_saved(index)


def read_saved(index: Location) -> dict[str, str]:
    """Return the saved queries of the index by name, in the order of names.

    Raises :class:`InputError` where their file makes no sense.
    """
    path = personal_folder(index) / SAVED
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["version"] != _VERSION:
            raise ValueError(f"its version is not {_VERSION}")
        queries: dict[str, str] = told["queries"]
        for name, text in queries.items():
            if not isinstance(text, str):
                raise TypeError(f"the query “{name}” is no string")
            _refuse_odd(name)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as exc:
        why = " ".join(str(exc).split())
        raise InputError(
            f"{path} can't be read ({why}): mend it, or delete it and save the queries anew."
        ) from exc
    return dict(sorted(queries.items()))


def save(index: Location, name: str, text: str, *, replace: bool = False) -> None:
    """Keep the query ``text`` as ``name``.

    Raises :class:`QueryError` for a query that can't be read, and :class:`UsageError` for an
    odd name, for one that is taken unless ``replace`` is given, and where another saved
    query could no longer be read.
    """
    _refuse_odd(name)

    def change(queries: dict[str, str]) -> None:
        taken = _spelled(queries, name)
        if taken and not replace:
            raise UsageError(
                f"There is a saved query “{taken}” already: --replace puts this in its place."
            )
        if taken:
            del queries[taken]
        queries[name] = text
        parse(text, saved=lambda: queries)

    _changed(index, change)


def remove(index: Location, name: str) -> str:
    """Take out the saved query ``name`` and return how it was spelled.

    Raises :class:`UsageError` where there is none, and where another one names it.
    """
    taken = ""

    def change(queries: dict[str, str]) -> None:
        nonlocal taken
        taken = found(queries, name)
        del queries[taken]

    _changed(index, change)
    return taken


def found(queries: Mapping[str, str], name: str) -> str:
    """Return how ``name`` is spelled in ``queries``; raises :class:`UsageError` if it is not."""
    if spelled := _spelled(queries, name):
        return spelled
    raise UsageError(f"There is no saved query “{name}”: newsgrep saved list names them all.")


def _spelled(queries: Mapping[str, str], name: str) -> str | None:
    key = name_key(name)
    return next((known for known in queries if name_key(known) == key), None)


def _refuse_odd(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"“{name}” is no name for a query: take up to 48 letters, digits, - _ and ., such "
            "as 渔业-2024."
        )


def take_over(index: Location, queries: Mapping[str, str]) -> None:
    """Keep ``queries``, which another index has, with this one: in the place of equal names."""
    if not queries:
        return
    keys = set(map(name_key, queries))

    def change(own: dict[str, str]) -> None:
        for name in [name for name in own if name_key(name) in keys]:
            del own[name]
        own.update(queries)

    _change_file(index, change)


def _changed(index: Location, change: Callable[[dict[str, str]], None]) -> None:
    read_manifest(index, any_analyser=True)  # where no index is, nothing is kept
    _change_file(index, change)


def _change_file(index: Location, change: Callable[[dict[str, str]], None]) -> None:
    from newsgrep.archive.lock import alone  # searches read what is saved, and need no lock

    folder = personal_folder(index)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(
            f"No query can be saved in {folder} ({exc.strerror}): see to it that you can write "
            "there."
        ) from exc
    with alone(folder / SAVED_LOCK, f"The saved queries of the index {where(index)}"):
        before = read_saved(index)
        after = dict(before)
        change(after)
        for name in _unreadable(after) - _unreadable(before):
            raise UsageError(
                f"The saved query “{name}” names this one and could not be read any more: "
                "remove or replace it first."
            )
        told = {"version": _VERSION, "queries": dict(sorted(after.items()))}
        write_whole(folder / SAVED, (to_json(told, indent=2) + "\n").encode())


def _unreadable(queries: dict[str, str]) -> set[str]:
    wrong = set()
    for name, text in queries.items():
        try:
            parse(text, saved=lambda: queries)
        except QueryError:
            wrong.add(name)
    return wrong

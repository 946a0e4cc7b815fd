"""Values in the responses of a server, which may be of any type.

Each function follows ``path`` through objects, and raises :class:`ServerProblem` if something
is missing or has another type.

>>> integer({"hits": {"total": {"value": 7}}}, "hits", "total", "value")
7
"""

from __future__ import annotations

import json
from typing import Any, Final

from newsgrep.errors import ServerProblem
from newsgrep.messages import message

JsonObject = dict[str, Any]

MAX_VALUES: Final = 2_000_000
"""Values in one response: ten times as many as the largest hits and facets have.

Each takes some hundred bytes of memory, and may take two in a response.
"""

_MISSING: Final = object()


class NotAnObject(ValueError):
    """A response is not a JSON object."""


def parse_object(body: bytes) -> JsonObject:
    """Return the JSON object in ``body``; raises :class:`NotAnObject`.

    Raises :class:`ServerProblem` for more than :data:`MAX_VALUES` values.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ServerProblem(
            "The server returned a response with more than {max_values:,} values, which is not "
            "read. Check that it is an OpenSearch server.",
            max_values=MAX_VALUES,
        )
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise NotAnObject(message("not JSON")) from exc
    if not isinstance(value, dict):
        raise NotAnObject(message("not a JSON object"))
    return value


def integer(value: object, *path: str) -> int:
    """Return an integer."""
    found = _follow(value, path)
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    raise invalid(path, message("a whole number"))


def number(value: object, *path: str) -> float:
    """Return a finite number."""
    found = _follow(value, path)
    if isinstance(found, (int, float)) and abs(found) < float("inf"):
        return found
    raise invalid(path, message("a number"))


def text(value: object, *path: str) -> str:
    """Return a string."""
    found = _follow(value, path)
    if isinstance(found, str):
        return found
    raise invalid(path, message("a string"))


def mapping(value: object, *path: str) -> JsonObject:
    """Return an object."""
    found = _follow(value, path)
    if isinstance(found, dict):
        return found
    raise invalid(path, message("an object"))


def items(value: object, *path: str) -> list[Any]:
    """Return a list."""
    found = _follow(value, path)
    if isinstance(found, list):
        return found
    raise invalid(path, message("a list"))


def objects(value: object, *path: str) -> list[JsonObject]:
    """Return a list of objects."""
    found = items(value, *path)
    if all(isinstance(each, dict) for each in found):
        return found
    raise invalid(path, message("a list of objects"))


def _follow(value: object, path: tuple[str, ...]) -> object:
    for key in path:
        value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def invalid(path: tuple[str, ...], wanted: str) -> ServerProblem:
    """Return the error for a value that is not what is ``wanted``."""
    return ServerProblem(
        "The server returned an invalid response ({path} is not {wanted}). "
        "Check that it is an OpenSearch server.",
        path=".".join(path) or message("a value"),
        wanted=wanted,
    )

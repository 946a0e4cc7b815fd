"""Many questions to one open index: a line each, plain or a JSON object, answered in order.

A line that can't be read is answered by an error and never ends the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.query.parser import Query
from newsgrep.search.search import (
    SearchRequest,
    SearchResult,
    build_filters,
    search,
    with_filters,
)

MAX_LINE_BYTES: Final = 1_000_000
"""Bytes of a line: more than any query that is taken, escaped as JSON may be."""

Parse = Callable[..., Query]
"""What :func:`newsgrep.query.parser.parse` is, with what it needs to know of the index."""


class BatchLine(NamedTuple):
    """A line that asks something: its number, from 1, and its bytes without the line's end.

    ``too_long`` says that there was more of it, which was passed over.
    """

    number: int
    data: bytes
    too_long: bool = False


class BatchAnswer(NamedTuple):
    """What came of a line: a result, or what is wrong with it.

    ``given`` is the ``id`` that the line's object has, any JSON value, and ``has_id`` whether
    there is one; ``query`` is what was asked, as far as that could be read.
    """

    line: int
    given: Any
    has_id: bool
    query: str | None
    result: SearchResult | None
    error: UsageError | None


def read_lines(stream: BinaryIO) -> Iterator[BatchLine]:
    """Yield the lines of ``stream`` that ask something, each as soon as it is there.

    Empty ones and those that begin with ``#`` are passed over.
    """
    number = 0
    while data := stream.readline(MAX_LINE_BYTES):
        number += 1
        cut = not data.endswith(b"\n") and len(data) == MAX_LINE_BYTES
        while cut and (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        if number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")  # an editor's mark of UTF-8
        data = data.strip(b" \t\r\n")
        if cut or (data and not data.startswith(b"#")):
            yield BatchLine(number, data, cut)


def answer_line(engine: Engine, line: BatchLine, parse: Parse, usual: SearchRequest) -> BatchAnswer:
    """Return what ``engine`` says to ``line``; what it leaves open is as in ``usual``."""
    told: dict[str, Any] = {}
    query: str | None = None
    try:
        told = _line_options(line)
        query = _text(told, "query")
        if query is None:
            raise UsageError('The object has no "query": add one.')
        request = _request(told, query, parse, usual)
        result, error = search(engine, request), None
    except UsageError as exc:
        result, error = None, exc
    return BatchAnswer(line.number, told.get("id"), "id" in told, query, result, error)


def _line_options(line: BatchLine) -> dict[str, Any]:
    if line.too_long:
        raise UsageError(
            f"The line has more than {MAX_LINE_BYTES:,} bytes: ask in several queries."
        )
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise UsageError("The line is not UTF-8: save the file as UTF-8.") from exc
    if not text.startswith("{"):
        return {"query": text}
    try:
        told: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as exc:
        raise UsageError(
            f"The line begins with {{ and is no JSON object ({exc.msg}, character "
            f"{exc.pos + 1:,}): mend it, or write the query as an object's “query”."
        ) from exc
    except (ValueError, RecursionError) as exc:  # numbers of thousands of digits; nesting
        raise UsageError("The line's JSON can't be read: mend it.") from exc
    return told


def _request(told: dict[str, Any], text: str, parse: Parse, usual: SearchRequest) -> SearchRequest:
    if unknown := sorted(told.keys() - _KEYS):
        known = ", ".join(_KEYS)
        raise UsageError(f"There is no key “{unknown[0]}”: take one of {known}.")
    query = parse(text, any_word=_flag(told, "any"))
    narrowing = build_filters(
        _sources(told), _text(told, "since") or "", _text(told, "until") or ""
    )
    return usual._replace(
        query=with_filters(query, narrowing),
        order=_order(told, usual.order),
        limit=_count(told, "limit", usual.limit),
        offset=_count(told, "offset", 0),
        after=_text(told, "after") or "",
    )


_KEYS: Final = (
    *("id", "query", "any", "source", "since", "until"),
    *("sort", "limit", "offset", "after"),
)


def _text(told: dict[str, Any], key: str) -> str | None:
    value = told.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f'"{key}" is no string: put it in quotes.')
    return value


def _flag(told: dict[str, Any], key: str) -> bool:
    value = told.get(key)
    if value is not None and not isinstance(value, bool):
        raise UsageError(f'"{key}" is true or false: write one of them.')
    return bool(value)


def _count(told: dict[str, Any], key: str, usual: int) -> int:
    value = told.get(key)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f'"{key}" is no whole number from 0 on: write one, such as 10.')
    return value


def _sources(told: dict[str, Any]) -> tuple[str, ...]:
    value = told.get("source")
    if value is None:
        return ()
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names):
        raise UsageError('"source" is no string and no list of strings: write one of them.')
    return tuple(names)


def _order(told: dict[str, Any], usual: Order) -> Order:
    value = _text(told, "sort")
    if value is None:
        return usual
    try:
        return Order(value)
    except ValueError as exc:
        known = ", ".join(order.value for order in Order)
        raise UsageError(f"There is no order “{value}”: take one of {known}.") from exc

"""Many queries to one open index, one per line: plain text or JSON objects, in input order.

An invalid line is answered with an error and does not end the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from newsgrep.engines.base import Engine, Order
from newsgrep.errors import QueryError, UsageError
from newsgrep.query.ast import Versions
from newsgrep.query.parser import Query
from newsgrep.query.variants import Variants
from newsgrep.search.search import SearchRequest, SearchResult, search
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.hits import result_object

MAX_LINE_BYTES: Final = 1_000_000
"""Bytes of a line: more than the longest query, even if all of it is escaped in JSON."""

Build = Callable[..., Query]
"""The signature of :func:`newsgrep.search.search.build_query`; it may know the saved queries."""


class BatchLine(NamedTuple):
    """An input line with a query: its number, from 1, and its bytes without the line end.

    If ``too_long``, the rest of the line was skipped.
    """

    number: int
    data: bytes
    too_long: bool = False


class BatchAnswer(NamedTuple):
    """The answer to a line: a result or an error.

    ``id`` is the ``id`` of the line's object (any JSON value) and ``has_id`` whether it has
    one. ``query`` is the query text, or ``None`` if the line contains no readable one.
    """

    line: int
    id: Any
    has_id: bool
    query: str | None
    result: SearchResult | None
    error: UsageError | None


def read_lines(stream: BinaryIO) -> Iterator[BatchLine]:
    """Yield the lines of ``stream`` that contain a query, each as soon as it is read.

    Empty lines and lines that begin with ``#`` are skipped.
    """
    number = 0
    while data := stream.readline(MAX_LINE_BYTES):
        number += 1
        too_long = not data.endswith(b"\n") and len(data) == MAX_LINE_BYTES
        while too_long and (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        if number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")  # a byte order mark, as editors write it
        data = data.strip(b" \t\r\n")
        if too_long or (data and not data.startswith(b"#")):
            yield BatchLine(number, data, too_long)


def answer_line(
    engine: Engine, line: BatchLine, build: Build, defaults: SearchRequest
) -> BatchAnswer:
    """Return the answer to ``line``; options that it does not set are those of ``defaults``."""
    try:
        options = _read_options(line)
    except UsageError as exc:
        return BatchAnswer(line.number, None, False, None, None, exc)
    return answer_options(engine, line.number, options, build, defaults)


def answer_options(
    engine: Engine, number: int, options: dict[str, Any], build: Build, defaults: SearchRequest
) -> BatchAnswer:
    """Return the answer to the query and the options of line ``number``."""
    query: str | None = None
    result, error = None, None
    try:
        query = _read_text(options, "query")
        if query is None:
            raise UsageError('The object has no "query". Add one.')
        result = search(engine, _make_request(options, query, build, defaults))
    except UsageError as exc:
        error = exc
    return BatchAnswer(number, options.get("id"), "id" in options, query, result, error)


def to_json(answer: BatchAnswer, *, hits: bool = True) -> dict[str, Any]:
    """Return a complete answer, without hits if not ``hits``; see docs/batch.schema.json."""
    answered: dict[str, Any] = {"version": SCHEMA_VERSION, "line": answer.line}
    if answer.has_id:
        answered["id"] = answer.id
    if answer.result is not None:
        answered |= result_object(answer.result)
        if not hits:
            del answered["hits"]
        return answered
    # The error may be in another option, such as a date; then it has no position in the query.
    error, position = answer.error, None
    if isinstance(error, QueryError) and error.query == answer.query:
        position = error.position
    return {
        **answered,
        "query": answer.query,
        "error": {"message": str(error), "position": position},
    }


def _read_options(line: BatchLine) -> dict[str, Any]:
    if line.too_long:
        raise UsageError(
            "The line is longer than {max_line_bytes:,} bytes. Use several queries.",
            max_line_bytes=MAX_LINE_BYTES,
        )
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise UsageError("The line is not UTF-8. Save the file as UTF-8.") from exc
    if not text.startswith("{"):
        return {"query": text}
    try:
        options: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as exc:
        raise UsageError(
            "The line begins with {{ but is not a JSON object ({msg}, character "
            "{pos:,}). Fix it, or write the query as “query” of an object.",
            msg=exc.msg,
            pos=exc.pos + 1,
        ) from exc
    except (ValueError, RecursionError) as exc:  # numbers of thousands of digits; deep nesting
        raise UsageError("The line contains JSON that cannot be read. Fix it.") from exc
    return options


def _make_request(
    options: dict[str, Any], text: str, build: Build, defaults: SearchRequest
) -> SearchRequest:
    if unknown := sorted(options.keys() - _KEYS):
        raise UsageError(
            "Unknown key “{unknown}”. Use one of {keys}.", unknown=unknown[0], keys=", ".join(_KEYS)
        )
    query = build(
        text,
        any_word=_read_flag(options, "any"),
        everything=_read_flag(options, "everything"),
        versions=_read_versions(options),
        variants=_read_variants(options),
        sources=_read_sources(options),
        since=_read_text(options, "since") or "",
        until=_read_text(options, "until") or "",
    )
    return defaults._replace(
        query=query,
        order=_read_order(options, defaults.order),
        limit=_read_count(options, "limit", defaults.limit),
        offset=_read_count(options, "offset", 0),
        after=_read_text(options, "after") or "",
    )


_KEYS: Final = (
    *("id", "query", "any", "everything", "versions", "variants", "source", "since", "until"),
    *("sort", "limit", "offset", "after"),
)


def _read_text(options: dict[str, Any], key: str) -> str | None:
    value = options.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError('"{key}" must be a string. Put it in quotes.', key=key)
    return value


def _read_flag(options: dict[str, Any], key: str) -> bool:
    value = options.get(key)
    if value is not None and not isinstance(value, bool):
        raise UsageError('"{key}" must be true or false.', key=key)
    return bool(value)


def _read_count(options: dict[str, Any], key: str, default: int) -> int:
    value = options.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError('"{key}" must be a non-negative integer, such as 10.', key=key)
    return value


def _read_sources(options: dict[str, Any]) -> tuple[str, ...]:
    value = options.get("source")
    if value is None:
        return ()
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names):
        raise UsageError('"source" must be a string or a list of strings.')
    return tuple(names)


def _read_versions(options: dict[str, Any]) -> Versions:
    value = _read_text(options, "versions")
    try:
        return Versions(value or Versions.NEWEST)
    except ValueError as exc:
        known = ", ".join(Versions)
        raise UsageError(
            "Unknown versions “{value}”. Use one of {known}.", value=value, known=known
        ) from exc


def _read_variants(options: dict[str, Any]) -> Variants:
    value = options.get("variants")
    if value is None or isinstance(value, bool):
        return Variants.WORDS if value else Variants.OFF
    try:
        return Variants(value)
    except ValueError as exc:
        known = ", ".join(Variants)
        raise UsageError('"variants" must be true, false or one of {known}.', known=known) from exc


def _read_order(options: dict[str, Any], default: Order) -> Order:
    value = _read_text(options, "sort")
    if value is None:
        return default
    try:
        return Order(value)
    except ValueError as exc:
        known = ", ".join(order.value for order in Order)
        raise UsageError(
            "Unknown sort order “{value}”. Use one of {known}.", value=value, known=known
        ) from exc

"""JSON: an array of objects, an object with arrays of them, columns, or objects in a row.

The elements are found by their brackets, so that a file of any size is read in pieces; each
element is parsed by itself. JSON whose bytes are not UTF-8 is read whole.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats.field_names import (
    field_named,
    has_text,
    has_title,
    is_known_name,
)
from newsgrep.extraction.records.base import (
    HEAD_BYTES,
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
    bytes_source,
    pack_fields,
)
from newsgrep.messages import message

_CHUNK_BYTES: Final = 1 << 20
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|"', re.DOTALL)
"""A whole string, a bracket, or the beginning of a string whose end is not in the piece."""
_OPENING: Final = (b"{", b"[")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def recognises(head: bytes) -> bool:
    """Return whether ``head`` begins like a JSON object or an array of values."""
    begins = head.removeprefix(_BYTE_ORDER_MARK).lstrip()[:200]
    return re.match(rb'\{\s*"|\[\s*(?:[\[{"\]]|-?[0-9])', begins) is not None


def read(source: Source, options: ReadOptions) -> Records:
    """Yield a record for each object; the locator is its number, none for a file of one object."""
    if not _is_utf8(source.head()):
        with source.open_stream() as stream:
            data = stream.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            raise NoArticle("more than 64M of JSON that is not UTF-8: convert it to UTF-8")
        source = bytes_source(source.name, decode(data).text.encode("utf-8", "replace"))
    if source.size is None or source.size > MAX_RECORD_BYTES:
        yield from _stream(source)
        return
    with source.open_stream() as stream:
        data = stream.read().removeprefix(_BYTE_ORDER_MARK)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        yield from _stream(source)
        return
    yield from _records_of(value, data, options)


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _records_of(value: Any, data: bytes, options: ReadOptions) -> Records:
    """Yield the records of a file that is one JSON value in memory."""
    if isinstance(value, dict):
        names = options.fields
        elements = [] if has_text(value, names) else _elements_of(value)
        if elements and has_title(value, names):  # of the list, or of an article without a text
            elements = elements if any(_may_be_article(each, names) for each in elements) else []
        if not elements:
            if _only_describes(value, names):
                yield BadRecord("", _NO_TEXT)
            else:
                yield Record("", data, "fields")
            return
    elif isinstance(value, list):
        elements = _with_header(value)
    else:
        raise NoArticle("JSON without an object")
    for number, element in enumerate(elements, 1):
        if isinstance(element, dict):
            yield Record(f"#{number}", pack_fields(element), "fields")
        else:
            reason = (
                message("a list of values without names")
                if isinstance(element, list)
                else _NO_OBJECT
            )
            yield BadRecord(f"#{number}", reason)


def _may_be_article(value: Any, names: Mapping[str, str]) -> bool:
    return isinstance(value, dict) and (has_text(value, names) or has_title(value, names))


def _only_describes(value: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Return whether an object has a title or a summary but no text.

    Programs write such a file next to the page or the text that it describes.
    """
    fields = {field_named(key, names) for key, each in value.items() if each}
    return bool(fields & {"title", "summary"}) and not has_text(value, names)


_NO_TEXT: Final = message(
    "it describes an article and does not have its text; if it does, name it: --map body=FIELD"
)
_NO_OBJECT: Final = message("not a JSON object")


def _with_header(rows: list[Any]) -> list[Any]:
    """Return rows as objects if the first one has names of fields, otherwise unchanged."""
    header = rows[0] if rows else None
    if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
        return rows
    if sum(map(is_known_name, header)) < 2:
        return rows
    return _named(header, rows[1:])


def _named(names: list[str], rows: list[Any]) -> list[Any]:
    return [dict(zip(names, row, strict=False)) if isinstance(row, list) else row for row in rows]


def _elements_of(value: dict[str, Any]) -> list[Any]:
    """Return the objects in the arrays of an object, or the rows if its values are columns."""
    names, rows = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(rows, list) and set(map(type, names)) == {str}:
        return _named(names, rows)  # pandas: {"columns": […], "index": […], "data": [[…], …]}
    found: list[Any] = []
    columns: dict[str, Any] = {}
    for key, each in value.items():
        if isinstance(each, list) and each:
            if isinstance(each[0], dict):
                found += each
            else:
                columns[key] = each
        elif isinstance(each, dict):
            columns[key] = each
    if found or len(columns) < 2:
        # An object by address or id: {"https://…": {…}, …}
        objects = [each for each in value.values() if isinstance(each, dict)]
        return found or (objects if len(objects) == len(value) else [])
    if all(isinstance(each, list) for each in columns.values()):
        rows = zip(*columns.values(), strict=False)
        return [dict(zip(columns, row, strict=True)) for row in rows]
    if all(isinstance(each, dict) for each in columns.values()):
        rows_by_index = [each for each in columns.values() if any(map(_is_scalar, each.values()))]
        keys = dict.fromkeys(key for each in rows_by_index for key in each)
        if keys and all(key.isdecimal() for key in keys):  # pandas: {"title": {"0": …}, …}
            return [{name: column.get(key) for name, column in columns.items()} for key in keys]
        return list(columns.values())
    return []


def _is_scalar(value: object) -> bool:
    return not isinstance(value, dict | list)


def _stream(source: Source) -> Records:
    """Yield the objects of a long file, or of one that is not one valid value."""
    with source.open_stream() as stream:
        first = stream.read(MAX_RECORD_BYTES)
        splitter = Splitter(inside=_is_one_object(first))
        yield from splitter.feed(first)
        del first
        while chunk := stream.read(_CHUNK_BYTES):
            yield from splitter.feed(chunk)
        if splitter.is_open:
            yield BadRecord(
                f"#{splitter.number + 1}", message("the file ends in the middle of a value")
            )


def _is_one_object(first: bytes) -> bool:
    """Return whether a file begins with an object that does not end in ``first``."""
    if len(first) < MAX_RECORD_BYTES or not first[:HEAD_BYTES].lstrip().startswith(b"{"):
        return False
    return not any(Splitter(inside=False).feed(first))


class Splitter:
    """Finds objects by their brackets, in a file that is fed in pieces.

    They are the outermost objects; with ``inside``, those inside the arrays of one object.
    """

    def __init__(self, *, inside: bool) -> None:
        self.number = 0
        """How many objects were found."""

        self._least_depth = 2 if inside else 0
        self._buffer = b""
        self._at = 0  # what is before this position of the buffer is read
        self._depth = 0
        self._start: int | None = None  # of the object in the buffer
        self._start_depth = 0
        self._is_too_long = False

    @property
    def is_open(self) -> bool:
        """Whether a bracket is open."""
        return self._depth > 0

    def feed(self, piece: bytes) -> Records:
        """Yield the records that end in ``piece``, which continues the file."""
        self._buffer += piece
        at = self._at
        for token in _TOKEN.finditer(self._buffer, at):
            sign = token[0]
            if sign == b'"':  # of a string that ends in the next piece
                at = token.start()
                break
            at = token.end()
            if sign in _OPENING:
                if sign == b"{" and self._start is None and self._depth >= self._least_depth:
                    self._start, self._start_depth = token.start(), self._depth
                self._depth += 1
            elif len(sign) == 1 and self._depth:
                self._depth -= 1
                if self._start is not None and self._depth == self._start_depth:
                    self.number += 1
                    yield self._record(self._buffer[self._start : at])
                    self._start, self._is_too_long = None, False
        else:
            at = len(self._buffer)
        self._forget(at)

    def _record(self, data: bytes) -> Record | BadRecord:
        locator = f"#{self.number}"
        if self._is_too_long:
            return BadRecord(locator, message("an object of more than 64M"))
        return Record(locator, data, "fields")

    def _forget(self, at: int) -> None:
        """Drop what is read from the buffer, also the beginning of an object that is too long."""
        keep = at if self._start is None or self._is_too_long else self._start
        if len(self._buffer) - keep > MAX_RECORD_BYTES:
            self._is_too_long = self._start is not None
            # A string may also have no end.
            keep = at if len(self._buffer) - at <= MAX_RECORD_BYTES else len(self._buffer)
        self._buffer, self._at = self._buffer[keep:], max(at - keep, 0)
        if self._start is not None:
            self._start = max(self._start - keep, 0)


FORMAT = RecordFormat("json", read, recognises)

"""The rows of an SQLite database that are articles: tables are chosen by their columns."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats.field_names import field_named
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    Records,
    pack_fields,
)
from newsgrep.messages import Message, message

_MAX_LISTED: Final = 8
"""Tables that an error lists, and columns of each."""
_MAX_BAD_ROWS: Final = 1000
"""Unreadable rows of a table after which it is not read further."""
_ROW_ID_NAMES: Final = ("rowid", "_rowid_", "oid")
_TOO_LARGE: Final = message("a row of more than 64M")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, its columns, and the name of its row number, which a table may lack."""

    name: str
    columns: tuple[str, ...]
    row_id: str | None

    @property
    def quoted(self) -> str:
        return _quote(self.name)


def read_tables(
    connection: sqlite3.Connection, options: ReadOptions, size: int, damage: str
) -> Records:
    """Yield the rows of all tables with articles; ``size`` is that of the database in bytes.

    ``damage`` says what is missing from the file, if it is truncated.

    The locator is ``#12``, the row's number, or ``#news/12`` if several tables have articles.
    """
    tables = _tables(connection)
    chosen = _choose(tables, options)
    if not chosen:
        raise NoArticle(
            "no table has a title and a text; name the columns with --map title=COLUMN,body=COLUMN "
            "or use --sql QUERY. Tables: {tables}",
            tables=_list(tables),
        )
    options.report.others.update(f"table {each.name}" for each in tables if each not in chosen)
    for table in chosen:
        prefix = f"#{table.name}/" if len(chosen) > 1 else "#"
        if table.row_id:
            yield from _RowReader(connection, table, prefix, damage).rows()
        else:
            names = ", ".join(map(_quote, table.columns))
            rows = connection.execute(f"SELECT {names} FROM {table.quoted}")  # noqa: S608  (quoted)
            yield from _numbered(rows, table.columns, prefix, size)


def _list(tables: Sequence[_Table]) -> str:
    """Return the names of tables and of their columns, for people."""
    listed = (f"{each.name} ({', '.join(each.columns[:_MAX_LISTED])})" for each in tables)
    return "; ".join(list(listed)[:_MAX_LISTED]) or "none"


def read_query(
    connection: sqlite3.Connection, options: ReadOptions, _size: int, _damage: str
) -> Records:
    """Yield the rows of the user's query, which may only read; the locator is their number."""
    tables = _list(_tables(connection))
    connection.set_authorizer(_authorize)
    try:
        rows = connection.execute(options.query or "")
    except (sqlite3.Error, sqlite3.Warning) as exc:
        raise NoArticle(
            "--sql: {reason}. Use one SELECT statement. Tables: {tables}", reason=exc, tables=tables
        ) from exc
    if rows.description is None:
        raise NoArticle(
            "--sql: no columns. Use one SELECT statement. Tables: {tables}", tables=tables
        )
    yield from _numbered(rows, [name for name, *_ in rows.description], "#", None)


_ALLOWED: Final = frozenset(
    (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
)
_OF_VIRTUAL_TABLES: Final = frozenset(
    (
        (sqlite3.SQLITE_PRAGMA, "data_version"),
        (sqlite3.SQLITE_PRAGMA, "page_size"),
        (sqlite3.SQLITE_UPDATE, "sqlite_master"),
    )
)
"""What virtual tables (FTS5, json_each) do when they are opened; nothing is written."""


def _authorize(action: int, first: str | None, *_others: str | None) -> int:
    is_allowed = action in _ALLOWED or (action, first) in _OF_VIRTUAL_TABLES
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


_VIRTUAL: Final = re.compile(r"\s*CREATE\s+VIRTUAL\b", re.IGNORECASE)


def _tables(connection: sqlite3.Connection) -> list[_Table]:
    """Return the tables that store rows themselves, in the order of their names."""
    found = {
        _text(name): _text(sql or b"")
        for name, sql in connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type='table'"
        )
    }
    virtual = {name for name, sql in found.items() if _VIRTUAL.match(sql)}
    # A full-text index has its data in tables whose names begin with its own.
    inner = tuple(f"{name}_" for name in virtual)
    names = [
        name for name in found if name not in virtual and not name.startswith(("sqlite_", *inner))
    ]
    return [_table(connection, name) for name in sorted(names)]


def _table(connection: sqlite3.Connection, name: str) -> _Table:
    info = connection.execute(f"PRAGMA table_xinfo({_quote(name)})").fetchall()
    # Columns with another number are computed, by an expression of the database.
    columns = tuple(_text(column) for _, column, *_, hidden in info if not hidden)
    taken = {column.lower() for column in columns}
    for row_id in _ROW_ID_NAMES:
        if row_id not in taken:
            with suppress(sqlite3.OperationalError):  # it has none
                connection.execute(f"SELECT {row_id} FROM {_quote(name)} LIMIT 0")  # noqa: S608
                return _Table(name, columns, row_id)
            break
    return _Table(name, columns, None)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _choose(tables: Sequence[_Table], options: ReadOptions) -> list[_Table]:
    """Return the tables that have articles: the best that there are.

    Those with title and text are better than those with text and an address or a date; tables with
    only summaries are the last choice. The name of a person is not a title.
    """
    ranked: dict[int, list[_Table]] = {}
    for table in tables:
        fields = {
            field
            for column in table.columns
            if (field := field_named(column, options.fields)) and column.lower() != "name"
        }
        if {"title", "body"} <= fields:
            ranked.setdefault(0, []).append(table)
        elif "body" in fields and fields & {"url", "published"}:
            ranked.setdefault(1, []).append(table)
        elif {"title", "summary"} <= fields or ("body" in fields and "body" in options.fields):
            ranked.setdefault(2, []).append(table)
    return ranked[min(ranked)] if ranked else []


class _RowReader:
    """Reads a table in the order of its row numbers, also past rows that cannot be read."""

    def __init__(
        self, connection: sqlite3.Connection, table: _Table, prefix: str, damage: str
    ) -> None:
        self._connection = connection
        self._table = table
        self._prefix = prefix
        self._damage = damage
        self._id = f"{table.quoted}.{table.row_id}"
        self._last: int | None = None  # the number of the row that was read last

    def rows(self) -> Records:
        """Yield a record for each row, and what is damaged."""
        bad = 0
        while True:
            try:
                for number, record in self._part("ASC"):
                    if self._last is not None and number <= self._last:
                        raise sqlite3.DatabaseError(message("its rows are not in order"))
                    self._last = number
                    yield record
                return  # noqa: TRY300
            except sqlite3.DataError:
                reason = _TOO_LARGE
            except sqlite3.DatabaseError as exc:
                reason = message("damaged ({reason})", reason=exc)
            bad += 1
            number_or_none = self._next_number()
            if number_or_none is None or bad > _MAX_BAD_ROWS:
                yield from self._from_the_end(reason)
                return
            self._last = number_or_none
            yield BadRecord(f"{self._prefix}{number_or_none}", reason)

    def _part(self, order: str, until: int | None = None) -> Iterator[tuple[int, Record]]:
        table = self._table
        names = ", ".join(f"{table.quoted}.{_quote(name)}" for name in table.columns)
        after = self._last if until is None else until
        where = "" if after is None else f" WHERE {self._id} > {after:d}"
        rows = self._connection.execute(
            f"SELECT {self._id}, {names} FROM {table.quoted}{where} ORDER BY {self._id} {order}"  # noqa: S608
        )
        for number, *values in rows:
            data = _row_data(table.columns, values)
            yield number, Record(f"{self._prefix}{number}", data, "fields", has_key=True)

    def _next_number(self) -> int | None:
        """Return the number of the next row, None if that cannot be read either."""
        where = "" if self._last is None else f" WHERE {self._id} > {self._last:d}"
        with suppress(sqlite3.DatabaseError):
            query = f"SELECT min({self._id}) FROM {self._table.quoted}{where}"  # noqa: S608
            number: int | None = self._connection.execute(query).fetchone()[0]
            # In a damaged table a search may end anywhere.
            if number is not None and (self._last is None or number > self._last):
                return number
        return None

    def _from_the_end(self, reason: str) -> Records:
        """Yield the rows behind the damage, the last one first, and say what is between."""
        first, limit = self._last, None
        with suppress(sqlite3.DatabaseError):
            for number, record in self._part("DESC", first):
                if limit is not None and number >= limit:
                    break
                limit = number
                yield record
        place = _describe_place(first, limit)
        at = 0 if first is None else first
        lost = message("those after it are lost")
        if limit is not None:
            lost = message("{count:,} rows at most are lost", count=limit - at - 1)
        yield BadRecord(
            f"{self._prefix}{at + 1}",
            message(
                "table {name} is {reason} {place}: {lost}{damage}",
                name=self._table.name,
                reason=reason,
                place=place,
                lost=lost,
                damage=self._damage,
            ),
        )


def _describe_place(first: int | None, limit: int | None) -> Message:
    """Return between which rows a table is damaged; ``None`` is its begin or its end."""
    if first is None:
        return message("at its first row")
    if limit is None:
        return message("after row {first}", first=first)
    return message("after row {first} and before row {limit}", first=first, limit=limit)


def _numbered(
    rows: Iterable[Sequence[Any]], columns: Sequence[str], prefix: str, limit: int | None
) -> Records:
    """Yield rows that have no number of their own; more than ``limit`` are damage."""
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            if limit is not None and number > limit:
                raise sqlite3.DatabaseError(message("more rows than bytes"))
            yield Record(f"{prefix}{number}", _row_data(columns, row), "fields")
    except sqlite3.DataError:
        yield BadRecord(
            f"{prefix}{number + 1}",
            message("{too_large}: those after it are not read", too_large=_TOO_LARGE),
        )
    except sqlite3.DatabaseError as exc:
        yield BadRecord(
            f"{prefix}{number + 1}",
            message("damaged after row {count} ({reason})", count=number, reason=exc),
        )


def _row_data(columns: Sequence[str], values: Sequence[Any]) -> bytes:
    fields: dict[str, Any] = {}
    for column, value in zip(columns, values, strict=True):
        # A join may return two columns of a name.
        fields.setdefault(column, _text(value) if isinstance(value, bytes) else value)
    return pack_fields(fields)


_COMPRESSED: Final = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def _text(value: bytes) -> str:
    """Return a text or the text in a BLOB, also compressed by zlib or gzip; empty if binary."""
    if value.startswith(_COMPRESSED):
        with suppress(zlib.error):
            value = zlib.decompressobj(47).decompress(value, MAX_RECORD_BYTES)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return decode(value).text
    except NoArticle:
        return ""

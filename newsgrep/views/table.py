"""Tables: the base of results that are lists, and CSV.

Spreadsheets run a cell that begins with ``=`` as a formula, and articles and file names are
hostile. :func:`csv_lines` neutralises them unless the form is ``raw``.
"""

from __future__ import annotations

import csv
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from newsgrep.errors import UsageError
from newsgrep.terminal import (
    count_noun,
    one_line,
    path_bytes,
    quote_path,
    replace_invisible,
    truncate,
)
from newsgrep.views import CsvForm, FilePath

if TYPE_CHECKING:
    import pandas
    import pyarrow


Item = TypeVar("Item", covariant=True)


class Table(ABC, Generic[Item]):
    """A result that is a sequence of its items, with a row for each.

    Subclasses are frozen dataclasses without a ``repr`` of their own, which would contain whole
    articles. An empty result is false.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def items(self) -> Sequence[Item]:
        """The items, in their order."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the result as the JSON object that ``--json`` prints."""

    @abstractmethod
    def rows(self) -> Iterator[Sequence[object]]:
        """Yield the names of the columns, and then rows of cells, as ``--csv`` prints them."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: int) -> Item:
        return self.items[at]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {count_noun(len(self), 'item')}>"

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a data frame; days are timestamps, and missing cells are missing.

        Raises :class:`UsageError` if pandas is not installed.
        """
        library = _import("pandas", "pandas")
        columns = {}
        for name, cells in self._columns().items():
            known = [cell for cell in cells if cell is not None]
            kind = None
            if len(known) < len(cells) and known and all(type(cell) is int for cell in known):
                kind = "Int64"  # the only integers of pandas that may be missing
            series = library.Series(cells, dtype=kind)
            is_day = bool(known) and all(isinstance(cell, date) for cell in known)
            columns[name] = library.to_datetime(series) if is_day else series
        frame: pandas.DataFrame = library.DataFrame(columns)
        return frame

    def to_arrow(self) -> pyarrow.Table:
        """Return the rows as an Arrow table; missing cells are null.

        Raises :class:`UsageError` if pyarrow is not installed.
        """
        library = _import("pyarrow", "arrow")
        table: pyarrow.Table = library.table(self._columns())
        return table

    def _columns(self) -> dict[str, list[object]]:
        """Return the cells of each column, with ``None`` where a cell of CSV is empty."""
        rows = self.rows()
        names = [str(name) for name in next(rows)]
        columns: dict[str, list[object]] = {name: [] for name in names}
        for row in rows:
            for name, cell in zip(names, row, strict=True):
                columns[name].append(_plain(cell))
        return columns


def _plain(cell: object) -> object:
    """Return a cell of CSV as a value: no empty string, and no bytes that are not UTF-8."""
    if cell == "":
        return None
    return path_bytes(cell).decode("utf-8", "replace") if isinstance(cell, FilePath) else cell


def _import(package: str, extra: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as exc:
        if exc.name != package:
            raise
        raise UsageError(
            '{package} is not installed. Install it: pip install "newsgrep[{extra}]"',
            package=package,
            extra=extra,
        ) from exc


_FORMULA: Final = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
"""Begins a cell that a spreadsheet evaluates. Full-width signs count in East Asian locales."""

_BYTE_ORDER_MARK: Final = "\ufeff"
_END: Final = "\r\n"
"""Ends each record while it is formatted, so that cells with either character are quoted."""


def csv_lines(rows: Iterable[Sequence[object]], form: CsvForm) -> Iterator[str]:
    """Yield each of ``rows`` as a record, without the line feed that ends it.

    With ``EXCEL`` the first record begins with a byte order mark, without which Excel does not
    read UTF-8, and each ends with a carriage return, as in RFC 4180.
    """
    convert = _raw_cell if form is CsvForm.RAW else safe_cell
    end = "\r" if form is CsvForm.EXCEL else ""
    begin = _BYTE_ORDER_MARK if form is CsvForm.EXCEL else ""
    record = io.StringIO()
    writer = csv.writer(record, lineterminator=_END)
    for row in rows:
        writer.writerow([convert(cell) for cell in row])
        yield begin + record.getvalue().removesuffix(_END) + end
        record.seek(0)
        record.truncate()
        begin = ""


def choose_columns(rows: Iterable[Sequence[object]], columns: str) -> Iterator[Sequence[object]]:
    """Yield ``rows`` with the ``columns`` that are named in it, separated by commas.

    Raises :class:`UsageError` for a name that is not in the first row.
    """
    each = iter(rows)
    header = list(map(str, next(each)))
    names = column_names(columns, header)
    chosen = [header.index(name) for name in names]
    yield names
    for row in each:
        yield [row[at] for at in chosen]


def column_names(text: str, known: Collection[str]) -> list[str]:
    """Return the names in ``text``, separated by commas.

    Raises :class:`UsageError` for a name that is not among the ``known``.
    """
    names = [name for part in text.split(",") if (name := part.strip().lower())]
    listed = ", ".join(known)
    if not names:
        raise UsageError("--columns is empty. Choose from {known}.", known=listed)
    for name in names:
        if name not in known:
            shown = truncate(one_line(name), 40)
            raise UsageError(
                "Unknown column “{shown}”. Choose from {known}.", shown=shown, known=listed
            )
    return names


def safe_cell(cell: object) -> object:
    r"""Return ``cell`` without effect on a spreadsheet or a terminal; numbers stay numbers.

    Control, direction and zero-width characters except tabs and newlines become U+FFFD. A text
    that a spreadsheet would evaluate begins with an apostrophe. Paths are printed as by
    :func:`~newsgrep.terminal.quote_path`.

    >>> safe_cell("=1+1"), safe_cell("雾\u200b港"), safe_cell(-1.5)
    ("'=1+1", '雾�港', -1.5)
    """
    if not isinstance(cell, str):
        return cell
    if isinstance(cell, FilePath):
        return quote_path(cell)
    cell = replace_invisible(cell)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _raw_cell(cell: object) -> object:
    return path_bytes(cell).decode("utf-8", "replace") if isinstance(cell, FilePath) else cell

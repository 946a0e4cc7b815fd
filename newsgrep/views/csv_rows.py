"""CSV as ``--csv`` prints it: safe to open in a spreadsheet, or unchanged.

Spreadsheets run a cell that begins with ``=`` as a formula, and articles and file names are
hostile. :func:`csv_lines` neutralises them unless the form is ``raw``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from newsgrep.errors import UsageError
from newsgrep.terminal import one_line, path_bytes, quote_path, replace_invisible, truncate
from newsgrep.views import CsvForm, FilePath

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
    names = [name for part in columns.split(",") if (name := part.strip().lower())]
    each = iter(rows)
    header = list(map(str, next(each)))
    known = ", ".join(header)
    if not names:
        raise UsageError("--columns is empty. Choose from {known}.", known=known)
    for name in names:
        if name not in header:
            shown = truncate(one_line(name), 40)
            raise UsageError(
                "Unknown column “{shown}”. Choose from {known}.", shown=shown, known=known
            )
    chosen = [header.index(name) for name in names]
    yield names
    for row in each:
        yield [row[at] for at in chosen]


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

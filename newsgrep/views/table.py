"""The base of results that are lists: iteration, JSON, and tables of pandas and Arrow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from newsgrep.errors import UsageError
from newsgrep.terminal import count_noun, path_bytes
from newsgrep.views import FilePath

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

"""Views: each module computes one kind of result and returns it in every output format.

A view module has a function that returns a frozen value, and beside it the forms of that value:

* ``to_text(value, screen)`` yields :class:`~newsgrep.terminal.StyledLine` for people.
* ``to_json(value)`` returns one complete JSON object, as docs/JSON.md describes it.
* ``to_jsonl(value)`` yields one complete JSON object for each item.
* ``to_csv(value)`` yields rows, the header first. A path in them is a :class:`FilePath`, which
  CSV prints quoted where needed.

A module has the forms that its command offers. The values of :mod:`newsgrep.views.hits` and
:mod:`newsgrep.views.article` come from elsewhere; these modules have only forms.
:mod:`newsgrep.views.table` writes the rows of all of them.
"""

from __future__ import annotations

from enum import StrEnum

from newsgrep.models import SCHEMA_VERSION as SCHEMA_VERSION


class FilePath(str):
    """The path of a file in a row of CSV; its undecodable bytes are lone surrogates."""

    __slots__ = ()


class CsvForm(StrEnum):
    """What ``--csv`` does with cells that a spreadsheet or a terminal could act on.

    ``SAFE`` neutralises them, ``EXCEL`` likewise with a byte order mark, ``RAW`` leaves them.
    """

    SAFE = "safe"
    EXCEL = "excel"
    RAW = "raw"

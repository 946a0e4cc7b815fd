"""File formats, by file name suffix; a format's module is loaded for its first file.

To add a format, add a module with a ``FORMAT`` of type
:class:`~newsgrep.extraction.formats.base.Format` to this package, and a line to ``_SUFFIXES``.
"""

from __future__ import annotations

import os
import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from newsgrep.extraction.formats.base import Format


_SUFFIXES: Final = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
    "text": (".txt",),
}
FIELDS_FORMAT: Final = "fields"
"""The format of one record of a dump; no file has it."""
ENTRY_FORMAT: Final = "entry"
"""The format of one entry of a feed, whose fields have newsgrep's own names."""
DOCUMENT_FORMAT: Final = "document"
"""The format of what a reader took out of a mail, a PDF or the file of a word processor."""
RECORD_FORMATS: Final = (FIELDS_FORMAT, ENTRY_FORMAT, DOCUMENT_FORMAT)
"""The formats of records that are JSON objects."""

_MODULES: Final = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}


@cache
def suffixes() -> frozenset[str]:
    """Return the file name suffixes that newsgrep reads, in lower case with their dot."""
    return frozenset(_MODULES)


PAGE_SUFFIXES: Final = frozenset(
    (".shtml", ".xhtml", ".php", ".aspx", ".asp", ".jsp", ".jhtml", ".phtml", ".do", ".cfm", "")
)
"""Suffixes of pages that servers generate, and none: HTML if the content says so."""
_PAGE_BEGINNING: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?>(?><\?xml[^>]{0,200}>|<!--.{0,2000}?-->)\s*+)*+"
    rb"<(?:!doctype\s+html|html|head|meta|body|title)\b",
    re.IGNORECASE | re.DOTALL,
)
_QUERY: Final = re.compile(r"[?#].*", re.DOTALL)
_COPY: Final = re.compile(r"\.[0-9]{1,4}")


def name_of_format(name: str, head: bytes) -> str | None:
    """Return the document format of a file by its name, or by ``head``, its first bytes.

    What wget adds to a name is ignored: a query string, as in ``article.html?id=5``, and a number,
    as in ``index.html.1``. Returns None if the file is none of the formats.
    """
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name may contain any byte
    if suffix in _MODULES:
        return _MODULES[suffix]
    suffix = plain_suffix(name)
    if suffix in _MODULES:
        return _MODULES[suffix]
    is_page = suffix in PAGE_SUFFIXES and _PAGE_BEGINNING.match(head) is not None
    return "html" if is_page else None


def plain_suffix(name: str) -> str:
    """Return the suffix of a file name without what wget adds, in lower case with its dot.

    >>> plain_suffix("article.html?id=5"), plain_suffix("index.HTML.1"), plain_suffix("part.1")
    ('.html', '.html', '.1')
    """
    stem = _QUERY.sub("", os.path.basename(name))  # noqa: PTH119 - a name may contain any byte
    stem, suffix = os.path.splitext(stem)  # noqa: PTH122 - as above
    if _COPY.fullmatch(suffix):
        before = os.path.splitext(stem)[1].lower()  # noqa: PTH122 - as above
        return before if before in _MODULES or before in PAGE_SUFFIXES - {""} else suffix
    return suffix.lower()


def format_named(name: str) -> Format:
    """Return the format ``name``: one of :func:`format_names` or :data:`RECORD_FORMATS`."""
    return _load(name)


def format_names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(_SUFFIXES)


@cache
def _load(name: str) -> Format:
    return cast("Format", import_module(f"{__name__}.{name}").FORMAT)

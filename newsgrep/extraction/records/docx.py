"""Documents of Word (.docx): paragraphs, headings, tables and footnotes, and the metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from newsgrep.errors import NoArticle
from newsgrep.extraction.formats import DOCUMENT_FORMAT
from newsgrep.extraction.records.base import (
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
    is_stated,
)
from newsgrep.messages import message

_BODY: Final = "word/document.xml"
_WHAT: Final = message("a Word document")
_NAME_AT: Final = 30
"""Offset of the name of the first member of a ZIP archive."""
_FIRST_MEMBERS: Final = (b"[Content_Types].xml", b"_rels/", b"word/", b"docProps/", b"customXml/")


def recognises(head: bytes) -> bool:
    """Return whether a file begins like a Word document, by the names of its first members."""
    if not head.startswith(b"PK\x03\x04") or not head.startswith(_FIRST_MEMBERS, _NAME_AT):
        return False  # an archive that contains a document is another format
    return b"word/" in head


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (there are no fields)
    """Yield the document."""
    # Loads a parser for XML, which other files do not need.
    from newsgrep.extraction.records.packages import open_package, parse_xml

    notes: list[str] = []
    with open_package(source, _WHAT) as package:
        styles = _style_names(package.read(_STYLES)) if _STYLES in package else {}
        body = _Paragraphs(styles)
        if not parse_xml(package.read(_BODY), body):
            notes.append(message("the document is damaged: text at its end is missing"))
        if _FOOTNOTES in package:
            parse_xml(package.read(_FOOTNOTES), body)
        fields = _metadata(package.read(_CORE)) if _CORE in package else {}
    if not body.found:
        raise NoArticle("{what} without text", what=_WHAT)
    if body.title and "title" not in fields:
        fields["title"] = body.title
    fields["text"] = "\n\n".join(body.found)
    data = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    yield Record("", data, DOCUMENT_FORMAT, source.name, notes=tuple(notes))


_STYLES: Final = "word/styles.xml"
_FOOTNOTES: Final = "word/footnotes.xml"
_CORE: Final = "docProps/core.xml"


def _style_names(data: bytes) -> dict[str, str]:
    """Return the names of styles, which are English in every language, by their identifiers."""
    from newsgrep.extraction.records.packages import collect

    names: dict[str, str] = {}
    style = ""
    for tag, attributes, _ in collect(data):
        if tag == "style":
            style = attributes.get("styleId", "")
        elif tag == "name" and style:
            names.setdefault(style, attributes.get("val", "").lower())
    return names


_KEYS: Final[Mapping[str, str]] = {
    "title": "title",
    "creator": "author",
    "created": "created",
    "keywords": "keywords",
}


def _metadata(data: bytes) -> dict[str, str]:
    from newsgrep.extraction.records.packages import collect

    found: dict[str, str] = {}
    for tag, _, text in collect(data):
        if (key := _KEYS.get(tag)) and is_stated(text):
            found[key] = text
    return found


_HEADING = re.compile(r"(?:heading|标题) ?([1-9])")
_SKIPPED: Final = frozenset(("mc:Fallback", "w:rt", "w:del", "w:moveFrom"))
"""Elements that show no text, or the same again."""


class _Paragraphs:
    """Collects the paragraphs of a document; those in text boxes come before those around."""

    def __init__(self, styles: Mapping[str, str]) -> None:
        self.found: list[str] = []
        self.title = ""
        self._styles = styles
        self._open: list[tuple[list[str], list[str]]] = []  # text and style of each paragraph
        self._in_text = False
        self._skipped = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if tag in _SKIPPED or self._skipped:
            self._skipped += 1
        elif tag == "w:p":
            self._open.append(([], []))
        elif self._open:
            texts, style = self._open[-1]
            if tag == "w:t":
                self._in_text = True
            elif tag == "w:tab":
                texts.append("\t")
            elif tag in ("w:br", "w:cr"):
                texts.append("\n")
            elif tag == "w:noBreakHyphen":
                texts.append("-")
            elif tag == "w:pStyle":
                style.append(attributes.get("w:val", ""))

    def end(self, tag: str) -> None:
        """End an element."""
        if self._skipped:
            self._skipped -= 1
        elif tag == "w:t":
            self._in_text = False
        elif tag == "w:p" and self._open:
            texts, style = self._open.pop()
            self._add("".join(texts).strip(), style[0] if style else "")

    def text(self, text: str) -> None:
        """Add text."""
        if self._in_text and self._open and not self._skipped:
            self._open[-1][0].append(text)

    def _add(self, text: str, style: str) -> None:
        name = self._styles.get(style, style.lower())
        if not text:
            return
        if name == "title" and not self.title and "\n" not in text:
            self.title = text
        elif (heading := _HEADING.fullmatch(name)) and "\n" not in text:
            text = f"{'#' * min(int(heading[1]) + 1, 6)} {text}"
        self.found.append(text)


FORMAT = RecordFormat("docx", read, recognises)

"""Documents that are ZIP archives of XML: their members, read with limits, and their XML.

XML with a document type declaration is refused, so no entity is ever expanded.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Protocol
from xml.parsers import expat

from newsgrep.errors import NoArticle
from newsgrep.extraction.records.base import MAX_RECORD_BYTES, Source
from newsgrep.extraction.records.compressed import DAMAGE, raise_system_error

_MAX_RATIO: Final = 250
_FREE_BYTES: Final = 1024 * 1024
_MAX_DEPTH: Final = 400
"""Elements inside of elements; documents have about thirty, nested tables some more."""


class Package:
    """The members of a document, by name."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """Return a member; raises :class:`~newsgrep.errors.NoArticle` if it cannot be read."""
        info = self._members.get(name)
        if info is None:
            raise NoArticle("{name} is missing in it", name=name)
        if info.flag_bits & 1:
            raise NoArticle("{name} in it is encrypted", name=name)
        if info.file_size > MAX_RECORD_BYTES:
            raise NoArticle("{name} in it is larger than 64M", name=name)
        if info.file_size > max(info.compress_size * _MAX_RATIO, _FREE_BYTES):
            raise NoArticle(
                "{name} in it is more than {max_ratio} times its compressed size",
                name=name,
                max_ratio=_MAX_RATIO,
            )
        try:
            with self._archive.open(info) as stream:
                return stream.read(info.file_size + 1)
        except DAMAGE as exc:
            raise_system_error(exc)
            raise NoArticle("{name} in it is damaged", name=name) from exc


@contextmanager
def open_package(source: Source, what: str) -> Iterator[Package]:
    """Open the document ``source``; ``what`` names it in an error.

    Raises :class:`~newsgrep.errors.NoArticle` if it is damaged.
    """
    with source.open_stream() as stream:
        try:
            archive = zipfile.ZipFile(_seekable(stream, what))
        except DAMAGE as exc:
            raise_system_error(exc)
            raise NoArticle("{what} that is damaged or cut off", what=what) from exc
        with archive:
            try:
                yield Package(archive)
            except NoArticle as exc:
                raise NoArticle("{what}: {reason}", what=what, reason=exc) from exc


def _seekable(stream: BinaryIO, what: str) -> BinaryIO:
    if stream.seekable():
        return stream
    data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("{what} of more than 64M inside of another file", what=what)
    return io.BytesIO(data)


def join_path(folder_of: str, href: str) -> str:
    """Return the name of the member that ``href`` means in the member ``folder_of``."""
    path = posixpath.normpath(posixpath.join("/", posixpath.dirname(folder_of), href))
    return path.lstrip("/")


class XmlHandler(Protocol):
    """Receives the elements of a document; names are as they are written, with their prefix."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Receive the beginning of an element."""

    def end(self, tag: str) -> None:
        """Receive the end of an element."""

    def text(self, text: str) -> None:
        """Receive a piece of text."""


def parse_xml(data: bytes, handler: XmlHandler) -> bool:
    """Pass the elements in ``data`` to ``handler``, and return whether they are complete.

    Raises :class:`~newsgrep.errors.NoArticle` for XML that is not read because it may be hostile.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def refuse(*_: object) -> None:
        raise NoArticle("its XML declares entities")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise NoArticle("its XML is nested too deeply")
        handler.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


class TextCollector:
    """An :class:`XmlHandler` that collects the texts of elements, in document order.

    ``found`` are the local names of elements with their attributes, which also have local names,
    and their texts.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, dict[str, str], str]] = []
        self._open: list[tuple[int, list[str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        named = {local_name(key): value for key, value in attributes.items()}
        self._open.append((len(self.found), []))
        self.found.append((local_name(tag), named, ""))

    def end(self, tag: str) -> None:  # noqa: ARG002  (the protocol)
        """End the element that began last."""
        at, texts = self._open.pop()
        name, attributes, _ = self.found[at]
        self.found[at] = name, attributes, "".join(texts).strip()

    def text(self, text: str) -> None:
        """Add text to the element that began last."""
        if self._open:
            self._open[-1][1].append(text)


def local_name(tag: str) -> str:
    """Return the name of an element or attribute without its prefix."""
    return tag.rpartition(":")[2]


def collect(data: bytes) -> list[tuple[str, dict[str, str], str]]:
    """Return the elements in ``data`` as :attr:`TextCollector.found`."""
    collector = TextCollector()
    parse_xml(data, collector)
    return collector.found

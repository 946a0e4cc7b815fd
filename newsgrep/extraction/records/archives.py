"""ZIP and tar archives: each member is read like a file; the locator names it after ``!/``.

A ZIP archive may be an export of Omnivore: pages without address and date in
``content/SLUG.html``, and ``metadata_0_to_20.json``, … that state both.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, BinaryIO, Final, cast

from newsgrep.errors import NoArticle
from newsgrep.extraction.decode import decode
from newsgrep.extraction.formats import ENTRY_FORMAT
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    BadRecord,
    ReadOptions,
    Record,
    Records,
    Source,
    bad_record,
    bytes_source,
    pack_fields,
)
from newsgrep.extraction.records.compressed import DAMAGE, raise_system_error
from newsgrep.messages import message

MEMBER_SIGN: Final = "!/"

_MAX_RATIO: Final = 250
_FREE_BYTES: Final = 1024 * 1024
_SKIPPED: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db")

MemberReader = Callable[[Source, ReadOptions], Records]
"""Reads the records of a member."""


def is_zip(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a ZIP archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a tar archive."""
    return head[257:262] == b"ustar"


def read_zip(source: Source, options: ReadOptions, read_member: MemberReader) -> Records:
    """Yield the records of all members of a ZIP archive."""
    with source.open_stream() as stream:
        try:
            archive = zipfile.ZipFile(_seekable(stream))
        except DAMAGE as exc:
            raise_system_error(exc)
            raise NoArticle("a ZIP archive that is damaged or cut off") from exc
        with archive:
            folder = _WACZ_FOLDER if _is_wacz(archive) else ""
            metadata = _read_omnivore_metadata(archive)
            locators = _Locators()
            for info in archive.infolist():
                name = info.filename
                if info.is_dir() or _is_skipped(name) or not name.startswith(folder):
                    continue
                locator = locators.new(_legible(info))
                if info.flag_bits & 1:
                    yield BadRecord(locator, "encrypted")
                elif info.file_size > max(info.compress_size * _MAX_RATIO, _FREE_BYTES):
                    yield BadRecord(
                        locator,
                        message(
                            "more than {max_ratio} times its compressed size", max_ratio=_MAX_RATIO
                        ),
                    )
                elif metadata and _is_omnivore_metadata(name):
                    options.report.others["metadata of Omnivore"] += 1
                else:
                    member = _zip_member(archive, info)
                    read = partial(_read_page, metadata, read_member) if metadata else read_member
                    yield from _member_records(member, locator, options, read)


def _read_page(
    metadata: Mapping[str, Mapping[str, Any]],
    read_member: MemberReader,
    member: Source,
    options: ReadOptions,
) -> Records:
    """Yield the record of a page of an export with its metadata, or those of another member."""
    record = None
    if (member.size or 0) <= MAX_RECORD_BYTES:
        with member.open_stream() as stream:
            record = _omnivore_record(member.name, stream.read(), metadata)
    if record:
        yield record
    else:
        yield from read_member(member, options)


_WACZ_FOLDER: Final = "archive/"


def _is_wacz(archive: zipfile.ZipFile) -> bool:
    """Return whether an archive is a WACZ: a crawl with its index, and its pages as text again."""
    names = archive.namelist()
    return "datapackage.json" in names and any(
        name.startswith(_WACZ_FOLDER) and ".warc" in name for name in names
    )


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Source:
    return Source(_legible(info), lambda: cast("BinaryIO", archive.open(info)), info.file_size)


def _legible(info: zipfile.ZipInfo) -> str:
    """Return the name of a member; Chinese Windows writes it in GB18030 without saying so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except ValueError:
        pass
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except ValueError:
        return info.filename


def read_tar(source: Source, options: ReadOptions, read_member: MemberReader) -> Records:
    """Yield the records of all members of a tar archive, which is read once from its beginning."""
    with source.open_stream() as raw:
        stream, count, locators = _Tail(raw), 0, _Locators()
        try:
            with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|") as archive:
                for info in archive:
                    count += 1
                    if not info.isfile() or _is_skipped(info.name):
                        continue
                    locator = locators.new(info.name.removeprefix("./"))
                    data = archive.extractfile(info)
                    if data is None or info.size > MAX_RECORD_BYTES:
                        yield BadRecord(
                            locator, message("larger than 64M: take it out of the archive")
                        )
                        continue
                    with data:
                        member = bytes_source(info.name, data.read())
                    yield from _member_records(member, locator, options, read_member)
            if any(stream.last_block):  # the module takes a truncated header for the end
                raise EOFError(message("it has no end"))
        except DAMAGE as exc:
            raise_system_error(exc)
            yield BadRecord(
                f"{MEMBER_SIGN}…",
                message("the archive is damaged after {count:,} members", count=count),
            )


class _Locators:
    """The locators of the members of one archive, each of them different.

    Several members may have one name, such as versions of a file that were appended to a tar
    archive. The second one is ``!/a.txt (2)``.
    """

    def __init__(self) -> None:
        self._uses: Counter[str] = Counter()

    def new(self, name: str) -> str:
        """Return the locator of the next member, whose name is ``name``."""
        self._uses[name] += 1
        while (number := self._uses[name]) > 1:
            name = f"{name} ({number})"  # which may be the name of another member
            self._uses[name] += 1
        return MEMBER_SIGN + name


_TAR_BLOCK: Final = 512
_MAX_READS_AT_END: Final = 100


class _Tail:
    """A stream whose last block is known, and which can't be read after its end for ever."""

    def __init__(self, stream: BinaryIO) -> None:
        self.last_block = b""
        self._stream = stream
        self._reads_at_end = 0

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; raises :class:`EOFError` at the end after some calls.

        The module skips a member by reading it to the size in its header, which may be a petabyte.
        """
        data = self._stream.read(size)
        if data:
            self.last_block = (self.last_block + data[-_TAR_BLOCK:])[-_TAR_BLOCK:]
        else:
            self._reads_at_end += 1
            if self._reads_at_end > _MAX_READS_AT_END:
                raise EOFError(message("it has no end"))
        return data


def _member_records(
    member: Source, locator: str, options: ReadOptions, read_member: MemberReader
) -> Records:
    try:
        for record in read_member(member, options):
            yield record._replace(locator=locator + record.locator)
    except NoArticle as exc:
        yield bad_record(locator, exc)
    except DAMAGE as exc:
        raise_system_error(exc)
        yield BadRecord(locator, message("damaged, or packed in a way that is not supported"))


def _is_skipped(name: str) -> bool:
    return name.startswith(_SKIPPED[0]) or name.rpartition("/")[2] in _SKIPPED


def _seekable(stream: BinaryIO) -> BinaryIO:
    """Return ``stream``, or its content in memory if it is compressed or a member itself."""
    if stream.seekable():
        return stream
    data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("a ZIP archive of more than 64M inside of another file")
    return io.BytesIO(data)


_OMNIVORE_METADATA: Final = re.compile(r"(?:.*/)?metadata_[0-9]+_to_[0-9]+\.json")
_OMNIVORE_PAGE: Final = re.compile(r"(?:.*/)?content/(.+)\.html")


def _read_omnivore_metadata(archive: zipfile.ZipFile) -> Mapping[str, Mapping[str, Any]]:
    """Return what an export of Omnivore states about each page by its slug; else nothing."""
    found: dict[str, Mapping[str, Any]] = {}
    for info in archive.infolist():
        if _OMNIVORE_METADATA.fullmatch(info.filename) and info.file_size <= MAX_RECORD_BYTES:
            try:
                entries = json.loads(archive.read(info))
            except (ValueError, RecursionError, zipfile.BadZipFile, OSError, RuntimeError):
                continue  # it is listed when it is read as a member
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and isinstance(entry.get("slug"), str):
                    found[entry["slug"]] = entry
    return found


def _is_omnivore_metadata(name: str) -> bool:
    """Return whether a member of an export has metadata."""
    return _OMNIVORE_METADATA.fullmatch(name) is not None


def _omnivore_record(
    name: str, data: bytes, metadata: Mapping[str, Mapping[str, Any]]
) -> Record | None:
    """Return the record of the page ``name`` with its metadata, None if there is none."""
    page = _OMNIVORE_PAGE.fullmatch(name)
    stated = metadata.get(page[1]) if page else None
    if stated is None:
        return None
    entry = {
        "body": decode(data).text,
        "title": stated.get("title"),
        "url": stated.get("url"),
        "authors": stated.get("author"),
        "published": stated.get("publishedAt"),
        "fetched": stated.get("savedAt"),
        "tags": stated.get("labels"),
        "identity": f"omnivore {stated.get('id') or stated['slug']}",
    }
    return Record("", pack_fields(entry), ENTRY_FORMAT)

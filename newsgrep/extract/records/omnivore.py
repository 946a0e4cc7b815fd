"""Exports of Omnivore: pages without address and date, and metadata that states both.

The export is a ZIP archive with ``metadata_0_to_20.json``, … and ``content/SLUG.html``.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from newsgrep.extract.decode import decode
from newsgrep.extract.formats import ENTRY_FORMAT
from newsgrep.extract.records.base import MAX_RECORD_BYTES, Record, pack_fields

_METADATA: Final = re.compile(r"(?:.*/)?metadata_[0-9]+_to_[0-9]+\.json")
_PAGE: Final = re.compile(r"(?:.*/)?content/(.+)\.html")


def read_metadata(archive: zipfile.ZipFile) -> Mapping[str, Mapping[str, Any]]:
    """Return what an export states about each page by its slug; empty for another archive."""
    found: dict[str, Mapping[str, Any]] = {}
    for info in archive.infolist():
        if _METADATA.fullmatch(info.filename) and info.file_size <= MAX_RECORD_BYTES:
            try:
                entries = json.loads(archive.read(info))
            except (ValueError, RecursionError, zipfile.BadZipFile, OSError, RuntimeError):
                continue  # it is listed when it is read as a member
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and isinstance(entry.get("slug"), str):
                    found[entry["slug"]] = entry
    return found


def is_metadata(name: str) -> bool:
    """Return whether a member of an export has metadata."""
    return _METADATA.fullmatch(name) is not None


def page_record(
    locator: str, name: str, data: bytes, metadata: Mapping[str, Mapping[str, Any]]
) -> Record | None:
    """Return the record of the page ``name`` with its metadata, None if there is none."""
    page = _PAGE.fullmatch(name)
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
    return Record(locator, pack_fields(entry), ENTRY_FORMAT)

"""File records in memory in a third of the space, for runs with millions of records."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from newsgrep.analysis.codec import pack_file_record, unpack_file_record
from newsgrep.models import FileRecord


class PackedRecords(MutableMapping[str, FileRecord]):
    """File records of articles by the article's id.

    What is set is packed: 0.4 KB instead of 1 KB for each record, for 5 µs at each access.
    """

    def __init__(self) -> None:
        self._records: dict[str, FileRecord | bytes] = {}

    def share(self, article_id: str, record: FileRecord) -> None:
        """Set a record that is in memory anyway: it is not packed."""
        self._records[article_id] = record

    def __setitem__(self, article_id: str, record: FileRecord) -> None:
        self._records[article_id] = pack_file_record(record)

    def __getitem__(self, article_id: str) -> FileRecord:
        found = self._records[article_id]
        return unpack_file_record(found, article_id) if isinstance(found, bytes) else found

    def __delitem__(self, article_id: str) -> None:
        del self._records[article_id]

    def __contains__(self, article_id: object) -> bool:
        return article_id in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

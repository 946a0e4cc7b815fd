"""What programs that save pages write beside them: HTTrack its cache, ArchiveBox other copies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Final

_TIME = re.compile(r"[0-9]{9,11}(?:\.[0-9]{1,9})?")
"""The name of a snapshot: the seconds since the epoch at which the page was added."""
_INDEX: Final = "index.json"
_COPIES: Final = ("singlefile.html", "output.html", "readability", "mercury", "htmltotext.txt")
"""The copies in a snapshot, the best one first; SingleFile's states the address of the page."""
_OWN: Final = frozenset((_INDEX, "index.html", "headers.json"))

OF_TOOLS: Final[Mapping[str, str]] = {
    "hts-cache": "the cache of HTTrack, which repeats the pages beside it",
    "hts-log.txt": "the log of HTTrack",
}
"""Files and folders that a program which saves pages writes for itself, and the reasons."""


def is_snapshot(folder: str) -> bool:
    """Return whether the name of a folder is that of a snapshot."""
    return _TIME.fullmatch(folder) is not None


def skipped_in_snapshot(names: Set[str]) -> Mapping[str, str]:
    """Return the names in a snapshot that are not read, and the reasons; none in another folder.

    ``names`` are those of what the folder contains and is not empty.

    >>> skipped_in_snapshot({"index.json", "singlefile.html", "output.html"})
    {'index.json': 'about a page that ArchiveBox saved', 'output.html': 'a copy of singlefile.html'}
    """
    copies = [name for name in _COPIES if name in names]
    if _INDEX not in names or not copies:
        return {}
    own = dict.fromkeys(sorted(_OWN & names), "about a page that ArchiveBox saved")
    return own | dict.fromkeys(copies[1:], f"a copy of {copies[0]}")

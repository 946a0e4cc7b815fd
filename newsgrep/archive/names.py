"""What lies in the folder of an index beside the engine's own."""

from __future__ import annotations

from typing import Final

LOCK: Final = "newsgrep.lock"
"""Held by the process that writes."""

HOLDER: Final = "newsgrep.writer"
"""Says who that is; it means nothing while nobody holds the lock."""

SAVED: Final = "newsgrep.saved.json"
"""The saved queries."""

SAVED_LOCK: Final = "newsgrep.saved.lock"
"""Held while they are changed."""

SEEN: Final = "newsgrep.seen"
"""The folder of what ``newsgrep new`` has told of each saved query."""

OWN: Final = frozenset({LOCK, HOLDER, SAVED, f"{SAVED}.new", SAVED_LOCK, SEEN})
"""What may lie where an index is made."""

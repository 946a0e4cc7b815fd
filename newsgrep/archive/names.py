"""What lies in the folder of an index beside the engine's own."""

from __future__ import annotations

from typing import Final

LOCK: Final = "newsgrep.lock"
"""Held by the process that writes."""

HOLDER: Final = "newsgrep.writer"
"""Says who that is; it means nothing while nobody holds the lock."""

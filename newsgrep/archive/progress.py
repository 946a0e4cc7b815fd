"""How far a long run has come, as told to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called with how many files or articles have been read, and of how many if that is known."""


def no_progress(_done: int, _total: int | None) -> None:
    """Show nothing."""

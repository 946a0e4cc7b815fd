"""Everything that an index keeps becomes what another engine is to write, in several processes.

The terms are cut anew from the stored articles; the files they came from are not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from newsgrep.archive.progress import Progress
from newsgrep.archive.workers import in_order
from newsgrep.engines.base import Change, Kept, Lost, Note, Upsert
from newsgrep.engines.entry import make_entry
from newsgrep.errors import IndexDamaged


class Transfer:
    """A way from what is kept to what is written, and what has gone along it so far.

    ``lost`` has the path of each file whose article could not be read, where that can be.
    """

    def __init__(self, *, lossy: bool = False) -> None:
        self.articles = 0
        self.files = 0
        self.lost: list[str | None] = []
        self._lossy = lossy

    def changes(
        self, items: Iterable[Kept | Lost], jobs: int, progress: Progress
    ) -> Iterator[Change]:
        """Yield what puts the items into an engine; ``progress`` is told how many articles.

        Raises :class:`IndexDamaged` at what can't be read, or leaves it out if ``lossy``.
        """
        return in_order(_ready, None, self._checked(items, progress), jobs)

    def _checked(self, items: Iterable[Kept | Lost], progress: Progress) -> Iterator[Kept]:
        for item in items:
            if isinstance(item, Kept):
                self.articles += item.article is not None
                self.files += 1
                progress(self.articles, None)
                yield item
            elif self._lossy:
                self.lost.append(item.path)
            else:
                raise IndexDamaged(
                    f"The stored article from {item.path or 'an unknown file'} can't be read: "
                    "newsgrep doctor --fix leaves it out and saves the others. Nothing was changed."
                )


def _ready(_: None) -> Callable[[Kept], Change]:
    return _change


def _change(item: Kept) -> Change:
    return Upsert(make_entry(item.article, item.stamp)) if item.article else Note(item.stamp)

"""Articles as a table: which columns there are, and a list for people.

The columns are those of ``newsgrep list`` and ``newsgrep export``, by their names in JSON. A cell
of JSON Lines has the type that the article has in JSON; several values are in one cell of CSV.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from newsgrep.errors import UsageError
from newsgrep.messages import _
from newsgrep.models import SHORT_ID, Article
from newsgrep.search.selection import Stored
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    display_width,
    highlight,
    one_line,
    pad,
    truncate,
)
from newsgrep.views import SCHEMA_VERSION, FilePath
from newsgrep.views.article import web_link

_VALUES: Final[Mapping[str, Callable[[Stored], Any]]] = {
    "id": lambda each: each.article.id,
    "title": lambda each: each.article.title,
    "source": lambda each: each.article.source,
    "published": lambda each: each.article.published and each.article.published.iso,
    "precision": lambda each: each.article.published and each.article.published.precision.value,
    "authors": lambda each: list(each.article.authors),
    "tags": lambda each: list(each.article.tags),
    "url": lambda each: each.article.url,
    "path": lambda each: each.article.path,
    "fetched": lambda each: each.article.fetched,
    "file_time": lambda each: each.article.file_time,
    "characters": lambda each: len(each.article.body),
    "captions": lambda each: list(each.article.captions),
    "notes": lambda each: list(each.article.notes),
    "digest": lambda each: each.file_record.digest if each.file_record else None,
    "body": lambda each: each.article.body,
}

COLUMNS: Final = tuple(_VALUES)
"""The names of all columns; they change only with a new schema version."""

LIST_COLUMNS: Final = (
    *("id", "title", "source", "published", "precision", "authors", "tags", "url", "path"),
    "characters",
)
"""The columns of ``newsgrep list`` by default."""

EXPORT_COLUMNS: Final = (*LIST_COLUMNS, "fetched", "body")
"""The columns of ``newsgrep export --to csv`` by default."""


def parse_columns(text: str) -> tuple[str, ...]:
    """Return the names in ``text``, separated by commas, each once.

    Raises :class:`UsageError` for a name that is not in :data:`COLUMNS`.
    """
    names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip().lower())))
    known = ", ".join(COLUMNS)
    if not names:
        raise UsageError("--columns is empty. Choose from {known}.", known=known)
    for name in names:
        if name not in _VALUES:
            shown = truncate(one_line(name), 40)
            raise UsageError(
                "Unknown column “{shown}”. Choose from {known}.", shown=shown, known=known
            )
    return names


def to_csv(stored: Iterable[Stored], *, columns: Sequence[str]) -> Iterator[Sequence[object]]:
    """Yield a row for each article; several authors or tags are in one cell."""
    yield tuple(columns)
    for each in stored:
        yield tuple(_cell(name, _VALUES[name](each)) for name in columns)


def _cell(name: str, value: Any) -> object:
    if name == "path":
        return FilePath(value)
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else value


def to_jsonl(stored: Iterable[Stored], *, columns: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield an object for each article: as ``newsgrep show --json``, or with ``columns`` only."""
    for each in stored:
        if columns:
            yield {
                "version": SCHEMA_VERSION,
                **{name: _VALUES[name](each) for name in columns},
            }
        else:
            yield each.article.to_dict()


_DATE_WIDTH: Final = 10
_SOURCE_WIDTH: Final = 16
_MIN_TITLE: Final = 10
_MIN_WITH_SOURCE: Final = 64
_GAP: Final = "  "


def to_text(articles: Iterable[Article], screen: Screen) -> Iterator[StyledLine]:
    """Yield a line for each article: number, short id, date, source if there is room, title."""
    for number, article in enumerate(articles, 1):
        date = article.published.iso[:_DATE_WIDTH] if article.published else _("undated")
        before = [
            StyledText(f"{number:>4}{_GAP}", "dim"),
            StyledText(f"{article.id[:SHORT_ID]}{_GAP}", "dim"),
            StyledText(pad(date, _DATE_WIDTH) + _GAP),
        ]
        if screen.width >= _MIN_WITH_SOURCE:
            source = truncate(one_line(article.source or "–"), _SOURCE_WIDTH)
            before += [StyledText(pad(source, _SOURCE_WIDTH), "source"), StyledText(_GAP)]
        used = sum(display_width(piece.text) for piece in before)
        title = truncate(one_line(article.title), max(screen.width - used, _MIN_TITLE))
        yield StyledLine([*before, *highlight(title, (), "title", web_link(article.url))])

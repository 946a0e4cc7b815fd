"""CSV, for spreadsheets: hits, and the rows of other tables."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep.models import Hit

COLUMNS: Final = (
    "rank",
    "id",
    "score",
    "title",
    "source",
    "published",
    "precision",
    "authors",
    "url",
    "path",
    "snippet",
)
"""Of a hit; they change only with a new version of the formats."""


def csv_lines(hits: Iterable[Hit]) -> Iterator[str]:
    """Yield a heading and one row a hit; several authors or snippets stand in one cell."""
    yield csv_row(COLUMNS)
    for hit in hits:
        yield csv_row(cells(hit))


def cells(hit: Hit) -> tuple[object, ...]:
    """Return what stands under each of the :data:`COLUMNS`."""
    article, published = hit.article, hit.article.published
    return (
        hit.rank,
        article.id,
        round(hit.score, 4),
        article.title,
        article.source or "",
        published.iso if published else "",
        published.precision.value if published else "",
        "; ".join(article.authors),
        article.url or "",
        os.fsencode(article.path).decode("utf-8", "replace"),
        " … ".join(snippet.text.replace("\n", " ") for snippet in hit.snippets),
    )


def csv_row(values: Iterable[object]) -> str:
    """Return one line of CSV, without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()

"""CSV, for spreadsheets: hits, and the rows of other tables."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from typing import Final

from newsgrep.models import Hit

_CSV_COLUMNS: Final = (
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


def csv_lines(hits: Iterable[Hit]) -> Iterator[str]:
    """Yield a heading and one row a hit; several authors or snippets stand in one cell."""
    yield csv_row(_CSV_COLUMNS)
    for hit in hits:
        article, published = hit.article, hit.article.published
        yield csv_row(
            (
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
        )


def csv_row(cells: Iterable[object]) -> str:
    """Return ``cells`` as a line of CSV, without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()

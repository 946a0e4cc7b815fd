"""An article made ready for an engine: with its stamp, its folded texts and its terms.

Folding and segmenting happen here, above every engine, so that all index the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from newsgrep.models import ARCHIVE_ZONE, Article, Stamp
from newsgrep.text.fold import fold
from newsgrep.text.segment import index_terms

LEAD_LENGTH: Final = 300
"""Characters of the body that count as its lead: news puts its facts first."""

CAPTION_BREAK: Final = "\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """An article, what is known of its file, and its terms by zone, with repeats.

    ``lead`` terms stand among the ``body`` terms, too. The folded texts have the lengths
    of the originals.
    """

    article: Article
    stamp: Stamp
    folded_title: str
    folded_body: str
    folded_captions: str
    title: list[str]
    lead: list[str]
    body: list[str]
    caption: list[str]


def make_entry(article: Article, stamp: Stamp) -> Entry:
    """Return ``article`` with its texts folded and cut into terms."""
    title, body = fold(article.title), fold(article.body)
    captions = fold(CAPTION_BREAK.join(article.captions))
    return Entry(
        article=article,
        stamp=stamp,
        folded_title=title,
        folded_body=body,
        folded_captions=captions,
        title=index_terms(title),
        lead=index_terms(body[:LEAD_LENGTH]),
        body=index_terms(body),
        caption=index_terms(captions),
    )


def month_of(article: Article) -> str:
    """Return ``YYYY-MM`` of publication in the archive's time zone.

    Just ``YYYY`` where no more is known, and ``""`` where nothing is.
    """
    if article.published is None:
        return ""
    first, last = article.published.days(ARCHIVE_ZONE)
    return (
        f"{first:%Y-%m}" if (first.year, first.month) == (last.year, last.month) else f"{first:%Y}"
    )

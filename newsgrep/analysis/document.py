"""An article made ready for an engine: its terms with their counts, its texts packed.

Folding, segmenting and packing happen here, above every engine and in whichever process
read the article, so that all engines index the same and little travels between processes.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from newsgrep.analysis.codec import CAPTION_BREAK, pack_article, pack_folded, unpack_article
from newsgrep.analysis.fold import fold
from newsgrep.analysis.scoring import (
    LEAD_SHIFT,
    MAX_IN_BODY,
    MAX_IN_LEAD,
    MAX_IN_TITLE,
    SCORED_FIELDS,
    TITLE_SHIFT,
    FieldCounts,
    field_norm,
    impact,
    unpack_counts,
)
from newsgrep.analysis.segment import term_counts
from newsgrep.models import ARCHIVE_ZONE, Article, FileRecord, Published

LEAD_LENGTH: Final = 300
"""Characters of the body that count as its lead: news puts its facts first."""


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """What an engine needs to know of an article, and of the file it was read from.

    ``terms`` has every term of title and body once, one a line, and ``packed_counts`` the
    counts of each in the same order, packed as in :mod:`newsgrep.analysis.document`;
    ``lengths`` says how many terms each zone has, repeats included. ``folded`` and ``rest``
    are the article but for its address, packed as in :mod:`newsgrep.analysis.codec`.
    """

    article_id: str
    source: str | None
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    url: str | None
    published: Published | None
    stamp: FileRecord
    terms: str
    packed_counts: array[int]
    lengths: FieldCounts
    caption_terms: tuple[str, ...]
    folded: bytes
    rest: bytes

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the packed counts by term."""
        return (
            dict(zip(self.terms.split("\n"), self.packed_counts, strict=True)) if self.terms else {}
        )

    def impacts(self) -> dict[str, int]:
        """Return the impact of each term (:func:`newsgrep.analysis.scoring.impact`)."""
        if not self.terms:
            return {}
        impacts = _Impacts(self.lengths)  # many terms have the same counts
        each = map(impacts.__getitem__, self.packed_counts)
        return dict(zip(self.terms.split("\n"), each, strict=True))

    def article(self) -> Article:
        """Return the article, unpacked."""
        article = unpack_article(self.folded, self.rest, self.stamp.path)
        return replace(article, url=self.url)


class _Impacts(dict[int, int]):
    """Impacts by packed counts, in a document with these field lengths."""

    def __init__(self, lengths: FieldCounts) -> None:
        super().__init__()
        self._norms = tuple(map(field_norm, SCORED_FIELDS, lengths))

    def __missing__(self, packed: int) -> int:
        in_title, in_lead, in_body = self._norms
        title, lead, body = unpack_counts(packed)
        found = self[packed] = impact(title * in_title + lead * in_lead + body * in_body)
        return found


def make_document(article: Article, stamp: FileRecord) -> IndexDocument:
    """Return ``article`` with its texts folded, cut into terms, and packed."""
    title, body = fold(article.title), fold(article.body)
    captions = fold(CAPTION_BREAK.join(article.captions))
    zones = (title, body[:LEAD_LENGTH], body)
    in_title, in_lead, in_body = (term_counts(zone) for zone in zones)
    packed = _pack_term_counts(in_title, in_lead, in_body)
    return IndexDocument(
        article_id=article.id,
        source=article.source,
        authors=article.authors,
        tags=article.tags,
        url=article.url,
        published=article.published,
        stamp=stamp,
        terms="\n".join(packed),
        packed_counts=array("I", packed.values()),
        lengths=FieldCounts(in_title.total(), in_lead.total(), in_body.total()),
        caption_terms=tuple(sorted(term_counts(captions))),
        folded=pack_folded(title, body, captions),
        rest=pack_article(replace(article, url=None), (title, body, captions)),
    )


def _pack_term_counts(
    in_title: Mapping[str, int], in_lead: Mapping[str, int], in_body: Mapping[str, int]
) -> dict[str, int]:
    """Return the packed counts of every term; written out, for it runs for every posting."""
    packed = dict(in_body)
    if max(packed.values(), default=0) > MAX_IN_BODY:
        packed = {term: min(count, MAX_IN_BODY) for term, count in packed.items()}
    for term, count in in_lead.items():
        # The lead may end inside of a word, whose beginning is no term of the body.
        if term in packed:
            packed[term] |= min(count, MAX_IN_LEAD) << LEAD_SHIFT
    for term, count in in_title.items():
        packed[term] = packed.get(term, 0) | min(count, MAX_IN_TITLE) << TITLE_SHIFT
    return packed


def publication_month(published: Published | None) -> str:
    """Return ``YYYY-MM`` of publication in the archive's time zone.

    Just ``YYYY`` where no more is known, and ``""`` where nothing is.
    """
    return common_date_part(*published.days(ARCHIVE_ZONE))[:7] if published else ""


def publication_day(published: Published | None) -> str:
    """Return ``YYYY-MM-DD`` of publication, or what is known, as :func:`publication_month` does."""
    return common_date_part(*published.days(ARCHIVE_ZONE)) if published else ""


def common_date_part(first: date, last: date) -> str:
    """Return what two days have in common: ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``."""
    if first == last:
        return first.isoformat()
    return f"{first:%Y-%m}" if first.month == last.month else f"{first:%Y}"
